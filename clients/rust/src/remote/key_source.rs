//! Where a verifier gets its keys from.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use crate::jwt::AccessKeys;

/// The known keys of an issuer.
pub trait KeySource: Send + Sync {
    /// The keys; `None` before they are first fetched.
    fn keys(&self) -> Option<Arc<AccessKeys>>;

    /// Whether the copy has expired and the issuer is reachable, so that the keys should be fetched before they are
    /// used.
    fn is_stale(&self) -> bool {
        false
    }

    /// Fetches newer keys in the background, if it is time to.
    fn ask(&self) {}

    /// The issuer announces its current keys by their entity tag; `None` means unknown keys. Fetches them in the
    /// background if they are not known.
    fn announce(&self, _etag: Option<&str>) {}

    /// Fetches newer keys and waits for them; returns whether the keys may have changed.
    fn renew(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(ready(false))
    }
}

/// Keys that never change.
pub(crate) struct Fixed(pub(crate) Arc<AccessKeys>);

impl KeySource for Fixed {
    fn keys(&self) -> Option<Arc<AccessKeys>> {
        Some(Arc::clone(&self.0))
    }
}
