//! What becomes of rows. They are written in groups: what a group needs to know is read with a few statements, each row is judged by
//! that and by the rows before it, and what is new is added with one statement.

use std::collections::HashSet;
use std::sync::Arc;

use super::known::{Added, Known, Refused};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::model::api_token::ApiToken;
use crate::model::id::UserId;
use crate::model::legacy_token::LegacyToken;
use crate::model::names::Scopes;
use crate::model::user::User;
use crate::secret::KeyDigest;
use crate::store::UnitTx;

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// An account was added, whether with the role `admin`.
    Created { is_admin: bool },
    /// An account was changed; it must also be disabled.
    Changed { disable: Option<UserId> },
    /// Everything was as in the file.
    Unchanged,
    /// Something of an account was added or changed.
    Kept,
    /// A token is a session here, which must end with it.
    Exchanged(LegacyToken),
    /// It is not needed any more.
    Over,
}

/// What an import needs to write rows.
#[derive(Clone)]
pub(super) struct Applying {
    pub(super) now: Timestamp,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) scopes: Scopes,
    pub(super) is_rehearsal: bool,
    pub(super) renames: bool,
}

/// Rows that are written together.
pub(super) struct Group<'a> {
    pub(super) applying: &'a Applying,
    pub(super) known: Known,
    pub(super) added: &'a mut Added,
    pub(super) refused: &'a Refused,
    pub(super) new: New,
    /// The accounts that it has changed.
    pub(super) changed: HashSet<UserId>,
    /// Whether it has changed usernames or addresses, so that one that is known may be free.
    pub(super) has_moved_names: bool,
}

/// What a group adds; it is stored at the end, or when another row must see it.
#[derive(Default)]
pub(super) struct New {
    pub(super) users: Vec<(User, String)>,
    pub(super) legacy_tokens: Vec<LegacyToken>,
    pub(super) denied: Vec<String>,
    pub(super) api_tokens: Vec<(ApiToken, KeyDigest)>,
}

/// What became of a row, or why it is refused.
pub(super) type Outcome = Result<Done, Error>;

impl Applying {
    /// Writes the first of these rows, which are of one kind, at least one. A refusal undoes what belongs to its row, and a rehearsal
    /// undoes all.
    pub(super) fn apply(
        &self,
        tx: &mut UnitTx<'_>,
        subjects: &[&Subject],
        (added, refused): (&mut Added, &Refused),
    ) -> Result<Vec<Outcome>, Error> {
        match tx.apart(!self.is_rehearsal, |tx| self.group(tx, subjects, (&mut *added, refused)))? {
            Ok(done) => Ok(done),
            Err(error @ (Error::Unavailable(_) | Error::Overloaded { .. })) => Err(error),
            // Somebody has stored meanwhile what one of the rows adds. The others are not refused for that.
            Err(_conflict) if subjects.len() > 1 => {
                let mut done = Vec::new();
                for subject in subjects {
                    done.extend(self.apply(tx, &[subject], (&mut *added, refused))?);
                }
                Ok(done)
            }
            Err(error) if is_of_the_service(&error) => Err(error),
            Err(refused) => Ok(vec![Err(refused)]),
        }
    }

    fn group(
        &self,
        tx: &mut UnitTx<'_>,
        subjects: &[&Subject],
        (added, refused): (&mut Added, &Refused),
    ) -> Result<Vec<Outcome>, Error> {
        if !self.is_rehearsal {
            *added = Added::default();
        }
        let known = Known::read(tx, subjects)?;
        let (new, changed) = (New::default(), HashSet::new());
        let mut group = Group { applying: self, known, added, refused, new, changed, has_moved_names: false };
        let mut outcomes = Vec::new();
        for subject in subjects {
            if group.is_outdated_for(subject) {
                break;
            }
            match group.judge(tx, subject)? {
                Err(error) if is_of_the_service(&error) => return Err(error),
                // It may be free now: the next group knows.
                Err(Error::UsernameTaken | Error::EmailTaken) if group.has_moved_names => break,
                outcome => outcomes.push(outcome),
            }
        }
        group.store(tx)?;
        Ok(outcomes)
    }
}

impl Group<'_> {
    /// Judges a row. An error means that the group cannot be written.
    fn judge(&mut self, tx: &mut UnitTx<'_>, subject: &Subject) -> Result<Outcome, Error> {
        Ok(match subject {
            Subject::User(user) => self.user(tx, user)?,
            Subject::LegacyToken { jti, owner, expires_at } => self.legacy_token(jti, *expires_at, owner.as_ref()),
            Subject::DeniedToken { jti, expires_at } => Ok(self.denied_token(jti, *expires_at)),
            Subject::ApiKey { digest, owner, created_at } => self.api_key(digest, owner, *created_at),
        })
    }

    /// Stores what is new so far.
    pub(super) fn store(&mut self, tx: &mut UnitTx<'_>) -> Result<(), Error> {
        let New { users, legacy_tokens, denied, api_tokens } = std::mem::take(&mut self.new);
        if self.applying.is_rehearsal {
            return Ok(());
        }
        if !users.is_empty() {
            tx.insert_users(&users)?;
        }
        if !legacy_tokens.is_empty() {
            tx.insert_legacy_tokens(&legacy_tokens)?;
        }
        if !denied.is_empty() {
            tx.deny_legacy_tokens(&denied)?;
        }
        if !api_tokens.is_empty() {
            tx.insert_api_tokens(&api_tokens)?;
        }
        Ok(())
    }
}

/// Whether an error is none of the row.
pub(super) fn is_of_the_service(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Internal(_) | Error::Overloaded { .. })
}
