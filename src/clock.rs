//! Time as a parameter. The types are the verifier's: both read the same claims.

pub use tokensmith_verifier::issuing::{BadDuration, BadTimestamp};
pub use tokensmith_verifier::{Clock, ManualClock, Seconds, SystemClock, Timestamp};
