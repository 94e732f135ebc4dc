//! Which databases are accepted and which are refused, and how their errors are reported.

use std::fs;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokensmith::internals::error::Error;

use crate::support::postgres::{self, Cluster};
use crate::support::process::{Finished, Tokensmith};
use crate::support::{Engine, PASSWORD, TestApp};
use crate::support::{pooled, pooler};

both_engines!(
    only_serve_migrate_and_users_create_make_the_tables,
    a_schema_that_is_newer_than_the_program_is_refused_by_every_command,
    what_a_running_service_is_told_by_a_trigger_is_no_outage,
);

/// Every command that opens a database but does not create one.
const OTHERS: [&[&str]; 12] = [
    &["users", "list"],
    &["users", "sessions", "ada"],
    &["users", "end-sessions", "ada"],
    &["users", "api-tokens", "ada"],
    &["users", "delete", "ada"],
    &["users", "disable", "ada"],
    &["users", "enable", "ada"],
    &["users", "set-password", "ada", "--password-stdin"],
    &["users", "set-roles", "ada", "poet"],
    &["audit"],
    &["purge"],
    &["audit", "--user", "ada"],
];

const MAKERS: [&[&str]; 3] = [&["serve"], &["migrate"], &["users", "create", "bob", "--password-stdin"]];

fn run(url: &str, args: &[&str]) -> Finished {
    Tokensmith::new().env("DATABASE_URL", url).run_with_input(args, PASSWORD)
}

#[track_caller]
fn refused(url: &str, args: &[&str], expected: &str) {
    let finished = run(url, args);
    assert_eq!(finished.status.code(), Some(1), "{args:?}: {}{}", finished.stdout, finished.stderr);
    assert!(finished.stderr.contains(expected), "{args:?}: {}", finished.stderr);
    let url = pooled::seen_by_the_service(url);
    let shown = url.split('?').next().unwrap();
    assert!(finished.stderr.contains(shown), "{args:?}: {}", finished.stderr);
}

/// A database without tables: on SQLite a file that is there and empty.
fn empty(engine: Engine, dir: &TempDir) -> String {
    match engine {
        Engine::Sqlite => {
            let path = dir.path().join("empty.db");
            fs::write(&path, "").unwrap();
            format!("sqlite://{}", path.display())
        }
        Engine::Postgres => postgres::new_empty_database(),
    }
}

fn execute(url: &str, statements: &str) {
    match url.strip_prefix("sqlite://") {
        Some(path) => SqliteConnection::establish(path).unwrap().batch_execute(statements).unwrap(),
        None => PgConnection::establish(url).unwrap().batch_execute(statements).unwrap(),
    }
}

fn only_serve_migrate_and_users_create_make_the_tables(engine: Engine) {
    let dir = TempDir::new().unwrap();
    let url = empty(engine, &dir);
    for args in OTHERS {
        refused(&url, args, "it has no tables of tokensmith; create them with serve, migrate or users create");
    }
    // Nothing was made: the name is free.
    execute(&url, "create table __diesel_schema_migrations (version int); drop table __diesel_schema_migrations");
    for args in &MAKERS[1..] {
        let url = empty(engine, &dir);
        assert!(run(&url, args).success(), "{args:?}");
        assert!(run(&url, &["users", "list"]).success(), "{args:?}");
    }
    Tokensmith::new().env("DATABASE_URL", &empty(engine, &dir)).serve();
}

fn a_schema_that_is_newer_than_the_program_is_refused_by_every_command(engine: Engine) {
    let dir = TempDir::new().unwrap();
    let url = empty(engine, &dir);
    assert!(run(&url, &["users", "create", "ada", "--password-stdin"]).success());
    execute(&url, "insert into __diesel_schema_migrations (version) values ('20991231000000')");
    for args in OTHERS.into_iter().chain(MAKERS) {
        refused(&url, args, "its schema is newer than this program, which does not know the migrations 20991231000000");
    }
    execute(&url, "delete from __diesel_schema_migrations where version = '20991231000000'");
    assert_eq!(Tokensmith::new().env("DATABASE_URL", &url).list(&["users", "list"]).len(), 1, "nothing was changed");
}

#[test]
fn a_database_that_is_not_utf8_is_refused_with_the_way_out() {
    let dir = TempDir::new().unwrap();
    for encoding in ["UTF-16le", "UTF-16be"] {
        let path = dir.path().join(encoding);
        let statements = format!("pragma encoding = '{encoding}'; create table x (y)");
        SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(&statements).unwrap();
        let url = format!("sqlite://{}", path.display());
        refused(
            &url,
            &["migrate"],
            &format!("its encoding is {encoding}, and it must be UTF-8: copy it with: sqlite3"),
        );
    }
    if !postgres::is_available() {
        return;
    }
    let cluster = Cluster::start(postgres::NO_FSYNC);
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let url = cluster.create_database(&encoding.to_lowercase(), &format!("template0 encoding '{encoding}'"));
        refused(&url, &["migrate"], &format!("its encoding is {encoding}, and names in other scripts need UTF8"));
    }
}

#[test]
fn a_url_leads_to_the_server_in_every_way_that_libpq_knows() {
    if !postgres::is_available() {
        return;
    }
    let url = postgres::new_database();
    let port = pooler::port_of(&url);
    let name = url.rsplit('/').next().unwrap();
    let cases = [
        format!("postgresql://tokensmith@127.0.0.1:{port}/{name}"),
        format!("postgres://tokensmith:not%20needed@127.0.0.1:{port}/{name}?"),
        format!("postgres://tokensmith@127.0.0.1:1,127.0.0.1:{port}/{name}?application_name=x&"),
        format!("postgres:///{name}?host=127.0.0.1&port={port}&user=tokensmith"),
        format!("postgres://nobody@127.0.0.1:1/nothing?host=127.0.0.1&port={port}&user=tokensmith&dbname={name}"),
    ];
    for url in cases {
        assert!(run(&url, &["users", "list"]).success(), "{url}");
    }
}

#[test]
fn no_message_about_a_connection_holds_a_secret() {
    if !postgres::is_available() {
        return;
    }
    let url = postgres::new_database();
    let port = pooler::port_of(&url);
    let urls = [
        "postgres://app:hunter2@127.0.0.1:1/app".to_owned(),
        "postgres://app:hunter2@no.such.host.invalid/app".to_owned(),
        "postgres://app:hun@hunter2@127.0.0.1:1/app".to_owned(),
        "postgres://app:hunter2#@127.0.0.1:1/app".to_owned(),
        "postgres://app:a:hunter2@127.0.0.1:1/app".to_owned(),
        "postgres://app:a/hunter2@127.0.0.1:1/app".to_owned(),
        "postgres://127.0.0.1:1/app?password=hunter2".to_owned(),
        "postgres://127.0.0.1:1/app?pasword=hunter2".to_owned(),
        "postgres://127.0.0.1:1/app?sslpassword=hunter2&sslmode=hunter2".to_owned(),
        // The server's own messages repeat the name of the user and the database.
        format!("postgres://hunter2:hunter2@127.0.0.1:{port}/app"),
    ];
    for url in &urls {
        let finished = run(url, &["migrate"]);
        assert_eq!(finished.status.code(), Some(1), "{url}");
        let said = format!("{}{}", finished.stdout, finished.stderr);
        let shown = said.replace("postgres://hunter2:***@", "");
        assert!(!shown.contains("hunter2"), "{url}: {said}");
    }
}

fn is_unavailable(error: diesel::result::Error) -> bool {
    matches!(Error::from(error), Error::Unavailable(_))
}

#[test]
fn sqlite_tells_an_outage_from_an_error_of_the_data() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("test.db").display().to_string();
    let open = || SqliteConnection::establish(&path).unwrap();
    open()
        .batch_execute(
            "pragma journal_mode = wal; create table t (n integer primary key, m int not null check (m < 9))",
        )
        .unwrap();
    open()
        .batch_execute(
            "create trigger no before insert on t when new.m = 7 begin select raise(abort, 'not seven'); end",
        )
        .unwrap();
    let data = [
        "insert into t values ('x', 1)",
        "insert into t values (1, null)",
        "insert into t values (1, 10)",
        "insert into t values (1, 7)",
        "insert into t values (1, 1), (1, 1)",
        "select abs(-9223372036854775808)",
        "select zeroblob(2000000000)",
        "select nothing from t",
        "select * from nothing",
        "selec 1",
        "select sum(9223372036854775807) over () from (select 1 union all select 2 where abs(-9223372036854775808))",
        "select json('{')",
    ];
    for statement in data {
        let error = open().batch_execute(statement).unwrap_err();
        assert!(!is_unavailable(error), "{statement}");
    }
    let mut writer = open();
    writer.batch_execute("begin immediate").unwrap();
    assert!(is_unavailable(open().batch_execute("insert into t values (2, 1)").unwrap_err()), "locked");
    writer.batch_execute("rollback").unwrap();
    let outages = [
        "pragma query_only = on; insert into t values (2, 1)",
        "pragma max_page_count = 1; create table u as with recursive r (n) as (select 1 union all select n + 1 from r \
         where n < 9999) select n, zeroblob(99) from r",
    ];
    for statement in outages {
        assert!(is_unavailable(open().batch_execute(statement).unwrap_err()), "{statement}");
    }
    // Damage does not pass.
    let damaged = dir.path().join("damaged.db");
    drop(writer);
    let mut bytes = fs::read(&path).unwrap();
    bytes[100..].fill(0xA5);
    fs::write(&damaged, bytes).unwrap();
    let error =
        SqliteConnection::establish(damaged.to_str().unwrap()).unwrap().batch_execute("select * from t").unwrap_err();
    assert!(!is_unavailable(error), "malformed");
}

#[test]
fn postgresql_tells_an_outage_from_an_error_of_the_data() {
    if !postgres::is_available() {
        return;
    }
    let url = postgres::new_empty_database();
    let open = || PgConnection::establish(&url).unwrap();
    let raise = "create function no() returns trigger language plpgsql as $$ begin raise 'not so'; end $$";
    open()
        .batch_execute(&format!("create table t (n int primary key, m int not null check (m < 9)); {raise}"))
        .unwrap();
    open()
        .batch_execute(
            "create table u (n int); create trigger no before insert on u for each row execute function no()",
        )
        .unwrap();
    let data = [
        "select 2147483647 + n from generate_series(1, 1) n",
        "select 'x'::text::int",
        "select n / 0 from generate_series(1, 1) n",
        "select convert_from('\\xff', 'UTF8')",
        "select chr(0)",
        "select repeat('x', 2000000000)",
        "insert into t values (1, null)",
        "insert into t values (1, 10)",
        "insert into t values (1, 1), (1, 1)",
        "insert into u values (1)",
        "select nothing from t",
        "select * from nothing",
        "selec 1",
        "select jsonb '{'",
        "select could_not_be()",
        "select '\"base/x'::text::int",
        "do $$ begin raise 'the disk is full'; end $$",
    ];
    for statement in data {
        let error = open().batch_execute(statement).unwrap_err();
        assert!(!is_unavailable(error), "{statement}");
    }
    let mut holder = open();
    holder.batch_execute("insert into t values (1, 1)").unwrap();
    holder.batch_execute("begin; update t set m = 2; lock table u").unwrap();
    let outages = [
        "set statement_timeout = 50; select pg_sleep(5)",
        "set lock_timeout = 50; update t set m = 3",
        "set lock_timeout = 50; select * from u",
        "select pg_cancel_backend(pg_backend_pid()), pg_sleep(5)",
        "select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)",
        "begin read only; insert into t values (2, 1)",
        "select pg_read_file('base/1/none')",
    ];
    for statement in outages {
        let error = open().batch_execute(statement).unwrap_err();
        assert!(is_unavailable(error), "{statement}");
    }
    holder.batch_execute("rollback").unwrap();
    // A table changed after a statement on it was prepared: the next connection succeeds.
    let mut prepared = open();
    prepared.batch_execute("prepare p as select * from t; execute p").unwrap();
    open().batch_execute("alter table t add column l int").unwrap();
    assert!(is_unavailable(prepared.batch_execute("execute p").unwrap_err()), "a changed table");
    assert!(is_unavailable(prepared.batch_execute("execute none").unwrap_err()), "a lost statement");
}

#[test]
fn a_deadlock_is_an_outage() {
    if !postgres::is_available() {
        return;
    }
    let url = postgres::new_empty_database();
    let mut one = PgConnection::establish(&url).unwrap();
    let mut other = PgConnection::establish(&url).unwrap();
    one.batch_execute("create table t (n int); insert into t values (1), (2)").unwrap();
    one.batch_execute("begin; update t set n = n where n = 1").unwrap();
    other.batch_execute("begin; update t set n = n where n = 2").unwrap();
    let waiting = std::thread::spawn(move || other.batch_execute("update t set n = n where n = 1").err());
    let own = one.batch_execute("update t set n = n where n = 2").err();
    drop(one);
    let errors: Vec<_> = [own, waiting.join().unwrap()].into_iter().flatten().collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors.into_iter().all(is_unavailable));
}

fn what_a_running_service_is_told_by_a_trigger_is_no_outage(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.execute(match engine {
        Engine::Sqlite => "create trigger no before update on sessions begin select raise(abort, 'not so'); end",
        Engine::Postgres => {
            "create function no() returns trigger language plpgsql as $$ begin raise 'not so'; end $$; \
             create trigger no before update on sessions for each row execute function no()"
        }
    });
    for _ in 0..3 {
        app.refresh(&pair["refresh_token"]).problem(500, "internal_error");
    }
    app.execute(match engine {
        Engine::Sqlite => "drop trigger no",
        Engine::Postgres => "drop trigger no on sessions",
    });
    assert_eq!(app.refresh(&pair["refresh_token"]).ok()["refresh_generation"], 2);
}

/// As a full disk does, the trigger ends the transaction: nothing is left to roll back.
#[test]
fn an_outage_that_has_ended_the_transaction_is_still_an_outage() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    app.execute(
        "create trigger full before update on sessions begin select raise(rollback, 'database or disk is full'); end",
    );
    for _ in 0..3 {
        app.refresh(&pair["refresh_token"]).problem(503, "database_unavailable");
    }
    app.execute("drop trigger full");
    assert_eq!(app.refresh(&pair["refresh_token"]).ok()["refresh_generation"], 2);
}

#[test]
fn a_database_that_a_server_does_not_have_is_made_by_no_command() {
    if !postgres::is_available() {
        return;
    }
    let url = postgres::new_empty_database();
    let (before, query) = url.split_once('?').unwrap_or((&url, ""));
    let (server, _name) = before.rsplit_once('/').unwrap();
    let url = format!("{server}/nowhere?{query}");
    for args in [&["serve"][..], &["migrate"], &["users", "import", "-", "--from", "csv"], &["users", "list"]] {
        let finished = run(&url, args);
        assert_eq!(finished.status.code(), Some(1), "{args:?}");
        assert!(finished.stderr.contains("database \"nowhere\" does not exist"), "{args:?}: {}", finished.stderr);
    }
}
