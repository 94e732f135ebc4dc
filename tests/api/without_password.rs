//! Accounts without a password, which log in another way.

use serde_json::json;

use crate::support::mailbox::{ask, start};
use crate::support::{Engine, PASSWORD};

both_engines!(
    every_password_is_wrong_and_takes_the_work_of_a_name_without_an_account,
    the_user_is_told_and_sets_a_password_as_a_forgotten_one,
    a_session_is_not_authenticated_again_by_a_password,
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
