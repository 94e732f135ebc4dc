//! Checking passwords, and other work that hashes: on threads, within limits.

use actix_web::{rt, web};

use crate::app::App;
use crate::engine::deadline::{self, on_a_thread};
use crate::engine::limiter::Charge;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::id::{SessionId, UserId};
use crate::secret::Secret;
use crate::service::pair::Pair;
use crate::service::proof::{self, Admitted, Claim};
use crate::service::{me, shown};

/// Runs `work`, which hashes a password of a logged-in user and does not use the database. It takes a place in the
/// queue before it takes a thread, so that waiting hashes do not block other requests.
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

/// Checks a password: `claim` finds the account, `evaluate` checks the password without the database, and `finish`
/// records the result. If the client disconnects while it waits for its turn, nothing has happened. After that
/// everything runs to its end, so that each guess is counted and recorded.
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

/// Gives the password again, for a user who is logged in.
pub(super) async fn reauthenticate(
    app: &web::Data<App>,
    user: UserId,
    session: SessionId,
    password: Secret<String>,
    origin: Origin,
) -> Result<Pair, Error> {
    let its_origin = origin.clone();
    let claim = move |app: &_| me::claim(app, user, &password, &origin);
    let record = move |app: &_, outcome| me::reauthenticate(app, user, session, outcome, &its_origin);
    proving(app, claim, proof::prove, record).await
}

/// Changes the password, for a user who is logged in and gives the current one; returns how many other sessions ended.
pub(super) async fn change_password(
    app: &web::Data<App>,
    user: UserId,
    session: SessionId,
    (current, new): (Secret<String>, Secret<String>),
    origin: Origin,
) -> Result<usize, Error> {
    let (its_current, its_origin) = (current.clone(), origin.clone());
    let claim =
        move |app: &_| me::claim(app, user, &current, &origin).map_err(|error| error.in_field("current_password"));
    let evaluate = move |app: &_, admitted| me::next_password(app, admitted, &its_current, &new);
    let change = move |app: &_, next| me::change_password(app, user, session, next, &its_origin);
    proving(app, claim, evaluate, change).await
}

/// Checks what is shown besides a password: `claim` finds the challenge, and `finish` checks the code and opens the session.
/// As with a password, each guess is counted and recorded, also when the client has gone.
pub(super) async fn next_step<T: Send + 'static>(
    app: &web::Data<App>,
    claim: impl FnOnce(&App) -> Result<shown::Claim, Error> + Send + 'static,
    finish: impl FnOnce(&App, shown::Claim, Charge) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let claim = on_a_thread(move || claim(&asked)).await?;
    drop(turn);
    let charge = shown::admit(app, &claim).await?;
    let finishing = app.clone();
    let work = move || finish(&finishing, claim, charge);
    rt::spawn(deadline::carried_on(on_a_thread(work))).await.map_err(Error::internal)?
}

/// Checks what a passkey has signed, within the limits of an address. It is counted and recorded also when the client has gone.
pub(super) async fn asserting<T: Send + 'static>(
    app: &web::Data<App>,
    ip: Option<&str>,
    work: impl FnOnce(&App, Charge) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let charge = shown::admit_passkey(app, ip).await?;
    let app = app.clone();
    let work = move || work(&app, charge);
    rt::spawn(deadline::carried_on(on_a_thread(work))).await.map_err(Error::internal)?
}

/// Unlike [`on_a_thread`] it has no deadline here: hashing has a deadline of its own, and a hash that was started is
/// finished.
async fn on_hashing_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match web::block(work).await {
        Ok(result) => result,
        Err(panicked) => Err(Error::internal(panicked)),
    }
}
