//! The kinds of documents that an issuer signs, in one table that both the issuer and verifiers use.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::audience::Audience;
use super::claims::{AccessClaims, RefreshClaims};
use super::denylist::DenylistClaims;
use super::id_token::IdTokenClaims;
use super::issuer::{DENYLIST_PATH, TOKEN_PATH, issuer_base, issuer_url};
use super::passkey_challenge::PasskeyChallengeClaims;
use crate::clock::Timestamp;

/// The rules of one kind. They exclude those of every other
/// ([RFC 8725 section 3.12](https://www.rfc-editor.org/rfc/rfc8725#section-3.12)): no two kinds have the same `typ`, and no
/// two have both the same key and the same recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentKind {
    /// The `typ` header ([RFC 8725 section 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)), without
    /// `application/`.
    pub typ: &'static str,
    /// Its recipient, which decides the audience.
    pub recipient: Recipient,
    /// Which key signs it.
    pub key: KeyUse,
    /// The largest size in bytes. A larger document is refused unread.
    pub max_bytes: usize,
}

/// The recipient of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A resource server, which knows its own audiences.
    ResourceServer,
    /// The issuer itself, or its token endpoint: no other service can use it.
    Issuer,
    /// A registered client, by its id. No audience of a resource server has the id of a client.
    Client,
    /// A reader of the document at this path of the issuer. No access token has that audience, so that a library that
    /// only checks issuer and audience does not confuse the two.
    Reader(&'static str),
}

/// Which key signs a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// A published key.
    Published,
    /// A secret of the issuer for this purpose only, derived from the private key.
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
    /// When it becomes valid: when it was issued, or later. `None` for kinds for which this is not checked.
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

/// Our tokens have about 700 bytes, plus the roles.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The issuer sends some ten thousand denials at once, with about 70 bytes each.
const MAX_DENYLIST_BYTES: usize = 16 * 1024 * 1024;

kinds! {
    // RFC 9068 section 2.1.
    AccessClaims: "at+jwt", Recipient::ResourceServer, KeyUse::Published, MAX_TOKEN_BYTES,
        |claims| Some(claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)));
    // The start is not checked, since the clock of the instance that made it may be ahead. The signature proves its
    // origin, and the session's row decides.
    RefreshClaims: "rt+jwt", Recipient::Issuer, KeyUse::Secret("tokensmith refresh v1"), MAX_TOKEN_BYTES,
        |_| None;
    // OpenID Connect Core section 2 names no type; that of RFC 7519 section 5.1 is what libraries expect.
    IdTokenClaims: "JWT", Recipient::Client, KeyUse::Published, MAX_TOKEN_BYTES,
        |claims| Some(claims.iat);
    PasskeyChallengeClaims: "passkey-challenge+jwt", Recipient::Issuer, KeyUse::Secret("tokensmith passkey challenge v1"),
        MAX_TOKEN_BYTES, |_| None;
    DenylistClaims: "denylist+jwt", Recipient::Reader(DENYLIST_PATH), KeyUse::Published, MAX_DENYLIST_BYTES,
        |claims| Some(claims.iat);
}

impl Recipient {
    /// Whether a document of this issuer with this `aud` is for this verifier; `own` are the audiences of a resource
    /// server, or the id of a client.
    pub(super) fn is_meant(self, aud: &Audience, issuer: &str, own: &[String]) -> bool {
        match self {
            Self::ResourceServer | Self::Client => own.iter().any(|audience| aud.contains(audience)),
            Self::Issuer => aud.contains(issuer_base(issuer)) || aud.contains(&issuer_url(issuer, TOKEN_PATH)),
            // An issuer that is not upgraded yet uses itself as the audience; its documents differ by their type.
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
