//! The claims of access tokens and refresh tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::audience::Audience;
use super::credential::{Credential, Subject};
use super::json::present;
use crate::clock::Timestamp;
use crate::denied_set::DeniedSet;
use crate::id::{Jti, SessionId, UserId};

/// The claims that every access token has ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)).
#[derive(Clone, Debug)]
pub struct RequiredClaims {
    /// The service that issues it.
    pub iss: String,
    /// Who it speaks for.
    pub sub: Subject,
    /// Who it is for.
    pub aud: Audience,
    /// The first second at which it is no longer valid.
    pub exp: Timestamp,
    /// When it is issued.
    pub iat: Timestamp,
    /// Its own name.
    pub jti: Jti,
    /// The client that it is issued to.
    pub client_id: String,
    /// The credential that it comes from.
    pub credential: Credential,
}

/// The claims of an access token ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessClaims {
    /// The service that issued it.
    pub iss: String,
    /// Who it speaks for: a user, or a client. [`AccessClaims::user_id`] tells which.
    pub sub: Subject,
    /// Who it is for.
    pub aud: Audience,
    /// The first second at which it is no longer valid.
    pub exp: Timestamp,
    /// When it was issued.
    pub iat: Timestamp,
    /// Its own name.
    pub jti: Jti,
    /// The client that it was issued to. [`AccessClaims::credential`] tells what it came from.
    pub client_id: String,
    /// The session that it belongs to, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub sid: Option<SessionId>,
    /// When the user was authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub auth_time: Option<Timestamp>,
    /// The methods of authentication ([RFC 8176](https://www.rfc-editor.org/rfc/rfc8176#section-2)). A user's token has
    /// it even if it is empty, because earlier verifiers require it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub amr: Option<Vec<String>>,
    /// The user's roles ([RFC 9068 section 2.2.3.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3.1)); left out
    /// if there are none, since some validators refuse an empty list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The scopes, separated by spaces
    /// ([RFC 9068 section 2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3)).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub scope: Option<String>,
    /// The strength of the authentication
    /// ([OpenID Connect Core section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub acr: Option<String>,
    /// The provider at which the user has authenticated, as the issuer calls it; none if that was at the issuer itself.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub idp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    credential: Option<Credential>,
    /// The key that the sender of the token must have
    /// ([RFC 7800 section 3.1](https://www.rfc-editor.org/rfc/rfc7800#section-3.1)). It is not checked here.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub cnf: Option<Map<String, Value>>,
    /// The party that acts for the subject
    /// ([RFC 8693 section 4.1](https://www.rfc-editor.org/rfc/rfc8693#section-4.1)).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub act: Option<Map<String, Value>>,
    /// The token must not be accepted before this time; the issuer does not set it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub nbf: Option<Timestamp>,
    /// Every other claim, by name.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl AccessClaims {
    /// These claims and no others; the optional ones can be set.
    #[must_use]
    pub fn new(required: RequiredClaims) -> Self {
        let RequiredClaims { iss, sub, aud, exp, iat, jti, client_id, credential } = required;
        Self {
            iss,
            sub,
            aud,
            exp,
            iat,
            jti,
            credential: credential.written(&client_id),
            client_id,
            sid: None,
            auth_time: None,
            amr: None,
            roles: Vec::new(),
            scope: None,
            acr: None,
            idp: None,
            cnf: None,
            act: None,
            nbf: None,
            extra: Map::new(),
        }
    }

    /// The credential that the token came from.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.credential.unwrap_or_else(|| Credential::unwritten(&self.client_id))
    }

    /// Whether a user has logged in for it, at the issuer itself or through a registered application.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        matches!(self.credential(), Credential::Login | Credential::Application)
    }

    /// The user of the token; `None` if the token belongs to a client, even one whose id looks like a user's
    /// ([RFC 9068 section 5](https://www.rfc-editor.org/rfc/rfc9068#section-5)).
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self.credential() {
            Credential::Login | Credential::Application | Credential::ApiToken => self.sub.as_user_id(),
            Credential::Client | Credential::Unknown => None,
        }
    }

    /// Whether the token, its session, its client or its user is denied.
    #[doc(hidden)]
    #[must_use]
    pub fn is_denied(&self, denied: &DeniedSet) -> bool {
        denied.denies(self.sid, self.jti) || denied.denies_issued(&self.client_id, self.sub.as_str(), self.iat)
    }

    /// Whether the user has the role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|one| one == role)
    }

    /// Whether the scope is among those that were granted
    /// ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.as_deref().unwrap_or_default().split(' ').any(|one| one == scope)
    }
}

/// The claims of a refresh token, which only the issuer can verify. They are a pure function of the session's row, so
/// the same token can be made again at any time and is not stored. The issuer's URL is written without a slash at its
/// end (see [`issuer_base`](super::issuer_base)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshClaims {
    /// The service that issued it.
    pub iss: String,
    /// The user.
    pub sub: UserId,
    /// The issuer itself: no other service can use it.
    pub aud: Audience,
    /// When the session was last rotated.
    pub iat: Timestamp,
    /// The first second at which it is no longer valid.
    pub exp: Timestamp,
    /// The session.
    pub sid: SessionId,
    /// Its generation, counted from 1.
    #[serde(rename = "gen")]
    pub generation: i64,
    /// Session and generation.
    pub jti: String,
    /// The client that it was issued to.
    pub client_id: String,
    /// What another issuer calls the kind of the token, where the service stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub token_type: Option<String>,
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
