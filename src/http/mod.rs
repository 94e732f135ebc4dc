//! HTTP, by audience: each audience is a scope with its own CORS, renderer and headers. The only room that knows
//! actix-web.
//!
//! An endpoint is a handler with its attribute and a row in `routes`; a failure has a row in `codes`.

mod api;
mod audience;
mod code;
mod codes;
mod compat;
mod confirming;
mod cookies;
mod cors;
mod csrf;
mod delivery;
mod endpoint;
mod extract;
mod failure;
mod groups;
mod mail_code;
mod metrics;
mod oauth;
mod observe;
mod openapi;
mod pages;
mod proving;
mod recovering;
mod registering;
mod responses;
mod routes;
mod server;
mod shared_body;
pub(crate) mod view;
mod words;

pub use codes::CODES;
pub(crate) use observe::LOG_TARGET;
pub use openapi::{Described, openapi};
pub use routes::ROUTES;
pub use server::bind;
pub(crate) use server::serve;
