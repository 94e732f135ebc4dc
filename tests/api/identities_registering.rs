//! Opening an account after a sign-in at a provider: who may, in which browser, and what the account has.

use serde_json::{Value, json};

use crate::identities::SETTINGS;
use crate::support::oauth::claims;
use crate::support::provider::Provider;
use crate::support::{Browser, Engine, Page, TestApp, mailbox};
use crate::upstream::{begin, configure, lying};

both_engines!(
    an_account_is_opened_in_the_browser_that_was_at_the_provider,
    a_provider_that_is_disabled_meanwhile_opens_no_account,
    without_registration_no_account_is_opened,
    an_invitation_leads_to_the_provider_and_is_used_up,
    an_address_is_taken_only_if_it_is_trusted,
    an_address_of_an_account_is_not_registered_again,
    a_username_that_is_refused_is_told_and_another_is_taken,
    the_roles_of_a_new_account_are_those_of_the_mapping,
);

/// Everybody may register.
pub fn open(engine: Engine) -> TestApp {
    mailbox::start(engine, &[&SETTINGS[..], &[("REGISTRATION", "open")]].concat()).0
}

/// A user comes back from the provider, and has no account.
pub fn come_back(browser: &Browser, provider: &Provider) -> Page {
    let trip = begin(browser, "lying");
    let code = provider.agree(&trip.url);
    browser.open(&format!("/login/callback/lying?{}", trip.back(&code)))
}

/// The page that it offers.
#[track_caller]
pub fn to_registration(browser: &Browser, page: &Page) -> Page {
    page.shows(200, "Sign-in with lying");
    let address = page.answer.body.split("href=\"/registration/provider").nth(1).unwrap_or_else(|| panic!("{page:?}"));
    let form = browser.open(&format!("/registration/provider{}", address.split('"').next().unwrap()));
    form.shows(200, "Open an account");
    form
}

pub fn profile(browser: &Browser) -> Value {
    browser.fetch("GET", "/v1/me/profile", None).ok()
}

pub fn accounts(app: &TestApp) -> i64 {
    app.number("select count(*) from users")
}

fn an_account_is_opened_in_the_browser_that_was_at_the_provider(engine: Engine) {
    let app = open(engine);
    let (provider, browser) = (lying(&app, &[]), app.browser());
    let form = to_registration(&browser, &come_back(&browser, &provider));
    assert!(!form.answer.body.contains("type=\"password\""), "{form:?}");
    assert!(
        form.answer.body.contains("value=\"ada\"") && form.answer.body.contains("value=\"Ada Lovelace\""),
        "{form:?}"
    );
    // Somebody else who is sent there opens nothing.
    let victim = app.browser();
    victim.open(&form.path).shows(403, "This link does not work");
    victim.submit(&form, &[("username", "victim")]).shows(403, "This link does not work");
    let fields = form.form_with("username").fields;
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let answer = browser.post_from("same-origin", &form.form_with("username").action, &fields);
    assert_eq!((answer.status, answer.header("location")), (303, "/notes"), "{answer:?}");
    let token = claims(&json!(browser.cookie("__Host-ts_access")));
    assert_eq!((&token["idp"], &token["amr"]), (&json!("lying"), &json!([])));
    let account = profile(&browser);
    for (field, value) in [
        ("username", json!("ada")),
        ("name", json!("Ada Lovelace")),
        ("email", json!(null)),
        ("has_password", json!(false)),
    ] {
        assert_eq!(account[field], value, "{account}");
    }
    assert!(!browser.cookies.borrow().contains_key("__Host-ts_registering"));
    // From now on the identity logs in.
    let other = app.browser();
    let trip = begin(&other, "lying");
    let code = provider.agree(&trip.url);
    assert_eq!(other.get(&format!("/login/callback/lying?{}", trip.back(&code))).status, 303);
    assert_eq!((profile(&other)["username"].clone(), accounts(&app)), (json!("ada"), 1));
}

fn a_provider_that_is_disabled_meanwhile_opens_no_account(engine: Engine) {
    for change in
        ["disabled_at = 1", "trust_email = false", "created_at = (select max(created_at) + 1 from registrations)"]
    {
        let app = open(engine);
        let (provider, browser) = (lying(&app, &["--trust-email"]), app.browser());
        let form = to_registration(&browser, &come_back(&browser, &provider));
        app.execute(&format!("update providers set {change}"));
        browser.submit(&form, &[("username", "ada")]).shows(403, "This link does not work");
        assert_eq!(accounts(&app), 0, "{change}");
    }
}

fn without_registration_no_account_is_opened(engine: Engine) {
    for registration in ["off", "invite"] {
        let app = TestApp::start_with(engine, &[&SETTINGS[..], &[("REGISTRATION", registration)]].concat());
        let (provider, browser) = (lying(&app, &[]), app.browser());
        let page = come_back(&browser, &provider);
        assert_eq!(page.answer.status, 403, "{page:?}");
        assert!(!page.answer.body.contains("/registration/provider"), "{page:?}");
        assert!(browser.get("/registration/provider").status >= 400);
        assert_eq!(app.number("select count(*) from registrations"), 0);
    }
}

fn an_invitation_leads_to_the_provider_and_is_used_up(engine: Engine) {
    let app = TestApp::start_with(engine, &[&SETTINGS[..], &[("REGISTRATION", "invite")]].concat());
    let provider = lying(&app, &[]);
    app.create_user("root", &["admin"]);
    let pair = app.login("root", crate::support::PASSWORD).ok();
    let invite = |body: Value| {
        let made = app.ask_as("POST", "/v1/admin/invitations", &pair, Some(&body));
        assert_eq!(made.status, 201, "{made:?}");
        format!("/invitation/{}", made.json()["token"].as_str().unwrap())
    };
    // One for another address is of no use.
    let path = invite(json!({"email": "grace@example.com", "roles": []}));
    let page = come_back_to(&app.browser(), &provider, &path);
    assert_eq!(page.answer.status, 403, "{page:?}");
    let path = invite(json!({"roles": ["editor"]}));
    let browser = app.browser();
    let form = to_registration(&browser, &come_back_to(&browser, &provider, &path));
    browser.submit(&form, &[("username", "ada")]).shows(200, "Profile");
    assert_eq!(profile(&browser)["roles"], json!(["editor"]));
    provider.says().claims = json!({"sub": "another"});
    let page = come_back_to(&app.browser(), &provider, &path);
    assert_eq!(page.answer.status, 403, "{page:?}");
}

pub fn come_back_to(browser: &Browser, provider: &Provider, path: &str) -> Page {
    let answer = browser.get(&format!("/login/lying?return_to={path}"));
    let url = answer.header("location").to_owned();
    let (code, query) = (provider.agree(&url), crate::support::browser::decoded(url.split_once('?').unwrap().1));
    let back = crate::support::browser::encoded(&[("code", &code), ("state", &query["state"])]);
    browser.open(&format!("/login/callback/lying?{back}"))
}

fn an_address_is_taken_only_if_it_is_trusted(engine: Engine) {
    let app = open(engine);
    let provider = Provider::start(tokensmith::internals::clock::Clock::now(&*app.clock).0);
    configure(&app, "lying", &provider.issuer, &["--trust-email"]);
    for (said, username, email) in [
        (json!({}), "ada", json!("ada@example.com")),
        (json!({"sub": "2", "email": "eve@example.com", "email_verified": "true"}), "eve", json!(null)),
        (json!({"sub": "3", "email": "eve@example.com", "email_verified": false}), "mallory", json!(null)),
    ] {
        provider.says().claims = said;
        let browser = app.browser();
        let form = to_registration(&browser, &come_back(&browser, &provider));
        browser.submit(&form, &[("username", username)]);
        assert_eq!(profile(&browser)["email"], email, "{username}");
    }
    assert_eq!(app.number("select count(*) from users where verified_email is not null"), 1);
}

fn an_address_of_an_account_is_not_registered_again(engine: Engine) {
    let app = open(engine);
    let provider = lying(&app, &["--trust-email"]);
    crate::support::totp::enrolled(&app, "ada", &[]);
    let browser = app.browser();
    let page = come_back(&browser, &provider);
    assert_eq!(page.answer.status, 403, "{page:?}");
    assert!(page.text().contains("/login?return_to="), "{page:?}");
    assert_eq!((accounts(&app), app.number("select count(*) from registrations")), (1, 0));
}

fn a_username_that_is_refused_is_told_and_another_is_taken(engine: Engine) {
    let app = open(engine);
    let (provider, browser) = (lying(&app, &[]), app.browser());
    app.create_user("ada", &[]);
    let form = to_registration(&browser, &come_back(&browser, &provider));
    let page = browser.submit(&form, &[("username", "ada")]);
    page.shows(409, "Open an account");
    assert!(page.text().contains("This username is taken"), "{page:?}");
    assert!(!page.answer.body.contains("type=\"password\""), "{page:?}");
    browser.submit(&page, &[("username", "lovelace")]);
    assert_eq!(profile(&browser)["username"], "lovelace");
    // It is used up.
    let other = app.browser();
    other.set_cookie("__Host-ts_registering", "x");
    other.open("/registration/provider").shows(403, "This link does not work");
}

fn the_roles_of_a_new_account_are_those_of_the_mapping(engine: Engine) {
    let app = open(engine);
    let provider = Provider::start(tokensmith::internals::clock::Clock::now(&*app.clock).0);
    let map = json!({"roles": {"action": "force", "claim": "groups", "roles": {"staff": "editor"}}});
    let file = app.keys_dir().join("map.json");
    std::fs::write(&file, map.to_string()).unwrap();
    configure(&app, "lying", &provider.issuer, &["--claim-map", &file.display().to_string()]);
    provider.says().claims = json!({"groups": ["staff", "admin"]});
    let browser = app.browser();
    let form = to_registration(&browser, &come_back(&browser, &provider));
    browser.submit(&form, &[("username", "ada")]);
    assert_eq!(profile(&browser)["roles"], json!(["editor"]));
}
