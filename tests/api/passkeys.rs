//! Passkeys of a user: registering, listing, naming and removing them, and who may.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use crate::api_tokens::{header, make};
use crate::support::passkey::{
    EDDSA, ES256, ISSUER, PRESENT, Passkey, RS256, SYNCED, VERIFIED, creation_options, decoded, encoded, go_on, log_in,
    owner, register,
};
use crate::support::totp::{challenge, code, enrol, texts};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_passkey_is_registered_listed_renamed_and_removed,
    what_a_browser_needs_to_make_a_passkey_has_no_name_as_its_id,
    passkeys_of_each_algorithm_log_in,
    recovery_codes_come_with_the_first_second_factor_and_go_with_the_last,
    a_session_without_the_second_factor_registers_and_removes_no_passkey,
    an_api_token_and_an_old_session_change_nothing,
    a_user_has_at_most_twenty_passkeys,
    a_registration_answers_a_challenge_of_its_own_once,
    a_credential_is_registered_once,
    a_passkey_that_a_browser_makes_by_itself_needs_no_verification,
    passkeys_of_others_are_out_of_reach,
    a_deleted_user_has_no_passkeys,
    an_administrator_resets_passkeys_too,
    what_is_required_may_be_a_passkey,
    challenges_that_are_over_are_purged,
);

fn start(engine: Engine) -> TestApp {
    TestApp::start_with(engine, &[ISSUER])
}

fn send(app: &TestApp, pair: &Value, passkey: &Passkey, options: &Value) -> Answer {
    let body = json!({"credential": passkey.registration(options)});
    app.ask_as("POST", "/v1/me/passkeys", pair, Some(&body))
}

fn list(app: &TestApp, pair: &Value) -> Value {
    app.ask_as("GET", "/v1/me/passkeys", pair, None).ok()["passkeys"].clone()
}

fn events(app: &TestApp, name: &str, detail: &str) -> i64 {
    app.number(&format!("select count(*) from audit_events where name = '{name}' and detail = '{detail}'"))
}

fn a_passkey_is_registered_listed_renamed_and_removed(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, added) = owner(&app, "ada");
    assert_eq!(added["name"], "my laptop");
    assert_eq!(added["credential_id"], encoded(&passkey.id));
    assert_eq!((&added["synced"], &added["last_used_at"]), (&json!(false), &Value::Null));
    assert_eq!(texts(&added["recovery_codes"]).len(), 10);
    app.advance(1);
    let (_, second) = register(&app, &pair, ES256);
    assert!(second.get("recovery_codes").is_none(), "they come with the first factor: {second}");
    assert_eq!(events(&app, "factor_added", "passkey"), 2);
    app.advance(20);
    log_in(&app, &passkey).ok();
    let listed = list(&app, &pair);
    assert_eq!([&listed[0]["id"], &listed[1]["id"]], [&second["id"], &added["id"]], "newest first");
    assert_eq!(listed[1]["last_used_at"], app.clock.now().to_rfc3339());
    let path = format!("/v1/me/passkeys/{}", added["id"].as_str().unwrap());
    let rename = |name: &str| app.ask_as("PATCH", &path, &pair, Some(&json!({"name": name})));
    assert_eq!(rename(" key ring ").ok()["name"], "key ring");
    rename("").problem(400, "invalid_fields");
    assert_eq!(app.ask_as("DELETE", &path, &pair, None).status, 204);
    app.ask_as("DELETE", &path, &pair, None).problem(404, "passkey_not_found");
    rename("again").problem(404, "passkey_not_found");
    assert_eq!(events(&app, "factor_removed", "passkey"), 1);
    log_in(&app, &passkey).problem(401, "passkey_unknown");
    assert_eq!(list(&app, &pair).as_array().unwrap().len(), 1);
}

fn what_a_browser_needs_to_make_a_passkey_has_no_name_as_its_id(engine: Engine) {
    let app = TestApp::start_with(engine, &[ISSUER, ("PAGE_NAME", "Notes")]);
    let (passkey, pair, _) = owner(&app, "ada");
    let options = creation_options(&app, &pair)["publicKey"].clone();
    assert_eq!(options["rp"], json!({"id": "localhost", "name": "Notes"}));
    assert_eq!((&options["user"]["name"], &options["user"]["displayName"]), (&json!("ada"), &json!("ada")));
    assert_eq!(decoded(&options["user"]["id"]).len(), 16);
    let algorithms: Vec<_> = options["pubKeyCredParams"].as_array().unwrap().iter().map(|one| &one["alg"]).collect();
    assert_eq!(algorithms, [ES256, EDDSA, RS256]);
    let selection = json!({"residentKey": "required", "requireResidentKey": true, "userVerification": "required"});
    assert_eq!(options["authenticatorSelection"], selection);
    assert_eq!((&options["attestation"], &options["timeout"]), (&json!("none"), &json!(300_000)));
    let known = json!([{"type": "public-key", "id": encoded(&passkey.id), "transports": ["hybrid", "internal"]}]);
    assert_eq!(options["excludeCredentials"], known);
}

fn passkeys_of_each_algorithm_log_in(engine: Engine) {
    let app = start(engine);
    let pair = app.logged_in("ada");
    for algorithm in [ES256, EDDSA, RS256] {
        let (passkey, _) = register(&app, &pair, algorithm);
        let opened = log_in(&app, &passkey).ok();
        assert_eq!(opened["user"]["username"], "ada", "{algorithm}");
    }
}

fn recovery_codes_come_with_the_first_second_factor_and_go_with_the_last(engine: Engine) {
    let app = start(engine);
    let (_, pair, added) = owner(&app, "ada");
    let codes = texts(&added["recovery_codes"]);
    let problem = app.login("ada", PASSWORD).problem(401, "second_factor_required");
    assert_eq!(problem["methods"], json!(["recovery_code", "passkey"]));
    let body = json!({"challenge": problem["challenge"], "recovery_code": codes[0]});
    app.post("/v1/tokens/continue", &body).ok();
    // An app beside it brings new codes, as it always does.
    enrol(&app, &pair);
    let problem = app.login("ada", PASSWORD).problem(401, "second_factor_required");
    assert_eq!(problem["methods"], json!(["otp", "recovery_code", "passkey"]));
    assert_eq!(app.ask_as("DELETE", "/v1/me/totp", &pair, None).status, 204);
    assert_eq!(app.number("select count(*) from recovery_codes"), 10, "there is still a passkey");
    app.ask_as("POST", "/v1/me/recovery-codes", &pair, None).ok();
    let path = format!("/v1/me/passkeys/{}", added["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &pair, None).status, 204);
    assert_eq!(app.number("select count(*) from recovery_codes"), 0);
    app.login("ada", PASSWORD).ok();
    app.ask_as("POST", "/v1/me/recovery-codes", &pair, None).problem(404, "factor_not_found");
}

fn a_session_without_the_second_factor_registers_and_removes_no_passkey(engine: Engine) {
    let app = start(engine);
    let before = app.logged_in("ada");
    let pair = app.login("ada", PASSWORD).ok();
    let (_, added) = register(&app, &pair, ES256);
    let path = format!("/v1/me/passkeys/{}", added["id"].as_str().unwrap());
    for (method, path, body) in [
        ("POST", "/v1/me/passkeys/options", Some(json!({}))),
        ("POST", "/v1/me/totp", Some(json!({}))),
        ("POST", "/v1/api-tokens", Some(json!({"name": "backup"}))),
        ("DELETE", path.as_str(), None),
        ("DELETE", "/v1/me/totp", None),
    ] {
        app.ask_as(method, path, &before, body.as_ref()).problem(401, "reauthentication_required");
    }
    // It may still look, and name what it sees.
    assert_eq!(list(&app, &before).as_array().unwrap().len(), 1);
    app.ask_as("PATCH", &path, &before, Some(&json!({"name": "another"}))).ok();
    // The one in which the passkey was registered has shown it.
    app.ask_as("POST", "/v1/me/totp", &pair, Some(&json!({}))).ok();
    assert_eq!(app.ask_as("DELETE", &path, &pair, None).status, 204);
}

fn an_api_token_and_an_old_session_change_nothing(engine: Engine) {
    let app = start(engine);
    let (_, pair, added) = owner(&app, "ada");
    let key = header(&make(&app, &pair, &json!({"name": "backup"})));
    app.ask("POST", "/v1/me/passkeys/options", &key, Some(&json!({}))).problem(403, "session_required");
    app.ask("GET", "/v1/me/passkeys", &key, None).problem(403, "session_required");
    app.post("/v1/me/passkeys/options", &json!({})).problem(401, "access_token_missing");
    app.advance(601);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    let path = format!("/v1/me/passkeys/{}", added["id"].as_str().unwrap());
    app.ask_as("DELETE", &path, &pair, None).problem(401, "reauthentication_required");
    app.ask_as("POST", "/v1/me/passkeys/options", &pair, None).problem(401, "reauthentication_required");
}

fn a_user_has_at_most_twenty_passkeys(engine: Engine) {
    let app = start(engine);
    let pair = app.logged_in("ada");
    for _ in 0..19 {
        register(&app, &pair, ES256);
    }
    let options = [creation_options(&app, &pair), creation_options(&app, &pair)];
    let [first, second] = options.each_ref().map(|options| send(&app, &pair, &Passkey::make(ES256, options), options));
    assert_eq!(first.status, 201, "{first:?}");
    second.problem(409, "too_many_passkeys");
    app.ask_as("POST", "/v1/me/passkeys/options", &pair, None).problem(409, "too_many_passkeys");
    assert_eq!(app.number("select count(*) from passkeys"), 20);
}

fn a_registration_answers_a_challenge_of_its_own_once(engine: Engine) {
    let app = start(engine);
    let (ada, bob) = (app.logged_in("ada"), app.logged_in("bob"));
    let options = creation_options(&app, &ada);
    let passkey = Passkey::make(ES256, &options);
    send(&app, &bob, &passkey, &options).problem(401, "passkey_challenge_over");
    // What is refused uses nothing up.
    let unverified = Passkey { flags: PRESENT, ..passkey.clone() };
    send(&app, &ada, &unverified, &options).problem(401, "passkey_not_verified");
    let elsewhere = Passkey { origin: "https://phish.example".to_owned(), ..passkey.clone() };
    send(&app, &ada, &elsewhere, &options).problem(401, "passkey_refused");
    let of_another_domain = Passkey { rp_id: "phish.example".to_owned(), ..passkey.clone() };
    send(&app, &ada, &of_another_domain, &options).problem(401, "passkey_refused");
    assert_eq!(send(&app, &ada, &passkey, &options).status, 201);
    let another = Passkey::make(ES256, &options);
    send(&app, &ada, &another, &options).problem(401, "passkey_challenge_over");
    // One of a login, one that has expired, and one that is made up.
    let of_login = app.post("/v1/tokens/passkey/options", &json!({})).ok();
    send(&app, &ada, &another, &of_login).problem(401, "passkey_challenge_over");
    let made_up = json!({"publicKey": {"challenge": encoded(b"made up")}});
    send(&app, &ada, &another, &made_up).problem(401, "passkey_challenge_over");
    let options = creation_options(&app, &ada);
    app.advance(300);
    let ada = app.refresh(&ada["refresh_token"]).ok();
    send(&app, &ada, &another, &options).problem(401, "passkey_challenge_over");
    assert_eq!(app.number("select count(*) from passkeys"), 1);
    let malformed = json!({"credential": {"id": "AA", "type": "public-key", "response": {
        "clientDataJSON": "not base64url!", "attestationObject": "AA",
    }}});
    app.ask_as("POST", "/v1/me/passkeys", &ada, Some(&malformed)).problem(400, "malformed_json");
}

fn a_credential_is_registered_once(engine: Engine) {
    let app = start(engine);
    let (passkey, ada, _) = owner(&app, "ada");
    let bob = app.logged_in("bob");
    for pair in [&ada, &bob] {
        let options = creation_options(&app, pair);
        send(&app, pair, &passkey, &options).problem(409, "passkey_taken");
    }
    assert_eq!(app.number("select count(*) from passkeys"), 1);
    app.login("bob", PASSWORD).ok();
}

fn a_passkey_that_a_browser_makes_by_itself_needs_no_verification(engine: Engine) {
    let app = start(engine);
    let pair = app.logged_in("ada");
    let options = app.ask_as("POST", "/v1/me/passkeys/options", &pair, Some(&json!({"conditional": true}))).ok();
    assert_eq!(options["publicKey"]["authenticatorSelection"]["userVerification"], "preferred");
    // Whoever finds a bare security key could give it a PIN, which had none when it was registered.
    let bare = Passkey { flags: 0, ..Passkey::make(ES256, &options) };
    send(&app, &pair, &bare, &options).problem(401, "passkey_not_verified");
    let passkey = Passkey { flags: SYNCED, ..bare };
    assert_eq!(send(&app, &pair, &passkey, &options).status, 201);
    log_in(&app, &passkey).problem(401, "passkey_not_verified");
    log_in(&app, &Passkey { flags: SYNCED | PRESENT | VERIFIED, ..passkey }).ok();
}

fn passkeys_of_others_are_out_of_reach(engine: Engine) {
    let app = start(engine);
    let (passkey, _, added) = owner(&app, "ada");
    let bob = app.logged_in("bob");
    let path = format!("/v1/me/passkeys/{}", added["id"].as_str().unwrap());
    app.ask_as("PATCH", &path, &bob, Some(&json!({"name": "mine"}))).problem(404, "passkey_not_found");
    app.ask_as("DELETE", &path, &bob, None).problem(404, "passkey_not_found");
    assert_eq!(list(&app, &bob), json!([]));
    log_in(&app, &passkey).ok();
}

fn a_deleted_user_has_no_passkeys(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, _) = owner(&app, "ada");
    app.create_user("operator", &["admin"]);
    let admin = app.login("operator", PASSWORD).ok();
    let path = format!("/v1/admin/users/{}", pair["user"]["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    assert_eq!(app.number("select count(*) from passkeys"), 0);
    log_in(&app, &passkey).problem(401, "passkey_unknown");
}

fn an_administrator_resets_passkeys_too(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, _) = owner(&app, "ada");
    enrol(&app, &pair);
    app.create_user("operator", &["admin"]);
    let admin = app.login("operator", PASSWORD).ok();
    let path = format!("/v1/admin/users/{}/totp", pair["user"]["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    app.ask_as("DELETE", &path, &admin, None).problem(404, "factor_not_found");
    assert_eq!(events(&app, "factors_reset", "totp, passkey"), 1);
    log_in(&app, &passkey).problem(401, "passkey_unknown");
    app.login("ada", PASSWORD).ok();
    assert_eq!(app.number("select count(*) from recovery_codes"), 0);
}

fn what_is_required_may_be_a_passkey(engine: Engine) {
    let app = TestApp::start_with(engine, &[ISSUER, ("REQUIRE_SECOND_FACTOR", "all")]);
    app.create_user("ada", &[]);
    let problem = app.login("ada", PASSWORD).problem(401, "second_factor_enrolment_required");
    assert_eq!(problem["methods"], json!(["otp", "passkey"]));
    let waiting = problem["challenge"].as_str().unwrap();
    let options = app.post("/v1/me/passkeys/options", &json!({"challenge": waiting})).ok();
    let passkey = Passkey::make(ES256, &options);
    let body = json!({"challenge": waiting, "credential": passkey.registration(&options)});
    let added = app.post("/v1/me/passkeys", &body);
    assert_eq!(added.status, 201, "{added:?}");
    assert_eq!(texts(&added.json()["recovery_codes"]).len(), 10);
    assert_eq!(app.number("select count(*) from sessions"), 0);
    // Who has the password alone could add another one.
    app.post("/v1/me/passkeys/options", &json!({"challenge": waiting})).problem(401, "bad_challenge");
    app.post("/v1/me/totp", &json!({"challenge": waiting})).problem(401, "bad_challenge");
    let pair = go_on(&app, waiting, &passkey).ok();
    assert_eq!(app.me(&pair).status, 200);
    // It counts for what is sensitive, too.
    let created = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "backup"})));
    assert_eq!(created.status, 201, "{created:?}");
    let (secret, _) = enrol(&app, &pair);
    app.advance(30);
    let body = json!({"challenge": challenge(&app, "ada"), "otp": code(&app, &secret)});
    app.post("/v1/tokens/continue", &body).ok();
}

fn challenges_that_are_over_are_purged(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    for _ in 0..10 {
        app.post("/v1/tokens/passkey/options", &json!({})).ok();
    }
    assert_eq!(app.number("select count(*) from used_passkey_challenges"), 1, "who only asks leaves nothing");
    log_in(&app, &passkey).ok();
    assert_eq!(app.number("select count(*) from used_passkey_challenges"), 2);
    app.advance(300 + 3_601);
    tokensmith::internals::service::purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from used_passkey_challenges"), 0);
}
