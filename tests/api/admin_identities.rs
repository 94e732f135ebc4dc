//! Identities of users, for administrators: listing them, and unlinking those that somebody else has.

use serde_json::{Value, json};

use crate::admin_users::administrator;
use crate::identities::{SETTINGS, come_back, events, identities, is_not_linked, is_signed_in, link, sign_in};
use crate::support::{Engine, TestApp, mailbox};
use crate::upstream::{begin, command, lying};

both_engines!(
    an_administrator_lists_and_unlinks_identities,
    the_last_way_in_is_unlinked_too,
    who_is_not_an_administrator_unlinks_nothing,
    the_command_lists_and_unlinks_identities,
    identities_survive_a_password_reset,
);

/// Ada has linked an identity; returns where she is.
fn linked(engine: Engine) -> (TestApp, mailbox::Mailbox, crate::support::provider::Provider, String) {
    let (app, mails) = mailbox::start(engine, &SETTINGS);
    let user = app.create_user("ada", &[]);
    let provider = lying(&app, &[]);
    link(&crate::account_pages::at_home(&app, "ada"), &provider, "lying");
    mails.take(&app);
    (app, mails, provider, format!("/v1/admin/users/{}/identities", user.id))
}

fn listed(app: &TestApp, admin: &Value, path: &str) -> Vec<Value> {
    app.ask_as("GET", path, admin, None).ok()["identities"].as_array().unwrap().clone()
}

fn an_administrator_lists_and_unlinks_identities(engine: Engine) {
    let (app, mails, provider, path) = linked(engine);
    let admin = administrator(&app);
    let list = listed(&app, &admin, &path);
    assert_eq!(list.len(), 1);
    for (field, value) in [("provider", "lying"), ("subject", "subject-1"), ("email", "ada@example.com")] {
        assert_eq!(list[0][field], value, "{list:?}");
    }
    let unlink = format!("{path}/{}", list[0]["id"].as_str().unwrap());
    let elsewhere = "/v1/admin/users/00000000-0000-7000-8000-000000000000/identities";
    app.ask_as("GET", elsewhere, &admin, None).problem(404, "user_unknown");
    let id = list[0]["id"].as_str().unwrap();
    app.ask_as("DELETE", &format!("{elsewhere}/{id}"), &admin, None).problem(404, "user_unknown");
    assert_eq!(app.ask_as("DELETE", &unlink, &admin, None).status, 204);
    app.ask_as("DELETE", &unlink, &admin, None).problem(404, "identity_not_found");
    assert_eq!(listed(&app, &admin, &path), Vec::<Value>::new());
    let by = "name = 'identity_removed' and detail = 'lying' and actor_id <> user_id";
    assert_eq!(app.number(&format!("select count(*) from audit_events where {by}")), 1);
    let mail = mails.only(&app);
    assert!(mail.to.contains("ada@example.com") && mail.text.contains("lying"), "{mail:?}");
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
}

fn the_last_way_in_is_unlinked_too(engine: Engine) {
    let (app, _mails, _provider, path) = linked(engine);
    app.execute("update users set password_hash = '!' where username = 'ada'");
    let admin = administrator(&app);
    let id = listed(&app, &admin, &path)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(app.ask_as("DELETE", &format!("{path}/{id}"), &admin, None).status, 204);
    assert_eq!(app.number("select count(*) from identities"), 0);
}

fn who_is_not_an_administrator_unlinks_nothing(engine: Engine) {
    let (app, _mails, _provider, path) = linked(engine);
    let admin = administrator(&app);
    let id = listed(&app, &admin, &path)[0]["id"].as_str().unwrap().to_owned();
    let grace = app.logged_in("grace");
    app.ask_as("GET", &path, &grace, None).problem(403, "role_missing");
    app.ask_as("DELETE", &format!("{path}/{id}"), &grace, None).problem(403, "role_missing");
    app.advance(1_000);
    let admin = app.refresh(&admin["refresh_token"]).ok();
    app.ask_as("DELETE", &format!("{path}/{id}"), &admin, None).problem(401, "reauthentication_required");
    assert_eq!(app.number("select count(*) from identities"), 1);
}

fn the_command_lists_and_unlinks_identities(engine: Engine) {
    let (app, _mails, provider, _path) = linked(engine);
    let run = |args: &[&str]| command(&app).run(args);
    let table = run(&["users", "identities", "ada"]);
    assert!(
        table.success() && table.stdout.contains("lying") && table.stdout.contains("subject-1"),
        "{}",
        table.stdout
    );
    let list: Value = serde_json::from_str(&run(&["users", "identities", "ada", "--json"]).stdout).unwrap();
    let id = list[0]["id"].as_str().unwrap().to_owned();
    for (user, id) in [("grace", id.as_str()), ("ada", "x"), ("ada", "00000000-0000-7000-8000-000000000000")] {
        assert!(!run(&["users", "unlink", user, id]).success(), "{user} {id}");
    }
    assert_eq!(app.number("select count(*) from identities"), 1);
    assert!(run(&["users", "unlink", "ada", &id]).success());
    assert_eq!((app.number("select count(*) from identities"), events(&app, "identity_removed", "lying")), (0, 1));
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
}

fn identities_survive_a_password_reset(engine: Engine) {
    let (app, mails, provider, _path) = linked(engine);
    mailbox::ask(&app, "ada@example.com");
    let body = json!({"token": mails.only(&app).reset_token(), "new_password": "a river of seventeen green lanterns"});
    assert_eq!(app.post("/v1/password-resets/confirm", &body).status, 204);
    let browser = app.browser();
    let trip = begin(&browser, "lying");
    is_signed_in(&come_back(&browser, &provider, "lying", &trip));
    assert_eq!(identities(&browser).len(), 1);
}
