//! A user, with the folded form of the username, the e-mail address and the display name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use idna::domain_to_ascii;
use unicode_normalization::UnicodeNormalization as _;

use super::attributes::Attributes;
use super::id::UserId;
use super::names::Roles;
use super::text::{BadText, fold, is_distinct, is_mark, is_readable_line, skeleton};
use crate::clock::Timestamp;

/// What is stored instead of a hash for an account without a password.
pub(crate) const NO_PASSWORD: &str = "!";

/// A user, without the password hash, which only the store and the login see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The `sub` of the user's tokens.
    pub id: UserId,
    /// The name to log in with.
    pub username: Username,
    /// The e-mail address.
    pub email: Option<Email>,
    /// When the address that is verified was: by its user, or because an administrator has set it.
    pub email_verified_at: Option<Timestamp>,
    /// That address, folded. Another one than the current if an older version has changed that since.
    pub verified_email: Option<String>,
    /// The full name.
    pub name: Option<DisplayName>,
    /// The roles, which other services define.
    pub roles: Roles,
    /// When the account was disabled.
    pub disabled_at: Option<Timestamp>,
    /// When the account was created.
    pub created_at: Timestamp,
    /// What another system called the account before it was imported.
    pub external_id: Option<ExternalId>,
    /// Attributes that the user may change.
    pub public_attributes: Option<Attributes>,
    /// Attributes that only administrators see and change.
    pub app_attributes: Option<Attributes>,
}

impl User {
    /// The e-mail address, if it is known to be the user's.
    pub(crate) fn verified_email(&self) -> Option<&Email> {
        let verified = self.verified_email.as_deref();
        self.email.as_ref().filter(|email| self.email_verified_at.is_some() && verified == Some(&*email.folded()))
    }
}

/// A folded username: no two accounts differ only in case, width or invisible characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

const MAX_USERNAME_CHARS: usize = 128;

impl FromStr for Username {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let text = text.trim();
        let folded = if is_short(text) { fold(text) } else { text.into() };
        if folded.is_empty() || folded.chars().count() > MAX_USERNAME_CHARS {
            return Err(BadText("must have 1 to 128 characters"));
        }
        // Also checks the typed text, since folding removes invisible characters and can make a space.
        if !text.chars().chain(folded.chars()).all(is_distinct) {
            return Err(BadText("must not contain spaces, control characters or invisible characters"));
        }
        if folded.starts_with(is_mark) {
            return Err(BadText("must not begin with a mark that belongs to a letter before it"));
        }
        Ok(Self(folded.into_owned()))
    }
}

/// Whether a text is short enough for a username; a longer one is not folded. Folding may make a text longer or
/// shorter.
fn is_short(text: &str) -> bool {
    text.chars().nth(4 * MAX_USERNAME_CHARS).is_none()
}

impl Username {
    /// Whether it may be taken for an e-mail address.
    pub(crate) fn is_like_an_address(&self) -> bool {
        self.0.contains('@')
    }

    /// What is left of it when characters that look alike are the same.
    pub fn skeleton(&self) -> String {
        skeleton(&self.0)
    }

    /// A stored value. An earlier version may have accepted what is refused now, and may have folded differently.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// A username that is given at a login. It is only folded, not checked, since earlier versions accepted more names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedName {
    folded: String,
    /// The form of earlier versions: NFKC and lower case.
    formerly: String,
}

impl FromStr for ClaimedName {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let text = text.trim();
        let no_name = Err(BadText("is not a username"));
        if !is_short(text) {
            return no_name;
        }
        let folded = fold(text).into_owned();
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
        let formerly = if is_plain {
            folded.clone()
        } else {
            // Lower-casing may produce text that is not NFKC, so NFKC was applied again.
            text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
        };
        for name in [&folded, &formerly] {
            // Folding turns some characters into several. No stored name is longer, and the limits on guesses store
            // this one.
            if name.chars().nth(MAX_USERNAME_CHARS).is_some()
                || name.is_empty()
                || name.chars().any(|c| c.is_control() || c.is_whitespace())
            {
                return no_name;
            }
        }
        Ok(Self { folded, formerly })
    }
}

impl ClaimedName {
    /// The form in which usernames are stored.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }

    /// The form in which an earlier version would have stored it.
    pub(crate) fn formerly(&self) -> &str {
        &self.formerly
    }
}

/// An e-mail address, as it was written; a domain that is not ASCII is in its ASCII form. Only the form is checked; whether the
/// address works is only known by sending a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl FromStr for Email {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let refused = BadText("must be an e-mail address, as in ada@example.com");
        // Before the domain is mapped, which leaves out invisible characters.
        let parts = text.trim().rsplit_once('@').filter(|_| text.trim().chars().all(is_distinct));
        let Some((local, domain)) = parts else { return Err(refused) };
        let domain = match domain_to_ascii(domain) {
            Ok(_) if domain.is_ascii() => domain.into(),
            Ok(ascii) => ascii,
            Err(_not_a_domain) => return Err(refused),
        };
        let text = format!("{local}@{domain}");
        // RFC 5321 section 4.5.3.1.3: a path is at most 256 octets with its brackets.
        if !is_dot_string(local) || !domain.split('.').all(is_label) || text.len() > 254 {
            return Err(refused);
        }
        Ok(Self(text))
    }
}

/// Whether a local part is one that every mail server takes: no quotes, and ASCII only
/// ([RFC 5321 section 4.1.2](https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2)).
fn is_dot_string(local: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.len() <= 64 && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

/// Whether it is a label of a host name ([RFC 1123 section 2.1](https://www.rfc-editor.org/rfc/rfc1123#section-2.1)).
fn is_label(label: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=63).contains(&label.len()) && label.chars().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
}

impl Email {
    /// The form in which two spellings of one address are the same, as with usernames: a username that somebody types may be
    /// an address.
    pub(crate) fn folded(&self) -> Cow<'_, str> {
        fold(&self.0)
    }

    /// As it is stored; see [`Username::from_stored`].
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// A display name, as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

const MAX_DISPLAY_NAME_CHARS: usize = 100;

impl FromStr for DisplayName {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let text = text.trim();
        if text.chars().count() > MAX_DISPLAY_NAME_CHARS || !is_readable_line(text) {
            return Err(BadText("must have 1 to 100 readable characters and no control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl DisplayName {
    /// As it is stored; see [`Username::from_stored`].
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

/// What another system calls an account: the primary key there, as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExternalId(String);

const MAX_EXTERNAL_ID_CHARS: usize = 255;

impl FromStr for ExternalId {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        if text.chars().count() > MAX_EXTERNAL_ID_CHARS || !text.chars().all(is_distinct) || text.is_empty() {
            return Err(BadText("must have 1 to 255 characters, none of them invisible or a space"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl ExternalId {
    /// As it is stored; see [`Username::from_stored`].
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
#[path = "user_tests.rs"]
mod tests;
