//! Letting somebody prove a password, and work that hashes: on threads, within limits.

use actix_web::{rt, web};

use crate::app::App;
use crate::engine::deadline::{self, on_a_thread};
use crate::error::Error;
use crate::service::proof::{self, Admitted, Claim};

/// Runs what hashes a password of somebody who is logged in, and asks no database. Its place is taken before a thread is:
/// those that wait must not keep every other request waiting.
pub(super) async fn hashing<T: Send + 'static>(
    app: &web::Data<App>,
    work: impl FnOnce(&App) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let place = proof::place(app)?;
    let app = app.clone();
    on_hashing_thread(move || {
        // Kept for as long as the thread is, also when the client has gone.
        let _place = place;
        work(&app)
    })
    .await
}

/// Lets somebody prove a password: `claim` looks up who is meant, `evaluate` looks at the password (and asks no database),
/// `finish` records what has come of it. A client may go away while it waits to be let in, and nothing has happened. From
/// then on all goes to its end: what was a guess is counted, and is on record.
pub(super) async fn proving<P: Send + 'static, T: Send + 'static>(
    app: &web::Data<App>,
    claim: impl FnOnce(&App) -> Result<Claim, Error> + Send + 'static,
    evaluate: impl FnOnce(&App, Admitted) -> Result<P, Error> + Send + 'static,
    finish: impl FnOnce(&App, P) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let claim = on_a_thread(move || claim(&asked)).await?;
    drop(turn);
    let admitted = proof::admit(app, claim).await?;
    let (evaluating, finishing) = (app.clone(), app.clone());
    let task = rt::spawn(deadline::carried_on(async move {
        let proved = on_hashing_thread(move || evaluate(&evaluating, admitted)).await?;
        on_a_thread(move || finish(&finishing, proved)).await
    }));
    task.await.map_err(Error::internal)?
}

/// Not as [`on_a_thread`]: a hash has a deadline of its own, and is not given up when it has begun.
async fn on_hashing_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match web::block(work).await {
        Ok(result) => result,
        Err(panicked) => Err(Error::internal(panicked)),
    }
}
