//! The use cases of the service, one file each. Functions here block: they wait for the database and for password
//! hashes, so they are called from threads that may block. Only refreshing and sign-ins at providers do not block.

pub(crate) mod api_tokens;
pub(crate) mod attributes;
pub(crate) mod bootstrap;
pub(crate) mod caretaker;
mod claims_hook;
pub(crate) mod clients;
pub(crate) mod custom_claims;
pub(crate) mod decoy;
pub(crate) mod email;
mod fields;
pub(crate) mod identities;
pub(crate) mod imports;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod legacy;
pub(crate) mod login;
pub(crate) mod mail;
pub(crate) mod mail_tokens;
pub(crate) mod me;
mod new_account;
pub(crate) mod oauth;
mod own_pair;
pub(crate) mod owner;
pub(crate) mod pair;
pub(crate) mod passkey_login;
mod passkey_proof;
pub(crate) mod passkeys;
pub(crate) mod password_reset;
pub(crate) mod present;
pub(crate) mod proof;
pub(crate) mod protection;
pub(crate) mod providers;
pub(crate) mod purge;
pub(crate) mod queries;
pub(crate) mod refresh;
pub(crate) mod registration;
pub(crate) mod restored;
pub(crate) mod revoke;
mod sealing;
pub(crate) mod second_factor;
pub(crate) mod second_step;
pub(crate) mod sessions;
pub(crate) mod shown;
mod signing;
pub(crate) mod simplejwt;
mod told;
pub(crate) mod totp;
pub(crate) mod upstream;
pub(crate) mod upstream_login;
pub(crate) mod usernames;
pub(crate) mod users;
pub(crate) mod verify;

use crate::clock::Seconds;
use crate::error::Error;
use crate::password::{HashError, PasswordProblem};

/// When to retry if the hashing threads are busy.
const BUSY_RETRY_AFTER: Seconds = Seconds(5);

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Overloaded { retry_after: BUSY_RETRY_AFTER },
            HashError::Failed(_) | HashError::NoEntropy(_) => Self::internal(error),
        }
    }
}

impl From<PasswordProblem> for Error {
    fn from(problem: PasswordProblem) -> Self {
        Self::invalid("password", problem.code(), problem.to_string())
    }
}
