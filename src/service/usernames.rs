//! Names that an earlier version folded in another way.

use crate::app::App;
use crate::error::Error;
use crate::model::user::User;

/// Folds them anew where nobody else has the same; returns the accounts whose name stays as it is.
pub(crate) fn refold(app: &App) -> Result<Vec<User>, Error> {
    app.store.refold_usernames()?;
    app.store.read(|tx| tx.list_unfolded())
}
