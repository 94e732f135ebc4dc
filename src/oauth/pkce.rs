//! Proof Key for Code Exchange ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)), only by S256: `plain` does not
//! protect from an attacker who sees the request ([RFC 9700 section 2.1.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1)).

use crate::secret::digest_of;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The one method.
pub(crate) const S256: &str = "S256";

/// Whether a text has the form of a code verifier
/// ([RFC 7636 section 4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1)).
pub(crate) fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// Whether a text has the form of an S256 challenge: 32 bytes in base64url
/// ([RFC 7636 section 4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2)).
pub(crate) fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// The challenge of a code verifier ([RFC 7636 section 4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2)).
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest_of(verifier).0)
}

/// Whether a code verifier belongs to a challenge
/// ([RFC 7636 section 4.6](https://www.rfc-editor.org/rfc/rfc7636#section-4.6)).
pub(crate) fn verifies(verifier: &str, challenge: &str) -> bool {
    is_verifier(verifier) && self::challenge(verifier) == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn a_verifier_belongs_to_its_own_challenge_alone() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(challenge) && verifies(verifier, challenge));
        assert!(!verifies(challenge, challenge), "the challenge is no verifier of itself");
        for bad in ["", "short", &"a".repeat(42), &"a".repeat(129), &format!("{verifier} "), &"\u{e9}".repeat(43)] {
            assert!(!is_verifier(bad) && !verifies(bad, challenge), "{bad}");
        }
        for bad in ["", "plain", verifier.get(1..).unwrap(), &format!("{challenge}="), &"A".repeat(44)] {
            assert!(!is_challenge(bad), "{bad}");
        }
    }
}
