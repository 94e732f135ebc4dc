//! `/v1/admin/users`: everybody's accounts, sessions and API tokens, for administrators.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokensmith_verifier::Verifier;

use crate::support::backend::Backend;
use crate::support::ports::free_port;
use crate::support::process::Tokensmith;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

both_engines!(
    users_are_listed_by_username_page_by_page,
    a_search_looks_into_username_address_and_name_and_knows_no_wildcards,
    a_search_finds_a_name_as_it_is_written,
    users_are_found_by_role_and_state,
    a_role_is_found_by_its_exact_name,
    what_is_created_can_log_in_and_all_that_is_wrong_is_said_at_once,
    a_user_is_shown_and_changed,
    a_deleted_user_is_gone_and_what_happened_stays_known,
    a_disabled_user_is_refused_at_once_and_so_are_the_api_tokens,
    disabling_a_user_twice_keeps_the_first_time,
    an_enabled_user_logs_in_again_and_the_api_tokens_are_accepted_again,
    another_service_refuses_a_disabled_user_within_the_bound,
    new_roles_arrive_with_the_next_refresh_and_nobody_is_logged_out,
    a_password_reset_ends_all_sessions,
    the_timeline_says_when_and_why_each_session_ended,
    a_users_api_tokens_are_listed_and_revoked,
    the_last_administrator_stays_one,
    a_role_whose_name_looks_like_admin_is_another_role,
    two_administrators_who_remove_each_other_leave_one,
    only_administrators_are_let_in,
    sensitive_changes_need_a_recent_password_and_those_that_stop_harm_do_not,
);

const USERS: &str = "/v1/admin/users";
const NOBODY: &str = "018f3c6e-7d2a-7b11-8c11-5d3f8e2a9b01";

/// An administrator, logged in.
pub fn administrator(app: &TestApp) -> Value {
    app.create_user("root", &["admin"]);
    app.login("root", PASSWORD).ok()
}

/// Asks about the user whose pair or record this is.
fn about(client: &Client, admin: &Value, method: &str, user: &Value, rest: &str, body: &Value) -> Answer {
    let user = if user["user"].is_null() { user } else { &user["user"] };
    let path = format!("{USERS}/{}{rest}", user["id"].as_str().unwrap());
    client.ask_as(method, &path, admin, (!body.is_null()).then_some(body))
}

/// A new API token of this user.
pub fn api_token(client: &Client, pair: &Value, name: &str) -> Value {
    let made = client.ask_as("POST", "/v1/api-tokens", pair, Some(&json!({"name": name})));
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

fn use_key(client: &Client, method: &str, path: &str, token: &Value) -> Answer {
    client.ask(method, path, &format!("Token {}", token["key"].as_str().unwrap()), None)
}

fn usernames(page: &Value) -> Vec<&str> {
    page["users"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

fn users_are_listed_by_username_page_by_page(engine: Engine) {
    let app = TestApp::start(engine);
    for name in ["eve", "ada", "bob", "dan"] {
        app.create_user(name, &[]);
    }
    let root = administrator(&app);
    let list = |query: &str| app.ask_as("GET", &format!("{USERS}{query}"), &root, None);
    let all = list("").ok();
    assert_eq!((usernames(&all), &all["next_cursor"]), (vec!["ada", "bob", "dan", "eve", "root"], &Value::Null));
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    for more in [true, true, false] {
        let page = list(&query).ok();
        seen.push(usernames(&page).join(" "));
        assert_eq!(page["next_cursor"].is_string(), more, "{page}");
        query = format!("?limit=2&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(seen, ["ada bob", "dan eve", "root"]);
    assert_eq!(list("?limit=5").ok()["next_cursor"], Value::Null, "exactly as many as there are");
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=x", "limit"),
        ("?limit=", "limit"),
        ("?disabled=maybe", "disabled"),
        ("?search=a%00", "search"),
        ("?nonsense=1", "query"),
        ("?role=a&role=b", "query"),
    ] {
        assert_eq!(list(query).problem(400, "invalid_fields")["errors"][0]["field"], field, "{query}");
    }
}

fn a_search_looks_into_username_address_and_name_and_knows_no_wildcards(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    for name in ["ada", "bo_b", "boxb", "c%d"] {
        app.create_user(name, &[]);
    }
    app.execute("update users set name = 'Ada Lovelace!', email = 'countess@Example.org' where username = 'ada'");
    let found =
        |text: &str| usernames(&app.ask_as("GET", &format!("{USERS}?search={text}"), &root, None).ok()).join(" ");
    for (text, expected) in [
        ("ADA", "ada"),
        ("COUNTESS", "ada"),
        ("example.ORG", "ada"),
        ("LoveLace", "ada"),
        ("o_b", "bo_b"),
        ("%25", "c%d"),
        ("_", "bo_b"),
        ("!", "ada"),
        ("!_", ""),
        ("%5C", ""),
        ("o%25b", ""),
        ("'", ""),
        ("example.com", "bo_b boxb c%d root"),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
    let page = app.ask_as("GET", &format!("{USERS}?search=b&limit=1&cursor=bo_b"), &root, None).ok();
    assert_eq!((usernames(&page), &page["next_cursor"]), (vec!["boxb"], &Value::Null), "pages of what was found");
}

fn a_search_finds_a_name_as_it_is_written(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let body = json!({"username": "asa", "password": "a long and unusual sentence", "name": "Åsa Öberg"});
    assert_eq!(app.ask_as("POST", USERS, &root, Some(&body)).status, 201);
    for text in ["%C3%85sa", "%C3%85SA", "%C3%96BERG"] {
        let found = app.ask_as("GET", &format!("{USERS}?search={text}"), &root, None).ok();
        assert_eq!(usernames(&found), ["asa"], "{text}");
    }
}

fn users_are_found_by_role_and_state(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    for (name, roles) in [("ada", ["editor", "a_b"]), ("bob", ["sub-editor", "axb"]), ("cyd", ["editor/x", "poet"])] {
        app.create_user(name, &roles);
    }
    let _none = app.create_user("dan", &[]);
    app.execute("update users set disabled_at = 1 where username in ('bob', 'dan')");
    let found = |query: &str| usernames(&app.ask_as("GET", &format!("{USERS}?{query}"), &root, None).ok()).join(" ");
    for (query, expected) in [
        ("role=editor", "ada"),
        ("role=admin", "root"),
        ("role=edit", ""),
        ("role=a_b", "ada"),
        ("disabled=true", "bob dan"),
        ("disabled=false", "ada cyd root"),
        ("disabled=false&role=poet", "cyd"),
        ("disabled=true&role=sub-editor&search=O", "bob"),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
}

fn a_role_is_found_by_its_exact_name(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    for (name, roles) in [("ada", ["editor"].as_slice()), ("bob", &["Editor"]), ("cyd", &["a", "b"]), ("dan", &[])] {
        app.create_user(name, roles);
    }
    for (role, expected) in [("editor", ["ada"].as_slice()), ("Editor", &["bob"]), ("a%20b", &[]), ("", &[])] {
        let answer = app.ask_as("GET", &format!("{USERS}?role={role}"), &root, None);
        // Impossible role names may be refused as well.
        let found = if answer.status == 400 { json!({"users": []}) } else { answer.ok() };
        assert_eq!(usernames(&found), expected, "{role:?}");
    }
}

fn what_is_created_can_log_in_and_all_that_is_wrong_is_said_at_once(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let create = |body: Value| app.ask_as("POST", USERS, &root, Some(&body));
    let full = json!({"username": "Grace", "password": PASSWORD, "email": "g@example.com", "name": "Grace Hopper",
        "roles": ["editor", "admiral", "editor"]});
    let created = create(full.clone());
    assert_eq!(created.status, 201, "{created:?}");
    let expected = json!({"id": created.json()["id"], "username": "grace", "email": "g@example.com",
        "email_verified": true, "name": "Grace Hopper", "roles": ["admiral", "editor"], "created_at": "2027-01-15T08:00:00Z",
        "disabled_at": null, "external_id": null});
    assert_eq!(created.json(), expected);
    assert!(!created.body.contains(PASSWORD) && !created.body.contains("argon2"), "{created:?}");
    assert_eq!(app.login("grace", PASSWORD).ok()["user"]["id"], created.json()["id"]);

    create(full).problem(409, "username_taken");
    let wrong = json!({"username": "g h", "password": "short", "email": "x", "name": "", "roles": ["y z"]});
    let problem = create(wrong).problem(400, "invalid_fields");
    let fields: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["username", "email", "name", "roles", "password"]);
    let guessable = create(json!({"username": "hal", "password": "password1"})).problem(400, "invalid_fields");
    assert_eq!(guessable["errors"][0]["field"], "password");
    create(json!({"username": "hal", "password": PASSWORD, "is_admin": true})).problem(400, "malformed_json");
    assert_eq!(app.number("select count(*) from users"), 2);
    assert_eq!(create(json!({"username": "hal", "password": PASSWORD})).json()["roles"], json!([]));
}

fn a_user_is_shown_and_changed(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let ask = |method: &str, body: Value| about(&app, &root, method, &ada, "", &body);
    assert_eq!(ask("GET", Value::Null).ok()["email"], "ada@example.com");
    let changed = ask("PATCH", json!({"name": "Ada Lovelace", "email": null})).ok();
    assert_eq!((&changed["name"], &changed["email"]), (&json!("Ada Lovelace"), &Value::Null));
    assert_eq!(ask("PATCH", json!({"username": "COUNTESS"})).ok()["username"], "countess");
    assert_eq!(
        ask("GET", Value::Null).ok(),
        json!({"id": ada["user"]["id"], "username": "countess", "email": null,
        "email_verified": false, "name": "Ada Lovelace", "roles": [], "created_at": "2027-01-15T08:00:00Z", "disabled_at": null,
        "external_id": null})
    );
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    app.login("countess", PASSWORD).ok();
    app.refresh(&ada["refresh_token"]).ok();
    ask("PATCH", json!({"username": "root"})).problem(409, "username_taken");
    let wrong = ask("PATCH", json!({"username": "", "email": "x", "name": "\u{7}"})).problem(400, "invalid_fields");
    assert_eq!(wrong["errors"].as_array().unwrap().len(), 3);
    ask("PATCH", json!({"roles": ["admin"]})).problem(400, "malformed_json");
    assert_eq!(ask("GET", Value::Null).ok()["username"], "countess");

    for (method, rest, body, _) in ROUTES.into_iter().filter(|(_, rest, ..)| *rest != USERS && !rest.contains('{')) {
        let body = serde_json::from_str(body).unwrap_or_default();
        about(&app, &root, method, &json!({"id": NOBODY}), rest, &body).problem(404, "user_unknown");
        let bad = about(&app, &root, method, &json!({"id": "ada"}), rest, &body).problem(400, "invalid_fields");
        assert_eq!(bad["errors"][0]["field"], "id");
    }
}

fn a_deleted_user_is_gone_and_what_happened_stays_known(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let token = api_token(&app, &ada, "backup");
    let exchanged = use_key(&app, "POST", "/v1/api-tokens/exchange", &token).ok();
    let known = "select count(*) from audit_events where user_id is not null";
    let before = app.number(known);
    let delete = || about(&app, &root, "DELETE", &ada, "", &Value::Null);
    let deleted = delete();
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    app.refresh(&ada["refresh_token"]).problem(401, "session_unknown");
    app.me(&ada).problem(401, "token_revoked");
    app.me(&exchanged).problem(401, "token_revoked");
    use_key(&app, "GET", "/v1/me", &token).problem(401, "api_token_unknown");
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    assert_eq!(app.number("select count(*) from sessions"), 1, "the administrator's");
    assert_eq!(app.number("select count(*) from api_tokens"), 0);
    assert_eq!(app.number(known), before + 1);
    delete().problem(404, "user_unknown");
    assert_ne!(app.logged_in("ada")["user"]["id"], ada["user"]["id"], "the name is free, the identity is not");
}

fn a_disabled_user_is_refused_at_once_and_so_are_the_api_tokens(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let phone = app.login("ada", PASSWORD).ok();
    let token = api_token(&app, &ada, "backup");
    let exchanged = use_key(&app, "POST", "/v1/api-tokens/exchange", &token).ok();
    let disabled = about(&app, &root, "POST", &ada, "/disable", &Value::Null).ok();
    assert_eq!(disabled, json!({"sessions_ended": 2}));
    for pair in [&ada, &phone] {
        assert_eq!(app.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "user_disabled");
        app.me(pair).problem(401, "token_revoked");
    }
    app.me(&exchanged).problem(401, "token_revoked");
    for (method, path) in [("GET", "/v1/me"), ("POST", "/v1/api-tokens/exchange")] {
        use_key(&app, method, path, &token).problem(403, "account_disabled");
    }
    app.login("ada", PASSWORD).problem(403, "account_disabled");
    app.me(&root).ok();
}

fn disabling_a_user_twice_keeps_the_first_time(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    for sessions in [1, 0] {
        let disabled = about(&app, &root, "POST", &ada, "/disable", &Value::Null).ok();
        assert_eq!(disabled, json!({"sessions_ended": sessions}));
        app.advance(5);
    }
    let shown = about(&app, &root, "GET", &ada, "", &Value::Null).ok();
    assert_eq!(shown["disabled_at"], "2027-01-15T08:00:00Z");
}

fn an_enabled_user_logs_in_again_and_the_api_tokens_are_accepted_again(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let token = api_token(&app, &ada, "backup");
    let exchange = || use_key(&app, "POST", "/v1/api-tokens/exchange", &token).ok();
    let before = exchange();
    about(&app, &root, "POST", &ada, "/disable", &Value::Null).ok();
    let enabled = about(&app, &root, "POST", &ada, "/enable", &Value::Null);
    assert_eq!((enabled.status, enabled.body.as_str()), (204, ""));
    assert_eq!(about(&app, &root, "GET", &ada, "", &Value::Null).ok()["disabled_at"], Value::Null);
    app.login("ada", PASSWORD).ok();
    use_key(&app, "GET", "/v1/me", &token).ok();
    app.me(&exchange()).ok();
    app.me(&before).problem(401, "token_revoked");
    assert_eq!(app.refresh(&ada["refresh_token"]).problem(401, "session_ended")["reason"], "user_disabled");
}

fn another_service_refuses_a_disabled_user_within_the_bound(engine: Engine) {
    let address = format!("127.0.0.1:{}", free_port());
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    let command = command.env("DATABASE_URL", &url).env("LISTEN", &address).env("ISSUER", &format!("http://{address}"));
    for create in [
        ["users", "create", "root", "--role", "admin", "--password-stdin"].as_slice(),
        &["users", "create", "ada", "--password-stdin"],
    ] {
        assert!(command.run_with_input(create, PASSWORD).success());
    }
    let serving = command.serve();
    let client = serving.client();
    let verifier = Verifier::from_issuer(&serving.base, &serving.base).build().unwrap();
    let service = Backend::start(verifier.clone());
    let started_at = Instant::now();
    while verifier.staleness().is_none() {
        assert!(started_at.elapsed() < Duration::from_secs(60), "the denylist is followed");
        std::thread::yield_now();
    }
    let [root, ada] = ["root", "ada"].map(|name| client.login(name, PASSWORD).ok());
    let token = api_token(&client, &ada, "backup");
    let exchange = || use_key(&client, "POST", "/v1/api-tokens/exchange", &token).ok();
    let get = |pair: &Value| service.get_as("/me", pair["access_token"].as_str().unwrap());
    let exchanged = exchange();
    assert_eq!([get(&root).status, get(&ada).status, get(&exchanged).status], [200; 3]);
    about(&client, &root, "POST", &ada, "/disable", &Value::Null).ok();
    let disabled_at = Instant::now();
    for pair in [&ada, &exchanged] {
        while get(pair).status == 200 {
            assert!(disabled_at.elapsed() < Duration::from_secs(2), "the promised bound");
        }
        assert_eq!((get(pair).status, &get(pair).json()["code"]), (401, &json!("token_revoked")));
    }
    assert_eq!(get(&root).status, 200);
    assert_eq!(about(&client, &root, "POST", &ada, "/enable", &Value::Null).status, 204);
    assert_eq!([get(&exchange()).status, get(&exchanged).status], [200, 401]);
}

fn new_roles_arrive_with_the_next_refresh_and_nobody_is_logged_out(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let set = |roles: Value| about(&app, &root, "PUT", &ada, "/roles", &json!({"roles": roles}));
    assert_eq!(set(json!(["poet", "admin", "poet"])).ok(), json!({"roles": ["admin", "poet"]}));
    assert_eq!(app.me(&ada).ok()["roles"], json!([]), "as it was issued");
    let next = app.refresh(&ada["refresh_token"]).ok();
    assert_eq!(next["session_id"], ada["session_id"]);
    assert_eq!(next["user"]["roles"], json!(["admin", "poet"]));
    assert_eq!(app.me(&next).ok()["roles"], json!(["admin", "poet"]));
    assert_eq!(app.ask_as("GET", USERS, &next, None).status, 200);
    for wrong in [json!(["two words"]), json!([""])] {
        assert_eq!(set(wrong).problem(400, "invalid_fields")["errors"][0]["field"], "roles");
    }
    assert_eq!(set(json!([])).ok(), json!({"roles": []}));
    app.advance(10);
    let last = app.refresh(&next["refresh_token"]).ok();
    app.ask_as("GET", USERS, &last, None).problem(403, "role_missing");
}

fn a_password_reset_ends_all_sessions(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let phone = app.login("ada", PASSWORD).ok();
    let token = api_token(&app, &ada, "backup");
    let new = "a long and unusual sentence";
    let reset = |password: &str| about(&app, &root, "POST", &ada, "/password", &json!({"password": password}));
    for weak in ["short", "password1", "ada@example.com"] {
        assert_eq!(reset(weak).problem(400, "invalid_fields")["errors"][0]["field"], "password");
    }
    app.me(&ada).ok();
    assert_eq!(reset(new).ok(), json!({"sessions_ended": 2}));
    for pair in [&ada, &phone] {
        assert_eq!(app.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "password_changed");
        app.me(pair).problem(401, "token_revoked");
    }
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    app.login("ada", new).ok();
    use_key(&app, "GET", "/v1/me", &token).ok();
    app.me(&root).ok();
}

fn the_timeline_says_when_and_why_each_session_ended(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    app.create_user("ada", &[]);
    let [lost, left, kicked, live, newest] = [(); 5].map(|()| {
        app.advance(1);
        app.login("ada", PASSWORD).ok()
    });
    let path = |pair: &Value| format!("/sessions/{}", pair["session_id"].as_str().unwrap());
    let ask = |method: &str, rest: &str| about(&app, &root, method, &newest, rest, &Value::Null);
    app.ask_as("DELETE", &format!("/v1{}", path(&lost)), &newest, None);
    app.revoke(&left["refresh_token"]);
    app.advance(1);
    for _twice in 0..2 {
        assert_eq!(ask("DELETE", &path(&kicked)).status, 204);
    }
    let reasons = |page: &Value| -> Vec<Value> {
        let sessions = page["sessions"].as_array().unwrap().iter();
        sessions.map(|session| json!([session["id"], session["end_reason"], session["ended_at"]])).collect()
    };
    let timeline = ask("GET", "/sessions").ok();
    assert_eq!(
        reasons(&timeline),
        [
            json!([newest["session_id"], null, null]),
            json!([live["session_id"], null, null]),
            json!([kicked["session_id"], "admin", "2027-01-15T08:00:06Z"]),
            json!([left["session_id"], "logout", "2027-01-15T08:00:05Z"]),
            json!([lost["session_id"], "revoked", "2027-01-15T08:00:05Z"]),
        ]
    );
    assert_eq!(timeline["sessions"][0]["created_at"], "2027-01-15T08:00:05Z");
    assert!(timeline["sessions"].as_array().unwrap().iter().all(|session| session["current"] == false), "{timeline}");
    let cursor = ask("GET", "/sessions?limit=3").ok()["next_cursor"].as_str().unwrap().to_owned();
    let rest = ask("GET", &format!("/sessions?cursor={cursor}")).ok();
    assert_eq!(reasons(&rest), reasons(&timeline)[3..]);
    assert_eq!(rest["next_cursor"], Value::Null);

    assert_eq!(app.refresh(&kicked["refresh_token"]).problem(401, "session_ended")["reason"], "admin");
    app.me(&kicked).problem(401, "token_revoked");
    ask("DELETE", &path(&root)).problem(404, "session_not_found");
    assert_eq!(ask("DELETE", "/sessions").ok(), json!({"sessions_ended": 2}));
    for pair in [&live, &newest] {
        assert_eq!(app.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "admin");
        app.me(pair).problem(401, "token_revoked");
    }
    app.me(&root).ok();
    app.login("ada", PASSWORD).ok();
}

fn a_users_api_tokens_are_listed_and_revoked(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let tokens = ["one", "two", "three"].map(|name| {
        app.advance(1);
        api_token(&app, &ada, name)
    });
    let mine = api_token(&app, &root, "mine");
    let exchanged = tokens.each_ref().map(|token| use_key(&app, "POST", "/v1/api-tokens/exchange", token).ok());
    let ask = |method: &str, rest: &str| about(&app, &root, method, &ada, rest, &Value::Null);
    let revoke = |token: &Value| ask("DELETE", &format!("/api-tokens/{}", token["id"].as_str().unwrap()));
    for _twice in 0..2 {
        assert_eq!(revoke(&tokens[0]).status, 204);
    }
    revoke(&mine).problem(404, "api_token_not_found");
    let states = || {
        let list = ask("GET", "/api-tokens");
        assert!(tokens.iter().all(|token| !list.body.contains(token["key"].as_str().unwrap())));
        let list = list.ok();
        let list = list["api_tokens"].as_array().unwrap().iter();
        list.map(|token| format!("{} {}", token["name"], token["state"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(states(), ["three active", "two active", "one revoked"]);
    use_key(&app, "GET", "/v1/me", &tokens[0]).problem(401, "api_token_revoked");
    app.me(&exchanged[0]).problem(401, "token_revoked");
    app.me(&exchanged[1]).ok();
    assert_eq!(ask("DELETE", "/api-tokens").ok(), json!({"api_tokens_revoked": 2}));
    assert_eq!(states(), ["three revoked", "two revoked", "one revoked"]);
    for (token, exchanged) in tokens.iter().zip(&exchanged) {
        use_key(&app, "GET", "/v1/me", token).problem(401, "api_token_revoked");
        app.me(exchanged).problem(401, "token_revoked");
    }
    use_key(&app, "GET", "/v1/me", &mine).ok();
    app.me(&ada).ok();
}

/// The three ways to lose the right to administer.
const REMOVALS: [(&str, &str, &str); 3] =
    [("POST", "/disable", ""), ("DELETE", "", ""), ("PUT", "/roles", r#"{"roles": ["poet"]}"#)];

fn the_last_administrator_stays_one(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let remove = |user: &Value, (method, rest, body): (&str, &str, &str)| {
        about(&app, &root, method, user, rest, &serde_json::from_str(body).unwrap_or_default())
    };
    // A disabled user cannot administer.
    app.create_user("gone", &["admin"]);
    app.execute("update users set disabled_at = 1 where username = 'gone'");
    let events = || app.number("select count(*) from audit_events");
    for (number, removal) in REMOVALS.into_iter().enumerate() {
        let before = events();
        remove(&root, removal).problem(409, "last_admin");
        assert_eq!(events(), before, "nothing happened");
        app.me(&root).ok();
        assert_eq!(about(&app, &root, "GET", &root, "", &Value::Null).ok()["roles"], json!(["admin"]));
        let name = format!("other{number}");
        app.create_user(&name, &["admin", "poet"]);
        let other = app.login(&name, PASSWORD).ok();
        assert!([200, 204].contains(&remove(&other, removal).status), "{removal:?}");
    }
    assert_eq!(about(&app, &root, "PUT", &root, "/roles", &json!({"roles": ["poet", "admin"]})).status, 200);
    app.refresh(&root["refresh_token"]).ok();
}

fn a_role_whose_name_looks_like_admin_is_another_role(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    for (number, role) in ["Admin", "ADMIN", "admin-x", "x/admin", "admi_"].into_iter().enumerate() {
        app.create_user(&format!("user{number}"), &[role]);
        about(&app, &root, "POST", &root, "/disable", &Value::Null).problem(409, "last_admin");
    }
}

fn two_administrators_who_remove_each_other_leave_one(engine: Engine) {
    let app = TestApp::start(engine);
    for (round, removal) in REMOVALS.into_iter().cycle().take(9).enumerate() {
        app.execute("update users set roles = ''");
        let pairs = ["one", "other"].map(|name| {
            let name = format!("{name}{round}");
            app.create_user(&name, &["admin"]);
            app.login(&name, PASSWORD).ok()
        });
        let start = Arc::new(Barrier::new(2));
        let threads = [0, 1].map(|own| {
            let (client, start, pairs) = (app.another_client(), Arc::clone(&start), pairs.clone());
            std::thread::spawn(move || {
                let (method, rest, body) = removal;
                client.get("/healthz").ok();
                start.wait();
                let body = serde_json::from_str(body).unwrap_or_default();
                about(&client, &pairs[own], method, &pairs[1 - own], rest, &body).status
            })
        });
        let mut statuses = threads.map(|thread| thread.join().unwrap());
        statuses.sort_unstable();
        // The later request is refused because it names the last administrator, or because its sender no longer is one.
        assert!(statuses[0] < 300 && [401, 403, 409].contains(&statuses[1]), "{removal:?}: {statuses:?}");
        let left = "select count(*) from users where roles = 'admin' and disabled_at is null";
        assert_eq!(app.number(left), 1, "{removal:?}");
    }
}

/// Method, path (behind that of the user), body, and whether the password must have been given lately.
const ROUTES: [(&str, &str, &str, bool); 15] = [
    ("GET", USERS, "", false),
    ("GET", "", "", false),
    ("GET", "/sessions", "", false),
    ("GET", "/api-tokens", "", false),
    ("DELETE", "/sessions/{other}", "", false),
    ("DELETE", "/sessions", "", false),
    ("DELETE", "/api-tokens/{other}", "", false),
    ("DELETE", "/api-tokens", "", false),
    ("POST", "/disable", "", false),
    ("POST", USERS, r#"{"username": "new", "password": "a long and unusual sentence"}"#, true),
    ("PATCH", "", r#"{"name": "Ada"}"#, true),
    ("POST", "/password", r#"{"password": "a long and unusual sentence"}"#, true),
    ("PUT", "/roles", r#"{"roles": ["poet"]}"#, true),
    ("POST", "/enable", "", true),
    ("DELETE", "", "", true),
];

/// Asks a route about this user; `{other}` is the user's session or API token.
fn ask_route(
    app: &TestApp,
    pair: &Value,
    user: &Value,
    token: &Value,
    (method, rest, body): (&str, &str, &str),
) -> Answer {
    let body = serde_json::from_str(body).unwrap_or_default();
    let other = if rest.starts_with("/sessions") { &user["session_id"] } else { &token["id"] };
    if rest == USERS {
        return app.ask_as(method, USERS, pair, Some(&body).filter(|body: &&Value| !body.is_null()));
    }
    about(app, pair, method, user, &rest.replace("{other}", other.as_str().unwrap()), &body)
}

fn only_administrators_are_let_in(engine: Engine) {
    let app = TestApp::start(engine);
    let ada = app.logged_in("ada");
    let token = api_token(&app, &ada, "backup");
    app.create_user("bob", &["administrator", "Admin", "admin-x"]);
    let bob = app.login("bob", PASSWORD).ok();
    let writes = app.number("select count(*) from audit_events");
    let path = format!("{USERS}/{}", ada["user"]["id"].as_str().unwrap());
    for (method, rest, body, _) in ROUTES {
        for pair in [&ada, &bob] {
            ask_route(&app, pair, &ada, &token, (method, rest, body)).problem(403, "role_missing");
        }
        let path = if rest == USERS { USERS.to_owned() } else { format!("{path}{}", rest.replace("{other}", NOBODY)) };
        let (key, body) = (format!("Token {}", token["key"].as_str().unwrap()), serde_json::from_str(body).ok());
        app.ask(method, &path, &key, body.as_ref()).problem(403, "role_missing");
        app.send(method, &path, &[], b"").problem(401, "access_token_missing");
    }
    assert_eq!(app.number("select count(*) from audit_events"), writes);
}

fn sensitive_changes_need_a_recent_password_and_those_that_stop_harm_do_not(engine: Engine) {
    let app = TestApp::start(engine);
    let (mut root, ada) = (administrator(&app), app.logged_in("ada"));
    let token = api_token(&app, &ada, "backup");
    for seconds in [290, 290, 19] {
        app.advance(seconds);
        root = app.refresh(&root["refresh_token"]).ok();
    }
    about(&app, &root, "PUT", &ada, "/roles", &json!({"roles": ["poet"]})).ok();
    app.advance(1);
    for (method, rest, body, is_sensitive) in ROUTES {
        let answer = ask_route(&app, &root, &ada, &token, (method, rest, body));
        if is_sensitive {
            answer.problem(401, "reauthentication_required");
            assert!(answer.header("www-authenticate").contains("max_age"), "{answer:?}");
        } else {
            assert!([200, 204].contains(&answer.status), "{method} {rest}: {answer:?}");
        }
    }
    assert_eq!(app.number("select count(*) from users where disabled_at is not null and roles = 'poet'"), 1);
    assert_eq!(app.number("select count(*) from users"), 2);
    let again = app.ask_as("POST", "/v1/me/reauthenticate", &root, Some(&json!({"password": PASSWORD}))).ok();
    for (method, rest, body, _) in ROUTES.into_iter().filter(|(.., is_sensitive)| *is_sensitive) {
        let answer = ask_route(&app, &again, &ada, &token, (method, rest, body));
        assert!([200, 201, 204].contains(&answer.status), "{method} {rest}: {answer:?}");
    }
}
