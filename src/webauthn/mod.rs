//! WebAuthn as the relying party sees it: the checks of what a browser and its authenticator send
//! ([WebAuthn level 3 section 7](https://www.w3.org/TR/webauthn-3/#sctn-rp-operations)). Nothing here is stored or random.

mod attestation;
mod authentication;
mod authenticator_data;
mod client_data;
mod cose;
mod registration;
#[cfg(test)]
mod vectors_tests;

pub(crate) use authentication::{Answer, Assertion, Known};
pub(crate) use cose::ALGORITHMS;
pub(crate) use registration::{Registered, Registration};

/// Who asks for passkeys. They work for this domain only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// The domain ([RP ID](https://www.w3.org/TR/webauthn-3/#rp-id)).
    pub(crate) id: String,
    /// The origins of pages and apps that may use them.
    pub(crate) origins: Vec<String>,
}

/// What a user must have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nothing: a browser may make a passkey right after a login by password.
    Nothing,
    /// A touch.
    Presence,
    /// A PIN, a fingerprint or the like, which only the owner has.
    Verification,
}

/// Why a response is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It cannot be read, or is one of another kind.
    #[error("this is no response of a passkey as it is expected here: {0}")]
    Malformed(&'static str),
    /// Its challenge is not ours, has expired, was used, or is for something else.
    #[error("the challenge of this response is unknown, was used, has expired or is for something else: begin again")]
    ChallengeOver,
    /// It was made by a page or an app that may not.
    #[error("this response was made on a page that may not use passkeys of this service")]
    WrongOrigin,
    /// It is for another domain.
    #[error("this response is for another domain")]
    WrongRelyingParty,
    /// The user did not touch the authenticator, or did not verify themselves to it.
    #[error("the authenticator did not verify the user")]
    NotVerified,
    /// No account has the passkey.
    #[error("this passkey is not registered")]
    Unknown,
    /// The signature is wrong.
    #[error("the signature of this response is wrong")]
    BadSignature,
    /// The passkey says that it is another user's.
    #[error("this passkey is another user's")]
    WrongUser,
    /// Its counter is not above the last one: there may be a copy of the passkey.
    #[error("the counter of this passkey went back: there may be a copy of it")]
    CounterBack,
    /// It is of a kind that was not asked for.
    #[error("passkeys of this kind are not accepted: {0}")]
    Unsupported(&'static str),
}
