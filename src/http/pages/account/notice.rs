//! What a page says was done just now. The address has it as a text that no link of others can name.

use super::texts::Texts;
use crate::secret::derived;

/// What was done.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notice {
    Saved,
    PasswordChanged,
    MailSent,
    AppRemoved,
    PasskeyAdded,
    PasskeyRemoved,
    IdentityRemoved,
    SessionEnded,
    OthersEnded,
    TokenRevoked,
    AccessRemoved,
}

impl Notice {
    const ALL: [Self; 11] = [
        Self::Saved,
        Self::PasswordChanged,
        Self::MailSent,
        Self::AppRemoved,
        Self::PasskeyAdded,
        Self::PasskeyRemoved,
        Self::IdentityRemoved,
        Self::SessionEnded,
        Self::OthersEnded,
        Self::TokenRevoked,
        Self::AccessRemoved,
    ];

    /// For the address of a page that is shown with this form token.
    pub(super) fn sealed(self, form_token: &str) -> String {
        derived(form_token, &format!("notice {self:?}"))
    }

    pub(super) fn read(sealed: &str, form_token: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.sealed(form_token) == sealed)
    }

    pub(super) fn text(self, texts: &Texts) -> &'static str {
        match self {
            Self::Saved => texts.saved,
            Self::PasswordChanged => texts.password_changed,
            Self::MailSent => texts.mail_sent,
            Self::AppRemoved => texts.app_removed,
            Self::PasskeyAdded => texts.passkey_added,
            Self::PasskeyRemoved => texts.passkey_removed,
            Self::IdentityRemoved => texts.identity_removed,
            Self::SessionEnded => texts.session_ended,
            Self::OthersEnded => texts.others_ended,
            Self::TokenRevoked => texts.token_revoked,
            Self::AccessRemoved => texts.access_removed,
        }
    }
}
