//! The service as its clients see it, on both engines: every test that takes an [`Engine`] runs on SQLite and on a real
//! PostgreSQL, started for this run. Files mirror the URLs; names are sentences.
#![expect(clippy::disallowed_methods, reason = "CI is a setting of the tests, not of the service")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[macro_use]
mod support;

mod account;
mod admin_users;
mod api_tokens;
mod attacks;
mod audit;
mod authority;
mod authorize;
mod authorize_consent;
mod authorize_login;
mod backup;
mod basic_auth;
mod change_password;
mod cli;
mod cli_output;
mod client_auth;
mod clients;
mod clocks;
mod cookies;
mod cookies_ended;
mod cors;
mod csrf;
mod database_down;
mod database_hangs;
mod databases;
mod denied_before;
mod denylist;
mod description;
mod env_file;
mod extractors;
mod first_run;
mod grants;
mod guessing;
mod health;
mod http;
mod instances;
mod key_files;
mod keys;
mod limits;
mod locks;
mod me;
mod me_applications;
mod metrics;
mod migrations;
mod names;
mod oauth_introspect;
mod oauth_logout;
mod oauth_refresh;
mod oauth_revoke;
mod oauth_token;
mod oauth_userinfo;
mod oidc_discovery;
mod oidc_id_tokens;
mod outbox;
mod packages;
mod panics;
mod permissions;
mod poolers;
mod proofs;
mod schema;
mod sessions;
mod slow_readers;
mod sqlite_files;
mod strangers;
mod tokens_create;
mod tokens_refresh;
mod tokens_revoke;
mod tokens_verify;
mod units;
mod verifier;
mod well_known;
