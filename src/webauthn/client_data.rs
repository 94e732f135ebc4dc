//! What the browser says about a ceremony, and signs with it
//! ([WebAuthn level 3 section 5.8.1](https://www.w3.org/TR/webauthn-3/#dictdef-collectedclientdata)).

use aws_lc_rs::digest::{Digest, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::{Refusal, RelyingParty};

/// The `type` of a registration.
pub(super) const CREATE: &str = "webauthn.create";

/// The `type` of an authentication.
pub(super) const GET: &str = "webauthn.get";

/// Members that are not named here may come with later versions.
#[derive(Deserialize)]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    is_cross_origin: bool,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}

impl ClientData {
    pub(super) fn read(json: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(json).map_err(|_bad| Refusal::Malformed("its clientDataJSON cannot be read"))
    }

    /// The challenge.
    pub(super) fn challenge(&self) -> Result<Vec<u8>, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.challenge);
        bytes.map_err(|_bad| Refusal::Malformed("its challenge is not base64url"))
    }

    /// The steps about client data of [section 7.1](https://www.w3.org/TR/webauthn-3/#sctn-registering-a-new-credential) and
    /// [section 7.2](https://www.w3.org/TR/webauthn-3/#sctn-verifying-assertion).
    pub(super) fn check(&self, kind: &str, challenge: &[u8], rp: &RelyingParty) -> Result<(), Refusal> {
        if self.kind != kind {
            return Err(Refusal::Malformed("its type is that of another ceremony"));
        }
        if self.challenge()? != challenge {
            return Err(Refusal::ChallengeOver);
        }
        // A page in a frame of another origin could be drawn over.
        if !rp.origins.contains(&self.origin) || self.is_cross_origin || self.top_origin.is_some() {
            return Err(Refusal::WrongOrigin);
        }
        Ok(())
    }
}

/// What is signed of it.
pub(super) fn hash(json: &[u8]) -> Digest {
    digest(&SHA256, json)
}
