//! Where the rows are: `sqlite://PATH` or `postgres://..`, chosen by scheme.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::secret::Secret;

/// Where the rows are.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as libpq's connection URL.
    Postgres(Secret<String>),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            // Each connection of a pool would see its own empty database.
            if path.is_empty() || path.contains(":memory:") {
                return Err("sqlite:// needs the path of a file, as in sqlite://data/tokensmith.db".to_owned());
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Secret::new(url.to_owned())));
        }
        Err("expected sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME".to_owned())
    }
}

/// Shows the URL without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url.expose())),
        }
    }
}

fn without_password(url: &str) -> String {
    let (location, query) = url.split_once('?').unwrap_or((url, ""));
    let visible = match location.rsplit_once('@') {
        Some((left, host)) => {
            let (scheme, credentials) = left.split_once("://").unwrap_or(("postgres", left));
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{host}")
        }
        None => location.to_owned(),
    };
    if query.is_empty() { visible } else { format!("{visible}?***") }
}
