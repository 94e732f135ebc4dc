//! The subject of an access token, and the credential that it came from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// The `sub` claim: a user's id, or a client's own. Opaque: compare it, do not take it apart
/// ([RFC 7519 section 4.1.2](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.2)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subject(String);

impl Subject {
    /// This text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user's id, if it has the form of one, written as it is issued.
    pub(super) fn as_user_id(&self) -> Option<UserId> {
        self.0.parse().ok().filter(|id: &UserId| id.to_string() == self.0)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<UserId> for Subject {
    fn from(id: UserId) -> Self {
        Self(id.to_string())
    }
}

/// The credential that an access token came from, as its claim `credential` says.
///
/// The claims of [RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2) do not say this:
/// `client_id` names the client for every grant, and `sub` may be a user's id or a client's
/// ([section 5](https://www.rfc-editor.org/rfc/rfc9068#section-5)). So it is a claim of our own
/// ([RFC 7519 section 4.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.3)), written for every credential but a
/// login at the issuer itself, which is what the tokens from before the claim came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Credential {
    /// A user's login at the issuer itself.
    Login,
    /// A user's login through a registered application, which acts on the user's behalf.
    Application,
    /// A client's own credential: no user takes part.
    Client,
    /// A user's API token: no user was present.
    ApiToken,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Credential {
    /// The value of the claim in a token of this client; `None` if the claim is left out.
    pub(super) fn written(self, client_id: &str) -> Option<Self> {
        (self != Self::Login || client_id != FIRST_PARTY).then_some(self)
    }

    /// The credential of a token without the claim: before the claim there were only these two clients.
    pub(super) fn unwritten(client_id: &str) -> Self {
        match client_id {
            FIRST_PARTY => Self::Login,
            API_TOKEN => Self::ApiToken,
            _ => Self::Unknown,
        }
    }
}

/// The `client_id` of the service's own users' apps, which are not registered; no registered application may have it
/// ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2) requires the claim).
pub const FIRST_PARTY: &str = "first-party";

/// The `client_id` of access tokens that API tokens are exchanged for.
pub const API_TOKEN: &str = "api-token";
