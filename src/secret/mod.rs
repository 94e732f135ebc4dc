//! Secret values, which must not get into logs, panic messages or freed memory.

mod api_key;
mod digest;
pub(crate) mod file;
mod opaque;
mod private_file;
mod readable;
mod sealed;
mod totp;
mod webhook;

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

pub use api_key::ApiKey;
pub(crate) use api_key::{BadApiKey, ClientSecret, DrfKey, KEY_PREFIX};
pub(crate) use digest::{KeyDigest, digest_of};
pub(crate) use opaque::{Opaque, derived};
pub(crate) use private_file::{Draft, create_folders, create_private_file, folder_of};
pub(crate) use readable::readable;
pub(crate) use sealed::{DATA_KEY_LEN, DataKey, key_id_of};
pub(crate) use totp::TotpSecret;
pub(crate) use webhook::WebhookSecret;

/// A value whose `Debug` shows nothing and whose memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Reviews should check every call.
    pub(crate) fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_contain_the_secret() {
        let secret = Secret::new("hunter2".to_owned());
        assert!(!format!("{secret:?}").contains("hunter2"));
        assert_eq!(secret.expose(), "hunter2");
    }
}
