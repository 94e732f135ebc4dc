//! The secret of a webhook, and its signatures by
//! [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Secret;

/// What such secrets begin with.
const PREFIX: &str = "whsec_";

const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;

/// A secret that the sender and the receiver of a webhook share.
#[derive(Clone, Debug)]
pub(crate) struct WebhookSecret(Secret<Vec<u8>>);

impl WebhookSecret {
    /// Reads its text: base64, with or without the prefix.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map(Zeroizing::new);
        let bytes = bytes.ok().filter(|bytes| (MIN_BYTES..=MAX_BYTES).contains(&bytes.len()));
        let bytes = bytes.ok_or_else(|| format!("must be {PREFIX} and 24 to 64 bytes in base64"))?;
        Ok(Self(Secret::new(bytes.to_vec())))
    }

    /// The signature of a message.
    pub(crate) fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = sign(&Key::new(HMAC_SHA256, self.0.expose()), format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(signed.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the reference implementations.
    #[test]
    fn a_message_is_signed_as_the_specification_says() {
        let secret = WebhookSecret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(!format!("{secret:?}").contains("MfKQ"));
    }

    #[test]
    fn a_secret_is_24_to_64_bytes_in_base64() {
        for bytes in [24, 64] {
            assert!(WebhookSecret::read(&STANDARD.encode(vec![7; bytes])).is_ok(), "{bytes}");
        }
        for bad in ["", "whsec_", "a secret of words and spaces", &STANDARD.encode([7; 23]), &STANDARD.encode([7; 65])]
        {
            assert!(WebhookSecret::read(bad).is_err(), "{bad}");
        }
    }
}
