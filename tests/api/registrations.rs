//! `/v1/registrations`: people open accounts for themselves, and nobody learns which addresses have one.

use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::schema::rows_with;
use crate::support::mailbox::{Mailbox, start, start_on};
use crate::support::{Answer, Engine, PASSWORD, TestApp};
use crate::verifier::wait_until;

both_engines!(
    the_address_is_proved_and_then_the_username_is_chosen,
    the_code_of_the_mail_does_the_same,
    every_address_gets_the_same_answer_and_its_owner_learns_the_rest,
    registration_is_off_unless_the_operator_allows_it,
    what_is_refused_leaves_the_proof,
    a_username_that_is_taken_or_looks_like_another_is_refused,
    a_username_like_an_address_does_not_tell_whether_somebody_has_it,
    users_cannot_rename_themselves_to_what_looks_like_another,
    of_two_who_rename_themselves_to_names_that_look_alike_one_wins,
    names_that_an_older_version_has_written_are_compared_too,
    nothing_exists_of_an_address_until_it_is_proved,
    two_registrations_of_one_address_make_one_account,
    of_two_who_want_one_username_the_other_keeps_the_proof,
    a_link_is_void_when_used_expired_or_withdrawn,
    an_address_that_was_verified_meanwhile_is_no_longer_free,
    the_terms_must_be_accepted,
    who_must_have_a_second_factor_enrols_first,
    the_tokens_may_go_into_cookies,
    after_five_wrong_codes_no_more_are_tried,
    strangers_cannot_use_up_the_codes_of_others,
    the_code_of_one_registration_is_not_right_for_another,
    a_code_survives_another_signing_key,
    refusals_of_an_address_that_is_taken_meanwhile_count,
    an_administrators_name_is_compared_with_the_names_of_users_and_they_with_it,
    whoever_has_proved_an_address_can_try_few_usernames,
    whoever_has_an_account_can_try_few_usernames,
    ten_thousand_attempts_from_one_network_are_thirty_mails,
    neither_links_nor_codes_are_stored_as_they_are,
    administrators_see_and_withdraw_what_is_not_finished,
    what_has_expired_is_purged,
);

pub const OPEN: (&str, &str) = ("REGISTRATION", "open");

/// Asks to register, and waits until it is known what has come of that; returns what the client holds from then on.
pub fn ask(app: &TestApp, body: &Value) -> String {
    let before = asked(app);
    let answer = app.post("/v1/registrations", body);
    assert_eq!(answer.status, 202, "{answer:?}");
    wait_until("somebody looked for the address", || asked(app) > before);
    answer.json()["registration"].as_str().unwrap().to_owned()
}

fn asked(app: &TestApp) -> i64 {
    app.number("select count(*) from audit_events where name = 'registration_requested'")
}

/// The token of a new link for an address.
fn link(app: &TestApp, mails: &Mailbox, email: &str) -> String {
    ask(app, &json!({"email": email}));
    mails.only(app).link("registration").1
}

pub fn confirm(app: &TestApp, body: &Value) -> Answer {
    app.post("/v1/registrations/confirm", body)
}

/// The body that opens an account.
fn chosen(token: &str, username: &str) -> Value {
    json!({"token": token, "username": username, "password": PASSWORD})
}

#[track_caller]
fn is_opened(answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

fn the_address_is_proved_and_then_the_username_is_chosen(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    ask(&app, &json!({"email": " Ada@Example.com "}));
    let mail = mails.only(&app);
    assert!(mail.to.contains("Ada@Example.com") && mail.subject.contains("Open your account"), "{mail:?}");
    let (_, token) = mail.link("registration");
    let proved = confirm(&app, &json!({"token": token})).ok();
    assert_eq!(proved, json!({"email": "Ada@Example.com", "email_verified": true, "terms_url": null}));
    assert_eq!(app.number("select count(*) from users"), 0);
    // The link was valid for half an hour; the rest may take longer.
    app.advance(3_599);
    let mut body = chosen(&token, "ada");
    body["name"] = json!("Ada Lovelace");
    let pair = is_opened(&confirm(&app, &body));
    assert_eq!(pair["user"]["username"], "ada");
    let profile = app.get_as("/v1/me/profile", pair["access_token"].as_str().unwrap()).ok();
    assert_eq!((&profile["email_verified"], &profile["has_password"]), (&json!(true), &json!(true)));
    assert_eq!((&profile["name"], &profile["roles"]), (&json!("Ada Lovelace"), &json!([])));
    app.refresh(&pair["refresh_token"]).ok();
    app.login("ada@example.com", PASSWORD).ok();
    let events = "select count(*) from audit_events where name = 'user_created' and detail = 'registration'";
    assert_eq!(app.number(events), 1);
}

fn the_code_of_the_mail_does_the_same(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let held = ask(&app, &json!({"email": "ada@example.com"}));
    let mail = mails.only(&app);
    let typed = format!(" {} {}", &mail.code()[..4], &mail.code()[4..]);
    let mut body = json!({"registration": held, "username": "ada", "password": PASSWORD});
    confirm(&app, &body).problem(401, "bad_mail_token");
    confirm(&app, &json!({"registration": held, "code": typed})).ok();
    // Once the code was right, it is not asked for again.
    is_opened(&confirm(&app, &body));
    body["code"] = json!(typed);
    confirm(&app, &body).problem(401, "bad_mail_token");
    confirm(&app, &chosen(&mail.link("registration").1, "bob")).problem(401, "bad_mail_token");
}

fn every_address_gets_the_same_answer_and_its_owner_learns_the_rest(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("ada", &[]);
    app.create_user("bob", &[]);
    app.create_user("eve", &[]);
    app.execute("update users set disabled_at = 1 where username = 'bob'");
    app.execute("update users set email_verified_at = null where username = 'eve'");
    let shown = |answer: &Answer| {
        let mut headers: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str().to_owned()).collect();
        headers.sort();
        let body = answer.json();
        (answer.status, body.as_object().unwrap().len(), body["registration"].as_str().unwrap().len(), headers)
    };
    let asks = |email: &str| {
        let before = asked(&app);
        let shown = shown(&app.post("/v1/registrations", &json!({"email": email})));
        wait_until("somebody looked for the address", || asked(&app) > before);
        (shown, mails.only(&app))
    };
    let (unknown, mail) = asks("nobody@example.com");
    mail.link("registration");
    for (email, has_account) in [("ada@example.com", true), ("bob@example.com", true), ("eve@example.com", false)] {
        let (answer, mail) = asks(email);
        assert_eq!(answer, unknown, "{email}");
        assert_eq!(mail.subject.contains("You have an account already"), has_account, "{mail:?}");
        assert_eq!(mail.text.contains("/registration/"), !has_account, "{mail:?}");
    }
    assert_eq!(app.number("select count(*) from registrations"), 2);
    // Nor does a code tell.
    for email in ["ada@example.com", "tom@example.com"] {
        let held = ask(&app, &json!({"email": email}));
        confirm(&app, &json!({"registration": held, "code": "1234 5678"})).problem(401, "bad_mail_token");
    }
}

fn registration_is_off_unless_the_operator_allows_it(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.post("/v1/registrations", &json!({"email": "ada@example.com"})).problem(403, "registration_off");
    confirm(&app, &chosen("x", "ada")).problem(403, "registration_off");
    for path in ["/registration", "/registration/x", "/invitation/x"] {
        assert_eq!(app.browser().open(path).answer.status, 404, "{path}");
    }
    assert!(!app.browser().open("/login").answer.body.contains("/registration"));
    let (app, _) = start(engine, &[("REGISTRATION", "invite")]);
    app.post("/v1/registrations", &json!({"email": "ada@example.com"})).problem(403, "invitation_required");
    let wrong = json!({"email": "ada@example.com", "invitation": "x"});
    app.post("/v1/registrations", &wrong).problem(401, "bad_invitation");
    assert_eq!(mails.take(&app).len(), 0);
}

fn what_is_refused_leaves_the_proof(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let token = link(&app, &mails, "ada@example.com");
    let with = |username: &str, password: &str| {
        confirm(&app, &json!({"token": token, "username": username, "password": password}))
    };
    for (username, password, field, code) in [
        ("two words", PASSWORD, "username", "invalid"),
        ("ada", "short", "password", "password_too_short"),
        ("ada", "ada@example.com", "password", "password_too_common"),
        ("ada", "password1234", "password", "password_too_common"),
    ] {
        let problem = with(username, password).problem(400, "invalid_fields");
        assert_eq!((&problem["errors"][0]["field"], &problem["errors"][0]["code"]), (&json!(field), &json!(code)));
    }
    let both = with("", "").problem(400, "invalid_fields");
    assert_eq!(both["errors"].as_array().unwrap().len(), 2);
    let both = with("eve@example.com", "short").problem(400, "invalid_fields");
    assert_eq!(both["errors"][0]["code"], "not_your_address");
    assert_eq!(both["errors"][1]["code"], "password_too_short");
    let mut body = chosen(&token, "ada");
    body["audience"] = json!("https://elsewhere.example");
    assert_eq!(confirm(&app, &body).problem(400, "invalid_fields")["errors"][0]["field"], "audience");
    for body in [
        json!({}),
        json!({"token": token, "code": "1"}),
        json!({"code": "1"}),
        json!({"email": "ada@example.com", "code": "1"}),
        json!({"token": token, "username": "ada"}),
        json!({"token": token, "password": PASSWORD}),
    ] {
        confirm(&app, &body).problem(400, "malformed_json");
    }
    for email in ["", "ada", "ada@example.com\r\nBcc: eve@example.com"] {
        let refused = app.post("/v1/registrations", &json!({"email": email})).problem(400, "invalid_fields");
        assert_eq!(refused["errors"][0]["field"], "email", "{email:?}");
    }
    is_opened(&confirm(&app, &chosen(&token, "ada")));
}

fn a_username_that_is_taken_or_looks_like_another_is_refused(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("paypal", &[]);
    let token = link(&app, &mails, "eve@example.com");
    for (username, code) in [
        ("paypal", "username_taken"),
        ("PayPal", "username_taken"),
        ("\u{440}\u{430}ypal", "username_too_similar"),
        ("paypa1", "username_too_similar"),
    ] {
        confirm(&app, &chosen(&token, username)).problem(409, code);
    }
    assert_eq!(app.number("select count(*) from users"), 1);
    is_opened(&confirm(&app, &chosen(&token, "paypals")));
}

fn a_username_like_an_address_does_not_tell_whether_somebody_has_it(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("ada", &[]);
    let token = link(&app, &mails, "eve@example.com");
    let tries = |username: &str| {
        let problem = confirm(&app, &chosen(&token, username)).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], "not_your_address");
        problem["errors"].clone()
    };
    assert_eq!(tries("ada@example.com"), tries("nobody@example.com"));
    is_opened(&confirm(&app, &chosen(&token, "eve@example.com")));
}

fn users_cannot_rename_themselves_to_what_looks_like_another(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    app.create_user("admin", &["admin"]);
    let pair = app.logged_in("eve");
    let rename = |to: &str| app.ask_as("PATCH", "/v1/me/profile", &pair, Some(&json!({"username": to})));
    rename("adm\u{131}n").problem(409, "username_too_similar");
    rename("eve1").ok();
    // It is one's own.
    rename("evel").ok();
}

fn of_two_who_rename_themselves_to_names_that_look_alike_one_wins(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    let pairs = [app.logged_in("ada"), app.logged_in("bob")];
    for round in 2..7 {
        let barrier = Arc::new(Barrier::new(2));
        let names = [format!("star{round}l"), format!("star{round}1")];
        let threads = [0, 1].map(|at| {
            let (client, barrier) = (app.another_client(), Arc::clone(&barrier));
            let (pair, body) = (pairs[at].clone(), json!({"username": names[at]}));
            std::thread::spawn(move || {
                barrier.wait();
                client.ask_as("PATCH", "/v1/me/profile", &pair, Some(&body)).status
            })
        });
        let mut statuses = threads.map(|thread| thread.join().unwrap());
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}

/// Adds names that lack their skeleton.
fn many(id: &str) -> String {
    format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1001) \
         insert into users (id, username, username_fold, password_hash, roles, created_at) \
         select {id}, 'person-' || i, 'person-' || i, '!', '', 1 from n"
    )
}

fn names_that_an_older_version_has_written_are_compared_too(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("bob", &[]);
    app.execute("update users set username = 'paypal', username_fold = 'paypal' where username = 'bob'");
    let token = link(&app, &mails, "eve@example.com");
    let tries = || confirm(&app, &chosen(&token, "paypa1")).problem(409, "username_too_similar");
    tries();
    app.execute("update users set username_skeleton = null, skeleton_of = null");
    tries();
    // With too many to compare, users have to wait.
    app.execute(&match engine {
        Engine::Sqlite => many("randomblob(16)"),
        Engine::Postgres => many("gen_random_uuid()"),
    });
    confirm(&app, &chosen(&token, "paypa1")).problem(503, "overloaded");
    tokensmith::internals::service::usernames::add_skeletons(&app.inside).unwrap();
    app.execute("delete from users where username like 'person-%'");
    assert_eq!(app.number("select count(*) from users where skeleton_of = username"), 1);
    tries();
    // What is left of a name that the account does not have any more takes nothing from others.
    is_opened(&confirm(&app, &chosen(&token, "b0b")));
}

fn nothing_exists_of_an_address_until_it_is_proved(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    // Somebody registers the victim's address and cannot read the mail.
    let held = ask(&app, &json!({"email": "victim@example.com"}));
    let theirs = mails.only(&app).link("registration").1;
    for guess in ["", "x", "00000000"] {
        confirm(&app, &chosen(guess, "mallory")).problem(401, "bad_mail_token");
        let body = json!({"registration": held, "code": guess, "username": "mallory", "password": PASSWORD});
        confirm(&app, &body).problem(401, "bad_mail_token");
    }
    assert_eq!(app.number("select count(*) from users"), 0);
    app.login("victim@example.com", PASSWORD).problem(401, "bad_credentials");
    // The victim registers later, and the first mail opens nothing any more.
    let own = link(&app, &mails, "victim@example.com");
    is_opened(&confirm(&app, &chosen(&own, "victim")));
    confirm(&app, &chosen(&theirs, "mallory")).problem(401, "bad_mail_token");
    assert_eq!(app.number("select count(*) from users"), 1);
}

fn two_registrations_of_one_address_make_one_account(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    for round in 0..3 {
        let email = format!("ada{round}@example.com");
        let tokens = [link(&app, &mails, &email), link(&app, &mails, &email.to_uppercase())];
        let barrier = Arc::new(Barrier::new(2));
        let threads = [0, 1].map(|at| {
            let (client, barrier, token) = (app.another_client(), Arc::clone(&barrier), tokens[at].clone());
            std::thread::spawn(move || {
                barrier.wait();
                let body = chosen(&token, &format!("user-{round}{}", ["x", "y"][at]));
                client.post("/v1/registrations/confirm", &body).status
            })
        });
        let mut statuses = threads.map(|thread| thread.join().unwrap());
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 401]);
        let accounts = format!("select count(*) from users where verified_email = '{email}'");
        assert_eq!(app.number(&accounts), 1);
    }
}

fn of_two_who_want_one_username_the_other_keeps_the_proof(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let tokens = [link(&app, &mails, "ada@example.com"), link(&app, &mails, "bob@example.com")];
    let barrier = Arc::new(Barrier::new(2));
    let threads = tokens.clone().map(|token| {
        let (client, barrier) = (app.another_client(), Arc::clone(&barrier));
        std::thread::spawn(move || {
            barrier.wait();
            (client.post("/v1/registrations/confirm", &chosen(&token, "star")).status, token)
        })
    });
    let mut answers = threads.map(|thread| thread.join().unwrap());
    answers.sort();
    assert_eq!([answers[0].0, answers[1].0], [201, 409]);
    is_opened(&confirm(&app, &chosen(&answers[1].1, "moon")));
    confirm(&app, &chosen(&answers[0].1, "sun")).problem(401, "bad_mail_token");
}

fn a_link_is_void_when_used_expired_or_withdrawn(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let token = link(&app, &mails, "ada@example.com");
    app.advance(1_800);
    confirm(&app, &json!({"token": token})).problem(401, "bad_mail_token");
    let token = link(&app, &mails, "ada@example.com");
    confirm(&app, &json!({"token": token})).ok();
    app.advance(3_600);
    confirm(&app, &chosen(&token, "ada")).problem(401, "bad_mail_token");
    let token = link(&app, &mails, "ada@example.com");
    is_opened(&confirm(&app, &chosen(&token, "ada")));
    for body in [chosen(&token, "eve"), json!({"token": token})] {
        confirm(&app, &body).problem(401, "bad_mail_token");
    }
    // Links of one kind open nothing else.
    app.post("/v1/password-resets", &json!({"email": "ada@example.com"}));
    wait_until("the mail is written", || app.number("select count(*) from mail_tokens") == 1);
    let reset = mails.only(&app).reset_token();
    confirm(&app, &chosen(&reset, "eve")).problem(401, "bad_mail_token");
}

fn an_address_that_was_verified_meanwhile_is_no_longer_free(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let token = link(&app, &mails, "ada@example.com");
    app.create_user("ada", &[]);
    confirm(&app, &chosen(&token, "lovelace")).problem(409, "email_taken");
    assert_eq!(app.number("select count(*) from users"), 1);
}

fn the_terms_must_be_accepted(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN, ("TERMS_URL", "https://example.com/terms")]);
    let token = link(&app, &mails, "ada@example.com");
    assert_eq!(confirm(&app, &json!({"token": token})).ok()["terms_url"], "https://example.com/terms");
    let mut body = chosen(&token, "ada");
    for refused in [Value::Null, json!(false)] {
        if !refused.is_null() {
            body["terms_accepted"] = refused;
        }
        let problem = confirm(&app, &body).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "terms_accepted");
    }
    body["terms_accepted"] = json!(true);
    is_opened(&confirm(&app, &body));
}

fn who_must_have_a_second_factor_enrols_first(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN, ("REQUIRE_SECOND_FACTOR", "all")]);
    let token = link(&app, &mails, "ada@example.com");
    let problem = confirm(&app, &chosen(&token, "ada")).problem(401, "second_factor_enrolment_required");
    assert!(problem["challenge"].is_string(), "{problem}");
    assert_eq!(app.number("select count(*) from users"), 1);
    assert_eq!(app.number("select count(*) from sessions"), 0);
    let enrolled = app.post("/v1/me/totp", &json!({"challenge": problem["challenge"]}));
    assert!(enrolled.status < 300, "{enrolled:?}");
}

fn the_tokens_may_go_into_cookies(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let token = link(&app, &mails, "ada@example.com");
    let mut body = chosen(&token, "ada");
    body["cookies"] = json!(true);
    let of_another_site = [("content-type", "application/json"), ("sec-fetch-site", "cross-site")];
    let answer = app.send("POST", "/v1/registrations/confirm", &of_another_site, body.to_string().as_bytes());
    answer.problem(403, "csrf_refused");
    let own = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    let answer = app.send("POST", "/v1/registrations/confirm", &own, body.to_string().as_bytes());
    let pair = is_opened(&answer);
    assert!(pair["refresh_token"].is_null() && pair["access_token"].is_null(), "{pair}");
    assert!(answer.header("set-cookie").contains("ts_refresh="), "{answer:?}");
}

fn after_five_wrong_codes_no_more_are_tried(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("bob", &[]);
    let (unknown, known) =
        (ask(&app, &json!({"email": "ada@example.com"})), ask(&app, &json!({"email": "bob@example.com"})));
    let mail = mails.take(&app).into_iter().find(|mail| mail.to.contains("ada")).unwrap();
    for held in [&unknown, &known] {
        for _ in 0..5 {
            confirm(&app, &json!({"registration": held, "code": "1234"})).problem(401, "bad_mail_token");
        }
        let limited = confirm(&app, &json!({"registration": held, "code": mail.code()}));
        limited.problem(429, "too_many_failures");
        assert_eq!(limited.header("retry-after"), "300");
    }
    confirm(&app, &json!({"token": mail.link("registration").1})).ok();
}

fn strangers_cannot_use_up_the_codes_of_others(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let held = ask(&app, &json!({"email": "ada@example.com"}));
    let code = mails.only(&app).code();
    // They ask for the same address, and type what they like.
    for _ in 0..2 {
        let theirs = ask(&app, &json!({"email": "ada@example.com"}));
        for _ in 0..5 {
            confirm(&app, &json!({"registration": theirs, "code": "1234"})).problem(401, "bad_mail_token");
        }
        // What was mailed to one client works for no other.
        confirm(&app, &json!({"registration": theirs, "code": code})).problem(429, "too_many_failures");
    }
    for _ in 0..5 {
        confirm(&app, &json!({"registration": "x", "code": code})).problem(401, "bad_mail_token");
    }
    confirm(&app, &json!({"registration": held, "code": code})).ok();
    assert_eq!(app.number("select count(*) from registrations where code_shown_at is not null"), 1);
}

fn the_code_of_one_registration_is_not_right_for_another(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let first = ask(&app, &json!({"email": "ada@example.com"}));
    let first_code = mails.only(&app).code();
    let second = ask(&app, &json!({"email": "ada@example.com"}));
    let second_mail = mails.only(&app);
    for (held, code) in [(&first, second_mail.code()), (&second, first_code)] {
        confirm(&app, &json!({"registration": held, "code": code})).problem(401, "bad_mail_token");
    }
    // The link proves the address to the person who follows it, and to no other client.
    confirm(&app, &json!({"token": second_mail.link("registration").1})).ok();
    let body = json!({"registration": second, "username": "mallory", "password": PASSWORD});
    confirm(&app, &body).problem(401, "bad_mail_token");
    assert_eq!(app.number("select count(*) from users"), 0);
}

fn a_code_survives_another_signing_key(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let held = ask(&app, &json!({"email": "ada@example.com"}));
    let code = mails.only(&app).code();
    // Another instance, with keys of its own.
    let (later, _) = start_on(TempDir::new().unwrap(), app.database_url.clone(), &[OPEN]);
    confirm(&later, &json!({"registration": held, "code": code})).ok();
}

fn refusals_of_an_address_that_is_taken_meanwhile_count(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let token = link(&app, &mails, "ada@example.com");
    app.create_user("ada", &[]);
    for _ in 0..10 {
        confirm(&app, &chosen(&token, "lovelace")).problem(409, "email_taken");
    }
    confirm(&app, &chosen(&token, "lovelace")).problem(429, "too_many_failures");
    assert_eq!(app.number("select count(*) from users"), 1);
}

fn an_administrators_name_is_compared_with_the_names_of_users_and_they_with_it(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    let paypal = app.logged_in("paypal");
    let give = |username: &str| {
        let body = json!({"username": username, "password": PASSWORD});
        app.ask_as("POST", "/v1/admin/users", &admin, Some(&body)).status
    };
    // An administrator may give a name that looks like a user's.
    assert_eq!(give("paypa1"), 201);
    // A user may not take one that looks like either of them.
    let token = link(&app, &mails, "eve@example.com");
    for alike in ["p\u{430}ypal", "p\u{430}ypa1"] {
        confirm(&app, &chosen(&token, alike)).problem(409, "username_too_similar");
    }
    // Both keep their names, and change the rest.
    let given = app.login("paypa1", PASSWORD).ok();
    for (pair, username) in [(&paypal, "paypal"), (&given, "paypa1")] {
        let body = json!({"username": username, "name": "Pay Pal"});
        assert_eq!(app.ask_as("PATCH", "/v1/me/profile", pair, Some(&body)).ok()["username"], username);
    }
    // One that only an administrator has given refuses a user's, too.
    assert_eq!(give("g00gle"), 201);
    let eve = app.logged_in("mallory");
    let body = json!({"username": "google"});
    app.ask_as("PATCH", "/v1/me/profile", &eve, Some(&body)).problem(409, "username_too_similar");
}

fn whoever_has_proved_an_address_can_try_few_usernames(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("paypal", &[]);
    let token = link(&app, &mails, "eve@example.com");
    for _ in 0..10 {
        confirm(&app, &chosen(&token, "paypal")).problem(409, "username_taken");
    }
    confirm(&app, &chosen(&token, "paypal")).problem(429, "too_many_failures");
    app.advance(30);
    is_opened(&confirm(&app, &chosen(&token, "eve")));
}

fn whoever_has_an_account_can_try_few_usernames(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("paypal", &[]);
    let pair = app.logged_in("eve");
    let change = |body: &Value| app.ask_as("PATCH", "/v1/me/profile", &pair, Some(body));
    for tries in 0..10 {
        let (username, code) = [("paypal", "username_taken"), ("paypa1", "username_too_similar")][tries % 2];
        change(&json!({"username": username})).problem(409, code);
    }
    change(&json!({"username": "paypal"})).problem(429, "too_many_failures");
    change(&json!({"name": "Eve"})).ok();
    let browser = app.browser();
    let page = browser.log_in(&browser.open("/login"), "eve", PASSWORD);
    let page = browser.submit(&page, &[("username", "paypal"), ("name", "Eve")]);
    page.shows(429, "Profile");
    assert!(page.text().contains("That was refused too often."), "{page:?}");
    app.advance(30);
    change(&json!({"username": "eva"})).ok();
}

fn ten_thousand_attempts_from_one_network_are_thirty_mails(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let mut accepted = 0;
    for number in 0..10_000 {
        let answer = app.post("/v1/registrations", &json!({"email": format!("user{number}@example.com")}));
        match answer.status {
            202 => accepted += 1,
            _ => drop(answer.problem(429, "too_many_mails")),
        }
    }
    assert_eq!(accepted, 30);
    wait_until("all are looked for", || asked(&app) == 30);
    assert_eq!(mails.take(&app).len(), 30);
    for table in ["registrations", "audit_events"] {
        assert_eq!(app.number(&format!("select count(*) from {table}")), 30, "{table}");
    }
    // Three for each that was accepted: of the network, the address, and both.
    let allowances = app.number("select count(*) from allowances");
    assert!(allowances <= 3 * 30, "{allowances}");
}

fn neither_links_nor_codes_are_stored_as_they_are(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    let held = ask(&app, &json!({"email": "ada@example.com"}));
    let waiting = app.number("select count(*) from outbox where payload like '%registration%'");
    assert_eq!((waiting, app.number("select count(*) from outbox")), (0, 1), "letters are encrypted");
    let mail = mails.only(&app);
    assert_eq!(app.number(&format!("select count(*) from registrations where code_hash = {}", mail.code())), 0);
    assert_eq!(app.number("select length(digest) from registrations"), 32);
    assert_eq!(app.number("select length(client_digest) from registrations"), 32);
    assert_eq!(rows_with(engine, &app, &held), 0);
    confirm(&app, &chosen(&mail.link("registration").1, "ada"));
    assert_eq!(app.number("select count(*) from audit_events where detail like '%ada%'"), 0);
}

fn administrators_see_and_withdraw_what_is_not_finished(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    let token = link(&app, &mails, "ada@example.com");
    confirm(&app, &json!({"token": token})).ok();
    app.advance(1);
    let other = link(&app, &mails, "bob@example.com");
    let list = || app.ask_as("GET", "/v1/admin/registrations", &admin, None).ok()["registrations"].clone();
    let listed = list();
    assert_eq!((&listed[0]["email"], &listed[1]["email"]), (&json!("bob@example.com"), &json!("ada@example.com")));
    assert!(listed[0]["proved_at"].is_null() && listed[1]["proved_at"].is_string(), "{listed}");
    let path = format!("/v1/admin/registrations/{}", listed[1]["id"].as_str().unwrap());
    let user = app.logged_in("eve");
    app.ask_as("DELETE", &path, &user, None).problem(403, "role_missing");
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    app.ask_as("DELETE", &path, &admin, None).problem(404, "registration_unknown");
    confirm(&app, &chosen(&token, "ada")).problem(401, "bad_mail_token");
    assert_eq!(app.number("select count(*) from audit_events where name = 'registration_withdrawn'"), 1);
    is_opened(&confirm(&app, &chosen(&other, "bob")));
    assert_eq!(list(), json!([]));
}

fn what_has_expired_is_purged(engine: Engine) {
    let (app, mails) = start(engine, &[OPEN]);
    link(&app, &mails, "ada@example.com");
    let token = link(&app, &mails, "bob@example.com");
    is_opened(&confirm(&app, &chosen(&token, "bob")));
    let purge = || tokensmith::internals::service::purge::all(&app.inside).unwrap();
    purge();
    assert_eq!(app.number("select count(*) from registrations"), 2);
    app.advance(3_600 + 86_400);
    purge();
    assert_eq!(app.number("select count(*) from registrations"), 0);
}
