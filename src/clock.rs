//! Time as a parameter. The types are the verifier's: both read the same claims.

pub use tokensmith_verifier::{BadDuration, BadTimestamp, Clock, ManualClock, Seconds, SystemClock, Timestamp};
