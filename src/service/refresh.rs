//! Refreshing: the token is verified, the rotator judges it, and the new pair is signed when the result is durable.

use std::sync::Arc;

use super::pair::{Pair, Purpose, mint};
use crate::app::App;
use crate::engine::deadline;
use crate::engine::rotator::Client;
use crate::error::Error;
use crate::jwt::{KeyRing, TokenError};
use crate::model::audit::Origin;
use crate::model::session::Device;
use crate::model::sharing::hashed_of_client;

/// Returns the next pair for a refresh token from `device`, by the rules of [`crate::model::rotation`]. The access
/// token is for `audience` (by default the session's own). Unlike other use cases it waits without holding a thread.
pub(crate) async fn refresh(
    app: &Arc<App>,
    token: &str,
    audience: Option<&str>,
    device: &Device,
    origin: Origin,
) -> Result<Pair, Error> {
    // Before the token is used.
    Purpose::find(app, audience)?;
    let verify = |ring: &KeyRing| ring.verify_refresh(token, &app.config.issuer, app.clock.now());
    // Before the database is asked, so that garbage costs no query.
    let mut ring = app.keys.ring();
    let mut verified = verify(&ring);
    if verified == Err(TokenError::UnknownKey) {
        app.known_keys.find_key_of(token).await?;
        ring = app.keys.ring();
        verified = verify(&ring);
    }
    let claims = verified.map_err(Error::TokenRefused)?;
    let ip = device.ip.as_ref().and_then(|ip| ip.parse().ok());
    let context = ring.context(&hashed_of_client(ip, device.user_agent.as_deref()), app.clock.now())?;
    let live = app.rotator.settle(claims, Client { origin, context }).await?;
    let alg = Purpose::of_grant(app, live.grant.as_ref(), audience)?.alg;
    let (app, audience) = (Arc::clone(app), audience.map(str::to_owned));
    deadline::signing(alg, move || {
        let purpose = Purpose::of_grant(&app, live.grant.as_ref(), audience.as_deref())?;
        mint(&app, live, purpose, app.clock.now())
    })
    .await
}
