//! What the tests share: engines, a server in this process, servers as processes, clients.

pub mod app;
pub mod backend;
pub mod browser;
pub mod client;
pub mod cluster;
pub mod contract;
pub mod forgetful;
pub mod front;
pub mod frozen;
pub mod hook;
pub mod mail;
pub mod mailbox;
pub mod oauth;
pub mod passkey;
pub mod pooled;
pub mod pooler;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod provider;
pub mod running;
pub mod simplejwt;
pub mod tcp;
pub mod totp;

pub use app::{Engine, PASSWORD, TestApp, execute, number};
pub use browser::{Browser, Page};
pub use client::{Answer, Client};

/// Runs each named `fn(Engine)` on both engines. A function that is not named here is dead code, which CI refuses.
macro_rules! both_engines {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name($crate::support::Engine::Sqlite) })+
        }
        mod on_postgres {
            $(#[test] fn $name() {
                if $crate::support::postgres::is_available() {
                    super::$name($crate::support::Engine::Postgres)
                }
            })+
        }
    };
}
