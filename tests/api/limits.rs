//! Guesses at several instances that share a database are counted together, and the counts survive a restart.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use actix_web::rt::System;
use actix_web::rt::time::timeout;
use serde_json::json;
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::engine::limiter::{Account, Allowance, Attempt, Charge, Kind, PASSWORD as PASSWORDS};
use tokensmith::internals::error::Error;
use tokensmith::internals::service::purge;
use tokio::time::Instant as TokioInstant;

use crate::support::process::Tokensmith;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

both_engines!(
    a_hundred_and_twenty_guesses_at_two_instances_get_no_further_than_ten_and_a_restart_forgets_none,
    a_hundred_and_twenty_guesses_at_two_processes_get_no_further_than_ten_and_a_kill_forgets_none,
    right_passwords_at_two_instances_at_once_all_pass,
    however_slow_hashing_is_only_what_has_failed_refuses,
    instances_a_minute_apart_let_in_two_attempts_more_once,
    what_an_outage_kept_from_the_database_is_given_back_after_it,
    an_owner_gets_in_from_a_known_address_while_strangers_flood_every_instance,
    what_one_instance_has_used_up_another_one_refuses_from_memory_once_it_has_asked,
    another_kind_of_secret_has_allowances_of_its_own_at_every_instance,
    an_attempt_whose_client_goes_away_is_given_back,
    expired_counts_are_purged_and_those_of_a_wrong_clock_too,
    a_clock_that_was_ahead_locks_out_no_user,
    when_there_are_too_many_rows_those_who_failed_least_are_forgotten,
);

const WRONG: &str = "not the password";
const PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1");

/// A database and a folder of keys, for instances that come and go.
struct Place {
    dir: TempDir,
    database_url: String,
    started: Cell<u64>,
}

impl Place {
    fn new(engine: Engine) -> Self {
        let dir = TempDir::new().unwrap();
        let database_url = engine.new_database(&dir);
        Self { dir, database_url, started: Cell::default() }
    }

    fn keys(&self) -> String {
        self.dir.path().join("keys").display().to_string()
    }

    /// Each draws other identifiers.
    fn instance(&self) -> TestApp {
        self.started.update(|started| started + 1);
        let (dir, keys) = (TempDir::new().unwrap(), self.keys());
        TestApp::start_seeded(self.started.get(), dir, self.database_url.clone(), &[PROXY, ("KEYS_DIR", &keys)])
    }

    fn two(&self) -> [TestApp; 2] {
        [self.instance(), self.instance()]
    }
}

/// Logs in as ada with all of these at once, at one after the other.
fn all_at_once(bases: &[String], passwords: &[&'static str]) -> Vec<Answer> {
    let login = |(base, password): (&String, &&'static str)| {
        let (client, password) = (Client::new(base), *password);
        thread::spawn(move || client.login("ada", password))
    };
    let logins: Vec<_> = bases.iter().cycle().zip(passwords).map(login).collect();
    let answers: Vec<Answer> = logins.into_iter().map(|login| login.join().unwrap()).collect();
    let known = answers.iter().all(|answer| [200, 401, 429].contains(&answer.status));
    assert!(known, "{answers:?}");
    answers
}

fn login_from(client: &Client, ip: &str, password: &str) -> Answer {
    let body = json!({"username": "ada", "password": password}).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", ip)];
    client.send("POST", "/v1/tokens", &headers, body.as_bytes())
}

fn advance(apps: &[TestApp; 2], seconds: i64) {
    for app in apps {
        app.advance(seconds);
    }
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

fn a_hundred_and_twenty_guesses_at_two_instances_get_no_further_than_ten_and_a_restart_forgets_none(engine: Engine) {
    let place = Place::new(engine);
    let mut apps = place.two();
    apps[0].create_user("ada", &[]);
    for (expected, seconds) in [(10, 0), (0, 0), (1, 30)] {
        advance(&apps, seconds);
        let hashed = |apps: &[TestApp; 2]| apps.iter().map(|app| app.inside.hasher.hashed()).sum::<u64>();
        let before = hashed(&apps);
        let answers = all_at_once(&apps.each_ref().map(|app| app.base()), &[WRONG; 120]);
        assert_eq!((count(&answers, 401), count(&answers, 429)), (expected, 120 - expected));
        assert_eq!(hashed(&apps) - before, expected as u64);
        for refused in answers.iter().filter(|answer| answer.status == 429) {
            assert!((1..=30).contains(&refused.header("retry-after").parse::<i64>().unwrap()), "{refused:?}");
        }
        let now = apps[0].clock.now();
        drop(apps);
        apps = place.two();
        let behind = now - apps[0].clock.now();
        advance(&apps, behind.0);
    }
    apps[1].login("ada", PASSWORD).problem(429, "too_many_failures");
    advance(&apps, 300);
    assert_eq!(count(&all_at_once(&[apps[0].base(), apps[1].base()], &[WRONG; 120]), 401), 10, "the whole allowance");
}

fn a_hundred_and_twenty_guesses_at_two_processes_get_no_further_than_ten_and_a_kill_forgets_none(engine: Engine) {
    let place = Place::new(engine);
    let (url, keys) = (place.database_url.as_str(), place.keys());
    let command = || Tokensmith::new().env("DATABASE_URL", url).env("KEYS_DIR", &keys);
    let commands = [command(), command()];
    let create = ["users", "create", "ada", "--role", "editor", "--password-stdin"];
    assert!(commands[0].run_with_input(&create, PASSWORD).success());
    let started_at = Instant::now();
    let mut evaluated = 0;
    for _ in 0..2 {
        let mut servers = commands.each_ref().map(Tokensmith::serve);
        let answers = all_at_once(&servers.each_ref().map(|server| server.base.clone()), &[WRONG; 120]);
        evaluated += count(&answers, 401) as u64;
        assert_eq!(count(&answers, 401) + count(&answers, 429) + count(&answers, 503), 120);
        // One more each 30 seconds, here as everywhere.
        assert!(evaluated <= 10 + started_at.elapsed().as_secs() / 30, "{evaluated}");
        for server in &mut servers {
            server.kill();
        }
    }
    assert!(evaluated >= 10, "{evaluated}");
}

fn right_passwords_at_two_instances_at_once_all_pass(engine: Engine) {
    let place = Place::new(engine);
    let apps = place.two();
    apps[0].create_user("ada", &[]);
    let bases = apps.each_ref().map(|app| app.base());
    for _ in 0..3 {
        assert_eq!(count(&all_at_once(&bases, &[PASSWORD; 20]), 200), 20);
    }
    assert_eq!(apps[0].number("select count(*) from sessions"), 60);
    // None of them was counted.
    assert_eq!(count(&all_at_once(&bases, &[WRONG; 12]), 401), 10);
}

/// So many attempts at both instances, as if their passwords were being hashed.
fn let_in(apps: &[TestApp; 2], attempt: &Attempt, count: usize) -> Vec<Charge> {
    let admit = async {
        let mut charges = Vec::new();
        for app in apps.iter().cycle().take(count) {
            charges.push(app.inside.limiter.admit(attempt).await.unwrap().unwrap());
        }
        charges
    };
    System::new().block_on(admit)
}

/// What an attempt is told that does not wait for others.
fn told_at_once(app: &TestApp, attempt: &Attempt) -> Result<Result<(), i64>, Error> {
    let told = System::new().block_on(app.inside.limiter.admit_by(attempt, TokioInstant::now()));
    told.map(|told| told.map(drop).map_err(|wait| wait.0))
}

fn however_slow_hashing_is_only_what_has_failed_refuses(engine: Engine) {
    let place = Place::new(engine);
    let apps = place.two();
    let ada = Account::Known(apps[0].create_user("ada", &[]).id);
    let attempt = Attempt::new(&PASSWORDS, Some(&ada), Some("127.0.0.1"));
    let bases = apps.each_ref().map(|app| app.base());
    let third = place.instance();
    // Ten that take longer than anybody waits for them.
    let hashed = let_in(&apps, &attempt, 10);
    for app in [&apps[0], &third, &third] {
        assert!(matches!(told_at_once(app, &attempt), Err(Error::Overloaded { .. })));
    }
    let right = thread::spawn(move || all_at_once(&bases, &[PASSWORD; 20]));
    drop(hashed);
    assert_eq!(count(&right.join().unwrap(), 200), 20);
    third.login("ada", PASSWORD).ok();
    // Ten that were wrong: nobody waits for them once that is known.
    let hashed = let_in(&apps, &attempt, 10);
    let bases = apps.each_ref().map(|app| app.base());
    let wrong = thread::spawn(move || all_at_once(&bases, &[WRONG; 120]));
    hashed.into_iter().for_each(Charge::failed);
    assert_eq!(count(&wrong.join().unwrap(), 429), 120);
    for _ in 0..2 {
        assert!(matches!(told_at_once(&third, &attempt), Ok(Err(30))));
    }
}

fn instances_a_minute_apart_let_in_two_attempts_more_once(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let other = app.another_instance(60, &[]);
    let guess = |app: &TestApp| (0..20).take_while(|_| app.login("ada", WRONG).status == 401).count();
    assert_eq!((guess(&app), guess(&other)), (10, 2));
    // From then on as many as with one clock.
    for _ in 0..10 {
        app.advance(30);
        other.advance(30);
        assert_eq!((guess(&app), guess(&other)), (0, 1));
    }
    app.advance(300);
    other.advance(300);
    assert_eq!((guess(&app), guess(&other)), (8, 2));
}

fn what_an_outage_kept_from_the_database_is_given_back_after_it(engine: Engine) {
    let place = Place::new(engine);
    let apps = place.two();
    let ada = Account::Known(apps[0].create_user("ada", &[]).id);
    let attempt = Attempt::new(&PASSWORDS, Some(&ada), Some("127.0.0.1"));
    let mut hashed = let_in(&apps, &attempt, 10);
    let waiting: Vec<_> = (0..4)
        .map(|n| {
            let client = apps[n % 2].another_client();
            thread::spawn(move || client.login("ada", PASSWORD))
        })
        .collect();
    apps[0].execute("alter table allowances rename to elsewhere");
    hashed.pop().unwrap().failed();
    drop(hashed);
    for login in waiting {
        let answer = login.join().unwrap();
        assert!(answer.status >= 500, "no failure was seen: {answer:?}");
    }
    apps[0].execute("alter table elsewhere rename to allowances");
    for app in &apps {
        app.inside.limiter.settle().unwrap();
    }
    assert_eq!(count(&all_at_once(&apps.each_ref().map(|app| app.base()), &[WRONG; 120]), 401), 9);
}

fn an_owner_gets_in_from_a_known_address_while_strangers_flood_every_instance(engine: Engine) {
    let place = Place::new(engine);
    let apps = place.two();
    apps[0].create_user("ada", &[]);
    login_from(&apps[0], "192.0.2.1", PASSWORD).ok();
    login_from(&apps[0], "2001:db8::1", PASSWORD).ok();
    let strangers = (0..130).map(|host| {
        let (client, ip) = (apps[host % 2].another_client(), format!("198.51.100.{host}"));
        thread::spawn(move || login_from(&client, &ip, WRONG))
    });
    let strangers: Vec<_> = strangers.collect();
    let mut at_once = 0;
    while strangers.iter().any(|stranger| !stranger.is_finished()) {
        for app in &apps {
            login_from(app, "192.0.2.1", PASSWORD).ok();
            login_from(app, "2001:db8::ffff", PASSWORD).ok();
            at_once += 1;
        }
    }
    assert!(at_once > 0);
    let answers: Vec<Answer> = strangers.into_iter().map(|stranger| stranger.join().unwrap()).collect();
    assert_eq!(count(&answers, 401) + count(&answers, 429), 130);
    for host in 0..100 {
        login_from(&apps[0], &format!("203.0.113.{host}"), WRONG);
    }
    // Also at an instance that has seen none of these attempts.
    for app in [&apps[1], &place.instance()] {
        login_from(app, "203.0.113.200", PASSWORD).problem(429, "too_many_failures");
        login_from(app, "192.0.2.1", PASSWORD).ok();
        login_from(app, "2001:db8::2", PASSWORD).ok();
    }
}

fn what_one_instance_has_used_up_another_one_refuses_from_memory_once_it_has_asked(engine: Engine) {
    let place = Place::new(engine);
    let apps = place.two();
    apps[0].create_user("ada", &[]);
    for _ in 0..10 {
        apps[0].login("ada", WRONG).problem(401, "bad_credentials");
    }
    apps[1].login("ada", PASSWORD).problem(429, "too_many_failures");
    apps[1].execute("alter table allowances rename to elsewhere");
    let refused = apps[1].login("ada", PASSWORD);
    refused.problem(429, "too_many_failures");
    assert_eq!(refused.header("retry-after"), "30");
    // Without the table other users cannot log in either.
    let unknown = apps[1].login("bob", WRONG);
    assert!(unknown.status >= 500, "{unknown:?}");
    apps[1].execute("alter table elsewhere rename to allowances");
    apps[1].login("bob", WRONG).problem(401, "bad_credentials");
    advance(&apps, 30);
    apps[1].login("ada", PASSWORD).ok();
}

/// Six digits, say.
const CODE: Kind = Kind {
    name: "code",
    account_from_network: Allowance::new(3, 60),
    network: Allowance::new(20, 60),
    account: Allowance::new(5, 600),
};

fn another_kind_of_secret_has_allowances_of_its_own_at_every_instance(engine: Engine) {
    let place = Place::new(engine);
    let apps = place.two();
    let ada = Account::Known(apps[0].create_user("ada", &[]).id);
    let code = |ip| Attempt::new(&CODE, Some(&ada), Some(ip));
    let admit = |app: &TestApp, attempt: &Attempt| {
        System::new().block_on(app.inside.limiter.admit(attempt)).unwrap().map_err(|wait| wait.0)
    };
    for _ in 0..10 {
        apps[0].login("ada", WRONG).problem(401, "bad_credentials");
    }
    for app in [&apps[0], &apps[1], &apps[0]] {
        admit(app, &code("192.0.2.1")).unwrap().failed();
        // A right password, or one that could not be checked.
        drop(admit(app, &code("192.0.2.1")));
    }
    assert_eq!(apps.each_ref().map(|app| admit(app, &code("192.0.2.1")).err()), [Some(60); 2]);
    for app in &apps {
        admit(app, &code("192.0.2.2")).unwrap().failed();
    }
    assert_eq!(apps.each_ref().map(|app| admit(app, &code("192.0.2.3")).err()), [Some(600); 2]);
    for app in &apps {
        admit(app, &code("192.0.2.3").sparing_the_account()).unwrap().failed();
    }
    // Without an account, as those who register: 20 from one network.
    for n in 0..20 {
        admit(&apps[n % 2], &Attempt::new(&CODE, None, Some("2001:db8::1"))).unwrap().failed();
    }
    let neighbour = Attempt::new(&CODE, None, Some("2001:db8::2"));
    assert_eq!(apps.each_ref().map(|app| admit(app, &neighbour).err()), [Some(60); 2]);
}

fn an_attempt_whose_client_goes_away_is_given_back(engine: Engine) {
    let place = Place::new(engine);
    let apps = place.two();
    let nobody = Account::Unknown("nobody".to_owned());
    let attempt = Attempt::new(&PASSWORDS, Some(&nobody), Some("192.0.2.1"));
    System::new().block_on(async {
        for _ in 0..20 {
            // Begun, and given up while the database is asked.
            let _given_up = timeout(Duration::ZERO, apps[0].inside.limiter.admit(&attempt)).await.map(drop);
        }
        let mut taken: Vec<Charge> = Vec::new();
        for n in 0..10 {
            taken.push(apps[n % 2].inside.limiter.admit(&attempt).await.unwrap().unwrap());
        }
    });
}

fn expired_counts_are_purged_and_those_of_a_wrong_clock_too(engine: Engine) {
    let app = TestApp::start_with(engine, &[PROXY]);
    app.create_user("ada", &[]);
    let rows = || app.number("select count(*) from allowances");
    login_from(&app, "192.0.2.1", WRONG).problem(401, "bad_credentials");
    assert_eq!(rows(), 3, "the account, the network, and the account from there");
    for (seconds, left) in [(2, 3), (3_600, 2), (28, 1), (6, 0)] {
        app.advance(seconds);
        purge::all(&app.inside).unwrap();
        assert_eq!(rows(), left);
    }
    app.advance(86_400);
    login_from(&app, "192.0.2.1", WRONG).problem(401, "bad_credentials");
    // Seen by another instance, whose clock is right.
    let other = app.another_instance(-86_400, &[]);
    purge::all(&other.inside).unwrap();
    assert_eq!(rows(), 0);
}

fn a_clock_that_was_ahead_locks_out_no_user(engine: Engine) {
    for ahead in [1_800, 3_600, 86_400] {
        let app = TestApp::start(engine);
        app.create_user("ada", &[]);
        app.advance(ahead);
        for _ in 0..10 {
            app.login("ada", WRONG).problem(401, "bad_credentials");
        }
        let other = app.another_instance(-ahead, &[]);
        other.login("ada", PASSWORD).ok();
        let refused = (0..12).map(|_| other.login("ada", WRONG).status).collect::<Vec<_>>();
        assert_eq!(refused, [&[401; 10][..], &[429; 2]].concat(), "{ahead}: the limit holds as ever");
    }
}

fn when_there_are_too_many_rows_those_who_failed_least_are_forgotten(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    for _ in 0..10 {
        app.login("ada", WRONG).problem(401, "bad_credentials");
    }
    let once = app.clock.now().0 + 2;
    app.execute(&format!(
        "with recursive n (n) as (select 1 union all select n + 1 from n where n < 510000) \
         insert into allowances (subject, used_until) select n, {once} from n"
    ));
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from allowances"), 500_000);
    assert_eq!(app.number(&format!("select count(*) from allowances where used_until > {once}")), 3);
    app.another_client().login("ada", PASSWORD).problem(429, "too_many_failures");
}
