//! What an import is asked for.

use super::roles::RoleMap;

/// How a file is read.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The model of Django's that has the accounts, in lower case.
    pub(crate) model: String,
    /// The roles that are given.
    pub(crate) roles: RoleMap,
    /// Whether addresses count as verified, unless the file says that they are not.
    pub(crate) trust_email: bool,
    /// Whether nothing is written.
    pub(crate) is_rehearsal: bool,
}
