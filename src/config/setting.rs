//! What a setting is.

use super::Config;

/// One setting: a variable of the environment or of `.env`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Its name in the environment and in `.env`.
    pub(crate) name: &'static str,
    /// The text that is used when it is unset or empty.
    pub(crate) default: &'static str,
    /// What it does, with unit and range.
    pub(crate) help: &'static str,
    /// Who may see what was typed.
    pub(crate) secrecy: Secrecy,
    pub(super) show: fn(&Config) -> String,
    pub(super) warn: fn(&Config) -> Vec<String>,
}

/// Who may see what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// Anyone.
    Open,
    /// It may hold a secret, or be one by mistake. No message repeats it.
    MayHoldSecret,
    /// It is a secret. No message repeats it, and white space is kept.
    Secret,
}
