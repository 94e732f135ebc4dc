//! One-time codes: TOTP with SHA-1, six digits and steps of 30 seconds, which is what every authenticator app knows
//! ([RFC 6238](https://www.rfc-editor.org/rfc/rfc6238), [RFC 4226](https://www.rfc-editor.org/rfc/rfc4226)).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, NoEntropy};

/// The length of a step in seconds.
const STEP_SECS: i64 = 30;

/// How many steps a clock may be ahead or behind
/// ([RFC 6238 section 5.2](https://www.rfc-editor.org/rfc/rfc6238#section-5.2)).
const DRIFT: i64 = 1;

const DIGITS: usize = 6;

/// The alphabet of [RFC 4648 section 6](https://www.rfc-editor.org/rfc/rfc4648#section-6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A secret that an authenticator app shares with this service.
pub(crate) struct TotpSecret(Zeroizing<Vec<u8>>);

impl TotpSecret {
    /// A new one, of the 160 bits that
    /// [RFC 4226 section 4](https://www.rfc-editor.org/rfc/rfc4226#section-4) recommends.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        Ok(Self::from_bytes(&entropy.bytes::<20>()?))
    }

    /// One that was stored.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Its bytes, to be encrypted.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Its text in base32, as people type it.
    pub(crate) fn base32(&self) -> Zeroizing<String> {
        let (mut text, mut bits, mut held) = (Zeroizing::new(String::with_capacity(32)), 0_u32, 0_u8);
        for byte in self.0.iter() {
            bits = bits << 8 | u32::from(*byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                let character = BASE32.get(usize::try_from(bits >> held & 31).unwrap_or_default());
                text.extend(character.map(|byte| char::from(*byte)));
            }
        }
        text
    }

    /// The step whose code was typed, if it is one of those that are accepted at this time. It takes the same time for
    /// every code.
    pub(crate) fn step_of(&self, typed: &str, unix_seconds: i64) -> Option<i64> {
        // Apps show codes in groups.
        let typed: Zeroizing<String> = Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace()).collect());
        let now = unix_seconds.div_euclid(STEP_SECS);
        let mut found = None;
        for step in now - DRIFT..=now + DRIFT {
            let is_it = verify_slices_are_equal(self.code(step).as_bytes(), typed.as_bytes()).is_ok();
            found = if is_it { Some(step) } else { found };
        }
        found
    }

    /// [RFC 4226 section 5.3](https://www.rfc-editor.org/rfc/rfc4226#section-5.3).
    fn code(&self, step: i64) -> Zeroizing<String> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let mac = hmac::sign(&key, &step.to_be_bytes());
        let mac = mac.as_ref();
        let offset = usize::from(mac.last().copied().unwrap_or_default() & 15);
        let chosen = mac.iter().skip(offset).take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        Zeroizing::new(format!("{:0DIGITS$}", (chosen & 0x7fff_ffff) % 1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [RFC 6238 appendix B](https://www.rfc-editor.org/rfc/rfc6238#appendix-B), for SHA-1; of its eight digits the last six.
    const VECTORS: [(i64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    #[test]
    fn the_codes_are_those_of_the_rfc_and_one_step_early_or_late_is_accepted() {
        let secret = TotpSecret::from_bytes(b"12345678901234567890");
        for (at, eight_digits) in VECTORS {
            let (code, step) = (&eight_digits[2..], at / 30);
            for (seconds, expected) in [(0, Some(step)), (30, Some(step)), (-30, Some(step)), (60, None), (-60, None)] {
                assert_eq!(secret.step_of(code, at + seconds), expected, "{at} {seconds}");
            }
            assert_eq!(secret.step_of(&format!(" {} {} ", &code[..3], &code[3..]), at), Some(step));
            assert_eq!(secret.step_of(eight_digits, at), None);
        }
        for wrong in ["", "000000", "28708", "2870821", "２８７０８２"] {
            assert_eq!(secret.step_of(wrong, 59), None, "{wrong}");
        }
    }

    /// [RFC 4648 section 10](https://www.rfc-editor.org/rfc/rfc4648#section-10), of a whole number of groups.
    #[test]
    fn the_text_is_base32() {
        assert_eq!(*TotpSecret::from_bytes(b"fooba").base32(), "MZXW6YTB");
        assert_eq!(*TotpSecret::from_bytes(b"12345678901234567890").base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }
}
