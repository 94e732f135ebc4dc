//! Connections to PostgreSQL, and the settings that they need. Usually a session keeps them. If a pooler gives each
//! transaction another session, each transaction sets them, in the same round trip as its `begin`.

use std::sync::LazyLock;

use diesel::connection::{AnsiTransactionManager, CacheSize, SimpleConnection as _};
use diesel::{Connection as _, ConnectionError, PgConnection, QueryResult};

use crate::config::{Pooler, PostgresUrl};

/// Notices a server that has disappeared within seconds, instead of the kernel's two hours.
const OPTIONS: [(&str, &str); 6] = [
    ("connect_timeout", "3"),
    ("keepalives_idle", "2"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "3000"),
    ("client_encoding", "UTF8"),
];

/// Our statements are short. One that takes longer is stuck and is cancelled.
const TIMEOUTS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "2500ms"), ("idle_in_transaction_session_timeout", "30s")];

/// Only for the two statements of a batch of refreshes. They find each row by an index, so the planner must not look
/// for other plans, even if a table has no statistics. With this plan the update also locks rows in the given order,
/// which other plans do not guarantee. A server without these settings ignores them.
const PLANNER: &str = "select set_config(name, wish, false) from pg_settings join (values \
                       ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'), \
                       ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off')) as wanted (name, wish) \
                       using (name);";

/// Single statements use this isolation level, too: they continue with the latest version of a row.
static SESSION: LazyLock<String> =
    LazyLock::new(|| format!("set default_transaction_isolation = 'read committed'; {}", settings(Pooler::None)));

static TRANSACTION: LazyLock<String> = LazyLock::new(|| settings(Pooler::Transaction));

/// Makes commits durable even if the server's default differs.
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

/// Opens a connection. Secrets are removed from the driver's message.
pub(super) fn open(url: &PostgresUrl, pooler: Pooler, for_batches: bool) -> Result<PgConnection, ConnectionError> {
    let opened = PgConnection::establish(url.conninfo(&OPTIONS).expose());
    let set_up = opened.and_then(|mut connection| {
        match pooler {
            Pooler::None => {
                let planner = if for_batches { PLANNER } else { "" };
                let set_up = connection.batch_execute(&format!("{}{planner}", *SESSION));
                set_up.map_err(ConnectionError::CouldntSetupConfiguration)?;
            }
            // A prepared statement of one session does not exist in the next.
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
