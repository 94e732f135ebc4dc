//! What the service does, one file for each use case. Functions here block: they wait for the database and for password
//! hashes, and are called from threads that may; only refreshing does not.

pub mod api_tokens;
pub mod bootstrap;
pub mod caretaker;
mod fields;
pub mod keys;
pub mod login;
pub mod me;
pub mod pair;
pub mod present;
pub mod proof;
pub mod purge;
pub mod queries;
pub mod refresh;
pub mod restored;
pub mod revoke;
pub mod sessions;
pub mod usernames;
pub mod users;
pub mod verify;

use crate::clock::Seconds;
use crate::error::Error;
use crate::password::{HashError, PasswordProblem};

/// When to come back after the hashing threads were busy.
const BUSY_RETRY_AFTER: Seconds = Seconds(5);

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Overloaded { retry_after: BUSY_RETRY_AFTER },
            HashError::Unusable(_) | HashError::Panicked | HashError::NoThread(_) | HashError::NoEntropy(_) => {
                Self::internal(error)
            }
        }
    }
}

impl From<PasswordProblem> for Error {
    fn from(problem: PasswordProblem) -> Self {
        Self::invalid("password", problem.code(), problem.to_string())
    }
}
