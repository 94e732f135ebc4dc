//! Plain data and its legal changes. No I/O: time and randomness come in as arguments.

#[cfg(feature = "server")]
pub mod api_token;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod denial;
pub mod denied_set;
#[cfg(feature = "server")]
pub mod grant;
pub mod id;
#[cfg(feature = "server")]
pub mod lifetimes;
#[cfg(feature = "server")]
pub mod rotation;
#[cfg(feature = "server")]
pub mod session;
#[cfg(feature = "server")]
pub mod sharing;
#[cfg(feature = "server")]
pub mod text;
#[cfg(feature = "server")]
pub mod user;
