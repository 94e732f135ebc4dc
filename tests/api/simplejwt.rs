//! `/api/token/` and what is below it: the endpoints of djangorestframework-simplejwt, as its clients know them.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::config::Config;
use tokensmith::internals::http::ROUTES;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::service::users;

use crate::support::oauth::claims;
use crate::support::postgres::{self, Cluster};
use crate::support::process::Tokensmith;
use crate::support::simplejwt::{LEGACY, SECRET, SECRET_FILE, SIMPLEJWT, old_token};
use crate::support::totp::enrolled;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_login_returns_tokens_as_simplejwt_does,
    all_access_tokens_of_users_have_its_claims_and_no_others_when_it_is_off,
    what_a_login_refuses_is_told_as_simplejwt_does,
    a_password_alone_gets_no_tokens_where_a_second_factor_is_needed,
    a_refresh_follows_the_rules_of_every_refresh,
    sixty_four_parallel_refreshes_of_two_instances_are_one_rotation,
    a_refresh_token_is_good_only_where_it_was_issued,
    a_disabled_user_and_a_deleted_one_are_refused,
    verify_knows_access_tokens_and_refresh_tokens,
    blacklisting_ends_the_session,
    without_rotation_a_refresh_token_stays_good_until_it_expires,
    without_rotation_a_session_ends_as_any,
    rotation_can_be_turned_off_and_on_without_logging_anyone_out,
    a_session_is_a_login_of_its_user_and_no_application,
    a_key_of_django_rest_framework_is_an_api_token,
);

const CREDENTIALS: [(&str, &str); 2] = [("username", "ada"), ("password", PASSWORD)];

fn start(engine: Engine, settings: &[(&str, &str)]) -> TestApp {
    let app = TestApp::start_with(engine, &[&[SIMPLEJWT], settings].concat());
    app.create_user("ada", &["editor"]);
    app
}

fn log_in(app: &TestApp) -> Value {
    app.simplejwt("", &json!({"username": "ada", "password": PASSWORD})).ok()
}

fn names(body: &Value) -> Vec<&String> {
    body.as_object().unwrap().keys().collect()
}

fn me(app: &TestApp, pair: &Value) -> Answer {
    app.get_as("/v1/me", pair["access"].as_str().unwrap())
}

fn a_login_returns_tokens_as_simplejwt_does(engine: Engine) {
    let app = start(engine, &[]);
    app.execute("update users set external_id = '42'");
    let answer = app.simplejwt_form("", &CREDENTIALS);
    let pair = answer.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(names(&pair), ["access", "refresh"]);
    for pair in [&pair, &log_in(&app)] {
        let (access, refresh) = (claims(&pair["access"]), claims(&pair["refresh"]));
        assert_eq!((&access["token_type"], &refresh["token_type"]), (&json!("access"), &json!("refresh")));
        assert_eq!(access["user_id"], "42", "a string, as simplejwt 5.5 has it");
        assert!(access["jti"].is_string() && refresh["jti"].is_string());
        assert_eq!(access["roles"], json!(["editor"]));
        assert_eq!(me(&app, pair).status, 200);
    }
    let of_it = "select count(*) from sessions where client_id = 'compat:simplejwt' and amr = 'pwd'";
    assert_eq!((app.number("select count(*) from sessions"), app.number(of_it)), (2, 2));
    assert_eq!(app.number("select count(*) from audit_events where name = 'login'"), 2);
    // Fields that it does not know, white space around values, and the last of several count as in Django.
    let loose = json!({"username": " ada ", "password": format!("{PASSWORD}\n"), "remember": true});
    app.simplejwt("", &loose).ok();
    app.simplejwt_form("", &[("username", "bob"), ("username", "ada"), ("password", PASSWORD)]).ok();
}

fn all_access_tokens_of_users_have_its_claims_and_no_others_when_it_is_off(engine: Engine) {
    let app = start(engine, &[]);
    let pair = app.login("ada", PASSWORD).ok();
    let said = claims(&pair["access_token"]);
    assert_eq!((&said["token_type"], &said["user_id"]), (&json!("access"), &said["sub"]), "without an external id");
    assert_eq!(claims(&pair["refresh_token"]).get("token_type"), None);
    app.execute("update users set external_id = '42'");
    let key = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "nightly"}))).json();
    let key = format!("Token {}", key["key"].as_str().unwrap());
    let exchanged = app.ask("POST", "/v1/api-tokens/exchange", &key, None).ok();
    assert_eq!(claims(&exchanged["access_token"])["user_id"], "42");
    let off = TestApp::start(engine);
    let said = claims(&off.logged_in("ada")["access_token"]);
    assert_eq!((said.get("token_type"), said.get("user_id")), (None, None));
    for path in ["/api/token/", "/api/token/refresh/", "/api/token/verify/", "/api/token/blacklist/", "/api/token"] {
        off.post(path, &json!({})).problem(404, "not_found");
    }
}

fn what_a_login_refuses_is_told_as_simplejwt_does(engine: Engine) {
    let app = start(engine, &[]);
    let nobody = json!({"detail": "No active account found with the given credentials"});
    let disabled = app.create_user("off", &[]);
    users::disable(&app.inside, disabled.id, &Origin::default()).unwrap();
    for (username, password) in [("ada", "wrong"), ("bob", PASSWORD), ("off", PASSWORD), ("off", "wrong")] {
        app.simplejwt("", &json!({"username": username, "password": password})).told(401, &nobody);
    }
    app.simplejwt("", &json!({"username": 5, "password": 1.5})).told(401, &nobody);
    let both = |text: &str| json!({"username": [text], "password": [text]});
    for (value, text) in [
        (json!(""), "This field may not be blank."),
        (json!(" \t"), "This field may not be blank."),
        (Value::Null, "This field may not be null."),
        (json!(true), "Not a valid string."),
        (json!([]), "Not a valid string."),
        (json!({}), "Not a valid string."),
        (json!("a\u{0}b"), "Null characters are not allowed."),
    ] {
        app.simplejwt("", &json!({"username": value, "password": value})).told(400, &both(text));
    }
    app.simplejwt("", &json!({})).told(400, &both("This field is required."));
    app.simplejwt_form("", &[("username", ""), ("password", "")]).told(400, &both("This field may not be blank."));
    app.simplejwt("", &json!({"username": "ada"})).told(400, &json!({"password": ["This field is required."]}));
    for (body, text) in [
        ("null", "No data provided"),
        ("[]", "Invalid data. Expected a dictionary, but got list."),
        ("\"x\"", "Invalid data. Expected a dictionary, but got str."),
        ("5", "Invalid data. Expected a dictionary, but got int."),
        ("1.5", "Invalid data. Expected a dictionary, but got float."),
        ("true", "Invalid data. Expected a dictionary, but got bool."),
    ] {
        let answer = app.send("POST", "/api/token/", &[("content-type", "application/json")], body.as_bytes());
        answer.told(400, &json!({"non_field_errors": [text]}));
    }
    assert_eq!(app.number("select count(*) from sessions"), 0);
    for _ in 0..20 {
        app.simplejwt("", &json!({"username": "eve", "password": "wrong"}));
    }
    let limited = app.simplejwt("", &json!({"username": "eve", "password": "wrong"}));
    let seconds = limited.header("retry-after").to_owned();
    let text = format!("Request was throttled. Expected available in {seconds} seconds.");
    limited.told(429, &json!({"detail": text}));
}

fn a_password_alone_gets_no_tokens_where_a_second_factor_is_needed(engine: Engine) {
    let app = TestApp::start_with(engine, &[SIMPLEJWT]);
    enrolled(&app, "ada", &[]);
    let before = app.number("select count(*) from sessions");
    let refused = app.simplejwt("", &json!({"username": "ada", "password": PASSWORD}));
    let detail = "A second factor is needed, which this endpoint does not take.";
    refused.told(401, &json!({"detail": detail, "code": "second_factor_required"}));
    assert_eq!(app.number("select count(*) from sessions"), before);
    let required = TestApp::start_with(engine, &[SIMPLEJWT, ("REQUIRE_SECOND_FACTOR", "all")]);
    required.create_user("bob", &[]);
    let refused = required.simplejwt("", &json!({"username": "bob", "password": PASSWORD}));
    assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("second_factor_enrolment_required")));
    assert_eq!(required.number("select count(*) from sessions"), 0);
}

fn a_refresh_follows_the_rules_of_every_refresh(engine: Engine) {
    let app = start(engine, &[]);
    let first = log_in(&app);
    let second = app.simplejwt_refresh(&first["refresh"]).ok();
    assert_eq!(names(&second), ["access", "refresh"]);
    assert_ne!((&second["access"], &second["refresh"]), (&first["access"], &first["refresh"]));
    app.advance(30);
    assert_eq!(app.simplejwt_refresh(&first["refresh"]).ok()["refresh"], second["refresh"], "a lost answer");
    let third = app.simplejwt_form("refresh/", &[("refresh", second["refresh"].as_str().unwrap())]).ok();
    assert_eq!(app.number("select denied_through from sessions"), 2);
    app.simplejwt_refresh(&first["refresh"]).not_valid("Token is blacklisted");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'reuse'"), 1);
    app.simplejwt_refresh(&third["refresh"]).not_valid("Token is blacklisted");
    me(&app, &third).problem(401, "token_revoked");
    let pair = log_in(&app);
    app.simplejwt_refresh(&pair["access"]).not_valid("Token has wrong type");
    app.simplejwt_refresh(&json!("garbage")).not_valid("Token is invalid");
    app.simplejwt_refresh(&json!(format!("{}A", pair["refresh"].as_str().unwrap()))).not_valid("Token is invalid");
    app.simplejwt_refresh(&json!("")).told(400, &json!({"refresh": ["This field may not be blank."]}));
    app.advance(14 * 86_400 + 61);
    app.simplejwt_refresh(&pair["refresh"]).not_valid("Token is expired");
}

/// All at once, half of them at each of two instances; returns the bodies.
pub fn in_parallel(app: &TestApp, other: &TestApp, count: usize, token: &Value) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(count));
    let clients = (0..count).map(|at| if at % 2 == 0 { app.another_client() } else { other.another_client() });
    let threads: Vec<_> = clients
        .map(|client| {
            let (start, token) = (Arc::clone(&start), token.clone());
            std::thread::spawn(move || {
                start.wait();
                client.simplejwt_refresh(&token)
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn sixty_four_parallel_refreshes_of_two_instances_are_one_rotation(engine: Engine) {
    let app = start(engine, &[]);
    let other = app.another_instance(0, &[SIMPLEJWT]);
    let pair = log_in(&app);
    let answers: Vec<_> = in_parallel(&app, &other, 64, &pair["refresh"]).iter().map(Answer::ok).collect();
    assert!(answers.iter().all(|answer| answer["refresh"] == answers[0]["refresh"]));
    assert_eq!(app.number("select denied_through from sessions"), 1);
    assert_eq!(app.number("select count(*) from denylist"), 0);
}

fn a_refresh_token_is_good_only_where_it_was_issued(engine: Engine) {
    let app = start(engine, &[]);
    let (theirs, ours) = (log_in(&app), app.login("ada", PASSWORD).ok());
    app.refresh(&theirs["refresh"]).problem(401, "wrong_client");
    let cookies = json!({"refresh_token": theirs["refresh"], "cookies": true});
    let from_here = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    let answer = app.send("POST", "/v1/tokens/refresh", &from_here, cookies.to_string().as_bytes());
    answer.problem(401, "wrong_client");
    for endpoint in ["refresh/", "blacklist/"] {
        app.simplejwt(endpoint, &json!({"refresh": ours["refresh_token"]})).not_valid("Token is invalid");
    }
    app.simplejwt("verify/", &json!({"token": ours["refresh_token"]})).not_valid("Token is invalid");
    // Neither has cost a session.
    app.simplejwt_refresh(&theirs["refresh"]).ok();
    app.refresh(&ours["refresh_token"]).ok();
    assert_eq!(app.revoke(&theirs["refresh"]).status, 204, "who has it may revoke it");
    app.simplejwt_refresh(&theirs["refresh"]).not_valid("Token is blacklisted");
}

fn a_disabled_user_and_a_deleted_one_are_refused(engine: Engine) {
    let app = start(engine, &[]);
    let pair = log_in(&app);
    let id = claims(&pair["access"])["sub"].as_str().unwrap().parse().unwrap();
    users::disable(&app.inside, id, &Origin::default()).unwrap();
    let nobody = json!({"detail": "No active account found for the given token."});
    app.simplejwt_refresh(&pair["refresh"]).told(401, &nobody);
    app.execute("delete from users");
    app.simplejwt_refresh(&pair["refresh"]).not_valid("Token is blacklisted");
    let gone = json!({"non_field_errors": ["Token is blacklisted"]});
    app.simplejwt("verify/", &json!({"token": pair["refresh"]})).told(400, &gone);
}

fn verify_knows_access_tokens_and_refresh_tokens(engine: Engine) {
    let app = start(engine, &[]);
    let first = log_in(&app);
    let second = app.simplejwt_refresh(&first["refresh"]).ok();
    let verify = |token: &Value| app.simplejwt("verify/", &json!({"token": token}));
    for token in [&first["access"], &first["refresh"], &second["access"], &second["refresh"]] {
        assert_eq!(verify(token).ok(), json!({}));
    }
    assert_eq!(verify(&app.login("ada", PASSWORD).ok()["access_token"]).ok(), json!({}));
    app.advance(91);
    let replaced = json!({"non_field_errors": ["Token is blacklisted"]});
    verify(&first["refresh"]).told(400, &replaced);
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 0, "asking ends nothing");
    app.simplejwt("blacklist/", &json!({"refresh": second["refresh"]})).ok();
    verify(&second["refresh"]).told(400, &replaced);
    verify(&second["access"]).told(400, &replaced);
    verify(&json!("garbage")).not_valid("Token is invalid");
    app.simplejwt("verify/", &json!({"refresh": "x"})).told(400, &json!({"token": ["This field is required."]}));
    let late = log_in(&app);
    app.advance(300);
    verify(&late["access"]).not_valid("Token is expired");
}

fn blacklisting_ends_the_session(engine: Engine) {
    let app = start(engine, &[]);
    let (first, other) = (log_in(&app), log_in(&app));
    let second = app.simplejwt_refresh(&first["refresh"]).ok();
    let blacklist = |token: &Value| app.simplejwt("blacklist/", &json!({"refresh": token}));
    blacklist(&first["access"]).not_valid("Token has wrong type");
    assert_eq!(blacklist(&first["refresh"]).ok(), json!({}), "also with the token whose answer was lost");
    me(&app, &second).problem(401, "token_revoked");
    blacklist(&first["refresh"]).not_valid("Token is blacklisted");
    blacklist(&second["refresh"]).not_valid("Token is blacklisted");
    app.simplejwt_refresh(&second["refresh"]).not_valid("Token is blacklisted");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'logout'"), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'logout'"), 1);
    app.simplejwt_refresh(&other["refresh"]).ok();
}

fn without_rotation_a_refresh_token_stays_good_until_it_expires(engine: Engine) {
    let app = start(engine, &[("COMPAT_ROTATION", "off")]);
    let pair = log_in(&app);
    let row = "select denied_through + rotated_at + refresh_expires_at + access_expires_by from sessions";
    let before = app.number(row);
    for _ in 0..13 {
        app.advance(86_400);
        let refreshed = app.simplejwt_refresh(&pair["refresh"]).ok();
        assert_eq!(names(&refreshed), ["access"]);
        assert_eq!(me(&app, &refreshed).status, 200);
    }
    assert_eq!(app.number(row), before, "nothing is written");
    app.advance(86_400 - 10);
    let last = app.simplejwt_refresh(&pair["refresh"]).ok();
    assert_eq!(claims(&last["access"])["exp"], claims(&pair["refresh"])["exp"], "no access token outlives it");
    app.advance(10);
    app.simplejwt_refresh(&pair["refresh"]).not_valid("Token is expired");
    // Other refresh tokens rotate.
    let ours = app.login("ada", PASSWORD).ok();
    assert_eq!(app.refresh(&ours["refresh_token"]).ok()["refresh_generation"], 2);
}

fn without_rotation_a_session_ends_as_any(engine: Engine) {
    let app = start(engine, &[("COMPAT_ROTATION", "off")]);
    for end in ["blacklist", "revoke", "everywhere"] {
        let pair = log_in(&app);
        app.advance(3_600);
        let refreshed = app.simplejwt_refresh(&pair["refresh"]).ok();
        let bearer = format!("Bearer {}", refreshed["access"].as_str().unwrap());
        match end {
            "blacklist" => app.simplejwt("blacklist/", &json!({"refresh": pair["refresh"]})).ok(),
            "revoke" => json!(app.revoke(&pair["refresh"]).status),
            _ => json!(app.ask("POST", "/v1/logout/all", &bearer, None).status),
        };
        me(&app, &refreshed).problem(401, "token_revoked");
        app.simplejwt_refresh(&pair["refresh"]).not_valid("Token is blacklisted");
        // The denial lasts as long as an access token that was signed just before it.
        app.advance(299);
        app.follow_denylist();
        me(&app, &refreshed).problem(401, "token_revoked");
    }
}

fn rotation_can_be_turned_off_and_on_without_logging_anyone_out(engine: Engine) {
    let on = start(engine, &[]);
    let off = on.another_instance(0, &[SIMPLEJWT, ("COMPAT_ROTATION", "off")]);
    let wait = |seconds| [&on, &off].map(|app| app.advance(seconds));
    let first = log_in(&on);
    let _lost = on.simplejwt_refresh(&first["refresh"]).ok();
    wait(20);
    // Who holds the token before the live one gets that.
    let second = off.simplejwt_refresh(&first["refresh"]).ok();
    assert_eq!(names(&second), ["access", "refresh"]);
    wait(1_000);
    assert_eq!(names(&off.simplejwt_refresh(&second["refresh"]).ok()), ["access"]);
    let third = on.simplejwt_refresh(&second["refresh"]).ok();
    wait(1_000);
    assert_eq!(names(&off.simplejwt_refresh(&third["refresh"]).ok()), ["access"]);
    off.simplejwt_refresh(&first["refresh"]).not_valid("Token is blacklisted");
    assert_eq!(on.number("select count(*) from sessions where end_reason = 'reuse'"), 1, "it is still replay");
}

fn a_session_is_a_login_of_its_user_and_no_application(engine: Engine) {
    let app = start(engine, &[]);
    let pair = log_in(&app);
    let bearer = format!("Bearer {}", pair["access"].as_str().unwrap());
    let listed = app.ask("GET", "/v1/sessions", &bearer, None).ok();
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), sessions[0].get("application").unwrap_or(&Value::Null)), (1, &Value::Null));
    let granted = app.ask("GET", "/v1/me/applications", &bearer, None).ok().to_string();
    assert!(!granted.contains("simplejwt"), "{granted}");
    app.register("notes", &json!({}));
    assert_eq!(app.ask("POST", "/v1/logout", &bearer, None).status, 204);
    app.simplejwt_refresh(&pair["refresh"]).not_valid("Token is blacklisted");
}

fn a_key_of_django_rest_framework_is_an_api_token(engine: Engine) {
    let app = start(engine, &[]);
    let pair = app.login("ada", PASSWORD).ok();
    app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "imported"})));
    let key = "0123456789abcdef0123456789abcdef01234567";
    let digest = app.digest(key);
    app.execute(&format!("update api_tokens set digest = {digest}"));
    let ask = |authorization: &str| app.ask("GET", "/v1/me", authorization, None);
    assert!(ask(&format!("Token {key}")).ok().to_string().contains(pair["user"]["id"].as_str().unwrap()));
    ask(&format!("Token {}", key.replace('0', "1"))).problem(401, "api_token_unknown");
    ask(&format!("Token {}", key.to_uppercase())).problem(401, "api_token_malformed");
    ask(&format!("Token {}", &key[1..])).problem(401, "api_token_malformed");
    assert_eq!(app.verify(&json!(key)).ok()["kind"], "api_token");
    let exchanged = app.ask("POST", "/v1/api-tokens/exchange", &format!("Token {key}"), None).ok();
    assert_eq!(claims(&exchanged["access_token"])["token_type"], "access");
    let off = app.another_instance(0, &[]);
    off.ask("GET", "/v1/me", &format!("Token {key}"), None).problem(401, "api_token_malformed");
    assert_eq!(app.revoke(&json!(key)).status, 204);
    ask(&format!("Token {key}")).problem(401, "api_token_revoked");
}

#[test]
fn paths_have_a_slash_at_their_end_and_a_prefix_of_the_operators_choice() {
    let app = TestApp::start_with(Engine::Sqlite, &[SIMPLEJWT]);
    for path in ["/api/token", "/api/token/refresh", "/api/token/verify", "/api/token/blacklist"] {
        for method in ["POST", "GET"] {
            let moved = app.send(method, &format!("{path}?next=%2F"), &[], b"");
            assert_eq!((moved.status, moved.header("location")), (301, &*format!("{path}/?next=%2F")), "{method}");
        }
        let wrong = app.get(&format!("{path}/"));
        wrong.told(405, &json!({"detail": "Method \"GET\" not allowed."}));
        assert_eq!(wrong.header("allow"), "POST");
    }
    for path in ["/api/token/nothing", "/api/token/nothing/", "/api/token//", "/api/token/refresh//"] {
        app.post(path, &json!({})).told(404, &json!({"detail": "Not found."}));
    }
    for path in ["/api", "/api/", "/api/tokens/", "/token/", "/api//token"] {
        app.post(path, &json!({})).problem(404, "not_found");
    }
    for (prefix, path) in [("/auth/v2", "/auth/v2/token/"), ("/auth/", "/auth/token/"), ("/", "/token/")] {
        let app = TestApp::start_with(Engine::Sqlite, &[SIMPLEJWT, ("COMPAT_PREFIX", prefix)]);
        assert_eq!(app.post(path, &json!({})).status, 400, "{prefix}");
        assert_eq!(app.post(&path[..path.len() - 1], &json!({})).header("location"), path);
        assert_eq!(app.post("/api/token/", &json!({})).status, 404);
        let described = app.get("/openapi.json").ok();
        assert!(described["paths"][path]["post"].is_object() && described["paths"]["/api/token/"].is_null());
    }
}

#[test]
fn what_is_no_body_of_the_endpoint_is_told_as_django_rest_framework_does() {
    let app = TestApp::start_with(Engine::Sqlite, &[SIMPLEJWT, ("COMPAT_USERNAME_FIELD", "email")]);
    let send = |media_type: &str, body: &[u8]| app.send("POST", "/api/token/", &[("content-type", media_type)], body);
    send("text/plain", b"x").told(415, &json!({"detail": "Unsupported media type \"text/plain\" in request."}));
    send("", b"x").told(415, &json!({"detail": "Unsupported media type \"text/plain\" in request."}));
    for body in ["{", "{\"password\":NaN}", "\u{0}"] {
        let refused = send("application/json", body.as_bytes());
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(refused.status == 400 && detail.starts_with("JSON parse error - "), "{refused:?}");
        assert_eq!(refused.json().as_object().unwrap().len(), 1);
    }
    let required = json!({"email": ["This field is required."], "password": ["This field is required."]});
    for media_type in ["", "text/plain", "application/json", "application/x-www-form-urlencoded"] {
        send(media_type, b"").told(400, &required);
    }
    assert_eq!(send("application/json", &vec![b' '; 70_000]).status, 413);
    app.create_user("ada", &[]);
    app.execute("update users set verified_email = 'ada@example.com', email_verified_at = 1");
    app.simplejwt("", &json!({"email": "ada@example.com", "password": PASSWORD})).ok();
}

#[test]
fn web_pages_may_call_by_the_rules_of_the_login_api() {
    let settings = [SIMPLEJWT, ("CORS_ORIGINS", "https://app.example.com")];
    let app = TestApp::start_with(Engine::Sqlite, &settings);
    for (origin, allowed) in [("https://app.example.com", "https://app.example.com"), ("https://evil.example", "")] {
        let asking = [("origin", origin), ("access-control-request-method", "POST")];
        let preflight = app.send("OPTIONS", "/api/token/", &asking, b"");
        assert_eq!(preflight.header("access-control-allow-origin"), allowed);
        let headers = [("origin", origin), ("content-type", "application/json")];
        let answer = app.send("POST", "/api/token/refresh/", &headers, b"{}");
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (400, allowed));
    }
}

#[test]
fn no_prefix_is_in_the_way_of_a_path_of_the_services_own() {
    let first = |path: &str| path.split('/').nth(1).unwrap().to_owned();
    let own: BTreeSet<String> = ROUTES.iter().map(|route| first(&route.path)).filter(|name| !name.is_empty()).collect();
    assert!(own.len() > 10, "{own:?}");
    for name in own {
        let read = Config::from_lookup(|variable| (variable == "COMPAT_PREFIX").then(|| format!("/{name}")));
        assert!(read.is_err(), "{name}");
    }
}

#[test]
fn without_postgresql_the_answer_is_503_with_a_time_to_retry() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &LEGACY);
    app.create_user("ada", &[]);
    app.execute("update users set external_id = '42'");
    let (pair, old) = (log_in(&app), old_token(&app, "a", &json!({})));
    cluster.tell("stop", "stopped");
    let credentials = json!({"username": "ada", "password": PASSWORD});
    for (endpoint, body) in [
        ("", credentials),
        ("refresh/", json!({"refresh": pair["refresh"]})),
        ("refresh/", json!({"refresh": old})),
        ("verify/", json!({"token": pair["refresh"]})),
        ("verify/", json!({"token": old})),
        ("blacklist/", json!({"refresh": pair["refresh"]})),
        ("blacklist/", json!({"refresh": old})),
    ] {
        let answer = app.simplejwt(endpoint, &body);
        assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("database_unavailable")), "{endpoint} {body}");
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert_eq!(app.simplejwt("verify/", &json!({"token": pair["access"]})).ok(), json!({}));
    cluster.tell("start", "started");
    app.simplejwt_refresh(&pair["refresh"]).ok();
    app.simplejwt_refresh(&old).ok();
}

#[test]
fn the_log_has_no_secret_and_says_when_the_settings_can_go_or_open_nothing() {
    let start = |until: &str, only_outstanding: &str| {
        let settings = [
            SIMPLEJWT,
            ("LEGACY_JWT_SECRET_FILE", SECRET_FILE),
            ("LEGACY_JWT_UNTIL", until),
            ("LEGACY_JWT_ONLY_OUTSTANDING", only_outstanding),
            ("RUST_LOG", "debug"),
        ];
        settings.into_iter().fold(Tokensmith::new(), |command, (name, value)| command.env(name, value)).serve()
    };
    let serving = start("2099-01-01T00:00:00Z", "off");
    let client = serving.client();
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl";
    client.simplejwt("", &json!({"username": "ada", "password": "a password that is wrong"}));
    for (endpoint, field) in [("refresh/", "refresh"), ("verify/", "token"), ("blacklist/", "refresh")] {
        client.simplejwt(endpoint, &json!({field: token})).not_valid("Token is invalid");
    }
    let log = serving.stop().join("\n");
    for secret in ["a password that is wrong", token, SECRET] {
        assert!(!log.contains(secret), "{log}");
    }
    let (over, none) = ("LEGACY_JWT_UNTIL has passed", "no outstanding token was imported");
    assert!(!log.contains(over) && !log.contains(none), "{log}");
    let late = start("2001-01-01T00:00:00Z", "on").stop().join("\n");
    assert!(late.contains(over) && !late.contains(none), "{late}");
    let useless = start("2099-01-01T00:00:00Z", "on").stop().join("\n");
    assert!(!useless.contains(over) && useless.contains(none), "{useless}");
}
