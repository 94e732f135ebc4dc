//! tokensmith issues token pairs: a short-lived signed access JWT that any backend verifies offline with the published
//! public key, and a rotating refresh token that is denied through a database denylist.
//!
//! Knowledge flows one way: `cli` → `http` → `service` → `store`, `jwt`, `password` → `model` → `clock`, `secret`.

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
pub mod error;
#[cfg(feature = "server")]
pub mod http;
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
