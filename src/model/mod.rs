//! Plain data and its legal changes. No I/O: time and randomness are arguments.

pub(crate) mod api_token;
pub(crate) mod audit;
pub(crate) mod authorization;
pub(crate) mod client;
pub(crate) mod denial;
pub(crate) mod grant;
pub(crate) mod id;
pub(crate) mod invitation;
pub(crate) mod language;
pub(crate) mod lifetimes;
pub(crate) mod mail;
pub(crate) mod mail_token;
pub(crate) mod message;
pub(crate) mod names;
pub(crate) mod passkey;
pub(crate) mod proof;
pub(crate) mod provider;
pub(crate) mod registration;
pub(crate) mod rotation;
pub(crate) mod second_factor;
pub(crate) mod session;
pub(crate) mod sharing;
pub(crate) mod text;
pub(crate) mod upstream;
pub(crate) mod user;
pub(crate) mod user_search;
