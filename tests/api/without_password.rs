//! Accounts without a password, which log in another way.

use serde_json::json;

use crate::account_pages::{at_home, later, press};
use crate::identities::SETTINGS;
use crate::support::mailbox::{ask, start};
use crate::support::{Engine, PASSWORD, TestApp};
use crate::upstream::lying;

both_engines!(
    every_password_is_wrong_and_takes_the_work_of_a_name_without_an_account,
    the_user_is_told_and_sets_a_password_as_a_forgotten_one,
    a_session_is_not_authenticated_again_by_a_password,
    the_account_pages_say_how_to_set_one_in_each_language,
    the_proof_of_a_user_without_one_asks_for_none,
    an_identity_that_is_linked_or_unlinked_is_told_in_each_language,
);

fn every_password_is_wrong_and_takes_the_work_of_a_name_without_an_account(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    app.execute("update users set password_hash = '!'");
    let work = |username: &str, password: &str| {
        let before = app.inside.hasher.worked();
        app.login(username, password).problem(401, "bad_credentials");
        app.inside.hasher.worked() - before
    };
    let unknown = work("nobody", PASSWORD);
    assert!(unknown > 0);
    for password in [PASSWORD, "!", ""] {
        assert_eq!(work("ada", password), unknown, "{password:?}");
    }
    assert_eq!(app.number("select count(*) from users where password_hash = '!'"), 1);
}

fn the_user_is_told_and_sets_a_password_as_a_forgotten_one(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    let profile = || app.get_as("/v1/me/profile", pair["access_token"].as_str().unwrap()).ok();
    assert_eq!(profile()["has_password"], true);
    app.execute("update users set password_hash = '!'");
    assert_eq!(profile()["has_password"], false);
    ask(&app, "ada@example.com");
    let body = json!({"token": mails.only(&app).reset_token(), "new_password": PASSWORD});
    assert_eq!(app.post("/v1/password-resets/confirm", &body).status, 204);
    let pair = app.login("ada", PASSWORD).ok();
    assert_eq!(app.get_as("/v1/me/profile", pair["access_token"].as_str().unwrap()).ok()["has_password"], true);
}

fn a_session_is_not_authenticated_again_by_a_password(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    app.execute("update users set password_hash = '!'");
    for password in [PASSWORD, "!"] {
        let body = json!({"password": password});
        app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&body)).problem(403, "wrong_password");
        let body = json!({"current_password": password, "new_password": "a river of seventeen green lanterns"});
        app.ask_as("POST", "/v1/me/password", &pair, Some(&body)).problem(403, "wrong_password");
    }
}

fn the_account_pages_say_how_to_set_one_in_each_language(engine: Engine) {
    let without = |app: &TestApp| {
        let browser = at_home(app, "ada");
        app.execute("update users set password_hash = '!' where username = 'ada'");
        browser
    };
    let (app, _mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let mut browser = without(&app);
    for (language, text) in [
        ("en", "Your account has no password."),
        ("de", "Dein Konto hat kein Passwort."),
        ("es", "Tu cuenta no tiene contraseña."),
    ] {
        language.clone_into(&mut browser.language);
        let page = browser.open("/account/password");
        assert!(page.text().contains(text) && page.answer.body.contains("href=\"/password-reset\""), "{page:?}");
        assert!(!page.answer.body.contains("current_password"), "{page:?}");
    }
    // Without mail only an administrator can.
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let page = without(&app).open("/account/password");
    assert!(page.text().contains("An administrator can set one for you."), "{page:?}");
    assert!(!page.answer.body.contains("/password-reset"), "{page:?}");
}

fn the_proof_of_a_user_without_one_asks_for_none(engine: Engine) {
    let (app, _mails) = start(engine, &SETTINGS);
    app.create_user("ada", &[]);
    let browser = at_home(&app, "ada");
    app.execute("update users set password_hash = '!' where username = 'ada'");
    later(&app);
    let asked = || {
        let page = browser.open("/account/api-tokens");
        let page = press(&browser, &page, "create", &[("name", "nightly")]);
        page.shows(200, "Confirm that it is you");
        assert!(!page.answer.body.contains("type=\"password\""), "{page:?}");
        page
    };
    // There is no other way: the page says how to get one.
    let page = asked();
    assert!(page.text().contains("Your account has no password."), "{page:?}");
    assert!(page.answer.body.contains("href=\"/password-reset\""), "{page:?}");
    let _provider = lying(&app, &[]);
    app.execute(
        "insert into identities (id, provider_id, subject, user_id, created_at) \
         select id, 'lying', 'subject-1', id, 1 from users",
    );
    let page = asked();
    assert!(page.text().contains("To go on, show once more that it is you."), "{page:?}");
    assert!(page.text().contains("Continue with lying"), "{page:?}");
    assert_eq!(app.number("select count(*) from api_tokens"), 0);
}

fn an_identity_that_is_linked_or_unlinked_is_told_in_each_language(engine: Engine) {
    let (app, mails) = start(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    app.create_user("ada", &[]);
    let mut browser = at_home(&app, "ada");
    for (language, added, removed) in [
        ("en", "Another way to log in was added", "A way to log in was removed"),
        ("de", "Eine weitere Anmeldung wurde hinzugefügt", "Eine Anmeldung wurde entfernt"),
        ("es", "Se ha añadido otra forma de iniciar sesión", "Se ha quitado una forma de iniciar sesión"),
    ] {
        language.clone_into(&mut browser.language);
        let page = press(&browser, &browser.open("/account/identities"), "link", &[("id", "lying")]);
        let url = page.text().split("0; url=").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let state = crate::support::browser::decoded(url.split_once('?').unwrap().1)["state"].clone();
        let back = crate::support::browser::encoded(&[("code", &provider.agree(&url)), ("state", &state)]);
        browser.open(&format!("/login/callback/lying?{back}"));
        let mail = mails.only(&app);
        assert!(mail.subject.contains(added) && mail.text.contains("lying"), "{language}: {mail:?}");
        let page = browser.open("/account/identities");
        press(&browser, &page, "unlink", &[]);
        let mail = mails.only(&app);
        assert!(mail.subject.contains(removed) && mail.text.contains("lying"), "{language}: {mail:?}");
    }
    assert_eq!(app.number("select count(*) from identities"), 0);
}
