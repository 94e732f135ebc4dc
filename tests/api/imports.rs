//! `tokensmith users import`: a dump of Django's, CSV and JSON lines, and what becomes of each row.

use std::fs;

use serde_json::{Value, json};

use crate::support::process::{Finished, Tokensmith};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_dump_brings_accounts_with_their_passwords_groups_and_tokens,
    nobody_becomes_an_administrator_unless_the_command_says_so,
    a_second_run_changes_what_has_changed_and_no_password_that_was_renewed_here,
    what_was_done_here_outlasts_a_second_run,
    an_account_that_is_disabled_there_loses_its_sessions_here,
    each_row_of_a_dirty_dump_that_is_refused_says_why_and_the_others_are_there,
    each_row_of_a_dirty_table_that_is_refused_says_why_and_the_others_are_there,
    what_comes_before_the_end_of_a_file_that_is_cut_off_is_imported,
    a_rehearsal_says_the_same_and_changes_nothing,
    addresses_are_verified_only_if_the_command_says_so,
);

/// Hashes of `PASSWORD`, and of another password.
pub const HASH: &str = "pbkdf2_sha256$1000$salt$nNr3AKmYFOXvzxzP+2VlPwJFPcGKllppLaQIvsodtc4=";
pub const OTHER_HASH: &str = "pbkdf2_sha256$1000$pepper$tv+EYTTH9Tn1922nj4hUaLFt7HOtXbFMDes/Z40ZlYU=";
const OTHER_PASSWORD: &str = "another battery staple";

pub const DRF_KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// A service, and the command on its database.
pub fn site(engine: Engine) -> (TestApp, Tokensmith) {
    let app = TestApp::start(engine);
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url);
    (app, command)
}

/// Imports a file of this name; a dump by its rows.
pub fn import(command: &Tokensmith, name: &str, content: impl AsRef<[u8]>, args: &[&str]) -> Finished {
    fs::write(command.dir.path().join(name), content).unwrap();
    command.run(&[&["users", "import", name], args].concat())
}

pub fn dump(command: &Tokensmith, rows: &Value, args: &[&str]) -> Finished {
    import(command, "dump.json", rows.to_string(), args)
}

/// A row of an account in a dump, with fields of its own.
pub fn account(pk: i64, username: &str, fields: &Value) -> Value {
    let mut row = json!({"model": "auth.user", "pk": pk, "fields": {
        "username": username, "password": HASH, "email": format!("{username}@example.com"), "first_name": "", "last_name": "",
        "is_active": true, "is_staff": false, "is_superuser": false, "last_login": null,
        "date_joined": "2020-05-17T12:00:00.123+02:00", "groups": [], "user_permissions": [],
    }});
    for (name, value) in fields.as_object().unwrap() {
        row["fields"][name] = value.clone();
    }
    row
}

/// The lines of a command's complaints, without the log.
pub fn complaints(finished: &Finished) -> Vec<&str> {
    let lines = finished.stderr.lines().filter(|line| !line.starts_with('{'));
    lines.map(|line| line.trim_start_matches("tokensmith: ")).collect()
}

fn a_dump_brings_accounts_with_their_passwords_groups_and_tokens(engine: Engine) {
    let (app, command) = site(engine);
    let rows = json!([
        {"model": "contenttypes.contenttype", "pk": 1, "fields": {"app_label": "auth", "model": "user"}},
        {"model": "auth.group", "pk": 3, "fields": {"name": "Content editors", "permissions": []}},
        account(42, "Ada", &json!({"first_name": "Ada", "last_name": "Lovelace", "groups": [3, ["authors"]]})),
        account(43, "grace", &json!({"password": "!unusable", "is_active": false, "email": ""})),
        {"model": "token_blacklist.outstandingtoken", "pk": 7, "fields": {
            "user": 42, "jti": "a1b2", "token": "x.y.z", "created_at": null, "expires_at": "2099-01-01T00:00:00Z"}},
        {"model": "token_blacklist.outstandingtoken", "pk": 8, "fields": {
            "user": ["ada"], "jti": "c3d4", "token": "x.y.z", "created_at": null, "expires_at": "2099-01-01T00:00:00Z"}},
        {"model": "token_blacklist.outstandingtoken", "pk": 9, "fields": {
            "user": null, "jti": "e5f6", "token": "x.y.z", "created_at": null, "expires_at": "2001-01-01T00:00:00Z"}},
        {"model": "token_blacklist.blacklistedtoken", "pk": 1, "fields": {"token": 8, "blacklisted_at": "2026-01-01T00:00:00Z"}},
        {"model": "token_blacklist.blacklistedtoken", "pk": 2, "fields": {"token": 9, "blacklisted_at": "2026-01-01T00:00:00Z"}},
        {"model": "authtoken.token", "pk": DRF_KEY, "fields": {"user": 42, "created": "2021-01-01T00:00:00Z"}},
    ]);
    let rehearsed = dump(&command, &rows, &["--dry-run"]);
    let imported = dump(&command, &rows, &[]);
    assert!(imported.success());
    let told = "2 accounts created, 0 of them with the role admin; 0 changed, 0 unchanged; 4 tokens taken over; 4 rows left out, \
                0 refused\n";
    assert_eq!(imported.stdout, told);
    assert_eq!(rehearsed.stdout, format!("nothing is changed; would be: {told}"));
    app.create_user("operator", &["admin"]);
    let admin = app.login("operator", PASSWORD).ok();
    let pair = app.login("Ada", PASSWORD).ok();
    let id = pair["user"]["id"].as_str().unwrap();
    let ada = app.ask_as("GET", &format!("/v1/admin/users/{id}"), &admin, None).ok();
    let expected = json!({
        "id": id, "username": "ada", "email": "Ada@example.com", "email_verified": false, "name": "Ada Lovelace",
        "roles": ["Content-editors", "authors"], "created_at": "2020-05-17T10:00:00Z", "disabled_at": null, "external_id": "42",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(ada[field], *value, "{field}");
    }
    assert_eq!(
        app.number("select count(*) from users where password_hash like '$argon2id$%' and external_id = '42'"),
        1
    );
    assert_eq!(
        app.number(
            "select count(*) from users where password_hash = '!' and disabled_at is not null and email is null"
        ),
        1
    );
    app.login("grace", "!unusable").problem(401, "bad_credentials");
    let of_ada =
        "select count(*) from legacy_tokens t join users u on u.id = t.user_id where u.external_id = '42' and jti";
    assert_eq!(app.number(&format!("{of_ada} = 'a1b2' and not (is_denied = (1 = 1))")), 1);
    assert_eq!(app.number(&format!("{of_ada} = 'c3d4' and is_denied = (1 = 1)")), 1);
    assert_eq!(app.number("select count(*) from legacy_tokens"), 2, "what has expired is not needed");
    let tokens = command.list(&["users", "api-tokens", "ada"]);
    assert_eq!((tokens.len(), &tokens[0]["roles"]), (1, &json!(["Content-editors", "authors"])));
    assert_eq!(app.number("select count(*) from audit_events where name = 'users_imported'"), 1);
    let again = dump(&command, &rows, &[]);
    assert!(again.success());
    let told = "0 accounts created, 0 of them with the role admin; 0 changed, 6 unchanged; 0 tokens taken over; 4 rows left out, \
                0 refused\n";
    assert_eq!(again.stdout, told);
    assert_eq!(app.number("select count(*) from api_tokens"), 1);
    assert!(!imported.stderr.contains(DRF_KEY) && !imported.stderr.contains("a1b2"), "no secret in the log");
}

fn nobody_becomes_an_administrator_unless_the_command_says_so(engine: Engine) {
    let (app, command) = site(engine);
    let rows = json!([
        {"model": "auth.group", "pk": 1, "fields": {"name": "admin"}},
        account(1, "ada", &json!({"is_superuser": true, "is_staff": true, "groups": [1, ["admin"]]})),
    ]);
    let admins = "select count(*) from users where roles like '%admin%'";
    assert!(dump(&command, &rows, &[]).success());
    let line = json!({"external_id": "2", "username": "bob", "roles": ["admin", "b"]}).to_string();
    assert!(import(&command, "users.jsonl", &line, &[]).success());
    assert!(import(&command, "users.csv", "external_id,username,roles\n3,cy,admin c\n", &[]).success());
    assert_eq!(app.number(admins), 0);
    let mapped = dump(&command, &rows, &["--map", "is_superuser=admin", "--map", "is_staff=staff"]);
    assert!(mapped.success());
    assert_eq!(app.number("select count(*) from users where roles = 'admin staff'"), 1);
    assert!(import(&command, "users.jsonl", &line, &["--map", "role:admin=admin"]).success());
    assert_eq!(app.number(admins), 2);
    let refused = dump(&command, &rows, &["--map", "is_superuser"]);
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
}

fn a_second_run_changes_what_has_changed_and_no_password_that_was_renewed_here(engine: Engine) {
    let (app, command) = site(engine);
    let names = ["ada", "bob", "cy"];
    let rows = |hash: &str| {
        let fields = json!({"password": hash});
        (1..).zip(names).map(|(pk, name)| account(pk, name, &fields)).collect::<Value>()
    };
    assert!(dump(&command, &rows(HASH), &[]).success());
    app.login("ada", PASSWORD).ok();
    let mut changed = rows(OTHER_HASH);
    changed[0]["fields"]["username"] = "ada.l".into();
    changed[2]["fields"]["password"] = HASH.into();
    let again = dump(&command, &changed, &[]);
    assert!(again.success());
    assert!(
        again.stdout.contains("0 accounts created, 0 of them with the role admin; 2 changed, 1 unchanged"),
        "{}",
        again.stdout
    );
    app.login("ada.l", PASSWORD).ok();
    app.login("bob", OTHER_PASSWORD).ok();
    app.login("cy", PASSWORD).ok();
    assert_eq!(app.number("select count(*) from users"), 3);
}

fn what_was_done_here_outlasts_a_second_run(engine: Engine) {
    let (app, command) = site(engine);
    let rows = json!([account(1, "ada", &json!({}))]);
    assert!(dump(&command, &rows, &[]).success());
    assert!(command.run(&["users", "set-roles", "ada", "admin", "x"]).success());
    app.execute("update users set email_verified_at = 1, verified_email = 'ada@example.com'");
    let mut changed = rows.clone();
    changed[0]["fields"]["email"] = "eve@example.com".into();
    assert!(dump(&command, &changed, &[]).success());
    let kept = "select count(*) from users where roles = 'admin' and email = 'ada@example.com'";
    assert_eq!(app.number(kept), 1, "x goes, since the file leads for other roles");
    app.execute("update users set disabled_at = 1, roles = ''");
    assert!(dump(&command, &rows, &[]).success());
    assert_eq!(app.number("select count(*) from users where disabled_at = 1"), 1);
}

fn an_account_that_is_disabled_there_loses_its_sessions_here(engine: Engine) {
    let (app, command) = site(engine);
    assert!(dump(&command, &json!([account(1, "ada", &json!({}))]), &[]).success());
    app.login("ada", PASSWORD).ok();
    let again = dump(&command, &json!([account(1, "ada", &json!({"is_active": false}))]), &[]);
    assert!(again.success() && again.stdout.contains("1 changed"), "{}", again.stdout);
    app.login("ada", PASSWORD).problem(403, "account_disabled");
    assert_eq!(app.number("select count(*) from sessions where ended_at is null"), 0);
    assert_eq!(app.number("select count(*) from audit_events where name = 'user_disabled'"), 1);
}

fn each_row_of_a_dirty_dump_that_is_refused_says_why_and_the_others_are_there(engine: Engine) {
    let (app, command) = site(engine);
    app.create_user("local", &[]);
    let absurd = "pbkdf2_sha256$2000000000$salt$nNr3AKmYFOXvzxzP+2VlPwJFPcGKllppLaQIvsodtc4=";
    let rows = [
        account(1, "ada", &json!({})),
        account(2, "ADA", &json!({})),
        account(3, "local", &json!({})),
        account(4, "a\u{0}b", &json!({})),
        account(5, &"x".repeat(1_000_000), &json!({"email": ""})),
        account(6, "absurd", &json!({"password": absurd})),
        account(7, "unknown", &json!({"password": "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99"})),
        account(8, "address", &json!({"email": "not an address"})),
        account(9, "eve@example.com", &json!({"email": "other@example.com"})),
        account(10, "own@example.com", &json!({"email": "Own@example.com"})),
        account(11, "groups", &json!({"groups": [99]})),
        account(12, "date", &json!({"date_joined": "yesterday"})),
        account(13, "paypaI", &json!({})),
        account(14, "paypal", &json!({"bio": "y".repeat(1_000_000)})),
        json!({"model": "auth.user", "fields": {"username": "keyless"}}),
        json!({"pk": 1, "fields": {}}),
        json!({"model": "authtoken.token", "pk": "no key", "fields": {"user": 1, "created": "2021-01-01T00:00:00Z"}}),
        json!({"model": "authtoken.token", "pk": DRF_KEY, "fields": {"user": 99, "created": "2021-01-01T00:00:00Z"}}),
        json!({"model": "token_blacklist.blacklistedtoken", "pk": 1, "fields": {"token": 8}}),
        account(20, "same", &json!({"email": "ada@example.com"})),
    ];
    let text = format!("\u{feff}{}", Value::Array(rows.to_vec()).to_string().replace("},{\"", "},\r\n{\""));
    let imported = import(&command, "dump.json", text, &["--report", "report.jsonl"]);
    assert_eq!(imported.status.code(), Some(1), "{}", imported.stderr);
    assert_eq!(complaints(&imported), ["15 rows refused; the others are not affected"]);
    let report = fs::read_to_string(command.dir.path().join("report.jsonl")).unwrap();
    let report: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = [
        (2, "2", "this username is taken"),
        (3, "3", "this username is taken"),
        (4, "4", "username must not contain spaces, control characters"),
        (5, "5", "username must have 1 to 128 characters"),
        (6, "6", "password_hash it needs too much work"),
        (7, "7", "password_hash its scheme is not known: md5"),
        (8, "8", "email must be an e-mail address"),
        (9, "9", "username must not contain @"),
        (11, "11", "the group 99 is not in the file"),
        (12, "12", "created_at must be a time"),
        (15, "", "has no primary key"),
        (16, "", "is no row of a dump"),
        (17, "", "the key has not 40 hexadecimal digits"),
        (18, "", "there is no such user"),
        (19, "1", "is useless without"),
    ];
    assert_eq!(report.len(), expected.len(), "{report:#?}");
    for (refused, (row, key, reason)) in report.iter().zip(expected) {
        assert_eq!((&refused["row"], &refused["key"]), (&json!(row), &json!(key)), "{refused}");
        assert!(refused["reason"].as_str().unwrap().starts_with(reason), "{refused}");
    }
    let there = "select count(*) from users where username in ('ada', 'own@example.com', 'paypai', 'paypal', 'same')";
    assert_eq!(app.number(there), 5, "names that look alike, and an address of two, are kept");
    assert_eq!(app.number("select count(*) from users"), 6);
    assert_eq!(app.number("select count(*) from users where username = 'local' and external_id is null"), 1);
    app.login("own@example.com", PASSWORD).ok();
}

fn each_row_of_a_dirty_table_that_is_refused_says_why_and_the_others_are_there(engine: Engine) {
    let (app, command) = site(engine);
    let mut table = format!(
        "\u{feff}external_id,username,email,name,created_at,is_active,password_hash\r\n\
         1,ada,ada@example.com,\"Lovelace, Ada\",2020-05-17 12:00:00+02,t,{HASH}\r\n\
         2,few\r\n\
         ,nameless,,,,,\r\n\
         4,,,,,,\r\n\
         5,maybe,,,,perhaps,\r\n\
         6,broken,,\"two\r\nlines\",,,\r\n\
         7,bob,,,2020-05-17,no,$2y$04$aaa\r\n"
    )
    .into_bytes();
    table.extend(b"8,\xff\xfe,,,,,\r\n9,cy,,,,,\r\n");
    let imported = import(&command, "users.csv", table, &[]);
    assert_eq!(imported.status.code(), Some(1));
    let starts = [
        "row 3: has 2 fields, and the first line has 7",
        "row 4: there is no external_id",
        "row 5 4: there is no username",
        "row 6 5: is_active is neither true nor false",
        "row 7 6: name must have 1 to 100 readable characters",
        "row 9 7: password_hash it cannot be read",
        "row 10: username is not UTF-8",
        "7 rows refused",
    ];
    let complaints = complaints(&imported);
    assert_eq!(complaints.len(), starts.len(), "{complaints:?}");
    assert!(complaints.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{complaints:#?}");
    assert_eq!(app.number("select count(*) from users where username in ('ada', 'cy')"), 2);
    assert_eq!(app.number("select count(*) from users where name = 'Lovelace, Ada' and created_at = 1589709600"), 1);
    for (content, expected) in [
        ("1,ada\n", "the first line of the file must name its fields"),
        ("external_id,user_name\n1,ada\n", "the field \"user_name\" is not known"),
    ] {
        let refused = import(&command, "users.csv", content, &[]);
        assert!(refused.status.code() == Some(1) && refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

fn what_comes_before_the_end_of_a_file_that_is_cut_off_is_imported(engine: Engine) {
    let (app, command) = site(engine);
    let whole = json!([account(1, "ada", &json!({})), account(2, "bob", &json!({}))]).to_string();
    let cut = import(&command, "dump.json", &whole[..whole.len() - 20], &[]);
    assert_eq!(cut.status.code(), Some(1));
    assert_eq!(complaints(&cut), ["dump.json: the file ends within a row: it is not whole"]);
    assert!(cut.stdout.starts_with("1 account created"), "{}", cut.stdout);
    assert!(import(&command, "dump.json", &whole, &[]).success());
    assert_eq!(app.number("select count(*) from users"), 2);
    for (content, expected) in [
        (b"\xff\xfe[\0{\0".as_slice(), "dump.json: the file is UTF-16"),
        (b"{}", "dump.json: the file is no JSON array of objects"),
        (b"[]", "the file has no row of the model auth.user"),
    ] {
        let refused = import(&command, "dump.json", content, &[]);
        assert!(
            refused.status.code() == Some(1) && complaints(&refused)[0].starts_with(expected),
            "{}",
            refused.stderr
        );
    }
}

fn a_rehearsal_says_the_same_and_changes_nothing(engine: Engine) {
    let (app, command) = site(engine);
    let mut rows: Vec<Value> = (1..=600).map(|pk| account(pk, &format!("user{pk}"), &json!({}))).collect();
    rows.push(account(601, "USER1", &json!({})));
    rows.push(
        json!({"model": "authtoken.token", "pk": DRF_KEY, "fields": {"user": 1, "created": "2021-01-01T00:00:00Z"}}),
    );
    let rows = Value::Array(rows);
    let rehearsed = dump(&command, &rows, &["--dry-run"]);
    assert_eq!(app.number("select count(*) from users") + app.number("select count(*) from audit_events"), 0);
    let done = dump(&command, &rows, &[]);
    assert_eq!(rehearsed.stdout, format!("nothing is changed; would be: {}", done.stdout));
    assert_eq!((complaints(&rehearsed), rehearsed.status.code()), (complaints(&done), done.status.code()));
    assert!(done.stdout.starts_with("600 accounts created"), "{}", done.stdout);
    assert_eq!(app.number("select count(*) from users"), 600);
}

fn addresses_are_verified_only_if_the_command_says_so(engine: Engine) {
    let (app, command) = site(engine);
    let rows = json!([account(1, "ada", &json!({})), account(2, "eve", &json!({"email": "ADA@example.com"})),]);
    assert!(dump(&command, &rows, &[]).success());
    app.login("ada@example.com", PASSWORD).problem(401, "bad_credentials");
    let trusted = dump(&command, &rows, &["--trust-email"]);
    assert_eq!(complaints(&trusted)[0], "row 2 auth.user 2: another account has this e-mail address");
    let pair = app.login("ada@example.com", PASSWORD).ok();
    assert_eq!(pair["user"]["username"], "ada");
    let line =
        json!({"external_id": "3", "username": "cy", "email": "cy@example.com", "email_verified": false}).to_string();
    assert!(import(&command, "users.jsonl", line, &["--trust-email"]).success());
    assert_eq!(app.number("select count(*) from users where email_verified_at is not null"), 1);
}

#[test]
fn a_file_says_by_its_name_what_it_is_and_standard_input_by_an_option() {
    let command = Tokensmith::new().env("DATABASE_URL", "sqlite://test.db");
    let line = json!({"external_id": "1", "username": "ada"}).to_string();
    let refused = command.run_with_input(&["users", "import", "-"], &line);
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    let imported = command.run_with_input(&["users", "import", "-", "--from", "jsonl"], &line);
    assert!(imported.success() && imported.stdout.starts_with("1 account created"), "{}", imported.stdout);
    assert!(complaints(&imported).is_empty(), "no bar where nobody sees it: {}", imported.stderr);
}
