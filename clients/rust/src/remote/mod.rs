//! What is known of the issuer from afar: its keys and its denylist, fetched by threads of their own.

mod client;
mod feed;
mod key_source;
mod keys;

pub(crate) use client::{IssuerClient, Transport};
pub(crate) use feed::Feed;
pub(crate) use key_source::Fixed;
pub use key_source::KeySource;
pub(crate) use keys::{Place, RemoteKeys};
