//! What becomes of a row: an account is added or changed, or something of an account.

use std::collections::HashSet;
use std::sync::Arc;

use super::subject::{Owner, Subject};
use super::user::ImportedUser;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::model::api_token::ApiToken;
use crate::model::id::{UserId, new_id};
use crate::model::legacy_token::LegacyToken;
use crate::model::names::{ADMIN_ROLE, Names, Roles, Scopes};
use crate::model::text::BadText;
use crate::model::user::{DisplayName, Email, NO_PASSWORD, User};
use crate::password::is_of_this_service;
use crate::secret::KeyDigest;
use crate::service::new_account::refuse_address;
use crate::store::{Credentials, Imported, ReadTx, UnitTx, WriteTx};

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

/// What a rehearsal would have stored in earlier batches.
#[derive(Default)]
pub(super) struct Rehearsed {
    names: HashSet<String>,
    external_ids: HashSet<String>,
    /// The names of refresh tokens.
    tokens: HashSet<String>,
}

impl Applying {
    /// Writes a row. A refusal undoes what belongs to it, and so does a rehearsal.
    pub(super) fn apply(
        &self,
        tx: &mut UnitTx<'_>,
        subject: &Subject,
        rehearsed: &mut Rehearsed,
    ) -> Result<Result<Done, Error>, Error> {
        if let (Subject::User(user), true) = (subject, self.is_rehearsal)
            && rehearsed.names.contains(&user.username.to_string())
        {
            return Ok(Err(Error::UsernameTaken));
        }
        let done = tx.apart(!self.is_rehearsal, |tx| match subject {
            Subject::User(user) => self.user(tx, user),
            Subject::LegacyToken { external_id, jti, owner, expires_at } => {
                self.legacy_token(tx, (external_id, jti, *expires_at), owner.as_ref(), rehearsed)
            }
            Subject::DeniedToken { jti, expires_at } => self.denied_token(tx, jti, *expires_at, rehearsed),
            Subject::ApiKey { digest, owner, created_at } => self.api_key(tx, digest, (owner, *created_at), rehearsed),
        })?;
        let done = match done {
            Err(error) if is_of_the_service(&error) => return Err(error),
            done => done,
        };
        if let (Subject::LegacyToken { jti, .. }, true, Ok(Done::Kept)) = (subject, self.is_rehearsal, &done) {
            rehearsed.tokens.insert(jti.clone());
        }
        if let (Subject::User(user), true, Ok(Done::Created { .. })) = (subject, self.is_rehearsal, &done) {
            rehearsed.names.insert(user.username.to_string());
            rehearsed.external_ids.extend(user.external_id.as_ref().map(ToString::to_string));
        }
        Ok(done)
    }

    fn user(&self, tx: &mut UnitTx<'_>, new: &ImportedUser) -> Result<Done, Error> {
        refuse_address(&new.username, new.email.as_ref())?;
        let Some(id) = find(&mut tx.reading(), new)? else { return self.create(tx, new) };
        // Before it is read: what was changed here meanwhile stays.
        tx.lock_user(id)?;
        let known = tx.reading().find_credentials_of(id)?.ok_or(Error::UserUnknown)?;
        self.change(tx, new, &known)
    }

    fn create(&self, tx: &mut UnitTx<'_>, new: &ImportedUser) -> Result<Done, Error> {
        if let Some(external_id) = &new.external_id
            && tx.reading().was_deleted_here(Imported::Account(external_id))?
        {
            return Err(Error::invalid("external_id", "deleted", "is that of an account that was deleted here"));
        }
        let id = match new.id {
            Some(id) => id,
            None => new_id(self.now, &*self.entropy)?,
        };
        if new.is_verified {
            refuse_unless_free(&mut tx.reading(), new, id)?;
        }
        let verified = new.email.as_ref().filter(|_| new.is_verified);
        let [public_attributes, app_attributes] = new.attributes.clone().map(Option::flatten);
        let user = User {
            id,
            username: new.username.clone(),
            email: new.email.clone(),
            email_verified_at: verified.map(|_| self.now),
            verified_email: verified.map(|email| email.folded().into_owned()),
            name: new.name.clone(),
            roles: new.roles.clone(),
            disabled_at: new.disabled.map(|since| since.unwrap_or(self.now)),
            created_at: new.created_at.unwrap_or(self.now),
            external_id: new.external_id.clone(),
            public_attributes,
            app_attributes,
        };
        tx.insert_user(&user, new.password_hash.as_deref().unwrap_or(NO_PASSWORD))?;
        Ok(Done::Created { is_admin: new.roles.contains(ADMIN_ROLE) })
    }

    /// Lets an account follow the file. What users or administrators have done here stays: a password that is a hash of this
    /// service, a verified address, the role `admin`, and that an account is disabled.
    fn change(&self, tx: &mut UnitTx<'_>, new: &ImportedUser, known: &Credentials) -> Result<Done, Error> {
        let (user, id) = (&known.user, known.user.id);
        let mut is_changed = false;
        let username = Some(&new.username).filter(|name| **name != user.username);
        let name = Some(&new.name).filter(|name| **name != user.name);
        let is_verified = user.verified_email().is_some();
        let is_new_address = new.email != user.email && (!is_verified || new.is_verified);
        let hash = new.password_hash.as_deref().unwrap_or(NO_PASSWORD);
        let hash = Some(hash).filter(|hash| *hash != known.password_hash && !is_of_this_service(&known.password_hash));
        self.refuse_another_person(new, user, username.is_some() || is_new_address || hash.is_some())?;
        if username.is_some() || name.is_some() {
            tx.set_names(id, username, name)?;
            is_changed = true;
        }
        if is_new_address || (new.is_verified && !is_verified) {
            if new.is_verified {
                refuse_unless_free(&mut tx.reading(), new, id)?;
            }
            tx.set_email(id, new.email.as_ref(), new.is_verified, self.now)?;
            is_changed = true;
        }
        let too_many = |bad: BadText| Error::invalid("roles", "invalid", bad.to_string());
        let kept = user.roles.shared_with(&administrator());
        let roles = new.roles.and(&kept).map_err(too_many)?;
        if roles != user.roles {
            tx.set_roles(id, &roles)?;
            is_changed = true;
        }
        if let Some(hash) = hash {
            tx.set_password_hash(id, hash)?;
            is_changed = true;
        }
        let [public, app] = &new.attributes;
        let attributes = [
            public.as_ref().unwrap_or(&user.public_attributes).as_ref(),
            app.as_ref().unwrap_or(&user.app_attributes).as_ref(),
        ];
        if attributes != [user.public_attributes.as_ref(), user.app_attributes.as_ref()] {
            let [public, app] = attributes;
            tx.set_attributes(id, public, app)?;
            is_changed = true;
        }
        let disable = Some(id).filter(|_| new.disabled.is_some() && user.disabled_at.is_none());
        Ok(if is_changed || disable.is_some() { Done::Changed { disable } } else { Done::Unchanged })
    }

    /// Refuses a row that is probably of somebody else: another system begins to count its accounts from 1, too.
    fn refuse_another_person(&self, new: &ImportedUser, known: &User, takes_over: bool) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::invalid("external_id", "taken", why));
        if takes_over && known.roles.contains(ADMIN_ROLE) && !new.roles.contains(ADMIN_ROLE) {
            return refused(
                "is that of an administrator, who would get another name, address or password: give admin by --map",
            );
        }
        let address = |email: &Option<Email>| email.as_ref().map(|email| email.folded().into_owned());
        let is_same_address = new.email.is_some() && address(&new.email) == address(&known.email);
        if new.id.is_none() && !self.renames && new.username != known.username && !is_same_address {
            return refused(
                "is that of an account with another username and another address: let it follow by --rename",
            );
        }
        Ok(())
    }

    fn denied_token(
        &self,
        tx: &mut WriteTx<'_>,
        jti: &str,
        expires_at: Timestamp,
        rehearsed: &Rehearsed,
    ) -> Result<Done, Error> {
        let known = tx.reading().find_legacy_token(jti)?;
        let is_over = expires_at <= self.now;
        let token = LegacyToken { jti: jti.to_owned(), user_id: None, expires_at, is_denied: true, session_id: None };
        match known {
            Some(known) if known.is_denied => Ok(Done::Unchanged),
            Some(known) if known.session_id.is_some() => {
                Ok(Done::Exchanged(LegacyToken { user_id: known.user_id, ..token }))
            }
            Some(_known) => tx.deny_legacy_token(jti).map(|()| Done::Kept),
            None if rehearsed.tokens.contains(jti) => Ok(Done::Kept),
            None if is_over => Ok(Done::Over),
            None => tx.insert_legacy_token(&token, None).map(|()| Done::Kept),
        }
    }

    fn legacy_token(
        &self,
        tx: &mut WriteTx<'_>,
        (external_id, jti, expires_at): (&str, &str, Timestamp),
        owner: Option<&Owner>,
        rehearsed: &Rehearsed,
    ) -> Result<Done, Error> {
        if expires_at <= self.now || is_of_deleted(&mut tx.reading(), owner)? {
            return Ok(Done::Over);
        }
        if tx.reading().find_legacy_token(jti)?.is_some() {
            return Ok(Done::Unchanged);
        }
        let user = owner.map(|owner| owner.find(&mut tx.reading(), rehearsed)).transpose()?.flatten();
        let token = LegacyToken {
            jti: jti.to_owned(),
            user_id: user.map(|user| user.id),
            expires_at,
            is_denied: false,
            session_id: None,
        };
        tx.insert_legacy_token(&token, Some(external_id).filter(|id| !id.is_empty()))?;
        Ok(Done::Kept)
    }

    fn api_key(
        &self,
        tx: &mut WriteTx<'_>,
        digest: &KeyDigest,
        (owner, created_at): (&Owner, Timestamp),
        rehearsed: &Rehearsed,
    ) -> Result<Done, Error> {
        if tx.reading().find_api_token(digest)?.is_some() {
            return Ok(Done::Unchanged);
        }
        let tx_reading = &mut tx.reading();
        if is_of_deleted(tx_reading, Some(owner))? || tx_reading.was_deleted_here(Imported::Key(digest))? {
            return Ok(Done::Over);
        }
        let Some(user) = owner.find(tx_reading, rehearsed)? else { return Ok(Done::Kept) };
        let token = ApiToken {
            id: new_id(self.now, &*self.entropy)?,
            user_id: user.id,
            name: DisplayName::from_stored("Django REST framework".to_owned()),
            sid: new_id(self.now, &*self.entropy)?,
            scopes: self.scopes.clone(),
            roles: user.roles.without(&administrator()),
            created_at,
            expires_at: None,
            last_used_at: None,
            access_expires_by: self.now,
            revoked_at: None,
        };
        tx.insert_api_token(&token, digest)?;
        Ok(Done::Kept)
    }
}

/// Whether an error is none of the row.
pub(super) fn is_of_the_service(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_) | Error::Internal(_) | Error::Overloaded { .. })
}

impl Owner {
    /// The account; `None` in a rehearsal, for one that was not stored.
    fn find(&self, tx: &mut ReadTx<'_>, rehearsed: &Rehearsed) -> Result<Option<User>, Error> {
        let (found, is_rehearsed) = match self {
            Self::External(id) => (tx.find_user_by_external_id(id)?, rehearsed.external_ids.contains(&id.to_string())),
            Self::Named(name) => {
                (tx.find_credentials(name)?.map(|found| found.user), rehearsed.names.contains(name.folded()))
            }
        };
        if found.is_none() && !is_rehearsed {
            return Err(Error::UserUnknown);
        }
        Ok(found)
    }
}

/// Whether the owner was deleted here.
fn is_of_deleted(tx: &mut ReadTx<'_>, owner: Option<&Owner>) -> Result<bool, Error> {
    match owner {
        Some(Owner::External(id)) => tx.was_deleted_here(Imported::Account(id)),
        Some(Owner::Named(_)) | None => Ok(false),
    }
}

/// The account of a row: with its id, or else with its name in the other system.
fn find(tx: &mut ReadTx<'_>, new: &ImportedUser) -> Result<Option<UserId>, Error> {
    let by_id = new.id.map(|id| tx.find_user(id)).transpose()?.flatten().map(|user| user.id);
    let by_external_id = match &new.external_id {
        Some(id) => tx.find_user_by_external_id(id)?.map(|user| user.id),
        None => None,
    };
    match (by_id, by_external_id) {
        (Some(known), other) if other.is_none_or(|id| id == known) => Ok(Some(known)),
        (None, Some(id)) if new.id.is_none() => Ok(Some(id)),
        (None, None) => Ok(None),
        _ => Err(Error::invalid("external_id", "taken", "is that of another account")),
    }
}

/// Refuses an address that another account has verified or is called by.
fn refuse_unless_free(tx: &mut ReadTx<'_>, new: &ImportedUser, id: UserId) -> Result<(), Error> {
    let Some(email) = &new.email else { return Ok(()) };
    let is_taken = tx.is_verified_by_another(&email.folded(), id)? || tx.is_username_of_another(email, id)?;
    if is_taken { Err(Error::EmailTaken) } else { Ok(()) }
}

fn administrator() -> Roles {
    Names::new([ADMIN_ROLE]).unwrap_or_default()
}
