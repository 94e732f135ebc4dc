//! Authenticating by a passkey
//! ([WebAuthn level 3 section 7.2](https://www.w3.org/TR/webauthn-3/#sctn-verifying-assertion)).

use super::authenticator_data::AuthenticatorData;
use super::client_data::{ClientData, GET, hash};
use super::cose::PublicKey;
use super::{Demand, Refusal, RelyingParty};

/// What a browser sends when a passkey was used.
pub(crate) struct Assertion {
    /// The id of the credential.
    pub(crate) credential_id: Vec<u8>,
    /// What the browser says about it, as JSON.
    pub(crate) client_data: Vec<u8>,
    /// What the authenticator says.
    pub(crate) authenticator_data: Vec<u8>,
    /// The signature over both.
    pub(crate) signature: Vec<u8>,
    /// Whose passkey it is; passkeys that are found without a username always say so.
    pub(crate) user_handle: Option<Vec<u8>>,
}

/// A passkey as it is stored.
pub(crate) struct Known<'a> {
    /// Whose it is.
    pub(crate) user_handle: &'a [u8],
    /// Its public key, as COSE has it.
    pub(crate) public_key: &'a [u8],
    /// Its counter when it was last used.
    pub(crate) sign_count: u32,
    /// Whether there can be copies; `None` if that was not stored.
    pub(crate) is_backup_eligible: Option<bool>,
}

/// What is new about a passkey that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Its counter.
    pub(crate) sign_count: u32,
    /// Whether there can be copies.
    pub(crate) is_backup_eligible: bool,
    /// Whether there are copies, as on all devices of its owner.
    pub(crate) is_backed_up: bool,
    /// Whether the user has verified themselves to the authenticator.
    pub(crate) is_verified: bool,
}

impl Assertion {
    /// The challenge that it answers, which must be compared with what was asked.
    pub(crate) fn challenge(&self) -> Result<Vec<u8>, Refusal> {
        ClientData::read(&self.client_data)?.challenge()
    }

    /// Checks everything, against the challenge that was asked.
    pub(crate) fn check(
        &self,
        rp: &RelyingParty,
        challenge: &[u8],
        asked: Demand,
        known: &Known<'_>,
    ) -> Result<Answer, Refusal> {
        if self.user_handle.as_ref().is_some_and(|handle| handle != known.user_handle) {
            return Err(Refusal::WrongUser);
        }
        ClientData::read(&self.client_data)?.check(GET, challenge, rp)?;
        let data = AuthenticatorData::read(&self.authenticator_data)?;
        data.check(rp, asked)?;
        // Section 7.2: it never changes.
        if known.is_backup_eligible.is_some_and(|stored| stored != data.is_backup_eligible()) {
            return Err(Refusal::Malformed("whether it can be backed up has changed"));
        }
        let message = [self.authenticator_data.as_slice(), hash(&self.client_data).as_ref()].concat();
        PublicKey::read(known.public_key)?.verify(&message, &self.signature)?;
        // Authenticators without a counter always say 0.
        let has_counter = data.sign_count != 0 || known.sign_count != 0;
        if has_counter && data.sign_count <= known.sign_count {
            return Err(Refusal::CounterBack);
        }
        Ok(Answer {
            sign_count: data.sign_count,
            is_backup_eligible: data.is_backup_eligible(),
            is_backed_up: data.is_backed_up(),
            is_verified: data.is_verified(),
        })
    }
}
