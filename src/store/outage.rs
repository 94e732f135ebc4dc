//! Whether a statement failed because the database is unavailable, or because of the statement. diesel passes on
//! SQLSTATE or SQLite's result code only for some errors; for others the message of the server decides.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind as Kind, Error as DieselError};

use crate::error::Error;

/// SQLite's messages for outages, word for word. They are never translated.
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

/// The first words of PostgreSQL's (and libpq's) messages for outages: a timeout or cancellation, a deadlock, no
/// memory, a server that stops, a disk error. Also errors after which a connection cannot be used, because a pooler or
/// a migration dropped its prepared statements.
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

/// The folders of PostgreSQL's files, as quoted in errors of reading or writing one; a number follows.
const SERVER_FILES: [&str; 6] = ["\"base/", "\"global/", "\"pg_tblspc/", "\"pg_wal/", "\"pg_xact/", "\"pg_multixact/"];

/// An outage is [`Error::Unavailable`]: it is temporary, and a retry helps. Everything else is a fault of ours or of
/// the data, and a retry does not help.
impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        if is_outage(&error) { Self::Unavailable(Box::new(error)) } else { Self::internal(error) }
    }
}

/// Whether the connection may be in a state in which the next statement fails, too.
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

/// Recognises outages by what PostgreSQL does not translate: its files, the locks of a deadlock, and names of settings
/// in hints.
fn says_outage_in_any_language(message: &str, details: &str, hint: &str) -> bool {
    let is_number = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let names_a_file = SERVER_FILES.iter().any(|folder| message.split(folder).skip(1).any(is_number));
    let names_locks = ["ShareLock", "ExclusiveLock"].iter().any(|lock| details.contains(lock));
    names_a_file || names_locks || hint.contains("max_locks_per_transaction")
}
