//! How users prove who they are, and the effect on the session: its row, its tokens, and hashes that no password can be
//! checked against.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};
use tokensmith::internals::config::Argon2Cost;
use tokensmith::internals::entropy::SeededEntropy;
use tokensmith::internals::password::{Hasher, Password};
use tokensmith::internals::secret::Secret;

use crate::support::{Answer, Engine, PASSWORD, TestApp, postgres};

both_engines!(
    a_login_and_its_refreshes_tell_how_and_when_its_user_proved_it,
    reauthentication_changes_auth_time_amr_and_acr,
    a_hash_of_a_scheme_that_is_not_known_is_a_wrong_password_like_any_other,
    an_argon2id_hash_of_another_program_logs_in_and_is_renewed,
    a_hash_of_a_higher_cost_logs_in_and_is_renewed,
);

const ANOTHER: &str = "a river of seventeen green lanterns";

/// The claims of an access token about the proof.
fn told(app: &TestApp, pair: &Value) -> [Value; 3] {
    let claims = app.verify(&pair["access_token"]).ok()["claims"].clone();
    ["auth_time", "amr", "acr"].map(|name| claims[name].clone())
}

/// Whether the only session has this on record.
fn is_on_record(app: &TestApp, columns: &str) -> bool {
    app.number(&format!("select count(*) from sessions where {columns}")) == 1
}

fn prove(app: &TestApp, pair: &Value) -> Answer {
    app.ask_as("POST", "/v1/me/reauthenticate", pair, Some(&json!({"password": PASSWORD})))
}

fn change_password(app: &TestApp, pair: &Value) -> Answer {
    let body = json!({"current_password": PASSWORD, "new_password": ANOTHER});
    app.ask_as("POST", "/v1/me/password", pair, Some(&body))
}

fn store_hash(app: &TestApp, hash: &str) {
    app.execute(&format!("update users set password_hash = '{hash}'"));
}

fn a_login_and_its_refreshes_tell_how_and_when_its_user_proved_it(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let proved = [json!(1_800_000_000), json!(["pwd"]), Value::Null];
    assert_eq!(told(&app, &pair), proved);
    assert!(is_on_record(&app, "amr = 'pwd' and acr is null and coalesce(authenticated_at, created_at) = 1800000000"));
    app.advance(60);
    assert_eq!(told(&app, &app.refresh(&pair["refresh_token"]).ok()), proved);
}

fn reauthentication_changes_auth_time_amr_and_acr(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    // As a login in two steps leaves it, with a factor that was taken away since.
    app.execute("update sessions set amr = 'pwd otp', acr = 'gold'");
    app.advance(60);
    let proved = [json!(1_800_000_060), json!(["pwd"]), Value::Null];
    let next = prove(&app, &pair).ok();
    assert_eq!(told(&app, &next), proved);
    assert_eq!(told(&app, &app.refresh(&next["refresh_token"]).ok()), proved);
    app.advance(60);
    change_password(&app, &next).ok();
    assert!(is_on_record(&app, "amr = 'pwd' and acr is null and authenticated_at = 1800000120"));
}

/// The password is right when it is checked, but changed before that is recorded: until then another transaction holds the
/// user's row. (On SQLite that transaction would block all writes, and no password would be checked.)
#[test]
fn a_change_during_a_password_check_voids_the_proof() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let pair = app.logged_in("ada");
    app.advance(60);
    let known = app.inside.store.read(|tx| tx.find_credentials(&"ada".parse().unwrap())).unwrap().unwrap();
    let restore = format!("update users set password_hash = '{}', disabled_at = null", known.password_hash);
    for change in ["password_hash = 'another'", "disabled_at = 1"] {
        let meanwhile = |ask: &(dyn Fn() -> Answer + Sync)| {
            let mut other = PgConnection::establish(&app.database_url).unwrap();
            other.batch_execute(&format!("begin; update users set {change}")).unwrap();
            let before = app.inside.hasher.hashed();
            let answer = std::thread::scope(|scope| {
                let asking = scope.spawn(ask);
                let started_at = Instant::now();
                while app.inside.hasher.hashed() == before || app.inside.hasher.count_under_way() > 0 {
                    assert!(started_at.elapsed() < Duration::from_secs(20), "the password is looked at");
                    std::thread::yield_now();
                }
                other.batch_execute("commit").unwrap();
                asking.join().unwrap()
            });
            app.execute(&restore);
            answer
        };
        meanwhile(&|| app.login("ada", PASSWORD)).problem(401, "bad_credentials");
        meanwhile(&|| prove(&app, &pair)).problem(403, "wrong_password");
        meanwhile(&|| change_password(&app, &pair)).problem(403, "wrong_password");
    }
    assert!(is_on_record(&app, "coalesce(authenticated_at, created_at) = 1800000000"));
    assert_eq!(app.number("select count(*) from audit_events where name in ('reauthenticated', 'login')"), 1);
    app.login("ada", PASSWORD).ok();
}

fn a_hash_of_a_scheme_that_is_not_known_is_a_wrong_password_like_any_other(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let mut unknown = app.login("nobody", PASSWORD).problem(401, "bad_credentials");
    unknown["request_id"].take();
    let hashes = [
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "pbkdf2_sha256$600000$c2FsdA$ZGlnZXN0",
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg",
        "$argon2id$v=19$m=64,t=1,p=1$$",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        PASSWORD,
        "",
    ];
    for hash in hashes {
        store_hash(&app, hash);
        let before = app.inside.hasher.hashed();
        let mut refused = app.login("ada", PASSWORD).problem(401, "bad_credentials");
        refused["request_id"].take();
        assert_eq!(refused, unknown, "{hash}");
        prove(&app, &pair).problem(403, "wrong_password");
        // As for a user that does not exist: one hash each, at today's cost.
        assert_eq!(app.inside.hasher.hashed(), before + 2, "{hash}");
        // For the allowance, and not for the access token.
        app.advance(40);
    }
    assert_eq!(app.number("select count(*) from sessions"), 1);
    let refused = "select count(*) from audit_events where name in ('login_failed', 'reauthentication_failed')";
    assert_eq!(app.number(refused), 15, "a login of nobody, and two attempts for each");
}

fn an_argon2id_hash_of_another_program_logs_in_and_is_renewed(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    for (lanes, digest_bytes, salt) in
        [(1, 16, "an eight"), (4, 32, "somesaltsomesalt"), (2, 64, "a salt of two and thirty bytes !")]
    {
        let params = Params::new(64, 3, lanes, Some(digest_bytes)).unwrap();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), salt.as_bytes()).unwrap();
        store_hash(&app, &hash.to_string());
        app.login("ada", ANOTHER).problem(401, "bad_credentials");
        app.login("ada", PASSWORD).ok();
        assert_eq!(app.number("select count(*) from users where password_hash like '%m=64,t=1,p=1%'"), 1, "{hash}");
        app.login("ada", PASSWORD).ok();
    }
}

/// Of all memory that hashing may use, which an earlier configuration used for each hash.
fn a_hash_of_a_higher_cost_logs_in_and_is_renewed(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let earlier = Argon2Cost { memory_kib: 8_128, iterations: 1, threads: 1, budget_kib: 8_192 };
    let hasher = Hasher::start(earlier, Arc::new(SeededEntropy::new(9)), Arc::default()).unwrap();
    let hash = hasher.hash(&Password::new(&Secret::new(PASSWORD.to_owned())).unwrap()).unwrap();
    store_hash(&app, &hash);
    app.login("ada", ANOTHER).problem(401, "bad_credentials");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let logins: Vec<_> = (0..6).map(|_| scope.spawn(|| app.another_client().login("ada", PASSWORD))).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(app.number("select count(*) from users where password_hash like '%m=64,t=1,p=1%'"), 1);
}
