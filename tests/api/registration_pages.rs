//! The pages of a registration: without a script, in three languages, and harmless to programs that follow links.

use serde_json::json;

use crate::authorize::{CALLBACK, request};
use crate::identities::SETTINGS;
use crate::registrations::{OPEN, ask};
use crate::schema::rows_with;
use crate::support::browser::Page;
use crate::support::mailbox::{self, start};
use crate::support::{Browser, Engine, PASSWORD, TestApp};
use crate::upstream::lying;

both_engines!(
    a_user_follows_the_link_and_chooses,
    a_user_types_the_code_instead,
    a_registration_leads_to_where_the_login_page_would,
    looking_at_a_link_changes_nothing,
    what_is_wrong_is_told_in_the_form,
    the_terms_are_linked_and_must_be_accepted,
    who_must_have_a_second_factor_is_sent_to_the_login,
    strangers_do_not_use_up_the_codes_of_a_browser,
    a_registration_goes_on_with_what_an_application_has_begun,
    an_invitation_goes_on_with_what_an_application_has_begun,
    what_an_application_has_begun_is_left_when_it_is_over,
    an_open_registration_of_an_invited_address_gets_the_roles_of_the_invitation,
    no_secret_of_a_link_is_stored_as_it_is,
    an_invitation_asks_for_the_address,
    without_mail_an_invitation_leads_to_the_choice,
    forms_of_other_pages_do_nothing,
    pages_with_a_secret_in_their_address_keep_it_to_themselves,
    the_pages_speak_the_language_of_the_browser,
);

const TITLE: &str = "Open an account";
const VOID: &str = "This link does not work";

fn chosen(username: &str) -> [(&str, &str); 3] {
    [("username", username), ("name", ""), ("password", PASSWORD)]
}

/// Who has registered is at their account pages.
#[track_caller]
fn is_in(page: &Page) {
    assert_eq!((page.path.as_str(), page.answer.status), ("/account", 200), "{page:?}");
}

fn a_user_follows_the_link_and_chooses(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let browser = app.browser();
    assert!(browser.open("/login").answer.body.contains("href=\"/registration?return_to=%2Faccount\""));
    let page = browser.open("/registration");
    page.shows(200, TITLE);
    assert_eq!(page.form_with("email").action, "/registration");
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    let page = browser.open(&path);
    page.shows(200, TITLE);
    assert!(page.text().contains("Is ada@example.com yours?"), "{page:?}");
    assert!(!page.answer.body.contains("name=\"username\"") && !page.answer.body.contains("<script"), "{page:?}");
    let page = browser.post(&path, &[]);
    page.shows(200, TITLE);
    assert_eq!(page.form_with("username").action, path);
    assert!(page.answer.body.contains("autocomplete=\"new-password\""), "{page:?}");
    // Once the address is proved, the link leads there.
    browser.open(&path).form_with("username");
    let page = browser.post(&path, &chosen("ada"));
    is_in(&page);
    assert!(page.answer.body.contains("value=\"ada\""), "{page:?}");
    app.login("ada", PASSWORD).ok();
    browser.open(&path).shows(403, VOID);
    browser.post(&path, &chosen("eve")).shows(403, VOID);
    assert_eq!(app.number("select count(*) from users"), 1);
}

fn a_user_types_the_code_instead(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("bob", &[]);
    let browser = app.browser();
    let shown = browser.post("/registration", &[("email", "ada@example.com")]);
    shown.shows(200, TITLE);
    // Nor does the page know whether there is such an account.
    let taken = app.browser().post("/registration", &[("email", "bob@example.com")]);
    assert_eq!(taken.answer.body.replace("bob@", "ada@"), shown.answer.body);
    crate::verifier::wait_until("both are written", || app.number("select count(*) from outbox") == 2);
    let mut codes = mails.take(&app).into_iter().filter(|mail| mail.to.contains("ada")).map(|mail| mail.code());
    let code = codes.next().unwrap();
    let page = browser.submit(&shown, &[("code", "0000 0000")]);
    page.shows(403, TITLE);
    assert!(page.text().contains("The code is wrong"), "{page:?}");
    // Another browser has not asked.
    app.browser().submit(&page, &[("code", &code)]).shows(403, TITLE);
    let page = browser.submit(&page, &[("code", &code)]);
    page.shows(200, TITLE);
    assert!(!page.answer.body.contains(&code), "{page:?}");
    app.browser().submit(&page, &[("username", "eve"), ("password", PASSWORD)]).shows(403, VOID);
    let page = browser.submit(&page, &[("username", "bob"), ("password", PASSWORD)]);
    page.shows(409, TITLE);
    let page = browser.submit(&page, &[("username", "ada"), ("password", PASSWORD)]);
    is_in(&page);
    app.login("ada@example.com", PASSWORD).ok();
    assert!(!browser.cookies.borrow().contains_key("__Host-ts_registration"), "it is used up");
}

fn a_registration_leads_to_where_the_login_page_would(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let browser = app.browser();
    let login = browser.open("/login?return_to=/account/sessions?a=1");
    let link = "/registration?return_to=%2Faccount%2Fsessions%3Fa%3D1";
    assert!(login.answer.body.contains(&format!("href=\"{link}\"")), "{login:?}");
    let page = browser.open(link);
    let page = browser.submit(&page, &[("email", "not an address")]);
    page.shows(400, TITLE);
    let page = browser.submit(&page, &[("email", "ada@example.com")]);
    crate::verifier::wait_until("it is written", || app.number("select count(*) from outbox") == 1);
    let page = browser.submit(&page, &[("code", "0000 0000")]);
    page.shows(403, TITLE);
    let page = browser.submit(&page, &[("code", &mails.only(&app).code())]);
    let page = browser.submit(&page, &[("username", "ada"), ("password", PASSWORD)]);
    assert_eq!((page.path.as_str(), page.answer.status), ("/account/sessions?a=1", 200), "{page:?}");
    let elsewhere = app.browser().open("/registration?return_to=//evil.example");
    elsewhere.shows(200, TITLE);
    assert_eq!(elsewhere.form_with("email").action, "/registration");
}

fn strangers_do_not_use_up_the_codes_of_a_browser(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let browser = app.browser();
    let shown = browser.post("/registration", &[("email", "ada@example.com")]);
    crate::verifier::wait_until("it is written", || app.number("select count(*) from outbox") == 1);
    let code = mails.only(&app).code();
    let stranger = app.browser();
    for _ in 0..6 {
        stranger.submit(&shown, &[("code", "0000 0000")]);
    }
    browser.submit(&shown, &[("code", &code)]).form_with("username");
    for _ in 0..5 {
        browser.submit(&shown, &[("code", "0000 0000")]).shows(403, TITLE);
    }
    let page = browser.submit(&shown, &[("code", &code)]);
    page.shows(429, TITLE);
    assert_eq!(page.answer.header("retry-after"), "300");
}

/// A browser at the login page of an application.
fn at_application(app: &TestApp) -> (Browser, String) {
    app.register("app", &json!({"skip_consent": true}));
    let browser = app.browser();
    let page = browser.open(&request("app", &[]));
    page.shows(200, "Log in");
    (browser, page.path)
}

/// The application has got its code.
#[track_caller]
fn is_back(page: &Page, path: &str) {
    assert_eq!((page.path.as_str(), page.answer.status), (path, 200), "{page:?}");
    assert!(page.answer_to(CALLBACK).contains_key("code"), "{page:?}");
}

fn a_registration_goes_on_with_what_an_application_has_begun(engine: Engine) {
    for cookies in ["on", "off"] {
        let (app, mails) = start(engine, &[OPEN, ("SESSION_COOKIES", cookies)]);
        let (browser, path) = at_application(&app);
        // By the code.
        let shown = browser.post("/registration", &[("email", "ada@example.com")]);
        crate::verifier::wait_until("it is written", || app.number("select count(*) from outbox") == 1);
        // The application waits as long as the code works.
        app.advance(1_799);
        let page = browser.submit(&shown, &[("code", &mails.only(&app).code())]);
        is_back(&browser.submit(&page, &chosen("ada")), &path);
        // By the link, and in another browser to where it would have gone.
        let browser = app.browser();
        let path = browser.open(&request("app", &[])).path;
        ask(&app, &json!({"email": "bob@example.com"}));
        let link = mails.only(&app).link("registration").0;
        is_back(&browser.post(&link, &chosen("bob")), &path);
        ask(&app, &json!({"email": "eve@example.com"}));
        let link = mails.only(&app).link("registration").0;
        let page = app.browser().post(&link, &chosen("eve"));
        if cookies == "on" { is_in(&page) } else { page.shows(200, "Your account is ready") }
    }
}

fn an_invitation_goes_on_with_what_an_application_has_begun(engine: Engine) {
    let (app, mails) = start(engine, &[("REGISTRATION", "invite")]);
    invited(&app, "ada@example.com");
    let link = mails.only(&app).link("registration").0;
    let (browser, path) = at_application(&app);
    is_back(&browser.post(&link, &chosen("ada")), &path);
    let app = TestApp::start_with(engine, &[("REGISTRATION", "invite")]);
    let token = invited(&app, "ada@example.com");
    let (browser, path) = at_application(&app);
    is_back(&browser.post(&format!("/invitation/{token}"), &chosen("ada")), &path);
}

fn what_an_application_has_begun_is_left_when_it_is_over(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let (browser, _) = at_application(&app);
    app.advance(600);
    ask(&app, &json!({"email": "ada@example.com"}));
    is_in(&browser.post(&mails.only(&app).link("registration").0, &chosen("ada")));
}

fn an_open_registration_of_an_invited_address_gets_the_roles_of_the_invitation(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    invited(&app, "ADA@example.com");
    let admin = app.login("root", PASSWORD).ok();
    for (email, role) in [("ada@example.com", "writer"), ("bob@example.com", "boss")] {
        let body = json!({"email": email, "roles": [role]});
        assert_eq!(app.ask_as("POST", "/v1/admin/invitations", &admin, Some(&body)).status, 201);
    }
    // One whose administrator is none any more gives nothing.
    app.execute("update invitations set created_by = null where roles <> 'editor'");
    app.execute("update users set roles = '' where username = 'root'");
    mails.take(&app);
    ask(&app, &json!({"email": "ada@example.com"}));
    is_in(&app.browser().post(&mails.only(&app).link("registration").0, &chosen("ada")));
    assert_eq!(app.number("select count(*) from users where username = 'ada' and roles = 'writer'"), 1);
    assert_eq!(app.number("select count(*) from invitations where used_at is not null"), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'invitation_used'"), 1);
    // Whose address is another one gets nothing of it.
    ask(&app, &json!({"email": "eve@example.com"}));
    is_in(&app.browser().post(&mails.only(&app).link("registration").0, &chosen("eve")));
    assert_eq!(app.number("select count(*) from users where username = 'eve' and roles = ''"), 1);
}

fn no_secret_of_a_link_is_stored_as_it_is(engine: Engine) {
    let settings = [&SETTINGS[..], &[("REGISTRATION", "open")]].concat();
    let (app, mails) = start(engine, &settings);
    let _provider = lying(&app, &["--trust-email"]);
    let token = invited(&app, "ada@example.com");
    let mut secrets = vec![token.clone(), mails.only(&app).link("registration").1];
    ask(&app, &json!({"email": "bob@example.com"}));
    let mail = mails.only(&app);
    secrets.extend([mail.link("registration").1, mail.code()]);
    mailbox::ask(&app, "root@example.com");
    let mail = mails.only(&app);
    secrets.extend([mail.reset_token(), mail.code()]);
    let browser = app.browser();
    let page = browser.open(&format!("/invitation/{token}"));
    let way = page.answer.body.split("href=\"/login/lying").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(browser.get(&format!("/login/lying{way}")).status, 303);
    assert_eq!(app.number("select count(*) from upstream_logins"), 1);
    for secret in secrets {
        assert_eq!(rows_with(engine, &app, &secret), 0, "{secret}");
    }
}

fn looking_at_a_link_changes_nothing(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    for method in ["GET", "HEAD"] {
        for _ in 0..3 {
            app.send(method, &path, &[], b"");
        }
    }
    assert_eq!(app.number("select count(*) from registrations where proved_at is not null or used_at is not null"), 0);
    is_in(&app.browser().post(&path, &chosen("ada")));
}

fn what_is_wrong_is_told_in_the_form(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("paypal", &[]);
    let browser = app.browser();
    let page = browser.post("/registration", &[("email", "ada")]);
    page.shows(400, TITLE);
    assert!(page.text().contains("This is not an e-mail address."), "{page:?}");
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    for (username, password, status, expected) in [
        ("two words", PASSWORD, 400, "A username has 1 to 128 characters"),
        ("ada", "short", 400, "The password is too short"),
        ("ada", "password1234", 400, "The password is easy to guess"),
        ("", PASSWORD, 400, "A username has 1 to 128 characters"),
        ("eve@example.com", PASSWORD, 400, "A username has an @ only if it is your own confirmed e-mail address."),
        ("paypal", PASSWORD, 409, "This username is taken."),
        ("paypa1", PASSWORD, 409, "This username looks like one that is taken."),
    ] {
        let page = browser.post(&path, &[("username", username), ("password", password), ("name", "Ada")]);
        page.shows(status, TITLE);
        assert!(page.text().contains(expected), "{username}: {page:?}");
        assert!(!page.answer.body.contains(&format!("value=\"{password}\"")), "a password is not shown again");
        assert!(page.answer.body.contains("value=\"Ada\""), "{page:?}");
    }
    for _ in 0..2 {
        ask(&app, &json!({"email": "ada@example.com"}));
    }
    let page = browser.post("/registration", &[("email", "ada@example.com")]);
    page.shows(429, TITLE);
    assert_eq!(page.answer.header("retry-after"), "1200");
}

fn the_terms_are_linked_and_must_be_accepted(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN, ("TERMS_URL", "https://example.com/terms")]);
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    let browser = app.browser();
    let page = browser.post(&path, &[]);
    assert!(page.answer.body.contains("href=\"https://example.com/terms\""), "{page:?}");
    let page = browser.post(&path, &chosen("ada"));
    page.shows(400, TITLE);
    assert!(page.text().contains("you have to accept the terms"), "{page:?}");
    let fields = [&chosen("ada")[..], &[("terms_accepted", "true")]].concat();
    is_in(&browser.post(&path, &fields));
}

fn who_must_have_a_second_factor_is_sent_to_the_login(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN, ("REQUIRE_SECOND_FACTOR", "all")]);
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    let browser = app.browser();
    let page = browser.post(&path, &chosen("ada"));
    page.shows(200, "Your account is ready");
    assert!(page.answer.body.contains("href=\"/login\""), "{page:?}");
    assert_eq!(app.number("select count(*) from sessions"), 0);
}

fn an_invitation_asks_for_the_address(engine: Engine) {
    let (app, mails) = start(engine, &[("REGISTRATION", "invite")]);
    let browser = app.browser();
    browser.open("/registration").shows(403, TITLE);
    browser.post("/registration", &[("email", "ada@example.com")]).shows(403, TITLE);
    assert!(!browser.open("/login").answer.body.contains("href=\"/registration\""));
    let token = invited(&app, "ada@example.com");
    mails.take(&app);
    let path = format!("/invitation/{token}");
    let page = browser.open(&path);
    page.shows(200, TITLE);
    assert!(page.text().contains("You are invited"), "{page:?}");
    let page = browser.submit(&page, &[("email", "mallory@example.com")]);
    page.shows(403, TITLE);
    let page = browser.submit(&page, &[("email", "ada@example.com")]);
    crate::verifier::wait_until("it is written", || app.number("select count(*) from outbox") == 1);
    let code = mails.only(&app).code();
    let page = browser.submit(&page, &[("code", &code)]);
    let page = browser.submit(&page, &[("username", "ada"), ("password", PASSWORD)]);
    is_in(&page);
    assert_eq!(app.number("select count(*) from users where roles = 'editor'"), 1);
    browser.open(&path).shows(403, VOID);
}

fn invited(app: &TestApp, email: &str) -> String {
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    let body = json!({"email": email, "roles": ["editor"]});
    let made = app.ask_as("POST", "/v1/admin/invitations", &admin, Some(&body));
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["token"].as_str().unwrap().to_owned()
}

fn without_mail_an_invitation_leads_to_the_choice(engine: Engine) {
    let app = TestApp::start_with(engine, &[("REGISTRATION", "invite")]);
    let path = format!("/invitation/{}", invited(&app, "ada@example.com"));
    let browser = app.browser();
    let page = browser.open(&path);
    page.shows(200, TITLE);
    let page = browser.submit(&page, &[("username", "root"), ("password", PASSWORD)]);
    page.shows(409, TITLE);
    let page = browser.submit(&page, &[("username", "ada"), ("password", PASSWORD)]);
    is_in(&page);
    browser.open(&path).shows(403, VOID);
    browser.open("/invitation/unknown").shows(403, VOID);
}

fn forms_of_other_pages_do_nothing(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    let browser = app.browser();
    for site in ["cross-site", "same-site", "none"] {
        for path in ["/registration", &*path, "/invitation/x"] {
            let fields = [&chosen("mallory")[..], &[("email", "eve@example.com")]].concat();
            assert_eq!(browser.post_from(site, path, &fields).status, 403, "{site} {path}");
        }
    }
    assert_eq!(app.number("select count(*) from registrations"), 1);
    assert_eq!(app.number("select count(*) from registrations where proved_at is not null"), 0);
    assert_eq!(app.number("select count(*) from users"), 0);
}

fn pages_with_a_secret_in_their_address_keep_it_to_themselves(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN, ("TERMS_URL", "https://example.com/terms")]);
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    for path in [&*path, "/registration/unknown", "/invitation/unknown", "/registration/a/b"] {
        let answer = app.browser().get(path);
        assert_eq!(answer.header("referrer-policy"), "strict-origin", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
}

fn the_pages_speak_the_language_of_the_browser(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    ask(&app, &json!({"email": "ada@example.com"}));
    let (path, _) = mails.only(&app).link("registration");
    for (language, title) in [("de", "Konto eröffnen"), ("es-MX", "Abrir una cuenta")] {
        let mut browser = app.browser();
        language.clone_into(&mut browser.language);
        browser.open("/registration").shows(200, title);
        browser.open(&path).shows(200, title);
        browser.open("/registration/unknown");
    }
}
