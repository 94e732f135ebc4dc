//! How strongly a user was authenticated: tokens name it, and whoever needs more can ask for it (RFC 9470).

use serde_json::{Value, json};

use crate::authorize::{CALLBACK, request};
use crate::support::oauth::{VERIFIER, claims};
use crate::support::totp::{Enrolled, challenge, code, enrol, enrolled, go_on, login};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    tokens_say_how_strongly_their_user_was_authenticated_if_the_settings_name_it,
    a_refused_sensitive_request_says_how_strongly_and_how_recently,
    the_metadata_names_the_strengths_that_there_are,
    an_application_that_asks_for_two_factors_gets_them_from_a_user_who_has_them,
    an_application_that_asks_for_more_than_its_user_has_gets_what_there_is,
    who_does_not_ask_is_not_sent_to_the_login_again,
);

const ACR: [(&str, &str); 2] = [("ACR_ONE_FACTOR", "urn:example:one"), ("ACR_TWO_FACTORS", "urn:example:two")];

fn acr(pair: &Value) -> Value {
    claims(&pair["access_token"])["acr"].clone()
}

/// Allows what is asked for on the page and redeems the code; returns the claims of the ID token.
fn redeemed(app: &TestApp, answer: &std::collections::BTreeMap<String, String>) -> Value {
    let code = answer["code"].as_str();
    let params = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    let params = [&params[..], &[("client_id", "app"), ("code_verifier", VERIFIER)]].concat();
    let tokens = app.post_form("/oauth/token", None, &params).ok();
    assert_eq!(claims(&tokens["access_token"])["acr"], claims(&tokens["id_token"])["acr"]);
    claims(&tokens["id_token"])
}

fn tokens_say_how_strongly_their_user_was_authenticated_if_the_settings_name_it(engine: Engine) {
    let app = TestApp::start_with(engine, &ACR);
    let Enrolled { pair, secret, .. } = enrolled(&app, "ada", &[]);
    assert_eq!(acr(&pair), "urn:example:one");
    let both = login(&app, "ada", &secret);
    assert_eq!(acr(&both), "urn:example:two");
    assert_eq!(acr(&app.refresh(&both["refresh_token"]).ok()), "urn:example:two");
    // By authenticating again a session gets stronger, and says so from then on.
    app.advance(30);
    let again = app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&json!({"password": PASSWORD})));
    let waiting = again.problem(401, "second_factor_required")["challenge"].as_str().unwrap().to_owned();
    assert_eq!(acr(&go_on(&app, &waiting, &code(&app, &secret)).ok()), "urn:example:two");
    assert_eq!(acr(&app.refresh(&pair["refresh_token"]).ok()), "urn:example:two");
    // Without the settings nothing is said.
    let app = TestApp::start(engine);
    let Enrolled { pair, secret, .. } = enrolled(&app, "ada", &[]);
    assert_eq!((acr(&pair), acr(&login(&app, "ada", &secret))), (Value::Null, Value::Null));
}

fn a_refused_sensitive_request_says_how_strongly_and_how_recently(engine: Engine) {
    let app = TestApp::start_with(engine, &ACR);
    app.create_user("ada", &[]);
    let other = app.login("ada", PASSWORD).ok();
    enrol(&app, &app.login("ada", PASSWORD).ok());
    let token = json!({"name": "kept"});
    let refused = app.ask_as("POST", "/v1/api-tokens", &other, Some(&token));
    refused.problem(401, "reauthentication_required");
    let header = refused.header("www-authenticate");
    let expected = "error=\"insufficient_user_authentication\", max_age=\"600\", acr_values=\"urn:example:two\"";
    assert!(header.starts_with("Bearer ") && header.contains(expected), "{header}");
    app.create_user("bob", &[]);
    let old = app.login("bob", PASSWORD).ok();
    app.advance(600);
    let next = app.refresh(&old["refresh_token"]).ok();
    let refused = app.ask_as("POST", "/v1/api-tokens", &next, Some(&token));
    refused.problem(401, "reauthentication_required");
    let header = refused.header("www-authenticate");
    assert!(header.contains("max_age=\"600\"") && !header.contains("acr_values"), "{header}");
}

fn the_metadata_names_the_strengths_that_there_are(engine: Engine) {
    let named = TestApp::start_with(engine, &ACR).get("/.well-known/openid-configuration").ok();
    assert_eq!(named["acr_values_supported"], json!(["urn:example:one", "urn:example:two"]));
    assert!(named["claims_supported"].as_array().unwrap().contains(&json!("acr")));
    let unnamed = TestApp::start(engine).get("/.well-known/openid-configuration").ok();
    assert_eq!(unnamed.get("acr_values_supported"), None);
}

fn an_application_that_asks_for_two_factors_gets_them_from_a_user_who_has_them(engine: Engine) {
    let app = TestApp::start_with(engine, &ACR);
    app.create_user("ada", &[]);
    app.register("app", &json!({}));
    let browser = app.browser();
    // Signed in by the password, before there is an app.
    let page = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    let page = browser.submit(&page, &[("decision", "allow")]);
    assert_eq!(redeemed(&app, &page.answer_to(CALLBACK))["acr"], "urn:example:one");
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(60);
    let asked = [("acr_values", "urn:example:two urn:example:one")];
    let silent = browser.get(&request("app", &[asked[0], ("prompt", "none")]));
    assert!(silent.header("location").contains("error=login_required"), "{silent:?}");
    let page = browser.open(&request("app", &asked));
    page.shows(200, "Log in");
    let page = browser.log_in(&page, "ada", PASSWORD);
    page.shows(200, "Confirm that it is you");
    let page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    let told = redeemed(&app, &page.answer_to(CALLBACK));
    assert_eq!((&told["acr"], &told["amr"]), (&json!("urn:example:two"), &json!(["pwd", "otp", "mfa"])));
    // The session has them now.
    let page = browser.open(&request("app", &asked));
    assert_eq!(redeemed(&app, &page.answer_to(CALLBACK))["acr"], "urn:example:two");
}

fn an_application_that_asks_for_more_than_its_user_has_gets_what_there_is(engine: Engine) {
    let app = TestApp::start_with(engine, &ACR);
    app.create_user("ada", &[]);
    app.register("app", &json!({}));
    let browser = app.browser();
    let page = browser.log_in(&browser.open(&request("app", &[("acr_values", "urn:example:two")])), "ada", PASSWORD);
    let page = browser.submit(&page, &[("decision", "allow")]);
    assert_eq!(redeemed(&app, &page.answer_to(CALLBACK))["acr"], "urn:example:one");
    let page = browser.open(&request("app", &[("acr_values", "urn:example:two")]));
    assert_eq!(redeemed(&app, &page.answer_to(CALLBACK))["acr"], "urn:example:one");
}

fn who_does_not_ask_is_not_sent_to_the_login_again(engine: Engine) {
    let app = TestApp::start_with(engine, &ACR);
    app.create_user("ada", &[]);
    app.register("app", &json!({}));
    let browser = app.browser();
    let page = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    browser.submit(&page, &[("decision", "allow")]);
    enrol(&app, &app.login("ada", PASSWORD).ok());
    for asked in [&[][..], &[("acr_values", "urn:example:one")], &[("acr_values", "urn:example:unknown")]] {
        let page = browser.open(&request("app", asked));
        assert_eq!(redeemed(&app, &page.answer_to(CALLBACK))["acr"], "urn:example:one", "{asked:?}");
    }
    challenge(&app, "ada");
}
