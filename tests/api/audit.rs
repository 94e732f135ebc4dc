//! `GET /v1/admin/audit`: security events, with the account concerned, the actor and the address.

use serde_json::{Value, json};
use tokensmith::internals::service::purge;

use crate::admin_users::{administrator, api_token};
use crate::support::process::Tokensmith;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    logins_and_proofs_are_on_record_and_so_are_those_that_failed,
    each_way_out_of_a_session_is_on_record,
    what_becomes_of_tokens_is_on_record,
    what_a_user_does_to_the_account_is_on_record,
    what_an_administrator_does_to_an_account_is_on_record,
    api_tokens_are_on_record_and_what_is_done_with_them,
    what_is_done_to_the_signing_keys_is_on_record,
    changes_without_effect_are_no_events,
    a_token_that_is_revoked_twice_is_one_event,
    a_refusal_after_too_many_failures_is_no_event,
    events_are_found_by_name_user_actor_and_time,
    events_come_page_by_page_while_more_happen,
    a_filter_that_means_nothing_is_refused,
    events_are_deleted_after_their_retention,
    events_hold_no_secret_and_no_name_of_a_user,
    only_administrators_may_read,
    the_log_has_a_line_for_each_event,
);

const AUDIT: &str = "/v1/admin/audit";
const NEW_PASSWORD: &str = "a long and unusual sentence";

/// A service, an administrator who reads its audit log, and how much of it has been read.
struct Watched {
    app: TestApp,
    root: Value,
    seen: i64,
}

impl Watched {
    fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    fn start_with(engine: Engine, vars: &[(&str, &str)]) -> Self {
        let app = TestApp::start_with(engine, vars);
        let root = administrator(&app);
        let seen = app.number("select count(*) from audit_events");
        Self { app, root, seen }
    }

    /// A logged-in user; the events of the login have been read.
    fn logged_in(&mut self, name: &str) -> Value {
        let pair = self.app.logged_in(name);
        self.skip();
        pair
    }

    fn skip(&mut self) {
        self.seen = self.app.number("select count(*) from audit_events");
    }

    fn list(&self, query: &str) -> Answer {
        self.app.ask_as("GET", &format!("{AUDIT}{query}"), &self.root, None)
    }

    /// Asks as the administrator about a user.
    fn ask(&self, method: &str, user: &Value, rest: &str, body: &Value) -> Answer {
        let path = format!("/v1/admin/users/{}{rest}", user["user"]["id"].as_str().unwrap());
        self.app.ask_as(method, &path, &self.root, (!body.is_null()).then_some(body))
    }

    /// Asserts that exactly this event is new; returns its detail.
    #[track_caller]
    fn only(&mut self, name: &str, user: &Value, actor: &Value, session: &Value) -> Value {
        self.seen += 1;
        let event = self.list("?limit=1").ok()["events"][0].clone();
        let found = [&event["name"], &event["user_id"], &event["actor_id"], &event["session_id"], &event["ip"]];
        assert_eq!(found, [&json!(name), id(user), id(actor), sid(session), &json!("127.0.0.1")]);
        assert_eq!(self.app.number("select count(*) from audit_events"), self.seen, "{event}");
        let at = event["at"].as_str().unwrap().parse::<tokensmith::internals::clock::Timestamp>().unwrap();
        assert_eq!(at, tokensmith::internals::clock::Clock::now(&*self.app.clock));
        event["detail"].clone()
    }
}

/// The user's id of a pair, or null.
fn id(pair: &Value) -> &Value {
    &pair["user"]["id"]
}

/// Of a pair, the session; or the identifier itself.
fn sid(pair: &Value) -> &Value {
    if pair.is_string() { pair } else { &pair["session_id"] }
}

const NONE: Value = Value::Null;

fn logins_and_proofs_are_on_record_and_so_are_those_that_failed(engine: Engine) {
    let mut watched = Watched::start(engine);
    let ada = watched.app.logged_in("ada");
    let created = &watched.list("?name=user_created&limit=1").ok()["events"][0];
    // On the command line there is no actor.
    let expected = [id(&ada), &NONE, &NONE, &NONE];
    assert_eq!([&created["user_id"], &created["actor_id"], &created["session_id"], &created["ip"]], expected);
    watched.seen += 1;
    assert_eq!(watched.only("login", &ada, &ada, &ada), NONE);
    watched.app.login("ada", "not her password").problem(401, "bad_credentials");
    let known = watched.only("login_failed", &ada, &NONE, &NONE);
    for name in ["nobody", "no body"] {
        watched.app.login(name, PASSWORD).problem(401, "bad_credentials");
        assert_eq!(watched.only("login_failed", &NONE, &NONE, &NONE), known);
    }
    let again = |watched: &Watched, password: &str| {
        watched.app.ask_as("POST", "/v1/me/reauthenticate", &ada, Some(&json!({"password": password})))
    };
    again(&watched, PASSWORD).ok();
    watched.only("reauthenticated", &ada, &ada, &ada);
    again(&watched, "not her password").problem(403, "wrong_password");
    watched.only("reauthentication_failed", &ada, &ada, &ada);
    let change = json!({"current_password": "not her password", "new_password": NEW_PASSWORD});
    watched.app.ask_as("POST", "/v1/me/password", &ada, Some(&change)).problem(403, "wrong_password");
    watched.only("reauthentication_failed", &ada, &ada, &ada);
    watched.app.execute("update users set disabled_at = 1 where username = 'ada'");
    watched.app.login("ada", PASSWORD).problem(403, "account_disabled");
    assert_eq!(watched.only("login_failed", &ada, &NONE, &NONE), "account disabled");
}

fn each_way_out_of_a_session_is_on_record(engine: Engine) {
    let mut watched = Watched::start(engine);
    let [one, two, three, four, five] = {
        let one = watched.logged_in("ada");
        let [two, three, four, five] = [(); 4].map(|()| watched.app.login("ada", PASSWORD).ok());
        [one, two, three, four, five]
    };
    watched.skip();
    assert_eq!(watched.app.ask_as("POST", "/v1/logout", &one, None).status, 204);
    watched.only("logout", &one, &one, &one);
    // Anyone who has found the token may revoke it.
    watched.app.revoke(&two["refresh_token"]);
    watched.only("logout", &two, &NONE, &two);
    let path = format!("/v1/sessions/{}", sid(&three).as_str().unwrap());
    assert_eq!(watched.app.ask_as("DELETE", &path, &four, None).status, 204);
    watched.only("session_ended", &three, &four, &three);
    let rest = format!("/sessions/{}", sid(&four).as_str().unwrap());
    assert_eq!(watched.ask("DELETE", &four, &rest, &NONE).status, 204);
    let root = watched.root.clone();
    watched.only("session_ended", &four, &root, &four);
    let body = json!({"keep_current": true});
    assert_eq!(watched.app.ask_as("POST", "/v1/logout/all", &five, Some(&body)).ok()["sessions_ended"], 0);
    // Nothing has happened.
    assert_eq!(watched.ask("DELETE", &five, "/sessions", &NONE).ok()["sessions_ended"], 1);
    assert_eq!(watched.only("sessions_ended", &five, &root, &root), "1 sessions");
}

fn what_becomes_of_tokens_is_on_record(engine: Engine) {
    let mut watched = Watched::start_with(engine, &[("REFRESH_SETTLE_WINDOW", "0s")]);
    let first = watched.logged_in("ada");
    let second = watched.app.refresh(&first["refresh_token"]).ok();
    let third = watched.app.refresh(&second["refresh_token"]).ok();
    assert_eq!(watched.app.number("select count(*) from audit_events"), watched.seen, "each day has many of those");
    // A backup is restored from before all that.
    watched.app.execute("update sessions set denied_through = 0");
    watched.app.advance(100);
    watched.app.refresh(&third["refresh_token"]).ok();
    assert_eq!(watched.only("session_healed", &first, &NONE, &first), "generation 3");
    watched.app.revoke(&third["access_token"]);
    watched.only("access_token_revoked", &first, &NONE, &first);
    watched.app.refresh(&first["refresh_token"]).problem(401, "refresh_token_reused");
    assert_eq!(watched.only("refresh_token_reused", &first, &NONE, &first), "generation 1");
    watched.app.refresh(&first["refresh_token"]).problem(401, "session_ended");
    assert_eq!(watched.app.number("select count(*) from audit_events"), watched.seen);
}

fn what_a_user_does_to_the_account_is_on_record(engine: Engine) {
    let mut watched = Watched::start(engine);
    let ada = watched.logged_in("ada");
    let change = json!({"username": "countess", "name": "Ada Lovelace", "email": "countess@example.org"});
    for (change, changed) in [(change, "username email name"), (json!({"email": null}), "email")] {
        watched.app.ask_as("PATCH", "/v1/me/profile", &ada, Some(&change)).ok();
        assert_eq!(watched.only("profile_changed", &ada, &ada, &ada), changed);
    }
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    watched.app.ask_as("POST", "/v1/me/password", &ada, Some(&change)).ok();
    watched.only("password_changed", &ada, &ada, &ada);
}

fn what_an_administrator_does_to_an_account_is_on_record(engine: Engine) {
    let mut watched = Watched::start(engine);
    let root = watched.root.clone();
    let body = json!({"username": "ada", "password": PASSWORD, "roles": ["poet"]});
    let made = watched.app.ask_as("POST", "/v1/admin/users", &root, Some(&body));
    assert_eq!(made.status, 201);
    let ada = json!({"user": made.json()});
    watched.only("user_created", &ada, &root, &root);
    let roles = json!({"roles": ["editor", "admin"]});
    for (method, rest, body, name, detail) in [
        ("PATCH", "", json!({"name": "Ada Lovelace"}), "profile_changed", json!("name")),
        ("PUT", "/roles", roles, "roles_changed", json!("from [poet] to [admin editor]")),
        ("PUT", "/roles", json!({"roles": []}), "roles_changed", json!("from [admin editor] to []")),
        ("POST", "/password", json!({"password": NEW_PASSWORD}), "password_reset", NONE),
        ("POST", "/disable", NONE, "user_disabled", NONE),
        ("POST", "/enable", NONE, "user_enabled", NONE),
        ("DELETE", "", NONE, "user_deleted", NONE),
    ] {
        assert!([200, 204].contains(&watched.ask(method, &ada, rest, &body).status), "{name}");
        assert_eq!(watched.only(name, &ada, &root, &root), detail, "{name}");
    }
    let about_ada = watched.list(&format!("?user_id={}", id(&ada).as_str().unwrap())).ok();
    assert_eq!(about_ada["events"].as_array().unwrap().len(), 8, "the account is gone, what happened is not");
}

/// What is done with the token is recorded with this session.
fn described(token: &Value) -> String {
    format!("{} session {}", token["id"].as_str().unwrap(), token["session_id"].as_str().unwrap())
}

fn api_tokens_are_on_record_and_what_is_done_with_them(engine: Engine) {
    let mut watched = Watched::start(engine);
    let root = watched.root.clone();
    let ada = watched.logged_in("ada");
    let [one, two, three] = ["one", "two", "three"].map(|name| {
        let token = api_token(&watched.app, &ada, name);
        assert_eq!(watched.only("api_token_created", &ada, &ada, &ada), described(&token));
        token
    });
    let path = |token: &Value| format!("/v1/api-tokens/{}", token["id"].as_str().unwrap());
    let rotated = watched.app.ask_as("POST", &format!("{}/rotate", path(&one)), &ada, None).ok();
    assert_eq!(watched.only("api_token_rotated", &ada, &ada, &ada), described(&rotated));
    assert_eq!(watched.app.ask_as("DELETE", &path(&one), &ada, None).status, 204);
    assert_eq!(watched.only("api_token_revoked", &ada, &ada, &ada), one["id"]);
    watched.app.revoke(&two["key"]);
    assert_eq!(watched.only("api_token_revoked", &ada, &NONE, &NONE), two["id"]);
    watched.app.revoke(&rotated["key"]);
    assert_eq!(watched.app.number("select count(*) from audit_events"), watched.seen, "it was revoked before");
    assert_eq!(watched.ask("DELETE", &ada, "/api-tokens", &NONE).ok()["api_tokens_revoked"], 1);
    assert_eq!(watched.only("api_token_revoked", &ada, &root, &root), three["id"]);

    // The actor of a script's event is the token's owner; the session is the one that represents the token.
    let body = json!({"name": "script", "roles": ["admin"]});
    let script = watched.app.ask_as("POST", "/v1/api-tokens", &root, Some(&body)).json();
    watched.skip();
    let key = format!("Token {}", script["key"].as_str().unwrap());
    let session = watched.app.ask("GET", "/v1/me", &key, None).ok()["session_id"].clone();
    let path = format!("/v1/admin/users/{}/disable", id(&ada).as_str().unwrap());
    watched.app.ask("POST", &path, &key, None).ok();
    watched.only("user_disabled", &ada, &root, &session);
}

fn what_is_done_to_the_signing_keys_is_on_record(engine: Engine) {
    let mut watched = Watched::start(engine);
    let root = watched.root.clone();
    let rotate =
        |watched: &Watched, body: Value| watched.app.ask_as("POST", "/v1/admin/keys/rotate", &root, Some(&body));
    let keys = rotate(&watched, json!({})).ok();
    let keys = keys["keys"].as_array().unwrap();
    let next = keys.iter().find(|key| key["state"] == "next").unwrap();
    let detail = watched.only("key_rotated", &NONE, &root, &root);
    assert_eq!(detail, format!("ES256 from {}", next["active_from"].as_str().unwrap()));
    rotate(&watched, json!({})).problem(409, "key_conflict");
    assert_eq!(watched.app.number("select count(*) from audit_events"), watched.seen);
    rotate(&watched, json!({"emergency": true, "kid": next["kid"]})).ok();
    let detail = watched.only("key_dropped", &NONE, &root, &root);
    assert_eq!(detail, format!("ES256 {}", next["kid"].as_str().unwrap()));
}

fn changes_without_effect_are_no_events(engine: Engine) {
    let mut watched = Watched::start(engine);
    let ada = watched.logged_in("ada");
    let token = api_token(&watched.app, &ada, "backup");
    let other = watched.app.login("ada", PASSWORD).ok();
    let path = format!("/api-tokens/{}", token["id"].as_str().unwrap());
    let session = format!("/sessions/{}", sid(&other).as_str().unwrap());
    for rest in [&path, &session] {
        assert_eq!(watched.ask("DELETE", &ada, rest, &NONE).status, 204);
    }
    watched.skip();
    for rest in [&path, &session] {
        assert_eq!(watched.ask("DELETE", &ada, rest, &NONE).status, 204);
    }
    watched.app.revoke(&other["refresh_token"]);
    watched.app.revoke(&token["key"]);
    watched.app.revoke(&json!("garbage"));
    watched.app.refresh(&ada["refresh_token"]).ok();
    watched.ask("PATCH", &ada, "", &json!({})).ok();
    watched.ask("PATCH", &ada, "", &json!({"username": "root"})).problem(409, "username_taken");
    watched.ask("PUT", &ada, "/roles", &json!({"roles": ["two words"]})).problem(400, "invalid_fields");
    let root = watched.root.clone();
    watched.ask("POST", &root, "/disable", &NONE).problem(409, "last_admin");
    let gone = json!({"user": {"id": sid(&ada)}});
    watched.ask("POST", &gone, "/enable", &NONE).problem(404, "user_unknown");
    assert_eq!(watched.app.number("select count(*) from audit_events"), watched.seen);
}

fn a_token_that_is_revoked_twice_is_one_event(engine: Engine) {
    let mut watched = Watched::start(engine);
    let ada = watched.logged_in("ada");
    for _ in 0..2 {
        assert_eq!(watched.app.revoke(&ada["access_token"]).status, 204);
    }
    watched.only("access_token_revoked", &ada, &NONE, &ada);
}

fn a_refusal_after_too_many_failures_is_no_event(engine: Engine) {
    let mut watched = Watched::start_with(engine, &[("TRUSTED_PROXIES", "127.0.0.1")]);
    watched.logged_in("ada");
    let login = |watched: &Watched| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", "203.0.113.9")];
        let body = json!({"username": "ada", "password": "guess"}).to_string();
        watched.app.send("POST", "/v1/tokens", &headers, body.as_bytes())
    };
    for _ in 0..10 {
        login(&watched).problem(401, "bad_credentials");
    }
    let failed = "select count(*) from audit_events where name = 'login_failed' and ip = '203.0.113.9'";
    assert_eq!(watched.app.number(failed), 10);
    login(&watched).problem(429, "too_many_failures");
    assert_eq!(watched.app.number("select count(*) from audit_events"), watched.seen + 10);
}

fn events_are_found_by_name_user_actor_and_time(engine: Engine) {
    let mut watched = Watched::start(engine);
    let (ada, root) = (watched.logged_in("ada"), watched.root.clone());
    watched.app.advance(10);
    watched.ask("PUT", &ada, "/roles", &json!({"roles": ["poet"]})).ok();
    watched.app.advance(10);
    watched.app.login("ada", "not her password").problem(401, "bad_credentials");
    let [ada, root] = [&ada, &root].map(|pair| id(pair).as_str().unwrap());
    for (query, expected) in [
        (String::new(), "login_failed roles_changed login user_created login user_created"),
        ("name=login".to_owned(), "login login"),
        (format!("user_id={ada}"), "login_failed roles_changed login user_created"),
        (format!("actor_id={root}"), "roles_changed login"),
        (format!("actor_id={root}&user_id={ada}"), "roles_changed"),
        (format!("name=login&user_id={ada}"), "login"),
        ("since=2027-01-15T08:00:10Z".to_owned(), "login_failed roles_changed"),
        ("since=2027-01-15T10:00:10%2B02:00".to_owned(), "login_failed roles_changed"),
        ("until=2027-01-15T08:00:10Z".to_owned(), "login user_created login user_created"),
        // A + that is not escaped, as people type it; an escaped one; and other zones.
        ("until=2027-01-15T08:00:10+00:00".to_owned(), "login user_created login user_created"),
        ("until=2027-01-15T09:30:10+01:30".to_owned(), "login user_created login user_created"),
        ("until=2027-01-15T09:30:10.5+01:30".to_owned(), "login user_created login user_created"),
        ("until=2027-01-15T09:00:10%2B01:00".to_owned(), "login user_created login user_created"),
        ("until=2027-01-15T07:00:10-01:00".to_owned(), "login user_created login user_created"),
        ("since=2027-01-15T09:00:10+01:00&until=2027-01-15T09:00:20+01:00".to_owned(), "roles_changed"),
        ("since=2027-01-15T08:00:10Z&until=2027-01-15T08:00:20Z".to_owned(), "roles_changed"),
        (format!("user_id={}", sid(&watched.root).as_str().unwrap()), ""),
    ] {
        let list = watched.list(&format!("?{query}")).ok();
        let names = list["events"].as_array().unwrap().iter().map(|event| event["name"].as_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>().join(" "), expected, "{query}");
    }
}

fn events_come_page_by_page_while_more_happen(engine: Engine) {
    let watched = Watched::start(engine);
    for name in ["ada", "bob", "cyd"] {
        watched.app.create_user(name, &[]);
    }
    let ids = |page: &Value| -> Vec<i64> {
        page["events"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()).collect()
    };
    let all = ids(&watched.list("").ok());
    assert!(all.is_sorted_by(|one, next| one > next) && all.len() == 5, "the newest first: {all:?}");
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    for size in [2, 2, 1] {
        let page = watched.list(&query).ok();
        assert_eq!((ids(&page).len(), page["next_cursor"].is_string()), (size, size == 2));
        seen.extend(ids(&page));
        query = format!("?limit=2&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
        watched.app.login("ada", PASSWORD).ok();
    }
    assert_eq!(seen, all);
    assert_eq!(watched.list("?name=user_created&limit=4").ok()["next_cursor"], NONE, "as many as there are");
}

fn a_filter_that_means_nothing_is_refused(engine: Engine) {
    let watched = Watched::start(engine);
    for (query, field) in [
        ("name=logon", "name"),
        ("name=", "name"),
        ("user_id=ada", "user_id"),
        ("actor_id=1", "actor_id"),
        ("since=yesterday", "since"),
        ("until=2027-01-15", "until"),
        ("until=2027-01-15T08:00:10+0100", "until"),
        ("since=+", "since"),
        ("since=2027-01-15T08:00:10++01:00", "since"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("nonsense=1", "query"),
        ("name=login&name=logout", "query"),
    ] {
        let problem = watched.list(&format!("?{query}")).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
}

fn events_are_deleted_after_their_retention(engine: Engine) {
    let mut watched = Watched::start_with(engine, &[("AUDIT_RETENTION", "2d")]);
    watched.app.create_user("ada", &[]);
    watched.app.advance(1);
    watched.app.create_user("bob", &[]);
    watched.skip();
    watched.app.advance(2 * 86_400 - 1);
    assert_eq!(purge::all(&watched.app.inside).unwrap().events, 0);
    watched.app.advance(1);
    assert_eq!(purge::all(&watched.app.inside).unwrap().events, 3);
    watched.root = watched.app.refresh(&watched.root["refresh_token"]).ok();
    let left = watched.list("").ok();
    assert_eq!(left["events"].as_array().unwrap().len(), 1);
    assert_eq!(left["events"][0]["at"], "2027-01-15T08:00:01Z");
}

fn events_hold_no_secret_and_no_name_of_a_user(engine: Engine) {
    let watched = Watched::start(engine);
    let (app, root) = (&watched.app, &watched.root);
    let ada = app.logged_in("augusta");
    app.login("augusta", "the-wrong-password").problem(401, "bad_credentials");
    app.login("the-wrong-name", PASSWORD).problem(401, "bad_credentials");
    let token = api_token(app, &ada, "the-backup-token");
    let ask = |method: &str, path: &str, body: Value| {
        let answer = app.ask_as(method, path, &ada, (!body.is_null()).then_some(&body));
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.json()
    };
    let rotated = ask("POST", &format!("/v1/api-tokens/{}/rotate", token["id"].as_str().unwrap()), NONE);
    let changed = json!({"email": "countess@example.org", "name": "Lovelace", "username": "the-countess"});
    ask("PATCH", "/v1/me/profile", changed);
    ask("POST", "/v1/me/reauthenticate", json!({"password": PASSWORD}));
    ask("POST", "/v1/me/password", json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD}));
    app.revoke(&rotated["key"]);
    app.revoke(&ada["access_token"]);
    app.revoke(&ada["refresh_token"]);
    assert_eq!(watched.ask("POST", &ada, "/password", &json!({"password": "another unusual sentence"})).status, 200);
    let list = watched.list("?limit=100");
    assert_eq!(list.ok()["events"].as_array().unwrap().len(), 15, "{list:?}");
    let tokens = [&ada, root].into_iter().flat_map(|pair| [&pair["access_token"], &pair["refresh_token"]]);
    let secrets = tokens.chain([&token["key"], &rotated["key"]]).map(|secret| secret.as_str().unwrap());
    for secret in secrets.chain([
        PASSWORD,
        NEW_PASSWORD,
        "another unusual",
        "the-wrong-password",
        "the-wrong-name",
        "@",
        "ovelace",
        "the-countess",
        "the-backup-token",
        "augusta",
        "argon2",
        "tks_",
    ]) {
        assert!(!list.body.contains(secret), "{secret}: {}", list.body);
    }
}

fn only_administrators_may_read(engine: Engine) {
    let watched = Watched::start(engine);
    let ada = watched.app.logged_in("ada");
    watched.app.ask_as("GET", AUDIT, &ada, None).problem(403, "role_missing");
    let own = format!("{AUDIT}?user_id={}", id(&ada).as_str().unwrap());
    watched.app.ask_as("GET", &own, &ada, None).problem(403, "role_missing");
    watched.app.get(AUDIT).problem(401, "access_token_missing");
    // Reading needs no recent password.
    let mut root = watched.root;
    for _ in 0..3 {
        watched.app.advance(290);
        root = watched.app.refresh(&root["refresh_token"]).ok();
    }
    watched.app.ask_as("GET", AUDIT, &root, None).ok();
    let key = watched.app.ask_as("POST", "/v1/api-tokens", &root, Some(&json!({"name": "x", "roles": ["admin"]})));
    key.problem(401, "reauthentication_required");
}

fn the_log_has_a_line_for_each_event(engine: Engine) {
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    let command = command.env("DATABASE_URL", &url);
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = command.serve();
    let client = serving.client();
    let failed = client.login("ada", "not her password");
    failed.problem(401, "bad_credentials");
    let opened = client.login("ada", PASSWORD);
    let ada = opened.ok();
    let ended = client.ask_as("POST", "/v1/logout", &ada, None);
    assert_eq!(ended.status, 204);
    let (id, sid) = (id(&ada), sid(&ada));
    for (level, event, actor, session, detail, answer) in [
        ("warn", "login_failed", &NONE, &NONE, json!("bad credentials"), &failed),
        ("info", "login", id, sid, NONE, &opened),
        ("info", "logout", id, sid, NONE, &ended),
    ] {
        let line = serving.wait_for_log("security event");
        let mut expected = json!({"time": line["time"], "level": level, "target": "tokensmith::audit",
            "message": "security event", "event": event, "user": id, "actor": actor, "session": session,
            "ip": "127.0.0.1", "request_id": answer.header("x-request-id"), "detail": detail});
        // Missing values are left out.
        expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        assert_eq!(line, expected);
    }
}
