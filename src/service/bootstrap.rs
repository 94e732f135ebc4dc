//! The first start: an empty database gets one admin with a random password, shown once. Never a fixed default account
//! (ASVS 6.3.2).

use super::users::{self, NewUser};
use crate::app::App;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::user::ADMIN_ROLE;
use crate::secret::{Secret, readable};

/// The username of the first account.
pub const FIRST_ADMIN: &str = "admin";

/// 26 characters of five bits each: 130 bits.
const PASSWORD_CHARS: usize = 26;

/// Creates the first admin if there is no user at all; answers the password.
///
/// # Errors
/// [`Error::Unavailable`] when the database is out of reach.
pub fn first_admin(app: &App) -> Result<Option<Secret<String>>, Error> {
    if !app.store.read(|tx| tx.has_no_users())? {
        return Ok(None);
    }
    let password = Secret::new(readable(&app.entropy.bytes::<PASSWORD_CHARS>()?));
    let roles = [ADMIN_ROLE.to_owned()];
    let new = NewUser { username: FIRST_ADMIN, email: None, name: None, roles: &roles, password: &password };
    match users::create(app, &new, &Origin::default()) {
        Ok(_) => Ok(Some(password)),
        // Another instance was faster; its console shows the password.
        Err(Error::UsernameTaken) => Ok(None),
        Err(error) => Err(error),
    }
}
