//! What the authenticator says about a ceremony
//! ([WebAuthn level 3 section 6.1](https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data)).

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use minicbor::Decoder;

use super::{Demand, Refusal, RelyingParty};

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

const CUT: Refusal = Refusal::Malformed("its authenticator data is cut off");

pub(super) struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8; SHA256_OUTPUT_LEN],
    flags: u8,
    pub(super) sign_count: u32,
    /// Only at a registration.
    pub(super) credential: Option<Credential<'a>>,
}

/// A credential that was made.
pub(super) struct Credential<'a> {
    pub(super) id: &'a [u8],
    /// As COSE has it.
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let (rp_id_hash, rest) = bytes.split_first_chunk().ok_or(CUT)?;
        let ([flags], rest) = rest.split_first_chunk().ok_or(CUT)?;
        let (sign_count, mut rest) = rest.split_first_chunk().ok_or(CUT)?;
        let mut credential = None;
        if flags & HAS_CREDENTIAL != 0 {
            let (found, after) = Credential::read(rest)?;
            (credential, rest) = (Some(found), after);
        }
        if flags & HAS_EXTENSIONS != 0 {
            (_, rest) = item(rest)?;
        }
        if !rest.is_empty() {
            return Err(Refusal::Malformed("its authenticator data is too long"));
        }
        Ok(Self { rp_id_hash, flags: *flags, sign_count: u32::from_be_bytes(*sign_count), credential })
    }

    /// The steps about it that both ceremonies have.
    pub(super) fn check(&self, rp: &RelyingParty, asked: Demand) -> Result<(), Refusal> {
        if self.rp_id_hash.as_slice() != digest(&SHA256, rp.id.as_bytes()).as_ref() {
            return Err(Refusal::WrongRelyingParty);
        }
        let needed = match asked {
            Demand::Nothing => 0,
            Demand::Presence => USER_PRESENT,
            Demand::Verification => USER_PRESENT | USER_VERIFIED,
        };
        if self.flags & needed != needed {
            return Err(Refusal::NotVerified);
        }
        // A passkey that a browser makes by itself is one of a password manager. A bare security key, whose PIN somebody else
        // could set later, must have verified its user when it was registered.
        if asked == Demand::Nothing && self.flags & (USER_VERIFIED | BACKUP_ELIGIBLE) == 0 {
            return Err(Refusal::NotVerified);
        }
        if self.is_backed_up() && !self.is_backup_eligible() {
            return Err(Refusal::Malformed("it is backed up although it cannot be"));
        }
        Ok(())
    }

    /// Whether there can be copies of the passkey.
    pub(super) fn is_backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    /// Whether there are copies of the passkey, as on all devices of its owner.
    pub(super) fn is_backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }

    /// Whether the user has verified themselves to the authenticator.
    pub(super) fn is_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }
}

impl<'a> Credential<'a> {
    /// A credential, and what comes after it.
    fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Refusal> {
        // The model of the authenticator, which is not asked for.
        let (_aaguid, rest) = bytes.split_first_chunk::<16>().ok_or(CUT)?;
        let (length, rest) = rest.split_first_chunk().ok_or(CUT)?;
        let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(CUT)?;
        let (public_key, rest) = item(rest)?;
        Ok((Self { id, public_key }, rest))
    }
}

/// One item of CBOR, and what comes after it.
fn item(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let mut decoder = Decoder::new(bytes);
    decoder.skip().map_err(|_bad| Refusal::Malformed("its authenticator data is not CBOR where it must be"))?;
    bytes.split_at_checked(decoder.position()).ok_or(CUT)
}
