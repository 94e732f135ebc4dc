//! `/v1/me`: what users do with their own account: profile, password, and reauthentication.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::config::Argon2Cost;
use tokensmith::internals::entropy::SeededEntropy;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::password::{Hasher, Password};
use tokensmith::internals::secret::Secret;
use tokensmith::internals::service::{purge, users};

use crate::support::{Answer, Engine, PASSWORD, TestApp, postgres};

both_engines!(
    name_and_address_are_changed_taken_away_or_left_as_they_are,
    a_new_username_logs_in_and_the_old_one_does_not,
    a_username_that_is_taken_changes_nothing,
    every_field_that_is_not_valid_is_named_and_nothing_changes,
    username_and_address_need_a_recent_password_and_the_name_does_not,
    reauthentication_returns_the_same_session_with_a_new_auth_time,
    reauthentication_gives_a_full_lifetime_and_a_logout_ends_all_of_it,
    a_wrong_password_does_not_reauthenticate_and_guessing_is_stopped,
    a_session_that_ended_elsewhere_cannot_reauthenticate_or_change_anything,
    a_disabled_account_cannot_reauthenticate_or_change_anything,
    another_password_ends_all_other_sessions_and_this_one_goes_on,
    changing_the_password_counts_as_giving_it,
    a_new_password_needs_the_current_one,
    an_impossible_current_password_is_reported_for_its_field,
    a_new_password_that_is_easy_to_guess_is_refused,
    a_hash_with_old_parameters_is_renewed_by_either,
);

const ANOTHER: &str = "a river of seventeen green lanterns";

fn change(app: &TestApp, pair: &Value, body: &Value) -> Answer {
    app.ask_as("PATCH", "/v1/me/profile", pair, Some(body))
}

fn profile(app: &TestApp, pair: &Value) -> Value {
    app.ask_as("GET", "/v1/me/profile", pair, None).ok()
}

fn prove(app: &TestApp, pair: &Value, password: &str) -> Answer {
    app.ask_as("POST", "/v1/me/reauthenticate", pair, Some(&json!({"password": password})))
}

fn change_password(app: &TestApp, pair: &Value, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    app.ask_as("POST", "/v1/me/password", pair, Some(&body))
}

fn auth_time(app: &TestApp, pair: &Value) -> Value {
    app.verify(&pair["access_token"]).ok()["claims"]["auth_time"].clone()
}

/// The pair of a client that refreshed in the meantime, because its access token would have expired.
fn kept_for(app: &TestApp, pair: &Value, seconds: i64) -> Value {
    let step = |pair: Value, _| {
        app.advance(seconds / 3);
        app.refresh(&pair["refresh_token"]).ok()
    };
    let pair = (0..3).fold(pair.clone(), step);
    app.advance(seconds % 3);
    pair
}

/// A hash of [`PASSWORD`] as another configuration would have made it.
fn store_old_hash(app: &TestApp) {
    let old = Argon2Cost { memory_kib: 128, iterations: 1, threads: 1, budget_kib: 8_192 };
    let hasher = Hasher::start(old, Arc::new(SeededEntropy::new(9)), Arc::default()).unwrap();
    let hash = hasher.hash(&Password::new(&Secret::new(PASSWORD.to_owned())).unwrap()).unwrap();
    app.execute(&format!("update users set password_hash = '{hash}'"));
}

fn name_and_address_are_changed_taken_away_or_left_as_they_are(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let names = |account: &Value| [account["username"].clone(), account["email"].clone(), account["name"].clone()];
    let after = |body: Value| {
        let changed = change(&app, &pair, &body).ok();
        assert_eq!(changed, profile(&app, &pair));
        names(&changed)
    };
    let old = json!("ada@example.com");
    let new = json!("ada@example.org");
    let name = json!("Ada Lovelace");
    assert_eq!(after(json!({"name": " Ada Lovelace "})), [json!("ada"), old, name.clone()]);
    assert_eq!(after(json!({"email": "ada@example.org"})), [json!("ada"), new.clone(), name.clone()]);
    assert_eq!(after(json!({})), [json!("ada"), new.clone(), name.clone()]);
    assert_eq!(after(json!({"email": null})), [json!("ada"), json!(null), name]);
    assert_eq!(after(json!({"name": null, "email": new})), [json!("ada"), new, json!(null)]);
    for body in [json!({"username": null}), json!({"roles": ["admin"]}), json!({"name": 1})] {
        change(&app, &pair, &body).problem(400, "malformed_json");
    }
    assert_eq!(profile(&app, &pair)["roles"], json!([]));
}

fn a_new_username_logs_in_and_the_old_one_does_not(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.logged_in("bob");
    assert_eq!(change(&app, &pair, &json!({"username": "Lovelace"})).ok()["username"], "lovelace");
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    assert_eq!(app.login("lovelace", PASSWORD).ok()["user"]["id"], pair["user"]["id"]);
    assert_eq!(app.refresh(&pair["refresh_token"]).ok()["user"]["username"], "lovelace", "the session goes on");
    assert_eq!(change(&app, &pair, &json!({"username": "LOVELACE"})).ok()["username"], "lovelace", "it is one's own");
    assert_eq!(app.login("bob", PASSWORD).ok()["user"]["username"], "bob");
}

fn a_username_that_is_taken_changes_nothing(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.create_user("bob", &[]);
    let before = profile(&app, &pair);
    for spelling in ["bob", "BOB"] {
        let body = json!({"username": spelling, "name": "Bob", "email": "bob@example.org"});
        change(&app, &pair, &body).problem(409, "username_taken");
    }
    assert_eq!(profile(&app, &pair), before);
    assert_eq!(app.number("select count(*) from audit_events where name = 'profile_changed'"), 0);
}

fn every_field_that_is_not_valid_is_named_and_nothing_changes(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let before = profile(&app, &pair);
    let refused = |body: Value| -> Vec<Value> {
        let problem = change(&app, &pair, &body).problem(400, "invalid_fields");
        problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect()
    };
    assert_eq!(refused(json!({"email": "ada at example.com", "name": "Ada"})), ["email"]);
    assert_eq!(refused(json!({"username": "two words", "name": "Ada"})), ["username"]);
    assert_eq!(refused(json!({"username": "", "email": "", "name": ""})), ["username", "email", "name"]);
    assert_eq!(profile(&app, &pair), before);
}

/// RFC 9470 section 3.
fn username_and_address_need_a_recent_password_and_the_name_does_not(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = kept_for(&app, &app.logged_in("ada"), 599);
    change(&app, &pair, &json!({"email": "lately@example.com"})).ok();
    app.advance(1);
    for body in [json!({"username": "eve"}), json!({"email": "eve@example.com", "name": "Eve"}), json!({"email": null})]
    {
        let refused = change(&app, &pair, &body);
        refused.problem(401, "reauthentication_required");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
        assert!(challenge.contains(r#"max_age="600""#), "{challenge}");
    }
    let changed = change(&app, &pair, &json!({"name": "Ada"})).ok();
    assert_eq!(changed["name"], "Ada");
    assert_eq!((&changed["username"], &changed["email"]), (&json!("ada"), &json!("lately@example.com")));
    let proven = prove(&app, &pair, PASSWORD).ok();
    change(&app, &pair, &json!({"username": "lovelace"})).problem(401, "reauthentication_required");
    change(&app, &proven, &json!({"username": "lovelace"})).ok();
}

fn reauthentication_returns_the_same_session_with_a_new_auth_time(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = kept_for(&app, &app.logged_in("ada"), 601);
    assert_eq!(auth_time(&app, &pair), 1_800_000_000);
    let answer = prove(&app, &pair, PASSWORD);
    let proven = answer.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    for same in ["session_id", "refresh_token", "refresh_generation", "user", "token_type"] {
        assert_eq!(proven[same], pair[same], "{same}");
    }
    assert_ne!(proven["access_token"], pair["access_token"]);
    assert_eq!(auth_time(&app, &proven), 1_800_000_601);
    assert_eq!(app.me(&proven).ok()["authenticated_at"], "2027-01-15T08:10:01Z");
    app.me(&pair).ok();
    app.advance(30);
    let next = app.refresh(&proven["refresh_token"]).ok();
    assert_ne!(next["refresh_token"], proven["refresh_token"]);
    assert_eq!(auth_time(&app, &next), 1_800_000_601);
    let sessions = app.ask_as("GET", "/v1/sessions", &next, None).ok()["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
    assert_eq!(sessions[0]["authenticated_at"], "2027-01-15T08:10:01Z");
}

fn reauthentication_gives_a_full_lifetime_and_a_logout_ends_all_of_it(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.advance(299);
    let proven = prove(&app, &pair, PASSWORD).ok();
    assert_eq!(proven["expires_in"], 300);
    let expires_at = app.verify(&proven["access_token"]).ok()["claims"]["exp"].as_i64().unwrap();
    assert_eq!(expires_at, 1_800_000_599);
    // Another instance, whose settings have a shorter lifetime, denies the session for as long as its row says.
    assert!(app.number("select access_expires_by from sessions") >= expires_at);
    assert_eq!(app.ask_as("POST", "/v1/logout", &proven, None).status, 204);
    assert!(app.number("select expires_at from denylist") > expires_at);
    app.advance(299);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from denylist"), 1);
    app.me(&proven).problem(401, "token_revoked");
}

fn a_wrong_password_does_not_reauthenticate_and_guessing_is_stopped(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    for number in 0..10 {
        if number % 2 == 0 {
            prove(&app, &pair, "guess").problem(403, "wrong_password");
        } else {
            change_password(&app, &pair, "guess", ANOTHER).problem(403, "wrong_password");
        }
    }
    let hashed = app.inside.hasher.hashed();
    for refused in [prove(&app, &pair, PASSWORD), change_password(&app, &pair, PASSWORD, ANOTHER)] {
        refused.problem(429, "too_many_failures");
        assert_eq!(refused.header("retry-after"), "30");
    }
    assert_eq!(app.inside.hasher.hashed(), hashed, "a refused attempt costs no hash");
    app.me(&pair).ok();
    assert_eq!(app.number("select count(*) from sessions where authenticated_at is not null"), 0);
    app.advance(30);
    prove(&app, &pair, PASSWORD).ok();
}

fn a_session_that_ended_elsewhere_cannot_reauthenticate_or_change_anything(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    // By another instance; this one has yet to hear of it.
    app.execute("update sessions set ended_at = 1800000000, end_reason = 'logout'");
    app.me(&pair).ok();
    store_old_hash(&app);
    prove(&app, &pair, PASSWORD).problem(401, "token_revoked");
    change_password(&app, &pair, PASSWORD, ANOTHER).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from users where password_hash like '%m=128,%'"), 1);
    assert_eq!(
        app.number("select count(*) from audit_events where name in ('reauthenticated', 'password_changed')"),
        0
    );
    app.login("ada", PASSWORD).ok();
}

fn a_disabled_account_cannot_reauthenticate_or_change_anything(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let id = pair["user"]["id"].as_str().unwrap().parse().unwrap();
    // By another instance; this one has yet to hear of it.
    let other = app.another_instance(0, &[]);
    users::disable(&other.inside, id, &Origin::default()).unwrap();
    prove(&app, &pair, PASSWORD).problem(403, "account_disabled");
    change_password(&app, &pair, PASSWORD, ANOTHER).problem(403, "account_disabled");
    app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
    prove(&app, &pair, PASSWORD).problem(401, "token_revoked");
    users::enable(&app.inside, id, &Origin::default()).unwrap();
    app.login("ada", PASSWORD).ok();
}

fn another_password_ends_all_other_sessions_and_this_one_goes_on(engine: Engine) {
    let app = TestApp::start(engine);
    let [others @ .., mine] = [app.logged_in("ada"), app.login("ada", PASSWORD).ok(), app.login("ada", PASSWORD).ok()];
    let bystander = app.logged_in("bob");
    assert_eq!(change_password(&app, &mine, PASSWORD, ANOTHER).ok(), json!({"sessions_ended": 2}));
    for other in others {
        let problem = app.refresh(&other["refresh_token"]).problem(401, "session_ended");
        assert_eq!(problem["reason"], "password_changed");
        app.me(&other).problem(401, "token_revoked");
    }
    for lives in [mine, bystander] {
        app.me(&lives).ok();
        app.refresh(&lives["refresh_token"]).ok();
    }
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    app.login("ada", ANOTHER).ok();
    app.login("bob", PASSWORD).ok();
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 2);
}

fn changing_the_password_counts_as_giving_it(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = kept_for(&app, &app.logged_in("ada"), 600);
    change(&app, &pair, &json!({"email": null})).problem(401, "reauthentication_required");
    assert_eq!(change_password(&app, &pair, PASSWORD, ANOTHER).ok(), json!({"sessions_ended": 0}));
    let next = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(auth_time(&app, &next), 1_800_000_600);
    change(&app, &next, &json!({"email": null})).ok();
}

fn a_new_password_needs_the_current_one(engine: Engine) {
    let app = TestApp::start(engine);
    let [other, mine] = [app.logged_in("ada"), app.login("ada", PASSWORD).ok()];
    change_password(&app, &mine, ANOTHER, ANOTHER).problem(403, "wrong_password");
    change_password(&app, &mine, "", "short").problem(403, "wrong_password");
    app.refresh(&other["refresh_token"]).ok();
    app.me(&other).ok();
    app.login("ada", ANOTHER).problem(401, "bad_credentials");
    app.login("ada", PASSWORD).ok();
}

fn an_impossible_current_password_is_reported_for_its_field(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let problem = change_password(&app, &pair, &"x".repeat(1_025), ANOTHER).problem(400, "invalid_fields");
    assert_eq!(problem["errors"][0]["field"], "current_password");
    assert_eq!(problem["errors"][0]["code"], "password_too_long");
}

fn a_new_password_that_is_easy_to_guess_is_refused(engine: Engine) {
    let app = TestApp::start(engine);
    let [other, mine] = [app.logged_in("ada"), app.login("ada", PASSWORD).ok()];
    let long = "k9#Lq".repeat(205);
    for (new, code) in [
        ("password1", "password_too_common"),
        ("ada@example.com", "password_too_common"),
        ("x7#Kp2!", "password_too_short"),
        (&*long, "password_too_long"),
    ] {
        let problem = change_password(&app, &mine, PASSWORD, new).problem(400, "invalid_fields");
        assert_eq!(
            (&problem["errors"][0]["field"], &problem["errors"][0]["code"]),
            (&json!("new_password"), &json!(code))
        );
    }
    app.refresh(&other["refresh_token"]).ok();
    app.login("ada", PASSWORD).ok();
}

fn a_hash_with_old_parameters_is_renewed_by_either(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let renewed = || app.number("select count(*) from users where password_hash like '%m=64,t=1,p=1%'");
    store_old_hash(&app);
    assert_eq!(renewed(), 0);
    prove(&app, &pair, PASSWORD).ok();
    assert_eq!(renewed(), 1);
    prove(&app, &pair, PASSWORD).ok();
    store_old_hash(&app);
    change_password(&app, &pair, PASSWORD, ANOTHER).ok();
    assert_eq!(renewed(), 1);
    app.login("ada", ANOTHER).ok();
}

/// Locks the same sessions as another request would, in the same order. With different orders, two requests would wait for
/// each other, and PostgreSQL would end one.
#[test]
fn a_password_change_locks_the_sessions_in_the_order_in_which_everybody_does() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let older = app.logged_in("ada");
    app.advance(1);
    let newer = app.login("ada", PASSWORD).ok();
    let lock = |pair: &Value| {
        format!("select 1 from sessions where id = '{}' for no key update", pair["session_id"].as_str().unwrap())
    };
    let mut other = PgConnection::establish(&app.database_url).unwrap();
    other.batch_execute(&format!("begin; {}", lock(&older))).unwrap();
    std::thread::scope(|scope| {
        let body = json!({"current_password": PASSWORD, "new_password": ANOTHER});
        let (client, newer) = (app.another_client(), &newer);
        let changing = scope.spawn(move || client.ask_as("POST", "/v1/me/password", newer, Some(&body)));
        let waits =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let asked_at = Instant::now();
        while app.number(waits) == 0 {
            assert!(asked_at.elapsed() < Duration::from_secs(20), "it waits for the older session");
        }
        other.batch_execute(&format!("{}; commit", lock(newer))).unwrap();
        changing.join().unwrap().ok();
    });
}
