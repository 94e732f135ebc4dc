//! Whose the tokens of a dump are: only those of accounts that the other system has brought here are taken over.

use serde_json::{Value, json};

use crate::imports::{DRF_KEY, account, complaints, dump, import};
use crate::support::process::{Finished, Tokensmith};
use crate::support::simplejwt::{old_token, with_legacy};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_key_of_a_refused_account_is_not_that_of_one_that_was_made_here,
    the_tokens_of_a_second_system_do_not_open_accounts_of_the_first,
    a_name_of_somebody_else_gets_no_key,
    tokens_without_accounts_belong_to_those_of_an_earlier_import,
    a_dump_whose_accounts_are_of_another_model_names_it,
    what_comes_after_the_array_of_a_dump_is_not_passed_over,
);

fn start(engine: Engine) -> (TestApp, Tokensmith) {
    let app = with_legacy(engine, &[("LEGACY_JWT_ONLY_OUTSTANDING", "on")]);
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url);
    (app, command)
}

fn key(key: &str, user: &Value) -> Value {
    json!({"model": "authtoken.token", "pk": key, "fields": {"user": user, "created": "2021-01-01T00:00:00Z"}})
}

fn outstanding(jti: &str, user: &Value) -> Value {
    json!({"model": "token_blacklist.outstandingtoken", "pk": 1, "fields": {
        "user": user, "jti": jti, "token": "x.y.z", "created_at": null, "expires_at": "2099-01-01T00:00:00Z"}})
}

/// The rows that were refused.
fn refused(finished: &Finished) -> Vec<&str> {
    complaints(finished).into_iter().filter(|line| line.starts_with("row ")).collect()
}

fn status_of_key(app: &TestApp) -> u16 {
    app.ask("GET", "/v1/me", &format!("Token {DRF_KEY}"), None).status
}

fn a_key_of_a_refused_account_is_not_that_of_one_that_was_made_here(engine: Engine) {
    let (app, command) = start(engine);
    app.create_user("bob", &["billing"]);
    let row = account(7, "bob", &json!({"email": "bob@old.example"}));
    for rows in [json!([row, key(DRF_KEY, &json!(["bob"]))]), json!([key(DRF_KEY, &json!(["bob"]))])] {
        for args in [&["--dry-run"][..], &[]] {
            let imported = dump(&command, &rows, args);
            assert_eq!(imported.status.code(), Some(1));
            assert_eq!(refused(&imported).len(), rows.as_array().unwrap().len(), "{}", imported.stderr);
        }
    }
    assert_eq!((status_of_key(&app), app.number("select count(*) from api_tokens")), (401, 0));
}

fn the_tokens_of_a_second_system_do_not_open_accounts_of_the_first(engine: Engine) {
    let (app, command) = start(engine);
    assert!(dump(&command, &json!([account(1, "lin", &json!({}))]), &[]).success());
    // The second row cannot even be read.
    for row in [account(1, "mallory", &json!({})), account(1, "mallory", &json!({"email": "no address"}))] {
        let rows = json!([row, key(DRF_KEY, &json!(1)), outstanding("a", &json!(1))]);
        let imported = dump(&command, &rows, &[]);
        let refused = refused(&imported);
        assert_eq!(refused.len(), 3, "{refused:?}");
        assert!(refused[1..].iter().all(|why| why.contains("user is an account that was refused")), "{refused:?}");
    }
    assert_eq!((status_of_key(&app), app.number("select count(*) from api_tokens")), (401, 0));
    assert_eq!(app.simplejwt_refresh(&old_token(&app, "a", &json!({"user_id": "1"}))).status, 401);
    assert_eq!(app.number("select count(*) from sessions") + app.number("select count(*) from legacy_tokens"), 0);
}

fn a_name_of_somebody_else_gets_no_key(engine: Engine) {
    let (app, command) = start(engine);
    let rows = json!([account(9, "carol", &json!({}))]);
    assert!(dump(&command, &rows, &[]).success());
    app.create_user("operator", &["admin"]);
    let (admin, carol) = (app.login("operator", PASSWORD).ok(), app.login("carol", PASSWORD).ok());
    let path = format!("/v1/admin/users/{}", carol["user"]["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    app.create_user("carol", &["finance"]);
    let again = json!([rows[0], key(DRF_KEY, &json!(["carol"]))]);
    assert_eq!(refused(&dump(&command, &again, &[])).len(), 2);
    assert_eq!((status_of_key(&app), app.number("select count(*) from api_tokens")), (401, 0));
}

fn tokens_without_accounts_belong_to_those_of_an_earlier_import(engine: Engine) {
    let (app, command) = start(engine);
    assert!(dump(&command, &json!([account(1, "lin", &json!({}))]), &[]).success());
    for owner in [json!(1), json!(["lin"])] {
        app.execute("delete from api_tokens");
        let rows = json!([key(DRF_KEY, &owner), outstanding("a", &json!(1))]);
        assert!(dump(&command, &rows, &[]).success());
        assert_eq!(status_of_key(&app), 200);
    }
    app.simplejwt_refresh(&old_token(&app, "a", &json!({"user_id": "1"}))).ok();
}

fn a_dump_whose_accounts_are_of_another_model_names_it(engine: Engine) {
    let (app, command) = start(engine);
    let mut row = account(1, "lin", &json!({}));
    row["model"] = json!("accounts.User");
    let rows = json!([row, key(DRF_KEY, &json!(1)), outstanding("a", &json!(1))]);
    let imported = dump(&command, &rows, &[]);
    assert_eq!(imported.status.code(), Some(1));
    assert!(
        imported.stderr.contains("but accounts.user") && imported.stderr.contains("--model accounts.user"),
        "{}",
        imported.stderr
    );
    assert!(!imported.stderr.contains("no such user"), "{}", imported.stderr);
    assert!(dump(&command, &rows, &["--model", "accounts.User"]).success());
    assert_eq!(status_of_key(&app), 200);
}

fn what_comes_after_the_array_of_a_dump_is_not_passed_over(engine: Engine) {
    let (app, command) = start(engine);
    let (accounts, tokens) = (json!([account(1, "lin", &json!({}))]), json!([key(DRF_KEY, &json!(1))]));
    let imported = import(&command, "both.json", format!("{accounts}{tokens}"), &[]);
    assert_eq!(imported.status.code(), Some(1));
    assert!(imported.stderr.contains("the file goes on after its array"), "{}", imported.stderr);
    assert_eq!((app.number("select count(*) from users"), app.number("select count(*) from api_tokens")), (2, 0));
}
