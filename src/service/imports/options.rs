//! What an import is asked for.

use super::roles::RoleMap;

/// How a file is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The model of Django's that has the accounts, in lower case.
    pub model: String,
    /// The roles that are given.
    pub roles: RoleMap,
    /// The field of that model that has the username, if it is not `username`.
    pub username_field: Option<String>,
    /// Whether an account may get another username and another address at once.
    pub renames: bool,
    /// Whether addresses count as verified, unless the file says that they are not.
    pub trust_email: bool,
    /// Whether nothing is written.
    pub is_rehearsal: bool,
    /// How many rows are written by the same statements.
    pub at_once: usize,
}
