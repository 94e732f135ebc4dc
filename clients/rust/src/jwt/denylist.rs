//! The claims of a response of the denylist feed: a signed JWT with its own type, so that no other token can be used in
//! its place.

use serde::{Deserialize, Serialize};

use super::audience::Audience;
use crate::clock::Timestamp;
use crate::id::{Jti, SessionId};

/// The denials since a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenylistClaims {
    /// The service whose tokens are denied.
    pub iss: String,
    /// The readers of the feed; no access token has this audience: [`denylist_audience`](super::denylist_audience).
    pub aud: Audience,
    /// When it was issued.
    pub iat: Timestamp,
    /// When it expires, so that an old response cannot be replayed.
    pub exp: Timestamp,
    /// The response includes every denial that was recorded before this time.
    pub as_of: Timestamp,
    /// The entity tag of the published keys. If it changes, the reader should fetch the keys.
    pub jwks_etag: String,
    /// The cursor for the next request.
    pub cursor: String,
    /// Whether there is a next page now.
    pub more: bool,
    /// What is denied.
    pub denied: Vec<DeniedEntry>,
    /// Other denials, which name their kind. They are not in `denied`, since earlier verifiers refuse a response with
    /// an unknown entry there; here kinds may be added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied_by_kind: Vec<KindEntry>,
}

/// A denial that names its kind, or one of a kind that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KindEntry {
    /// Of a kind that is known.
    Known(Kind),
    /// A denial of an unknown kind.
    Unknown {
        /// When everything that it denies has expired.
        exp: Timestamp,
    },
}

/// A denial of what was issued before an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// Every access token with this `client_id`.
    Client {
        /// The client.
        client_id: String,
        /// Tokens issued at or after this time are not denied.
        issued_before: Timestamp,
        /// When all such tokens have expired.
        exp: Timestamp,
    },
    /// Every access token with this `sub`.
    User {
        /// The user.
        sub: String,
        /// Tokens issued at or after this time are not denied.
        issued_before: Timestamp,
        /// When all such tokens have expired.
        exp: Timestamp,
    },
}

/// One denial: a session with all of its access tokens, or one access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeniedEntry {
    /// Every access token with this `sid`.
    Session {
        /// The session.
        sid: SessionId,
        /// When all such tokens have expired.
        exp: Timestamp,
    },
    /// The access token with this `jti`.
    AccessToken {
        /// The token.
        jti: Jti,
        /// When it has expired.
        exp: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, to_string};

    use super::*;

    #[test]
    fn an_entry_names_its_kind_and_one_of_another_kind_still_says_how_long_it_lasts() {
        let client = r#"{"kind":"client","client_id":"notes-app","issued_before":1,"exp":2}"#;
        let user = r#"{"kind":"user","sub":"ada","issued_before":1,"exp":2}"#;
        for text in [client, user] {
            let entry: KindEntry = from_str(text).unwrap();
            assert!(matches!(entry, KindEntry::Known(_)), "{text}");
            assert_eq!(to_string(&entry).unwrap(), text);
        }
        for text in [r#"{"kind":"device","device":{"id":7},"exp":2}"#, r#"{"kind":"client","exp":2}"#] {
            assert_eq!(from_str::<KindEntry>(text).unwrap(), KindEntry::Unknown { exp: Timestamp(2) }, "{text}");
        }
        assert!(from_str::<KindEntry>(r#"{"kind":"device"}"#).is_err());
    }
}
