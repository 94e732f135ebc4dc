//! Checks when a database is opened: whether this program can work correctly with it.

use diesel::connection::SimpleConnection as _;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::{PgConnection, QueryResult, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query};
use r2d2::ManageConnection as _;

use super::connection::{DbConnection, Manager};
use super::{IfMissing, migrate, postgres, unavailable};
use crate::config::Pooler;
use crate::error::Error;

/// Why a reachable database is not used.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it has no tables of tokensmith; create them with serve, migrate or users create (see DATABASE_URL)")]
    Empty,
    #[error(
        "its schema is newer than this program, which does not know the migrations {0}: use the version of tokensmith that applied them, or a newer one"
    )]
    Newer(String),
    #[error(
        "its encoding is {0}, and names in other scripts need UTF8: move the data to one made with: create database .. encoding 'UTF8' template template0"
    )]
    PostgresEncoding(String),
    #[error("its encoding is {0}, and it must be UTF-8: copy it with: sqlite3 OLD .dump | sqlite3 NEW")]
    SqliteEncoding(String),
    #[error(
        "a pooler gives each transaction another connection: set DATABASE_POOLER to transaction, or let it pool sessions (PgBouncer: pool_mode = session), or connect to PostgreSQL itself"
    )]
    Pooled,
    #[error(
        "the pooler ended the first transaction: one that gives each statement another connection (PgBouncer: pool_mode = statement) cannot be used, let it pool transactions (pool_mode = transaction)"
    )]
    NoTransactions,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::internal(refusal)
    }
}

/// Makes the first connection outside the pool, because the pool hides why a connection failed. It is checked and
/// closed.
pub(super) fn inspect(manager: &Manager, if_missing: IfMissing) -> Result<(), Error> {
    let mut first = manager.connect().map_err(unavailable)?;
    let applied = match &mut first.connection {
        DbConnection::Sqlite(connection) => look_at_sqlite(connection)?,
        DbConnection::Postgres(connection) if manager.pooler() == Pooler::Transaction => {
            connection.batch_execute("select 1")?;
            postgres::begin_read(connection, Pooler::Transaction).map_err(|_ended| Refusal::NoTransactions)?;
            look_at_postgres(connection)?
        }
        DbConnection::Postgres(connection) => {
            let mut second = manager.connect().map_err(unavailable)?;
            if let DbConnection::Postgres(second) = &mut second.connection {
                refuse_shared_sessions(connection, second)?;
            }
            look_at_postgres(connection)?
        }
    };
    if applied.is_empty() && if_missing == IfMissing::Refuse {
        return Err(Refusal::Empty.into());
    }
    let known = migrate::known_versions()?;
    let unknown: Vec<String> = applied.into_iter().filter(|version| !known.contains(version)).collect();
    if unknown.is_empty() { Ok(()) } else { Err(Refusal::Newer(unknown.join(", ")).into()) }
}

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    encoding: String,
    #[diesel(sql_type = Text)]
    language: String,
    #[diesel(sql_type = Bool)]
    has_migrations: bool,
}

const LOOK_AT_SERVER: &str = "select current_setting('server_encoding') as encoding, \
                              current_setting('lc_messages') as language, \
                              to_regclass('__diesel_schema_migrations') is not null as has_migrations";

/// Returns the versions of the applied migrations.
fn look_at_postgres(connection: &mut PgConnection) -> Result<Vec<String>, Error> {
    let server: Server = sql_query(LOOK_AT_SERVER).get_result(connection)?;
    if server.encoding != "UTF8" {
        return Err(Refusal::PostgresEncoding(server.encoding).into());
    }
    if !is_english(&server.language) {
        log::warn!(
            lc_messages = server.language;
            "the messages of PostgreSQL are not in English: some outages may be reported as internal errors; \
             let a superuser run: alter role .. set lc_messages = 'C'"
        );
    }
    if server.has_migrations { versions(sql_query(VERSIONS).load(connection)) } else { Ok(Vec::new()) }
}

fn is_english(language: &str) -> bool {
    ["", "C", "POSIX"].contains(&language)
        || language.starts_with("C.")
        || language.to_ascii_lowercase().starts_with("en")
}

#[derive(QueryableByName)]
struct Encoding {
    #[diesel(sql_type = Text)]
    encoding: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn look_at_sqlite(connection: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let Encoding { encoding } = sql_query("pragma encoding").get_result(connection)?;
    if encoding != "UTF-8" {
        return Err(Refusal::SqliteEncoding(encoding).into());
    }
    let tables = "select count(*) as count from sqlite_master where name = '__diesel_schema_migrations'";
    let Count { count } = sql_query(tables).get_result(connection)?;
    if count == 0 { Ok(Vec::new()) } else { versions(sql_query(VERSIONS).load(connection)) }
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

const VERSIONS: &str = "select version from __diesel_schema_migrations order by version";

fn versions(applied: QueryResult<Vec<Applied>>) -> Result<Vec<String>, Error> {
    Ok(applied?.into_iter().map(|applied| applied.version).collect())
}

/// Without a pooler, two clients that are connected at the same time have different sessions of PostgreSQL and keep
/// them. Each client marks its session. Then the second one looks for its mark, and after that the first. Whether a
/// pooler gives out the session that was used last or the one that was idle longest, one of them finds another mark or
/// none.
fn refuse_shared_sessions(one: &mut PgConnection, other: &mut PgConnection) -> Result<(), Error> {
    if mark(one, "one").and_then(|()| mark(other, "other")).is_err() {
        // The server does not allow custom settings. If it is down, the next statement fails.
        return Ok(());
    }
    for (connection, name) in [(other, "other"), (one, "one")] {
        match connection.batch_execute(&find_mark(name)) {
            Ok(()) => {}
            Err(DieselError::DatabaseError(DatabaseErrorKind::Unknown, _)) => return Err(Refusal::Pooled.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Uses the simple protocol, since a pooler may send the two parts of a prepared statement to different sessions.
fn mark(connection: &mut PgConnection, name: &str) -> QueryResult<()> {
    let process = std::process::id();
    connection.batch_execute(&format!("select set_config('tokensmith.session', '{process} {name}', false)"))
}

/// A statement that divides by zero if the mark is missing.
fn find_mark(name: &str) -> String {
    let process = std::process::id();
    format!("select 1 / (current_setting('tokensmith.session', true) is not distinct from '{process} {name}')::int")
}
