//! The kinds of document that an issuer signs. There is one table of them: the issuer signs by it, and everybody verifies
//! by it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::audience::Audience;
use super::claims::{AccessClaims, RefreshClaims};
use super::denylist::DenylistClaims;
use super::id_token::IdTokenClaims;
use super::issuer::{DENYLIST_PATH, issuer_base, issuer_url};
use crate::clock::Timestamp;

/// The rules of one kind. They exclude those of every other
/// ([RFC 8725 section 3.12](https://www.rfc-editor.org/rfc/rfc8725#section-3.12)): no two kinds have the same `typ`, and no
/// two have both the same key and the same recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentKind {
    /// The `typ` header ([RFC 8725 section 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)), without
    /// `application/`.
    pub typ: &'static str,
    /// Whose audience it has.
    pub recipient: Recipient,
    /// Which key signs it.
    pub key: KeyUse,
    /// One that is longer is refused unread.
    pub max_bytes: usize,
}

/// Whose audience a document has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A resource server, which knows its own audiences.
    ResourceServer,
    /// The issuer itself: no other service can use it.
    Issuer,
    /// A registered client, by its id. No audience of a resource server is called like a client.
    Client,
    /// Whoever reads the document at this path of the issuer. No access token has that audience: a library that looks at
    /// issuer and audience alone must not take one for the other.
    Reader(&'static str),
}

/// Which key signs a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// A published key.
    Published,
    /// A secret of the issuer for this purpose alone, which is derived from the private half of the key.
    Secret(&'static str),
}

/// The claims of a kind: a document must have those that the type requires.
pub trait Document: Serialize + DeserializeOwned {
    /// Its kind.
    const KIND: DocumentKind;

    /// What is checked of every kind.
    fn registered(&self) -> Registered<'_>;
}

/// The claims that every kind has.
pub struct Registered<'a> {
    /// Who issued it.
    pub iss: &'a str,
    /// Who it is for.
    pub aud: &'a Audience,
    /// When it expires.
    pub exp: Timestamp,
    /// From when on it is valid: when it was issued, or later. `None` for kinds where that is not checked.
    pub valid_from: Option<Timestamp>,
}

/// A row is `claims: typ, recipient, key, most bytes, from when on it is valid;`.
macro_rules! kinds {
    ($($claims:ty: $typ:literal, $recipient:expr, $key:expr, $max_bytes:expr, $valid_from:expr;)+) => {
        /// Every kind.
        pub const KINDS: &[DocumentKind] = &[$(<$claims>::KIND),+];

        $(impl Document for $claims {
            const KIND: DocumentKind =
                DocumentKind { typ: $typ, recipient: $recipient, key: $key, max_bytes: $max_bytes };

            fn registered(&self) -> Registered<'_> {
                let valid_from: fn(&Self) -> Option<Timestamp> = $valid_from;
                Registered { iss: &self.iss, aud: &self.aud, exp: self.exp, valid_from: valid_from(self) }
            }
        })+
    };
}

/// Ours have about 700 bytes, plus the roles.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The issuer tells of some ten thousand denials at once, of about 70 bytes each.
const MAX_DENYLIST_BYTES: usize = 16 * 1024 * 1024;

kinds! {
    // RFC 9068 section 2.1.
    AccessClaims: "at+jwt", Recipient::ResourceServer, KeyUse::Published, MAX_TOKEN_BYTES,
        |claims| Some(claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)));
    // Its signature proves that it was made here, and the session's row decides: the clock of the instance that made it may
    // be ahead of ours.
    RefreshClaims: "rt+jwt", Recipient::Issuer, KeyUse::Secret("tokensmith refresh v1"), MAX_TOKEN_BYTES,
        |_| None;
    // OpenID Connect Core section 2 names no type; that of RFC 7519 section 5.1 is what libraries expect.
    IdTokenClaims: "JWT", Recipient::Client, KeyUse::Published, MAX_TOKEN_BYTES,
        |claims| Some(claims.iat);
    DenylistClaims: "denylist+jwt", Recipient::Reader(DENYLIST_PATH), KeyUse::Published, MAX_DENYLIST_BYTES,
        |claims| Some(claims.iat);
}

impl Recipient {
    /// Whether a document of this issuer with this `aud` is for the one who verifies it; `own` are the audiences of a
    /// resource server, or the id of a client.
    pub(super) fn is_meant(self, aud: &Audience, issuer: &str, own: &[String]) -> bool {
        match self {
            Self::ResourceServer | Self::Client => own.iter().any(|audience| aud.contains(audience)),
            Self::Issuer => aud.contains(issuer_base(issuer)),
            // An issuer that is not upgraded yet names itself; what it signs is told apart by its type.
            Self::Reader(path) => aud.contains(&issuer_url(issuer, path)) || aud.contains(issuer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of rows.
    fn pairs() -> impl Iterator<Item = (&'static DocumentKind, &'static DocumentKind)> {
        KINDS.iter().enumerate().flat_map(|(at, one)| KINDS.iter().take(at).map(move |other| (one, other)))
    }

    #[test]
    fn the_rules_of_each_kind_exclude_those_of_every_other() {
        for (one, other) in pairs() {
            // Types compare without case.
            assert_ne!(one.typ.to_lowercase(), other.typ.to_lowercase());
            assert_ne!((one.key, one.recipient), (other.key, other.recipient), "{} and {}", one.typ, other.typ);
        }
    }
}
