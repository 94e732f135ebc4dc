//! tokensmith issues token pairs: a short-lived signed access JWT that any backend verifies offline with the published
//! public key, and a rotating refresh token that is denied through a database denylist.
//!
//! The rooms. Each may use only those below it in the table (`tests/architecture.rs` checks this):
//!
//! | room | what is in it |
//! |---|---|
//! | `internals` | what tests and benchmarks of this repository may use |
//! | `cli` | the commands, and the log |
//! | `http` | routes, extractors, handlers, error responses; the only room that knows actix-web |
//! | `service` | one file for each use case: login, refresh, revoke, sessions, users, API tokens, keys, purge, queries
//! |
//! | `app` | the `App`: settings, database, machines, time and randomness, built once |
//! | `engine` | machines that live as long as the process: rotator, denylist, feed, outbox, limiter, known keys and API tokens |
//! | `outbound` | the HTTP client for calls to other servers, and mail; the only room that knows ureq and lettre |
//! | `store` | the database; the only room that knows diesel |
//! | `password` | argon2id and the password policy |
//! | `config` | settings: from strings to validated values |
//! | `error` | one error, named by meaning |
//! | `jwt` | the keys of this service, how they rotate, what they sign; the only room that knows jsonwebtoken |
//! | `oauth` | parameters and error codes of OAuth and OpenID Connect, as they are on the wire |
//! | `webauthn` | the checks of WebAuthn: what passkeys and browsers send; the only room that knows CBOR |
//! | `model` | plain data and its legal changes; the judge of rotation |
//! | `threads` | the service's own threads, which continue after a panic |
//! | `metrics` | counters and gauges for Prometheus |
//! | `clock`, `entropy`, `secret` | time and randomness as parameters, values that are never shown |
//!
//! Claims, the one `verify`, and the extractors are in the crate `tokensmith-verifier` (`clients/rust`): other services
//! depend on it, and so does this one.

#![warn(unreachable_pub)]
#![expect(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "only this repository's tests and benchmarks see what is public"
)]

mod clock;
mod entropy;
mod jwt;
mod model;
mod oauth;
mod webauthn;

mod app;
mod cli;
mod config;
mod engine;
mod error;
mod http;
mod metrics;
mod outbound;
mod password;
mod secret;
mod service;
mod store;
mod threads;

#[doc(hidden)]
pub mod internals;

pub use cli::run;

/// The Rust code of the documentation is compiled with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../docs/src/backends/rust.md")]
struct RustPage;
