//! Usernames, addresses and other names: which are equal, which are refused, and which earlier versions have stored.

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::admin_users::administrator;
use crate::support::process::Tokensmith;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

both_engines!(
    every_spelling_of_a_name_is_one_account,
    invisible_characters_are_refused_when_a_name_is_set,
    a_display_name_may_contain_what_its_script_needs,
    what_an_earlier_version_let_through_is_read_as_it_is,
    names_of_an_earlier_version_are_folded_anew_unless_two_would_be_the_same,
    a_name_that_an_earlier_version_makes_meanwhile_is_nobody_elses,
    a_name_that_stays_as_it_is_is_told_by_migrate,
    a_search_folds_as_names_are_folded,
    what_is_to_be_folded_anew_is_found_by_an_index,
);

const USERS: &str = "/v1/admin/users";

fn create(client: &Client, admin: &Value, username: &str) -> Answer {
    client.ask_as("POST", USERS, admin, Some(&json!({"username": username, "password": PASSWORD})))
}

/// As a version before this one would have stored it.
fn stored_as(app: &TestApp, account: &str, username: &str) {
    app.create_user(account, &[]);
    app.execute(&format!(
        "update users set username = '{username}', username_fold = null where username = '{account}'"
    ));
}

fn migrate(app: &TestApp) {
    assert_eq!(app.inside.store.migrate().unwrap().len(), 0);
    app.inside.store.refold_usernames().unwrap();
}

/// For a query.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}

/// Whose account this name logs in to.
fn owner(app: &TestApp, username: &str) -> String {
    let answer = app.login(username, PASSWORD);
    match answer.status {
        200 => answer.json()["user"]["email"].as_str().unwrap().split('@').next().unwrap().to_owned(),
        _ => answer.problem(401, "bad_credentials")["code"].as_str().unwrap().to_owned(),
    }
}

fn every_spelling_of_a_name_is_one_account(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    for (name, stored, spellings) in [
        ("Γιώργος", "γιώργοσ", ["ΓΙΏΡΓΟΣ", "γιώργοσ", " γιω\u{301}ργος "].as_slice()),
        ("Straße", "strasse", &["STRASSE", "straẞe", "ſtraſſe"]),
        ("ﬁona", "fiona", &["FIONA", "Ｆｉｏｎａ"]),
        ("Ꭰꮿ", "ᎠᏯ", &["ꭰᏯ", "ᎠᏯ"]),
        ("ilgin", "ilgin", &["ILGIN"]),
        ("ılgın", "ılgın", &["ılgın"]),
        ("e\u{301}va", "éva", &["ÉVA", "E\u{301}VA"]),
    ] {
        let made = create(&app, &root, name);
        assert_eq!((made.status, &made.json()["username"]), (201, &json!(stored)), "{name}");
        for spelling in spellings {
            assert_eq!(app.login(spelling, PASSWORD).ok()["user"]["id"], made.json()["id"], "{spelling}");
            create(&app, &root, spelling).problem(409, "username_taken");
        }
    }
    // Users whose keyboard adds invisible characters can still log in.
    assert_eq!(app.login("fi\u{200b}ona\u{fe0f}", PASSWORD).status, 200);
}

fn invisible_characters_are_refused_when_a_name_is_set(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let patch = |body: &Value| app.ask_as("PATCH", "/v1/me/profile", &root, Some(body));
    let field = |answer: &Answer| answer.problem(400, "invalid_fields")["errors"][0]["field"].clone();
    for unseen in "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{180b}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{202e}\
                   \u{2060}\u{2064}\u{2066}\u{206f}\u{2800}\u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff0}\u{fff9}\u{fffa}\
                   \u{fffb}\u{1bca0}\u{1d173}\u{e0001}\u{e0020}\u{e0100}\u{e0fff}\u{a0}\u{2028}\u{2029}\u{3000}\u{85}\u{7}"
        .chars()
    {
        for text in [format!("a{unseen}da"), format!("a{unseen}"), format!("{unseen}")] {
            // White space around it is not part of it.
            if text.trim() == "a" {
                continue;
            }
            assert_eq!(field(&create(&app, &root, &text)), "username", "{text:?}");
            assert_eq!(field(&patch(&json!({"username": text}))), "username", "{text:?}");
            assert_eq!(field(&patch(&json!({"email": format!("x{text}@example.com")}))), "email", "{text:?}");
            assert_eq!(field(&patch(&json!({"email": format!("ada@x{text}.example")}))), "email", "{text:?}");
        }
        let blank = format!(" {unseen}{unseen}");
        assert_eq!(field(&patch(&json!({"name": blank}))), "name", "{blank:?}");
        let body = json!({"name": blank});
        assert_eq!(field(&app.ask_as("POST", "/v1/api-tokens", &root, Some(&body))), "name", "{blank:?}");
        if !blank.trim().is_empty() {
            let body = json!({"username": "root", "password": PASSWORD, "label": blank});
            assert_eq!(field(&app.post("/v1/tokens", &body)), "label", "{blank:?}");
        }
    }
    for odd in ["\u{301}ada", "ada\u{e000}", "ada\u{378}", "ada\u{ffff}", "\u{a8}da"] {
        assert_eq!(field(&create(&app, &root, odd)), "username", "{odd:?}");
    }
    assert_eq!(app.number("select count(*) from users"), 1);
}

fn a_display_name_may_contain_what_its_script_needs(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    for name in ["مهدی\u{200c}پور", "👩\u{200d}🚀 Ada", "葛\u{e0100}城", "श्री\u{200d}", "Ada\u{a0}L."]
    {
        let changed = app.ask_as("PATCH", "/v1/me/profile", &pair, Some(&json!({"name": name}))).ok();
        assert_eq!(changed["name"], name);
        let body = json!({"username": "ada", "password": PASSWORD, "label": name});
        app.post("/v1/tokens", &body).ok();
    }
    for name in ["a\u{202e}b", "a\u{2028}b", "a\u{200b}b", "a\u{2800}b", "a\u{fff9}b", "a\u{feff}b"] {
        let answer = app.ask_as("PATCH", "/v1/me/profile", &pair, Some(&json!({"name": name})));
        answer.problem(400, "invalid_fields");
    }
}

fn what_an_earlier_version_let_through_is_read_as_it_is(engine: Engine) {
    let app = TestApp::start(engine);
    stored_as(&app, "ada", "a\u{2800}b\u{115f}");
    let pair = app.login("a\u{2800}b\u{115f}", PASSWORD).ok();
    let token = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "nightly"}))).json();
    app.execute("update users set email = 'a\u{2800}@\u{3164}', name = '\u{3164}'");
    app.execute("update api_tokens set name = '\u{2028}\u{3164}'");
    app.advance(60);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(pair["user"]["username"], "a\u{2800}b\u{115f}");
    assert_eq!((&pair["user"]["email"], &pair["user"]["name"]), (&json!("a\u{2800}@\u{3164}"), &json!("\u{3164}")));
    app.ask_as("GET", "/v1/me/profile", &pair, None).ok();
    assert_eq!(app.ask_as("GET", "/v1/api-tokens", &pair, None).ok()["api_tokens"][0]["name"], "\u{2028}\u{3164}");
    app.ask("GET", "/v1/me/profile", &format!("Token {}", token["key"].as_str().unwrap()), None).ok();
    // Sent back as it is, a name is not set.
    let body = json!({"username": "a\u{2800}b\u{115f}", "email": "ada@example.org"});
    assert_eq!(app.ask_as("PATCH", "/v1/me/profile", &pair, Some(&body)).ok()["email"], "ada@example.org");
    let another = json!({"username": "a\u{2800}c"});
    app.ask_as("PATCH", "/v1/me/profile", &pair, Some(&another)).problem(400, "invalid_fields");
    assert_eq!(owner(&app, "a\u{2800}b\u{115f}"), "ada");
    // The fold removes some characters; both spellings log in.
    migrate(&app);
    assert_eq!(app.number("select count(*) from users where username = 'a\u{2800}b'"), 1);
    assert_eq!((owner(&app, "a\u{2800}b\u{115f}"), owner(&app, "A\u{2800}B")), ("ada".to_owned(), "ada".to_owned()));
}

fn names_of_an_earlier_version_are_folded_anew_unless_two_would_be_the_same(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    app.create_user("gasse", &[]);
    for (account, username) in [
        ("alone", "straße"),
        ("heart", "ada\u{2764}\u{fe0f}"),
        ("medial", "γιώργοσ"),
        ("final", "γιώργος"),
        ("eszett", "gaße"),
        ("cyrillic", "ада"),
        ("one", "fußße"),
        ("other", "fussße"),
    ] {
        stored_as(&app, account, username);
    }
    for _ in 0..2 {
        migrate(&app);
        for (typed, expected) in [
            ("straße", "alone"),
            ("STRASSE", "alone"),
            ("ada\u{2764}\u{fe0f}", "heart"),
            ("ADA\u{2764}", "heart"),
            ("γιώργοσ", "medial"),
            ("ΓΙΏΡΓΟΣ", "medial"),
            ("γιώργος", "final"),
            ("Γιώργος", "final"),
            ("gaße", "eszett"),
            ("GAẞE", "eszett"),
            ("GASSE", "gasse"),
            ("АДА", "cyrillic"),
            ("fußße", "one"),
            ("fussße", "other"),
            ("FUSSSSE", "bad_credentials"),
        ] {
            assert_eq!(owner(&app, typed), expected, "{typed}");
        }
        let left =
            "select count(*) from users where octet_length(username) <> length(username) and username_fold is null";
        assert_eq!(app.number(left), 4);
    }
    let page = app.ask_as("GET", &format!("{USERS}?limit=3"), &root, None).ok();
    let cursor = encoded(page["next_cursor"].as_str().unwrap());
    let rest = app.ask_as("GET", &format!("{USERS}?limit=100&cursor={cursor}"), &root, None).ok();
    assert_eq!(page["users"].as_array().unwrap().len() + rest["users"].as_array().unwrap().len(), 10);
    // A new account cannot take a name that was left unchanged.
    for taken in ["Γιώργος", "GASSE", "Gaße", "FUSSSSE", "fussſse"] {
        create(&app, &root, taken).problem(409, "username_taken");
    }
    // One of two that is renamed leaves its name to the other.
    let medial = app.login("γιώργοσ", PASSWORD).ok();
    app.ask_as("PATCH", "/v1/me/profile", &medial, Some(&json!({"username": "Γεώργιος"}))).ok();
    create(&app, &root, "ΓΙΏΡΓΟΣ").problem(409, "username_taken");
    migrate(&app);
    for (typed, expected) in [("ΓΙΏΡΓΟΣ", "final"), ("γιώργος", "final"), ("ΓΕΏΡΓΙΟΣ", "medial")]
    {
        assert_eq!(owner(&app, typed), expected, "{typed}");
    }
}

fn a_name_that_an_earlier_version_makes_meanwhile_is_nobody_elses(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    stored_as(&app, "older", "straße");
    assert_eq!(owner(&app, "Straße"), "older");
    for spelling in ["strasse", "STRASSE", "straße"] {
        create(&app, &root, spelling).problem(409, "username_taken");
        let answer = app.ask_as("PATCH", "/v1/me/profile", &root, Some(&json!({"username": spelling})));
        answer.problem(409, "username_taken");
    }
    let older = app.login("straße", PASSWORD).ok();
    let changed = app.ask_as("PATCH", "/v1/me/profile", &older, Some(&json!({"username": "STRASSE"}))).ok();
    assert_eq!(changed["username"], "strasse");
    assert_eq!((owner(&app, "straße"), owner(&app, "Strasse")), ("older".to_owned(), "older".to_owned()));
    // An earlier version that renames an account knows nothing of the column.
    create(&app, &root, "Γιώργος");
    app.execute("update users set username = 'γάτος', email = 'renamed@example.com' where username = 'γιώργοσ'");
    create(&app, &root, "ΓΆΤΟΣ").problem(409, "username_taken");
    assert_eq!(owner(&app, "Γάτος"), "renamed");
    migrate(&app);
    assert_eq!(owner(&app, "ΓΆΤΟΣ"), "renamed");
}

fn a_name_that_stays_as_it_is_is_told_by_migrate(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("strasse", &[]);
    stored_as(&app, "eszett", "straße");
    stored_as(&app, "greek", "γιώργος");
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url);
    for _ in 0..2 {
        let migrated = command.run(&["migrate"]);
        assert!(migrated.success());
        let told: Vec<&str> = migrated.stdout.lines().filter(|line| line.contains("was not changed")).collect();
        assert!(told.len() == 1 && told[0].contains("straße"), "{}", migrated.stdout);
    }
    let listed = command.run(&["users", "list", "--search", "STRASSE"]);
    assert!(listed.success() && listed.stdout.contains("strasse") && !listed.stdout.contains("γιώργοσ"));
    // The command line finds each by its own spelling.
    assert!(command.run(&["users", "disable", "straße"]).success());
    assert_eq!(app.number("select count(*) from users where username = 'straße' and disabled_at is not null"), 1);
    assert!(command.run(&["users", "disable", "ΓΙΏΡΓΟΣ"]).success());
}

fn a_search_folds_as_names_are_folded(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    for name in ["Γιώργος", "Straße"] {
        assert_eq!(create(&app, &root, name).status, 201);
    }
    stored_as(&app, "left", "gaße");
    app.execute("update users set email = 'Post@Strasse.Example' where username = 'strasse'");
    let found = |text: &str| {
        let page = app.ask_as("GET", &format!("{USERS}?search={}", encoded(text)), &root, None).ok();
        page["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect::<String>()
    };
    for (text, expected) in [
        ("ΏΡΓΟΣ", "γιώργοσ"),
        ("γιώργος", "γιώργοσ"),
        ("traß", "strasse"),
        ("STRASS", "strasse"),
        ("post@straße.EXAMPLE", "strasse"),
        ("GAß", "gaße"),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
}

/// When there is nothing to fold, a start does no extra work.
fn what_is_to_be_folded_anew_is_found_by_an_index(engine: Engine) {
    let app = TestApp::start(engine);
    let bytes = if engine == Engine::Sqlite { "length(cast(username as blob))" } else { "octet_length(username)" };
    let query = format!(
        "select id from users where {bytes} <> length(username) and username_fold is distinct from username order by username"
    );
    let plan: Vec<Step> = if let Some(path) = app.database_url.strip_prefix("sqlite://") {
        let mut connection = SqliteConnection::establish(path).unwrap();
        diesel::sql_query(format!("explain query plan {query}")).load(&mut connection).unwrap()
    } else {
        let mut connection = PgConnection::establish(&app.database_url).unwrap();
        // As the service has it.
        connection.batch_execute("set enable_seqscan = off").unwrap();
        let steps: Vec<PgStep> = diesel::sql_query(format!("explain {query}")).load(&mut connection).unwrap();
        steps.into_iter().map(|PgStep { detail }| Step { detail }).collect()
    };
    let plan: String = plan.into_iter().map(|step| step.detail).collect();
    assert!(plan.contains("users_username_fold_idx") && !plan.contains("Seq Scan"), "{plan}");
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PgStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    detail: String,
}

/// A database that the version before has made, with its names.
#[test]
fn a_database_without_the_column_is_migrated_with_its_names() {
    let dir = TempDir::new().unwrap();
    let url = Engine::Sqlite.new_database(&dir);
    let app = TestApp::start_on(dir, url, &[]);
    app.create_user("ada", &[]);
    let mut connection = SqliteConnection::establish(app.database_url.strip_prefix("sqlite://").unwrap()).unwrap();
    connection
        .batch_execute(
            "update users set username = 'straße'; drop index users_username_fold_idx; \
             alter table users drop column username_fold; \
             delete from __diesel_schema_migrations where version = '20261125000007'",
        )
        .unwrap();
    assert_eq!(app.inside.store.migrate().unwrap().len(), 1);
    // An instance of that version may still be running, which finds no other name.
    assert_eq!(app.number("select count(*) from users where username = 'straße'"), 1);
    assert_eq!((owner(&app, "STRASSE"), owner(&app, "straße")), ("bad_credentials".to_owned(), "ada".to_owned()));
    migrate(&app);
    assert_eq!((owner(&app, "STRASSE"), owner(&app, "straße")), ("ada".to_owned(), "ada".to_owned()));
}
