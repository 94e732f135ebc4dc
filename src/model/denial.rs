//! What verifiers must refuse although its signature is good.

use super::id::{Jti, SessionId, UserId};
use crate::clock::{Seconds, Timestamp};
use tokensmith_verifier::issuing::DeniedSubject;

/// A denial outlives the last token that it denies by this much, so that neither the clocks of two instances nor the
/// leeway of a verifier can bring that token back.
const MARGIN: Seconds = Seconds(60);

/// One entry of the denylist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What is denied.
    pub subject: DeniedSubject,
    /// Since when.
    pub denied_at: Timestamp,
    /// When no token that it denies can be alive any more, and the entry goes.
    pub expires_at: Timestamp,
}

impl Denial {
    /// Denies every access token of a session that ends now. The last of them expires by `access_expires_by`, or, when
    /// the database has lost the rotation that moved it, within one access lifetime as it is set today.
    pub(crate) fn of_session(id: SessionId, now: Timestamp, access_expires_by: Timestamp, access: Seconds) -> Self {
        let last_expires_at = access_expires_by.max(now + access);
        Self { subject: DeniedSubject::Session(id), denied_at: now, expires_at: last_expires_at + MARGIN }
    }

    /// Denies every access token of a client that was issued before an instant; `access` is the longest lifetime that one
    /// was issued with.
    pub fn of_client(client_id: &str, issued_before: Timestamp, now: Timestamp, access: Seconds) -> Self {
        let expires_at = issued_before + access + MARGIN;
        Self { subject: DeniedSubject::Client(client_id.into(), issued_before), denied_at: now, expires_at }
    }

    /// Denies every access token of a user, as [`Denial::of_client`].
    pub fn of_user(id: UserId, issued_before: Timestamp, now: Timestamp, access: Seconds) -> Self {
        let expires_at = issued_before + access + MARGIN;
        Self { subject: DeniedSubject::User(id.to_string().into(), issued_before), denied_at: now, expires_at }
    }

    /// Denies one access token.
    pub(crate) fn of_access_token(jti: Jti, now: Timestamp, token_expires_at: Timestamp) -> Self {
        Self { subject: DeniedSubject::AccessToken(jti), denied_at: now, expires_at: token_expires_at + MARGIN }
    }
}
