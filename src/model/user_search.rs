//! What users are looked for by.

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub struct UserSearch {
    /// With this text in the username, the e-mail address or the name.
    pub text: Option<String>,
    /// With this role.
    pub role: Option<String>,
    /// Disabled ones only, or active ones only.
    pub disabled: Option<bool>,
}
