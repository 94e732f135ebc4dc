//! Registering a passkey
//! ([WebAuthn level 3 section 7.1](https://www.w3.org/TR/webauthn-3/#sctn-registering-a-new-credential)).

use super::attestation::AttestationObject;
use super::authenticator_data::AuthenticatorData;
use super::client_data::{CREATE, ClientData, hash};
use super::cose::PublicKey;
use super::{Demand, Refusal, RelyingParty};

/// The longest id of a credential, in bytes.
const MAX_ID_BYTES: usize = 1_023;

/// What a browser sends when a passkey was made.
pub(crate) struct Registration {
    /// What the browser says about it, as JSON.
    pub(crate) client_data: Vec<u8>,
    /// What the authenticator says, as CBOR.
    pub(crate) attestation_object: Vec<u8>,
}

/// A new passkey, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    /// The id of the credential.
    pub(crate) credential_id: Vec<u8>,
    /// Its public key, as COSE has it.
    pub(crate) public_key: Vec<u8>,
    /// Its counter.
    pub(crate) sign_count: u32,
    /// Whether there can be copies.
    pub(crate) is_backup_eligible: bool,
    /// Whether there are copies, as on all devices of its owner.
    pub(crate) is_backed_up: bool,
}

impl Registration {
    /// The challenge that it answers, which must be compared with what was asked.
    pub(crate) fn challenge(&self) -> Result<Vec<u8>, Refusal> {
        ClientData::read(&self.client_data)?.challenge()
    }

    /// Checks everything, against the challenge that was asked.
    pub(crate) fn check(&self, rp: &RelyingParty, challenge: &[u8], asked: Demand) -> Result<Registered, Refusal> {
        ClientData::read(&self.client_data)?.check(CREATE, challenge, rp)?;
        let object = AttestationObject::read(&self.attestation_object)?;
        let data = AuthenticatorData::read(object.data)?;
        data.check(rp, asked)?;
        let credential = data.credential.as_ref().ok_or(Refusal::Malformed("it has no credential"))?;
        if !(1..=MAX_ID_BYTES).contains(&credential.id.len()) {
            return Err(Refusal::Malformed("its id is too long"));
        }
        let key = PublicKey::read(credential.public_key)?;
        object.check(&key, hash(&self.client_data).as_ref())?;
        Ok(Registered {
            credential_id: credential.id.to_vec(),
            public_key: credential.public_key.to_vec(),
            sign_count: data.sign_count,
            is_backup_eligible: data.is_backup_eligible(),
            is_backed_up: data.is_backed_up(),
        })
    }
}
