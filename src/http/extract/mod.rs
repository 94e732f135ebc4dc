//! What handlers take out of a request.

mod client;
mod json;

pub(super) use client::{client_ip, device};
pub(super) use json::{Json, MOST_BODY_BYTES};
