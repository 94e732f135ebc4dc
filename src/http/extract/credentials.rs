//! What browsers make of a passkey's answer: the JSON of `PublicKeyCredential.toJSON()`
//! ([WebAuthn level 3 section 5.1](https://www.w3.org/TR/webauthn-3/#dictdef-registrationresponsejson)). Members that are not
//! listed are not read: browsers add more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, de};
use utoipa::ToSchema;

use crate::http::words::Base64Url;
use crate::webauthn::{Assertion, Registration};

/// Bytes, as base64url without padding.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text).map(Self).map_err(|_other| de::Error::custom("expected base64url without padding"))
    }
}

/// The kind of a credential.
#[derive(Deserialize, ToSchema)]
#[schema(as = CredentialType)]
enum CredentialType {
    /// The only one.
    #[serde(rename = "public-key")]
    PublicKey,
}

/// A new passkey, as a browser sends it.
#[derive(Deserialize, ToSchema)]
#[schema(as = RegistrationResponse)]
pub(in crate::http) struct RegistrationBody {
    #[serde(rename = "type")]
    #[schema(inline)]
    _kind: CredentialType,
    response: AttestationBody,
}

/// What the authenticator says about it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttestationResponse)]
struct AttestationBody {
    /// In base64url without padding.
    #[serde(rename = "clientDataJSON")]
    #[schema(value_type = Base64Url)]
    client_data: Bytes,
    /// In base64url without padding.
    #[schema(value_type = Base64Url)]
    attestation_object: Bytes,
    /// How browsers may reach the authenticator.
    #[serde(default)]
    transports: Vec<String>,
}

/// What a passkey has signed, as a browser sends it.
#[derive(Deserialize, ToSchema)]
#[schema(as = AuthenticationResponse)]
pub(in crate::http) struct AssertionBody {
    /// The id of the credential, in base64url without padding.
    #[schema(value_type = Base64Url)]
    id: Bytes,
    #[serde(rename = "type")]
    #[schema(inline)]
    _kind: CredentialType,
    response: SignedBody,
}

/// What the authenticator says, and its signature.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AssertionResponse)]
struct SignedBody {
    /// In base64url without padding.
    #[serde(rename = "clientDataJSON")]
    #[schema(value_type = Base64Url)]
    client_data: Bytes,
    /// In base64url without padding.
    #[schema(value_type = Base64Url)]
    authenticator_data: Bytes,
    /// In base64url without padding.
    #[schema(value_type = Base64Url)]
    signature: Bytes,
    /// The user's id as bytes, in base64url without padding. Needed where no username was given.
    #[schema(value_type = Option<Base64Url>)]
    user_handle: Option<Bytes>,
}

impl RegistrationBody {
    /// How browsers may reach the authenticator, and what is checked.
    pub(in crate::http) fn parts(self) -> (Vec<String>, Registration) {
        let AttestationBody { client_data, attestation_object, transports } = self.response;
        (transports, Registration { client_data: client_data.0, attestation_object: attestation_object.0 })
    }
}

impl From<AssertionBody> for Assertion {
    fn from(body: AssertionBody) -> Self {
        let SignedBody { client_data, authenticator_data, signature, user_handle } = body.response;
        Self {
            credential_id: body.id.0,
            client_data: client_data.0,
            authenticator_data: authenticator_data.0,
            signature: signature.0,
            user_handle: user_handle.map(|bytes| bytes.0),
        }
    }
}
