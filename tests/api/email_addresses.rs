//! E-mail addresses: which are verified, how users confirm and change theirs, and logging in with one.

use std::sync::{Arc, Barrier};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};

use crate::support::mailbox::{ask, start};
use crate::support::{Answer, Engine, PASSWORD, TestApp};
use crate::verifier::wait_until;

both_engines!(
    an_address_that_an_administrator_sets_is_verified,
    addresses_of_before_are_not_verified_until_their_users_confirm_them,
    a_user_confirms_an_address_by_code_or_link,
    a_link_is_followed_by_a_button_without_being_logged_in,
    only_the_user_of_a_mail_confirms_with_it,
    a_new_address_is_in_force_when_it_is_confirmed_and_both_are_told,
    a_change_of_the_password_voids_a_change_of_the_address,
    an_address_that_is_set_voids_a_change_that_is_not_confirmed,
    without_mail_a_new_address_is_in_force_and_not_verified,
    an_address_may_be_removed,
    a_new_address_needs_a_recent_password,
    an_address_that_another_account_has_verified_is_refused,
    five_wrong_codes_are_enough,
    three_mails_are_sent_at_once_for_an_account_and_for_an_address,
    a_verified_address_logs_in_and_another_does_not,
    a_username_comes_before_an_address,
    a_user_may_choose_a_username_like_an_address_only_if_it_is_their_own_verified_one,
    an_administrator_may_set_any_username_but_the_verified_address_of_somebody_else,
    an_address_that_is_the_username_of_somebody_else_is_not_confirmed,
    a_username_that_is_the_address_changes_with_it_and_leaves_the_old_one_to_others,
    of_two_accounts_that_confirm_one_address_at_once_one_does,
    an_address_that_waits_is_in_the_profile,
    an_address_of_two_lines_is_refused_everywhere,
    of_two_that_confirm_at_once_one_does,
    administrators_see_which_addresses_are_verified,
);

const VERIFICATION: &str = "/v1/me/email/verification";

fn confirm(app: &TestApp, pair: &Value, body: &Value) -> Answer {
    app.ask_as("POST", "/v1/me/email/verification/confirm", pair, Some(body))
}

fn send(app: &TestApp, pair: &Value) {
    let answer = app.ask_as("POST", VERIFICATION, pair, None);
    assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{answer:?}");
}

fn change(app: &TestApp, pair: &Value, email: &Value) -> Answer {
    app.ask_as("PATCH", "/v1/me/profile", pair, Some(&json!({"email": email})))
}

fn address(app: &TestApp, pair: &Value) -> (Value, Value) {
    let profile = app.ask_as("GET", "/v1/me/profile", pair, None).ok();
    (profile["email"].clone(), profile["email_verified"].clone())
}

/// A user whose address is as those of before are.
fn unverified(app: &TestApp, name: &str) -> Value {
    let pair = app.logged_in(name);
    app.execute(&format!("update users set email_verified_at = null, verified_email = null where username = '{name}'"));
    pair
}

fn an_address_that_an_administrator_sets_is_verified(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let admin = {
        app.create_user("root", &["admin"]);
        app.login("root", PASSWORD).ok()
    };
    let new = json!({"username": "grace", "password": PASSWORD, "email": "grace@example.com"});
    let created = app.ask_as("POST", "/v1/admin/users", &admin, Some(&new)).json();
    assert_eq!(created["email_verified"], true);
    let path = format!("/v1/admin/users/{}", created["id"].as_str().unwrap());
    let set = |email: Value| app.ask_as("PATCH", &path, &admin, Some(&json!({"email": email}))).ok();
    mails.take(&app);
    assert_eq!(set(json!("hopper@example.com"))["email_verified"], true);
    let told: Vec<_> = mails.take(&app).into_iter().map(|mail| mail.to).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|to| to.contains("grace@")) && told.iter().any(|to| to.contains("hopper@")), "{told:?}");
    // The same address once more, of an account whose address was not.
    app.execute("update users set email_verified_at = null, verified_email = null where username = 'grace'");
    assert_eq!(set(json!("hopper@example.com"))["email_verified"], true);
    assert_eq!(set(json!(null))["email_verified"], false);
}

fn addresses_of_before_are_not_verified_until_their_users_confirm_them(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = unverified(&app, "ada");
    assert_eq!(address(&app, &pair), (json!("ada@example.com"), json!(false)));
    send(&app, &pair);
    let mail = mails.only(&app);
    confirm(&app, &pair, &json!({"code": mail.code()})).ok();
    assert_eq!(address(&app, &pair), (json!("ada@example.com"), json!(true)));
    // Nothing was changed, so no mail tells of a change.
    assert_eq!(mails.take(&app).len(), 0);
    ask(&app, "ada@example.com");
    mails.only(&app);
}

fn a_user_confirms_an_address_by_code_or_link(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = unverified(&app, "ada");
    send(&app, &pair);
    let mail = mails.only(&app);
    assert!(mail.to.contains("ada@example.com") && mail.subject.contains("Confirm your e-mail address"), "{mail:?}");
    let (_, token) = mail.link("email-verification");
    for wrong in [json!({"code": "00000000"}), json!({"token": "x"}), json!({"code": token})] {
        confirm(&app, &pair, &wrong).problem(401, "bad_mail_token");
    }
    confirm(&app, &pair, &json!({})).problem(400, "malformed_json");
    let account = confirm(&app, &pair, &json!({"token": token})).ok();
    assert_eq!(account["email_verified"], true);
    for used in [json!({"token": token}), json!({"code": mail.code()})] {
        confirm(&app, &pair, &used).problem(401, "bad_mail_token");
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'address_verified'"), 1);
    send(&app, &pair);
    let late = mails.only(&app);
    app.advance(1_800);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    confirm(&app, &pair, &json!({"code": late.code()})).problem(401, "bad_mail_token");
}

fn a_link_is_followed_by_a_button_without_being_logged_in(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = unverified(&app, "ada");
    send(&app, &pair);
    let (path, _) = mails.only(&app).link("email-verification");
    let browser = app.browser();
    for _ in 0..3 {
        let page = browser.open(&path);
        page.shows(200, "Confirm your e-mail address");
        assert!(page.text().contains("Is ada@example.com yours?"), "{page:?}");
        assert!(page.text().contains("the account ada"), "{page:?}");
    }
    assert_eq!(address(&app, &pair).1, false, "a scanner follows links, too");
    let forged = browser.post_from("cross-site", &path, &[]);
    assert_eq!(forged.status, 403, "{forged:?}");
    assert_eq!(address(&app, &pair).1, false);
    browser.post(&path, &[("", "")]).shows(200, "The address is confirmed");
    assert_eq!(address(&app, &pair).1, true);
    browser.post(&path, &[("", "")]).shows(403, "This link does not work");
    browser.open(&path).shows(403, "This link does not work");
}

fn only_the_user_of_a_mail_confirms_with_it(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let (ada, bob) = (unverified(&app, "ada"), unverified(&app, "bob"));
    send(&app, &ada);
    let mail = mails.only(&app);
    for body in [json!({"code": mail.code()}), json!({"token": mail.link("email-verification").1})] {
        confirm(&app, &bob, &body).problem(401, "bad_mail_token");
    }
    assert_eq!((address(&app, &ada).1, address(&app, &bob).1), (json!(false), json!(false)));
    confirm(&app, &ada, &json!({"code": mail.code()})).ok();
}

fn a_new_address_is_in_force_when_it_is_confirmed_and_both_are_told(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    let answer = change(&app, &pair, &json!("ada@example.org")).ok();
    assert_eq!((&answer["email"], &answer["email_verified"]), (&json!("ada@example.com"), &json!(true)));
    let mail = mails.only(&app);
    assert!(mail.to.contains("ada@example.org"), "{mail:?}");
    // Until then a reset goes to the old one.
    ask(&app, "ada@example.org");
    assert_eq!(mails.take(&app).len(), 0);
    ask(&app, "ada@example.com");
    let reset = mails.only(&app).reset_token();
    let account = confirm(&app, &pair, &json!({"code": mail.code()})).ok();
    assert_eq!((&account["email"], &account["email_verified"]), (&json!("ada@example.org"), &json!(true)));
    let mut told: Vec<_> = mails.take(&app).into_iter().map(|mail| (mail.to, mail.subject)).collect();
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].0.contains("ada@example.com") && told[1].0.contains("ada@example.org"), "{told:?}");
    assert!(told[0].1.contains("Your e-mail address was changed"), "{told:?}");
    // What was sent to the old one is void.
    let body = json!({"token": reset, "new_password": "a river of seventeen green lanterns"});
    app.post("/v1/password-resets/confirm", &body).problem(401, "bad_mail_token");
    let changed = "select count(*) from audit_events where name = 'profile_changed' and detail = 'email'";
    assert_eq!(app.number(changed), 1);
}

/// Who has stolen a session could otherwise keep the account.
fn a_change_of_the_password_voids_a_change_of_the_address(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    change(&app, &pair, &json!("mallory@example.org")).ok();
    let mail = mails.only(&app);
    let next = json!({"current_password": PASSWORD, "new_password": "a river of seventeen green lanterns"});
    app.ask_as("POST", "/v1/me/password", &pair, Some(&next)).ok();
    confirm(&app, &pair, &json!({"code": mail.code()})).problem(401, "bad_mail_token");
    app.browser().open(&mail.link("email-verification").0).shows(403, "This link does not work");
    assert_eq!(address(&app, &pair), (json!("ada@example.com"), json!(true)));
}

fn an_address_that_is_set_voids_a_change_that_is_not_confirmed(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    let path = format!("/v1/admin/users/{}", pair["user"]["id"].as_str().unwrap());
    change(&app, &pair, &json!("mallory@example.org")).ok();
    let first = mails.only(&app);
    app.ask_as("PATCH", &path, &admin, Some(&json!({"email": "ada@example.net"}))).ok();
    confirm(&app, &pair, &json!({"code": first.code()})).problem(401, "bad_mail_token");
    mails.take(&app);
    // Of two changes the first that is confirmed voids the other one.
    change(&app, &pair, &json!("one@example.org")).ok();
    let one = mails.only(&app);
    change(&app, &pair, &json!("two@example.org")).ok();
    let two = mails.only(&app);
    confirm(&app, &pair, &json!({"code": two.code()})).ok();
    confirm(&app, &pair, &json!({"code": one.code()})).problem(401, "bad_mail_token");
    assert_eq!(address(&app, &pair), (json!("two@example.org"), json!(true)));
}

fn without_mail_a_new_address_is_in_force_and_not_verified(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    // The same one stays verified.
    assert_eq!(change(&app, &pair, &json!("ada@example.com")).ok()["email_verified"], true);
    let account = change(&app, &pair, &json!("ada@example.org")).ok();
    assert_eq!((&account["email"], &account["email_verified"]), (&json!("ada@example.org"), &json!(false)));
    app.login("ada@example.org", PASSWORD).problem(401, "bad_credentials");
    app.login("ada@example.com", PASSWORD).problem(401, "bad_credentials");
}

fn an_address_may_be_removed(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    let account = change(&app, &pair, &json!(null)).ok();
    assert_eq!((&account["email"], &account["email_verified"]), (&json!(null), &json!(false)));
    assert!(mails.only(&app).to.contains("ada@example.com"), "the old one is told");
    app.ask_as("POST", VERIFICATION, &pair, None).problem(409, "email_missing");
}

fn a_new_address_needs_a_recent_password(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    app.advance(601);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    change(&app, &pair, &json!("ada@example.org")).problem(401, "reauthentication_required");
    assert_eq!(mails.take(&app).len(), 0);
}

fn an_address_that_another_account_has_verified_is_refused(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("ada", &[]);
    let bob = app.logged_in("bob");
    change(&app, &bob, &json!("ADA@example.com")).ok();
    let mail = mails.only(&app);
    confirm(&app, &bob, &json!({"code": mail.code()})).problem(409, "email_taken");
    assert_eq!(address(&app, &bob), (json!("bob@example.com"), json!(true)));
    app.browser().post(&mail.link("email-verification").0, &[("", "")]).shows(409, "This link does not work");
    app.login("ada@example.com", PASSWORD).ok();
}

fn five_wrong_codes_are_enough(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = unverified(&app, "ada");
    send(&app, &pair);
    let mail = mails.only(&app);
    for _ in 0..5 {
        confirm(&app, &pair, &json!({"code": "12345678"})).problem(401, "bad_mail_token");
    }
    confirm(&app, &pair, &json!({"code": mail.code()})).problem(429, "too_many_failures");
    // The link cannot be guessed.
    confirm(&app, &pair, &json!({"token": mail.link("email-verification").1})).ok();
}

fn three_mails_are_sent_at_once_for_an_account_and_for_an_address(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let (ada, bob) = (app.logged_in("ada"), app.logged_in("bob"));
    // To one address, by whoever.
    for pair in [&ada, &bob, &ada] {
        change(&app, pair, &json!("victim@example.org")).ok();
    }
    change(&app, &bob, &json!("victim@example.org")).problem(429, "too_many_mails");
    assert_eq!(
        app.post("/v1/password-resets", &json!({"email": "Victim@example.org"})).status,
        202,
        "resets are counted apart"
    );
    // By one account, to whomever.
    change(&app, &ada, &json!("another@example.org")).ok();
    let limited = change(&app, &ada, &json!("third@example.org"));
    limited.problem(429, "too_many_mails");
    assert_eq!(limited.header("retry-after"), "1200");
    assert_eq!(mails.take(&app).len(), 4);
    assert_eq!(address(&app, &ada).0, "ada@example.com");
}

fn a_verified_address_logs_in_and_another_does_not(engine: Engine) {
    let app = TestApp::start_with(engine, &[("BASIC_AUTH", "on")]);
    app.create_user("ada", &[]);
    unverified(&app, "bob");
    app.login("Ada@EXAMPLE.com", PASSWORD).ok();
    app.login("ada@example.com", "not the password").problem(401, "bad_credentials");
    app.login("bob@example.com", PASSWORD).problem(401, "bad_credentials");
    app.login("nobody@example.com", PASSWORD).problem(401, "bad_credentials");
    // ada@example.com:correct horse battery staple
    let basic = "Basic YWRhQGV4YW1wbGUuY29tOmNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU=";
    app.ask("POST", "/v1/tokens", basic, None).ok();
    let browser = app.browser();
    let page = browser.open("/login?return_to=/notes");
    let form = page.form_with("username");
    let fields = [("username", "ada@example.com"), ("password", PASSWORD)];
    let answer = browser.post_from("same-origin", &form.action, &fields);
    assert_eq!((answer.status, answer.header("location")), (303, "/notes"), "{answer:?}");
    // As an older instance leaves it that has changed the address.
    app.execute("update users set email = 'other@example.com' where username = 'ada'");
    for email in ["ada@example.com", "other@example.com"] {
        app.login(email, PASSWORD).problem(401, "bad_credentials");
    }
}

fn a_username_comes_before_an_address(engine: Engine) {
    let app = TestApp::start(engine);
    let named = app.create_user("ada@example.com", &[]);
    app.create_user("ada", &[]);
    let pair = app.login("ada@example.com", PASSWORD).ok();
    assert_eq!(app.me(&pair).ok()["id"], named.id.to_string());
}

fn a_user_may_choose_a_username_like_an_address_only_if_it_is_their_own_verified_one(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let bob = app.logged_in("bob");
    let rename = |name: &str| app.ask_as("PATCH", "/v1/me/profile", &bob, Some(&json!({"username": name})));
    let refused = |name: &str| {
        let problem = rename(name).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["code"], "not_your_address", "{problem}");
    };
    for name in ["ADA@example.com", "nobody@example.com", "nobody\u{ff20}example.com", "nobody\u{fe6b}example.com", "@"]
    {
        refused(name);
    }
    for own in ["bob@example.com", "BOB@Example.com", "\u{ff42}ob\u{ff20}example.com"] {
        assert_eq!(rename(own).ok()["username"], "bob@example.com");
        rename("bob").ok();
    }
    app.execute("update users set email_verified_at = null, verified_email = null where username = 'bob'");
    refused("bob@example.com");
    assert_eq!(app.number("select count(*) from users where username like '%@%'"), 0);
}

fn an_administrator_may_set_any_username_but_the_verified_address_of_somebody_else(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    app.create_user("ada", &[]);
    let bob = app.create_user("bob", &[]);
    let path = format!("/v1/admin/users/{}", bob.id);
    let rename = |name: &str| app.ask_as("PATCH", &path, &admin, Some(&json!({"username": name})));
    for taken in ["ada@example.com", "ADA@example.com", "\u{ff41}da\u{ff20}EXAMPLE.com"] {
        rename(taken).problem(409, "username_taken");
        let new = json!({"username": taken, "password": PASSWORD});
        app.ask_as("POST", "/v1/admin/users", &admin, Some(&new)).problem(409, "username_taken");
    }
    rename("nobody@example.com").ok();
}

/// The other order: the username is there first.
fn an_address_that_is_the_username_of_somebody_else_is_not_confirmed(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    app.create_user("root", &["admin"]);
    let bob = app.create_user("bob@work.example", &[]);
    let pair = app.logged_in("ada");
    for spelling in ["bob@work.example", "BOB@work.example", "Bob@\u{ff37}ork.example"] {
        change(&app, &pair, &json!(spelling)).ok();
        let code = mails.only(&app).code();
        confirm(&app, &pair, &json!({"code": code})).problem(409, "email_taken");
    }
    assert_eq!(address(&app, &pair), (json!("ada@example.com"), json!(true)));
    let theirs = app.login("bob@work.example", PASSWORD).ok();
    assert_eq!(app.me(&theirs).ok()["id"], bob.id.to_string());
    // The administrator renames that account.
    let admin = app.login("root", PASSWORD).ok();
    let path = format!("/v1/admin/users/{}", bob.id);
    app.ask_as("PATCH", &path, &admin, Some(&json!({"username": "bob"}))).ok();
    app.advance(1_200);
    let pair = app.login("ada", PASSWORD).ok();
    change(&app, &pair, &json!("bob@work.example")).ok();
    confirm(&app, &pair, &json!({"code": mails.only(&app).code()})).ok();
}

fn a_username_that_is_the_address_changes_with_it_and_leaves_the_old_one_to_others(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let ada = app.logged_in("ada");
    app.ask_as("PATCH", "/v1/me/profile", &ada, Some(&json!({"username": "ada@example.com"}))).ok();
    change(&app, &ada, &json!("Ada@example.org")).ok();
    let changed = confirm(&app, &ada, &json!({"code": mails.only(&app).code()})).ok();
    assert_eq!((&changed["username"], &changed["email"]), (&json!("ada@example.org"), &json!("Ada@example.org")));
    let events = "select count(*) from audit_events where name = 'profile_changed' and detail = 'username email'";
    assert_eq!(app.number(events), 1);
    app.login("ada@example.org", PASSWORD).ok();
    app.login("ada@example.com", PASSWORD).problem(401, "bad_credentials");
    mails.take(&app);
    // Somebody else has the old one now.
    let bob = app.logged_in("bob");
    change(&app, &bob, &json!("ada@example.com")).ok();
    confirm(&app, &bob, &json!({"code": mails.only(&app).code()})).ok();
    assert_eq!(app.login("ada@example.com", PASSWORD).ok()["user"]["username"], "bob");
}

fn an_address_of_two_lines_is_refused_everywhere(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    for bad in ["ada@example.com\r\nBcc: eve@example.com", "ada\n@example.com", "ada@example.com\r"] {
        let is_trimmed = bad.trim() == "ada@example.com";
        let refused = change(&app, &admin, &json!(bad));
        let new = json!({"username": "grace", "password": PASSWORD, "email": bad});
        let created = app.ask_as("POST", "/v1/admin/users", &admin, Some(&new));
        assert_eq!((refused.status, created.status), if is_trimmed { (200, 201) } else { (400, 400) }, "{bad:?}");
    }
    assert_eq!(app.number("select count(*) from users where email like '%\n%' or email like '%\r%'"), 0);
}

fn of_two_that_confirm_at_once_one_does(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = unverified(&app, "ada");
    send(&app, &pair);
    let token = mails.only(&app).link("email-verification").1;
    let barrier = Arc::new(Barrier::new(2));
    let threads = [0, 1].map(|_| {
        let (client, barrier, pair, token) = (app.another_client(), Arc::clone(&barrier), pair.clone(), token.clone());
        std::thread::spawn(move || {
            barrier.wait();
            let body = json!({"token": token});
            client.ask_as("POST", "/v1/me/email/verification/confirm", &pair, Some(&body)).status
        })
    });
    let mut statuses = threads.map(|thread| thread.join().unwrap());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

/// Who of two accounts that confirm one address at the same moment is not refused.
fn of_two_accounts_that_confirm_one_address_at_once_one_does(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let tokens = ["ada", "bob"].map(|name| {
        let pair = app.logged_in(name);
        change(&app, &pair, &json!("shared@example.com")).ok();
        (pair, mails.only(&app).link("email-verification").1)
    });
    // On PostgreSQL both have read before one may write.
    let mut held = (engine == Engine::Postgres).then(|| PgConnection::establish(&app.database_url).unwrap());
    if let Some(held) = &mut held {
        held.batch_execute("begin; lock table users in share mode").unwrap();
    }
    let threads = tokens.map(|(pair, token)| {
        let client = app.another_client();
        std::thread::spawn(move || {
            let body = json!({"token": token});
            client.ask_as("POST", "/v1/me/email/verification/confirm", &pair, Some(&body)).status
        })
    });
    if let Some(held) = &mut held {
        let waiting = "select count(*) from pg_locks join pg_database on pg_database.oid = database \
                       where datname = current_database() and not granted";
        wait_until("both wait", || app.number(waiting) == 2);
        held.batch_execute("commit").unwrap();
    }
    let mut statuses = threads.map(|thread| thread.join().unwrap());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(app.number("select count(*) from users where verified_email = 'shared@example.com'"), 1);
}

fn an_address_that_waits_is_in_the_profile(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = app.logged_in("ada");
    let pending = || app.ask_as("GET", "/v1/me/profile", &pair, None).ok()["pending_email"].clone();
    assert_eq!(pending(), json!(null));
    assert_eq!(change(&app, &pair, &json!("ada@work.example")).ok()["pending_email"], "ada@work.example");
    mails.take(&app);
    app.advance(1);
    change(&app, &pair, &json!("ada@home.example")).ok();
    assert_eq!(pending(), "ada@home.example");
    confirm(&app, &pair, &json!({"code": mails.only(&app).code()})).ok();
    assert_eq!((pending(), address(&app, &pair).0), (json!(null), json!("ada@home.example")));
    change(&app, &pair, &json!("ada@work.example")).ok();
    app.execute("update mail_tokens set expires_at = 1");
    assert_eq!(pending(), json!(null));
}

fn administrators_see_which_addresses_are_verified(engine: Engine) {
    let (app, mails) = start(engine, &[]);
    let pair = unverified(&app, "ada");
    send(&app, &pair);
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    let said = || {
        let users = app.ask_as("GET", "/v1/admin/users?search=ada", &admin, None).ok();
        users["users"][0]["email_verified"].clone()
    };
    assert_eq!(said(), false);
    confirm(&app, &pair, &json!({"code": mails.only(&app).code()})).ok();
    assert_eq!(said(), true);
}
