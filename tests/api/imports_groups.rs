//! `tokensmith users import` writes rows in groups, with few statements for each: what becomes of a row is what would become of it
//! alone.

use std::io::Cursor;
use std::thread;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::service::imports::{Counts, Format, Import, Options, RoleMap};

use crate::imports::{HASH, OTHER_HASH, account, complaints, dump, site};
use crate::locks::wait_for_waiting;
use crate::support::process::Tokensmith;
use crate::support::{Engine, TestApp, postgres};

both_engines!(
    accounts_that_are_written_together_become_what_each_becomes_alone,
    tokens_that_are_written_together_become_what_each_becomes_alone,
    a_name_that_an_earlier_row_gives_up_is_free_for_a_later_one,
);

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Whether something that happens once in so many times happens.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of<'a>(&mut self, pool: &[&'a str]) -> &'a str {
        pool[usize::try_from(self.below(pool.len().try_into().unwrap())).unwrap()]
    }
}

/// An account with a name, an address and a key that others may have, too.
fn row(dice: &mut Dice) -> Value {
    let number = dice.below(60);
    let name = match dice.below(6) {
        0 => format!("U{number}"),
        1 => format!("u{number}@example.com"),
        2 => format!("Ё{number}"),
        _ => format!("u{number}"),
    };
    let of_name = name.contains('@') && !dice.once_in(6);
    let email = match dice.below(5) {
        _ if of_name => name.to_uppercase().replace("EXAMPLE.COM", "example.com"),
        0 => String::new(),
        _ => format!("{}{}@example.com", dice.of(&["u", "U", "x"]), dice.below(60)),
    };
    let mut row = json!({
        "external_id": dice.below(90).to_string(), "username": name, "email": email, "roles": dice.of(&["", "a", "a b", "admin"]),
        "password_hash": dice.of(&[HASH, OTHER_HASH, "", "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99"]),
        "is_active": dice.of(&["", "", "", "f"]), "email_verified": dice.of(&["", "", "f"]), "name": dice.of(&["", "A", "B"]),
    });
    if dice.once_in(4) {
        row["app_attributes"] = json!({"n": dice.below(3)});
    }
    if dice.once_in(8) {
        row["id"] = format!("00000000-0000-7000-8000-0000000000{:02}", dice.below(30)).into();
        // Accounts are disabled after a turn, whose length is a matter of time: two rows of one must not both ask for it.
        row["is_active"] = "".into();
    }
    row
}

/// A row of a dump: an account, or something that belongs to one.
fn dumped(dice: &mut Dice) -> Value {
    let number = dice.below(40);
    let user = match dice.below(3) {
        0 => json!([format!("user{number}")]),
        1 => Value::Null,
        _ => json!(number),
    };
    let expires_at = dice.of(&["2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z"]);
    match dice.below(5) {
        0 => account(number.try_into().unwrap(), &format!("user{}", dice.below(40)), &json!({"password": "!"})),
        1 | 2 => json!({"model": "token_blacklist.outstandingtoken", "pk": number, "fields": {
            "user": user, "jti": format!("jti{}", dice.below(40)), "token": "x.y.z", "expires_at": expires_at}}),
        3 => json!({"model": "token_blacklist.blacklistedtoken", "pk": 1, "fields": {"token": number}}),
        _ => json!({"model": "authtoken.token", "pk": format!("{number:040x}"), "fields": {
            "user": user, "created": "2021-01-01T00:00:00Z"}}),
    }
}

/// A file with blocks of rows: within one the rows are of one kind, as in a dump, or mixed.
fn blocks(dice: &mut Dice, make: fn(&mut Dice) -> Value) -> Vec<Value> {
    let mut rows: Vec<Value> = (0..90).map(|_| make(dice)).collect();
    if dice.once_in(2) {
        rows.sort_by_key(|row| row["model"].to_string().replace("auth.user", ""));
    }
    rows
}

/// What an import has said, with rows that are written by so many.
fn imported(app: &TestApp, rows: &[Value], format: Format, options: &Options) -> (Counts, Vec<(u64, String)>) {
    let text = match format {
        Format::Django => Value::Array(rows.to_vec()).to_string(),
        _ => rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    let input = Box::new(Cursor::new(text.into_bytes()));
    let mut import = Import::new(&app.inside, input, format, options.clone()).unwrap();
    let mut refused = Vec::new();
    while let Some(more) = import.next(&Origin::default()).unwrap() {
        refused.extend(more.into_iter().map(|refusal| (refusal.row, refusal.reason)));
    }
    (import.counts(), refused)
}

fn options(dice: &mut Dice, at_once: usize) -> Options {
    Options {
        model: "auth.user".to_owned(),
        roles: RoleMap::default(),
        username_field: None,
        renames: dice.once_in(2),
        trust_email: !dice.once_in(3),
        is_rehearsal: false,
        at_once,
    }
}

/// All accounts as they are exported, but for ids that were given here.
fn exported(app: &TestApp) -> Vec<Value> {
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url);
    let lines = command.run(&["users", "export", "--with-hashes"]).stdout;
    let mut accounts: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for account in &mut accounts {
        let id = account["id"].take();
        account["is_of_file"] = id.as_str().unwrap().starts_with("00000000").into();
    }
    accounts
}

/// What is not exported.
fn numbers(app: &TestApp) -> Vec<i64> {
    let asked = [
        "select count(*) from users where verified_email is not null and email_verified_at is not null",
        "select count(*) from users where username_fold = username and username_skeleton is not null",
        "select count(*) from users where disabled_at is not null",
        "select count(*) from legacy_tokens",
        "select count(*) from legacy_tokens where is_denied = (1 = 1)",
        "select count(*) from legacy_tokens where user_id is not null",
        "select coalesce(sum(expires_at), 0) from legacy_tokens",
        "select count(*) from api_tokens",
        "select count(*) from api_tokens t join users u on u.id = t.user_id where u.username like '%1%'",
    ];
    asked.iter().map(|query| app.number(query)).collect()
}

/// Imports two files of each of some seeds, row by row and in groups.
fn compare(engine: Engine, format: Format, make: fn(&mut Dice) -> Value) {
    for seed in 1..=3 {
        let apps = [1, 7, 100].map(|at_once| (TestApp::start(engine), at_once));
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        for file in 0..2 {
            let (rows, asked) = (blocks(&mut dice, make), options(&mut dice, 0));
            let outcomes = apps.each_ref().map(|(app, at_once)| {
                let asked = Options { at_once: *at_once, ..asked.clone() };
                let rehearsed = imported(app, &rows, format, &Options { is_rehearsal: true, ..asked.clone() });
                (rehearsed, imported(app, &rows, format, &asked), exported(app), numbers(app))
            });
            let [alone, few, many] = &outcomes;
            assert_eq!((&alone.0, &alone.1), (&few.0, &few.1), "seed {seed}, file {file}");
            assert_eq!((&alone.0, &alone.1), (&many.0, &many.1), "seed {seed}, file {file}");
            assert!(alone.2 == few.2 && alone.2 == many.2, "{:#?}\n{:#?}\n{:#?}", alone.2, few.2, many.2);
            assert_eq!([&alone.3, &alone.3], [&few.3, &many.3], "seed {seed}, file {file}");
            let (counts, refused) = &alone.1;
            assert!(counts.created + counts.changed + counts.tokens > 2, "{counts:?}");
            assert!(refused.len() > 2, "the file is dirty: {refused:?}");
        }
    }
}

fn accounts_that_are_written_together_become_what_each_becomes_alone(engine: Engine) {
    compare(engine, Format::Jsonl, row);
}

fn tokens_that_are_written_together_become_what_each_becomes_alone(engine: Engine) {
    compare(engine, Format::Django, dumped);
}

fn a_name_that_an_earlier_row_gives_up_is_free_for_a_later_one(engine: Engine) {
    let (app, command) = site(engine);
    let mail = |name: &str| json!({"email": format!("{name}@example.com")});
    let before = json!([account(1, "ada", &mail("a")), account(2, "bob", &mail("b"))]);
    assert!(dump(&command, &before, &["--trust-email"]).success());
    let after = json!([
        account(1, "cy", &mail("a")),
        account(3, "ada", &mail("d")),
        account(2, "bob", &mail("e")),
        account(4, "dan", &mail("b")),
        account(5, "cy", &mail("f")),
        account(6, "eve", &mail("d")),
    ]);
    let again = dump(&command, &after, &["--trust-email"]);
    let complaints = complaints(&again);
    assert_eq!(complaints.len(), 3, "{complaints:?}");
    assert!(complaints[0].starts_with("row 5 auth.user 5: this username is taken"), "{complaints:?}");
    assert!(complaints[1].starts_with("row 6 auth.user 6"), "{complaints:?}");
    assert_eq!(app.number("select count(*) from users where username in ('ada', 'bob', 'cy', 'dan')"), 4);
    assert_eq!(app.number("select count(*) from users where username = 'dan' and verified_email = 'b@example.com'"), 1);
    assert_eq!(app.number("select count(*) from users"), 4);
}

/// What becomes of an import whose rows wait for another transaction, which stores something meanwhile.
fn imported_beside(app: &TestApp, command: &Tokensmith, statement: &str, rows: &Value) -> String {
    let mut other = PgConnection::establish(&app.database_url).unwrap();
    other.batch_execute(&format!("begin; {statement}")).unwrap();
    thread::scope(|scope| {
        let importing = scope.spawn(|| dump(command, rows, &[]));
        wait_for_waiting(app, 1);
        other.batch_execute("commit").unwrap();
        let imported = importing.join().unwrap();
        format!("{} {}", complaints(&imported).join(" "), imported.stdout)
    })
}

#[test]
fn a_name_that_somebody_takes_meanwhile_refuses_one_row_and_not_its_neighbours() {
    if !postgres::is_available() {
        return;
    }
    let (app, command) = site(Engine::Postgres);
    app.create_user("local", &[]);
    let columns = "password_hash, roles, created_at";
    let taken = format!(
        "insert into users (id, username, username_fold, {columns}) \
         select gen_random_uuid(), 'bob', 'bob', {columns} from users"
    );
    let rows = json!([account(1, "ada", &json!({})), account(2, "bob", &json!({})), account(3, "cy", &json!({}))]);
    let told = imported_beside(&app, &command, &taken, &rows);
    assert!(told.contains("row 2 auth.user 2: this username is taken"), "{told}");
    assert!(told.contains("2 accounts created") && told.contains("1 refused"), "{told}");
    assert_eq!(app.number("select count(*) from users where username in ('ada', 'bob', 'cy')"), 3);
    assert_eq!(app.number("select count(*) from users where external_id is not null"), 2);
}

#[test]
fn a_token_that_somebody_presents_meanwhile_stops_no_import() {
    if !postgres::is_available() {
        return;
    }
    let (app, command) = site(Engine::Postgres);
    let token = |jti: &str| {
        json!({"model": "token_blacklist.outstandingtoken", "pk": 1, "fields": {
        "user": null, "jti": jti, "token": "x.y.z", "expires_at": "2099-01-01T00:00:00Z"}})
    };
    let known = "insert into legacy_tokens (jti, expires_at, is_denied) values ('b', 4000000000, true)";
    let told = imported_beside(&app, &command, known, &json!([token("a"), token("b"), token("c")]));
    assert!(told.contains("1 unchanged") && told.contains("2 tokens taken over"), "{told}");
    assert_eq!(app.number("select count(*) from legacy_tokens where is_denied"), 1);
    assert_eq!(app.number("select count(*) from legacy_tokens"), 3);
}
