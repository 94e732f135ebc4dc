//! Consent: what a user allows to an application is remembered, and who is always asked.

use serde_json::json;

use super::authorize::{CALLBACK, allowed, request};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    consent_is_remembered_per_user_and_client,
    fewer_scopes_are_not_asked_for_and_more_only_for_the_new_ones,
    a_denied_request_goes_back_and_nothing_is_remembered,
    a_client_that_skips_consent_never_asks,
    prompt_consent_asks_again,
    rfc8252_8_6_a_public_client_of_an_app_or_a_program_is_always_asked,
    scopes_are_described_in_the_words_of_the_operator,
    consent_is_on_record,
);

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.create_user("grace", &[]);
    app.register("app", &json!({}));
    app
}

fn consent_is_remembered_per_user_and_client(engine: Engine) {
    let app = started(engine);
    app.register("other", &json!({}));
    let browser = allowed(&app, "ada", "app");
    assert!(browser.open(&request("app", &[])).answer_to(CALLBACK).contains_key("code"));
    browser.open(&request("other", &[])).shows(200, "Allow access?");
    let browser = app.browser();
    browser.log_in(&browser.open(&request("app", &[])), "grace", PASSWORD).shows(200, "Allow access?");
}

fn fewer_scopes_are_not_asked_for_and_more_only_for_the_new_ones(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let page = browser.open(&request("app", &[("scope", "openid profile")]));
    let page = browser.log_in(&page, "ada", PASSWORD);
    browser.submit(&page, &[("decision", "allow")]);
    assert!(browser.open(&request("app", &[("scope", "openid")])).answer_to(CALLBACK).contains_key("code"));
    let page = browser.open(&request("app", &[("scope", "openid notes:read offline_access")]));
    page.shows(200, "Allow access?");
    let text = page.text();
    assert!(
        text.contains("<li><code>notes:read</code></li>") && text.contains("Keep this access when you are away"),
        "{text}"
    );
    assert!(!text.contains("Know who you are") && !text.contains("See your name"), "{text}");
    browser.submit(&page, &[("decision", "allow")]);
    // All that was ever allowed; remembered consent is enough for `offline_access`.
    let all = [("scope", "openid profile notes:read offline_access"), ("prompt", "none")];
    assert!(browser.open(&request("app", &all)).answer_to(CALLBACK).contains_key("code"));
    assert_eq!(app.number("select count(*) from consents"), 1);
}

fn a_denied_request_goes_back_and_nothing_is_remembered(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let page = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    let answer = browser.submit(&page, &[("decision", "deny")]).answer_to(CALLBACK);
    assert_eq!((answer["error"].as_str(), answer["iss"].as_str()), ("access_denied", "http://127.0.0.1:8080"));
    assert_eq!(app.number("select (select count(*) from consents) + (select count(*) from authorization_codes)"), 0);
    browser.open(&request("app", &[])).shows(200, "Allow access?");
}

fn a_client_that_skips_consent_never_asks(engine: Engine) {
    let app = started(engine);
    app.register("own", &json!({"skip_consent": true}));
    let browser = app.browser();
    let page = browser.log_in(&browser.open(&request("own", &[])), "ada", PASSWORD);
    assert!(page.answer_to(CALLBACK).contains_key("code"));
    assert_eq!(app.number("select count(*) from consents"), 0);
}

fn prompt_consent_asks_again(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let page = browser.open(&request("app", &[("prompt", "consent")]));
    page.shows(200, "Allow access?");
    assert!(page.text().contains("Know who you are"), "{page:?}");
    assert!(browser.submit(&page, &[("decision", "allow")]).answer_to(CALLBACK).contains_key("code"));
}

fn rfc8252_8_6_a_public_client_of_an_app_or_a_program_is_always_asked(engine: Engine) {
    let app = started(engine);
    for (id, registered, used) in [
        ("phone", "com.example.app:/cb", "com.example.app:/cb"),
        ("program", "http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"),
    ] {
        app.register(id, &json!({"redirect_uris": [registered], "skip_consent": true}));
        let browser = app.browser();
        let path = request(id, &[("redirect_uri", used)]);
        let page = browser.log_in(&browser.open(&path), "ada", PASSWORD);
        page.shows(200, "Allow access?");
        assert!(page.text().contains("You are asked every time"), "{page:?}");
        assert!(page.text().contains("a program on this device"), "{page:?}");
        assert!(browser.submit(&page, &[("decision", "allow")]).answer_to(used).contains_key("code"));
        browser.open(&path).shows(200, "Allow access?");
        let silent = browser.open(&request(id, &[("redirect_uri", used), ("prompt", "none")]));
        assert_eq!(silent.answer_to(used)["error"], "consent_required");
    }
}

fn scopes_are_described_in_the_words_of_the_operator(engine: Engine) {
    let app = TestApp::start_with(
        engine,
        &[
            ("SCOPE_DESCRIPTIONS", "notes:read=read your notes, all of them;notes:read@de=deine Notizen lesen"),
            ("PAGE_NAME", "Example & Sons"),
            ("PAGE_LOGO_URL", "https://static.example.com/logo.svg"),
            ("PAGE_LINKS", "Privacy=https://www.example.com/privacy?a=b;Imprint=https://www.example.com/imprint"),
        ],
    );
    app.create_user("ada", &[]);
    app.register("app", &json!({"client_name": "<b>Notes</b>"}));
    for (language, words) in
        [("en", "read your notes, all of them"), ("de", "deine Notizen lesen"), ("es", "read your notes, all of them")]
    {
        let mut browser = app.browser();
        language.clone_into(&mut browser.language);
        let page = browser.open(&request("app", &[("scope", "openid notes:read")]));
        let page = browser.log_in(&page, "ada", PASSWORD);
        assert!(page.text().contains(&format!("<li>{words}</li>")), "{page:?}");
        assert!(page.answer.body.contains("&#60;b&#62;Notes&#60;/b&#62;"), "{page:?}");
        assert!(page.text().contains("alt=\"Example & Sons\""), "{page:?}");
        assert!(page.text().contains("<a href=\"https://www.example.com/privacy?a=b\">Privacy</a>"), "{page:?}");
        let policy = page.answer.header("content-security-policy");
        assert!(policy.contains("img-src https://static.example.com"), "{policy}");
    }
}

fn consent_is_on_record(engine: Engine) {
    let app = started(engine);
    allowed(&app, "ada", "app");
    let of_ada = "user_id = (select id from users where username = 'ada')";
    let events =
        format!("select count(*) from audit_events where name = 'consent_given' and detail = 'app' and {of_ada}");
    assert_eq!(app.number(&events), 1);
}
