//! The pages of a forgotten password: without a script, in three languages, and harmless to programs that follow links.

use serde_json::json;

use crate::authorize::{CALLBACK, request};
use crate::support::mailbox::{ask, start};
use crate::support::process::Tokensmith;
use crate::support::totp::{Enrolled, code, enrolled};
use crate::support::{Engine, PASSWORD};

both_engines!(
    a_user_follows_the_link_and_sets_a_password,
    a_user_types_the_code_instead,
    a_reset_goes_on_with_what_an_application_has_begun,
    looking_at_a_link_changes_nothing,
    what_is_wrong_is_told_in_the_form,
    a_second_factor_is_asked_for_in_the_form,
    forms_of_other_pages_do_nothing,
    pages_with_a_secret_in_their_address_keep_it_to_themselves,
    the_pages_speak_the_language_of_the_browser,
);

const ANOTHER: &str = "a river of seventeen green lanterns";
const TITLE: &str = "Choose a new password";

fn a_user_follows_the_link_and_sets_a_password(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let browser = app.browser();
    let page = browser.open("/login");
    assert!(page.answer.body.contains("href=\"/password-reset\""), "{page:?}");
    let page = browser.open("/password-reset");
    page.shows(200, TITLE);
    assert_eq!(page.form_with("email").action, "/password-reset");
    ask(&app, "ada@example.com");
    let (path, _) = mails.only(&app).link("password-reset");
    let page = browser.open(&path);
    page.shows(200, TITLE);
    assert_eq!(page.form_with("new_password").action, path);
    assert!(page.answer.body.contains("autocomplete=\"new-password\"") && !page.answer.body.contains("<script"));
    let page = browser.post(&path, &[("new_password", ANOTHER)]);
    page.shows(200, "Your password is changed");
    assert!(browser.cookies.borrow().is_empty(), "nobody is logged in by it");
    app.login("ada", ANOTHER).ok();
    browser.open(&path).shows(403, "This link does not work");
    browser.post(&path, &[("new_password", PASSWORD)]).shows(403, "This link does not work");
}

fn a_user_types_the_code_instead(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let browser = app.browser();
    let shown = browser.post("/password-reset", &[("email", "ada@example.com")]);
    shown.shows(200, TITLE);
    // Nor does the page know whether there is such an account.
    let unknown = browser.post("/password-reset", &[("email", "bob@example.com")]);
    assert_eq!(unknown.answer.body.replace("bob@", "ada@"), shown.answer.body);
    crate::verifier::wait_until("the mail is written", || app.number("select count(*) from mail_tokens") == 1);
    let form = shown.form_with("code");
    assert!(form.fields.contains(&("email".to_owned(), "ada@example.com".to_owned())), "{form:?}");
    let code = mails.only(&app).code();
    let fields = |code: &'static str| [("email", "ada@example.com"), ("code", code), ("new_password", ANOTHER)];
    let page = browser.post("/password-reset", &fields("0000 0000"));
    page.shows(403, TITLE);
    assert!(page.text().contains("The code is wrong"), "{page:?}");
    assert!(!page.answer.body.contains(ANOTHER), "a password is not shown again");
    let page =
        browser.post("/password-reset", &[("email", "ada@example.com"), ("code", &code), ("new_password", ANOTHER)]);
    page.shows(200, "Your password is changed");
    app.login("ada", ANOTHER).ok();
}

fn a_reset_goes_on_with_what_an_application_has_begun(engine: Engine) {
    let (app, mails) = start(engine, &[("SESSION_COOKIES", "off")]);
    app.create_user("ada", &[]);
    app.register("app", &json!({"skip_consent": true}));
    let browser = app.browser();
    let begun = browser.open(&request("app", &[])).path;
    ask(&app, "ada@example.com");
    let path = mails.only(&app).link("password-reset").0;
    let page = browser.post(&path, &[("new_password", ANOTHER)]);
    page.shows(200, "Your password is changed");
    assert!(page.answer.body.contains(&format!("href=\"{begun}\"")), "{page:?}");
    let page = browser.log_in(&browser.open(&begun), "ada", ANOTHER);
    assert!(page.answer_to(CALLBACK).contains_key("code"), "{page:?}");
}

fn looking_at_a_link_changes_nothing(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    ask(&app, "ada@example.com");
    let (path, _) = mails.only(&app).link("password-reset");
    for method in ["GET", "HEAD"] {
        for _ in 0..3 {
            app.send(method, &path, &[], b"");
        }
    }
    assert_eq!(app.number("select count(*) from mail_tokens where used_at is not null"), 0);
    app.login("ada", PASSWORD).ok();
    app.browser().post(&path, &[("new_password", ANOTHER)]).shows(200, "Your password is changed");
}

fn what_is_wrong_is_told_in_the_form(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let browser = app.browser();
    let page = browser.post("/password-reset", &[("email", "ada")]);
    page.shows(400, TITLE);
    assert!(page.text().contains("This is not an e-mail address."), "{page:?}");
    ask(&app, "ada@example.com");
    let (path, _) = mails.only(&app).link("password-reset");
    for (password, expected) in [
        ("", "The password is too short"),
        ("short", "The password is too short"),
        ("password1234", "The password is easy to guess"),
        (&*"x".repeat(1_025), "The password is too long"),
    ] {
        let page = browser.post(&path, &[("new_password", password)]);
        page.shows(400, TITLE);
        assert!(page.text().contains(expected), "{password}: {page:?}");
        assert_eq!(page.form_with("new_password").action, path);
    }
    for _ in 0..2 {
        ask(&app, "ada@example.com");
    }
    let page = browser.post("/password-reset", &[("email", "ada@example.com")]);
    page.shows(429, TITLE);
    assert!(page.text().contains("Try again in 20 minutes."), "{page:?}");
    assert_eq!(page.answer.header("retry-after"), "1200");
}

fn a_second_factor_is_asked_for_in_the_form(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let Enrolled { secret, recovery_codes, .. } = enrolled(&app, "ada", &[]);
    mails.take(&app);
    let browser = app.browser();
    ask(&app, "ada@example.com");
    let mail = mails.only(&app);
    let (path, _) = mail.link("password-reset");
    let page = browser.open(&path);
    assert!(page.text().contains("Your account has a second factor"), "{page:?}");
    let page = browser.submit(&page, &[("new_password", ANOTHER), ("otp", ""), ("recovery_code", "")]);
    page.shows(200, TITLE);
    assert!(page.text().contains("Your account has a second factor"), "{page:?}");
    let post = |fields: &[(&str, &str)]| browser.post(&path, fields);
    let page = browser.submit(&page, &[("new_password", ANOTHER), ("otp", "000000")]);
    page.shows(403, TITLE);
    assert!(page.text().contains("The code is wrong"), "{page:?}");
    page.form_with("recovery_code");
    // By the code the form is the same, once that is right.
    let by_code = [("email", "ada@example.com"), ("code", &*mail.code()), ("new_password", ANOTHER)];
    let page = browser.post("/password-reset", &by_code);
    page.shows(200, TITLE);
    page.form_with("otp");
    let page = post(&[("new_password", ANOTHER), ("otp", ""), ("recovery_code", &recovery_codes[0])]);
    page.shows(200, "Your password is changed");
    mails.take(&app);
    ask(&app, "ada@example.com");
    let (path, _) = mails.only(&app).link("password-reset");
    let page = browser.post(&path, &[("new_password", PASSWORD), ("otp", &code(&app, &secret))]);
    page.shows(200, "Your password is changed");
}

fn forms_of_other_pages_do_nothing(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    ask(&app, "ada@example.com");
    let (path, _) = mails.only(&app).link("password-reset");
    let browser = app.browser();
    for site in ["cross-site", "same-site", "none"] {
        for (path, fields) in
            [("/password-reset", [("email", "ada@example.com")]), (&*path, [("new_password", ANOTHER)])]
        {
            let answer = browser.post_from(site, path, &fields);
            assert_eq!(answer.status, 403, "{site} {path}: {answer:?}");
        }
    }
    assert_eq!(app.number("select count(*) from mail_tokens"), 1);
    app.login("ada", PASSWORD).ok();
}

fn pages_with_a_secret_in_their_address_keep_it_to_themselves(engine: Engine) {
    let (app, mails) = start(engine, &[("PAGE_LINKS", "Imprint=https://example.com/imprint")]);
    let pair = app.logged_in("ada");
    ask(&app, "ada@example.com");
    let (reset, _) = mails.only(&app).link("password-reset");
    assert_eq!(app.ask_as("POST", "/v1/me/email/verification", &pair, None).status, 202);
    let (verification, _) = mails.only(&app).link("email-verification");
    for path in [&*reset, &*verification, "/password-reset/unknown", "/email-verification/a/b"] {
        let answer = app.browser().get(path);
        assert_eq!(answer.header("referrer-policy"), "strict-origin", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}

fn the_pages_speak_the_language_of_the_browser(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    ask(&app, "ada@example.com");
    let (path, _) = mails.only(&app).link("password-reset");
    for (language, title) in [("de", "Wähle ein neues Passwort"), ("es-MX", "Elige una contraseña nueva")] {
        let mut browser = app.browser();
        language.clone_into(&mut browser.language);
        browser.open("/password-reset").shows(200, title);
        browser.open(&path).shows(200, title);
    }
}

#[test]
fn the_log_has_no_secret_of_a_link() {
    let serving = Tokensmith::new().serve();
    for folder in ["password-reset", "email-verification", "registration", "invitation"] {
        for rest in ["SECRET", "SECRET/", "SECRET/more", "%53ECRET", "SECRET?x"] {
            serving.client().get(&format!("/{folder}/{rest}"));
        }
    }
    let lines = serving.stop();
    let folders = ["/password-reset", "/email-verification", "/registration", "/invitation"];
    let requests: Vec<_> = lines.iter().filter(|line| folders.iter().any(|folder| line.contains(folder))).collect();
    assert_eq!(requests.len(), 20, "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("ECRET")), "{lines:?}");
}
