//! What handlers take out of a request.

mod access_token;
mod client;
mod json;

pub use access_token::{AccessToken, MaybeAccessToken, Role, WithRole};
pub(super) use client::{client_ip, device};
pub(super) use json::{Json, MOST_BODY_BYTES};
