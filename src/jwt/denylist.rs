//! What an answer of the denylist feed claims: a signed JWT of a type of its own, so that no other token can stand in for
//! it.

use serde::{Deserialize, Serialize};

use super::audience::Audience;
use super::verify::RegisteredClaims;
use crate::clock::Timestamp;
use crate::model::id::{Jti, SessionId};

/// The denials since a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenylistClaims {
    /// The service whose tokens are denied.
    pub iss: String,
    /// The readers of the feed; no access token has this audience: [`denylist_audience`](super::denylist_audience).
    pub aud: Audience,
    /// When it was answered.
    pub iat: Timestamp,
    /// From when on it says nothing about the present, so that nobody can replay it.
    pub exp: Timestamp,
    /// The answer knows every denial that was recorded before this instant.
    pub as_of: Timestamp,
    /// The entity tag of the published keys: another one means that it is time to fetch them.
    pub jwks_etag: String,
    /// Where the next request goes on.
    pub cursor: String,
    /// Whether there is more to be had at once.
    pub more: bool,
    /// What is denied.
    pub denied: Vec<DeniedEntry>,
}

/// One denial: a session with all of its access tokens, or one access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeniedEntry {
    /// Every access token with this `sid`.
    Session {
        /// The session.
        sid: SessionId,
        /// From when on no such token can be alive.
        exp: Timestamp,
    },
    /// The access token with this `jti`.
    AccessToken {
        /// The token.
        jti: Jti,
        /// From when on it cannot be alive.
        exp: Timestamp,
    },
}

impl RegisteredClaims for DenylistClaims {
    const TYP: &'static str = "denylist+jwt";
    /// The issuer answers some ten thousand denials at once, of about 70 bytes each.
    const MOST_BYTES: usize = 16 * 1024 * 1024;

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
        Some(self.iat)
    }
}
