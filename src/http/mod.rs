//! HTTP: routes, extractors, handlers and how errors look on the wire. With `verifier` the only room that knows
//! actix-web.

mod extract;
mod handlers;
mod observe;
mod problem;
mod routes;
mod server;

pub use problem::Problem;
pub use routes::{ROUTES, RouteEntry};
pub use server::{bind, serve};
