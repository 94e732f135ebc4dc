//! The sections of the account pages.

use super::texts::Texts;

/// A section, at a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Profile,
    Password,
    Passkeys,
    SecondFactors,
    Identities,
    Sessions,
    ApiTokens,
    Applications,
}

impl Section {
    /// All of them, as users see them.
    pub(super) const ALL: [Self; 8] = [
        Self::Profile,
        Self::Password,
        Self::Passkeys,
        Self::SecondFactors,
        Self::Identities,
        Self::Sessions,
        Self::ApiTokens,
        Self::Applications,
    ];

    /// The section at a path below `/account`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| *section != Self::Profile && section.path().ends_with(&format!("/{name}")))
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Profile => "/account",
            Self::Password => "/account/password",
            Self::Passkeys => "/account/passkeys",
            Self::SecondFactors => "/account/second-factors",
            Self::Identities => "/account/identities",
            Self::Sessions => "/account/sessions",
            Self::ApiTokens => "/account/api-tokens",
            Self::Applications => "/account/applications",
        }
    }

    pub(super) fn title(self, texts: &Texts) -> &'static str {
        match self {
            Self::Profile => texts.profile_title,
            Self::Password => texts.password_title,
            Self::Passkeys => texts.passkeys_title,
            Self::SecondFactors => texts.factors_title,
            Self::Identities => texts.identities_title,
            Self::Sessions => texts.sessions_title,
            Self::ApiTokens => texts.api_tokens_title,
            Self::Applications => texts.applications_title,
        }
    }
}
