//! The time that the refusal of a mail's code takes.

use std::time::{Duration, Instant};

use actix_web::rt::time::sleep_until;

use crate::error::Error;

/// A wrong code is refused no sooner than this: looking for an address takes longer if it is somebody's.
const REFUSED_AFTER: Duration = Duration::from_millis(100);

/// The result of trying a code. Its refusal takes the same time for every address.
pub(super) async fn refused_late<T>(trying: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let began = Instant::now();
    let tried = trying.await;
    if matches!(tried, Err(Error::BadMailToken)) {
        sleep_until((began + REFUSED_AFTER).into()).await;
    }
    tried
}
