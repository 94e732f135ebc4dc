//! What an import is asked for.

use super::roles::RoleMap;

/// How a file is read.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The model of Django's that has the accounts, in lower case.
    pub(crate) model: String,
    /// The roles that are given.
    pub(crate) roles: RoleMap,
    /// The field of that model that has the username, if it is not `username`.
    pub(crate) username_field: Option<String>,
    /// Whether an account may get another username and another address at once.
    pub(crate) renames: bool,
    /// Whether addresses count as verified, unless the file says that they are not.
    pub(crate) trust_email: bool,
    /// Whether nothing is written.
    pub(crate) is_rehearsal: bool,
}
