//! Refreshing: the token is verified, the rotator judges it, and the new pair is signed when the result is durable.

use std::sync::Arc;

use super::claims_hook;
use super::mail::notice_to;
use super::pair::{Pair, Purpose, mint};
use crate::app::App;
use crate::engine::deadline;
use crate::engine::rotator;
use crate::error::{Error, root_cause};
use crate::jwt::{KeyRing, RefreshClaims, TokenError};
use crate::model::audit::Origin;
use crate::model::grant::Live;
use crate::model::id::UserId;
use crate::model::mail::Mail;
use crate::model::session::Device;
use crate::model::sharing::hashed_of_client;
use tokensmith_verifier::issuing::FIRST_PARTY;

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
    let verified = verify(app, token, FIRST_PARTY).await?;
    // Before the token is used, too: if it is refused for lack of claims, it is as good as before.
    let hooked = claims_hook::at_refresh(app, &verified.claims, audience).await?;
    let live = settle(app, verified, false, device, origin).await?;
    claims_hook::keep_of_refresh(app, live.session.id, &hooked).await;
    let alg = Purpose::of_grant(app, live.grant.as_deref(), audience)?.alg;
    let (app, audience) = (Arc::clone(app), audience.map(str::to_owned));
    deadline::signing(alg, move || {
        let purpose = Purpose::of_grant(&app, live.grant.as_deref(), audience.as_deref())?;
        mint(&app, live, purpose.hooked(hooked.claims()), app.clock.now())
    })
    .await
}

/// A refresh token whose signature, time and client are right.
pub(super) struct Verified {
    pub(super) claims: RefreshClaims,
    pub(super) ring: Arc<KeyRing>,
}

/// Verifies a refresh token that a client presents. One of another client is refused here: that is no reuse, and its session
/// goes on.
pub(super) async fn verify(app: &App, token: &str, client_id: &str) -> Result<Verified, Error> {
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
    // RFC 6749 section 6: the refresh token is bound to the client to which it was issued.
    if claims.client_id == client_id { Ok(Verified { claims, ring }) } else { Err(Error::WrongClient) }
}

/// Lets the rotator judge a refresh token that came from `device`; `is_bound` when its client has authenticated.
pub(super) async fn settle(
    app: &Arc<App>,
    verified: Verified,
    is_bound: bool,
    device: &Device,
    origin: Origin,
) -> Result<Live, Error> {
    let Verified { claims, ring } = verified;
    let ip = device.ip.as_ref().and_then(|ip| ip.parse().ok());
    let context = ring.context(&hashed_of_client(ip, device.user_agent.as_deref()), app.clock.now())?;
    let (user, its_origin) = (claims.sub, origin.clone());
    let settled = app.rotator.settle(claims, rotator::Client { origin, context, is_bound }).await;
    if matches!(settled, Err(Error::RefreshTokenReused)) && app.config.mail_url.is_some() {
        tell_of_reuse(app, user, its_origin).await;
    }
    settled
}

/// Tells the owner of a session that it was ended. It has been ended by then, in a batch with others that knows no mail: a
/// service that is killed in between tells only the log.
async fn tell_of_reuse(app: &Arc<App>, user: UserId, origin: Origin) {
    let its_app = Arc::clone(app);
    let tell = move || {
        let notice = notice_to(&its_app, user, &Mail::RefreshTokenReused, &origin);
        its_app.units.run(move |tx| notice.enqueue(tx))
    };
    if let Err(error) = deadline::on_a_thread(tell).await {
        log::error!(user:%, cause = root_cause(&error); "a user is not told of a reused refresh token");
    }
}
