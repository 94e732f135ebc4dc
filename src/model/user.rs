//! Who can log in: a user, the normal form of a username, an e-mail address and roles.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

use super::id::UserId;
use crate::clock::Timestamp;

/// A user, without the password hash: that stays between the store and the login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The `sub` of the user's tokens.
    pub id: UserId,
    /// The name to log in with.
    pub username: Username,
    /// Where to write to.
    pub email: Option<Email>,
    /// What people call the user.
    pub name: Option<DisplayName>,
    /// What the user may do, in the words of the services that ask.
    pub roles: Roles,
    /// Since when the account is disabled.
    pub disabled_at: Option<Timestamp>,
    /// When the account was created.
    pub created_at: Timestamp,
}

/// A text that is not what its field wants, and what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadText(pub &'static str);

/// A username in its normal form: NFKC, lower case, so that no two accounts look alike by case or width.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

const MOST_USERNAME_CHARS: usize = 128;

impl FromStr for Username {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        // Lower-casing can leave NFKC, so it is applied again: the result is the same for every spelling.
        let fold = |text: &str| text.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect();
        // Most names are their own normal form, and each refresh reads one.
        let is_normal = text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase());
        let folded: String = if is_normal { text.to_owned() } else { fold(text) };
        if folded.is_empty() || folded.chars().count() > MOST_USERNAME_CHARS {
            return Err(BadText("must have 1 to 128 characters"));
        }
        if folded.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c)) {
            return Err(BadText("must not contain spaces, control characters or invisible characters"));
        }
        Ok(Self(folded))
    }
}

/// Characters without a glyph: with them two names would look the same, or one would run the wrong way.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Characters that make what follows run the other way; scripts that run that way do without.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An e-mail address, as written; only its outline is checked, delivery proves the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl FromStr for Email {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let text = text.trim();
        let parts = text.rsplit_once('@');
        let plausible = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        // RFC 5321 section 4.5.3.1.3: a path is at most 256 octets with its brackets.
        if !plausible || text.len() > 254 || text.chars().any(|c| c.is_control() || c.is_whitespace() || turns_text(c))
        {
            return Err(BadText("must be an e-mail address, as in ada@example.com"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A name as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

const MOST_DISPLAY_NAME_CHARS: usize = 100;

impl FromStr for DisplayName {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let text = text.trim();
        let count = text.chars().count();
        if count == 0 || count > MOST_DISPLAY_NAME_CHARS || text.chars().any(|c| c.is_control() || turns_text(c)) {
            return Err(BadText("must have 1 to 100 characters and no control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names of roles or of scopes, sorted and each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

/// What a user may do.
pub type Roles = Names;

/// What a token may be used for
/// ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3), whose characters ours are among).
pub type Scopes = Names;

const MOST_NAMES: usize = 64;

/// The role that may administer this service.
pub const ADMIN_ROLE: &str = "admin";

impl Names {
    /// From the names.
    ///
    /// # Errors
    /// [`BadText`] when a name has other characters than the storage and the claim can carry.
    pub fn new(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, BadText> {
        let mut all = Vec::new();
        for name in names {
            let name = name.as_ref();
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b));
            if name.is_empty() || name.len() > 64 || !plain {
                return Err(BadText("must be names of 1 to 64 letters, digits or any of _ - . : /"));
            }
            all.push(name.to_owned());
        }
        all.sort_unstable();
        all.dedup();
        // All of them travel in every access token.
        if all.len() > MOST_NAMES {
            return Err(BadText("must be at most 64 names"));
        }
        Ok(Self(all))
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether `name` is one of them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|one| one == name)
    }

    /// Those that are in both.
    #[must_use]
    pub fn shared_with(&self, other: &Self) -> Self {
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

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usernames_that_look_alike_are_the_same() {
        let plain: Username = "ada".parse().unwrap();
        for spelling in ["Ada", " ADA ", "\u{ff21}da", "\u{1d400}da"] {
            assert_eq!(spelling.parse::<Username>().unwrap(), plain, "{spelling:?}");
        }
        let normal: Username = "\u{3d2}\u{301}x".parse().unwrap();
        assert_eq!(normal.to_string().parse::<Username>().unwrap(), normal, "the normal form is stable");
    }

    #[test]
    fn a_username_that_cannot_be_typed_or_told_apart_is_refused() {
        for bad in ["", "  ", "a b", "a\u{a0}b", "a\nb", "a\0b", "a\u{200b}b", "a\u{202e}b", &"x".repeat(129)] {
            assert!(bad.parse::<Username>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_without_a_domain_is_refused() {
        for bad in ["", "ada", "@example.com", "ada@", "ada lovelace@example.com"] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
        assert!("ada@example.com".parse::<Email>().is_ok());
    }

    #[test]
    fn roles_survive_storage() {
        let roles = Roles::new(["editor", "admin", "editor"]).unwrap();
        assert_eq!(roles.names(), ["admin", "editor"]);
        assert_eq!(roles.to_string().parse::<Roles>().unwrap(), roles);
        assert!(Roles::new(["two words"]).is_err());
        assert!(Roles::new([""]).is_err());
    }
}
