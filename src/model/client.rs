//! A registered application: an OAuth client ([RFC 6749 section 2](https://www.rfc-editor.org/rfc/rfc6749#section-2)).

use std::fmt;
use std::str::FromStr;

use super::attributes::Attributes;
use super::names::Scopes;
use super::text::BadText;
use super::user::DisplayName;
use crate::clock::Timestamp;
use tokensmith_verifier::UserId;
use tokensmith_verifier::issuing::{API_TOKEN, FIRST_PARTY, SigningAlg};

const MAX_ID_CHARS: usize = 100;

/// What a client is called in requests and tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientId(String);

impl ClientId {
    /// As it is stored.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
        if text.is_empty() || text.len() > MAX_ID_CHARS || !is_plain {
            return Err(BadText("must be 1 to 100 letters, digits or any of - . _ ~"));
        }
        // RFC 9700 section 4.15: a client's token must not be taken for a user's.
        if text.parse::<UserId>().is_ok() {
            return Err(BadText("must not look like the id of a user"));
        }
        if [FIRST_PARTY, API_TOKEN].contains(&text) {
            return Err(BadText("is kept for this service itself"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value with a name of the protocol's.
macro_rules! named {
    ($type:ident, $bad:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// Every one.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name on the wire.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = BadText;

            fn from_str(text: &str) -> Result<Self, BadText> {
                Self::ALL.iter().find(|one| one.name() == text).copied().ok_or(BadText($bad))
            }
        }
    };
}

/// A grant that a client may use at the token endpoint
/// ([RFC 7591 section 2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GrantType {
    /// A user logs in and lets it act.
    AuthorizationCode,
    /// It goes on acting for the user.
    RefreshToken,
    /// It acts for itself.
    ClientCredentials,
}

named!(
    GrantType,
    "must be authorization_code, refresh_token or client_credentials",
    AuthorizationCode = "authorization_code",
    RefreshToken = "refresh_token",
    ClientCredentials = "client_credentials"
);

/// How a client proves who it is ([RFC 7591 section 2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthMethod {
    /// By its secret, in the header.
    ClientSecretBasic,
    /// By its secret, in the body.
    ClientSecretPost,
    /// By a JWT that it signs ([RFC 7523 section 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
    PrivateKeyJwt,
    /// It cannot keep a secret.
    None,
}

named!(
    AuthMethod,
    "must be client_secret_basic, client_secret_post, private_key_jwt or none",
    ClientSecretBasic = "client_secret_basic",
    ClientSecretPost = "client_secret_post",
    PrivateKeyJwt = "private_key_jwt",
    None = "none"
);

/// What the ID tokens of a client are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdTokenAlg(pub(crate) SigningAlg);

/// A client, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Identifies it.
    pub(crate) id: ClientId,
    /// What users see.
    pub(crate) name: DisplayName,
    /// Where users may be sent with an answer.
    pub(crate) redirect_uris: Words,
    /// Where users may be sent after they have logged out.
    pub(crate) post_logout_redirect_uris: Words,
    /// The grants that it may use.
    pub(crate) grant_types: Words,
    /// The scopes that it may ask for.
    pub(crate) scopes: Scopes,
    /// The audiences that it may ask for.
    pub(crate) audiences: Words,
    /// The audiences that it is: it may ask about their tokens.
    pub(crate) resource_servers: Words,
    /// How it proves who it is.
    pub(crate) auth_method: AuthMethod,
    /// Its public keys, a JWK Set.
    pub(crate) jwks: Option<String>,
    /// Where its public keys are.
    pub(crate) jwks_uri: Option<String>,
    /// What its ID tokens are signed with.
    pub(crate) id_token_alg: Option<IdTokenAlg>,
    /// Whether its users are not asked: it belongs to the operator.
    pub(crate) skip_consent: bool,
    /// When it was registered.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
    /// Since when it may do nothing.
    pub(crate) disabled_at: Option<Timestamp>,
    /// Attributes whose meaning other services know.
    pub(crate) attributes: Option<Attributes>,
}

/// Words without spaces, in order: URIs, names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(Vec<String>);

impl Words {
    /// The words.
    pub(crate) fn all(&self) -> &[String] {
        &self.0
    }

    /// Whether a word is one of them.
    pub(crate) fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|one| one == word)
    }
}

impl<T: fmt::Display> FromIterator<T> for Words {
    fn from_iter<I: IntoIterator<Item = T>>(words: I) -> Self {
        Self(words.into_iter().map(|word| word.to_string()).collect())
    }
}

/// The stored form: with single spaces between them.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Client {
    /// Whether it may use a grant.
    pub(crate) fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(grant.name())
    }

    /// Whether it cannot keep a secret ([RFC 6749 section 2.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.1)).
    pub(crate) fn is_public(&self) -> bool {
        self.auth_method == AuthMethod::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_not_called_like_a_user_or_like_this_service() {
        for good in ["a", "my-app", "s6BhdRkqt3", "com.example.app~1"] {
            assert!(good.parse::<ClientId>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a:b", "\u{e9}", "0190f5a8-7b1c-7d7e-8f90-123456789abc", FIRST_PARTY, API_TOKEN] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad}");
        }
    }
}
