//! Guessed passwords, one after the other or all at once, and honest logins among them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::rt::System;
use serde_json::{Value, json};
use tokensmith::internals::config::Argon2Cost;
use tokensmith::internals::engine::limiter::{Account, Attempt, Charge, PASSWORD as PASSWORDS};
use tokensmith::internals::entropy::SeededEntropy;
use tokensmith::internals::model::id::UserId;
use tokensmith::internals::password::{Hasher, Password, Place, Priority};
use tokensmith::internals::secret::Secret;

use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

both_engines!(
    a_hundred_and_twenty_guesses_at_once_get_no_further_than_ten,
    right_passwords_at_once_all_pass,
    right_passwords_pass_among_wrong_ones,
    guesses_at_all_endpoints_are_counted_together,
    guesses_at_a_name_that_looks_like_an_id_are_not_counted_for_its_account,
    an_unknown_name_is_limited_like_a_known_one,
    passwords_that_could_not_be_checked_are_not_counted,
    logins_that_wait_for_one_account_do_not_hold_up_others,
    strangers_cannot_take_the_places_of_those_who_are_known,
    of_an_account_with_more_than_a_thousand_sessions_the_newest_addresses_are_known,
    a_wrong_password_for_an_older_cheaper_hash_is_as_much_work_as_an_unknown_name,
);

const PROXY: [(&str, &str); 1] = [("TRUSTED_PROXIES", "127.0.0.1")];
const WRONG: &str = "not the password";

fn login_from(client: &Client, ip: &str, username: &str, password: &str) -> Answer {
    let body = json!({"username": username, "password": password}).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", ip)];
    client.send("POST", "/v1/tokens", &headers, body.as_bytes())
}

/// Logs in with all of these at once, each over a connection of its own.
fn all_at_once<'a>(app: &TestApp, username: &str, passwords: impl IntoIterator<Item = &'a str>) -> Vec<Answer> {
    let logins = passwords.into_iter().map(|password| {
        let (client, username, password) = (app.another_client(), username.to_owned(), password.to_owned());
        std::thread::spawn(move || client.login(&username, &password))
    });
    let logins: Vec<_> = logins.collect();
    logins.into_iter().map(|login| login.join().unwrap()).collect()
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Gives all users a hash as another configuration would have made it.
fn store_old_hash(app: &TestApp) {
    store_hash(app, Argon2Cost { memory_kib: 128, iterations: 1, threads: 1, budget_kib: 8_192 });
}

fn store_hash(app: &TestApp, cost: Argon2Cost) {
    let hasher = Hasher::start(cost, Arc::new(SeededEntropy::new(9)), Arc::default()).unwrap();
    let hash = hasher.hash(&Password::new(&Secret::new(PASSWORD.to_owned())).unwrap()).unwrap();
    app.execute(&format!("update users set password_hash = '{hash}'"));
}

/// The whole allowance for an account from this machine, as if so many attempts were being looked at.
pub fn take_the_allowance(app: &TestApp, id: UserId) -> Vec<Charge> {
    let attempt = Attempt::new(&PASSWORDS, Some(&Account::Known(id)), Some("127.0.0.1"));
    let take = async {
        let mut taken = Vec::new();
        for _ in 0..10 {
            taken.push(app.inside.limiter.admit(&attempt).await.unwrap().unwrap());
        }
        taken
    };
    System::new().block_on(take)
}

/// All places that are not reserved for known users.
fn take_usual_places(app: &TestApp) -> Vec<Place> {
    std::iter::from_fn(|| app.inside.hasher.place(Priority::Usual).ok()).collect()
}

fn a_hundred_and_twenty_guesses_at_once_get_no_further_than_ten(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let mut evaluated = app.inside.hasher.hashed();
    for (expected, seconds) in [(10, 40), (1, 300), (10, 0)] {
        let answers = all_at_once(&app, "ada", [WRONG; 120]);
        assert_eq!((count(&answers, 401), count(&answers, 429)), (expected, 120 - expected));
        assert_eq!(app.inside.hasher.hashed() - evaluated, expected as u64);
        for refused in answers.iter().filter(|answer| answer.status == 429) {
            refused.problem(429, "too_many_failures");
            assert!((1..=30).contains(&refused.header("retry-after").parse::<i64>().unwrap()), "{refused:?}");
        }
        evaluated = app.inside.hasher.hashed();
        app.advance(seconds);
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'login_failed'"), 21);
}

/// Also when the hash is renewed by each of them.
fn right_passwords_at_once_all_pass(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    store_old_hash(&app);
    assert_eq!(count(&all_at_once(&app, "ada", [PASSWORD; 20]), 200), 20);
    assert_eq!(app.number("select count(*) from users where password_hash like '%m=64,t=1,p=1%'"), 1);
    assert_eq!(count(&all_at_once(&app, "ada", [PASSWORD; 60]), 200), 60);
    assert_eq!(app.number("select count(*) from sessions"), 80);
    // None of them was counted.
    assert_eq!(count(&all_at_once(&app, "ada", [WRONG; 12]), 401), 10);
}

fn right_passwords_pass_among_wrong_ones(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let mixed = (0..30).map(|n| if n % 5 == 0 { WRONG } else { PASSWORD });
    let answers = all_at_once(&app, "ada", mixed);
    assert_eq!((count(&answers, 200), count(&answers, 401)), (24, 6));
    assert_eq!(count(&all_at_once(&app, "ada", [WRONG; 12]), 401), 4, "what is left of the allowance");
    app.login("ada", PASSWORD).problem(429, "too_many_failures");
}

/// A login, HTTP Basic, proving the password again and changing it: all are ways to guess.
fn guesses_at_all_endpoints_are_counted_together(engine: Engine) {
    let app = TestApp::start_with(engine, &[("BASIC_AUTH", "on")]);
    let pair = app.logged_in("ada");
    let prove =
        |password: &str| app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&json!({"password": password})));
    let change = |password: &str| {
        let body = json!({"current_password": password, "new_password": "a river of seventeen green lanterns"});
        app.ask_as("POST", "/v1/me/password", &pair, Some(&body))
    };
    // ada:not the password
    let basic = || app.ask("POST", "/v1/tokens", "Basic YWRhOm5vdCB0aGUgcGFzc3dvcmQ=", None);
    for _ in 0..2 {
        app.login("ada", WRONG).problem(401, "bad_credentials");
        app.login(" ADA", WRONG).problem(401, "bad_credentials");
        basic().problem(401, "bad_credentials");
        prove(WRONG).problem(403, "wrong_password");
        change(WRONG).problem(403, "wrong_password");
    }
    let hashed = app.inside.hasher.hashed();
    for refused in [app.login("ada", PASSWORD), basic(), prove(PASSWORD), change(PASSWORD)] {
        refused.problem(429, "too_many_failures");
        assert_eq!(refused.header("retry-after"), "30");
    }
    assert_eq!(app.inside.hasher.hashed(), hashed);
}

fn guesses_at_a_name_that_looks_like_an_id_are_not_counted_for_its_account(engine: Engine) {
    let app = TestApp::start(engine);
    let ada = app.create_user("ada", &[]);
    let name = ada.id.to_string();
    assert_eq!(count(&all_at_once(&app, &name, [WRONG; 12]), 401), 10);
    app.login("ada", PASSWORD).ok();
    // Nor the other way round, when a user has such a name.
    let eve = app.create_user(&name, &[]);
    assert_eq!(count(&all_at_once(&app, "ada", [WRONG; 12]), 401), 10);
    assert_eq!(app.login(&name, PASSWORD).ok()["user"]["id"], eve.id.to_string());
}

fn an_unknown_name_is_limited_like_a_known_one(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("straße", &[]);
    let mut seen = Vec::new();
    for names in [["STRASSE", "straße", "Strasse"], ["GASSE", "gaſſe", "Gasse"]] {
        let answers: Vec<Answer> = names.iter().cycle().take(12).map(|name| app.login(name, WRONG)).collect();
        let told = |answer: &Answer| {
            let names = answer.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
            (answer.status, answer.header("retry-after").to_owned(), names, answer.json()["detail"].clone())
        };
        seen.push(answers.iter().map(told).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].iter().filter(|(status, ..)| *status == 401).count(), 10);
}

fn passwords_that_could_not_be_checked_are_not_counted(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let places = take_usual_places(&app);
    for _ in 0..15 {
        let busy = app.login("ada", WRONG);
        busy.problem(503, "overloaded");
        assert_eq!(busy.header("retry-after"), "5");
    }
    drop(places);
    // First the password cannot be looked up, then what it has proved cannot be recorded.
    for table in ["users", "sessions"] {
        app.execute(&format!("alter table {table} rename to elsewhere"));
        for _ in 0..15 {
            let failed = app.login("ada", PASSWORD);
            assert!(failed.status >= 500, "{failed:?}");
        }
        app.execute(&format!("alter table elsewhere rename to {table}"));
    }
    for _ in 0..9 {
        app.login("ada", WRONG).problem(401, "bad_credentials");
    }
    app.login("ada", PASSWORD).ok();
    app.login("ada", WRONG).problem(401, "bad_credentials");
    app.login("ada", PASSWORD).problem(429, "too_many_failures");
}

fn logins_that_wait_for_one_account_do_not_hold_up_others(engine: Engine) {
    let app = TestApp::start(engine);
    let ada = app.create_user("ada", &[]);
    app.create_user("bob", &[]);
    let taken = take_the_allowance(&app, ada.id);
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let client = app.another_client();
            std::thread::spawn(move || client.login("ada", PASSWORD))
        })
        .collect();
    let started_at = Instant::now();
    for _ in 0..20 {
        app.login("bob", PASSWORD).ok();
    }
    app.login("bob", WRONG).problem(401, "bad_credentials");
    assert!(waiting.iter().all(|login| !login.is_finished()) || started_at.elapsed() > Duration::from_secs(12));
    assert_eq!(app.inside.hasher.count_under_way(), 0, "waiting holds no place");
    drop(taken);
    let answers: Vec<Answer> = waiting.into_iter().map(|login| login.join().unwrap()).collect();
    assert!(count(&answers, 200) == 100 || started_at.elapsed() > Duration::from_secs(12), "{answers:?}");
}

fn strangers_cannot_take_the_places_of_those_who_are_known(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let home = |n: usize| format!("192.0.2.{n}");
    let names: Vec<String> = (0..16).map(|n| format!("user{n}")).collect();
    let pairs: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            app.create_user(name, &["admin"]);
            login_from(&app, &home(n), name, PASSWORD).ok()
        })
        .collect();
    let _strangers = take_usual_places(&app);
    for (n, name) in names.iter().enumerate() {
        login_from(&app, "198.51.100.1", name, PASSWORD).problem(503, "overloaded");
        login_from(&app, "198.51.100.1", "nobody", PASSWORD).problem(503, "overloaded");
        login_from(&app, &home(n), name, PASSWORD).ok();
        login_from(&app, &home(n), name, WRONG).problem(401, "bad_credentials");
    }
    // Logged-in users are known, too.
    let pair = &pairs[0];
    app.ask_as("POST", "/v1/me/reauthenticate", pair, Some(&json!({"password": PASSWORD}))).ok();
    let body = json!({"username": "grace", "password": PASSWORD});
    let made = app.ask_as("POST", "/v1/admin/users", pair, Some(&body));
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/v1/admin/users/{}/password", made.json()["id"].as_str().unwrap());
    app.ask_as("POST", &path, pair, Some(&json!({"password": "a river of seventeen green lanterns"}))).ok();
    let body = json!({"current_password": PASSWORD, "new_password": "a river of seventeen green lanterns"});
    app.ask_as("POST", "/v1/me/password", pair, Some(&body)).ok();
    // They cannot get more than all places.
    let _known: Vec<Place> = std::iter::from_fn(|| app.inside.hasher.place(Priority::First).ok()).collect();
    login_from(&app, &home(1), "user1", PASSWORD).problem(503, "overloaded");
}

fn of_an_account_with_more_than_a_thousand_sessions_the_newest_addresses_are_known(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    app.create_user("ada", &[]);
    let (numbers, id, series) = match engine {
        Engine::Sqlite => (
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)",
            "unhex(printf('%032x', i))",
            "n",
        ),
        Engine::Postgres => ("", "lpad(to_hex(i), 32, '0')::uuid", "generate_series(1, 1000) as s(i)"),
    };
    // One from the first address, and 999 from the second. Their ids are older than any that is made.
    app.execute(&format!(
        "insert into sessions (id, user_id, ip, created_at, expires_at, denied_through, rotated_at, refresh_expires_at, \
         access_expires_by) {numbers} select {id}, (select id from users), \
         case when i = 1 then '192.0.2.1' else '192.0.2.2' end, 0, 2000000000, 0, 0, 2000000000, 300 from {series}"
    ));
    login_from(&app, "192.0.2.1", "ada", WRONG).problem(401, "bad_credentials");
    login_from(&app, "192.0.2.3", "ada", PASSWORD).ok();
    for host in 0..100 {
        login_from(&app, &format!("203.0.113.{host}"), "ada", WRONG);
    }
    login_from(&app, "192.0.2.1", "ada", PASSWORD).problem(429, "too_many_failures");
    login_from(&app, "192.0.2.2", "ada", PASSWORD).ok();
    login_from(&app, "192.0.2.3", "ada", PASSWORD).ok();
    // The server of an application is no place of hers.
    app.execute("update sessions set client_id = 'notes' where ip = '192.0.2.2'");
    login_from(&app, "192.0.2.2", "ada", PASSWORD).problem(429, "too_many_failures");
    login_from(&app, "192.0.2.3", "ada", PASSWORD).ok();
}

fn a_wrong_password_for_an_older_cheaper_hash_is_as_much_work_as_an_unknown_name(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let work = |username: &str| {
        let before = app.inside.hasher.worked();
        app.login(username, WRONG).problem(401, "bad_credentials");
        app.inside.hasher.worked() - before
    };
    let today = work("ada");
    assert!(today > 0);
    assert_eq!(work("nobody"), today);
    let cheaper = Argon2Cost { memory_kib: 16, iterations: 1, threads: 1, budget_kib: 8_192 };
    store_hash(&app, cheaper);
    assert_eq!(work("ada"), today);
    app.login("ada", PASSWORD).ok();
    assert_eq!(work("ada"), today, "it is a hash of today now");
}
