//! What a verifier fetches from the issuer, on separate threads: its keys and its denylist.

mod client;
mod feed;
mod http;
mod http_error;
mod key_source;
mod keys;
mod transport;

pub(crate) use client::IssuerClient;
pub(crate) use feed::Feed;
pub use http::{HttpAnswer, HttpClient, HttpProxy, HttpSettings, Limits};
pub use http_error::HttpError;
pub(crate) use key_source::Fixed;
pub use key_source::KeySource;
pub(crate) use keys::{Place, RemoteKeys};
pub(crate) use transport::Transport;
