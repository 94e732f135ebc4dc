//! What protects an account is added only after a proof that is as strong as what the account has: a sign-in at a provider is
//! enough only where there is nothing else.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use crate::account_pages::{at_home, later, press};
use crate::identities::{
    SETTINGS, access_claims, begin_link, come_back, identities, is_signed_in, link, linked, press_id, sign_in, trip_of,
};
use crate::support::provider::Provider;
use crate::support::totp::{code, enrol};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp, mailbox};
use crate::upstream::{command, configure, lying};

both_engines!(
    over_json_an_account_with_a_password_asks_for_it,
    on_the_pages_an_account_with_a_password_asks_for_it_and_goes_on,
    an_account_without_anything_of_its_own_is_protected_after_a_sign_in_at_the_provider,
    a_factor_that_counts_there_does_not_replace_one_of_the_account,
    a_login_that_must_enrol_begins_with_the_password_if_there_is_one,
    what_was_shown_when_the_link_began_must_be_enough_when_it_is_made,
    a_password_that_cannot_be_checked_is_not_asked_for,
    another_address_asks_for_what_the_account_has_and_goes_on,
    another_username_asks_for_what_the_account_has_and_goes_on,
    an_administrator_shows_what_the_account_has_before_accounts_are_changed,
    an_administrator_without_a_password_administrates_after_a_sign_in_at_the_provider,
    an_account_with_an_app_and_identities_alone_goes_on_by_both,
);

/// Ada, whose account has a password, has signed in at the provider.
fn from_provider(engine: Engine) -> (TestApp, Provider, Browser) {
    let (app, provider) = linked(engine);
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    assert_eq!(access_claims(&browser)["idp"], "lying");
    (app, provider, browser)
}

/// Everything over JSON that adds or changes what protects the account, or what opens it.
fn requests(browser: &Browser) -> Vec<(&'static str, String, Value)> {
    let identity = identities(browser).first().map(|one| one["id"].as_str().unwrap().to_owned());
    let mut requests = vec![
        ("POST", "/v1/me/totp".to_owned(), json!({})),
        ("POST", "/v1/me/totp/confirm".to_owned(), json!({"code": "123456"})),
        ("DELETE", "/v1/me/totp".to_owned(), json!({})),
        ("POST", "/v1/me/recovery-codes".to_owned(), json!({})),
        ("POST", "/v1/me/passkeys/options".to_owned(), json!({})),
        ("PATCH", "/v1/me/profile".to_owned(), json!({"email": "eve@example.com"})),
        ("PATCH", "/v1/me/profile".to_owned(), json!({"username": "eve"})),
        ("POST", "/v1/api-tokens".to_owned(), json!({"name": "backup"})),
        ("POST", "/v1/api-tokens/00000000-0000-7000-8000-000000000000/rotate".to_owned(), json!({})),
    ];
    requests.extend(identity.map(|id| ("DELETE", format!("/v1/me/identities/{id}"), json!({}))));
    requests
}

/// Nothing protects the account but what it had.
#[track_caller]
fn nothing_is_added(app: &TestApp) {
    for table in ["totp_factors", "passkeys", "recovery_codes", "api_tokens"] {
        assert_eq!(app.number(&format!("select count(*) from {table}")), 0, "{table}");
    }
    assert_eq!(app.number("select count(*) from identities"), 1);
    assert_eq!(app.number("select count(*) from users where email = 'eve@example.com' or username = 'eve'"), 0);
}

fn over_json_an_account_with_a_password_asks_for_it(engine: Engine) {
    let (app, _provider, browser) = from_provider(engine);
    for (method, path, body) in requests(&browser) {
        let answer = browser.fetch(method, &path, Some(&body));
        answer.problem(401, "reauthentication_required");
        assert!(answer.header("www-authenticate").contains("insufficient_user_authentication"), "{answer:?}");
    }
    nothing_is_added(&app);
    browser.fetch("POST", "/v1/me/reauthenticate", Some(&json!({"password": PASSWORD}))).ok();
    assert_eq!(access_claims(&browser).get("idp"), None);
    browser.fetch("POST", "/v1/me/totp", Some(&json!({}))).ok();
    assert_eq!(browser.fetch("PATCH", "/v1/me/profile", Some(&json!({"email": "eve@example.com"}))).status, 200);
    // What opens nothing goes on after a sign-in at the provider, and everything where the account has nothing else.
    let (app, _provider, browser) = from_provider(engine);
    assert_eq!(browser.fetch("PATCH", "/v1/me/profile", Some(&json!({"name": "Ada King"}))).status, 200);
    app.execute("update users set password_hash = '!' where username = 'ada'");
    let token = browser.fetch("POST", "/v1/api-tokens", Some(&json!({"name": "backup"})));
    assert_eq!(token.status, 201, "{token:?}");
}

/// The question, which does not offer the provider: a sign-in there would not be enough.
#[track_caller]
fn asks_for_the_password(page: &Page) {
    page.shows(200, "Confirm that it is you");
    assert!(!page.answer.body.contains("/login/lying"), "{page:?}");
}

fn on_the_pages_an_account_with_a_password_asks_for_it_and_goes_on(engine: Engine) {
    for (section, what, then) in [
        ("second-factors", "set_up", "Set up an authenticator app"),
        ("passkeys", "add", "Add a passkey"),
        ("identities", "unlink", "Linked services"),
        ("api-tokens", "create", "Copy your new API token"),
    ] {
        let (app, _provider, browser) = from_provider(engine);
        let page = press(&browser, &browser.open(&format!("/account/{section}")), what, &[("name", "backup")]);
        asks_for_the_password(&page);
        nothing_is_added(&app);
        let page = browser.submit(&page, &[("password", "not hers")]);
        page.shows(403, "Confirm that it is you");
        nothing_is_added(&app);
        browser.submit(&page, &[("password", PASSWORD)]).shows(200, then);
    }
    let (app, provider, browser) = from_provider(engine);
    let other = Provider::start(app.clock.now().0);
    configure(&app, "other", &other.issuer, &[]);
    let begin = || press_id(&browser, &browser.open("/account/identities"), "link", "other", &[]);
    asks_for_the_password(&begin());
    // Also when the sign-in is not recent any more, and after another one.
    later(&app);
    (provider.says().now, other.says().now) = (app.clock.now().0, app.clock.now().0);
    asks_for_the_password(&begin());
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    asks_for_the_password(&begin());
    assert_eq!(app.number("select count(*) from upstream_logins where provider_id = 'other'"), 0);
    let page = browser.submit(&begin(), &[("password", PASSWORD)]);
    assert_eq!(come_back(&browser, &other, "other", &trip_of(&page)).answer.status, 303);
    assert_eq!(identities(&browser).len(), 2);
}

fn an_account_without_anything_of_its_own_is_protected_after_a_sign_in_at_the_provider(engine: Engine) {
    let (app, provider, browser) = from_provider(engine);
    app.execute("update users set password_hash = '!'");
    let other = Provider::start(app.clock.now().0);
    configure(&app, "other", &other.issuer, &[]);
    link(&browser, &other, "other");
    // Not after one that is too old.
    later(&app);
    browser.fetch("POST", "/v1/me/totp", Some(&json!({}))).problem(401, "reauthentication_required");
    provider.says().now = app.clock.now().0;
    provider.says().claims = json!({"auth_time": app.clock.now().0});
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    let begun = browser.fetch("POST", "/v1/me/totp", Some(&json!({}))).ok();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    browser.fetch("POST", "/v1/me/totp/confirm", Some(&json!({"code": code(&app, &secret)}))).ok();
    // The session has shown the app when it was confirmed.
    browser.fetch("POST", "/v1/me/passkeys/options", Some(&json!({}))).ok();
    // Another one has to show it.
    app.advance(60);
    let theirs = app.browser();
    sign_in(&theirs, &provider, "lying").shows(200, "Confirm that it is you");
}

fn a_factor_that_counts_there_does_not_replace_one_of_the_account(engine: Engine) {
    let (app, provider) = linked(engine);
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    assert!(command(&app).run(&["providers", "update", "lying", "--second-factor-amr", "mfa"]).success());
    app.advance(60);
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    assert_eq!(access_claims(&browser)["amr"], json!(["mfa"]));
    for (method, path, body) in requests(&browser) {
        browser.fetch(method, &path, Some(&body)).problem(401, "reauthentication_required");
    }
    let page = press(&browser, &browser.open("/account/passkeys"), "add", &[]);
    asks_for_the_password(&page);
    let page = browser.submit(&page, &[("password", PASSWORD)]);
    page.shows(200, "Confirm that it is you");
    browser.submit(&page, &[("otp", &code(&app, &secret))]).shows(200, "Add a passkey");
    assert_eq!(app.number("select count(*) from passkeys"), 0);
}

fn a_login_that_must_enrol_begins_with_the_password_if_there_is_one(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    app.create_user("ada", &[]);
    let provider = lying(&app, &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    let strict = app.another_instance(0, &[&SETTINGS[..], &[("REQUIRE_SECOND_FACTOR", "all")]].concat());
    let browser = strict.browser();
    let page = sign_in(&browser, &provider, "lying");
    page.shows(403, "Log in");
    assert!(page.text().contains("Log in with your password to set one up"), "{page:?}");
    assert_eq!(
        app.number("select count(*) from login_challenges") + app.number("select count(*) from totp_factors"),
        0
    );
    browser.log_in(&page, "ada", PASSWORD).shows(200, "Set up an authenticator app");
    // Without a password there is nothing else to begin with.
    app.execute("update users set password_hash = '!'");
    sign_in(&strict.browser(), &provider, "lying").shows(200, "Set up an authenticator app");
}

fn what_was_shown_when_the_link_began_must_be_enough_when_it_is_made(engine: Engine) {
    let (app, provider) = linked(engine);
    let browser = at_home(&app, "ada");
    provider.says().claims = json!({"sub": "subject-2"});
    let trip = begin_link(&browser, "lying");
    // Meanwhile the account gets a second factor in another session.
    enrol(&app, &app.login("ada", PASSWORD).ok());
    let page = come_back(&browser, &provider, "lying", &trip);
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert!(page.text().contains("Nothing was linked"), "{page:?}");
    assert_eq!(app.number("select count(*) from identities"), 1);
}

fn a_password_that_cannot_be_checked_is_not_asked_for(engine: Engine) {
    let (app, _provider, browser) = from_provider(engine);
    app.execute("update users set password_hash = '$scrypt$of$another$program'");
    browser.fetch("POST", "/v1/me/totp", Some(&json!({}))).ok();
    // Nor is it a way in.
    let id = identities(&browser)[0]["id"].as_str().unwrap().to_owned();
    browser.fetch("DELETE", &format!("/v1/me/identities/{id}"), None).problem(409, "last_way_in");
}

fn another_address_asks_for_what_the_account_has_and_goes_on(engine: Engine) {
    let (app, mails) = mailbox::start(engine, &SETTINGS);
    app.create_user("ada", &[]);
    let provider = lying(&app, &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    mails.take(&app);
    let change = || press(&browser, &browser.open("/account"), "change_email", &[("email", "eve@example.com")]);
    let page = change();
    asks_for_the_password(&page);
    assert_eq!(mails.take(&app).len(), 0);
    browser.submit(&page, &[("password", PASSWORD)]).shows(200, "Profile");
    assert!(mails.only(&app).to.contains("eve@example.com"));
    // With a second factor, its code is taken once and is enough for all that is asked.
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(1_000);
    mails.take(&app);
    let page = browser.submit(&change(), &[("password", PASSWORD)]);
    page.shows(200, "Confirm that it is you");
    browser.submit(&page, &[("otp", &code(&app, &secret))]).shows(200, "Profile");
    assert!(mails.only(&app).to.contains("eve@example.com"));
}

fn another_username_asks_for_what_the_account_has_and_goes_on(engine: Engine) {
    let (app, _provider, browser) = from_provider(engine);
    let page = browser.submit(&browser.open("/account"), &[("username", "eve"), ("name", "")]);
    asks_for_the_password(&page);
    nothing_is_added(&app);
    browser.submit(&page, &[("password", PASSWORD)]).shows(200, "Profile");
    assert_eq!(app.number("select count(*) from users where username = 'eve'"), 1);
}

fn an_administrator_shows_what_the_account_has_before_accounts_are_changed(engine: Engine) {
    let (app, provider) = linked(engine);
    app.execute("update users set roles = 'admin' where username = 'ada'");
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    let own = access_claims(&browser)["sub"].as_str().unwrap().to_owned();
    let lin = app.create_user("lin", &[]).id.to_string();
    let identity = identities(&browser)[0]["id"].as_str().unwrap().to_owned();
    let requests = |user: &str, name: &str| {
        let path = format!("/v1/admin/users/{user}");
        [
            ("PATCH", path.clone(), json!({"email": format!("{name}@example.com")})),
            ("PATCH", path.clone(), json!({"username": name})),
            ("DELETE", format!("{path}/totp"), json!({})),
            ("POST", format!("{path}/password"), json!({"password": "a river of seventeen green lanterns"})),
        ]
    };
    let unlink = format!("/v1/admin/users/{own}/identities/{identity}");
    // An account of others with the role admin could change this one.
    let helper = json!({"username": "helper", "password": "a river of seventeen green lanterns", "roles": ["admin"]});
    let more = [
        ("DELETE", unlink.clone(), json!({})),
        ("POST", "/v1/admin/users".to_owned(), helper),
        ("PUT", format!("/v1/admin/users/{lin}/roles"), json!({"roles": ["admin"]})),
        ("POST", "/v1/admin/invitations".to_owned(), json!({"roles": ["admin"]})),
        (
            "POST",
            "/v1/admin/clients".to_owned(),
            json!({"client_name": "Notes", "redirect_uris": ["https://notes.example.com/"]}),
        ),
        ("POST", "/v1/admin/keys/rotate".to_owned(), json!({})),
    ];
    for (method, path, body) in requests(&own, "eve").into_iter().chain(requests(&lin, "mallory")).chain(more) {
        browser.fetch(method, &path, Some(&body)).problem(401, "reauthentication_required");
    }
    nothing_is_added(&app);
    assert_eq!(app.number("select count(*) from users where roles = 'admin'"), 1);
    assert_eq!(app.login("ada", PASSWORD).status, 200);
    browser.fetch("POST", "/v1/me/reauthenticate", Some(&json!({"password": PASSWORD}))).ok();
    assert_eq!(browser.fetch("DELETE", &unlink, None).status, 204);
    for (method, path, body) in requests(&lin, "mallory").into_iter().chain(requests(&own, "eve")) {
        let status = browser.fetch(method, &path, Some(&body)).status;
        // There is no factor to reset.
        assert!(status < 300 || status == 404 && path.ends_with("/totp"), "{method} {path}: {status}");
    }
}

fn an_administrator_without_a_password_administrates_after_a_sign_in_at_the_provider(engine: Engine) {
    let (app, provider) = linked(engine);
    app.execute("update users set roles = 'admin', password_hash = '!' where username = 'ada'");
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    let lin = app.create_user("lin", &[]).id.to_string();
    let set = browser.fetch("PUT", &format!("/v1/admin/users/{lin}/roles"), Some(&json!({"roles": ["editor"]})));
    assert_eq!(set.status, 200, "{set:?}");
}

fn an_account_with_an_app_and_identities_alone_goes_on_by_both(engine: Engine) {
    let (app, provider) = linked(engine);
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.execute("update users set password_hash = '!' where username = 'ada'");
    assert!(command(&app).run(&["providers", "update", "lying", "--second-factor-amr", "mfa"]).success());
    app.advance(60);
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    let set_up = || press(&browser, &browser.open("/account/second-factors"), "set_up", &[]);
    let page = set_up();
    page.shows(200, "Confirm that it is you");
    assert!(page.answer.body.contains("/login/lying?return_to"), "there is nothing else to go on by: {page:?}");
    // The factor of the provider does not count for a user who authenticates again.
    let page = sign_in(&browser, &provider, "lying");
    page.shows(200, "Confirm that it is you");
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert_eq!(access_claims(&browser)["amr"], json!(["otp", "mfa"]));
    set_up().shows(200, "Set up an authenticator app");
}
