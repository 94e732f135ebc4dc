//! HTTP: routes, extractors, handlers and how errors look on the wire. With `verifier` the only room that knows
//! actix-web.

mod blocking;
mod extract;
mod handlers;
mod observe;
mod openapi;
mod problem;
mod routes;
mod samples;
mod server;

pub use openapi::openapi;
pub use problem::Problem;
pub use routes::{ROUTES, RouteEntry};
pub use server::{bind, serve};
