//! Opening an account after a sign-in at a provider: who may, in which browser, and what the account has.

use serde_json::{Value, json};

use crate::admin_users::administrator;
use crate::identities::{SETTINGS, events};
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
    roles_that_are_too_many_open_no_account,
    an_invitation_whose_roles_do_not_fit_stays_unused,
    who_must_get_a_second_factor_goes_on_right_away,
    an_invitation_for_an_address_offers_providers_that_can_prove_it,
    a_sign_in_that_is_refused_leads_back_to_the_invitation,
    without_cookies_no_page_to_register_offers_a_provider,
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
    assert_eq!(events(&app, "registration_requested", "lying"), 1);
    // From now on the identity logs in.
    let other = app.browser();
    let trip = begin(&other, "lying");
    let code = provider.agree(&trip.url);
    assert_eq!(other.get(&format!("/login/callback/lying?{}", trip.back(&code))).status, 303);
    assert_eq!((profile(&other)["username"].clone(), accounts(&app)), (json!("ada"), 1));
}

fn a_provider_that_is_disabled_meanwhile_opens_no_account(engine: Engine) {
    for change in
        ["disabled_at = 1", "trust_email = false", "updated_at = (select max(created_at) + 1 from registrations)"]
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

fn invite(app: &TestApp, admin: &Value, body: &Value) -> String {
    let made = app.ask_as("POST", "/v1/admin/invitations", admin, Some(body));
    assert_eq!(made.status, 201, "{made:?}");
    format!("/invitation/{}", made.json()["token"].as_str().unwrap())
}

fn forty(kind: &str) -> Vec<String> {
    (0..40).map(|number| format!("{kind}-{number}")).collect()
}

fn roles_that_are_too_many_open_no_account(engine: Engine) {
    let app = open(engine);
    let provider = Provider::start(tokensmith::internals::clock::Clock::now(&*app.clock).0);
    let roles: Value =
        forty("told").into_iter().map(|role| (role.clone(), json!(role))).collect::<serde_json::Map<_, _>>().into();
    let map = json!({"roles": {"action": "force", "claim": "groups", "roles": roles}});
    let file = app.keys_dir().join("map.json");
    std::fs::write(&file, map.to_string()).unwrap();
    configure(&app, "lying", &provider.issuer, &["--claim-map", &file.display().to_string()]);
    provider.says().claims = json!({"groups": forty("told")});
    let admin = administrator(&app);
    let path = invite(&app, &admin, &json!({"roles": forty("invited")}));
    let (browser, before) = (app.browser(), accounts(&app));
    let form = to_registration(&browser, &come_back_to(&browser, &provider, &path));
    browser.submit(&form, &[("username", "ada")]).shows(403, "This link does not work");
    assert_eq!(accounts(&app), before);
    for table in ["registrations", "invitations"] {
        assert_eq!(app.number(&format!("select count(*) from {table} where used_at is not null")), 0, "{table}");
    }
    assert_eq!(app.number("select count(*) from identities"), 0);
    app.ask_as("GET", "/v1/admin/users", &admin, None).ok();
}

fn an_invitation_whose_roles_do_not_fit_stays_unused(engine: Engine) {
    let app = open(engine);
    let provider = lying(&app, &["--trust-email"]);
    let admin = administrator(&app);
    for kind in ["first", "second"] {
        invite(&app, &admin, &json!({"email": "ada@example.com", "roles": forty(kind)}));
    }
    let browser = app.browser();
    let form = to_registration(&browser, &come_back(&browser, &provider));
    browser.submit(&form, &[("username", "ada")]);
    assert_eq!(profile(&browser)["roles"].as_array().unwrap().len(), 40);
    assert_eq!(app.number("select count(*) from invitations where used_at is not null"), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'invitation_used'"), 1);
    app.ask_as("GET", "/v1/admin/users", &admin, None).ok();
}

fn who_must_get_a_second_factor_goes_on_right_away(engine: Engine) {
    let vars = [("REGISTRATION", "open"), ("REQUIRE_SECOND_FACTOR", "all")];
    let (app, _mails) = mailbox::start(engine, &[&SETTINGS[..], &vars].concat());
    let (provider, browser) = (lying(&app, &[]), app.browser());
    let form = to_registration(&browser, &come_back(&browser, &provider));
    let page = browser.submit(&form, &[("username", "ada")]);
    page.shows(200, "Set up an authenticator app");
    assert!(page.answer.body.contains("action=\"/login?return_to=%2Fnotes\""), "{page:?}");
    assert!(!page.answer.body.contains("type=\"password\""), "{page:?}");
    for cookie in ["__Host-ts_registering", "__Host-ts_refresh"] {
        assert!(!browser.cookies.borrow().contains_key(cookie), "{cookie}");
    }
    assert_eq!((accounts(&app), app.number("select count(*) from sessions")), (1, 0));
}

fn an_invitation_for_an_address_offers_providers_that_can_prove_it(engine: Engine) {
    let app = open(engine);
    let admin = administrator(&app);
    let provider = lying(&app, &[]);
    configure(&app, "trusted", &provider.issuer, &["--trust-email"]);
    let bound = invite(&app, &admin, &json!({"email": "ada@example.com", "roles": []}));
    let free = invite(&app, &admin, &json!({"roles": []}));
    for (path, offers_lying) in [(bound, false), (free, true)] {
        let page = app.browser().open(&path);
        // Also after an address that is refused.
        let again = app.browser().submit(&page, &[("email", "no address")]);
        for page in [page, again] {
            assert!(page.answer.body.contains("/login/trusted?"), "{page:?}");
            assert_eq!(page.answer.body.contains("/login/lying?"), offers_lying, "{page:?}");
        }
    }
}

fn a_sign_in_that_is_refused_leads_back_to_the_invitation(engine: Engine) {
    let app = open(engine);
    let admin = administrator(&app);
    lying(&app, &[]);
    let (path, browser) = (invite(&app, &admin, &json!({"roles": []})), app.browser());
    let url = browser.get(&format!("/login/lying?return_to={path}")).header("location").to_owned();
    let state = crate::support::browser::decoded(url.split_once('?').unwrap().1)["state"].clone();
    let back = crate::support::browser::encoded(&[("error", "access_denied"), ("state", &state)]);
    let page = browser.open(&format!("/login/callback/lying?{back}"));
    page.shows(403, "Sign-in with lying");
    assert!(page.answer.body.contains(&format!("href=\"{path}\"")), "{page:?}");
    assert!(!page.answer.body.contains("/login?return_to"), "{page:?}");
}

fn without_cookies_no_page_to_register_offers_a_provider(engine: Engine) {
    let vars = [SETTINGS[0], SETTINGS[1], ("SESSION_COOKIES", "off"), ("REGISTRATION", "open")];
    let (app, _mails) = mailbox::start(engine, &vars);
    lying(&app, &[]);
    let path = invite(&app, &administrator(&app), &json!({"roles": []}));
    for path in ["/registration", &path] {
        let page = app.browser().open(path);
        assert_eq!(page.answer.status, 200, "{page:?}");
        assert!(!page.answer.body.contains("/login/lying"), "{page:?}");
    }
}
