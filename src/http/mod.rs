//! HTTP: routes, extractors, handlers and how errors look on the wire. With `verifier` the only room that knows
//! actix-web.

mod codes;
mod cors;
mod endpoint;
mod extract;
mod failure;
mod groups;
mod handlers;
mod observe;
mod openapi;
mod problem;
mod responses;
mod routes;
mod server;
mod shared_body;
mod words;

/// What the API shows of a thing, for the command line to show the same.
pub(crate) mod views {
    pub(crate) use super::handlers::admin_keys::KeyView;
    pub(crate) use super::handlers::api_tokens::view as api_token;
    pub(crate) use super::handlers::audit::EventView;
    pub(crate) use super::handlers::me::AccountView;
    pub(crate) use super::handlers::sessions::view as session;
}

pub use codes::{CODES, Code};
pub use endpoint::Endpoint;
pub use failure::Failure;
pub use openapi::{Described, openapi};
pub use routes::ROUTES;
pub use server::{bind, serve};
