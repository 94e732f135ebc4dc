//! Proofs of a user's identity. Each step of an authentication gives one proof. Together they decide what a login
//! grants.

use super::id::UserId;
use crate::clock::Timestamp;

/// A method of authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// By a password.
    Password,
    /// By a one-time code of an authenticator app.
    Otp,
    /// By a recovery code.
    RecoveryCode,
    /// By a passkey.
    Passkey {
        /// Whether the user has verified themselves to the authenticator, which is a second factor by itself.
        is_verified: bool,
    },
    /// By a sign-in at a provider.
    Upstream {
        /// Whether what the provider says of it counts as a second factor here.
        is_second_factor: bool,
    },
}

/// Two factors were shown ([RFC 8176 section 2](https://www.rfc-editor.org/rfc/rfc8176#section-2)).
pub(crate) const MFA: &str = "mfa";

/// What a method proves. Two methods of one kind are one factor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Factor {
    /// What the user knows.
    Knowledge,
    /// What the user has.
    Possession,
    /// What another service says.
    Word,
}

impl Method {
    /// The name of the method ([RFC 8176 section 2](https://www.rfc-editor.org/rfc/rfc8176#section-2)), if it has one: there is
    /// none for a sign-in at a provider.
    pub(crate) fn amr(self) -> Option<&'static str> {
        match self {
            Self::Password => Some("pwd"),
            // A recovery code is valid once, too, and no other registered name fits.
            Self::Otp | Self::RecoveryCode => Some("otp"),
            // Without attestation nothing tells whether the key is in hardware.
            Self::Passkey { .. } => Some("swk"),
            Self::Upstream { .. } => None,
        }
    }

    /// Whether it shows two factors by itself.
    pub(crate) fn is_both(self) -> bool {
        matches!(self, Self::Passkey { is_verified: true } | Self::Upstream { is_second_factor: true })
    }

    fn factor(self) -> Factor {
        match self {
            Self::Password => Factor::Knowledge,
            Self::Otp | Self::RecoveryCode | Self::Passkey { .. } => Factor::Possession,
            Self::Upstream { .. } => Factor::Word,
        }
    }
}

/// A successful step of an authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The authenticated user.
    pub user: UserId,
    /// How.
    pub method: Method,
    /// When.
    pub at: Timestamp,
}

/// The combined result of one user's proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authentication {
    /// The user.
    pub user: UserId,
    /// The `auth_time` of its tokens. No proof is older, so `max_age` applies to all of them
    /// ([RFC 9470 section 4](https://www.rfc-editor.org/rfc/rfc9470#section-4)).
    pub at: Timestamp,
    /// The `amr` of its tokens: every method once, in the order of the proofs, and `mfa` if they show two factors.
    pub amr: Vec<&'static str>,
}

impl Authentication {
    /// Combines all proofs of a login. `None` if there are none or if they are of different users.
    pub(crate) fn of(proofs: &[Proof]) -> Option<Self> {
        let [first, others @ ..] = proofs else { return None };
        let mut whole = Self { user: first.user, at: first.at, amr: first.method.amr().into_iter().collect() };
        for proof in others {
            if proof.user != whole.user {
                return None;
            }
            whole.at = whole.at.min(proof.at);
            if let Some(name) = proof.method.amr().filter(|name| !whole.amr.contains(name)) {
                whole.amr.push(name);
            }
        }
        let factor = first.method.factor();
        if proofs.iter().any(|proof| proof.method.is_both() || proof.method.factor() != factor) {
            whole.amr.push(MFA);
        }
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::Id;
    use super::*;

    fn proof(user: u8, at: i64) -> Proof {
        Proof { user: Id::from_bytes([user; 16]), method: Method::Password, at: Timestamp(at) }
    }

    #[test]
    fn an_authentication_is_as_old_as_its_oldest_proof_and_names_each_method_once() {
        for proofs in [&[proof(1, 30), proof(1, 10), proof(1, 20)][..], &[proof(1, 10)]] {
            let whole = Authentication { user: proof(1, 0).user, at: Timestamp(10), amr: vec!["pwd"] };
            assert_eq!(Authentication::of(proofs), Some(whole));
        }
    }

    #[test]
    fn two_factors_are_said_to_be_two_and_two_methods_of_one_factor_are_not() {
        let by = |method, at| Proof { method, ..proof(1, at) };
        for (methods, expected) in [
            (&[Method::Password, Method::Otp][..], &["pwd", "otp", "mfa"][..]),
            (&[Method::Password, Method::RecoveryCode], &["pwd", "otp", "mfa"]),
            (&[Method::Otp, Method::RecoveryCode], &["otp"]),
            (&[Method::Otp], &["otp"]),
            (&[Method::Upstream { is_second_factor: false }], &[]),
            (&[Method::Upstream { is_second_factor: true }], &["mfa"]),
            (&[Method::Upstream { is_second_factor: false }, Method::Otp], &["otp", "mfa"]),
        ] {
            let proofs: Vec<_> = methods.iter().map(|method| by(*method, 10)).collect();
            assert_eq!(Authentication::of(&proofs).unwrap().amr, expected);
        }
    }

    #[test]
    fn no_proof_and_proofs_of_two_users_authenticate_nobody() {
        assert_eq!(Authentication::of(&[]), None);
        assert_eq!(Authentication::of(&[proof(1, 10), proof(2, 10)]), None);
        assert_eq!(Authentication::of(&[proof(1, 10), proof(1, 10), proof(2, 10)]), None);
    }
}
