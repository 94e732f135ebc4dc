//! The hook for claims: `CLAIMS_HOOK_URL`, up, slow, away and lying.

use std::fs;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::hook::{Asked, Does, Hook};
use crate::support::oauth::{ALL, As, NOTES, claims};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    logins_and_refreshes_ask_the_hook_and_tokens_have_its_claims,
    a_request_is_signed_by_standard_webhooks_and_holds_no_secret,
    applications_have_its_claims_in_access_tokens_only,
    while_the_hook_is_away_tokens_have_its_last_answer,
    with_open_tokens_have_nothing_of_a_hook_that_is_away,
    with_closed_nothing_is_used_up_while_the_hook_is_away,
    a_hook_that_lies_is_as_one_that_is_away,
    a_hook_that_does_not_answer_costs_a_second_and_then_is_left_alone,
    no_more_calls_than_threads_for_them_run_at_once,
    its_last_answer_goes_with_the_session,
);

const SECRET: [u8; 32] = [7; 32];

pub struct World {
    pub app: TestApp,
    pub hook: Hook,
    _dir: TempDir,
}

impl World {
    pub fn start(engine: Engine, fail: &str) -> Self {
        let (hook, dir) = (Hook::start(), TempDir::new().unwrap());
        let file = dir.path().join("secret");
        fs::write(&file, format!("whsec_{}\n", STANDARD.encode(SECRET))).unwrap();
        let app = TestApp::start_with(
            engine,
            &[
                ("CLAIMS_HOOK_URL", &hook.url),
                ("CLAIMS_HOOK_SECRET_FILE", file.to_str().unwrap()),
                ("CLAIMS_HOOK_FAIL", fail),
                ("OUTBOUND_ALLOW", "127.0.0.0/8"),
                ("SCOPES", "notes:read"),
            ],
        );
        Self { app, hook, _dir: dir }
    }

    /// A minute later, when a refresh rotates.
    fn refreshed(&self, pair: &Value) -> Value {
        self.app.advance(60);
        self.app.refresh(&pair["refresh_token"]).ok()
    }

    pub fn kept(&self) -> i64 {
        self.app.number("select count(*) from session_claims")
    }

    pub fn calls(&self, outcome: &str) -> u64 {
        let metrics = self.app.inside.metrics.encode(tokensmith::internals::metrics::Present::default()).unwrap();
        let line = format!("tokensmith_claims_hook_calls_total{{name=\"{outcome}\"}} ");
        metrics.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
    }
}

pub fn plan(pair: &Value) -> Value {
    claims(&pair["access_token"])["plan"].clone()
}

fn logins_and_refreshes_ask_the_hook_and_tokens_have_its_claims(engine: Engine) {
    let world = World::start(engine, "keep");
    world.hook.claims(&json!({"plan": "pro", "seats": [1, 2], "nothing": null}));
    world.app.create_user("ada", &[]);
    world.app.execute("update users set external_id = '42'");
    let pair = world.app.login("ada", PASSWORD).ok();
    let found = claims(&pair["access_token"]);
    assert_eq!((&found["plan"], &found["seats"], found.get("nothing")), (&json!("pro"), &json!([1, 2]), None));
    let asked = world.hook.asked();
    let (user, issuer) = (&pair["user"]["id"], "http://127.0.0.1:8080");
    let login = json!({
        "type": "login", "user_id": user, "external_id": "42", "client_id": "first-party", "session_id": null,
        "audience": issuer, "scope": "notes:read",
    });
    assert_eq!(asked.iter().map(Asked::body).collect::<Vec<_>>(), [login]);
    world.hook.claims(&json!({"plan": "free"}));
    let refreshed = world.refreshed(&pair);
    let found = claims(&refreshed["access_token"]);
    assert_eq!((&found["plan"], found.get("seats")), (&json!("free"), None));
    let refresh = json!({
        "type": "refresh", "user_id": user, "external_id": "42", "client_id": "first-party",
        "session_id": pair["session_id"], "audience": issuer, "scope": "notes:read",
    });
    assert_eq!(world.hook.asked().iter().map(Asked::body).collect::<Vec<_>>(), [refresh]);
    assert_eq!((world.kept(), world.calls("answered")), (1, 2));
    // Who cannot log in or refresh is no question.
    world.app.login("ada", "a wrong password").problem(401, "bad_credentials");
    world.app.execute("update users set disabled_at = 1");
    world.app.refresh(&refreshed["refresh_token"]).problem(403, "account_disabled");
    assert!(world.hook.asked().is_empty());
    world.app.execute("update users set disabled_at = null");
    // A claim of its wins over one that is defined here.
    world.app.execute(
        r#"insert into custom_claims values ('plan', '{"source":{"constant":"defined"},"in":["access_token"]}')"#,
    );
    world.app.inside.known_claims.follow().unwrap();
    assert_eq!(plan(&world.refreshed(&refreshed)), "free");
}

fn a_request_is_signed_by_standard_webhooks_and_holds_no_secret(engine: Engine) {
    let world = World::start(engine, "keep");
    let pair = world.app.logged_in("ada");
    world.refreshed(&pair);
    let asked = world.hook.asked();
    for (request, at) in asked.iter().zip([1_800_000_000, 1_800_000_060]) {
        let header = |name: &str| request.headers[name].clone();
        assert_eq!(header("webhook-timestamp"), at.to_string());
        assert_eq!(header("content-type"), "application/json");
        let signed = format!("{}.{at}.{}", header("webhook-id"), request.text);
        let signature = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), signed.as_bytes(), &signature).unwrap();
        for secret in [&pair["refresh_token"], &pair["access_token"], &json!(PASSWORD)] {
            assert!(!request.text.contains(secret.as_str().unwrap()));
        }
    }
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0].headers["webhook-id"], asked[1].headers["webhook-id"]);
}

fn applications_have_its_claims_in_access_tokens_only(engine: Engine) {
    let world = World::start(engine, "keep");
    world.app.insert_client(&NOTES);
    let browser = world.app.logged_in("ada");
    world.hook.asked();
    world.hook.claims(&json!({"plan": "pro"}));
    let tokens = world.app.granted(&browser, &ALL);
    let refreshed = {
        world.app.advance(60);
        world.app.refresh_of(As("notes"), &tokens["refresh_token"]).ok()
    };
    let sid = claims(&tokens["access_token"])["sid"].clone();
    let asked: Vec<Value> = world.hook.asked().iter().map(Asked::body).collect();
    let told: Vec<_> = asked.iter().map(|one| (&one["type"], &one["client_id"], &one["session_id"])).collect();
    let (login, refresh, notes, none) = (json!("login"), json!("refresh"), json!("notes"), Value::Null);
    assert_eq!(told, [(&login, &notes, &none), (&refresh, &notes, &sid)]);
    assert_eq!(asked[0]["scope"], ALL.scope);
    for tokens in [&tokens, &refreshed] {
        assert_eq!(plan(tokens), "pro");
        assert_eq!(claims(&tokens["id_token"]).get("plan"), None);
    }
    world.app.token(As("notes"), &[("grant_type", "client_credentials")]).ok();
    assert!(world.hook.asked().is_empty(), "there is no user, and no session");
}

fn while_the_hook_is_away_tokens_have_its_last_answer(engine: Engine) {
    let world = World::start(engine, "keep");
    world.hook.claims(&json!({"plan": "pro"}));
    let pair = world.app.logged_in("ada");
    world.hook.does(Does::Answers(500, String::new()));
    let pair = world.refreshed(&pair);
    assert_eq!(plan(&pair), "pro");
    // A new session has no last answer, and logs in all the same.
    let other = world.app.login("ada", PASSWORD).ok();
    assert_eq!((plan(&other), plan(&world.refreshed(&other))), (Value::Null, Value::Null));
    let again = json!({"password": PASSWORD});
    let again = world.app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&again)).ok();
    assert_eq!(plan(&again), "pro", "who authenticates again has it, too");
    world.hook.claims(&json!({}));
    let pair = world.refreshed(&again);
    assert_eq!((plan(&pair), world.kept()), (Value::Null, 0));
    world.hook.does(Does::Answers(500, String::new()));
    assert_eq!(plan(&world.refreshed(&pair)), Value::Null, "no claims were the last answer");
}

fn with_open_tokens_have_nothing_of_a_hook_that_is_away(engine: Engine) {
    let world = World::start(engine, "open");
    world.hook.claims(&json!({"plan": "pro"}));
    let pair = world.app.logged_in("ada");
    assert_eq!(plan(&pair), "pro");
    world.hook.does(Does::Answers(500, String::new()));
    let pair = world.refreshed(&pair);
    assert_eq!(plan(&pair), Value::Null);
    world.hook.claims(&json!({"plan": "pro"}));
    assert_eq!(plan(&world.refreshed(&pair)), "pro");
}

fn with_closed_nothing_is_used_up_while_the_hook_is_away(engine: Engine) {
    let world = World::start(engine, "closed");
    world.app.insert_client(&NOTES);
    let pair = world.app.logged_in("ada");
    let tokens = world.app.granted(&pair, &ALL);
    let code = world.app.allow(&pair, &ALL);
    world.hook.does(Does::Answers(500, String::new()));
    world.app.advance(30);
    let sessions = || world.app.number("select count(*) from sessions");
    let marks = || world.app.number("select sum(denied_through) from sessions");
    let before = (sessions(), marks());
    let refused = world.app.refresh(&pair["refresh_token"]);
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "5");
    world.app.login("ada", PASSWORD).problem(503, "overloaded");
    let refused = world.app.refresh_of(As("notes"), &tokens["refresh_token"]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{refused:?}");
    assert_eq!(world.app.redeem(As("notes"), &code).status, 503);
    assert_eq!((sessions(), marks()), before);
    // All of them are as good as before.
    world.hook.claims(&json!({"plan": "pro"}));
    for tokens in [
        world.app.refresh(&pair["refresh_token"]).ok(),
        world.app.login("ada", PASSWORD).ok(),
        world.app.refresh_of(As("notes"), &tokens["refresh_token"]).ok(),
        world.app.redeem(As("notes"), &code).ok(),
    ] {
        assert_eq!(plan(&tokens), "pro");
    }
}

fn a_hook_that_lies_is_as_one_that_is_away(engine: Engine) {
    let world = World::start(engine, "keep");
    world.hook.claims(&json!({"plan": "pro"}));
    let mut pair = world.app.logged_in("ada");
    let other = Hook::start();
    let huge = json!({"claims": {"plan": "x".repeat(4_096)}}).to_string();
    let spaces = format!("{}{}", r#"{"claims":{"plan":"free"}}"#, " ".repeat(9_000));
    for lie in [
        "",
        "[]",
        "null",
        "{}",
        "<html>",
        r#"{"claims":[]}"#,
        r#"{"claims":null}"#,
        r#"{"claims":{"plan":"free"}"#,
        r#"{"claims":{"plan":"free","plan":"free"}}"#,
        r#"{"claims":{"plan":"free","roles":["admin"]}}"#,
        r#"{"claims":{"plan":"free","sub":"another"}}"#,
        r#"{"claims":{"plan":"free","a b":1}}"#,
        r#"{"claims":{"plan":"free","":1}}"#,
        "{\"claims\":{\"plan\":\"a\\u0000b\"}}",
        r#"{"claims":{"plan":[[[[[[[[[1]]]]]]]]]}}"#,
        huge.as_str(),
        spaces.as_str(),
    ] {
        world.hook.does(Does::Answers(200, lie.to_owned()));
        pair = world.refreshed(&pair);
        assert_eq!(plan(&pair), "pro", "{lie}");
        assert_eq!(claims(&pair["access_token"]).get("roles"), None);
    }
    let good = r#"{"claims":{"plan":"free"}}"#;
    for status in [201, 204, 302, 404, 503] {
        world.hook.does(Does::Answers(status, if status == 204 { "" } else { good }.to_owned()));
        pair = world.refreshed(&pair);
        assert_eq!(plan(&pair), "pro", "{status}");
    }
    world.hook.does(Does::Redirects(other.url.clone()));
    pair = world.refreshed(&pair);
    assert_eq!(plan(&pair), "pro");
    assert!(other.asked().is_empty(), "redirects are not followed");
    world.hook.does(Does::Answers(200, good.to_owned()));
    assert_eq!(plan(&world.refreshed(&pair)), "free");
}

fn a_hook_that_does_not_answer_costs_a_second_and_then_is_left_alone(engine: Engine) {
    let world = World::start(engine, "keep");
    world.hook.claims(&json!({"plan": "pro"}));
    let mut pair = world.app.logged_in("ada");
    world.hook.does(Does::Waits);
    for _ in 0..5 {
        let began = Instant::now();
        // The clock of the service stands still: this is one rest at most.
        pair = world.app.refresh(&pair["refresh_token"]).ok();
        assert_eq!(plan(&pair), "pro");
        assert!(began.elapsed() >= Duration::from_millis(900), "it had its second");
    }
    assert_eq!((world.calls("failed"), world.hook.asked().len()), (5, 6));
    for _ in 0..3 {
        pair = world.app.refresh(&pair["refresh_token"]).ok();
        assert_eq!(plan(&pair), "pro");
    }
    assert_eq!((world.calls("resting"), world.hook.asked().len()), (3, 0));
    // After the rest one call tries whether it is back.
    world.hook.claims(&json!({"plan": "free"}));
    world.app.advance(9);
    assert_eq!(plan(&world.app.refresh(&pair["refresh_token"]).ok()), "pro");
    world.app.advance(1);
    assert_eq!(plan(&world.app.refresh(&pair["refresh_token"]).ok()), "free");
    assert_eq!(world.hook.asked().len(), 1);
}

fn no_more_calls_than_threads_for_them_run_at_once(engine: Engine) {
    let world = World::start(engine, "keep");
    let users: Vec<String> = (0..10).map(|user| format!("user{user}")).collect();
    let log_in = |user: &String| (0..7).map(|_| world.app.login(user, PASSWORD).ok()).collect::<Vec<_>>();
    for user in &users {
        world.app.create_user(user, &[]);
    }
    let pairs: Vec<Value> = users.iter().flat_map(log_in).collect();
    let pair = pairs[0].clone();
    assert_eq!(world.hook.asked().len(), 70);
    world.hook.does(Does::Waits);
    std::thread::scope(|scope| {
        for pair in &pairs {
            let client = world.app.another_client();
            scope.spawn(move || client.refresh(&pair["refresh_token"]).ok());
        }
    });
    assert!(world.hook.asked().len() <= 64);
    assert_eq!(world.calls("busy") + world.calls("failed") + world.calls("resting"), 70);
    world.hook.claims(&json!({"plan": "pro"}));
    assert_eq!(plan(&world.refreshed(&pair)), "pro", "all turns are free again");
}

fn its_last_answer_goes_with_the_session(engine: Engine) {
    let world = World::start(engine, "keep");
    world.hook.claims(&json!({"plan": "pro"}));
    let pair = world.app.logged_in("ada");
    world.app.login("ada", PASSWORD).ok();
    assert_eq!(world.kept(), 2);
    assert_eq!(world.app.ask_as("POST", "/v1/logout/all", &pair, None).status, 200);
    assert_eq!(world.kept(), 2, "it is there until the row of the session is deleted");
    world.app.execute("delete from users where username = 'ada'");
    assert_eq!(world.kept(), 0);
}
