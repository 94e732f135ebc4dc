//! Passkeys that are refused: each for its own reason, and nothing is opened.

use serde_json::{Value, json};

use crate::support::passkey::{
    ISSUER, PRESENT, Passkey, SYNCED, VERIFIED, encoded, go_on, log_in, owner, request_options,
};
use crate::support::totp::challenge;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    what_is_not_right_is_refused_for_what_it_is,
    whether_a_passkey_can_be_backed_up_is_stored_when_it_is_seen_and_never_changes,
    an_assertion_is_accepted_once,
    a_challenge_is_over_after_five_minutes_and_for_all_else,
    a_counter_that_goes_back_is_refused_and_on_record,
    a_disabled_user_gets_no_session,
    the_passkey_of_another_user_is_no_second_step,
    wrong_assertions_of_an_address_are_limited,
    what_is_no_assertion_is_refused,
);

/// Of a passkey of which there are copies.
const BACKED_UP: u8 = 1 << 4;

fn start(engine: Engine) -> TestApp {
    TestApp::start_with(engine, &[ISSUER, ("TRUSTED_PROXIES", "127.0.0.1")])
}

fn send(app: &TestApp, assertion: &Value) -> Answer {
    app.post("/v1/tokens/passkey", &json!({"assertion": assertion}))
}

fn sessions(app: &TestApp) -> i64 {
    app.number("select count(*) from sessions")
}

fn events(app: &TestApp, name: &str) -> i64 {
    app.number(&format!("select count(*) from audit_events where name = '{name}'"))
}

fn what_is_not_right_is_refused_for_what_it_is(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let (of_bob, ..) = owner(&app, "bob");
    let (before, failed) = (sessions(&app), events(&app, "login_failed"));
    let of = |change: fn(&mut Passkey)| {
        let mut changed = passkey.clone();
        change(&mut changed);
        changed
    };
    let unsigned = Passkey { id: passkey.id.clone(), ..of_bob.clone() };
    let cases = [
        ("passkey_unknown", of(|passkey| passkey.id[0] ^= 1), "not registered"),
        ("passkey_refused", of(|passkey| "phish.example".clone_into(&mut passkey.rp_id)), "another domain"),
        ("passkey_refused", of(|passkey| "https://phish.example".clone_into(&mut passkey.origin)), "on a page"),
        ("passkey_refused", of(|passkey| "http://localhost:8081".clone_into(&mut passkey.origin)), "on a page"),
        ("passkey_refused", of(|passkey| passkey.is_cross_origin = true), "on a page"),
        ("passkey_refused", of(|passkey| passkey.kind = Some("webauthn.create")), "another ceremony"),
        ("passkey_refused", of(|passkey| passkey.user_handle = None), "whose it is"),
        ("passkey_refused", of(|passkey| passkey.user_handle = Some(b"ada".to_vec())), "another user"),
        ("passkey_refused", Passkey { user_handle: of_bob.user_handle.clone(), ..passkey.clone() }, "another user"),
        ("passkey_refused", Passkey { user_handle: passkey.user_handle.clone(), ..unsigned }, "signature"),
        ("passkey_refused", of(|passkey| passkey.flags |= SYNCED), "backed up"),
        ("passkey_not_verified", of(|passkey| passkey.flags = PRESENT), "verify"),
        ("passkey_not_verified", of(|passkey| passkey.flags = VERIFIED), "verify"),
    ];
    for (number, (code, changed, detail)) in (1..).zip(&cases) {
        let problem = log_in(&app, changed).problem(401, code);
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        assert_eq!(events(&app, "login_failed"), failed + number, "{problem}");
    }
    assert_eq!(sessions(&app), before);
    log_in(&app, &passkey).ok();
}

fn whether_a_passkey_can_be_backed_up_is_stored_when_it_is_seen_and_never_changes(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let eligible = |flags: u8| Passkey { flags: passkey.flags | flags, ..passkey.clone() };
    assert_eq!(app.number("select count(*) from passkeys where not is_backup_eligible"), 1);
    // As an older version has stored it.
    app.execute("update passkeys set is_backup_eligible = null");
    log_in(&app, &eligible(SYNCED)).ok();
    assert_eq!(app.number("select count(*) from passkeys where is_backup_eligible"), 1);
    log_in(&app, &passkey).problem(401, "passkey_refused");
    log_in(&app, &eligible(SYNCED | BACKED_UP)).ok();
    assert_eq!(app.number("select count(*) from passkeys where is_backed_up"), 1);
}

fn an_assertion_is_accepted_once(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    for sign_count in [0, 7] {
        let assertion = Passkey { sign_count, ..passkey.clone() }.assertion(&request_options(&app));
        send(&app, &assertion).ok();
        send(&app, &assertion).problem(401, "passkey_challenge_over");
        app.another_instance(0, &[ISSUER])
            .post("/v1/tokens/passkey", &json!({"assertion": assertion}))
            .problem(401, "passkey_challenge_over");
    }
    // What is sent twice is no copy of the passkey.
    assert_eq!(events(&app, "passkey_counter_back"), 0);
}

fn a_challenge_is_over_after_five_minutes_and_for_all_else(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, _) = owner(&app, "ada");
    let assertion = passkey.assertion(&request_options(&app));
    app.advance(299);
    send(&app, &assertion).ok();
    let assertion = passkey.assertion(&request_options(&app));
    app.advance(300);
    send(&app, &assertion).problem(401, "passkey_challenge_over");
    let of_second_step = |waiting: &str| app.post("/v1/tokens/passkey/options", &json!({"challenge": waiting})).ok();
    // Of a second step, of another login, of a registration, of another issuer, and made up.
    let (first, second) = (challenge(&app, "ada"), challenge(&app, "ada"));
    send(&app, &passkey.assertion(&of_second_step(&first))).problem(401, "passkey_challenge_over");
    for options in [of_second_step(&second), request_options(&app)] {
        let body = json!({"challenge": first, "assertion": passkey.assertion(&options)});
        app.post("/v1/tokens/continue", &body).problem(401, "passkey_challenge_over");
    }
    let again = go_on(&app, &first, &passkey).ok();
    let options = app.ask_as("POST", "/v1/me/passkeys/options", &again, None).ok();
    send(&app, &passkey.assertion(&options)).problem(401, "passkey_challenge_over");
    let other = app.another_instance(0, &[("ISSUER", "http://other.localhost:8080")]);
    send(&app, &passkey.assertion(&request_options(&other))).problem(401, "passkey_challenge_over");
    let access_token = pair["access_token"].as_str().unwrap();
    for made_up in [&b""[..], b"made up", &[0xff; 32], access_token.as_bytes()] {
        let options = json!({"publicKey": {"challenge": encoded(made_up)}});
        send(&app, &passkey.assertion(&options)).problem(401, "passkey_challenge_over");
    }
}

fn a_counter_that_goes_back_is_refused_and_on_record(engine: Engine) {
    let app = start(engine);
    let (passkey, _, added) = owner(&app, "ada");
    log_in(&app, &Passkey { sign_count: 5, ..passkey.clone() }).ok();
    let before = sessions(&app);
    for sign_count in [5, 4, 0] {
        log_in(&app, &Passkey { sign_count, ..passkey.clone() }).problem(401, "passkey_counter_back");
    }
    go_on(&app, &challenge(&app, "ada"), &Passkey { sign_count: 5, ..passkey.clone() })
        .problem(401, "passkey_counter_back");
    assert_eq!(sessions(&app), before);
    let of_it = format!(
        "select count(*) from audit_events where name = 'passkey_counter_back' and detail = '{}'",
        added["id"].as_str().unwrap()
    );
    assert_eq!(app.number(&of_it), 4);
    assert_eq!(app.number("select sign_count from passkeys"), 5);
    log_in(&app, &Passkey { sign_count: 6, ..passkey }).ok();
}

fn a_disabled_user_gets_no_session(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let before = sessions(&app);
    app.execute("update users set disabled_at = 1800000000");
    log_in(&app, &passkey).problem(403, "account_disabled");
    // Only the owner of the passkey learns that.
    log_in(&app, &Passkey { flags: PRESENT, ..passkey.clone() }).problem(401, "passkey_not_verified");
    assert_eq!(sessions(&app), before);
    app.execute("update users set disabled_at = null");
    log_in(&app, &passkey).ok();
}

fn the_passkey_of_another_user_is_no_second_step(engine: Engine) {
    let app = start(engine);
    let (of_ada, ..) = owner(&app, "ada");
    let (of_bob, ..) = owner(&app, "bob");
    let waiting = challenge(&app, "ada");
    go_on(&app, &waiting, &of_bob).problem(401, "passkey_refused");
    let renamed = Passkey { id: of_ada.id.clone(), user_handle: of_ada.user_handle.clone(), ..of_bob };
    go_on(&app, &waiting, &renamed).problem(401, "passkey_refused");
    assert_eq!(events(&app, "second_factor_failed"), 2);
    // The challenge is as it was.
    go_on(&app, &waiting, &of_ada).ok();
}

fn wrong_assertions_of_an_address_are_limited(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let wrong = Passkey { flags: PRESENT, ..passkey.clone() };
    let body = json!({"assertion": wrong.assertion(&request_options(&app))}).to_string();
    let from = |ip: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", ip)];
        app.send("POST", "/v1/tokens/passkey", &headers, body.as_bytes())
    };
    for _ in 0..300 {
        from("192.0.2.1", &body).problem(401, "passkey_not_verified");
    }
    let refused = from("192.0.2.1", &body);
    refused.problem(429, "too_many_failures");
    assert!(!refused.header("retry-after").is_empty());
    // Others, and passwords, are not affected.
    let right = json!({"assertion": passkey.assertion(&request_options(&app))}).to_string();
    from("192.0.2.2", &right).ok();
    app.login("ada", PASSWORD).problem(401, "second_factor_required");
}

fn what_is_no_assertion_is_refused(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let whole = passkey.assertion(&request_options(&app));
    let with = |member: &str, value: Value| {
        let mut changed = whole.clone();
        changed["response"][member] = value;
        send(&app, &changed)
    };
    with("signature", json!("")).problem(401, "passkey_refused");
    with("authenticatorData", json!("AAAA")).problem(401, "passkey_refused");
    with("clientDataJSON", json!("AAAA")).problem(401, "passkey_refused");
    with("clientDataJSON", json!(encoded(b"[]"))).problem(401, "passkey_refused");
    with("signature", json!("=")).problem(400, "malformed_json");
    with("signature", Value::Null).problem(400, "malformed_json");
    let mut other_type = whole.clone();
    other_type["type"] = json!("password");
    send(&app, &other_type).problem(400, "malformed_json");
    send(&app, &json!({})).problem(400, "malformed_json");
    send(&app, &whole).ok();
}
