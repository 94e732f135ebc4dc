//! The filter of a search for users.

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserSearch {
    /// Only users with this text in the username, the e-mail address or the name.
    pub(crate) text: Option<String>,
    /// Only users with this role.
    pub(crate) role: Option<String>,
    /// `true`: only disabled users; `false`: only active ones.
    pub(crate) disabled: Option<bool>,
}
