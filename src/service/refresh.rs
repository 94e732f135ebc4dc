//! Refreshing: the token is verified, the rotator judges it, and only when that is durable is anything signed.

use super::pair::{Pair, mint};
use crate::app::Issuer;
use crate::error::Error;

/// Answers the pair that follows a refresh token, by the rules of [`crate::model::rotation`]. Unlike the other use cases
/// it waits without holding a thread.
///
/// # Errors
/// [`Error::TokenRefused`] for what is not a valid refresh token of ours, [`Error::RefreshTokenReused`],
/// [`Error::SessionEnded`], [`Error::SessionUnknown`], [`Error::AccountDisabled`], [`Error::Overloaded`],
/// [`Error::Unavailable`].
pub async fn refresh(issuer: &Issuer, token: &str) -> Result<Pair, Error> {
    let app = &issuer.app;
    // Before the database is asked: garbage costs no query.
    let claims = issuer.keys.verify_refresh(token, &app.config.issuer, app.clock.now()).map_err(Error::TokenRefused)?;
    let (session, user) = issuer.rotator.settle(claims).await?;
    mint(issuer, &session, user, app.clock.now())
}
