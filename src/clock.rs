//! Time as a parameter. The types are the verifier's: both read the same claims.

#[cfg(test)]
pub(crate) use tokensmith_verifier::ManualClock;
pub(crate) use tokensmith_verifier::{Clock, Seconds, SystemClock, Timestamp};
