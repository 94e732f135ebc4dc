//! tokensmith issues token pairs: a short-lived signed access JWT that any backend verifies offline with the published
//! public key, and a rotating refresh token that is denied through a database denylist.
//!
//! The rooms, in the order in which knowledge flows; none knows of one before it (`tests/architecture.rs` holds the law):
//!
//! | room | what is in it |
//! |---|---|
//! | `cli` | the commands, and the log |
//! | `http` | routes, extractors, handlers, errors on the wire; the only room that knows actix-web |
//! | `service` | one file for each use case: login, refresh, revoke, sessions, users, API tokens, keys, purge; all reading, too |
//! | `app` | the one `App`: settings, rows, machines, time and randomness, built once |
//! | `engine` | machines that live as long as the process: rotator, denylist, feed, login limits, known keys and API tokens |
//! | `store` | rows; the only room that knows diesel |
//! | `password` | argon2id and the password policy |
//! | `config` | settings: from strings to validated values |
//! | `error` | one error, named by meaning |
//! | `jwt` | the keys of this service, how they rotate, what they sign; the only room that knows jsonwebtoken |
//! | `model` | plain data and its legal changes; the judge of rotation |
//! | `threads` | the service's own threads, which go on after a panic |
//! | `metrics` | what the service counts of itself |
//! | `clock`, `entropy`, `secret` | time and randomness as parameters, values that stay hidden |
//!
//! Claims, the one `verify`, and the extractors are in the crate `tokensmith-verifier` (`clients/rust`): other services
//! depend on it, and so does this one.

pub mod clock;
pub mod entropy;
pub mod jwt;
pub mod model;

pub mod app;
pub mod cli;
pub mod config;
pub mod engine;
pub mod error;
pub mod http;
pub mod metrics;
pub mod password;
pub mod secret;
pub mod service;
pub mod store;
mod threads;

/// The README's Rust code is compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
