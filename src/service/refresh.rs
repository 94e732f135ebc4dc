//! Refreshing: the token is verified, the rotator judges it, and only when that is durable is anything signed.

use super::pair::{Pair, Purpose, mint};
use super::rotator::Client;
use crate::app::Issuer;
use crate::error::Error;
use crate::jwt::{KeyRing, TokenError};
use crate::model::session::Device;
use crate::model::sharing::hashed_of_client;

/// Answers the pair that follows a refresh token that came from `device`, its access token for `audience` (or the session's own), by
/// the rules of [`crate::model::rotation`]. Unlike the other use cases it waits without holding a thread.
///
/// # Errors
/// [`Error::Invalid`] for an audience that is not served, [`Error::TokenRefused`] for what is not a valid refresh token of ours, [`Error::RefreshTokenReused`],
/// [`Error::SessionEnded`], [`Error::SessionUnknown`], [`Error::AccountDisabled`], [`Error::Overloaded`],
/// [`Error::Unavailable`].
pub async fn refresh(issuer: &Issuer, token: &str, audience: Option<&str>, device: Device) -> Result<Pair, Error> {
    let app = &issuer.app;
    // Before the token is spent.
    Purpose::find(app, audience)?;
    let verify = |ring: &KeyRing| ring.verify_refresh(token, &app.config.issuer, app.clock.now());
    // Before the database is asked: garbage costs no query.
    let mut ring = issuer.keys.ring();
    let mut verified = verify(&ring);
    if verified == Err(TokenError::UnknownKey) {
        issuer.known_keys.find_key_of(token).await?;
        ring = issuer.keys.ring();
        verified = verify(&ring);
    }
    let claims = verified.map_err(Error::TokenRefused)?;
    let ip = device.ip.as_ref().and_then(|ip| ip.parse().ok());
    let context = ring.context(&hashed_of_client(ip, device.user_agent.as_deref()), app.clock.now())?;
    let client = Client { ip: device.ip, context };
    let live = issuer.rotator.settle(claims, client).await?;
    let purpose = Purpose::of_grant(app, live.grant.as_ref(), audience)?;
    mint(issuer, live, purpose, app.clock.now())
}
