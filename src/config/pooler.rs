//! What stands between this service and PostgreSQL.

use std::fmt;
use std::str::FromStr;

/// Whether a connection is a session of PostgreSQL's, with its settings and prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pooler {
    /// It is: there is no pooler, or one that keeps sessions.
    None,
    /// A pooler gives each transaction another session.
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
