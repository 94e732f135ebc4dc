//! `/v1/sessions` and `/v1/logout`: what users see of their own sessions, and how they end them.

use serde_json::{Value, json};
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::service::{purge, users};

use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_session_is_listed_with_its_device_and_its_times,
    the_newest_session_comes_first_the_current_one_is_marked_and_those_of_others_are_missing,
    the_list_comes_in_pages,
    a_query_that_is_not_understood_is_refused,
    ending_another_session_revokes_it_at_once_and_for_good,
    ending_the_session_that_asks_is_a_logout,
    the_session_of_another_user_is_not_found_and_stays_open,
    a_logout_everywhere_ends_every_session_of_this_user,
    a_logout_everywhere_else_keeps_the_session_that_asks,
    a_logout_everywhere_that_is_not_understood_ends_nothing,
    an_ended_session_is_listed_with_when_and_why_it_ended,
    a_session_that_lapsed_is_listed_as_idle_before_that_is_recorded,
    an_ended_session_is_listed_until_its_retention_has_passed,
    without_a_token_nothing_is_listed_or_ended,
);

const DAY: i64 = 86_400;

fn list(app: &TestApp, pair: &Value, query: &str) -> Value {
    app.ask_as("GET", &format!("/v1/sessions{query}"), pair, None).ok()
}

/// One column of the list.
fn listed(app: &TestApp, pair: &Value, member: &str) -> Vec<Value> {
    let sessions = list(app, pair, "")["sessions"].clone();
    sessions.as_array().unwrap().iter().map(|session| session[member].clone()).collect()
}

/// One session of the list, if it is there.
fn find(app: &TestApp, pair: &Value, id: &Value) -> Option<Value> {
    let sessions = list(app, pair, "")["sessions"].clone();
    sessions.as_array().unwrap().iter().find(|session| session["id"] == *id).cloned()
}

fn end(app: &TestApp, pair: &Value, id: &Value) -> Answer {
    app.ask_as("DELETE", &format!("/v1/sessions/{}", id.as_str().unwrap()), pair, None)
}

/// So many logins of one user, a second apart.
fn logins(app: &TestApp, username: &str, count: usize) -> Vec<Value> {
    app.create_user(username, &[]);
    let login = |_| {
        app.advance(1);
        app.login(username, PASSWORD).ok()
    };
    (0..count).map(login).collect()
}

#[track_caller]
fn assert_ended(app: &TestApp, pair: &Value, reason: &str) {
    assert_eq!(app.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], reason);
    app.me(pair).problem(401, "token_revoked");
}

#[track_caller]
fn assert_live(app: &TestApp, pair: &Value) {
    app.me(pair).ok();
    app.refresh(&pair["refresh_token"]).ok();
}

fn a_session_is_listed_with_its_device_and_its_times(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let headers = [("content-type", "application/json"), ("user-agent", "Tester/1.0")];
    let body = json!({"username": "ada", "password": PASSWORD, "label": "my laptop"}).to_string();
    let pair = app.send("POST", "/v1/tokens", &headers, body.as_bytes()).ok();
    let session = |last_refreshed_at: Option<&str>, expires_at: &str| {
        json!({
            "id": pair["session_id"],
            "client_id": null,
            "label": "my laptop",
            "user_agent": "Tester/1.0",
            "ip": "127.0.0.1",
            "created_at": "2027-01-15T08:00:00Z",
            "last_refreshed_at": last_refreshed_at,
            "authenticated_at": "2027-01-15T08:00:00Z",
            "expires_at": expires_at,
            "current": true,
            "ended_at": null,
            "end_reason": null,
        })
    };
    let expected = json!({"sessions": [session(None, "2027-01-29T08:00:00Z")], "next_cursor": null});
    assert_eq!(list(&app, &pair, ""), expected);
    app.advance(60);
    app.refresh(&pair["refresh_token"]).ok();
    let refreshed = session(Some("2027-01-15T08:01:00Z"), "2027-01-29T08:01:00Z");
    assert_eq!(list(&app, &pair, "")["sessions"], json!([refreshed]));
}

fn the_newest_session_comes_first_the_current_one_is_marked_and_those_of_others_are_missing(engine: Engine) {
    let app = TestApp::start(engine);
    let ada = logins(&app, "ada", 3);
    let bob = &logins(&app, "bob", 1)[0];
    let [first, second, third] = [0, 1, 2].map(|at: usize| ada[at]["session_id"].clone());
    assert_eq!(listed(&app, &ada[1], "id"), [third, second, first]);
    assert_eq!(listed(&app, &ada[1], "current"), [false, true, false]);
    assert_eq!(listed(&app, bob, "id"), [bob["session_id"].clone()]);
}

fn the_list_comes_in_pages(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = &logins(&app, "ada", 5)[0];
    let mut pages = vec![list(&app, pair, "?limit=2")];
    while let Some(cursor) = pages.last().unwrap()["next_cursor"].as_str() {
        pages.push(list(&app, pair, &format!("?limit=2&cursor={cursor}")));
    }
    let pages: Vec<Vec<Value>> = pages.iter().map(|page| page["sessions"].as_array().unwrap().clone()).collect();
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(json!(pages.concat()), list(&app, pair, "")["sessions"]);
    let whole = list(&app, pair, "?limit=5");
    assert_eq!(whole["next_cursor"], json!(null), "there is no empty page at the end");
    assert_eq!(whole["sessions"], list(&app, pair, "?limit=100")["sessions"]);
}

fn a_query_that_is_not_understood_is_refused(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let refused = |query: &str| {
        let answer = app.ask_as("GET", &format!("/v1/sessions?{query}"), &pair, None);
        answer.problem(400, "invalid_fields")["errors"][0]["field"].clone()
    };
    for query in ["limit=0", "limit=101", "limit=-1", "limit=ten", "limit=", "limit=1.5"] {
        assert_eq!(refused(query), "limit", "{query}");
    }
    for query in ["cursor=", "cursor=2", "cursor=0193c5d0-0000-7000-8000-00000000000g"] {
        assert_eq!(refused(query), "cursor", "{query}");
    }
    for query in ["page=2", "limit=1&limit=2"] {
        assert!(refused(query).is_string(), "{query}");
    }
}

fn ending_another_session_revokes_it_at_once_and_for_good(engine: Engine) {
    let app = TestApp::start(engine);
    let pairs = logins(&app, "ada", 3);
    let [mine, other, third] = [&pairs[0], &pairs[1], &pairs[2]];
    assert_eq!(end(&app, mine, &other["session_id"]).status, 204);
    assert_ended(&app, other, "revoked");
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 1);
    let ended_at = find(&app, mine, &other["session_id"]).unwrap()["ended_at"].clone();
    app.advance(20);
    assert_eq!(end(&app, mine, &other["session_id"]).status, 204);
    assert_eq!(find(&app, mine, &other["session_id"]).unwrap()["ended_at"], ended_at, "it ended once");
    assert_live(&app, mine);
    assert_live(&app, third);
}

fn ending_the_session_that_asks_is_a_logout(engine: Engine) {
    let app = TestApp::start(engine);
    let pairs = logins(&app, "ada", 3);
    let by_id = |pair: &Value| end(&app, pair, &pair["session_id"]);
    let by_logout = |pair: &Value| app.ask_as("POST", "/v1/logout", pair, None);
    assert_eq!(by_id(&pairs[0]).status, 204);
    assert_ended(&app, &pairs[0], "logout");
    assert_eq!(by_logout(&pairs[1]).status, 204);
    assert_ended(&app, &pairs[1], "logout");
    by_logout(&pairs[1]).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 2);
    assert_live(&app, &pairs[2]);
}

fn the_session_of_another_user_is_not_found_and_stays_open(engine: Engine) {
    let app = TestApp::start(engine);
    let [ada, bob] = ["ada", "bob"].map(|name| app.logged_in(name));
    let mut foreign = end(&app, &bob, &ada["session_id"]).problem(404, "session_not_found");
    let mut unknown = end(&app, &bob, &json!("0193c5d0-0000-7000-8000-000000000000")).problem(404, "session_not_found");
    // Other users must not learn whether it exists.
    assert_ne!(foreign["request_id"].take(), unknown["request_id"].take());
    assert_eq!(foreign, unknown);
    let problem = end(&app, &bob, &json!("mine")).problem(400, "invalid_fields");
    assert_eq!(problem["errors"][0]["field"], "id");
    assert_eq!(app.number("select count(*) from denylist"), 0);
    assert_live(&app, &ada);
    assert_live(&app, &bob);
}

fn a_logout_everywhere_ends_every_session_of_this_user(engine: Engine) {
    let app = TestApp::start(engine);
    let bystander = app.logged_in("eve");
    for (number, body) in [None, Some(json!({})), Some(json!({"keep_current": false}))].iter().enumerate() {
        let pairs = logins(&app, &format!("user{number}"), 3);
        app.revoke(&pairs[2]["refresh_token"]);
        let answer = app.ask_as("POST", "/v1/logout/all", &pairs[0], body.as_ref());
        assert_eq!(answer.ok(), json!({"sessions_ended": 2}), "{body:?}: what had ended before does not count");
        for pair in &pairs {
            assert_ended(&app, pair, "logout");
        }
    }
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 9);
    assert_live(&app, &bystander);
}

fn a_logout_everywhere_else_keeps_the_session_that_asks(engine: Engine) {
    let app = TestApp::start(engine);
    let pairs = logins(&app, "ada", 3);
    let bystander = app.logged_in("eve");
    let keeping = || app.ask_as("POST", "/v1/logout/all", &pairs[1], Some(&json!({"keep_current": true}))).ok();
    assert_eq!(keeping(), json!({"sessions_ended": 2}));
    assert_eq!(keeping(), json!({"sessions_ended": 0}));
    assert_ended(&app, &pairs[0], "logout");
    assert_ended(&app, &pairs[2], "logout");
    assert_live(&app, &pairs[1]);
    assert_live(&app, &bystander);
}

fn a_logout_everywhere_that_is_not_understood_ends_nothing(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    for body in [json!({"keep_current": "yes"}), json!({"keep_current": null}), json!({"keep": true}), json!([true])] {
        app.ask_as("POST", "/v1/logout/all", &pair, Some(&body)).problem(400, "malformed_json");
    }
    assert_live(&app, &pair);
}

fn an_ended_session_is_listed_with_when_and_why_it_ended(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    let pairs = logins(&app, "ada", 6);
    let user = pairs[0]["user"]["id"].as_str().unwrap();
    app.ask_as("POST", "/v1/logout", &pairs[0], None);
    end(&app, &pairs[5], &pairs[1]["session_id"]);
    let of_ada = format!("/v1/admin/users/{user}/sessions/{}", pairs[2]["session_id"].as_str().unwrap());
    app.ask_as("DELETE", &of_ada, &admin, None);
    let next = app.refresh(&pairs[3]["refresh_token"]).ok();
    app.advance(90);
    app.refresh(&next["refresh_token"]).ok();
    app.refresh(&pairs[3]["refresh_token"]).problem(401, "refresh_token_reused");
    let passwords = json!({"current_password": PASSWORD, "new_password": "a river of seventeen green lanterns"});
    assert_eq!(app.ask_as("POST", "/v1/me/password", &pairs[5], Some(&passwords)).ok()["sessions_ended"], 1);
    users::disable(&app.inside, user.parse().unwrap(), &Origin::default()).unwrap();
    users::enable(&app.inside, user.parse().unwrap(), &Origin::default()).unwrap();
    let reader = app.login("ada", "a river of seventeen green lanterns").ok();
    let mut reasons = listed(&app, &reader, "end_reason");
    reasons.reverse();
    let expected = ["logout", "revoked", "admin", "reuse", "password_changed", "user_disabled"];
    assert_eq!(json!(reasons[..6]), json!(expected));
    assert_eq!(reasons[6], json!(null), "the one that asks lives");
    let mut ended_at = listed(&app, &reader, "ended_at");
    ended_at.reverse();
    let [early, late] = ["2027-01-15T08:00:06Z", "2027-01-15T08:01:36Z"];
    assert_eq!(json!(ended_at), json!([early, early, early, late, late, late, null]));
    assert_eq!(listed(&app, &reader, "current"), [true, false, false, false, false, false, false]);
}

fn a_session_that_lapsed_is_listed_as_idle_before_that_is_recorded(engine: Engine) {
    let app = TestApp::start(engine);
    let lapsed = app.logged_in("ada")["session_id"].clone();
    app.advance(14 * DAY - 1);
    let reader = app.login("ada", PASSWORD).ok();
    assert_eq!(find(&app, &reader, &lapsed).unwrap()["end_reason"], json!(null));
    app.advance(1);
    assert_eq!(app.number("select count(*) from sessions where ended_at is null"), 2);
    let before = find(&app, &reader, &lapsed).unwrap();
    assert_eq!((&before["end_reason"], &before["ended_at"]), (&json!("idle"), &json!("2027-01-29T08:00:00Z")));
    // The sweep records it a day later.
    app.advance(DAY);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'idle'"), 1);
    let reader = app.login("ada", PASSWORD).ok();
    assert_eq!(find(&app, &reader, &lapsed).unwrap(), before);
}

fn an_ended_session_is_listed_until_its_retention_has_passed(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SESSION_RETENTION", "2d")]);
    let ended = app.logged_in("ada");
    assert_eq!(app.ask_as("POST", "/v1/logout", &ended, None).status, 204);
    app.advance(2 * DAY - 1);
    purge::all(&app.inside).unwrap();
    let reader = app.login("ada", PASSWORD).ok();
    assert_eq!(find(&app, &reader, &ended["session_id"]).unwrap()["end_reason"], "logout");
    app.advance(1);
    purge::all(&app.inside).unwrap();
    assert_eq!(listed(&app, &reader, "id"), [reader["session_id"].clone()]);
    app.refresh(&ended["refresh_token"]).problem(401, "session_unknown");
    end(&app, &reader, &ended["session_id"]).problem(404, "session_not_found");
}

fn without_a_token_nothing_is_listed_or_ended(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let one = format!("/v1/sessions/{}", pair["session_id"].as_str().unwrap());
    for (method, path) in
        [("GET", "/v1/sessions"), ("DELETE", &*one), ("POST", "/v1/logout"), ("POST", "/v1/logout/all")]
    {
        let answer = app.send(method, path, &[], b"");
        answer.problem(401, "access_token_missing");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="tokensmith""#);
    }
    assert_live(&app, &pair);
}
