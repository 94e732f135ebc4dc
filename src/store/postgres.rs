//! Connections to PostgreSQL, and the settings that our promises rest on. A session keeps them; where a pooler gives each
//! transaction another session, each transaction makes them for itself, in the same round trip as its beginning.

use std::sync::LazyLock;

use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection as _};
use diesel::{Connection as _, ConnectionError, PgConnection, QueryResult};

use crate::config::{Pooler, PostgresUrl};

/// A server that is gone without a word is noticed in seconds, not after the kernel's two hours.
const OPTIONS: [(&str, &str); 6] = [
    ("connect_timeout", "3"),
    ("keepalives_idle", "2"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "3000"),
    ("client_encoding", "UTF8"),
];

/// No statement of ours takes long; one that does is stuck, and whoever waits for it deserves an answer.
const TIMEOUTS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "2500ms"), ("idle_in_transaction_session_timeout", "30s")];

/// For the two statements of a batch of refreshes alone. They find their rows by an index, one by one: the planner need not
/// look for anything else each time, nor take a table without statistics for a small one. And the update locks them in the
/// order in which it is given them, which no other plan promises. A server that does not know these settings goes without.
const PLANNER: &str = "select set_config(name, wish, false) from pg_settings join (values \
                       ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'), \
                       ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off')) as wanted (name, wish) \
                       using (name);";

/// Also a statement by itself is at this level, at which it goes on with a row as somebody else has left it.
static SESSION: LazyLock<String> =
    LazyLock::new(|| format!("set default_transaction_isolation = 'read committed'; {}", settings(Pooler::None)));

static TRANSACTION: LazyLock<String> = LazyLock::new(|| settings(Pooler::Transaction));

/// What is acknowledged is durable, also where the server's default is otherwise.
fn settings(pooler: Pooler) -> String {
    let (set, is_local) = match pooler {
        Pooler::None => ("set", false),
        Pooler::Transaction => ("set local", true),
    };
    let timeouts = TIMEOUTS.map(|(name, value)| format!("{set} {name} = '{value}'; ")).concat();
    format!(
        "{timeouts}select set_config('synchronous_commit', 'on', {is_local}) \
         where current_setting('synchronous_commit') = 'off'; "
    )
}

/// The driver's text may hold what the server was given; no secret leaves with it.
pub(super) fn open(url: &PostgresUrl, pooler: Pooler, for_batches: bool) -> Result<PgConnection, ConnectionError> {
    let opened = PgConnection::establish(url.conninfo(&OPTIONS).expose());
    let set_up = opened.and_then(|mut connection| {
        match pooler {
            Pooler::None => {
                let planner = if for_batches { PLANNER } else { "" };
                let set_up = connection.batch_execute(&format!("{}{planner}", *SESSION));
                set_up.map_err(ConnectionError::CouldntSetupConfiguration)?;
            }
            // A statement that one session has prepared is not found in the next.
            Pooler::Transaction => connection.set_prepared_statement_cache_size(CacheSize::Disabled),
        }
        Ok(connection)
    });
    set_up.map_err(|error| ConnectionError::BadConnection(url.hide_secrets(&error.to_string())))
}

/// Begins a transaction that will write.
pub(super) fn begin_write(connection: &mut PgConnection, pooler: Pooler) -> QueryResult<()> {
    begin(connection, "begin isolation level read committed", pooler)
}

/// Begins a transaction that reads.
pub(super) fn begin_read(connection: &mut PgConnection, pooler: Pooler) -> QueryResult<()> {
    begin(connection, "begin isolation level read committed read only", pooler)
}

fn begin(connection: &mut PgConnection, begin: &str, pooler: Pooler) -> QueryResult<()> {
    match pooler {
        Pooler::None => AnsiTransactionManager::begin_transaction_sql(connection, begin),
        Pooler::Transaction => {
            AnsiTransactionManager::begin_transaction_sql(connection, &format!("{begin}; {}", *TRANSACTION))
        }
    }
}
