//! tokensmith issues token pairs: a short-lived signed access JWT that any backend verifies offline with the published
//! public key, and a rotating refresh token that is denied through a database denylist.
//!
//! The rooms, in the order in which knowledge flows; none knows of one before it (`tests/architecture.rs` holds the law):
//!
//! | room | what is in it |
//! |---|---|
//! | `cli` | the commands, and the log |
//! | `http` | routes, extractors, handlers, errors on the wire; with `verifier` the only room that knows actix-web |
//! | `service` | one file for each use case: login, refresh, revoke, sessions, users, API tokens, keys, purge; all reading, too |
//! | `app` | the one `App`: settings, rows, machines, time and randomness, built once |
//! | `engine` | machines that live as long as the process: rotator, denylist, feed, login limits, known keys and API tokens |
//! | `store` | rows; the only room that knows diesel |
//! | `password` | argon2id and the password policy |
//! | `config` | settings: from strings to validated values |
//! | `error` | one error, named by meaning |
//! | `verifier` | access tokens of requests: for other services (feature `verifier`) and our own; knows actix-web and HTTP |
//! | `jwt` | tokens and keys; the only room that knows jsonwebtoken |
//! | `model` | plain data and its legal changes; the judge of rotation |
//! | `metrics` | what the service counts of itself |
//! | `clock`, `entropy`, `secret` | time and randomness as parameters, values that stay hidden |

pub mod clock;
pub mod entropy;
pub mod jwt;
pub mod model;

#[cfg(feature = "verifier")]
pub mod verifier;

#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod engine;
#[cfg(feature = "server")]
pub mod error;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod password;
#[cfg(feature = "server")]
pub mod secret;
#[cfg(feature = "server")]
pub mod service;
#[cfg(feature = "server")]
pub mod store;

/// The README's Rust code is compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
