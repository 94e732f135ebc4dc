//! The database loses its connections, or hangs: requests wait only for a short time, no thread or connection is lost for
//! ever, and the service can be stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::forgetful::Forgetful;
use crate::support::frozen::Frozen;
use crate::support::postgres::{self, Cluster};
use crate::support::process::Tokensmith;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};
use crate::support::{pooled, pooler};

/// 3 seconds are promised; the machine may be slow.
const PROMISED: Duration = Duration::from_secs(8);

/// Responses that come at once.
const AT_ONCE: Duration = Duration::from_secs(2);

type Request = Box<dyn Fn(&Client) -> Answer + Send + Sync>;

/// A request of every kind that asks the database: each endpoint group, each extractor, reading and writing.
fn requests(app: &TestApp) -> Vec<(&'static str, Arc<Request>)> {
    app.create_user("root", &["admin"]);
    let pair = app.logged_in("ada");
    let admin = app.login("root", PASSWORD).ok();
    let another = app.login("ada", PASSWORD).ok();
    let made = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "script"}))).json();
    let key = made["key"].clone();
    let token = format!("Token {}", key.as_str().unwrap());
    let as_ada = |method: &'static str, path: &'static str, body: Option<Value>| {
        let pair = pair.clone();
        Box::new(move |client: &Client| client.ask_as(method, path, &pair, body.as_ref())) as Request
    };
    let as_admin = |method: &'static str, path: &'static str, body: Option<Value>| {
        let pair = admin.clone();
        Box::new(move |client: &Client| client.ask_as(method, path, &pair, body.as_ref())) as Request
    };
    let with_key = |method: &'static str, path: &'static str| {
        let token = token.clone();
        Box::new(move |client: &Client| client.ask(method, path, &token, None)) as Request
    };
    let of_token = |path: &'static str, token: &Value| {
        let body = json!({"token": token});
        Box::new(move |client: &Client| client.post(path, &body)) as Request
    };
    let refresh = json!({"refresh_token": pair["refresh_token"]});
    let new_user = json!({"username": "ada", "password": PASSWORD});
    let requests: Vec<(&str, Request)> = vec![
        ("refresh", Box::new(move |client: &Client| client.post("/v1/tokens/refresh", &refresh))),
        ("log in", Box::new(|client: &Client| client.login("ada", PASSWORD))),
        ("log in with a wrong name", Box::new(|client: &Client| client.login("nobody", PASSWORD))),
        ("verify a refresh token", of_token("/v1/tokens/verify", &pair["refresh_token"])),
        ("verify a key", of_token("/v1/tokens/verify", &key)),
        ("revoke", of_token("/v1/tokens/revoke", &another["refresh_token"])),
        ("exchange a key", with_key("POST", "/v1/api-tokens/exchange")),
        ("use a key", with_key("GET", "/v1/me")),
        ("list sessions", as_ada("GET", "/v1/sessions", None)),
        ("change the profile", as_ada("PATCH", "/v1/me/profile", Some(json!({"name": "Ada"})))),
        ("list keys", as_ada("GET", "/v1/api-tokens", None)),
        ("list users", as_admin("GET", "/v1/admin/users", None)),
        ("make a user", as_admin("POST", "/v1/admin/users", Some(new_user))),
        ("read the audit log", as_admin("GET", "/v1/admin/audit", None)),
        ("ready", Box::new(|client: &Client| client.get("/readyz"))),
    ];
    for (name, request) in &requests {
        let status = request(&app.another_client()).status;
        assert!(status < 500 && status != 404 && status != 405, "{name}: {status}");
    }
    requests.into_iter().map(|(name, request)| (name, Arc::new(request))).collect()
}

/// Sends each once, all at the same time; returns what came back after how long.
fn send_all(app: &TestApp, requests: &[(&'static str, Arc<Request>)]) -> Vec<(&'static str, Answer, Duration)> {
    let ask = |(name, request): &(&'static str, Arc<Request>)| {
        let (name, request, client) = (*name, Arc::clone(request), app.another_client());
        std::thread::spawn(move || {
            let started_at = Instant::now();
            let answer = request(&client);
            (name, answer, started_at.elapsed())
        })
    };
    let asking: Vec<JoinHandle<_>> = requests.iter().map(ask).collect();
    asking.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn is_unavailable(name: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{name}: {answer:?}");
    answer.problem(503, "database_unavailable");
    assert_eq!(answer.header("retry-after"), "5", "{name}");
}

/// Asks until it is answered as wanted.
#[track_caller]
fn comes_back(longest: Duration, name: &str, ask: impl Fn() -> Answer) {
    let deadline = Instant::now() + longest;
    loop {
        let answer = ask();
        if answer.status < 500 {
            return;
        }
        assert!(Instant::now() < deadline, "{name}: {answer:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn end_all_connections(cluster: &Cluster) {
    let mut other = PgConnection::establish(&cluster.url("template1")).unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'postgres'";
    other.batch_execute(end).unwrap();
}

#[test]
fn idle_connections_that_ended_are_not_noticed_by_any_request() {
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let requests = requests(&app);
    for (name, request) in &requests {
        // The pool is full of connections, and each of them is dead.
        send_all(&app, &requests);
        end_all_connections(&cluster);
        let answer = request(&app);
        assert!(answer.status < 500, "{name}: {answer:?}");
    }
}

#[test]
fn connections_that_end_under_load_are_no_fault_of_ours_and_the_service_recovers_at_once() {
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let requests = requests(&app);
    let over = Arc::new(AtomicBool::new(false));
    let load = |(name, request): &(&'static str, Arc<Request>)| {
        let (name, request, client, over) = (*name, Arc::clone(request), app.another_client(), Arc::clone(&over));
        std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let answer = request(&client);
                assert!(answer.status < 500 || answer.status == 503, "{name}: {answer:?}");
            }
        })
    };
    let threads: Vec<_> = requests.iter().map(load).collect();
    for _ in 0..30 {
        end_all_connections(&cluster);
        std::thread::sleep(Duration::from_millis(30));
    }
    over.store(true, Ordering::SeqCst);
    for thread in threads {
        thread.join().unwrap();
    }
    for (name, request) in &requests {
        comes_back(Duration::from_secs(2), name, || request(&app));
    }
}

#[test]
fn with_a_postgresql_that_hangs_every_request_is_answered_in_time_and_the_service_comes_back_with_it() {
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let pair = app.logged_in("grace");
    let requests = requests(&app);
    let frozen = Frozen::new(&cluster);
    // What the last second knew of the database is over.
    std::thread::sleep(Duration::from_millis(1_100));
    for round in 0..2 {
        for (name, answer, took) in send_all(&app, &requests) {
            is_unavailable(name, &answer);
            assert!(took < PROMISED, "{name} took {took:?} in round {round}");
        }
    }
    // By now only one unit of work waits for a connection: it finds out when the database is back.
    let answers = send_all(&app, &requests);
    for (name, answer, _) in &answers {
        is_unavailable(name, answer);
    }
    let waited: Vec<_> = answers.iter().filter(|(_, _, took)| *took > AT_ONCE).map(|(name, ..)| *name).collect();
    // A login, or the use of a key, that waits for it keeps its turn, for which others of its kind wait. Refreshes and
    // ends of sessions are one batch, so they wait together.
    let has_turns = |name: &str| name.starts_with("log in") || name.contains("key");
    let shares_a_batch = |name: &str| ["refresh", "revoke"].contains(&name);
    let batches = usize::from(waited.iter().any(|name| shares_a_batch(name)));
    let alone = waited.iter().filter(|name| !has_turns(name) && !shares_a_batch(name)).count();
    assert!(batches + alone <= 1, "{waited:?}");
    assert_eq!((app.get("/healthz").status, app.me(&pair).status), (200, 200));
    drop(frozen);
    for (name, request) in &requests {
        comes_back(PROMISED, name, || request(&app));
    }
    app.refresh(&pair["refresh_token"]).ok();
}

#[test]
fn while_another_process_keeps_the_sqlite_file_locked_every_request_is_answered_in_time() {
    let app = TestApp::start(Engine::Sqlite);
    let requests = requests(&app);
    let mut other = SqliteConnection::establish(app.database_url.strip_prefix("sqlite://").unwrap()).unwrap();
    other.batch_execute("begin immediate").unwrap();
    // What the last second knew of the database is over.
    std::thread::sleep(Duration::from_millis(1_100));
    let writing = ["refresh", "log in", "revoke", "change the profile", "ready"];
    for round in 0..2 {
        for (name, answer, took) in send_all(&app, &requests) {
            assert!(took < PROMISED, "{name} took {took:?} in round {round}");
            if writing.contains(&name) {
                is_unavailable(name, &answer);
            }
        }
    }
    other.batch_execute("rollback").unwrap();
    for (name, request) in &requests {
        comes_back(PROMISED, name, || request(&app));
    }
}

#[test]
fn a_write_that_gave_up_on_a_lock_is_not_made_later() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    let mut other = SqliteConnection::establish(app.database_url.strip_prefix("sqlite://").unwrap()).unwrap();
    other.batch_execute("begin immediate").unwrap();
    let ask = |name: &str| app.ask_as("PATCH", "/v1/me/profile", &pair, Some(&json!({"name": name})));
    is_unavailable("change the profile", &ask("Eve"));
    other.batch_execute("rollback").unwrap();
    comes_back(PROMISED, "ready", || app.get("/readyz"));
    assert_eq!(app.number("select count(*) from users where name = 'Eve'"), 0);
}

fn on(cluster: &Cluster) -> Tokensmith {
    Tokensmith::new().env("DATABASE_URL", &cluster.url("postgres")).env("ARGON2_THREADS", "1")
}

/// A connection that is lost is given up after 15 seconds, and a client may have waited for 3 more.
const GIVEN_UP: Duration = Duration::from_secs(30);

#[test]
fn connections_that_a_load_balancer_has_forgotten_are_replaced() {
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    // In a run with a pooler, the balancer stands in front of the pooler.
    let seen = pooled::seen_by_the_service(&cluster.url("postgres"));
    let balancer = Forgetful::before(pooler::port_of(&seen));
    let other = on(&cluster);
    let keys_dir = other.dir.path().join("keys").display().to_string();
    let through = Cluster::url_through(balancer.port, "postgres");
    let behind = on(&cluster).set("DATABASE_URL", &through).env("DATABASE_POOL_SIZE", "2").env("KEYS_DIR", &keys_dir);
    let other = other.env("KEYS_DIR", &keys_dir).serve();
    assert!(behind.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = behind.serve();
    let log_in = |_| {
        let client = serving.client();
        std::thread::spawn(move || client.login("ada", PASSWORD).ok())
    };
    let logins: Vec<JoinHandle<Value>> = (0..8).map(log_in).collect();
    let pairs: Vec<Value> = logins.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(balancer.forget() >= 3, "the pool and the follower of the denylist");
    assert_eq!(other.client().revoke(&pairs[0]["refresh_token"]).status, 204);
    let refresh_token = pairs[1]["refresh_token"].clone();
    let requests: [(&str, Request); 3] = [
        ("log in", Box::new(|client: &Client| client.login("ada", PASSWORD))),
        ("refresh", Box::new(move |client: &Client| client.refresh(&refresh_token))),
        ("ready", Box::new(|client: &Client| client.get("/readyz"))),
    ];
    let come_back = requests.map(|(name, request)| {
        let client = serving.client();
        std::thread::spawn(move || comes_back(GIVEN_UP, name, || request(&client)))
    });
    let told = loop {
        let line = serving.logged.recv_timeout(GIVEN_UP).expect("what cannot be followed is said");
        if line.contains("follow the denylist") && line.contains("no round has finished since") {
            break line;
        }
    };
    assert!(told.contains("\"ERROR\"") || told.contains("\"error\""), "{told}");
    for thread in come_back {
        thread.join().unwrap();
    }
    let client = serving.client();
    let deadline = Instant::now() + GIVEN_UP;
    while client.me(&pairs[0]).status == 200 {
        assert!(Instant::now() < deadline, "the denial is followed");
        std::thread::sleep(Duration::from_millis(50));
    }
    client.me(&pairs[0]).problem(401, "token_revoked");
    client.me(&pairs[2]).ok();
}

#[test]
fn while_postgresql_hangs_a_signal_still_stops_the_service_after_the_requests_under_way() {
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    let mut serving = on(&cluster).serve();
    let _frozen = Frozen::new(&cluster);
    std::thread::sleep(Duration::from_millis(1_100));
    let client = serving.client();
    let under_way = std::thread::spawn(move || client.get("/readyz"));
    // It has asked the database, which does not answer.
    std::thread::sleep(Duration::from_millis(500));
    serving.terminate();
    serving.wait_for_log("stopping: the requests in progress are finished first");
    is_unavailable("ready", &under_way.join().unwrap());
    assert!(serving.wait_for(Duration::from_secs(20)).success());
}

#[test]
fn a_second_signal_ends_the_service_at_once() {
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    let mut serving = on(&cluster).serve();
    let _frozen = Frozen::new(&cluster);
    serving.terminate();
    serving.wait_for_log("stopping: the requests in progress are finished first");
    serving.terminate();
    serving.wait_for(AT_ONCE);
}

#[test]
fn a_service_that_is_started_on_a_postgresql_that_hangs_says_so_and_ends() {
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    let command = on(&cluster);
    let _frozen = Frozen::new(&cluster);
    let started_at = Instant::now();
    let finished = command.run(&["serve"]);
    assert!(started_at.elapsed() < Duration::from_secs(20), "{:?}", started_at.elapsed());
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("tokensmith: database postgres://"), "{}", finished.stderr);
}
