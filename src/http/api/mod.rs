//! Our own API, one file for each resource: from a request to a use case and back to a response.

pub(super) mod admin_keys;
pub(super) mod admin_user_access;
pub(super) mod admin_users;
pub(super) mod api_tokens;
pub(super) mod audit;
pub(super) mod docs;
pub(super) mod health;
mod lists;
pub(super) mod me;
pub(super) mod problem;
pub(super) mod sessions;
pub(super) mod tokens;
pub(super) mod well_known;

use actix_web::{rt, web};

use crate::app::App;
use crate::engine::deadline::{self, on_a_thread as blocking};
use crate::error::Error;
use crate::service::proof::{self, Admitted, Claim};

/// Runs `work`, which hashes a password of a logged-in user and does not use the database. It takes a place in the
/// queue before it takes a thread, so that waiting hashes do not block other requests.
async fn hashing<T: Send + 'static>(
    app: &web::Data<App>,
    work: impl FnOnce(&App) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let place = proof::place(app)?;
    let app = app.clone();
    on_hashing_thread(move || {
        // Kept until the thread is done, even if the client disconnects.
        let _place = place;
        work(&app)
    })
    .await
}

/// Checks a password: `claim` finds the account, `evaluate` checks the password without the database, and `finish`
/// records the result. If the client disconnects while it waits for its turn, nothing has happened. After that
/// everything runs to its end, so that each guess is counted and recorded.
async fn proving<P: Send + 'static, T: Send + 'static>(
    app: &web::Data<App>,
    claim: impl FnOnce(&App) -> Result<Claim, Error> + Send + 'static,
    evaluate: impl FnOnce(&App, Admitted) -> Result<P, Error> + Send + 'static,
    finish: impl FnOnce(&App, P) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let claim = blocking(move || claim(&asked)).await?;
    drop(turn);
    let admitted = proof::admit(app, claim).await?;
    let (evaluating, finishing) = (app.clone(), app.clone());
    let task = rt::spawn(deadline::carried_on(async move {
        let proved = on_hashing_thread(move || evaluate(&evaluating, admitted)).await?;
        blocking(move || finish(&finishing, proved)).await
    }));
    task.await.map_err(Error::internal)?
}

/// Unlike [`blocking`] it has no deadline here: hashing has a deadline of its own, and a hash that was started is
/// finished.
async fn on_hashing_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match web::block(work).await {
        Ok(result) => result,
        Err(panicked) => Err(Error::internal(panicked)),
    }
}
