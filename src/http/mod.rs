//! HTTP: routes, extractors, handlers and how errors look on the wire. With `verifier` the only room that knows
//! actix-web.

mod api;
mod audience;
mod codes;
mod cors;
mod endpoint;
mod extract;
mod failure;
mod groups;
mod metrics;
mod observe;
mod openapi;
mod responses;
mod routes;
mod server;
mod shared_body;
pub(crate) mod view;
mod words;

pub use codes::{CODES, Code};
pub use endpoint::Endpoint;
pub use failure::Failure;
pub use openapi::{Described, openapi};
pub use routes::ROUTES;
pub use server::{bind, serve};
