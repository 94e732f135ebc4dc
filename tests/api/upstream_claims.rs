//! What a provider says that cannot be meant: texts that no database stores, URLs that are none, and words that are not the provider's.

use serde_json::{Value, json};
use tokensmith::internals::model::upstream::{BadIdToken, Refusal};

use crate::identities::{is_signed_in, link, linked};
use crate::identities_registering::{come_back, open, profile, to_registration};
use crate::support::{Engine, TestApp};
use crate::upstream::{SETTINGS, command, lying, refused, sign_in};

both_engines!(
    a_claim_that_cannot_be_stored_is_as_if_it_was_not_sent,
    a_claim_that_cannot_be_stored_changes_no_account,
    a_subject_that_cannot_be_stored_is_refused,
    how_a_user_has_authenticated_is_told_by_the_id_token_alone,
    metadata_whose_endpoints_are_no_urls_is_refused,
    a_time_of_authentication_that_cannot_be_read_is_refused,
    an_address_that_microsoft_tells_under_another_domain_is_not_verified,
);

const UNUSABLE: [&str; 5] = ["a\u{0}b", "\u{0}", "a\u{1b}b", "a\u{202e}b", "\u{feff}"];

fn a_claim_that_cannot_be_stored_is_as_if_it_was_not_sent(engine: Engine) {
    let app = open(engine);
    let provider = lying(&app, &["--trust-email"]);
    for (number, text) in UNUSABLE.into_iter().enumerate() {
        for claim in ["preferred_username", "name", "email", "amr", "acr", "picture"] {
            let subject = format!("{claim}-{number}");
            let mut said =
                json!({"sub": subject, "preferred_username": subject, "email": format!("{subject}@example.com")});
            said[claim] = if claim == "amr" { json!([text]) } else { json!(text) };
            provider.says().claims = said;
            let browser = app.browser();
            let form = to_registration(&browser, &come_back(&browser, &provider));
            browser.submit(&form, &[("username", &subject)]);
            assert_eq!(profile(&browser)["username"], subject);
        }
    }
}

fn a_claim_that_cannot_be_stored_changes_no_account(engine: Engine) {
    let (app, provider) = linked(engine);
    let map = json!({
        "name": {"action": "force", "claim": "name"},
        "roles": {"action": "force", "claim": "groups", "roles": {"staff": "editor"}},
    });
    let command = command(&app);
    std::fs::write(command.dir.path().join("map"), map.to_string()).unwrap();
    assert!(command.run(&["providers", "update", "lying", "--claim-map", "map"]).success());
    for text in UNUSABLE {
        for claim in ["preferred_username", "name", "email", "groups", "amr", "acr"] {
            let mut said = json!({"name": "Ada", "groups": ["staff"]});
            said[claim] = if claim == "groups" { json!([text, "staff"]) } else { json!(text) };
            provider.says().claims = said;
            is_signed_in(&crate::identities::sign_in(&app.browser(), &provider, "lying"));
        }
    }
    assert_eq!(app.number("select count(*) from users where name = 'Ada' and roles = 'editor'"), 1);
    // Nor does linking it.
    provider.says().claims = json!({"sub": "subject-2", "name": "a\u{0}b", "email": "a\u{0}b", "groups": []});
    link(&crate::account_pages::at_home(&app, "ada"), &provider, "lying");
}

fn a_subject_that_cannot_be_stored_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    for subject in ["a\u{0}b", "\u{0}", "a\u{7f}", "a\nb", "\u{85}"] {
        provider.says().claims = json!({"sub": subject});
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::IdToken(BadIdToken::BadSubject), "{subject:?}");
    }
    assert_eq!(app.number("select count(*) from identities") + app.number("select count(*) from registrations"), 0);
}

fn how_a_user_has_authenticated_is_told_by_the_id_token_alone(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--second-factor-amr", "mfa", "--second-factor-acr", "2"]);
    provider.says().claims = json!({"amr": null, "acr": null, "auth_time": null, "name": null});
    let info = json!({"sub": "subject-1", "amr": ["mfa"], "acr": "2", "auth_time": 1, "name": "Bob"});
    provider.answers("/userinfo", 200, &info.to_string());
    let known = sign_in(&app, &provider, "lying").unwrap().identity;
    assert_eq!(known.name.unwrap().to_string(), "Bob", "it was asked");
    assert_eq!((known.amr, known.acr, known.auth_time, known.is_second_factor), (vec![], None, None, false));
}

fn metadata_whose_endpoints_are_no_urls_is_refused(engine: Engine) {
    for (endpoint, value) in [
        ("authorization_endpoint", json!("http://")),
        ("authorization_endpoint", json!("http:// /a")),
        ("authorization_endpoint", json!("httpx://127.0.0.1/a")),
        ("authorization_endpoint", json!("http://127.0.0.1:99999/a")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("authorization_endpoint", json!(7)),
        ("token_endpoint", json!("httpsx://127.0.0.1/a")),
        ("jwks_uri", json!("http")),
        ("userinfo_endpoint", json!("ftp://127.0.0.1/a")),
    ] {
        let app = TestApp::start_with(engine, &SETTINGS);
        let provider = lying(&app, &[]);
        provider.says().metadata = json!({endpoint: value});
        let page = app.browser().open("/login/lying?return_to=/notes");
        page.shows(502, "Sign-in with lying");
        assert!(page.text().contains("cannot be reached, or does not answer as it must"), "{page:?}");
        assert_eq!(app.number("select count(*) from upstream_logins"), 0, "{endpoint} {value}");
    }
}

fn an_address_that_microsoft_tells_under_another_domain_is_not_verified(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--trust-email"]);
    app.create_user("ada", &[]);
    let is_verified = |claims: Value| {
        provider.says().claims = claims;
        sign_in(&app, &provider, "lying").unwrap().identity.email_verified
    };
    assert!(is_verified(json!({})) && is_verified(json!({"tid": "1"})));
    assert!(!is_verified(json!({"tid": "8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "ver": "2.0"})));
    assert!(!is_verified(json!({"tfp": "B2C_1_sign_in"})));
    app.advance(3_700);
    provider.says().now += 3_700;
    provider.says().metadata = json!({"tenant_region_scope": "EU"});
    assert!(!is_verified(json!({})));
    assert_eq!(app.number("select count(*) from identities"), 0);
}

fn a_time_of_authentication_that_cannot_be_read_is_refused(engine: Engine) {
    let (app, provider) = linked(engine);
    let now = tokensmith::internals::clock::Clock::now(&*app.clock).0;
    for said in [json!((now - 1_000).to_string()), json!("soon"), json!([now]), json!({}), json!(true)] {
        provider.says().claims = json!({"auth_time": said});
        let page = crate::identities::sign_in(&app.browser(), &provider, "lying");
        assert_eq!(page.answer.status, 403, "{page:?}");
    }
    assert_eq!(app.number("select count(*) from sessions where idp is not null"), 0);
    // A number may have a fraction.
    for (said, read) in [("1799900000.75", 1_799_900_000), ("1.7999e9", 1_799_900_000), ("1e300", now), ("-1e300", 0)] {
        provider.says().claims = json!({"auth_time": serde_json::from_str::<Value>(said).unwrap()});
        let browser = app.browser();
        is_signed_in(&crate::identities::sign_in(&browser, &provider, "lying"));
        assert_eq!(crate::identities::access_claims(&browser)["auth_time"], read, "{said}");
    }
}
