//! A sign-in at a provider: what is remembered while it is under way, what it proves, and why it is refused.

use std::fmt;

use super::id::{Id, SessionId, UserId};
use super::names::Names;
use super::provider::{Provider, ProviderId};
use super::user::{DisplayName, Email, Username};
use crate::clock::{Seconds, Timestamp};

/// How long a user may stay at the provider.
pub(crate) const LIFETIME: Seconds = Seconds(600);

/// [OpenID Connect Core section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
pub(crate) const MAX_SUBJECT_BYTES: usize = 255;

/// What a sign-in is called in the name of its cookie.
pub(crate) type LoginId = Id<UpstreamLogin>;

/// What the user goes to the provider for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in, or to register.
    SignIn,
    /// To link the identity to their account.
    Link {
        /// The account.
        user: UserId,
        /// The session in which they asked for it.
        session: SessionId,
    },
}

/// A sign-in that is under way. It is found by the digest of its `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpstreamLogin {
    /// At which provider.
    pub(crate) provider: ProviderId,
    /// What for.
    pub(crate) purpose: Purpose,
    /// Where the user goes then: a path of this host. It is stored sealed.
    pub(crate) return_to: String,
    /// When it is over.
    pub(crate) expires_at: Timestamp,
    /// When the user came back.
    pub(crate) used_at: Option<Timestamp>,
}

/// Who the user is at a provider: what it has proved. `provider` and `subject` identify them, and nothing else does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub provider: ProviderId,
    /// What it calls the user, now and always.
    pub subject: String,
    /// Their e-mail address, as the claim map says.
    pub email: Option<Email>,
    /// Whether the provider says that the address is theirs.
    pub email_verified: bool,
    /// Their username there, which may be taken here.
    pub username: Option<Username>,
    /// Their full name.
    pub name: Option<DisplayName>,
    /// Their roles by the provider's mapping; `None` if it decides nothing about them.
    pub roles: Option<Names>,
    /// How they have authenticated there, as the provider says.
    pub amr: Vec<String>,
    /// The strength of that, as the provider says.
    pub acr: Option<String>,
    /// When they have authenticated there, as the provider says.
    pub auth_time: Option<Timestamp>,
    /// Whether that counts as a second factor here, as the provider is configured.
    pub is_second_factor: bool,
}

/// A sign-in whose user came back, with what the provider has proved.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The provider as it is configured.
    pub(crate) provider: Provider,
    /// Who the user is there.
    pub identity: Identity,
    /// What they went there for.
    pub purpose: Purpose,
    /// Where they go then: a path of this host.
    pub return_to: String,
}

/// Why an ID token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadIdToken {
    /// It is not a JWS with the claims that it must have.
    Malformed,
    /// It is signed with an algorithm that is not allowed, or with none.
    WrongAlgorithm,
    /// It is signed with a key that the provider does not publish.
    UnknownKey,
    /// The signature is not valid.
    BadSignature,
    /// It is from another issuer.
    WrongIssuer,
    /// It is for another client.
    WrongAudience,
    /// It was issued to another client.
    WrongAuthorizedParty,
    /// It is for another sign-in.
    WrongNonce,
    /// It has expired.
    Expired,
    /// It is from the future.
    NotYetValid,
    /// It was not issued with the access token.
    WrongAccessToken,
    /// Its subject is empty or too long.
    BadSubject,
}

impl BadIdToken {
    fn code(self) -> &'static str {
        match self {
            Self::Malformed => "id_token_malformed",
            Self::WrongAlgorithm => "id_token_wrong_algorithm",
            Self::UnknownKey => "id_token_unknown_key",
            Self::BadSignature => "id_token_bad_signature",
            Self::WrongIssuer => "id_token_wrong_issuer",
            Self::WrongAudience => "id_token_wrong_audience",
            Self::WrongAuthorizedParty => "id_token_wrong_azp",
            Self::WrongNonce => "id_token_wrong_nonce",
            Self::Expired => "id_token_expired",
            Self::NotYetValid => "id_token_not_yet_valid",
            Self::WrongAccessToken => "id_token_wrong_at_hash",
            Self::BadSubject => "id_token_bad_subject",
        }
    }
}

/// Why a sign-in at a provider is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The `state` is missing or unknown, or of another provider.
    StateUnknown,
    /// The sign-in was begun in another browser.
    OtherBrowser,
    /// The sign-in has taken too long.
    Expired,
    /// The user came back before with the same `state`.
    Used,
    /// The user or the provider has not agreed.
    Denied,
    /// The provider has returned an error, by its code.
    ProviderError(String),
    /// The answer is from another provider, or does not say from which
    /// ([RFC 9207 section 2.4](https://www.rfc-editor.org/rfc/rfc9207#section-2.4)).
    WrongIssuer,
    /// The answer has no code, or a parameter twice.
    BadAnswer,
    /// The provider cannot be reached, or does not answer as it must; why.
    Unreachable(&'static str),
    /// The provider does not redeem the code, by its error code.
    CodeRefused(String),
    /// Its ID token is refused.
    IdToken(BadIdToken),
    /// Its userinfo is about somebody else.
    OtherSubject,
    /// It has not sent a claim that is required, by the field's name.
    ClaimMissing(&'static str),
    /// Nobody has linked this identity to an account.
    NotLinked,
    /// The browser is not logged in as the user who has asked to link the identity.
    OtherSession,
}

impl Refusal {
    /// A stable name of the reason, for the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::StateUnknown => "state_unknown",
            Self::OtherBrowser => "other_browser",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Denied => "access_denied",
            Self::ProviderError(_) => "provider_error",
            Self::WrongIssuer => "wrong_issuer",
            Self::BadAnswer => "bad_answer",
            Self::Unreachable(_) => "unreachable",
            Self::CodeRefused(_) => "code_refused",
            Self::IdToken(why) => why.code(),
            Self::OtherSubject => "other_subject",
            Self::ClaimMissing(_) => "claim_missing",
            Self::NotLinked => "not_linked",
            Self::OtherSession => "other_session",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        match self {
            Self::ProviderError(detail) | Self::CodeRefused(detail) => write!(f, ": {detail}"),
            Self::Unreachable(detail) | Self::ClaimMissing(detail) => write!(f, ": {detail}"),
            _ => Ok(()),
        }
    }
}
