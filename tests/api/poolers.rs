//! PostgreSQL behind a pooler that gives each transaction another session. (With `TEST_POOLER=transaction` all other tests
//! go through one, too.)

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::support::pooler::{self, Pooler};
use crate::support::process::Tokensmith;
use crate::support::{PASSWORD, TestApp, pooled, postgres};

#[test]
fn a_pooler_that_does_not_keep_sessions_is_refused_unless_the_settings_name_it() {
    if !postgres::is_available() || !pooled::is_available() {
        return;
    }
    let server = postgres::new_database();
    let new = |mode, size, is_round_robin| Pooler::before(pooler::port_of(&server), mode, size, is_round_robin);
    let list = |url: &str, pooler: &str| {
        Tokensmith::new().set("DATABASE_URL", url).set("DATABASE_POOLER", pooler).run(&["users", "list"])
    };
    for (mode, size, is_round_robin) in
        [("transaction", 20, false), ("transaction", 1, false), ("transaction", 3, true), ("statement", 20, false)]
    {
        let pooler = new(mode, size, is_round_robin);
        let finished = list(&pooler.url(&server), "none");
        assert_eq!(finished.status.code(), Some(1), "{mode}: {}{}", finished.stdout, finished.stderr);
        assert!(finished.stderr.contains("set DATABASE_POOLER to transaction"), "{mode}: {}", finished.stderr);
        let finished = list(&pooler.url(&server), "transaction");
        let is_fine = mode == "transaction";
        assert_eq!(finished.status.success(), is_fine, "{mode}: {}{}", finished.stdout, finished.stderr);
        assert!(is_fine || finished.stderr.contains("pool_mode = transaction"), "{mode}: {}", finished.stderr);
    }
    // A pooler that keeps sessions may be configured like one that does not.
    let pooler = new("session", 20, false);
    for setting in ["none", "transaction"] {
        let command = Tokensmith::new().set("DATABASE_URL", &pooler.url(&server)).set("DATABASE_POOLER", setting);
        let create = ["users", "create", &format!("ada-{setting}"), "--password-stdin"];
        assert!(command.run_with_input(&create, PASSWORD).success());
        let serving = command.serve();
        let pair = serving.client().login(&format!("ada-{setting}"), PASSWORD).ok();
        serving.client().refresh(&pair["refresh_token"]).ok();
    }
}

/// A trigger on sessions records the settings of the transaction.
const WITNESS: &str = "create table seen (commits text, isolation text, statement_timeout text, lock_timeout text); \
    create function witness() returns trigger language plpgsql as $$ begin insert into seen values \
    (current_setting('synchronous_commit'), current_setting('transaction_isolation'), \
    current_setting('statement_timeout'), current_setting('lock_timeout')); \
    return null; end $$; \
    create trigger witness after insert or update on sessions for each statement execute function witness()";

/// A new database whose own default is that a commit is not durable, and that transactions fail where they meet.
fn forgetful_database() -> String {
    let url = postgres::new_database();
    let name = url.rsplit('/').next().unwrap();
    let mut admin = PgConnection::establish(&url).unwrap();
    let defaults = ["synchronous_commit = off", "default_transaction_isolation = serializable"];
    let defaults = defaults.map(|default| format!("alter database {name} set {default}")).join("; ");
    admin.batch_execute(&format!("{WITNESS}; {defaults}")).unwrap();
    url
}

fn every_write_is_durable_and_in_time(app: &TestApp) {
    let pair = app.logged_in("ada");
    app.advance(200);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    let kept = "select count(*) from seen where commits = 'on' and isolation = 'read committed' \
                and statement_timeout = '10s' and lock_timeout = '2500ms'";
    assert!(app.number(kept) >= 3);
    assert_eq!(app.number(kept), app.number("select count(*) from seen"));
}

/// The server ends a statement that waits for a lock, even after its client has given up.
fn a_read_ends_in_time(app: &TestApp) {
    app.create_user("bob", &[]);
    let pair = app.login("bob", PASSWORD).ok();
    let mut holder = PgConnection::establish(&app.database_url).unwrap();
    holder.batch_execute("begin; lock table sessions, users in access exclusive mode").unwrap();
    app.verify(&pair["refresh_token"]).problem(503, "database_unavailable");
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(30);
    while app.number(waiting) > 0 {
        assert!(Instant::now() < deadline, "it still waits");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(holder);
    assert_eq!(app.verify(&pair["refresh_token"]).status, 200);
}

#[test]
fn durability_and_timeouts_hold_without_a_pooler() {
    if !postgres::is_available() {
        return;
    }
    let url = forgetful_database();
    let vars = [("DATABASE_URL", url.as_str()), ("DATABASE_POOLER", "none")];
    let app = TestApp::start_on(TempDir::new().unwrap(), url.clone(), &vars);
    every_write_is_durable_and_in_time(&app);
    a_read_ends_in_time(&app);
}

#[test]
fn durability_and_timeouts_hold_behind_a_pooler_and_leave_nothing_in_its_sessions() {
    if !postgres::is_available() || !pooled::is_available() {
        return;
    }
    let url = forgetful_database();
    let size = 3;
    let pooler = Pooler::before(pooler::port_of(&url), "transaction", size, true);
    let through = pooler.url(&url);
    let vars = [("DATABASE_URL", through.as_str()), ("DATABASE_POOLER", "transaction")];
    let app = TestApp::start_on(TempDir::new().unwrap(), url, &vars);
    every_write_is_durable_and_in_time(&app);
    a_read_ends_in_time(&app);
    let untouched = "select 1 / (current_setting('statement_timeout') = '0' and current_setting('lock_timeout') = '0' \
                     and (select source from pg_settings where name = 'synchronous_commit') = 'database' \
                     and not exists (select from pg_prepared_statements) \
                     and current_setting('enable_seqscan') = 'on')::int";
    // Held at the same time, they are all the sessions that the pooler has.
    let mut clients: Vec<_> = (0..size).map(|_| PgConnection::establish(&through).unwrap()).collect();
    for client in &mut clients {
        client.batch_execute(&format!("begin; {untouched}")).unwrap();
    }
}
