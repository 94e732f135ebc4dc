//! The pages of a registration: without a script, in three languages, and harmless to programs that follow links.

use serde_json::json;

use crate::registrations::{OPEN, ask};
use crate::support::browser::Page;
use crate::support::mailbox::start;
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_user_follows_the_link_and_chooses,
    a_user_types_the_code_instead,
    looking_at_a_link_changes_nothing,
    what_is_wrong_is_told_in_the_form,
    the_terms_are_linked_and_must_be_accepted,
    who_must_have_a_second_factor_is_sent_to_the_login,
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
    assert!(browser.open("/login").answer.body.contains("href=\"/registration\""));
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
    let taken = browser.post("/registration", &[("email", "bob@example.com")]);
    assert_eq!(taken.answer.body.replace("bob@", "ada@"), shown.answer.body);
    crate::verifier::wait_until("both are written", || app.number("select count(*) from outbox") == 2);
    let mut codes = mails.take(&app).into_iter().filter(|mail| mail.to.contains("ada")).map(|mail| mail.code());
    let code = codes.next().unwrap();
    let page = browser.submit(&shown, &[("code", "0000 0000")]);
    page.shows(403, TITLE);
    assert!(page.text().contains("The code is wrong"), "{page:?}");
    let page = browser.submit(&page, &[("code", &code)]);
    page.shows(200, TITLE);
    let page = browser.submit(&page, &[("username", "bob"), ("password", PASSWORD)]);
    page.shows(409, TITLE);
    let page = browser.submit(&page, &[("username", "ada"), ("password", PASSWORD)]);
    is_in(&page);
    app.login("ada@example.com", PASSWORD).ok();
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
