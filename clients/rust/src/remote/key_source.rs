//! Where a verifier has its keys from.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use crate::jwt::AccessKeys;

/// The keys of an issuer, as they are known now.
pub trait KeySource: Send + Sync {
    /// The keys; `None` before the first have been fetched.
    fn keys(&self) -> Option<Arc<AccessKeys>>;

    /// Whether the copy is over and the issuer is within reach: it is better fetched anew before it is used.
    fn is_stale(&self) -> bool {
        false
    }

    /// Asks for newer keys in the background, if it is time to.
    fn ask(&self) {}

    /// The issuer says what its keys are: those with this entity tag, unless it is `None`, which is to say others than are
    /// known. Asks for them in the background if they are not known.
    fn announce(&self, _etag: Option<&str>) {}

    /// Asks for newer keys and waits for them; answers whether there may be other keys now.
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
