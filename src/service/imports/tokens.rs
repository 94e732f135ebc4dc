//! What becomes of a token of a file: a refresh token of the issuer before, one that is denied, or the key of an API token.

use super::accounts::administrator;
use super::applying::{Done, Group, Outcome};
use super::subject::Owner;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::api_token::ApiToken;
use crate::model::id::new_id;
use crate::model::legacy_token::LegacyToken;
use crate::model::user::{DisplayName, User};
use crate::secret::KeyDigest;
use crate::store::Imported;

impl Group<'_> {
    pub(super) fn legacy_token(&mut self, jti: &str, expires_at: Timestamp, owner: Option<&Owner>) -> Outcome {
        if expires_at <= self.applying.now || owner.is_some_and(|owner| self.is_of_deleted(owner)) {
            return Ok(Done::Over);
        }
        if self.known.tokens.contains_key(jti) || self.added.denied.contains(jti) || self.added.tokens.contains(jti) {
            return Ok(Done::Unchanged);
        }
        let user = owner.map(|owner| self.owner(owner)).transpose()?.flatten();
        let user_id = user.map(|user| user.id);
        self.new.legacy_tokens.push(LegacyToken {
            jti: jti.to_owned(),
            user_id,
            expires_at,
            is_denied: false,
            session_id: None,
        });
        self.added.tokens.insert(jti.to_owned());
        Ok(Done::Kept)
    }

    pub(super) fn denied_token(&mut self, jti: &str, expires_at: Timestamp) -> Done {
        let token = LegacyToken { jti: jti.to_owned(), user_id: None, expires_at, is_denied: true, session_id: None };
        match self.known.tokens.get(jti) {
            _ if self.added.denied.contains(jti) => return Done::Unchanged,
            Some(known) if known.is_denied => return Done::Unchanged,
            Some(known) if known.session_id.is_some() => {
                return Done::Exchanged(LegacyToken { user_id: known.user_id, ..token });
            }
            Some(_known) => self.new.denied.push(jti.to_owned()),
            // In a rehearsal: it is not stored.
            None if self.added.tokens.contains(jti) => {}
            None if expires_at <= self.applying.now => return Done::Over,
            None => self.new.legacy_tokens.push(token),
        }
        self.added.denied.insert(jti.to_owned());
        Done::Kept
    }

    pub(super) fn api_key(&mut self, digest: &KeyDigest, owner: &Owner, created_at: Timestamp) -> Outcome {
        if self.known.keys.contains(digest) || self.added.keys.contains(digest) {
            return Ok(Done::Unchanged);
        }
        if self.is_of_deleted(owner) || self.known.was_deleted(Imported::Key(digest)) {
            return Ok(Done::Over);
        }
        let applying = self.applying;
        if let Some(user) = self.owner(owner)? {
            let token = ApiToken {
                id: new_id(applying.now, &*applying.entropy)?,
                user_id: user.id,
                name: DisplayName::from_stored("Django REST framework".to_owned()),
                sid: new_id(applying.now, &*applying.entropy)?,
                scopes: applying.scopes.clone(),
                roles: user.roles.without(&administrator()),
                created_at,
                expires_at: None,
                last_used_at: None,
                access_expires_by: applying.now,
                revoked_at: None,
            };
            self.new.api_tokens.push((token, *digest));
        }
        self.added.keys.insert(*digest);
        Ok(Done::Kept)
    }

    /// The account, which the other system must have brought here; `None` in a rehearsal, for one that was not stored.
    fn owner(&self, owner: &Owner) -> Result<Option<&User>, Error> {
        if self.refused.has(owner) {
            return Err(Error::invalid("user", "refused", "is an account that was refused"));
        }
        // By a username alone it could be an account that was made here, of somebody else.
        let found = self.known.owner(owner).filter(|user| user.external_id.is_some());
        if found.is_none() && !self.added.has(owner) { Err(Error::UserUnknown) } else { Ok(found) }
    }

    fn is_of_deleted(&self, owner: &Owner) -> bool {
        owner.external_id().is_some_and(|id| self.known.was_deleted(Imported::Account(id)))
    }
}
