//! Passkeys.

use super::id::{Id, SessionId, UserId};
use super::names::Names;
use super::user::DisplayName;
use crate::clock::{Seconds, Timestamp};

/// Marks the identifiers of passkeys.
#[derive(Debug)]
pub(crate) enum PasskeyTag {}

/// Identifies a passkey to its owner. It is not the id of the credential.
pub(crate) type PasskeyId = Id<PasskeyTag>;

/// The most passkeys of a user. More are probably a mistake in a script.
pub(crate) const MAX_PASSKEYS: usize = 20;

/// How long a user may take to answer the challenge of a passkey.
pub(crate) const PASSKEY_CHALLENGE_LIFETIME: Seconds = Seconds(300);

/// A passkey: what WebAuthn calls a [credential record](https://www.w3.org/TR/webauthn-3/#credential-record).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passkey {
    /// Identifies it to its owner.
    pub(crate) id: PasskeyId,
    /// Its owner.
    pub(crate) user_id: UserId,
    /// The id of the credential.
    pub(crate) credential_id: Vec<u8>,
    /// Its public key, as COSE has it.
    pub(crate) public_key: Vec<u8>,
    /// Its counter when it was last used; always 0 if the authenticator has none.
    pub(crate) sign_count: i64,
    /// Whether there can be copies, which never changes; `None` if it was not used since that is stored.
    pub(crate) is_backup_eligible: Option<bool>,
    /// Whether there are copies, as on all devices of its owner.
    pub(crate) is_backed_up: bool,
    /// How browsers may reach its authenticator.
    pub(crate) transports: Names,
    /// The owner's name for it.
    pub(crate) name: DisplayName,
    /// When it was registered.
    pub(crate) created_at: Timestamp,
    /// The session in which that was; none if it was part of a login.
    pub(crate) created_in: Option<SessionId>,
    /// When it was last used.
    pub(crate) last_used_at: Option<Timestamp>,
}
