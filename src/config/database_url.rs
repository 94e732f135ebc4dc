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
            // libpq would repeat a broken part, which may be the password, in its error.
            check(url)?;
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

fn check(url: &str) -> Result<(), String> {
    let is_hex = |digits: &str| digits.chars().take(2).filter(char::is_ascii_hexdigit).count() == 2;
    let location = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = location.split_once(['/', '?']).unwrap_or((location, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host_is_plain = host.rsplit_once(']').is_none_or(|(_, port)| port.is_empty() || port.starts_with(':'));
    if !url.split('%').skip(1).all(is_hex) || url.contains("%00") {
        return Err("a % must be followed by two hexadecimal digits; write % itself as %25".to_owned());
    }
    if url.contains(char::is_whitespace) || path.contains('@') || !host_is_plain {
        return Err("write a space, / ? @ in the user or the password as %20 %2F %3F %40".to_owned());
    }
    Ok(())
}

/// Credentials end at the last `@` before the path; what follows `?` may hold a password too.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let location = rest.split('?').next().unwrap_or_default();
    match location.rsplit_once('@') {
        Some((credentials, host)) => {
            format!("{scheme}://{}:***@{host}", credentials.split(':').next().unwrap_or_default())
        }
        None => format!("{scheme}://{location}"),
    }
}
