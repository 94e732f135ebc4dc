//! Transactions that lock several rows of PostgreSQL do so in one order, so that there are no deadlocks.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _};
use serde_json::json;
use tempfile::TempDir;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::service::{purge, users};

use crate::support::postgres::{self, Cluster};
use crate::support::{Engine, PASSWORD, TestApp};

/// The server logs the plan of each statement.
const EXPLAINING: &str = "-c fsync=off -c shared_preload_libraries=auto_explain -c auto_explain.log_min_duration=0";

#[derive(QueryableByName)]
struct Log {
    #[diesel(sql_type = Text)]
    content: String,
}

/// Each statement that was done, with its plan.
fn plans(database_url: &str) -> Vec<String> {
    let mut admin = PgConnection::establish(database_url).unwrap();
    let query = "select pg_read_file(current_setting('data_directory') || '/../log') as content";
    let Log { content } = diesel::sql_query(query).get_result(&mut admin).unwrap();
    let explained = content.split("\tQuery Text: ").skip(1);
    explained
        .map(|text| text.lines().take_while(|line| !line.contains("LOG:")).collect::<Vec<_>>().join("\n"))
        .collect()
}

/// On a server whose small tables suggest other plans.
fn explained_app(vars: &[(&str, &str)]) -> (Cluster, TestApp) {
    let cluster = Cluster::start(EXPLAINING);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), vars);
    let pair = app.logged_in("ada");
    app.refresh(&pair["refresh_token"]).ok();
    app.execute("vacuum analyze");
    (cluster, app)
}

/// The steps of the update in the last batch, after a refresh and in one that ends a session.
fn steps_of_batch(app: &TestApp) -> Vec<String> {
    let pair = app.login("ada", PASSWORD).ok();
    app.advance(200);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    let steps = |begins: &str| steps(&plans(&app.database_url), begins);
    let (refreshing, ending) = (steps("update sessions set denied_through = moved"), steps("with done as (update"));
    let update = ending.iter().position(|step| step.starts_with("Update on sessions")).unwrap();
    assert_eq!(ending[update..][..refreshing.len()], refreshing, "{ending:?}");
    refreshing
}

/// The steps of the last statement that begins like this.
fn steps(plans: &[String], begins: &str) -> Vec<String> {
    let batch = plans.iter().rfind(|plan| plan.starts_with(begins)).unwrap();
    let steps = batch.lines().skip(1).filter_map(|line| line.split_once("  (cost="));
    steps.map(|(step, _)| step.trim_start_matches(['\t', ' ', '-', '>']).to_owned()).collect()
}

/// The rows that are given come in the order of the primary key, and so do those of its index: whichever the outer loop
/// goes along.
#[test]
fn a_batch_of_refreshes_locks_its_sessions_in_order_by_a_plan_that_is_made_for_it_alone() {
    if !postgres::is_available() {
        return;
    }
    let (_cluster, app) = explained_app(&[]);
    let direct = [("DATABASE_URL", app.database_url.as_str()), ("DATABASE_POOLER", "none")];
    let app = app.another_instance(0, &direct);
    let by_key = "Index Scan using sessions_pkey on sessions";
    assert_eq!(steps_of_batch(&app), ["Update on sessions", "Nested Loop", by_key, "Function Scan on moved"]);
    app.execute(
        "create table more as select * from sessions limit 1; \
         insert into sessions select (jsonb_populate_record(more, jsonb_build_object('id', gen_random_uuid()))).* \
         from more, generate_series(1, 2000)",
    );
    app.execute("vacuum analyze sessions");
    assert_eq!(steps_of_batch(&app), ["Update on sessions", "Nested Loop", "Function Scan on moved", by_key]);
    // All other statements are planned by the server's defaults.
    assert!(plans(&app.database_url).iter().any(|plan| plan.contains("Seq Scan on users")));
}

#[test]
fn whatever_locks_several_rows_locks_them_by_primary_key() {
    if !postgres::is_available() {
        return;
    }
    let (cluster, app) = explained_app(&[]);
    let pair = app.login("ada", PASSWORD).ok();
    for name in ["one", "two"] {
        assert_eq!(app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": name}))).status, 201);
    }
    app.ask_as("POST", "/v1/logout/all", &pair, Some(&json!({}))).ok();
    let bob = app.create_user("bob", &[]);
    app.login("bob", PASSWORD).ok();
    users::disable(&app.inside, bob.id, &Origin::default()).unwrap();
    app.execute("update sessions set denied_through = 9, ended_at = null, end_reason = null");
    let stolen = app.login("ada", PASSWORD).ok();
    for _ in 0..3 {
        app.advance(200);
        app.refresh(&stolen["refresh_token"]);
    }
    purge::all(&app.inside).unwrap();
    let plans = plans(&cluster.url("postgres"));
    let is_locking = |plan: &&String| {
        let statement = plan.lines().next().unwrap().to_lowercase();
        statement.ends_with("for no key update")
    };
    let locking: Vec<_> = plans.iter().filter(is_locking).collect();
    for plan in &locking {
        let steps: Vec<&str> = plan.lines().skip(1).map(str::trim).collect();
        assert!(steps[0].starts_with("LockRows"), "{plan}");
        let is_sorted = steps[1].contains("Sort ") && steps[2] == "Sort Key: id";
        assert!(is_sorted || steps[1].contains("_pkey on"), "{plan}");
    }
    for table in ["sessions", "api_tokens", "users"] {
        assert!(locking.iter().any(|plan| plan.contains(&format!("FROM \"{table}\""))), "{table}: {locking:?}");
    }
}

/// Waits until so many wait for a lock in the database.
pub fn wait_for_waiting(app: &TestApp, count: i64) {
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(30);
    while app.number(waiting) != count {
        assert!(Instant::now() < deadline, "{count} wait for a lock");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Setting a password locks the account and then its sessions.
#[test]
fn deleting_a_disabled_account_locks_in_the_usual_order() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    app.create_user("root", &["admin"]);
    let root = app.login("root", PASSWORD).ok();
    let ada = app.create_user("ada", &[]);
    app.login("ada", PASSWORD).ok();
    app.execute("update users set disabled_at = 1 where username = 'ada'");
    let mut other = PgConnection::establish(&app.database_url).unwrap();
    other.batch_execute("begin; update users set password_hash = password_hash where username = 'ada'").unwrap();
    let (client, path) = (app.another_client(), format!("/v1/admin/users/{}", ada.id));
    let deleting = std::thread::spawn(move || client.ask_as("DELETE", &path, &root, None));
    wait_for_waiting(&app, 1);
    other.batch_execute("update sessions set ended_at = 1, end_reason = 'admin'; commit").unwrap();
    assert_eq!(deleting.join().unwrap().status, 204);
    assert_eq!(app.number("select count(*) from users where username = 'ada'"), 0);
}

#[test]
fn a_purge_skips_locked_rows_and_leaves_them_to_the_next() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    app.execute(
        "insert into denylist (subject, kind, denied_at, expires_at) \
         select gen_random_uuid(), 'jti', 1, n from generate_series(1, 3) n",
    );
    let mut other = PgConnection::establish(&app.database_url).unwrap();
    other.batch_execute("begin; select from denylist where expires_at = 2 for update").unwrap();
    assert_eq!(purge::all(&app.inside).unwrap().denials, 2);
    other.batch_execute("rollback").unwrap();
    assert_eq!(purge::all(&app.inside).unwrap().denials, 1);
}
