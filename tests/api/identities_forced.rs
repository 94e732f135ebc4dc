//! Fields of a new account that the provider decides: they are taken as they are, or the sign-in is refused.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use crate::identities_registering::{accounts, come_back, open, profile, to_registration};
use crate::support::provider::Provider;
use crate::support::{Browser, Engine, Page, TestApp};
use crate::upstream::configure;

both_engines!(
    what_is_forced_is_taken_whatever_the_form_says,
    what_is_forced_and_not_sent_is_chosen,
    what_is_required_and_cannot_be_used_is_refused_in_words,
    a_forced_username_that_is_taken_opens_no_account,
    a_forced_address_is_taken_and_proves_nothing,
    an_earlier_registration_of_the_same_person_is_void,
);

/// Everybody may register, at a provider with this claim map.
fn with_map(engine: Engine, map: &Value, more: &[&str]) -> (TestApp, Provider) {
    let app = open(engine);
    let provider = Provider::start(app.clock.now().0);
    let file = app.keys_dir().join("map.json");
    std::fs::write(&file, map.to_string()).unwrap();
    configure(&app, "lying", &provider.issuer, &[&["--claim-map", &file.display().to_string()], more].concat());
    provider.says().metadata = json!({"userinfo_endpoint": null});
    (app, provider)
}

fn rule(action: &str, claim: &str) -> Value {
    json!({"action": action, "claim": claim})
}

/// The form after a sign-in at a provider which says this.
fn form_after(browser: &Browser, provider: &Provider, said: Value) -> Page {
    provider.says().claims = said;
    to_registration(browser, &come_back(browser, provider))
}

/// Posts a form with fields that its user has changed.
fn submit_changed(browser: &Browser, form: &Page, username: &str, name: &str) -> Page {
    browser.submit(form, &[("username", username), ("name", name)])
}

fn what_is_forced_is_taken_whatever_the_form_says(engine: Engine) {
    for action in ["force", "require"] {
        let map = json!({"username": rule(action, "preferred_username"), "name": rule(action, "name")});
        let (app, provider) = with_map(engine, &map, &[]);
        let browser = app.browser();
        let form = form_after(&browser, &provider, json!({}));
        assert_eq!(form.answer.body.matches(" readonly").count(), 2, "{form:?}");
        assert!(form.text().contains("decided by the service that you have signed in with"), "{form:?}");
        submit_changed(&browser, &form, "root", "Somebody else");
        let account = profile(&browser);
        assert_eq!((&account["username"], &account["name"]), (&json!("ada"), &json!("Ada Lovelace")), "{account}");
    }
    // What is proposed is the user's choice.
    let (app, provider) = with_map(engine, &json!({"name": rule("force", "name")}), &[]);
    let browser = app.browser();
    let form = form_after(&browser, &provider, json!({}));
    assert_eq!(form.answer.body.matches(" readonly").count(), 1, "{form:?}");
    submit_changed(&browser, &form, "countess", "Somebody else");
    let account = profile(&browser);
    assert_eq!((&account["username"], &account["name"]), (&json!("countess"), &json!("Ada Lovelace")), "{account}");
}

fn what_is_forced_and_not_sent_is_chosen(engine: Engine) {
    let map = json!({"username": rule("force", "preferred_username"), "name": rule("force", "name")});
    let (app, provider) = with_map(engine, &map, &[]);
    for (number, unusable) in
        [json!(null), json!("a b"), json!(7), json!("eve@example.com"), json!("a\u{0}b")].into_iter().enumerate()
    {
        let browser = app.browser();
        let said = json!({"sub": number.to_string(), "preferred_username": unusable, "name": null});
        let form = form_after(&browser, &provider, said);
        assert!(!form.answer.body.contains(" readonly"), "{form:?}");
        let username = format!("user-{number}");
        submit_changed(&browser, &form, &username, "");
        assert_eq!(profile(&browser)["username"], username);
    }
}

fn what_is_required_and_cannot_be_used_is_refused_in_words(engine: Engine) {
    for (field, claim, unusable, says) in [
        ("username", "preferred_username", json!(null), "a username that can be used here"),
        ("username", "preferred_username", json!("a b"), "a username that can be used here"),
        ("username", "preferred_username", json!("eve@example.com"), "a username that can be used here"),
        ("email", "email", json!("not an address"), "an e-mail address"),
        ("email", "email", json!(null), "an e-mail address"),
        ("name", "name", json!("\u{202e}"), "your name"),
    ] {
        let (app, provider) = with_map(engine, &json!({field: rule("require", claim)}), &[]);
        provider.says().claims = json!({claim: unusable});
        let mut browser = app.browser();
        for (language, whole) in [("en", says), ("de", "nicht mitgeteilt, was sie braucht"), ("es", "lo que necesita")]
        {
            language.clone_into(&mut browser.language);
            let page = come_back(&browser, &provider);
            assert_eq!(page.answer.status, 403, "{page:?}");
            assert!(page.text().contains(whole), "{page:?}");
        }
        assert_eq!((accounts(&app), app.number("select count(*) from registrations")), (0, 0), "{field}");
    }
}

fn a_forced_username_that_is_taken_opens_no_account(engine: Engine) {
    let (app, provider) = with_map(engine, &json!({"username": rule("require", "preferred_username")}), &[]);
    app.create_user("ada", &[]);
    let browser = app.browser();
    let form = form_after(&browser, &provider, json!({}));
    let page = submit_changed(&browser, &form, "lovelace", "Ada");
    page.shows(409, "Open an account");
    assert!(page.text().contains("decides your username, and it is taken here"), "{page:?}");
    assert!(page.answer.body.contains("value=\"ada\"") && !page.answer.body.contains("lovelace"), "{page:?}");
    assert_eq!(accounts(&app), 1);
}

fn a_forced_address_is_taken_and_proves_nothing(engine: Engine) {
    let map = json!({"email": rule("require", "email")});
    let (app, provider) = with_map(engine, &map, &[]);
    app.create_user("grace", &[]);
    let browser = app.browser();
    // That of somebody else, which the provider calls verified without being trusted for that.
    let form = form_after(&browser, &provider, json!({"email": "grace@example.com", "preferred_username": "eve"}));
    submit_changed(&browser, &form, "eve", "Eve");
    let account = profile(&browser);
    assert_eq!(
        (&account["email"], &account["email_verified"]),
        (&json!("grace@example.com"), &json!(false)),
        "{account}"
    );
    assert_eq!(app.number("select count(*) from users where verified_email is not null"), 1);
    // A provider that is trusted proves it, too.
    let (app, provider) = with_map(engine, &map, &["--trust-email"]);
    let browser = app.browser();
    submit_changed(&browser, &form_after(&browser, &provider, json!({})), "ada", "Ada");
    let account = profile(&browser);
    assert_eq!((&account["email"], &account["email_verified"]), (&json!("ada@example.com"), &json!(true)), "{account}");
}

fn an_earlier_registration_of_the_same_person_is_void(engine: Engine) {
    let (app, provider) = with_map(engine, &json!({}), &[]);
    let (one, other) = (app.browser(), app.browser());
    let earlier = form_after(&one, &provider, json!({}));
    let of_another = app.browser();
    let another = form_after(&of_another, &provider, json!({"sub": "subject-2", "preferred_username": "grace"}));
    let later = form_after(&other, &provider, json!({}));
    assert_eq!(app.number("select count(*) from registrations where used_at is null"), 2);
    one.submit(&earlier, &[("username", "ada")]).shows(403, "This link does not work");
    assert_eq!(accounts(&app), 0);
    other.submit(&later, &[("username", "ada")]);
    of_another.submit(&another, &[("username", "grace")]);
    assert_eq!((profile(&other)["username"].clone(), accounts(&app)), (json!("ada"), 2));
}
