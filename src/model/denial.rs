//! Denials: what verifiers must refuse although the signature is valid.

use super::id::{Jti, SessionId, UserId};
use crate::clock::{Seconds, Timestamp};
use tokensmith_verifier::issuing::{DeniedSubject, MAX_CLOCK_SKEW};

/// How much longer a denial lasts than the last token that it denies, so that differences of clocks and the leeway of
/// verifiers cannot make that token valid again.
const MARGIN: Seconds = Seconds(60);

/// The first `iat` that no token can have that any instance has issued until now. It is later than now for two reasons:
/// times are whole seconds, so a token of this second may be older than the denial; and the clock of the issuing
/// instance may be ahead. No denied token may be accepted, so for this long new tokens are refused, too.
fn issued_before(now: Timestamp) -> Timestamp {
    now + MAX_CLOCK_SKEW + Seconds(1)
}

/// One entry of the denylist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What is denied.
    pub subject: DeniedSubject,
    /// Since when.
    pub denied_at: Timestamp,
    /// When all tokens that it denies have expired and the entry can be deleted.
    pub expires_at: Timestamp,
}

impl Denial {
    /// Denies every access token of a session that ends now. The last of them expires by `access_expires_by`, or, if
    /// the database has lost the rotation that changed it, within the current access token lifetime.
    pub(crate) fn of_session(id: SessionId, now: Timestamp, access_expires_by: Timestamp, access: Seconds) -> Self {
        let last_expires_at = access_expires_by.max(now + access);
        Self { subject: DeniedSubject::Session(id), denied_at: now, expires_at: last_expires_at + MARGIN }
    }

    /// Denies every access token of a client that any instance has issued until now; `access` is their longest
    /// lifetime. **Tokens that are issued within the next minute are denied, too**: see [`issued_before`]. If the user
    /// must be able to log in again at once, deny the sessions instead.
    pub fn of_client(client_id: &str, now: Timestamp, access: Seconds) -> Self {
        let issued_before = issued_before(now);
        let expires_at = issued_before + access + MARGIN;
        Self { subject: DeniedSubject::Client(client_id.into(), issued_before), denied_at: now, expires_at }
    }

    /// Denies every access token of a user, as [`Denial::of_client`].
    pub fn of_user(id: UserId, now: Timestamp, access: Seconds) -> Self {
        let issued_before = issued_before(now);
        let expires_at = issued_before + access + MARGIN;
        Self { subject: DeniedSubject::User(id.to_string().into(), issued_before), denied_at: now, expires_at }
    }

    /// Denies one access token.
    pub(crate) fn of_access_token(jti: Jti, now: Timestamp, token_expires_at: Timestamp) -> Self {
        Self { subject: DeniedSubject::AccessToken(jti), denied_at: now, expires_at: token_expires_at + MARGIN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_the_same_second_and_of_the_fastest_clock_is_denied_and_lives_no_longer_than_its_denial() {
        let (now, access) = (Timestamp(1_800_000_000), Seconds(300));
        let user = UserId::new(now, [1; 10]);
        for denial in [Denial::of_user(user, now, access), Denial::of_client("notes-app", now, access)] {
            let (DeniedSubject::User(_, before) | DeniedSubject::Client(_, before)) = denial.subject else { panic!() };
            let latest_iat = now + MAX_CLOCK_SKEW;
            assert!(latest_iat < before);
            assert!(latest_iat + access + MAX_CLOCK_SKEW < denial.expires_at);
        }
    }
}
