//! The pair of tokens that a login and a refresh answer with.

use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::{AccessClaims, Audience, FIRST_PARTY, RefreshClaims, SigningAlg, TokenError, issuer_base};
use crate::model::id::{Jti, SessionId};
use crate::model::session::Session;
use crate::model::user::User;

/// How the user proved who they are ([RFC 8176 section 2](https://www.rfc-editor.org/rfc/rfc8176#section-2)).
const PASSWORD: &str = "pwd";

/// A pair and what a client needs to know about it.
pub struct Pair {
    /// The access token.
    pub access_token: String,
    /// How long it is valid.
    pub expires_in: Seconds,
    /// The refresh token.
    pub refresh_token: String,
    /// How long it is valid.
    pub refresh_expires_in: Seconds,
    /// When to refresh.
    pub refresh_after: Seconds,
    /// The refresh token's generation: of two pairs of one session, the higher one is newer.
    pub refresh_generation: i64,
    /// The session.
    pub session_id: SessionId,
    /// Its user.
    pub user: User,
}

/// Who an access token is for, and how it is signed.
#[derive(Clone, Copy)]
pub struct Purpose<'a> {
    pub(super) audience: &'a str,
    pub(super) alg: SigningAlg,
}

impl<'a> Purpose<'a> {
    /// The audience that a client asks for, or the first. Any client may ask for any: what a token is for is told to the
    /// service that takes it, not to the one who holds it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not served.
    pub fn find(app: &'a App, audience: Option<&str>) -> Result<Self, Error> {
        let found = app.config.audiences.find(audience);
        let (audience, alg) =
            found.ok_or_else(|| Error::invalid("audience", "invalid", "is none of this service's audiences"))?;
        Ok(Self { audience, alg })
    }
}

/// Signs the pair of a session as its row stands: the live refresh token, and a new access token.
///
/// # Errors
/// [`Error::Internal`] when there is no randomness or the crypto library fails.
pub fn mint(app: &App, session: &Session, user: User, purpose: Purpose<'_>, now: Timestamp) -> Result<Pair, Error> {
    let config = &app.config;
    // Never beyond what the row promises: that is how long a denial of the session lasts.
    let expires_at = session.access_expires_by.min(now + config.lifetimes.access);
    if expires_at <= now {
        // Only after the retry window was made longer while this token was waiting for its retry.
        return Err(Error::TokenRefused(TokenError::Expired));
    }
    let ring = app.keys.ring();
    // Drawn together: each draw costs about as much as a MAC.
    let [jitter, jti @ ..] = app.entropy.bytes::<17>()?;
    let claims = AccessClaims {
        iss: config.issuer.clone(),
        sub: user.id,
        aud: Audience::One(purpose.audience.to_owned()),
        exp: expires_at,
        iat: now,
        jti: Jti::from_bytes(jti),
        client_id: FIRST_PARTY.to_owned(),
        sid: session.id,
        auth_time: session.authenticated_at,
        amr: vec![PASSWORD.to_owned()],
        roles: user.roles.names().to_vec(),
        scope: config.scope(),
        nbf: None,
    };
    let access_token = ring.sign_access(&claims, purpose.alg, now)?;
    let generation = session.live_generation();
    let issued_by = issuer_base(&config.issuer).to_owned();
    let claims = RefreshClaims {
        iss: issued_by.clone(),
        sub: user.id,
        aud: Audience::One(issued_by),
        iat: session.rotated_at,
        exp: session.refresh_expires_at,
        sid: session.id,
        generation,
        jti: format!("{}.{generation}", session.id),
        client_id: FIRST_PARTY.to_owned(),
    };
    let refresh_token = ring.sign_refresh(&claims, now)?;
    let expires_in = expires_at - now;
    Ok(Pair {
        access_token,
        expires_in,
        refresh_token,
        refresh_expires_in: session.refresh_expires_at - now,
        refresh_after: jittered(expires_in, jitter),
        refresh_generation: generation,
        session_id: session.id,
        user,
    })
}

/// From 60 to 80 percent of the lifetime: early enough for a retry, and spread so that clients that started together
/// do not come back together.
fn jittered(lifetime: Seconds, random: u8) -> Seconds {
    let permille = 600 + 200 * i64::from(random) / 255;
    Seconds((lifetime.0.saturating_mul(permille) / 1_000).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_after_lies_between_60_and_80_percent_of_the_lifetime_and_is_never_zero() {
        assert_eq!(jittered(Seconds(300), 0), Seconds(180));
        assert_eq!(jittered(Seconds(300), 255), Seconds(240));
        assert_eq!(jittered(Seconds(1), 0), Seconds(1));
    }
}
