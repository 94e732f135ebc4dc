//! The connection pooler between this service and PostgreSQL, if there is one.

use std::fmt;
use std::str::FromStr;

/// Whether a connection is one PostgreSQL session, which keeps its settings and prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooler {
    /// It is one session: there is no pooler, or one that keeps sessions.
    None,
    /// It is not: a pooler may give each transaction another session.
    Transaction,
}

impl FromStr for Pooler {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self::None),
            "transaction" => Ok(Self::Transaction),
            _ => Err("expected none or transaction"),
        }
    }
}

impl fmt::Display for Pooler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Transaction => "transaction",
        })
    }
}
