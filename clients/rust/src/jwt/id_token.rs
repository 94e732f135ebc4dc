//! What an ID token claims ([OpenID Connect Core section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::audience::Audience;
use super::credential::Subject;
use super::json::present;
use crate::clock::Timestamp;
use crate::id::SessionId;

/// The claims of an ID token. It tells a client who has logged in, and opens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdTokenClaims {
    /// The service that issued it.
    pub iss: String,
    /// The user.
    pub sub: Subject,
    /// The client.
    pub aud: Audience,
    /// The first second at which it is no longer valid.
    pub exp: Timestamp,
    /// When it was issued.
    pub iat: Timestamp,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// The client's own, from its request.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub nonce: Option<String>,
    /// How strong the proof was.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub acr: Option<String>,
    /// The provider at which the user has authenticated, if that was not the issuer itself.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub idp: Option<String>,
    /// How the user proved it.
    pub amr: Vec<String>,
    /// The client that it was issued to.
    pub azp: String,
    /// The session of the user's browser
    /// ([OpenID Connect Front-Channel Logout section 3](https://openid.net/specs/openid-connect-frontchannel-1_0.html#OPLogout)).
    /// An access token has the grant's, which is another one.
    pub sid: SessionId,
    /// Half of the hash of the access token that was issued with it
    /// ([OpenID Connect Core section 3.1.3.6](https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken)).
    pub at_hash: String,
    /// Every other claim, by name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
