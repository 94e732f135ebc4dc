//! Identities at providers: logging in with one, linking, unlinking, and attempts to get into an account of somebody else.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use crate::account_pages::{at_home, later, press};
use crate::authorize::{CALLBACK, request};
use crate::support::browser::{decoded, encoded};
use crate::support::oauth::claims;
use crate::support::provider::Provider;
use crate::support::totp::{code, enrol, enrolled};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp};
use crate::upstream::{Trip, begin, command, configure, lying};

both_engines!(
    a_linked_identity_logs_in_and_the_tokens_say_where,
    the_login_page_offers_the_providers_that_are_enabled,
    the_second_factor_of_the_account_is_asked,
    a_provider_that_counts_as_a_second_factor_is_enough,
    an_identity_is_linked_in_the_session_that_has_asked_for_it,
    linking_needs_a_recent_authentication,
    the_identity_of_another_account_is_not_linked,
    another_identity_of_the_same_provider_is_linked_too,
    a_link_that_somebody_else_has_begun_links_nothing,
    an_address_alone_opens_no_account,
    a_trusted_address_that_both_have_verified_links_the_account,
    an_account_with_a_second_factor_is_not_linked_by_its_address,
    an_address_that_was_changed_at_the_provider_leads_to_no_other_account,
    a_login_at_the_provider_that_is_old_opens_nothing_that_needs_a_recent_one,
    a_provider_that_is_disabled_meanwhile_logs_nobody_in,
    an_account_that_is_disabled_or_deleted_is_not_logged_in_to,
    a_callback_works_once_and_in_the_browser_that_has_begun,
    the_last_way_in_is_not_unlinked,
    an_unlinked_identity_does_not_log_in,
    a_deleted_provider_takes_its_identities_and_leaves_the_accounts,
    an_application_is_logged_in_to_through_a_provider,
);

/// The links of pages lead to the service as it is reached in a test.
pub const SETTINGS: [(&str, &str); 3] =
    [("ISSUER", "https://id.example.com"), ("OUTBOUND_ALLOW", "127.0.0.1"), ("SESSION_COOKIES", "on")];

/// A user goes to the provider and comes back.
pub fn come_back(browser: &Browser, provider: &Provider, id: &str, trip: &Trip) -> Page {
    let code = provider.agree(&trip.url);
    let path = format!("/login/callback/{id}?{}", trip.back(&code));
    Page { answer: browser.get(&path), path }
}

/// A whole sign-in; returns what the browser gets at its end.
pub fn sign_in(browser: &Browser, provider: &Provider, id: &str) -> Page {
    let trip = begin(browser, id);
    come_back(browser, provider, id, &trip)
}

#[track_caller]
pub fn is_signed_in(page: &Page) {
    assert_eq!((page.answer.status, page.answer.header("location")), (303, "/notes"), "{page:?}");
}

#[track_caller]
pub fn is_not_linked(page: &Page) {
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert!(page.text().contains("No account here is linked"), "{page:?}");
}

/// Presses the button to link on the account page; returns the way to the provider.
#[track_caller]
pub fn begin_link(browser: &Browser, id: &str) -> Trip {
    let page = browser.open("/account/identities");
    let page = press_id(browser, &page, "link", id, &[]);
    trip_of(&page)
}

pub fn press_id(browser: &Browser, page: &Page, what: &str, id: &str, fields: &[(&str, &str)]) -> Page {
    press(browser, page, what, &[fields, &[("id", id)]].concat())
}

#[track_caller]
pub fn trip_of(page: &Page) -> Trip {
    assert_eq!(page.answer.status, 200, "{page:?}");
    let text = page.text();
    let rest = text.split("0; url=").nth(1).unwrap_or_else(|| panic!("{page:?}"));
    let url = rest.split('"').next().unwrap().to_owned();
    Trip { params: decoded(url.split_once('?').unwrap().1), url }
}

/// Links what the provider says now to the account of the user of a browser.
#[track_caller]
pub fn link(browser: &Browser, provider: &Provider, id: &str) {
    let trip = begin_link(browser, id);
    let page = come_back(browser, provider, id, &trip);
    assert_eq!((page.answer.status, page.answer.header("location")), (303, "/account/identities"), "{page:?}");
}

pub fn identities(browser: &Browser) -> Vec<Value> {
    browser.fetch("GET", "/v1/me/identities", None).ok()["identities"].as_array().unwrap().clone()
}

pub fn started(engine: Engine) -> (TestApp, Provider) {
    let app = TestApp::start_with(engine, &SETTINGS);
    app.create_user("ada", &[]);
    app.create_user("grace", &[]);
    let provider = lying(&app, &[]);
    (app, provider)
}

/// Ada has linked the provider's user to her account.
pub fn linked(engine: Engine) -> (TestApp, Provider) {
    let (app, provider) = started(engine);
    link(&at_home(&app, "ada"), &provider, "lying");
    (app, provider)
}

pub fn me(browser: &Browser) -> Value {
    browser.fetch("GET", "/v1/me/profile", None).ok()
}

pub fn access_claims(browser: &Browser) -> Value {
    claims(&json!(browser.cookie("__Host-ts_access")))
}

pub fn events(app: &TestApp, name: &str, detail: &str) -> i64 {
    app.number(&format!("select count(*) from audit_events where name = '{name}' and detail = '{detail}'"))
}

fn a_linked_identity_logs_in_and_the_tokens_say_where(engine: Engine) {
    let (app, provider) = linked(engine);
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    let token = access_claims(&browser);
    assert_eq!((&token["idp"], &token["amr"]), (&json!("lying"), &json!([])), "{token}");
    assert_eq!(me(&browser)["username"], "ada");
    assert_eq!(events(&app, "login", "lying"), 1);
    let list = identities(&browser);
    assert_eq!(list.len(), 1);
    for (field, value) in
        [("provider", "lying"), ("subject", "subject-1"), ("email", "ada@example.com"), ("name", "Ada Lovelace")]
    {
        assert_eq!(list[0][field], value, "{list:?}");
    }
    assert!(list[0]["last_used_at"].is_string(), "{list:?}");
    let by_password = at_home(&app, "ada");
    assert_eq!(access_claims(&by_password).get("idp"), None);
    // Who is signed in already has authenticated again, in the same session.
    let session = access_claims(&browser)["sid"].clone();
    app.advance(100);
    provider.says().claims = json!({"auth_time": app.clock.now().0});
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    let token = access_claims(&browser);
    assert_eq!((&token["sid"], &token["auth_time"]), (&session, &json!(app.clock.now().0)), "{token}");
}

fn the_login_page_offers_the_providers_that_are_enabled(engine: Engine) {
    let (app, _provider) = started(engine);
    let other = Provider::start(app.clock.now().0);
    configure(&app, "other", &other.issuer, &[]);
    let mut browser = app.browser();
    for (language, text) in [("en", "Continue with "), ("de", "Mit "), ("es", "Continuar con ")] {
        language.clone_into(&mut browser.language);
        let page = browser.open("/login?return_to=/notes");
        assert!(page.text().contains(&format!("{text}lying")), "{page:?}");
        assert!(page.answer.body.contains("href=\"/login/lying?return_to=%2Fnotes\""), "{page:?}");
        assert!(page.answer.body.contains("href=\"/login/other?return_to=%2Fnotes\""), "{page:?}");
    }
    assert!(command(&app).run(&["providers", "disable", "other"]).success());
    let page = browser.open("/login");
    assert!(page.answer.body.contains("/login/lying?") && !page.answer.body.contains("/login/other?"), "{page:?}");
}

fn the_second_factor_of_the_account_is_asked(engine: Engine) {
    let (app, provider) = linked(engine);
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(60);
    let browser = app.browser();
    let page = sign_in(&browser, &provider, "lying");
    page.shows(200, "Confirm that it is you");
    assert!(!browser.cookies.borrow().contains_key("__Host-ts_refresh"));
    browser.submit(&page, &[("otp", "000000")]).shows(403, "Confirm that it is you");
    let form = page.form_with("otp");
    let shown = code(&app, &secret);
    let fields: Vec<_> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != "otp").chain([("otp", &*shown)]).collect();
    let answer = browser.post_from("same-origin", &form.action, &fields);
    assert_eq!((answer.status, answer.header("location")), (303, "/notes"), "{answer:?}");
    let token = access_claims(&browser);
    assert_eq!((&token["idp"], &token["amr"]), (&json!("lying"), &json!(["otp", "mfa"])), "{token}");
    // A challenge is over when its identity is unlinked.
    let page = sign_in(&app.browser(), &provider, "lying");
    page.shows(200, "Confirm that it is you");
    app.execute("delete from identities");
    app.advance(60);
    let other = app.browser();
    let page = other.submit(&page, &[("otp", &code(&app, &secret))]);
    page.shows(403, "Log in");
}

fn a_provider_that_counts_as_a_second_factor_is_enough(engine: Engine) {
    let (app, provider) = linked(engine);
    enrol(&app, &app.login("ada", PASSWORD).ok());
    assert!(command(&app).run(&["providers", "update", "lying", "--second-factor-amr", "mfa"]).success());
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    assert_eq!(access_claims(&browser)["amr"], json!(["mfa"]));
    provider.says().claims = json!({"amr": ["pwd"]});
    sign_in(&app.browser(), &provider, "lying").shows(200, "Confirm that it is you");
}

fn an_identity_is_linked_in_the_session_that_has_asked_for_it(engine: Engine) {
    let (app, provider) = started(engine);
    let browser = at_home(&app, "ada");
    assert_eq!(identities(&browser), Vec::<Value>::new());
    link(&browser, &provider, "lying");
    let page = browser.open("/account/identities");
    page.shows(200, "Linked services");
    assert!(page.text().contains("ada@example.com"), "{page:?}");
    assert_eq!(events(&app, "identity_added", "lying"), 1);
    // Once more is no harm.
    link(&browser, &provider, "lying");
    assert_eq!((identities(&browser).len(), events(&app, "identity_added", "lying")), (1, 1));
}

fn linking_needs_a_recent_authentication(engine: Engine) {
    let (app, provider) = started(engine);
    let browser = at_home(&app, "ada");
    later(&app);
    provider.says().now = app.clock.now().0;
    let page = browser.open("/account/identities");
    let page = press_id(&browser, &page, "link", "lying", &[]);
    page.shows(200, "Confirm that it is you");
    assert_eq!(app.number("select count(*) from upstream_logins"), 0);
    let page = browser.submit(&page, &[("password", PASSWORD)]);
    let trip = trip_of(&page);
    assert_eq!(come_back(&browser, &provider, "lying", &trip).answer.status, 303);
    assert_eq!(identities(&browser).len(), 1);
}

fn the_identity_of_another_account_is_not_linked(engine: Engine) {
    let (app, provider) = linked(engine);
    let browser = at_home(&app, "grace");
    let trip = begin_link(&browser, "lying");
    let page = come_back(&browser, &provider, "lying", &trip);
    assert_eq!(page.answer.status, 409, "{page:?}");
    assert!(page.text().contains("another account is linked"), "{page:?}");
    assert_eq!(identities(&browser), Vec::<Value>::new());
    let theirs = app.browser();
    is_signed_in(&sign_in(&theirs, &provider, "lying"));
    assert_eq!(me(&theirs)["username"], "ada");
}

fn another_identity_of_the_same_provider_is_linked_too(engine: Engine) {
    let (app, provider) = linked(engine);
    provider.says().claims = json!({"sub": "subject-2"});
    link(&at_home(&app, "ada"), &provider, "lying");
    for subject in ["subject-1", "subject-2"] {
        provider.says().claims = json!({"sub": subject});
        let browser = app.browser();
        is_signed_in(&sign_in(&browser, &provider, "lying"));
        assert_eq!(me(&browser)["username"], "ada");
    }
}

fn a_link_that_somebody_else_has_begun_links_nothing(engine: Engine) {
    let (app, provider) = started(engine);
    // Ada begins; then Grace logs in in the same browser.
    let browser = at_home(&app, "ada");
    let trip = begin_link(&browser, "lying");
    browser.log_in(&log_in_as_other(&browser), "grace", PASSWORD).shows(200, "Profile");
    let page = come_back(&browser, &provider, "lying", &trip);
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert!(page.text().contains("Nothing was linked"), "{page:?}");
    // An attacker begins and has the victim finish: the browser is another one.
    let attacker = at_home(&app, "grace");
    let trip = begin_link(&attacker, "lying");
    let victim = at_home(&app, "ada");
    assert_eq!(come_back(&victim, &provider, "lying", &trip).answer.status, 403);
    // Nor does it once the session is over.
    let trip = begin_link(&victim, "lying");
    app.execute("update sessions set ended_at = 1, end_reason = 'logout'");
    let page = come_back(&victim, &provider, "lying", &trip);
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert_eq!(app.number("select count(*) from identities"), 0);
}

/// A login page for a browser that is signed in already.
fn log_in_as_other(browser: &Browser) -> Page {
    for name in ["__Host-ts_refresh", "__Host-ts_access"] {
        browser.drop_cookie(name);
    }
    browser.open("/login")
}

fn an_address_alone_opens_no_account(engine: Engine) {
    let (app, provider) = started(engine);
    for said in [json!({}), json!({"email_verified": false}), json!({"email_verified": "true"})] {
        provider.says().claims = said;
        is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
    }
    assert_eq!(app.number("select count(*) from identities") + app.number("select count(*) from sessions"), 0);
}

fn a_trusted_address_that_both_have_verified_links_the_account(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--trust-email"]);
    app.create_user("ada", &[]);
    for said in
        [json!({"email_verified": false}), json!({"email_verified": "true"}), json!({"email": "eve@example.com"})]
    {
        provider.says().claims = said;
        is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
    }
    provider.says().claims = json!({});
    // Somebody who has typed the victim's address has not verified it.
    app.execute("update users set verified_email = null, email_verified_at = null");
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
    assert_eq!(app.number("select count(*) from identities"), 0);
    app.execute("update users set verified_email = 'ada@example.com', email_verified_at = 1");
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    assert_eq!(me(&browser)["username"], "ada");
    assert_eq!(events(&app, "identity_added", "lying by the address"), 1);
}

fn an_account_with_a_second_factor_is_not_linked_by_its_address(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--trust-email"]);
    enrolled(&app, "ada", &[]);
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
    assert_eq!(app.number("select count(*) from identities"), 0);
}

fn an_address_that_was_changed_at_the_provider_leads_to_no_other_account(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--trust-email"]);
    app.create_user("ada", &[]);
    app.create_user("grace", &[]);
    is_signed_in(&sign_in(&app.browser(), &provider, "lying"));
    // Ada's own identity stays Ada's, whatever address she types there.
    provider.says().claims = json!({"email": "grace@example.com"});
    let browser = app.browser();
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    assert_eq!(me(&browser)["username"], "ada");
    assert_eq!(identities(&browser)[0]["email"], "grace@example.com");
    assert_eq!(app.number("select count(*) from users where email = 'grace@example.com'"), 1);
    // Nor does somebody else with her old address get in, where the address is not verified.
    provider.says().claims = json!({"sub": "eve", "email": "ada@example.com", "email_verified": false});
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
    // Nor where it is, because it was given to somebody else: one person is one subject.
    provider.says().claims = json!({"sub": "eve", "email": "ada@example.com", "email_verified": true});
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
}

fn a_login_at_the_provider_that_is_old_opens_nothing_that_needs_a_recent_one(engine: Engine) {
    let (app, provider) = linked(engine);
    let (browser, day_old) = (app.browser(), app.clock.now().0 - 86_400);
    provider.says().claims = json!({"auth_time": day_old});
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    assert_eq!(access_claims(&browser)["auth_time"], day_old);
    app.execute("update users set password_hash = '!' where username = 'ada'");
    let make = || browser.fetch("POST", "/v1/api-tokens", Some(&json!({"name": "backup"})));
    make().problem(401, "reauthentication_required");
    // Who is signed in and goes there once more is to log in there again.
    let trip = begin(&browser, "lying");
    assert_eq!(trip.params["max_age"], "600");
    assert!(!begin(&app.browser(), "lying").params.contains_key("max_age"));
    provider.says().claims = json!({"auth_time": app.clock.now().0});
    is_signed_in(&come_back(&browser, &provider, "lying", &trip));
    assert_eq!(make().status, 201);
}

fn a_provider_that_is_disabled_meanwhile_logs_nobody_in(engine: Engine) {
    let (app, provider) = linked(engine);
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(60);
    let browser = app.browser();
    let page = sign_in(&browser, &provider, "lying");
    page.shows(200, "Confirm that it is you");
    app.execute("update providers set disabled_at = 1");
    assert!(!browser.cookies.borrow().contains_key("__Host-ts_refresh"));
    let shown = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert_ne!(shown.answer.status, 303, "{shown:?}");
    assert!(!browser.cookies.borrow().contains_key("__Host-ts_refresh"));
}

fn an_account_that_is_disabled_or_deleted_is_not_logged_in_to(engine: Engine) {
    let (app, provider) = linked(engine);
    let browser = app.browser();
    app.execute("update users set disabled_at = 1 where username = 'ada'");
    let page = sign_in(&browser, &provider, "lying");
    page.shows(403, "Log in");
    assert!(page.text().contains("This account is disabled"), "{page:?}");
    assert_eq!(events(&app, "login_failed", "account disabled"), 1);
    assert!(!browser.cookies.borrow().contains_key("__Host-ts_refresh"));
    app.execute("delete from users where username = 'ada'");
    is_not_linked(&sign_in(&browser, &provider, "lying"));
    assert_eq!(app.number("select count(*) from identities"), 0);
}

fn a_callback_works_once_and_in_the_browser_that_has_begun(engine: Engine) {
    let (app, provider) = linked(engine);
    let (browser, victim) = (app.browser(), app.browser());
    let trip = begin(&browser, "lying");
    let code = provider.agree(&trip.url);
    let path = format!("/login/callback/lying?{}", trip.back(&code));
    let page = victim.open(&path);
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert!(page.text().contains("begun in another browser"), "{page:?}");
    assert_eq!(victim.get("/login/callback/lying?state=x&code=y").status, 403);
    assert!(victim.cookies.borrow().is_empty());
    assert_eq!(browser.get(&path).status, 303);
    // The back button.
    let page = browser.open(&path);
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert_eq!(me(&browser)["username"], "ada", "the session goes on");
}

fn the_last_way_in_is_not_unlinked(engine: Engine) {
    let (app, provider) = linked(engine);
    let browser = app.browser();
    sign_in(&browser, &provider, "lying");
    app.execute("update users set password_hash = '!' where username = 'ada'");
    let path = format!("/v1/me/identities/{}", identities(&browser)[0]["id"].as_str().unwrap());
    browser.fetch("DELETE", &path, None).problem(409, "last_way_in");
    let page = browser.open("/account/identities");
    let page = press(&browser, &page, "unlink", &[]);
    page.shows(409, "Linked services");
    assert!(page.text().contains("You could not log in any more"), "{page:?}");
    // One of a provider that is disabled is no way in.
    let other = Provider::start(app.clock.now().0);
    configure(&app, "other", &other.issuer, &[]);
    link(&browser, &other, "other");
    assert!(command(&app).run(&["providers", "disable", "other"]).success());
    browser.fetch("DELETE", &path, None).problem(409, "last_way_in");
    assert!(command(&app).run(&["providers", "enable", "other"]).success());
    assert_eq!(browser.fetch("DELETE", &path, None).status, 204);
    assert_eq!((identities(&browser).len(), events(&app, "identity_removed", "lying")), (1, 1));
}

fn an_unlinked_identity_does_not_log_in(engine: Engine) {
    let (app, provider) = linked(engine);
    let browser = at_home(&app, "ada");
    let page = press(&browser, &browser.open("/account/identities"), "unlink", &[]);
    page.shows(200, "Linked services");
    assert!(page.text().contains("The service is unlinked."), "{page:?}");
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
    let id = "00000000-0000-7000-8000-000000000000";
    browser.fetch("DELETE", &format!("/v1/me/identities/{id}"), None).problem(404, "identity_not_found");
    // That of somebody else is not there, either.
    link(&browser, &provider, "lying");
    let theirs = identities(&browser)[0]["id"].clone();
    let path = format!("/v1/me/identities/{}", theirs.as_str().unwrap());
    at_home(&app, "grace").fetch("DELETE", &path, None).problem(404, "identity_not_found");
    later(&app);
    browser.fetch("DELETE", &path, None).problem(401, "reauthentication_required");
    assert_eq!(app.number("select count(*) from identities"), 1);
}

fn a_deleted_provider_takes_its_identities_and_leaves_the_accounts(engine: Engine) {
    let (app, _provider) = linked(engine);
    assert!(command(&app).run(&["providers", "delete", "lying", "--yes"]).success());
    assert_eq!(app.number("select count(*) from identities"), 0);
    assert_eq!(identities(&at_home(&app, "ada")), Vec::<Value>::new());
}

fn an_application_is_logged_in_to_through_a_provider(engine: Engine) {
    let settings = [&SETTINGS[..2], &[("SESSION_COOKIES", "off")]].concat();
    let (app, provider) = linked(engine);
    app.register("app", &json!({}));
    let (without_cookies, browser) = (app.another_instance(0, &settings), app.browser());
    for (app, browser) in [(&app, browser), (&without_cookies, without_cookies.browser())] {
        let page = browser.open(&request("app", &[]));
        page.shows(200, "Log in");
        let address = page.answer.body.split("href=\"/login/lying").nth(1).unwrap().split('"').next().unwrap();
        let answer = browser.get(&format!("/login/lying{address}"));
        assert_eq!(answer.status, 303, "{answer:?}");
        let url = answer.header("location").to_owned();
        let trip = Trip { params: decoded(url.split_once('?').unwrap().1), url };
        // Who has not agreed there may log in otherwise.
        let cancelled = browser.get(&format!("/login/lying{address}")).header("location").to_owned();
        let state = decoded(cancelled.split_once('?').unwrap().1)["state"].clone();
        let query = encoded(&[("state", &state), ("error", "access_denied")]);
        let page = browser.open(&format!("/login/callback/lying?{query}"));
        page.shows(403, "Sign-in with lying");
        assert!(page.text().contains(&format!("/login{address}\"")), "{page:?}");
        let back = come_back(&browser, &provider, "lying", &trip);
        assert_eq!(back.answer.status, 303, "{back:?}");
        assert!(back.answer.header("location").starts_with("/oauth/interactions/"), "{back:?}");
        let page = browser.open(back.answer.header("location"));
        page.shows(200, "Allow access?");
        let answer = browser.submit(&page, &[("decision", "allow")]);
        let code = answer.answer_to(CALLBACK)["code"].clone();
        assert!(!code.is_empty());
        assert_eq!(app.number("select count(*) from authorization_codes where idp = 'lying'") % 2, 1);
        app.execute("delete from authorization_codes");
        app.execute("delete from consents");
    }
}
