//! Where the rows are: `sqlite://PATH` or `postgres://..`, chosen by scheme.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::postgres_url::PostgresUrl;

/// Where the rows are.
#[derive(Clone, Debug)]
pub(crate) enum DatabaseUrl {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return check_path(path).map(|()| Self::Sqlite(PathBuf::from(path)));
        }
        for scheme in ["postgres", "postgresql"] {
            if let Some(rest) = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) {
                return PostgresUrl::parse(scheme, rest).map(Self::Postgres);
            }
        }
        Err("expected sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME".to_owned())
    }
}

/// The path is used exactly as it is written, including percent signs and `#`. Forms that have a meaning in other
/// programs are refused, so that they do not become part of a file name.
fn check_path(path: &str) -> Result<(), String> {
    let problem = if path.is_empty() || path.contains(":memory:") {
        // Each connection of a pool would see its own empty database.
        "sqlite:// needs the path of a file, as in sqlite://data/tokensmith.db"
    } else if path.contains('?') {
        "sqlite:// takes no parameters: leave out the ? and what follows; create the file with serve, migrate or users create"
    } else if path.starts_with(['~', '$']) {
        "~ and $ are not expanded: write the whole path, as in sqlite:///home/ada/tokensmith.db"
    } else if path.starts_with("file:") {
        "write the path alone, without file:, as in sqlite://data/tokensmith.db"
    } else if path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..") {
        "sqlite:// needs the path of a file; this is the path of a folder"
    } else if path.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) || path.trim() != path {
        "the path begins or ends with white space, or holds a control character or text that is not UTF-8"
    } else {
        return Ok(());
    };
    Err(problem.to_owned())
}

/// Shows the URL without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}
