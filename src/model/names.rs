//! Names of roles and of scopes.

use std::fmt;
use std::str::FromStr;

use super::text::BadText;

/// Names of roles or scopes, sorted and without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

/// The roles of a user.
pub(crate) type Roles = Names;

/// The scopes of a token
/// ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3), which allows more characters than we
/// do).
pub(crate) type Scopes = Names;

const MAX_NAMES: usize = 64;

/// The role that may administer this service.
pub const ADMIN_ROLE: &str = "admin";

impl Names {
    /// From the names.
    pub(crate) fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, BadText> {
        let mut all = Vec::new();
        for name in names {
            let name = name.as_ref();
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b));
            if name.is_empty() || name.len() > 64 || !plain {
                return Err(BadText("must be names of 1 to 64 letters, digits or any of _ - . : /"));
            }
            all.push(name.to_owned());
        }
        Self::sorted(all)
    }

    fn sorted(mut all: Vec<String>) -> Result<Self, BadText> {
        all.sort_unstable();
        all.dedup();
        // Every access token contains all of them.
        if all.len() > MAX_NAMES { Err(BadText("must be at most 64 names")) } else { Ok(Self(all)) }
    }

    /// The names.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether `name` is one of them.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|one| one == name)
    }

    /// The names that are in either, if they are not too many.
    pub(crate) fn and(&self, other: &Self) -> Result<Self, BadText> {
        Self::sorted([self.0.as_slice(), &other.0].concat())
    }

    /// The names that are not in the other.
    pub(crate) fn without(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|name| !other.contains(name)).cloned().collect())
    }

    /// The names that are in both.
    pub(crate) fn shared_with(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|name| other.contains(name)).cloned().collect())
    }
}

/// The stored form: names separated by single spaces.
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl FromStr for Names {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        Self::new(text.split_ascii_whitespace())
    }
}
