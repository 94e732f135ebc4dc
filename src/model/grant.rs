//! What a login grants: the session's row holds it, so that a change of the settings changes no session that is open.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use super::session::Session;
use super::user::User;
use tokensmith_verifier::issuing::FIRST_PARTY;

/// What a login asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantRequest {
    /// The client that the session is for.
    pub client_id: String,
    /// What it may do, as names with spaces between them.
    pub scope: String,
    /// Who its access tokens are for, if it says so.
    pub audience: Option<String>,
}

/// What was granted, to which client, and how its user proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client.
    pub(crate) client_id: String,
    /// What it may do, as names with spaces between them.
    pub(crate) scope: String,
    /// Who its access tokens are for, if it asked: else the first audience of the day.
    pub(crate) audience: Option<String>,
    /// How its user proved who they are when the session was opened; proving it again changes only when.
    pub(crate) amr: Amr,
    /// The strength of the proof, if it has a name.
    pub(crate) acr: Option<String>,
}

/// Methods by which a user proved who they are, in the order of the proofs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amr(Vec<String>);

impl Amr {
    /// Their names ([RFC 8176 section 2](https://www.rfc-editor.org/rfc/rfc8176#section-2)).
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

impl<'a> FromIterator<&'a str> for Amr {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }
}

/// The stored form: names separated by single spaces.
impl fmt::Display for Amr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl FromStr for Amr {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.split_whitespace().collect())
    }
}

impl GrantRequest {
    /// Of a login at the service itself.
    pub(crate) fn first_party(scope: String, audience: Option<String>) -> Self {
        Self { client_id: FIRST_PARTY.to_owned(), scope, audience }
    }
}

impl Grant {
    /// What a login by these methods gets. No strength of a proof has a name yet.
    pub(crate) fn new(request: GrantRequest, amr: &[&'static str]) -> Self {
        let GrantRequest { client_id, scope, audience } = request;
        Self { client_id, scope, audience, amr: amr.iter().copied().collect(), acr: None }
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
