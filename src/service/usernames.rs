//! Usernames that an earlier version folded in another way.

use crate::app::App;
use crate::error::Error;
use crate::model::user::User;

/// Folds them again, unless another account has the same name; returns the accounts whose name was not changed.
pub(crate) fn refold(app: &App) -> Result<Vec<User>, Error> {
    app.store.refold_usernames()?;
    app.store.read(|tx| tx.list_unfolded())
}
