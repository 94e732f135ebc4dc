//! The token pair that a login and a refresh return.

use std::sync::Arc;

use super::signing::sign_access;
use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::{AccessClaims, Issuing, SigningAlg, TokenError, refresh_claims};
use crate::model::attributes::Attributes;
use crate::model::client::Client;
use crate::model::custom_claim::About;
use crate::model::grant::{Grant, Live};
use crate::model::id::{Jti, SessionId};
use crate::model::user::User;

/// A token pair and what a client needs to know about it.
pub struct Pair {
    /// The access token.
    pub access_token: String,
    /// How long it is valid.
    pub(crate) expires_in: Seconds,
    /// The refresh token.
    pub refresh_token: String,
    /// How long it is valid.
    pub(crate) refresh_expires_in: Seconds,
    /// When the client should refresh.
    pub(crate) refresh_after: Seconds,
    /// The refresh token's generation: of two pairs of one session, the higher one is newer.
    pub(crate) refresh_generation: i64,
    /// The scopes of the access token.
    pub(crate) scope: Option<String>,
    /// The session.
    pub(crate) session_id: SessionId,
    /// Its user.
    pub(crate) user: Arc<User>,
}

/// The audience of an access token, how it is signed, and for which registered application, if it is for one.
#[derive(Clone, Copy)]
pub struct Purpose<'a> {
    pub(super) audience: &'a str,
    pub(super) alg: SigningAlg,
    client: Option<&'a Client>,
    hooked: Option<&'a Attributes>,
}

impl<'a> Purpose<'a> {
    /// The audience that a client asks for, by default the first. Any client may ask for any audience: it restricts
    /// where the token is accepted, not who may have it.
    pub fn find(app: &'a App, audience: Option<&str>) -> Result<Self, Error> {
        let found = app.config.audiences.find(audience);
        let (audience, alg) =
            found.ok_or_else(|| Error::invalid("audience", "invalid", "is not an audience of this service"))?;
        Ok(Self { audience, alg, client: None, hooked: None })
    }

    /// The same, for a registered application.
    pub(crate) fn of_client(self, client: &'a Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// The same, with what the hook for claims has answered.
    pub(crate) fn hooked(self, hooked: Option<&'a Attributes>) -> Self {
        Self { hooked, ..self }
    }

    /// As [`Purpose::find`], but the default is the audience that the session was opened for, if it still exists.
    pub(crate) fn of_grant(app: &'a App, grant: Option<&Grant>, asked: Option<&str>) -> Result<Self, Error> {
        let granted = grant.and_then(|grant| grant.audience.as_deref());
        let granted = granted.filter(|audience| app.config.audiences.find(Some(audience)).is_some());
        Self::find(app, asked.or(granted))
    }
}

/// Signs the pair of a session according to its row: the live refresh token, and a new access token.
pub fn mint(app: &App, live: Live, purpose: Purpose<'_>, now: Timestamp) -> Result<Pair, Error> {
    let config = &app.config;
    let Live { session, grant, user } = live;
    let grant = grant.unwrap_or_else(|| Arc::new(config.grant(None)));
    // Never longer than the row allows, because a denial of the session lasts only until then.
    let expires_at = session.access_expires_by.min(now + config.lifetimes.access);
    if expires_at <= now {
        // Only possible if the retry window was made longer before this token was retried.
        return Err(Error::TokenRefused(TokenError::Expired));
    }
    let ring = app.keys.ring();
    // Drawn together, since each draw costs about as much as a MAC.
    let [jitter, jti @ ..] = app.entropy.bytes::<17>()?;
    let (issuer, audience, jti) = (&config.issuer, purpose.audience, Jti::from_bytes(jti));
    let issuing = Issuing { issuer, audience, jti, iat: now, exp: expires_at, compat: config.compat };
    let mut claims = issuing.of_session(&session, &grant, &user);
    let about = About { user: Some(&user), client: purpose.client, hooked: purpose.hooked };
    let access_token = sign_access(app, &mut claims, about, purpose.alg, now)?;
    let refresh_token = ring.sign(&refresh_claims(issuer, &session, &grant), None, now)?;
    let expires_in = expires_at - now;
    Ok(Pair {
        access_token,
        expires_in,
        refresh_token,
        refresh_expires_in: session.refresh_expires_at - now,
        refresh_after: jittered(expires_in, jitter),
        refresh_generation: session.live_generation(),
        scope: claims.scope,
        session_id: session.id,
        user,
    })
}

/// An access token that is signed for a request whose session was judged without writing.
pub(crate) struct Access {
    /// The token.
    pub(crate) token: String,
    /// What it says.
    pub(crate) claims: AccessClaims,
    /// How long it is valid.
    pub(crate) lifetime: Seconds,
}

/// Signs an access token for `purpose` until `end`, for the session of a browser. Unlike a pair it may be valid for
/// longer than the row says: a denial of the session lasts for one access token lifetime, too.
pub(crate) fn mint_access(
    app: &App,
    live: &Live,
    purpose: Purpose<'_>,
    end: Timestamp,
    now: Timestamp,
) -> Result<Access, Error> {
    let config = &app.config;
    let Live { session, grant, user } = live;
    let exp = session.expires_at.min(end).min(now + config.lifetimes.access);
    if exp <= now {
        // A refresh token is accepted for a moment after its end, for instances whose clocks differ.
        return Err(Error::TokenRefused(TokenError::Expired));
    }
    let (issuer, audience, jti) = (&config.issuer, purpose.audience, Jti::from_bytes(app.entropy.bytes()?));
    let grant = grant.clone().unwrap_or_else(|| Arc::new(config.grant(None)));
    let issuing = Issuing { issuer, audience, jti, iat: now, exp, compat: config.compat };
    let mut claims = issuing.of_session(session, &grant, user);
    let about = About { user: Some(user), client: purpose.client, hooked: purpose.hooked };
    let token = sign_access(app, &mut claims, about, purpose.alg, now)?;
    Ok(Access { token, claims, lifetime: exp - now })
}

/// From 60 to 80 percent of the lifetime: early enough for a retry, and random, so that clients that started together
/// do not refresh together.
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
