//! Usernames that an earlier version has written: folded in another way, or without what is left when characters that look alike
//! are the same.

use std::thread;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::error::Error;
use crate::model::user::User;

/// How many usernames get a skeleton in one transaction: fewer than take a tenth of a second.
const BATCH: i64 = 500;

/// Others write between two batches: on SQLite they get no turn without a pause.
const PAUSE: Duration = Duration::from_millis(100);

/// How long one round goes on.
const LONGEST: Duration = Duration::from_secs(30);

/// Folds them again, unless another account has the same name; returns the accounts whose name was not changed.
pub(crate) fn refold(app: &App) -> Result<Vec<User>, Error> {
    app.store.refold_usernames()?;
    app.store.read(|tx| tx.list_unfolded())
}

/// Makes the skeletons that are missing. The last of them are compared one by one until then.
pub fn add_skeletons(app: &App) -> Result<(), Error> {
    let began = Instant::now();
    while began.elapsed() < LONGEST && app.store.read(|tx| tx.lacks_skeletons())? {
        app.store.write(|tx| tx.add_skeletons(BATCH))?;
        thread::sleep(PAUSE);
    }
    Ok(())
}
