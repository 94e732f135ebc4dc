//! `tokensmith users import` into a database that has known the accounts before: what another run may change, and what it may not.

use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use crate::imports::{DRF_KEY, HASH, OTHER_HASH, account, complaints, dump, import, site};
use crate::locks::wait_for_waiting;
use crate::support::process::Tokensmith;
use crate::support::simplejwt::{old_token, with_legacy};
use crate::support::{Engine, PASSWORD, TestApp, postgres};

both_engines!(
    a_second_system_takes_over_no_account,
    what_was_deleted_or_revoked_here_does_not_come_back,
    the_second_of_two_rows_with_one_key_is_refused,
    a_denial_finds_its_token_by_name_and_ends_its_session,
    a_denial_is_kept_as_long_as_its_token_may_be_good,
    the_username_may_be_another_field,
    a_hash_of_our_own_export_stays_ours,
    others_can_write_meanwhile,
);

/// A refresh token that Django has issued.
fn outstanding(pk: i64, jti: &str, fields: &Value) -> Value {
    let mut row = json!({"model": "token_blacklist.outstandingtoken", "pk": pk, "fields": {
        "user": 42, "jti": jti, "token": "x.y.z", "created_at": null, "expires_at": "2099-01-01T00:00:00Z"}});
    for (name, value) in fields.as_object().unwrap() {
        row["fields"][name] = value.clone();
    }
    row
}

fn denied(token: i64) -> Value {
    json!({"model": "token_blacklist.blacklistedtoken", "pk": 1, "fields": {"token": token}})
}

fn on_database_of(app: &TestApp) -> Tokensmith {
    Tokensmith::new().env("DATABASE_URL", &app.database_url)
}

fn a_second_system_takes_over_no_account(engine: Engine) {
    let (app, command) = site(engine);
    let rows = json!([account(1, "ada", &json!({"is_superuser": true})), account(2, "cy", &json!({}))]);
    let map = ["--map", "is_superuser=admin"];
    assert!(dump(&command, &rows, &map).success());
    let others = json!([account(1, "bob", &json!({"is_superuser": true})), account(2, "dan", &json!({}))]);
    for args in [&[][..], &["--dry-run"]] {
        let refused = dump(&command, &others, args);
        assert_eq!(refused.status.code(), Some(1));
        let complaints = complaints(&refused);
        assert!(complaints[0].contains("that of an administrator"), "{complaints:?}");
        assert!(complaints[1].contains("--rename"), "{complaints:?}");
    }
    // Without the map the administrator is protected, whatever it is that would change.
    for fields in [json!({"password": OTHER_HASH}), json!({"email": "eve@example.com"}), json!({"username": "eve"})] {
        assert_eq!(dump(&command, &json!([account(1, "ada", &fields)]), &["--rename"]).status.code(), Some(1));
    }
    assert_eq!(app.number("select count(*) from users where username in ('ada', 'cy')"), 2);
    assert_eq!(app.number("select count(*) from users where email in ('ada@example.com', 'cy@example.com')"), 2);
    assert_eq!(app.number(&format!("select count(*) from users where password_hash = '{HASH}'")), 2);
    let renamed = dump(&command, &others, &["--rename", map[0], map[1]]);
    assert!(renamed.success() && renamed.stdout.contains("2 changed"), "{}", renamed.stdout);
    assert_eq!(app.number("select count(*) from users where username in ('bob', 'dan')"), 2);
    // One without an address has nothing else that says who it is.
    let nameless = |name: &str| json!([account(3, name, &json!({"email": ""}))]);
    assert!(dump(&command, &nameless("eve"), &[]).success());
    assert_eq!(dump(&command, &nameless("mallory"), &[]).status.code(), Some(1));
}

fn what_was_deleted_or_revoked_here_does_not_come_back(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let command = on_database_of(&app);
    let key = |pk: &str, user: i64| json!({"model": "authtoken.token", "pk": pk, "fields": {"user": user, "created": "2021-01-01T00:00:00Z"}});
    let other_key = DRF_KEY.replace('0', "f");
    let rows = json!([
        account(1, "bob", &json!({})),
        account(2, "cy", &json!({})),
        outstanding(7, "a", &json!({"user": 1})),
        key(DRF_KEY, 1),
        key(&other_key, 2),
    ]);
    assert!(dump(&command, &rows, &[]).success());
    app.create_user("operator", &["admin"]);
    let admin = app.login("operator", PASSWORD).ok();
    let bob = app.login("bob", PASSWORD).ok();
    let path = format!("/v1/admin/users/{}", bob["user"]["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    assert_eq!(app.revoke(&json!(other_key)).status, 204);
    assert_eq!(app.number("select count(*) from api_tokens where revoked_at is not null"), 1);
    app.execute("delete from api_tokens where revoked_at is not null");
    let again = dump(&command, &rows, &[]);
    assert_eq!(again.status.code(), Some(1));
    let complaints = complaints(&again);
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(complaints[0].contains("an account that was deleted here"), "{complaints:?}");
    assert_eq!(app.number("select count(*) from users where username = 'bob'"), 0);
    assert_eq!(app.number("select count(*) from api_tokens"), 0);
    let old = old_token(&app, "a", &json!({"user_id": "1"}));
    assert_eq!(app.simplejwt_refresh(&old).status, 401);
    app.execute("update deleted_imports set expires_at = 1");
    tokensmith::internals::service::purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from deleted_imports"), 0);
}

fn the_second_of_two_rows_with_one_key_is_refused(engine: Engine) {
    let (app, command) = site(engine);
    let rows = json!([account(1, "ada", &json!({})), account(1, "bob", &json!({"email": "ada@example.com"}))]);
    for args in [&["--dry-run"][..], &[]] {
        let imported = dump(&command, &rows, args);
        assert_eq!(imported.status.code(), Some(1));
        assert!(
            complaints(&imported)[0].starts_with("row 2 auth.user 1: the file has an account"),
            "{}",
            imported.stderr
        );
    }
    assert_eq!(app.number("select count(*) from users where username = 'ada'"), 1);
    assert_eq!(app.number("select count(*) from users"), 1);
}

fn a_denial_finds_its_token_by_name_and_ends_its_session(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let command = on_database_of(&app);
    let [used, unused] = ["used", "unused"].map(|jti| old_token(&app, jti, &json!({})));
    let pair = app.simplejwt_refresh(&used).ok();
    let rows = json!([outstanding(7, "used", &json!({})), outstanding(8, "unused", &json!({})), denied(7)]);
    let imported = dump(&command, &rows, &[]);
    assert!(imported.success(), "a file of tokens is one, too: {}", imported.stderr);
    app.simplejwt_refresh(&used).not_valid("Token is blacklisted");
    app.simplejwt_refresh(&pair["refresh"]).not_valid("Token is blacklisted");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'logout'"), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'legacy_token_denied'"), 1);
    // In the file of another system the same primary key is another token.
    let other = dump(&command, &json!([outstanding(8, "other", &json!({"user": null})), denied(8)]), &[]);
    assert!(other.success(), "{}", other.stderr);
    app.simplejwt_refresh(&unused).ok();
    let lost = dump(&command, &json!([outstanding(9, "another", &json!({})), denied(8)]), &[]);
    assert!(complaints(&lost)[0].contains("is useless without its row"), "{}", lost.stderr);
    let again = dump(&command, &rows, &[]);
    assert!(again.success() && again.stdout.contains("3 unchanged"), "{}", again.stdout);
}

fn a_denial_is_kept_as_long_as_its_token_may_be_good(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let command = on_database_of(&app);
    let now = app.clock.now().0;
    let claims = URL_SAFE_NO_PAD.encode(json!({"exp": now + 86_400}).to_string());
    // The command has the time of the machine.
    let rows = json!([
        outstanding(1, "said", &json!({"token": format!("x.{claims}.z"), "expires_at": "2001-01-01T00:00:00Z"})),
        outstanding(2, "unsaid", &json!({"expires_at": "2001-01-01T00:00:00Z"})),
        denied(1),
        denied(2),
    ]);
    assert!(dump(&command, &rows, &[]).success());
    let known = format!("select count(*) from legacy_tokens where jti = 'said' and expires_at = {}", now + 86_400);
    assert_eq!((app.number(&known), app.number("select count(*) from legacy_tokens")), (1, 1));
    app.simplejwt_refresh(&old_token(&app, "said", &json!({}))).not_valid("Token is blacklisted");
}

fn the_username_may_be_another_field(engine: Engine) {
    let (app, command) = site(engine);
    let rows =
        json!([account(1, "ada", &json!({"nick": "countess"})), account(2, "", &json!({"email": "bob@example.com"}))]);
    assert!(dump(&command, &rows, &["--username-field", "nick"]).success());
    assert_eq!(app.number("select count(*) from users where username in ('countess', 'bob@example.com')"), 2);
    assert!(dump(&command, &rows, &["--username-field", "email"]).success());
    assert_eq!(app.number("select count(*) from users where username in ('ada@example.com', 'bob@example.com')"), 2);
    let lines = rows[0].to_string();
    let refused = import(&command, "dump.jsonl", lines, &[]);
    assert!(complaints(&refused)[0].contains("write that with --format json"), "{}", refused.stderr);
}

fn a_hash_of_our_own_export_stays_ours(engine: Engine) {
    let (app, command) = site(engine);
    app.create_user("ada", &[]);
    let exported = command.run(&["users", "export", "--with-hashes"]);
    let (target, other) = site(engine);
    let mut line: Value = serde_json::from_str(exported.stdout.lines().next().unwrap()).unwrap();
    assert!(import(&other, "users.jsonl", line.to_string(), &[]).success());
    line.as_object_mut().unwrap().remove("id");
    line["external_id"] = "7".into();
    line["username"] = "bob".into();
    assert!(import(&other, "more.jsonl", line.to_string(), &[]).success());
    let hashes = "select count(*) from users where username = ";
    assert_eq!(target.number(&format!("{hashes}'ada' and password_hash like '$argon2id$%'")), 1);
    assert_eq!(target.number(&format!("{hashes}'bob' and password_hash like 'argon2$argon2id$%'")), 1);
    for name in ["ada", "bob"] {
        target.login(name, PASSWORD).ok();
    }
}

fn others_can_write_meanwhile(engine: Engine) {
    let (app, command) = site(engine);
    app.create_user("live", &[]);
    let rows: Value = (1..=2_000).map(|pk| account(pk, &format!("user{pk}"), &json!({}))).collect();
    thread::scope(|scope| {
        let importing = scope.spawn(|| dump(&command, &rows, &[]));
        while !importing.is_finished() {
            app.login("live", PASSWORD).ok();
        }
        assert!(importing.join().unwrap().success());
    });
    assert_eq!(app.number("select count(*) from users"), 2_001);
}

#[test]
fn a_password_that_is_set_while_a_row_waits_stays() {
    if !postgres::is_available() {
        return;
    }
    let (app, command) = site(Engine::Postgres);
    let ada = app.create_user("ada", &[]);
    app.execute(&format!("update users set external_id = '1', email = 'ada@example.com', password_hash = '{HASH}'"));
    let ours = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg";
    let rows = json!([account(1, "ada", &json!({"password": OTHER_HASH}))]);
    thread::scope(|scope| {
        let importing = app.inside.store.write(|tx| {
            assert!(tx.confirm_password(ada.id, HASH, ours)?);
            let importing = scope.spawn(|| dump(&command, &rows, &[]));
            wait_for_waiting(&app, 1);
            Ok(importing)
        });
        assert!(importing.unwrap().join().unwrap().success());
    });
    assert_eq!(app.number(&format!("select count(*) from users where password_hash = '{ours}'")), 1);
}
