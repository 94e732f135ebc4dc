//! `/v1/password-resets`: users who have forgotten their password set a new one by a mail.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::mailbox::{ISSUER, Mailbox, ask, start};
use crate::support::totp::{Enrolled, code, enrolled};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_forgotten_password_is_replaced_by_the_link_of_a_mail,
    the_code_of_the_mail_does_the_same,
    all_sessions_end_and_their_tokens_are_denied,
    every_address_gets_the_same_answer,
    only_an_active_account_with_a_verified_address_gets_a_mail,
    an_address_that_two_accounts_share_gets_no_mail,
    the_link_begins_with_the_issuer_whatever_host_the_request_names,
    a_link_is_void_when_used_expired_or_for_something_else,
    all_other_links_are_void_when_one_is_used_or_the_password_is_changed,
    a_link_is_void_when_the_account_or_its_address_is_no_longer_the_same,
    of_two_that_use_one_link_one_wins,
    a_second_factor_is_needed_as_well,
    wrong_codes_of_the_second_factor_count_as_at_a_login_and_leave_the_link,
    a_password_that_is_refused_leaves_the_link,
    after_five_wrong_codes_no_more_are_tried_for_known_and_unknown_addresses,
    for_one_address_three_mails_are_sent_at_once_whether_it_is_known_or_not,
    whoever_asks_to_confirm_an_address_takes_no_reset_from_its_owner,
    one_network_cannot_have_thousands_of_people_written_to,
    the_right_code_of_another_account_is_wrong,
    a_wrong_code_is_refused_at_the_same_moment_whether_the_address_is_known_or_not,
    bad_requests_are_refused_in_words,
    without_mail_there_is_nothing_to_ask_for,
    neither_links_nor_codes_are_stored_as_they_are,
    what_has_expired_is_purged,
    two_instances_share_the_tokens,
);

const ANOTHER: &str = "a river of seventeen green lanterns";

fn confirm(app: &TestApp, body: &Value) -> Answer {
    let mut body = body.clone();
    if body["new_password"].is_null() {
        body["new_password"] = json!(ANOTHER);
    }
    app.post("/v1/password-resets/confirm", &body)
}

#[track_caller]
fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{answer:?}");
}

#[track_caller]
fn is_void(answer: &Answer) {
    answer.problem(401, "bad_mail_token");
}

/// The token of a new link for ada.
fn link(app: &TestApp, mails: &Mailbox) -> String {
    ask(app, "ada@example.com");
    mails.only(app).reset_token()
}

fn a_forgotten_password_is_replaced_by_the_link_of_a_mail(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    // Neither case nor white space matters.
    ask(&app, " ADA@Example.com ");
    let mail = mails.only(&app);
    assert!(mail.to.contains("ada@example.com"), "{mail:?}");
    assert!(mail.subject.contains("new password"), "{mail:?}");
    is_done(&confirm(&app, &json!({"token": mail.reset_token()})));
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    app.login("ada", ANOTHER).ok();
    for name in ["password_reset_requested", "password_recovered"] {
        assert_eq!(app.number(&format!("select count(*) from audit_events where name = '{name}'")), 1, "{name}");
    }
    let notice = mails.only(&app);
    assert!(notice.subject.contains("Your password was changed"), "{notice:?}");
}

fn the_code_of_the_mail_does_the_same(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    ask(&app, "ada@example.com");
    let mail = mails.only(&app);
    let typed = format!(" {} {}", &mail.code()[..4], &mail.code()[4..]);
    is_done(&confirm(&app, &json!({"email": "Ada@example.com", "code": typed})));
    app.login("ada", ANOTHER).ok();
    // The link of the same mail is used by that.
    is_void(&confirm(&app, &json!({"token": mail.reset_token()})));
    is_void(&confirm(&app, &json!({"email": "ada@example.com", "code": mail.code()})));
}

fn all_sessions_end_and_their_tokens_are_denied(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    let other = app.login("ada", PASSWORD).ok();
    is_done(&confirm(&app, &json!({"token": link(&app, &mails)})));
    for pair in [pair, other] {
        app.me(&pair).problem(401, "token_revoked");
        let ended = app.refresh(&pair["refresh_token"]).problem(401, "session_ended");
        assert_eq!(ended["reason"], "password_changed");
    }
    assert_eq!(app.number("select count(*) from denylist"), 2);
}

fn every_address_gets_the_same_answer(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    app.create_user("bob", &[]);
    app.create_user("eve", &[]);
    app.execute("update users set disabled_at = 1 where username = 'bob'");
    app.execute("update users set email_verified_at = null where username = 'eve'");
    let shown = |answer: &Answer| {
        let mut headers: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str().to_owned()).collect();
        headers.sort();
        (answer.status, answer.body.clone(), headers)
    };
    let ask = |email: &str| shown(&app.post("/v1/password-resets", &json!({"email": email})));
    let known = ask("ada@example.com");
    for other in ["bob@example.com", "eve@example.com", "nobody@example.com"] {
        assert_eq!(ask(other), known, "{other}");
    }
}

fn only_an_active_account_with_a_verified_address_gets_a_mail(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    for name in ["ada", "bob", "eve", "tom"] {
        app.create_user(name, &[]);
    }
    app.execute("update users set disabled_at = 1 where username = 'ada'");
    // As before the address was ever verified, and as after an older instance has changed it.
    app.execute("update users set email_verified_at = null, verified_email = null where username = 'bob'");
    app.execute("update users set email = 'eve@example.org' where username = 'eve'");
    for email in [
        "ada@example.com",
        "bob@example.com",
        "eve@example.com",
        "eve@example.org",
        "nobody@example.com",
        "tom@example",
    ] {
        ask(&app, email);
        assert_eq!(mails.take(&app).len(), 0, "{email}");
    }
    assert_eq!(app.number("select count(*) from mail_tokens"), 0);
    ask(&app, "tom@example.com");
    mails.only(&app);
}

fn an_address_that_two_accounts_share_gets_no_mail(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    app.create_user("bob", &[]);
    app.execute(
        "update users set email = 'both@example.com', verified_email = 'both@example.com' where username = 'ada' or \
         username = 'bob'",
    );
    ask(&app, "both@example.com");
    assert_eq!(mails.take(&app).len(), 0);
    app.login("both@example.com", PASSWORD).problem(401, "bad_credentials");
    app.login("ada", PASSWORD).ok();
}

fn the_link_begins_with_the_issuer_whatever_host_the_request_names(engine: Engine) {
    let (app, mails) = start(engine, &[("ISSUER", "https://id.example.com/auth")]);
    app.create_user("ada", &[]);
    let headers = [
        ("content-type", "application/json"),
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
    ];
    let answer = app.send("POST", "/v1/password-resets", &headers, b"{\"email\":\"ada@example.com\"}");
    assert_eq!(answer.status, 202, "{answer:?}");
    crate::verifier::wait_until("it is done", || app.number("select count(*) from mail_tokens") == 1);
    let mail = mails.only(&app);
    assert!(!mail.text.contains("evil.example"), "{mail:?}");
    assert!(mail.text.contains("https://id.example.com/auth/password-reset/"), "{mail:?}");
}

fn a_link_is_void_when_used_expired_or_for_something_else(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    for unknown in ["", "x", "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg"] {
        is_void(&confirm(&app, &json!({"token": unknown})));
    }
    assert_eq!(app.ask_as("POST", "/v1/me/email/verification", &pair, None).status, 202);
    let (_, verification) = mails.only(&app).link("email-verification");
    is_void(&confirm(&app, &json!({"token": verification})));
    let token = link(&app, &mails);
    let wrong = app.ask_as("POST", "/v1/me/email/verification/confirm", &pair, Some(&json!({"token": token})));
    is_void(&wrong);
    app.advance(1_799);
    is_done(&confirm(&app, &json!({"token": token})));
    is_void(&confirm(&app, &json!({"token": token, "new_password": PASSWORD})));
    app.login("ada", ANOTHER).ok();
    mails.take(&app);
    let token = link(&app, &mails);
    app.advance(1_800);
    is_void(&confirm(&app, &json!({"token": token})));
}

fn all_other_links_are_void_when_one_is_used_or_the_password_is_changed(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let [first, second] = [link(&app, &mails), link(&app, &mails)];
    // Mails overtake each other: until then each of them works.
    is_done(&confirm(&app, &json!({"token": first})));
    is_void(&confirm(&app, &json!({"token": second, "new_password": PASSWORD})));
    mails.take(&app);
    app.advance(1_200);
    let third = link(&app, &mails);
    let pair = app.login("ada", ANOTHER).ok();
    let change = json!({"current_password": ANOTHER, "new_password": PASSWORD});
    app.ask_as("POST", "/v1/me/password", &pair, Some(&change)).ok();
    is_void(&confirm(&app, &json!({"token": third})));
    app.login("ada", PASSWORD).ok();
}

fn a_link_is_void_when_the_account_or_its_address_is_no_longer_the_same(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let token = link(&app, &mails);
    for (change, back) in [
        ("disabled_at = 1", "disabled_at = null"),
        (
            "email = 'ada@example.org', verified_email = 'ada@example.org'",
            "email = 'ada@example.com', verified_email = 'ada@example.com'",
        ),
    ] {
        app.execute(&format!("update users set {change}"));
        is_void(&confirm(&app, &json!({"token": token})));
        app.execute(&format!("update users set {back}"));
    }
    is_done(&confirm(&app, &json!({"token": token})));
    app.execute("delete from users");
    is_void(&confirm(&app, &json!({"token": token})));
    assert_eq!(app.number("select count(*) from mail_tokens"), 0);
}

fn of_two_that_use_one_link_one_wins(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    for _ in 0..3 {
        let token = link(&app, &mails);
        let (barrier, passwords) = (Arc::new(Barrier::new(2)), [ANOTHER, "eleven quiet windows over the sea"]);
        let threads = passwords.map(|password| {
            let (client, barrier, token) = (app.another_client(), Arc::clone(&barrier), token.clone());
            std::thread::spawn(move || {
                barrier.wait();
                let body = json!({"token": token, "new_password": password});
                client.post("/v1/password-resets/confirm", &body).status
            })
        });
        let mut statuses = threads.map(|thread| thread.join().unwrap());
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 401]);
        mails.take(&app);
        app.advance(1_200);
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'password_recovered'"), 3);
}

fn a_second_factor_is_needed_as_well(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let Enrolled { secret, recovery_codes, .. } = enrolled(&app, "ada", &[]);
    mails.take(&app);
    let token = link(&app, &mails);
    let refused = confirm(&app, &json!({"token": token})).problem(401, "second_factor_required");
    assert_eq!((&refused["methods"], &refused["challenge"]), (&json!(["otp", "recovery_code"]), &Value::Null));
    confirm(&app, &json!({"token": token, "otp": "000000"})).problem(401, "wrong_otp");
    confirm(&app, &json!({"token": token, "recovery_code": "no"})).problem(401, "wrong_recovery_code");
    assert_eq!(app.number("select count(*) from audit_events where name = 'second_factor_failed'"), 2);
    let shown = code(&app, &secret);
    is_done(&confirm(&app, &json!({"token": token, "otp": shown})));
    // The factor stays, and the code is used.
    let problem = app.login("ada", ANOTHER).problem(401, "second_factor_required");
    let challenge = problem["challenge"].as_str().unwrap();
    crate::support::totp::go_on(&app, challenge, &shown).problem(401, "wrong_otp");
    mails.take(&app);
    let token = link(&app, &mails);
    is_done(&confirm(&app, &json!({"token": token, "recovery_code": recovery_codes[0], "new_password": PASSWORD})));
    assert_eq!(app.number("select count(*) from audit_events where name = 'recovery_code_used'"), 1);
    app.login("ada", PASSWORD).problem(401, "second_factor_required");
}

fn wrong_codes_of_the_second_factor_count_as_at_a_login_and_leave_the_link(engine: Engine) {
    let (app, mails) = start(engine, &[("TRUSTED_PROXIES", "127.0.0.1")]);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    mails.take(&app);
    let token = link(&app, &mails);
    let headers = [("content-type", "application/json"), ("x-forwarded-for", "203.0.113.9")];
    let from_elsewhere = |otp: &str| {
        let body = json!({"token": token, "new_password": ANOTHER, "otp": otp}).to_string();
        app.send("POST", "/v1/password-resets/confirm", &headers, body.as_bytes())
    };
    for _ in 0..5 {
        from_elsewhere("000000").problem(401, "wrong_otp");
    }
    let limited = from_elsewhere(&code(&app, &secret));
    limited.problem(429, "too_many_failures");
    assert_ne!(limited.header("retry-after"), "");
    app.advance(300);
    is_done(&from_elsewhere(&code(&app, &secret)));
}

fn a_password_that_is_refused_leaves_the_link(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let token = link(&app, &mails);
    for (password, expected) in [("short", "password_too_short"), ("ada@example.com", "password_too_common")] {
        let refused = confirm(&app, &json!({"token": token, "new_password": password}));
        let problem = refused.problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "new_password");
        assert_eq!(problem["errors"][0]["code"], expected);
    }
    is_done(&confirm(&app, &json!({"token": token})));
}

fn after_five_wrong_codes_no_more_are_tried_for_known_and_unknown_addresses(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    ask(&app, "ada@example.com");
    let mail = mails.only(&app);
    for email in ["ada@example.com", "nobody@example.com"] {
        for _ in 0..5 {
            is_void(&confirm(&app, &json!({"email": email, "code": "1234"})));
        }
        let limited = confirm(&app, &json!({"email": email, "code": mail.code()}));
        limited.problem(429, "too_many_failures");
        assert_eq!(limited.header("retry-after"), "300", "{email}");
    }
    // Who reads the mail can still follow its link.
    app.advance(300);
    is_done(&confirm(&app, &json!({"email": "ada@example.com", "code": mail.code()})));
}

fn for_one_address_three_mails_are_sent_at_once_whether_it_is_known_or_not(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    for email in ["ada@example.com", "nobody@example.com"] {
        for spelling in [email, &email.to_uppercase(), email] {
            ask(&app, spelling);
        }
        let limited = app.post("/v1/password-resets", &json!({"email": email}));
        limited.problem(429, "too_many_mails");
        assert_eq!(limited.header("retry-after"), "1200", "{email}");
    }
    assert_eq!(mails.take(&app).len(), 3);
    app.advance(1_200);
    ask(&app, "ada@example.com");
    app.post("/v1/password-resets", &json!({"email": "ada@example.com"})).problem(429, "too_many_mails");
}

fn whoever_asks_to_confirm_an_address_takes_no_reset_from_its_owner(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let mallory = app.logged_in("mallory");
    let change = || app.ask_as("PATCH", "/v1/me/profile", &mallory, Some(&json!({"email": "ada@example.com"})));
    for _ in 0..3 {
        assert_eq!(change().status, 200);
    }
    change().problem(429, "too_many_mails");
    mails.take(&app);
    ask(&app, "ada@example.com");
    mails.only(&app).reset_token();
}

fn one_network_cannot_have_thousands_of_people_written_to(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    for number in 0..30 {
        let answer = app.post("/v1/password-resets", &json!({"email": format!("user{number}@example.com")}));
        assert_eq!(answer.status, 202, "{number}: {answer:?}");
    }
    app.post("/v1/password-resets", &json!({"email": "user30@example.com"})).problem(429, "too_many_mails");
}

fn a_wrong_code_is_refused_at_the_same_moment_whether_the_address_is_known_or_not(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    ask(&app, "ada@example.com");
    let wrong = if mails.only(&app).code() == "12345678" { "12345679" } else { "12345678" };
    for email in ["ada@example.com", "nobody@example.com"] {
        let began = Instant::now();
        is_void(&confirm(&app, &json!({"email": email, "code": wrong})));
        assert!(began.elapsed() >= Duration::from_millis(100), "{email}: {:?}", began.elapsed());
    }
}

fn the_right_code_of_another_account_is_wrong(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    app.create_user("bob", &[]);
    ask(&app, "bob@example.com");
    let code = mails.only(&app).code();
    is_void(&confirm(&app, &json!({"email": "ada@example.com", "code": code})));
    is_done(&confirm(&app, &json!({"email": "bob@example.com", "code": code})));
    app.login("ada", PASSWORD).ok();
}

fn bad_requests_are_refused_in_words(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    for email in ["", "ada", "@", "ada@", "ada@example.com\r\nBcc: eve@example.com", "a\u{0}@example.com"] {
        let refused = app.post("/v1/password-resets", &json!({"email": email})).problem(400, "invalid_fields");
        assert_eq!(refused["errors"][0]["field"], "email", "{email:?}");
    }
    assert_eq!(app.number("select count(*) from outbox"), 0);
    for body in
        [json!({}), json!({"token": "x", "code": "1"}), json!({"email": "ada@example.com"}), json!({"code": "1"})]
    {
        confirm(&app, &body).problem(400, "malformed_json");
    }
    let both = json!({"token": "x", "otp": "000000", "recovery_code": "x"});
    confirm(&app, &both).problem(400, "invalid_fields");
}

fn without_mail_there_is_nothing_to_ask_for(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.post("/v1/password-resets", &json!({"email": "ada@example.com"})).problem(400, "mail_off");
    app.ask_as("POST", "/v1/me/email/verification", &pair, None).problem(400, "mail_off");
    assert_eq!(app.browser().open("/password-reset").answer.status, 404);
    assert!(!app.browser().open("/login").answer.body.contains("password-reset"));
}

fn neither_links_nor_codes_are_stored_as_they_are(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    ask(&app, "ada@example.com");
    let waiting = app.number("select count(*) from outbox where payload like '%password-reset%'");
    assert_eq!((waiting, app.number("select count(*) from outbox")), (0, 1), "letters are encrypted");
    let mail = mails.only(&app);
    let (token, code) = (mail.reset_token(), mail.code());
    assert_eq!(app.number(&format!("select count(*) from mail_tokens where code_hash = {code}")), 0);
    assert_eq!(app.number("select length(digest) from mail_tokens"), 32);
    let events = format!("select count(*) from audit_events where detail like '%{token}%' or detail like '%ada@%'");
    assert_eq!(app.number(&events), 0);
}

fn what_has_expired_is_purged(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    link(&app, &mails);
    tokensmith::internals::service::purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from mail_tokens"), 1);
    app.advance(1_800 + 7 * 86_400);
    tokensmith::internals::service::purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from mail_tokens"), 0);
}

fn two_instances_share_the_tokens(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let other = app.another_instance(0, &[("MAIL_URL", "log:"), ("MAIL_FROM", "id@example.com"), ("ISSUER", ISSUER)]);
    ask(&app, "ada@example.com");
    let code = mails.only(&app).code();
    is_done(&confirm(&other, &json!({"email": "ada@example.com", "code": code})));
    app.login("ada", ANOTHER).ok();
}
