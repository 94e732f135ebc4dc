//! Denials of all tokens that a client or a user was issued before an instant, and denials of unknown kinds.

use serde_json::{Value, json};
use tokensmith::internals::clock::{Clock as _, Seconds};
use tokensmith::internals::jwt::{Audience, DenylistClaims, KindEntry};
use tokensmith::internals::model::denial::Denial;
use tokensmith::internals::service::purge;
use tokensmith_verifier::{DenylistPolicy, TokenError, VerifyError};

use crate::support::{Engine, PASSWORD, TestApp};
use crate::verifier::{FEED, fronted, payload, token, verifier, wait_until};

both_engines!(
    what_a_client_or_a_user_was_issued_before_an_instant_is_refused_and_what_comes_later_is_not,
    the_feed_tells_of_it_where_an_earlier_verifier_does_not_look,
    what_a_newer_version_denies_is_passed_on_as_a_kind_that_is_not_known,
);

const ACCESS: Seconds = Seconds(300);

fn deny(app: &TestApp, denial: &Denial) {
    // As by another instance: this one is not told.
    let (new, _effects) = app.inside.store.write_unit(|tx| tx.deny(std::slice::from_ref(denial))).unwrap();
    assert_eq!(new, 1);
    app.follow_denylist();
}

fn of_user(app: &TestApp, pair: &Value) -> Denial {
    let now = app.clock.now();
    Denial::of_user(pair["user"]["id"].as_str().unwrap().parse().unwrap(), now, ACCESS)
}

fn of_client(app: &TestApp) -> Denial {
    let now = app.clock.now();
    Denial::of_client("first-party", now, ACCESS)
}

fn what_a_client_or_a_user_was_issued_before_an_instant_is_refused_and_what_comes_later_is_not(engine: Engine) {
    let app = TestApp::start(engine);
    let [ada, bob] = ["ada", "bob"].map(|name| app.logged_in(name));
    // By an instance whose clock is ahead as far as is allowed, and a moment before the denial.
    let ahead = app.another_instance(60, &[]).login("ada", PASSWORD).ok();
    app.me(&ahead).ok();
    deny(&app, &of_user(&app, &ada));
    for pair in [&ada, &ahead] {
        app.me(pair).problem(401, "token_revoked");
        app.verify(&pair["access_token"]).problem(401, "token_revoked");
    }
    app.me(&bob).ok();
    // Tokens issued within the minute cannot be told from those issued before.
    app.advance(60);
    app.me(&app.login("ada", PASSWORD).ok()).problem(401, "token_revoked");
    app.advance(1);
    let again = app.login("ada", PASSWORD).ok();
    app.me(&again).ok();

    deny(&app, &of_client(&app));
    app.me(&bob).problem(401, "token_revoked");
    app.me(&again).problem(401, "token_revoked");
    app.advance(61);
    let last = app.login("ada", PASSWORD).ok();
    app.me(&last).ok();

    // Until the last of those tokens has expired, and a margin.
    app.advance(300 + 60 - 61 - 1 + 86_400);
    assert_eq!(purge::denials(&app.inside).unwrap(), 0);
    app.advance(1);
    assert_eq!(purge::denials(&app.inside).unwrap(), 1);
    app.advance(61);
    assert_eq!(purge::denials(&app.inside).unwrap(), 1);
    assert_eq!(app.number("select count(*) from denied_before"), 0);
}

fn the_feed_tells_of_it_where_an_earlier_verifier_does_not_look(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    assert!(payload(&app.get(FEED)).get("denied_by_kind").is_none(), "nothing new for nobody");
    app.advance(1);
    let now = app.clock.now();
    deny(&app, &of_user(&app, &pair));
    deny(&app, &of_client(&app));
    app.revoke(&pair["access_token"]);
    let answer = payload(&app.get(FEED));
    let [entry] = answer["denied"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert!(entry.get("jti").is_some(), "an earlier verifier refuses what it does not know there: {answer}");
    let (before, exp) = (now + Seconds(61), now + Seconds(61) + ACCESS + Seconds(60));
    let expected = [
        json!({"kind": "user", "sub": pair["user"]["id"], "issued_before": before, "exp": exp}),
        json!({"kind": "client", "client_id": "first-party", "issued_before": before, "exp": exp}),
    ];
    let told = answer["denied_by_kind"].as_array().unwrap();
    assert!(told.len() == 2 && expected.iter().all(|entry| told.contains(entry)), "{answer}");
}

/// A verifier that was not told would think that its copy is complete.
fn what_a_newer_version_denies_is_passed_on_as_a_kind_that_is_not_known(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let now = app.clock.now().0;
    for (subject, exp) in [("x", now + 300), ("y", now + 400)] {
        app.execute(&format!("insert into denied_before values ('device', '{subject}', 1, {now}, {exp})"));
    }
    app.follow_denylist();
    app.follow_denylist();
    let told = payload(&app.get(FEED));
    assert_eq!(told["denied"], json!([]));
    let mut exps: Vec<_> = told["denied_by_kind"].as_array().unwrap().iter().map(|entry| &entry["exp"]).collect();
    exps.sort_by_key(|exp| exp.as_i64());
    assert_eq!(exps, [&json!(now + 300), &json!(now + 400)], "each once: {told}");
    let entry = serde_json::from_value::<KindEntry>(told["denied_by_kind"][0].clone()).unwrap();
    assert!(matches!(entry, KindEntry::Unknown { .. }), "{told}");
    app.me(&pair).ok();
    app.advance(400);
    app.follow_denylist();
    assert!(payload(&app.get(FEED)).get("denied_by_kind").is_none());
}

#[test]
fn a_verifier_counts_its_copy_as_stale_while_its_issuer_passes_on_what_it_does_not_know() {
    let (front, app) = fronted();
    app.create_user("ada", &[]);
    let pair = app.login("ada", PASSWORD).ok();
    let strict = DenylistPolicy::Require { within: std::time::Duration::from_secs(6) };
    let strict = verifier(&front, &app).denylist(strict).build().unwrap();
    wait_until("it follows", || strict.verify(token(&pair)).is_ok());
    let now = app.clock.now().0;
    app.execute(&format!("insert into denied_before values ('device', 'x', 1, {now}, {})", now + 300));
    app.follow_denylist();
    wait_until("it counts as stale", || strict.verify(token(&pair)) == Err(VerifyError::DenylistStale));
}

#[test]
fn another_service_refuses_what_its_issuer_denies_by_client() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    let verifier = verifier(&front, &app).build().unwrap();
    wait_until("it follows", || verifier.staleness().is_some() && verifier.verify(token(&pair)).is_ok());
    app.advance(1);
    deny(&app, &of_client(&app));
    let revoked = Err(VerifyError::Refused(TokenError::Revoked));
    wait_until("it is refused", || verifier.verify(token(&pair)) == revoked);
    app.advance(61);
    assert!(verifier.verify(token(&app.login("ada", PASSWORD).ok())).is_ok());
}

#[test]
fn a_kind_that_is_not_known_makes_a_copy_stale_and_the_rest_of_it_counts() {
    let (front, app) = fronted();
    app.create_user("ada", &[]);
    let [denied, other] = [(), ()].map(|()| app.login("ada", PASSWORD).ok());
    let now = app.clock.now();
    let claims = DenylistClaims {
        iss: front.base.clone(),
        aud: Audience::One(format!("{}{FEED}", front.base)),
        iat: now,
        exp: now + Seconds(60),
        as_of: now,
        jwks_etag: app.inside.keys.ring().jwks_etag().to_owned(),
        cursor: "0".to_owned(),
        more: false,
        denied: serde_json::from_value(json!([{"sid": denied["session_id"], "exp": now + Seconds(300)}])).unwrap(),
        denied_by_kind: vec![KindEntry::Unknown { exp: now + Seconds(300) }],
    };
    let feed = app.inside.keys.ring().sign(&claims, None, now).unwrap();
    let client = app.another_client();
    front.now_answers(move |path| {
        let mut answer = client.get(path);
        if path.starts_with(FEED) {
            answer.body.clone_from(&feed);
        }
        Some(answer)
    });
    let lenient = verifier(&front, &app).build().unwrap();
    let revoked = Err(VerifyError::Refused(TokenError::Revoked));
    wait_until("the rest counts", || lenient.verify(token(&denied)) == revoked);
    wait_until("it goes on", || lenient.verify(token(&other)).is_ok());
    assert_eq!(lenient.staleness(), None);
    let strict = DenylistPolicy::Require { within: std::time::Duration::from_secs(6) };
    let strict = verifier(&front, &app).denylist(strict).build().unwrap();
    wait_until("the strict one knows", || strict.verify(token(&denied)) == revoked);
    assert_eq!(strict.verify(token(&other)), Err(VerifyError::DenylistStale));
}
