//! What users are looked for by.

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct UserSearch {
    /// With this text in the username, the e-mail address or the name.
    pub(crate) text: Option<String>,
    /// With this role.
    pub(crate) role: Option<String>,
    /// Disabled ones only, or active ones only.
    pub(crate) disabled: Option<bool>,
}
