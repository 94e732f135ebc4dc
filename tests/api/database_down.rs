//! The database goes away and comes back.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;
use tempfile::TempDir;

use crate::guessing::take_the_allowance;
use crate::support::mailbox;
use crate::support::oauth::{ALL, As, NOTES};
use crate::support::postgres::{self, Cluster};
use crate::support::totp::{Enrolled, challenge, code, enrolled, go_on};
use crate::support::{Answer, Engine, PASSWORD, TestApp};
use crate::verifier::wait_until;

fn is_unavailable(answer: &Answer) {
    answer.problem(503, "database_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
}

#[test]
fn without_postgresql_verifying_goes_on_issuing_is_503_and_it_recovers_by_itself() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let pair = app.logged_in("ada");
    let revoked = app.login("ada", PASSWORD).ok();
    app.revoke(&revoked["access_token"]);

    cluster.tell("stop", "stopped");
    assert_eq!(app.me(&pair).status, 200);
    app.me(&revoked).problem(401, "token_revoked");
    assert_eq!(app.verify(&pair["access_token"]).status, 200);
    assert_eq!(app.get("/healthz").status, 200);
    assert_eq!(app.get("/.well-known/jwks.json").status, 200);
    is_unavailable(&app.login("ada", PASSWORD));
    is_unavailable(&app.refresh(&pair["refresh_token"]));
    is_unavailable(&app.revoke(&pair["refresh_token"]));
    is_unavailable(&app.verify(&pair["refresh_token"]));
    is_unavailable(&app.get("/readyz"));

    cluster.tell("start", "started");
    assert_eq!(app.get("/readyz").status, 200);
    app.refresh(&pair["refresh_token"]).ok();
    app.login("ada", PASSWORD).ok();
}

#[test]
fn without_postgresql_a_reset_is_503_and_uses_nothing_up() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let (app, mails) = mailbox::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let pair = app.logged_in("ada");
    mailbox::ask(&app, "ada@example.com");
    let mail = mails.only(&app);
    let by_link = json!({"token": mail.reset_token(), "new_password": "a river of seventeen green lanterns"});
    let by_code = json!({"email": "ada@example.com", "code": mail.code(), "new_password": "short"});
    cluster.tell("stop", "stopped");
    for _ in 0..6 {
        is_unavailable(&app.post("/v1/password-resets", &json!({"email": "ada@example.com"})));
        is_unavailable(&app.post("/v1/password-resets", &json!({"email": "nobody@example.com"})));
        is_unavailable(&app.post("/v1/password-resets/confirm", &by_link));
        is_unavailable(&app.post("/v1/password-resets/confirm", &by_code));
        is_unavailable(&app.ask_as("POST", "/v1/me/email/verification", &pair, None));
    }
    let page = app.browser().open(&mail.link("password-reset").0);
    assert_eq!((page.answer.status, page.answer.header("retry-after")), (503, "5"), "{page:?}");
    cluster.tell("start", "started");
    app.post("/v1/password-resets/confirm", &by_code).problem(400, "invalid_fields");
    mailbox::ask(&app, "ada@example.com");
    assert_eq!(app.post("/v1/password-resets/confirm", &by_link).status, 204);
}

#[test]
fn without_postgresql_a_second_step_is_503_costs_nothing_and_goes_on_after_it() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let waiting = challenge(&app, "ada");
    cluster.tell("stop", "stopped");
    for _ in 0..6 {
        is_unavailable(&go_on(&app, &waiting, "000000"));
    }
    cluster.tell("start", "started");
    assert_eq!(app.get("/readyz").status, 200);
    go_on(&app, &waiting, &code(&app, &secret)).ok();
}

#[test]
fn who_waits_when_the_database_is_lost_is_told_so_and_what_was_right_before_costs_nothing_after_it() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let hashed = take_the_allowance(&app, app.create_user("ada", &[]).id);
    let waiting = [(); 3].map(|()| {
        let client = app.another_client();
        std::thread::spawn(move || client.login("ada", PASSWORD))
    });
    cluster.tell("stop", "stopped");
    drop(hashed);
    for login in waiting {
        is_unavailable(&login.join().unwrap());
    }
    cluster.tell("start", "started");
    wait_until("the database is told", || app.inside.limiter.settle().is_ok());
    let wrong = (0..12).filter(|_| app.login("ada", "not the password").status == 401);
    assert_eq!(wrong.count(), 10);
}

#[test]
fn a_restart_of_postgresql_between_two_requests_is_not_noticed() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let mut pair = app.logged_in("ada");
    for _ in 0..2 {
        cluster.tell("stop", "stopped");
        cluster.tell("start", "started");
        app.advance(200);
        pair = app.refresh(&pair["refresh_token"]).ok();
    }
}

#[test]
fn while_another_process_holds_the_sqlite_file_writing_is_503_and_it_recovers_by_itself() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    let path = app.database_url.strip_prefix("sqlite://").unwrap();
    let mut other = SqliteConnection::establish(path).unwrap();
    other.batch_execute("begin immediate").unwrap();
    is_unavailable(&app.refresh(&pair["refresh_token"]));
    assert_eq!(app.me(&pair).status, 200);
    assert_eq!(app.verify(&pair["refresh_token"]).status, 200, "readers do not wait for a writer");
    other.batch_execute("rollback").unwrap();
    app.refresh(&pair["refresh_token"]).ok();
}

/// More than one batch: refreshes that wait behind a failed batch get the same response.
#[test]
fn without_postgresql_many_refreshes_at_once_are_all_503_and_lose_nothing() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let pair = app.logged_in("ada");
    cluster.tell("stop", "stopped");
    let asking: Vec<_> = (0..400)
        .map(|_| {
            let (client, token) = (app.another_client(), pair["refresh_token"].clone());
            std::thread::spawn(move || client.refresh(&token))
        })
        .collect();
    for thread in asking {
        is_unavailable(&thread.join().unwrap());
    }
    cluster.tell("start", "started");
    // One of them may still be waiting: the client retries after `Retry-After`.
    let started_at = Instant::now();
    let refreshed = loop {
        let answer = app.refresh(&pair["refresh_token"]);
        if answer.status != 503 || started_at.elapsed() > Duration::from_secs(60) {
            break answer;
        }
        is_unavailable(&answer);
    };
    assert_eq!(refreshed.ok()["refresh_generation"], 2);
}

fn is_temporarily_unavailable(answer: &Answer) {
    answer.oauth_error(503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
}

#[test]
fn without_postgresql_applications_are_told_to_come_back_and_nothing_of_theirs_is_spent() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    app.insert_client(&NOTES);
    let browser = app.logged_in("ada");
    let (code, tokens) = (app.allow(&browser, &ALL), app.granted(&browser, &ALL));
    cluster.tell("stop", "stopped");
    is_temporarily_unavailable(&app.redeem(As("notes"), &code));
    is_temporarily_unavailable(&app.refresh_of(As("notes"), &tokens["refresh_token"]));
    is_temporarily_unavailable(&app.revoke_of(As("notes"), &tokens["refresh_token"]));
    let asked = [("token", tokens["refresh_token"].as_str().unwrap())];
    is_temporarily_unavailable(&app.post_form("/oauth/introspect", Some(&As("notes").header()), &asked));
    is_temporarily_unavailable(&app.get_as("/oauth/userinfo", tokens["access_token"].as_str().unwrap()));
    is_temporarily_unavailable(&app.token(As("nobody"), &[("grant_type", "client_credentials")]));
    // What asks for nothing that is not in memory.
    app.token(As("notes"), &[("grant_type", "client_credentials")]).ok();
    assert_eq!(app.introspect(As("notes"), &tokens["access_token"])["active"], true);
    app.token(As("notes"), &[("grant_type", "password")]).oauth_error(400, "unsupported_grant_type");
    // It may have been disabled elsewhere meanwhile.
    app.advance(31);
    is_temporarily_unavailable(&app.token(As("notes"), &[("grant_type", "client_credentials")]));
    app.advance(-31);

    cluster.tell("start", "started");
    app.redeem(As("notes"), &code).ok();
    app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
}

#[test]
fn while_another_process_holds_the_sqlite_file_no_code_is_spent() {
    let app = TestApp::start(Engine::Sqlite);
    app.insert_client(&NOTES);
    let browser = app.logged_in("ada");
    let code = app.allow(&browser, &ALL);
    let mut other = SqliteConnection::establish(app.database_url.strip_prefix("sqlite://").unwrap()).unwrap();
    other.batch_execute("begin immediate").unwrap();
    is_temporarily_unavailable(&app.redeem(As("notes"), &code));
    other.batch_execute("rollback").unwrap();
    // It may still be in the way of the request that was told to come back.
    let started_at = Instant::now();
    let answer = loop {
        let answer = app.redeem(As("notes"), &code);
        if answer.status != 503 {
            break answer;
        }
        assert!(started_at.elapsed() < Duration::from_secs(60));
    };
    answer.ok();
    assert_eq!(app.number("select count(*) from sessions where client_id = 'notes'"), 1);
}
