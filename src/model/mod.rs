//! Plain data and its legal changes. No I/O: time and randomness come in as arguments.

pub mod api_token;
pub mod audit;
pub mod denial;
pub mod grant;
pub mod id;
pub mod lifetimes;
pub mod rotation;
pub mod session;
pub mod sharing;
pub mod text;
pub mod user;
pub mod user_search;
