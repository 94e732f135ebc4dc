//! What a login grants: the session's row holds it, so that a change of the settings changes no session that is open.

use super::session::Session;
use super::user::User;
use tokensmith_verifier::issuing::FIRST_PARTY;

/// A password was given ([RFC 8176 section 2](https://www.rfc-editor.org/rfc/rfc8176#section-2)).
const PASSWORD: &str = "pwd";

/// What was granted, to which client, and how its user proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client.
    pub(crate) client_id: String,
    /// What it may do, as names with spaces between them.
    pub(crate) scope: String,
    /// Who its access tokens are for, if it asked: else the first audience of the day.
    pub(crate) audience: Option<String>,
    /// The methods of the proof.
    pub(crate) amr: Vec<String>,
    /// The strength of the proof, if it has a name.
    pub(crate) acr: Option<String>,
}

impl Grant {
    /// Of a login with a password at the service itself.
    pub(crate) fn of_password(scope: String, audience: Option<String>) -> Self {
        Self { client_id: FIRST_PARTY.to_owned(), scope, audience, amr: vec![PASSWORD.to_owned()], acr: None }
    }

    /// Whether it is of a login at the service itself.
    pub(crate) fn is_first_party(&self) -> bool {
        self.client_id == FIRST_PARTY
    }
}

/// A session and its user: what a pair is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The session.
    pub session: Session,
    /// What it was opened for; nothing when an older version opened it, which kept no record.
    pub grant: Option<Grant>,
    /// Whose it is.
    pub user: User,
}
