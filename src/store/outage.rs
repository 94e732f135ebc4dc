//! Whether a statement failed because the database could not do it now, or because of what it was asked. diesel passes on
//! neither SQLSTATE nor SQLite's result code but for some; the rest is told from what the server says.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind as Kind, Error as DieselError};

use crate::error::Error;

/// What SQLite says to an outage, word for word: its texts come from a table and are never translated.
const SQLITE: [&str; 11] = [
    "access permission denied",
    "attempt to write a readonly database",
    "database is locked",
    "database or disk is full",
    "database schema is locked: main",
    "database table is locked",
    "disk I/O error",
    "interrupted",
    "locking protocol",
    "out of memory",
    "unable to open database file",
];

/// How PostgreSQL's (and libpq's) text of an outage begins: a timeout or cancellation, a deadlock, no memory, a server
/// that goes, a disk. Also what a connection is of no more use after: a pooler or a migration took its prepared statements.
const POSTGRES: [&str; 20] = [
    "canceling statement due to",
    "cached plan must not change result type",
    "could not close file",
    "could not create file",
    "could not extend file",
    "could not fsync file",
    "could not open file",
    "could not read ",
    "could not receive data",
    "could not resize shared memory",
    "could not send data",
    "could not write ",
    "database is not accepting commands",
    "deadlock detected",
    "no connection to the server",
    "out of shared memory",
    "prepared statement \"",
    "server closed the connection",
    "terminating connection",
    "the database system is",
];

/// The folders of PostgreSQL's own files, as it quotes them when it cannot read or write one; a number follows.
const SERVER_FILES: [&str; 6] = ["\"base/", "\"global/", "\"pg_tblspc/", "\"pg_wal/", "\"pg_xact/", "\"pg_multixact/"];

/// An outage is [`Error::Unavailable`]: it passes, and asking again helps. Everything else is a fault of ours, or of what
/// stands in the database, and stays one however often it is asked.
impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        if is_outage(&error) { Self::Unavailable(Box::new(error)) } else { Self::internal(error) }
    }
}

/// Whether the connection may be in a state that spoils the next statement, too.
pub(super) fn spoils_the_connection(error: &Error) -> bool {
    match error {
        Error::Unavailable(_) => true,
        Error::Internal(cause) => {
            matches!(cause.downcast_ref(), Some(DieselError::DatabaseError(Kind::Unknown, _)))
        }
        _ => false,
    }
}

fn is_outage(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(kind, about) => match kind {
            Kind::ClosedConnection
            | Kind::ReadOnlyTransaction
            | Kind::SerializationFailure
            | Kind::UnableToSendCommand => true,
            Kind::Unknown => says_outage(&**about),
            _ => false,
        },
        // The driver lost track of the transaction when the connection broke in it.
        DieselError::BrokenTransactionManager
        | DieselError::RollbackErrorOnCommit { .. }
        | DieselError::AlreadyInTransaction
        | DieselError::NotInTransaction => true,
        _ => false,
    }
}

fn says_outage(about: &dyn DatabaseErrorInformation) -> bool {
    let message = about.message();
    SQLITE.contains(&message)
        || POSTGRES.iter().any(|beginning| message.starts_with(beginning))
        || says_outage_in_any_language(message, about.details().unwrap_or_default(), about.hint().unwrap_or_default())
}

/// What PostgreSQL does not translate: its files, the locks of a deadlock, and the settings that are named as a remedy.
fn says_outage_in_any_language(message: &str, details: &str, hint: &str) -> bool {
    let is_number = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let names_a_file = SERVER_FILES.iter().any(|folder| message.split(folder).skip(1).any(is_number));
    let names_locks = ["ShareLock", "ExclusiveLock"].iter().any(|lock| details.contains(lock));
    names_a_file || names_locks || hint.contains("max_locks_per_transaction")
}
