//! `/account`: users change their e-mail address, and have the mail that confirms it sent again.

use crate::account_pages::{at_home, form, later, press};
use crate::support::mailbox::start;
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    an_address_is_changed_after_the_password_and_confirmed_by_its_mail,
    an_address_that_is_not_confirmed_gets_another_mail,
    what_is_wrong_with_an_address_is_told_in_words,
    mails_that_are_asked_for_on_the_page_are_limited,
    without_mail_the_page_says_who_sets_addresses,
    the_address_is_in_the_language_of_the_browser,
);

const PAGE: &str = "/account";

fn an_address_is_changed_after_the_password_and_confirmed_by_its_mail(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let browser = at_home(&app, "ada");
    later(&app);
    let page = browser.open(PAGE);
    assert!(page.text().contains("<p>ada@example.com</p>") && page.text().contains("It is confirmed"), "{page:?}");
    assert!(!page.answer.body.contains("confirm_email") && !page.text().contains("This address waits"), "{page:?}");
    mails.take(&app);
    let page = press(&browser, &page, "change_email", &[("email", "ada@work.example")]);
    page.shows(200, "Confirm that it is you");
    assert_eq!(mails.take(&app).len(), 0);
    let page = browser.submit(&page, &[("password", PASSWORD)]);
    page.shows(200, "Profile");
    assert!(page.text().contains("A mail is on its way."), "{page:?}");
    assert!(page.text().contains("<p>ada@example.com</p>"), "the old one is in force: {page:?}");
    assert!(page.text().contains("was sent to it: ada@work.example</p>"), "{page:?}");
    let mail = mails.only(&app);
    assert!(mail.to.contains("ada@work.example"), "{mail:?}");
    let (path, _) = mail.link("email-verification");
    browser.open(&path).shows(200, "Confirm your e-mail address");
    browser.post(&path, &[]).shows(200, "The address is confirmed");
    let page = browser.open(PAGE);
    assert!(page.text().contains("<p>ada@work.example</p>") && page.text().contains("It is confirmed"), "{page:?}");
    assert!(!page.text().contains("This address waits"), "{page:?}");
    assert_eq!(app.number("select count(*) from users where verified_email = 'ada@work.example'"), 1);
}

fn an_address_that_is_not_confirmed_gets_another_mail(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    app.execute("update users set email_verified_at = null, verified_email = null");
    let browser = at_home(&app, "ada");
    mails.take(&app);
    let page = browser.open(PAGE);
    assert!(page.text().contains("It is not confirmed yet."), "{page:?}");
    let sent = press(&browser, &page, "confirm_email", &[]);
    assert!(sent.text().contains("A mail is on its way."), "{sent:?}");
    browser.post(&mails.only(&app).link("email-verification").0, &[]).shows(200, "The address is confirmed");
    assert!(browser.open(PAGE).text().contains("It is confirmed"));
}

fn what_is_wrong_with_an_address_is_told_in_words(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let browser = at_home(&app, "ada");
    mails.take(&app);
    let page = press(&browser, &browser.open(PAGE), "change_email", &[("email", "nonsense")]);
    page.shows(400, "Profile");
    assert!(page.text().contains("This is not an e-mail address."), "{page:?}");
    assert!(
        page.answer.body.contains("value=\"nonsense\" autocomplete=\"email\" required aria-describedby=\"problem\"")
    );
    // The other form is as it was.
    assert!(page.answer.body.contains("value=\"ada\" autocomplete=\"username\""), "{page:?}");
    press(&browser, &page, "change_email", &[("email", "ada@example.com")]).shows(200, "Profile");
    assert_eq!(mails.take(&app).len(), 0);
}

fn mails_that_are_asked_for_on_the_page_are_limited(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let browser = at_home(&app, "ada");
    mails.take(&app);
    for number in 0..3 {
        let email = format!("ada{number}@work.example");
        press(&browser, &browser.open(PAGE), "change_email", &[("email", &email)]).shows(200, "Profile");
    }
    let page = press(&browser, &browser.open(PAGE), "change_email", &[("email", "ada3@work.example")]);
    page.shows(429, "Profile");
    assert!(page.text().contains("Too many mails were asked for. Try again in 20 minutes."), "{page:?}");
    assert_eq!(page.answer.header("retry-after"), "1200");
    assert_eq!(mails.take(&app).len(), 3);
}

fn without_mail_the_page_says_who_sets_addresses(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let browser = at_home(&app, "ada");
    let page = browser.open(PAGE);
    assert!(page.text().contains("An administrator sets your e-mail address."), "{page:?}");
    assert!(!page.answer.body.contains("_email\""), "there is no form: {page:?}");
    let token = page.form_with("username").fields[0].clone();
    for what in ["change_email", "confirm_email", "other"] {
        let fields = [(&*token.0, &*token.1), ("do", what), ("email", "ada@work.example")];
        browser.post(PAGE, &fields).shows(400, "Something went wrong");
    }
    assert_eq!(app.number("select count(*) from users where email = 'ada@example.com'"), 1);
}

fn the_address_is_in_the_language_of_the_browser(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let mut browser = at_home(&app, "ada");
    for (language, said) in [("de", "Sie ist bestätigt"), ("es", "Está confirmado")] {
        language.clone_into(&mut browser.language);
        let page = browser.open(PAGE);
        assert!(page.text().contains(said), "{page:?}");
        form(&page, "change_email");
    }
}
