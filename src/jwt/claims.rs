//! What the two kinds of token claim.

use serde::{Deserialize, Serialize};

use super::audience::Audience;
use super::json::present;
use super::verify::RegisteredClaims;
use crate::clock::Timestamp;
use crate::model::id::{Jti, SessionId, UserId};

/// The claims of an access token ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The service that issued it.
    pub iss: String,
    /// The user.
    pub sub: UserId,
    /// Who it is for.
    pub aud: Audience,
    /// The first second at which it is no longer valid.
    pub exp: Timestamp,
    /// When it was issued.
    pub iat: Timestamp,
    /// Its own name.
    pub jti: Jti,
    /// The client that it was issued to.
    pub client_id: String,
    /// The session that it belongs to.
    pub sid: SessionId,
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// How ([RFC 8176](https://www.rfc-editor.org/rfc/rfc8176#section-2)). Written also when it is empty: verifiers of
    /// before want it.
    #[serde(default)]
    pub amr: Vec<String>,
    /// What the user may do ([RFC 9068 section 2.2.3.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3.1)); left out
    /// when it is empty, since some validators refuse an empty list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// What the client may do, as names with spaces between them
    /// ([RFC 9068 section 2.2.3](https://www.rfc-editor.org/rfc/rfc9068#section-2.2.3)).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub scope: Option<String>,
    /// Not to be accepted before this instant; we issue none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub nbf: Option<Timestamp>,
}

/// The `client_id` of every session, as long as this service knows no other clients than its own users' apps
/// ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2) requires the claim).
pub const FIRST_PARTY: &str = "first-party";

/// The `client_id` of what an API token is exchanged for: nobody was there to log in.
pub const API_TOKEN: &str = "api-token";

impl AccessClaims {
    /// Whether the token belongs to a session of a user who logged in, and not to an API token.
    #[must_use]
    pub fn is_of_session(&self) -> bool {
        self.client_id == FIRST_PARTY
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

impl RegisteredClaims for AccessClaims {
    const TYP: &'static str = "at+jwt";

    fn iss(&self) -> &str {
        &self.iss
    }
    fn aud(&self) -> &Audience {
        &self.aud
    }
    fn exp(&self) -> Timestamp {
        self.exp
    }
    fn valid_from(&self) -> Option<Timestamp> {
        Some(self.nbf.map_or(self.iat, |nbf| nbf.max(self.iat)))
    }
}

/// The claims of a refresh token, which only the issuer can verify: a pure function of the session's row, so that the
/// same token can be made again at any time and nothing of it is stored. The issuer is named without a slash at the end of
/// its URL (see [`issuer_base`](super::issuer_base)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshClaims {
    /// The service that issued it.
    pub iss: String,
    /// The user.
    pub sub: UserId,
    /// The same service: nobody else can use it.
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
}

impl RegisteredClaims for RefreshClaims {
    const TYP: &'static str = "rt+jwt";

    fn iss(&self) -> &str {
        &self.iss
    }
    fn aud(&self) -> &Audience {
        &self.aud
    }
    fn exp(&self) -> Timestamp {
        self.exp
    }
    /// Its signature proves that it was made here, and the session's row decides: the clock of the instance that made it
    /// may be ahead of ours.
    fn valid_from(&self) -> Option<Timestamp> {
        None
    }
}
