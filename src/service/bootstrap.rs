//! The first start: an empty database gets one admin with a random password. Never a fixed default account
//! (ASVS 6.3.2).

use std::io;
use std::sync::mpsc::channel;

use super::queries;
use super::users::{self, NewUser};
use crate::app::App;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::names::ADMIN_ROLE;
use crate::secret::{Secret, readable};

/// The username of the first account.
pub(crate) const FIRST_ADMIN: &str = "admin";

/// 26 characters with five bits each: 130 bits.
const PASSWORD_CHARS: usize = 26;

/// Why there is no first admin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FirstAdminError {
    /// The account cannot be created.
    #[error(transparent)]
    Service(#[from] Error),
    /// The password could not be stored for the operator.
    #[error(transparent)]
    NotKept(io::Error),
}

/// Creates the first admin if there are no users; returns the password. `keep` gets the password before the account is
/// committed; if it fails, no account is created.
pub(crate) fn first_admin(
    app: &App,
    keep: impl FnOnce(&Secret<String>) -> io::Result<()> + Send + 'static,
) -> Result<Option<Secret<String>>, FirstAdminError> {
    if !queries::has_no_users(app)? {
        return Ok(None);
    }
    let password = Secret::new(readable(&app.entropy.bytes::<PASSWORD_CHARS>().map_err(Error::from)?));
    let roles = [ADMIN_ROLE.to_owned()];
    let new = NewUser { username: FIRST_ADMIN, email: None, name: None, roles: &roles, password: &password };
    let prepared = users::prepare(app, &new)?;
    let (failed, failure) = channel();
    let kept = password.clone();
    let created = users::add_and(app, prepared, &Origin::default(), move || {
        keep(&kept).map_err(|error| {
            let undo = Error::internal(error.to_string());
            let _received_below = failed.send(error);
            undo
        })
    });
    match (created, failure.try_recv().ok()) {
        (_, Some(error)) => Err(FirstAdminError::NotKept(error)),
        (Ok(_), None) => Ok(Some(password)),
        // Another instance was faster and shows the password.
        (Err(Error::UsernameTaken), None) => Ok(None),
        (Err(error), None) => Err(error.into()),
    }
}
