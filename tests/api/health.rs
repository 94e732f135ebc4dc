//! `/healthz` and `/readyz`.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::support::process::Tokensmith;
use crate::support::{Answer, Engine, PASSWORD, TestApp, postgres};

both_engines!(
    a_service_whose_database_answers_is_alive_and_ready,
    readiness_makes_one_write_a_second_however_many_ask,
    a_service_that_has_just_written_is_ready_without_another_write,
);

const WRITES: &str = "select coalesce(max(writes), 0) from write_probe";

fn a_service_whose_database_answers_is_alive_and_ready(engine: Engine) {
    let app = TestApp::start(engine);
    assert_eq!(app.get("/healthz").ok()["status"], "alive");
    assert_eq!(app.get("/readyz").ok()["status"], "ready");
}

fn readiness_makes_one_write_a_second_however_many_ask(engine: Engine) {
    let app = TestApp::start(engine);
    let started_at = Instant::now();
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let client = app.another_client();
            std::thread::spawn(move || (0..10).for_each(|_| assert_eq!(client.get("/readyz").status, 200)))
        })
        .collect();
    for thread in asking {
        thread.join().unwrap();
    }
    let seconds = i64::try_from(started_at.elapsed().as_secs()).unwrap();
    let writes = app.number(WRITES);
    assert!((1..=seconds + 1).contains(&writes), "{writes} in {seconds} s");
}

fn a_service_that_has_just_written_is_ready_without_another_write(engine: Engine) {
    let app = TestApp::start(engine);
    let mut pair = app.logged_in("ada");
    for kind in ["refresh", "login", "revocation"] {
        let mut is_in_time = |_| {
            app.advance(200);
            if kind == "revocation" {
                pair = app.login("ada", PASSWORD).ok();
            }
            // The writes so far are now older than a second.
            std::thread::sleep(Duration::from_millis(1_100));
            let (writes, started_at) = (app.number(WRITES), Instant::now());
            match kind {
                "refresh" => pair = app.refresh(&pair["refresh_token"]).ok(),
                "login" => pair = app.login("ada", PASSWORD).ok(),
                _ => assert_eq!(app.revoke(&pair["refresh_token"]).status, 204),
            }
            assert_eq!(app.get("/readyz").status, 200);
            started_at.elapsed() < Duration::from_secs(1) && {
                assert_eq!(app.number(WRITES), writes, "{kind}");
                true
            }
        };
        // On a slow machine, the last write may already be older than a second.
        assert!((0..5).any(&mut is_in_time), "{kind}");
    }
}

#[test]
fn an_instance_that_hangs_in_its_write_leaves_the_others_ready() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let other = app.another_instance(0, &[]);
    assert_eq!(other.get("/readyz").status, 200);
    let mut hanging = PgConnection::establish(&app.database_url).unwrap();
    hanging.batch_execute("begin; update write_probe set writes = writes + 1").unwrap();
    assert_eq!(app.get("/readyz").status, 200);
    becomes(503, || other.get("/readyz"));
    assert_eq!(app.get("/readyz").status, 200);
    assert_eq!(app.number("select count(*) from write_probe"), 2);
}

fn becomes(status: u16, ask: impl Fn() -> Answer) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = ask();
        if answer.status == status || Instant::now() > deadline {
            assert_eq!(answer.status, status, "{answer:?}");
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_postgresql_that_takes_no_writes_is_not_ready_although_it_answers() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let pair = app.logged_in("ada");
    let name = app.database_url.rsplit('/').next().unwrap();
    let change = |what: &str| {
        let mut other = PgConnection::establish(&app.database_url).unwrap();
        other
            .batch_execute(&format!(
                "begin read write; alter database {name} {what}; commit; select pg_terminate_backend(pid) \
                 from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
            ))
            .unwrap();
    };
    assert_eq!(app.get("/readyz").status, 200);
    change("set default_transaction_read_only = on");
    let answer = becomes(503, || app.get("/readyz"));
    answer.problem(503, "database_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(app.verify(&pair["refresh_token"]).status, 200, "it still answers");
    change("reset default_transaction_read_only");
    becomes(200, || app.get("/readyz"));
}

/// The process may not make files larger than this, as on a full disk.
fn limit_files(pid: u32, max_bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let limit = Rlimit { current: max_bytes, ..getrlimit(Resource::Fsize) };
    prlimit(Some(pid), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_sqlite_file_that_cannot_be_written_is_not_ready_although_it_can_be_read() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = command.serve_with_a_limit_on_files();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    assert_eq!(client.get("/readyz").status, 200);
    limit_files(serving.pid(), Some(4_096));
    let answer = becomes(503, || client.get("/readyz"));
    answer.problem(503, "database_unavailable");
    assert_eq!(client.verify(&pair["refresh_token"]).status, 200, "it can be read");
    client.login("ada", "a wrong password").problem(503, "database_unavailable");
    limit_files(serving.pid(), getrlimit(Resource::Fsize).maximum);
    becomes(200, || client.get("/readyz"));
}
