//! `POST /v1/tokens`.

use std::sync::Arc;

use serde_json::json;
use tokensmith::internals::clock::Timestamp;
use tokensmith::internals::config::Argon2Cost;
use tokensmith::internals::entropy::SeededEntropy;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::password::{Hasher, Password, Priority};
use tokensmith::internals::secret::Secret;
use tokensmith::internals::service::users;

use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_login_returns_a_pair_in_the_shape_of_rfc_6749,
    a_login_leaves_one_session_row_with_the_device,
    behind_a_trusted_proxy_the_session_has_the_address_of_the_client,
    an_unknown_user_and_a_wrong_password_look_the_same,
    only_the_right_password_learns_that_the_account_is_disabled,
    the_spelling_of_a_username_does_not_matter,
    a_password_over_1024_bytes_is_refused_and_one_of_1024_is_not,
    a_label_that_is_too_long_is_refused_and_no_session_is_made,
    a_hash_with_old_parameters_is_renewed_at_login,
    a_password_that_changed_since_it_was_checked_opens_no_session,
    an_unknown_user_and_a_wrong_password_cost_the_same_work,
    guessing_is_stopped_and_the_owner_is_not,
    a_flood_of_logins_gets_503_and_does_not_hold_up_other_requests,
    a_stored_hash_that_asks_for_too_much_is_a_failed_login_like_any_other,
);

fn a_login_returns_a_pair_in_the_shape_of_rfc_6749(engine: Engine) {
    let app = TestApp::start(engine);
    let user = app.create_user("ada", &["editor", "admin"]);
    let answer = app.login("ada", PASSWORD);
    let pair = answer.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(pair["token_type"], "Bearer");
    assert_eq!(pair["expires_in"], 300);
    assert_eq!(pair["refresh_expires_in"], 14 * 86_400);
    assert_eq!(pair["refresh_generation"], 1);
    assert!((180..=240).contains(&pair["refresh_after"].as_i64().unwrap()), "{pair}");
    let email = "ada@example.com";
    let roles = ["admin", "editor"];
    let expected = json!({"id": user.id.to_string(), "username": "ada", "email": email, "name": null, "roles": roles});
    assert_eq!(pair["user"], expected);
    let claims = app.verify(&pair["access_token"]).ok()["claims"].clone();
    assert_eq!(claims["sid"], pair["session_id"]);
    assert_eq!(claims["sub"], user.id.to_string());
}

fn a_login_leaves_one_session_row_with_the_device(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let headers =
        [("content-type", "application/json"), ("user-agent", "Tester/1.0"), ("x-forwarded-for", "203.0.113.9")];
    let body = json!({"username": "ada", "password": PASSWORD, "label": " Ada's phone "}).to_string();
    assert_eq!(app.send("POST", "/v1/tokens", &headers, body.as_bytes()).status, 200);
    let with_device = "select count(*) from sessions where label = 'Ada''s phone' and user_agent = 'Tester/1.0' \
                       and ip = '127.0.0.1' and created_at = 1800000000 and rotated_at = 1800000000 \
                       and denied_through = 0 and ended_at is null";
    assert_eq!(app.number(with_device), 1);
    assert_eq!(app.number("select count(*) from sessions"), 1);
}

fn behind_a_trusted_proxy_the_session_has_the_address_of_the_client(engine: Engine) {
    let app = TestApp::start_with(engine, &[("TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8")]);
    app.create_user("ada", &[]);
    let body = json!({"username": "ada", "password": PASSWORD}).to_string();
    // Everything left of the first address that is not a proxy was written by the client.
    for (name, value) in [
        ("x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.1.2.3"),
        ("x-forwarded-for", "198.51.100.1, 203.0.113.9:5678, 10.1.2.3:80"),
        ("forwarded", "for=198.51.100.1, For=\"203.0.113.9:5678\";proto=https, for=10.1.2.3"),
        ("forwarded", "for=\"[::ffff:203.0.113.9]:443\""),
    ] {
        let headers = [("content-type", "application/json"), (name, value)];
        assert_eq!(app.send("POST", "/v1/tokens", &headers, body.as_bytes()).status, 200);
        assert_eq!(app.number("select count(*) from sessions where ip = '203.0.113.9'"), 1, "{value}");
        app.execute("delete from sessions");
    }
}

fn an_unknown_user_and_a_wrong_password_look_the_same(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let mut seen = Vec::new();
    for (name, password) in [("ada", "not her password"), ("nobody", PASSWORD), ("no body", PASSWORD), ("", "")] {
        let mut problem = app.login(name, password).problem(401, "bad_credentials");
        problem["request_id"].take();
        seen.push(problem);
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:?}");
    assert_eq!(app.number("select count(*) from sessions"), 0);
}

fn only_the_right_password_learns_that_the_account_is_disabled(engine: Engine) {
    let app = TestApp::start(engine);
    let user = app.create_user("ada", &[]);
    users::disable(&app.inside, user.id, &Origin::default()).unwrap();
    app.login("ada", "not her password").problem(401, "bad_credentials");
    app.login("ada", PASSWORD).problem(403, "account_disabled");
    users::enable(&app.inside, user.id, &Origin::default()).unwrap();
    app.login("ada", PASSWORD).ok();
}

fn the_spelling_of_a_username_does_not_matter(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("Ada", &[]);
    for spelling in ["ada", "ADA", " \u{ff21}da"] {
        assert_eq!(app.login(spelling, PASSWORD).ok()["user"]["username"], "ada");
    }
}

fn a_password_over_1024_bytes_is_refused_and_one_of_1024_is_not(engine: Engine) {
    let app = TestApp::start(engine);
    let problem = app.login("ada", &"x".repeat(1_025)).problem(400, "invalid_fields");
    assert_eq!(problem["errors"][0]["field"], "password");
    assert_eq!(problem["errors"][0]["code"], "password_too_long");
    app.login("ada", &"x".repeat(1_024)).problem(401, "bad_credentials");
}

fn a_label_that_is_too_long_is_refused_and_no_session_is_made(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    for label in ["x".repeat(101), "a\u{7}b".to_owned()] {
        let body = json!({"username": "ada", "password": PASSWORD, "label": label});
        let problem = app.post("/v1/tokens", &body).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "label");
    }
    assert_eq!(app.number("select count(*) from sessions"), 0);
}

fn a_hash_with_old_parameters_is_renewed_at_login(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let old = Argon2Cost { memory_kib: 128, iterations: 1, threads: 1, budget_kib: 8_192 };
    let hasher = Hasher::start(old, Arc::new(SeededEntropy::new(9)), Arc::default()).unwrap();
    let hash = hasher.hash(&Password::new(&Secret::new(PASSWORD.to_owned())).unwrap()).unwrap();
    app.execute(&format!("update users set password_hash = '{hash}'"));
    app.login("ada", PASSWORD).ok();
    assert_eq!(app.number("select count(*) from users where password_hash like '%m=64,t=1,p=1%'"), 1);
    app.login("ada", PASSWORD).ok();
}

fn a_password_that_changed_since_it_was_checked_opens_no_session(engine: Engine) {
    let app = TestApp::start(engine);
    let user = app.create_user("ada", &[]);
    let store = &app.inside.store;
    let recorded = |checked: &str| {
        let recorded = store
            .write(|tx| Ok(tx.confirm_password(user.id, checked, checked)? && tx.record_login(user.id, Timestamp(1))?));
        recorded.unwrap()
    };
    let current = store.read(|tx| tx.find_credentials(&"ada".parse().unwrap())).unwrap().unwrap().password_hash;
    assert!(!recorded("the hash of the old password"));
    assert!(recorded(&current));
    users::disable(&app.inside, user.id, &Origin::default()).unwrap();
    assert!(!recorded(&current), "nor an account that was disabled in between");
}

/// ASVS 6.3.8: no enumeration by response time. What takes the time is the hash, so the hashes are counted.
fn an_unknown_user_and_a_wrong_password_cost_the_same_work(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let hashes_for = |name: &str| {
        let before = app.inside.hasher.hashed();
        app.login(name, "not the password").problem(401, "bad_credentials");
        app.inside.hasher.hashed() - before
    };
    assert_eq!(["ada", "nobody", "no body"].map(hashes_for), [1, 1, 1]);
}

fn a_flood_of_logins_gets_503_and_does_not_hold_up_other_requests(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let mut places = Vec::new();
    while let Ok(place) = app.inside.hasher.place(Priority::First) {
        places.push(place);
    }
    let refused = app.login("ada", PASSWORD);
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "5");
    app.refresh(&pair["refresh_token"]).ok();
    places.pop();
    app.login("ada", PASSWORD).ok();
    app.login("ada", PASSWORD).ok();
}

fn guessing_is_stopped_and_the_owner_is_not(engine: Engine) {
    let app = TestApp::start_with(engine, &[("TRUSTED_PROXIES", "127.0.0.1")]);
    app.create_user("ada", &[]);
    let login_from = |ip: &str, password: &str| {
        let body = json!({"username": "ada", "password": password}).to_string();
        let headers = [("content-type", "application/json"), ("x-forwarded-for", ip)];
        app.send("POST", "/v1/tokens", &headers, body.as_bytes())
    };
    let owner = login_from("192.0.2.1", PASSWORD).ok();
    app.revoke(&owner["refresh_token"]);
    for _ in 0..10 {
        login_from("198.51.100.1", "guess").problem(401, "bad_credentials");
    }
    let hashed = app.inside.hasher.hashed();
    let refused = login_from("198.51.100.1", PASSWORD);
    refused.problem(429, "too_many_failures");
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(app.inside.hasher.hashed(), hashed, "a refused attempt costs no hash");
    for host in 2..=10 {
        for _ in 0..10 {
            login_from(&format!("198.51.100.{host}"), "guess").problem(401, "bad_credentials");
        }
    }
    login_from("203.0.113.7", PASSWORD).problem(429, "too_many_failures");
    login_from("192.0.2.1", PASSWORD).ok();
    app.advance(36);
    login_from("203.0.113.7", PASSWORD).ok();
}

fn a_stored_hash_that_asks_for_too_much_is_a_failed_login_like_any_other(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.execute("update users set password_hash = replace(password_hash, 'm=64', 'm=9000000')");
    let hashed = app.inside.hasher.hashed();
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    // As for a user that does not exist: one hash, at today's cost.
    assert_eq!(app.inside.hasher.hashed(), hashed + 1);
}
