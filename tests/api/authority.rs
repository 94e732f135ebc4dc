//! What demoted administrators and API tokens of administrators may do, and changes between two requests.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::service::users;

use crate::admin_users::administrator;
use crate::api_tokens::{exchange, make};
use crate::support::postgres::{self, Cluster};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_demoted_administrator_cannot_administrate_with_an_older_token,
    a_disabled_administrator_cannot_administrate_with_an_older_token,
    an_api_token_administrates_others_and_not_the_account_that_it_belongs_to,
    what_an_administrating_key_was_exchanged_for_reads_and_changes_nothing_sensitive,
    ending_a_session_leaves_the_rows_of_the_others_alone,
    the_session_that_is_kept_is_kept_although_its_row_looks_lapsed,
    a_password_made_of_the_name_or_the_address_of_the_account_is_refused,
    a_new_password_is_another_than_the_current_one,
    scopes_are_separated_by_commas_or_spaces,
    what_an_api_token_does_is_recorded_under_the_session_that_its_owner_sees,
);

const USERS: &str = "/v1/admin/users";
const ANOTHER: &str = "a river of seventeen green lanterns";
const NEW_SESSION: &str = "018f3c6e-7d2a-7b11-8c11-5d3f8e2a9b01";

fn id(pair: &Value) -> &str {
    pair["user"]["id"].as_str().unwrap()
}

fn path(pair: &Value, rest: &str) -> String {
    format!("{USERS}/{}{rest}", id(pair))
}

fn follow(app: &TestApp) {
    app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
}

/// A key that administrates, for a header.
fn administrating_key(app: &TestApp, root: &Value) -> (Value, String) {
    let made = make(app, root, &json!({"name": "operations", "roles": ["admin"]}));
    let header = format!("Token {}", made["key"].as_str().unwrap());
    (made, header)
}

/// A sensitive request about this user.
fn sensitive(user: &Value) -> [(&'static str, String, Value); 7] {
    [
        ("POST", USERS.to_owned(), json!({"username": "eve", "password": ANOTHER, "roles": ["admin"]})),
        ("PATCH", path(user, ""), json!({"username": "eve"})),
        ("PUT", path(user, "/roles"), json!({"roles": ["admin"]})),
        ("POST", path(user, "/password"), json!({"password": ANOTHER})),
        ("POST", path(user, "/enable"), Value::Null),
        ("DELETE", path(user, ""), Value::Null),
        ("POST", "/v1/admin/keys/rotate".to_owned(), json!({})),
    ]
}

/// The number of audit events and of users: every change adds to it.
fn changes(app: &TestApp) -> (i64, i64) {
    (app.number("select count(*) from audit_events"), app.number("select count(*) from users"))
}

fn a_demoted_administrator_cannot_administrate_with_an_older_token(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    app.create_user("ada", &["admin", "editor"]);
    let ada = app.login("ada", PASSWORD).ok();
    app.ask_as("GET", USERS, &ada, None).ok();
    users::set_roles(&app.inside, id(&ada).parse().unwrap(), &["editor".to_owned()], &Origin::default()).unwrap();
    assert_eq!(
        app.verify(&ada["access_token"]).ok()["claims"]["roles"],
        json!(["admin", "editor"]),
        "it still says so"
    );

    let before = changes(&app);
    let roles = json!({"roles": ["admin"]});
    app.ask_as("PUT", &path(&ada, "/roles"), &ada, Some(&roles)).problem(403, "role_missing");
    for (method, path, body) in sensitive(&root) {
        let body = (!body.is_null()).then_some(&body);
        app.ask_as(method, &path, &ada, body).problem(403, "role_missing");
    }
    for path in [USERS, &path(&root, ""), &path(&root, "/sessions"), "/v1/admin/audit", "/v1/admin/keys"] {
        app.ask_as("GET", path, &ada, None).problem(403, "role_missing");
    }
    app.ask_as("POST", &path(&root, "/disable"), &ada, None).problem(403, "role_missing");
    assert_eq!(changes(&app), before);
    assert_eq!(app.ask_as("GET", &path(&ada, ""), &root, None).ok()["roles"], json!(["editor"]));
    app.me(&ada).ok();
}

fn a_disabled_administrator_cannot_administrate_with_an_older_token(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    app.create_user("ada", &["admin"]);
    let ada = app.login("ada", PASSWORD).ok();
    // By another instance; this one has yet to hear of it.
    let other = app.another_instance(0, &[]);
    users::disable(&other.inside, id(&ada).parse().unwrap(), &Origin::default()).unwrap();
    let before = changes(&app);
    app.ask_as("POST", &path(&ada, "/enable"), &ada, None).problem(403, "role_missing");
    app.ask_as("GET", USERS, &ada, None).problem(403, "role_missing");
    follow(&app);
    app.ask_as("POST", &path(&ada, "/enable"), &ada, None).problem(401, "token_revoked");
    app.ask_as("GET", USERS, &ada, None).problem(401, "token_revoked");
    assert_eq!(changes(&app), before);
    assert_eq!(app.ask_as("POST", &path(&ada, "/enable"), &root, None).status, 204);
}

fn an_api_token_administrates_others_and_not_the_account_that_it_belongs_to(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    app.create_user("bob", &["admin"]);
    let bob = app.login("bob", PASSWORD).ok();
    let (_, key) = administrating_key(&app, &root);
    let as_bearer = key.replace("Token", "Bearer");
    let changing = |user: &Value| {
        [
            ("PATCH", path(user, ""), json!({"email": "eve@example.com"})),
            ("PUT", path(user, "/roles"), json!({"roles": ["admin", "editor"]})),
            ("POST", path(user, "/password"), json!({"password": ANOTHER})),
        ]
    };
    let before = changes(&app);
    for (method, path, body) in changing(&root) {
        for header in [&key, &as_bearer] {
            app.ask(method, &path, header, Some(&body)).problem(403, "session_required");
        }
    }
    assert_eq!(changes(&app), before);
    let shown = app.ask("GET", &path(&root, ""), &key, None).ok();
    assert_eq!((&shown["email"], &shown["roles"]), (&json!("root@example.com"), &json!(["admin"])));
    app.login("root", ANOTHER).problem(401, "bad_credentials");
    app.login("root", PASSWORD).ok();

    for (method, path, body) in changing(&bob) {
        app.ask(method, &path, &key, Some(&body)).ok();
    }
    let shown = app.ask("GET", &path(&bob, ""), &key, None).ok();
    assert_eq!((&shown["email"], &shown["roles"]), (&json!("eve@example.com"), &json!(["admin", "editor"])));
    app.login("bob", ANOTHER).ok();
}

fn what_an_administrating_key_was_exchanged_for_reads_and_changes_nothing_sensitive(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let ada = app.logged_in("ada");
    let (made, _) = administrating_key(&app, &root);
    let exchanged = exchange(&app, &made);
    let before = changes(&app);
    for user in [&ada, &root] {
        for (method, path, body) in sensitive(user) {
            let body = (!body.is_null()).then_some(&body);
            app.ask_as(method, &path, &exchanged, body).problem(403, "session_required");
        }
    }
    assert_eq!(changes(&app), before);
    for path in [USERS, &path(&ada, ""), &path(&ada, "/sessions"), "/v1/admin/audit", "/v1/admin/keys"] {
        app.ask_as("GET", path, &exchanged, None).ok();
    }
    app.login("ada", PASSWORD).ok();
}

/// Three sessions of one user, each a second younger.
fn three(app: &TestApp) -> [Value; 3] {
    app.create_user("ada", &[]);
    [(); 3].map(|()| {
        app.advance(1);
        app.login("ada", PASSWORD).ok()
    })
}

/// As if the database had lost the session's refresh.
fn look_lapsed(app: &TestApp, nth: i64) {
    let created_at = 1_800_000_000 + nth;
    app.execute(&format!("update sessions set refresh_expires_at = 1800000002 where created_at = {created_at}"));
    assert_eq!(app.number("select count(*) from sessions where refresh_expires_at = 1800000002"), 1);
}

fn ended(app: &TestApp) -> (i64, i64) {
    let rows = app.number("select count(*) from sessions where ended_at is not null or end_reason is not null");
    (rows, app.number("select count(*) from denylist"))
}

fn ending_a_session_leaves_the_rows_of_the_others_alone(engine: Engine) {
    let app = TestApp::start(engine);
    let [lapsed, other, mine] = three(&app);
    look_lapsed(&app, 1);
    let session = |pair: &Value| format!("/v1/sessions/{}", pair["session_id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &session(&other), &mine, None).status, 204);
    assert_eq!(ended(&app), (1, 1));
    assert_eq!(app.number("select count(*) from sessions where created_at = 1800000001 and ended_at is null"), 1);
    follow(&app);
    app.me(&other).problem(401, "token_revoked");
    for lives in [&lapsed, &mine] {
        app.me(lives).ok();
    }
    assert_eq!(app.ask_as("POST", "/v1/logout", &mine, None).status, 204);
    assert_eq!(ended(&app), (2, 2), "a logout neither");
    follow(&app);
    app.me(&lapsed).ok();
}

fn the_session_that_is_kept_is_kept_although_its_row_looks_lapsed(engine: Engine) {
    let app = TestApp::start(engine);
    let [mine, others @ ..] = three(&app);
    look_lapsed(&app, 1);
    let answer = app.ask_as("POST", "/v1/logout/all", &mine, Some(&json!({"keep_current": true})));
    assert_eq!(answer.ok(), json!({"sessions_ended": 2}));
    assert_eq!(ended(&app), (2, 2));
    assert_eq!(app.number("select count(*) from sessions where created_at = 1800000001 and ended_at is null"), 1);
    follow(&app);
    app.me(&mine).ok();
    for other in &others {
        app.me(other).problem(401, "token_revoked");
    }
}

fn a_password_made_of_the_name_or_the_address_of_the_account_is_refused(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let create = |password: &str| {
        let body = json!({"username": "h4longname", "email": "q7kindling@example.com", "password": password});
        app.ask_as("POST", USERS, &root, Some(&body))
    };
    let refused = |answer: Answer| {
        let error = &answer.problem(400, "invalid_fields")["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!("password"), &json!("password_too_common")));
    };
    let of_the_account =
        ["h4longname h4longname", "H4LongName-h4longname", "q7kindling@example.com q7kindling@example.com"];
    for password in of_the_account {
        refused(create(password));
    }
    assert_eq!(app.number("select count(*) from users"), 1);
    let created = create(PASSWORD);
    assert_eq!(created.status, 201, "{created:?}");
    let reset = format!("{USERS}/{}/password", created.json()["id"].as_str().unwrap());
    for password in of_the_account {
        refused(app.ask_as("POST", &reset, &root, Some(&json!({"password": password}))));
    }
    app.login("h4longname", PASSWORD).ok();
}

fn a_new_password_is_another_than_the_current_one(engine: Engine) {
    let app = TestApp::start(engine);
    let [other, mine] = [app.logged_in("ada"), app.login("ada", PASSWORD).ok()];
    let body = json!({"current_password": PASSWORD, "new_password": PASSWORD});
    let problem = app.ask_as("POST", "/v1/me/password", &mine, Some(&body)).problem(400, "invalid_fields");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    assert_eq!(problem["errors"][0]["field"], "new_password");
    app.refresh(&other["refresh_token"]).ok();
    assert_eq!(app.number("select count(*) from audit_events where name = 'password_changed'"), 0);
    app.login("ada", PASSWORD).ok();
}

fn scopes_are_separated_by_commas_or_spaces(engine: Engine) {
    for scopes in ["a:read,b:write", "a:read b:write", " a:read, b:write "] {
        let app = TestApp::start_with(engine, &[("SCOPES", scopes)]);
        let pair = app.logged_in("ada");
        assert_eq!(app.verify(&pair["access_token"]).ok()["claims"]["scope"], "a:read b:write", "{scopes:?}");
        let made = make(&app, &pair, &json!({"name": "backup", "scopes": ["b:write"]}));
        assert_eq!(made["scopes"], json!(["b:write"]));
    }
}

fn what_an_api_token_does_is_recorded_under_the_session_that_its_owner_sees(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let ada = app.logged_in("ada");
    let (made, key) = administrating_key(&app, &root);
    let shown = || app.ask_as("GET", "/v1/api-tokens", &root, None).ok()["api_tokens"][0]["session_id"].clone();
    let recorded = |name: &str| {
        let found = app.ask_as("GET", &format!("/v1/admin/audit?name={name}&limit=1"), &root, None).ok();
        found["events"][0].clone()
    };
    assert_eq!((&shown(), shown().is_string()), (&made["session_id"], true));
    assert_ne!(shown(), root["session_id"]);
    app.ask("PUT", &path(&ada, "/roles"), &key, Some(&json!({"roles": ["editor"]}))).ok();
    let event = recorded("roles_changed");
    assert_eq!((&event["session_id"], &event["actor_id"]), (&shown(), &root["user"]["id"]));

    let rotate = format!("/v1/api-tokens/{}/rotate", made["id"].as_str().unwrap());
    let next = app.ask_as("POST", &rotate, &root, None).ok();
    assert_ne!(next["session_id"], made["session_id"]);
    let key = format!("Token {}", next["key"].as_str().unwrap());
    app.ask("POST", &path(&ada, "/disable"), &key, None).ok();
    let event = recorded("user_disabled");
    assert_eq!((&event["session_id"], &event["actor_id"]), (&shown(), &root["user"]["id"]));
    assert_eq!(shown(), next["session_id"]);
}

/// Asks while another connection holds `held` in a transaction, which is committed once the request waits for it.
fn ask_while_held(app: &TestApp, held: &str, path: &str, pair: &Value) -> Answer {
    let mut other = PgConnection::establish(&app.database_url).unwrap();
    other.batch_execute(&format!("begin; {held}")).unwrap();
    std::thread::scope(|scope| {
        let client = app.another_client();
        let asking = scope.spawn(move || client.ask_as("DELETE", path, pair, None));
        let waits =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let asked_at = Instant::now();
        while app.number(waits) == 0 {
            assert!(asked_at.elapsed() < Duration::from_secs(20), "it waits for the other transaction");
        }
        other.batch_execute("commit").unwrap();
        asking.join().unwrap()
    })
}

#[test]
fn deleting_a_user_denies_the_session_of_a_login_that_is_under_way() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let root = administrator(&app);
    let ada = app.logged_in("ada");
    let (user, session) = (id(&ada), ada["session_id"].as_str().unwrap());
    let login = format!(
        "update users set last_login_at = 1 where id = '{user}'; \
         insert into sessions select (jsonb_populate_record(s, '{{\"id\": \"{NEW_SESSION}\"}}')).* \
         from sessions s where id = '{session}'"
    );
    assert_eq!(ask_while_held(&app, &login, &path(&ada, ""), &root).status, 204);
    assert_eq!(app.number(&format!("select count(*) from users where id = '{user}'")), 0);
    assert_eq!(app.number(&format!("select count(*) from denylist where subject = '{NEW_SESSION}'")), 1);
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 2);
    app.me(&ada).problem(401, "token_revoked");
}

#[test]
fn revoking_an_api_token_denies_what_a_rotation_that_is_under_way_makes() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let ada = app.logged_in("ada");
    let made = make(&app, &ada, &json!({"name": "backup"}));
    let rotation = format!("update api_tokens set sid = '{NEW_SESSION}'");
    let path = format!("/v1/api-tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(ask_while_held(&app, &rotation, &path, &ada).status, 204);
    assert_eq!(app.number("select count(*) from api_tokens where revoked_at is not null"), 1);
    let denied = "select count(*) from denylist join api_tokens on subject = sid and kind = 'sid'";
    assert_eq!(app.number(denied), 1);
    assert_eq!(app.number(&format!("select count(*) from denylist where subject = '{NEW_SESSION}'")), 1);
}

#[test]
fn without_postgresql_administration_is_503_with_retry_after() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let root = administrator(&app);
    let (made, key) = administrating_key(&app, &root);
    let session = format!("Bearer {}", root["access_token"].as_str().unwrap());
    let exchanged = format!("Bearer {}", exchange(&app, &made)["access_token"].as_str().unwrap());
    cluster.tell("stop", "stopped");
    for header in [&key, &session, &exchanged] {
        for path in [USERS, "/v1/admin/keys"] {
            let answer = app.ask("GET", path, header, None);
            answer.problem(503, "database_unavailable");
            assert_eq!(answer.header("retry-after"), "5");
        }
    }
    cluster.tell("start", "started");
    for header in [&key, &session, &exchanged] {
        app.ask("GET", USERS, header, None).ok();
    }
}
