//! Guessed one-time codes: few are looked at, however many addresses and instances they come by, and the owner gets in.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::totp::{Enrolled, code, enrol, go_on_from};
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

both_engines!(
    of_codes_from_two_hundred_addresses_by_two_instances_five_are_looked_at_in_five_minutes,
    a_known_address_has_five_codes_of_its_own,
    an_address_from_which_only_the_password_was_given_is_not_known,
    the_address_from_which_an_app_was_confirmed_is_known,
    right_passwords_are_given_back_whether_or_not_the_code_follows,
    after_a_hundred_wrong_codes_in_a_row_only_known_addresses_and_recovery_codes_work,
);

const PROXY: [(&str, &str); 1] = [("TRUSTED_PROXIES", "127.0.0.1")];
const HOME: &str = "192.0.2.1";

fn login_from(client: &Client, ip: &str) -> Answer {
    let body = json!({"username": "ada", "password": PASSWORD}).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", ip)];
    client.send("POST", "/v1/tokens", &headers, body.as_bytes())
}

fn challenge_from(client: &Client, ip: &str) -> String {
    let problem = login_from(client, ip).problem(401, "second_factor_required");
    problem["challenge"].as_str().unwrap().to_owned()
}

/// A user with an app, who has logged in with it at home.
fn at_home(app: &TestApp) -> Enrolled {
    app.create_user("ada", &[]);
    let pair: Value = login_from(app, HOME).ok();
    let (secret, recovery_codes) = enrol(app, &pair);
    app.advance(60);
    go_on_from(app, HOME, &challenge_from(app, HOME), &code(app, &secret)).ok();
    app.advance(60);
    Enrolled { pair, secret, recovery_codes }
}

/// One that is not right at this time.
fn wrong(app: &TestApp, secret: &str) -> String {
    let right = code(app, secret);
    let digit = if right.starts_with('0') { "1" } else { "0" };
    format!("{digit}{}", &right[1..])
}

/// Guesses from so many addresses by all instances at once; returns how many were looked at. The others are refused.
fn guesses(instances: &[&TestApp], secret: &str, (addresses, each): (usize, usize)) -> usize {
    let looked_at = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (at, instance) in instances.iter().enumerate() {
            for worker in 0..4 {
                let (client, looked_at) = (instance.another_client(), &looked_at);
                let (challenge, wrong) = (challenge_from(&client, "198.51.100.250"), wrong(instance, secret));
                scope.spawn(move || {
                    let from = (0..addresses).filter(|address| address % (4 * instances.len()) == at * 4 + worker);
                    for address in from {
                        for _ in 0..each {
                            let ip = format!("203.0.113.{address}");
                            let answer = go_on_from(&client, &ip, &challenge, &wrong);
                            if answer.status == 401 {
                                answer.problem(401, "wrong_otp");
                                looked_at.fetch_add(1, Ordering::SeqCst);
                                continue;
                            }
                            answer.problem(429, "too_many_failures");
                            let wait: i64 = answer.header("retry-after").parse().unwrap();
                            assert!((1..=300).contains(&wait), "{wait}");
                        }
                    }
                });
            }
        }
    });
    looked_at.into_inner()
}

fn of_codes_from_two_hundred_addresses_by_two_instances_five_are_looked_at_in_five_minutes(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = at_home(&app);
    let other = app.another_instance(0, &PROXY);
    assert_eq!(guesses(&[&app, &other], &secret, (200, 50)), 5, "of ten thousand");
    // Within the same five minutes the owner gets in from home.
    app.advance(30);
    other.advance(30);
    go_on_from(&other, HOME, &challenge_from(&other, HOME), &code(&app, &secret)).ok();
    app.advance(269);
    other.advance(269);
    assert_eq!(guesses(&[&app, &other], &secret, (8, 1)), 0);
    app.advance(1);
    other.advance(1);
    assert_eq!(guesses(&[&app, &other], &secret, (8, 1)), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'second_factor_failed'"), 6);
}

fn a_known_address_has_five_codes_of_its_own(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = at_home(&app);
    assert_eq!(guesses(&[&app], &secret, (20, 1)), 5);
    let (waiting, wrong) = (challenge_from(&app, HOME), wrong(&app, &secret));
    for _ in 0..5 {
        go_on_from(&app, HOME, &waiting, &wrong).problem(401, "wrong_otp");
    }
    go_on_from(&app, HOME, &waiting, &code(&app, &secret)).problem(429, "too_many_failures");
    // Recovery codes are counted on their own.
    app.advance(299);
    go_on_from(&app, HOME, &challenge_from(&app, HOME), &code(&app, &secret)).problem(429, "too_many_failures");
    app.advance(1);
    go_on_from(&app, HOME, &challenge_from(&app, HOME), &code(&app, &secret)).ok();
}

fn an_address_from_which_only_the_password_was_given_is_not_known(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    app.create_user("ada", &[]);
    // Somebody who knows the password, before there is an app.
    for address in 0..20 {
        login_from(&app, &format!("203.0.113.{address}")).ok();
    }
    let (secret, _) = enrol(&app, &login_from(&app, HOME).ok());
    app.advance(60);
    assert_eq!(guesses(&[&app], &secret, (20, 1)), 5);
}

fn the_address_from_which_an_app_was_confirmed_is_known(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    app.create_user("ada", &[]);
    let (secret, _) = enrol(&app, &login_from(&app, HOME).ok());
    app.advance(60);
    assert_eq!(guesses(&[&app], &secret, (20, 1)), 5);
    let waiting = challenge_from(&app, HOME);
    go_on_from(&app, HOME, &waiting, &code(&app, &secret)).ok();
}

fn right_passwords_are_given_back_whether_or_not_the_code_follows(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    at_home(&app);
    for _ in 0..30 {
        challenge_from(&app, "203.0.113.1");
    }
}

fn after_a_hundred_wrong_codes_in_a_row_only_known_addresses_and_recovery_codes_work(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, recovery_codes, .. } = at_home(&app);
    app.execute("update totp_factors set failures = 99");
    assert_eq!(guesses(&[&app], &secret, (1, 1)), 1);
    assert_eq!(app.number("select failures from totp_factors"), 100);
    let away = "203.0.113.77";
    // Even a right one; and it is not used up.
    let waiting = challenge_from(&app, away);
    go_on_from(&app, away, &waiting, &code(&app, &secret)).problem(401, "otp_locked");
    let body = json!({"challenge": waiting, "recovery_code": recovery_codes[0]}).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", "203.0.113.78")];
    app.send("POST", "/v1/tokens/continue", &headers, body.as_bytes()).ok();
    assert_eq!(app.number("select failures from totp_factors"), 100);
    go_on_from(&app, HOME, &challenge_from(&app, HOME), &code(&app, &secret)).ok();
    assert_eq!(app.number("select failures from totp_factors"), 0);
    app.advance(30);
    go_on_from(&app, away, &challenge_from(&app, away), &code(&app, &secret)).ok();
}
