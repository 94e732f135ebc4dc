//! What an answer of the denylist feed claims: a signed JWT of a type of its own, so that no other token can stand in for
//! it.

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
    /// When it was answered.
    pub iat: Timestamp,
    /// When it expires, so that an old answer cannot be replayed.
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
    /// What else is denied: entries that name their kind. Apart from `denied`, since verifiers of before refuse an answer
    /// with an entry there that they do not know; here kinds may be added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied_by_kind: Vec<KindEntry>,
}

/// A denial that names its kind, or one of a kind that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KindEntry {
    /// Of a kind that is known.
    Known(Kind),
    /// It denies something all the same.
    Unknown {
        /// From when on it denies nothing that is alive.
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
        /// The first instant whose tokens are good again.
        issued_before: Timestamp,
        /// From when on no such token can be alive.
        exp: Timestamp,
    },
    /// Every access token with this `sub`.
    User {
        /// The user.
        sub: String,
        /// The first instant whose tokens are good again.
        issued_before: Timestamp,
        /// From when on no such token can be alive.
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
