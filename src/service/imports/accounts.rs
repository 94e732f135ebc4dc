//! What becomes of an account of a file: it is added, or the one that is stored follows the file.

use super::applying::{Applying, Done, Group, Outcome};
use super::subject::Subject;
use super::user::ImportedUser;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::attributes::Attributes;
use crate::model::id::{UserId, new_id};
use crate::model::names::{ADMIN_ROLE, Names, Roles};
use crate::model::text::BadText;
use crate::model::user::{DisplayName, Email, NO_PASSWORD, User, Username};
use crate::password::is_of_this_service;
use crate::service::new_account::refuse_address;
use crate::store::{Credentials, Imported, ReadTx, UnitTx};

/// How a row differs from its account.
struct Change<'a> {
    id: UserId,
    username: Option<&'a Username>,
    name: Option<&'a Option<DisplayName>>,
    /// Whether there is another address, or the address is verified now.
    is_of_address: bool,
    roles: Option<Roles>,
    hash: Option<&'a str>,
    /// The public attributes and the others.
    attributes: Option<[Option<Attributes>; 2]>,
    is_disabled: bool,
}

impl Group<'_> {
    /// Whether a row before this one has changed its account.
    pub(super) fn is_outdated_for(&self, subject: &Subject) -> bool {
        let Subject::User(new) = subject else { return false };
        self.known.account(new).is_ok_and(|known| known.is_some_and(|known| self.changed.contains(&known.user.id)))
    }

    pub(super) fn user(&mut self, tx: &mut UnitTx<'_>, new: &ImportedUser) -> Result<Outcome, Error> {
        let change = match self.compare(new) {
            Ok(Some(change)) => change,
            Ok(None) => return Ok(self.create(new)),
            Err(refused) => return Ok(Err(refused)),
        };
        let disable = Some(change.id).filter(|_| change.is_disabled);
        if change.is_nothing() {
            return Ok(Ok(if disable.is_some() { Done::Changed { disable } } else { Done::Unchanged }));
        }
        // The database must know what came before it.
        self.store(tx)?;
        let Applying { now, is_rehearsal, .. } = *self.applying;
        let outcome = tx.apart(!is_rehearsal, |tx| change.write(tx, new, now))?;
        if outcome.is_ok() {
            self.changed.insert(change.id);
            self.has_moved_names |= change.username.is_some() || change.is_of_address;
            self.known.add_names(change.id, new);
        }
        Ok(outcome.map(|()| Done::Changed { disable }))
    }

    fn create(&mut self, new: &ImportedUser) -> Outcome {
        self.refuse_known(new)?;
        let applying = self.applying;
        let id = match new.id {
            Some(id) => id,
            None => new_id(applying.now, &*applying.entropy)?,
        };
        let [public_attributes, app_attributes] = new.attributes.clone().map(Option::flatten);
        let verified_email = new.verified_email();
        self.added.usernames.insert(new.username.to_string());
        self.added.addresses.extend(verified_email.clone());
        self.added.external_ids.extend(new.external_id.clone());
        let user = User {
            id,
            username: new.username.clone(),
            email: new.email.clone(),
            email_verified_at: verified_email.as_ref().map(|_| applying.now),
            verified_email,
            name: new.name.clone(),
            roles: new.roles.clone(),
            disabled_at: new.disabled.map(|since| since.unwrap_or(applying.now)),
            created_at: new.created_at.unwrap_or(applying.now),
            external_id: new.external_id.clone(),
            public_attributes,
            app_attributes,
        };
        self.new.users.push((user, new.password_hash.clone().unwrap_or_else(|| NO_PASSWORD.to_owned())));
        Ok(Done::Created { is_admin: new.roles.contains(ADMIN_ROLE) })
    }

    /// Refuses an account that was deleted here, and one whose username or verified address another account has. The rules are
    /// those of [`crate::store::WriteTx::insert_user`] and [`refuse_unless_free`].
    fn refuse_known(&self, new: &ImportedUser) -> Result<(), Error> {
        let (known, added) = (&self.known, &self.added);
        if new.external_id.as_ref().is_some_and(|id| known.was_deleted(Imported::Account(id))) {
            return Err(Error::invalid("external_id", "deleted", "is that of an account that was deleted here"));
        }
        let is_username = |name: &str| known.is_username(name) || added.usernames.contains(name);
        let is_address = |name: &str| known.is_verified_address(name) || added.addresses.contains(name);
        if new.verified_email().is_some_and(|email| is_address(&email) || is_username(&email)) {
            return Err(Error::EmailTaken);
        }
        let username = new.username.to_string();
        let is_claimed = new.username.is_like_an_address() && is_address(&username);
        if is_claimed || known.is_unfolded_username(&username) || is_username(&username) {
            return Err(Error::UsernameTaken);
        }
        Ok(())
    }

    /// How a row differs from its account, if there is one. What users or administrators have done here stays: a password that is a
    /// hash of this service, a verified address, the role `admin`, and that an account is disabled.
    fn compare<'a>(&self, new: &'a ImportedUser) -> Result<Option<Change<'a>>, Error> {
        refuse_address(&new.username, new.email.as_ref())?;
        let Some(known) = self.known.account(new)? else { return Ok(None) };
        let Credentials { user, password_hash } = known;
        let username = Some(&new.username).filter(|name| **name != user.username);
        let is_verified = user.verified_email().is_some();
        let is_new_address = new.email != user.email && (!is_verified || new.is_verified);
        let hash = new.password_hash.as_deref().unwrap_or(NO_PASSWORD);
        let hash = Some(hash).filter(|hash| *hash != password_hash && !is_of_this_service(password_hash));
        self.refuse_another_person(new, user, username.is_some() || is_new_address || hash.is_some())?;
        let too_many = |bad: BadText| Error::invalid("roles", "invalid", bad.to_string());
        let kept = user.roles.shared_with(&administrator());
        let roles = new.roles.and(&kept).map_err(too_many)?;
        let known_attributes = [user.public_attributes.clone(), user.app_attributes.clone()];
        let [public, app] = known_attributes.clone();
        let [new_public, new_app] = new.attributes.clone();
        let attributes = [new_public.unwrap_or(public), new_app.unwrap_or(app)];
        Ok(Some(Change {
            id: user.id,
            username,
            name: Some(&new.name).filter(|name| **name != user.name),
            is_of_address: is_new_address || (new.is_verified && !is_verified),
            roles: Some(roles).filter(|roles| *roles != user.roles),
            hash,
            attributes: Some(attributes).filter(|attributes| *attributes != known_attributes),
            is_disabled: new.disabled.is_some() && user.disabled_at.is_none(),
        }))
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
        if new.id.is_none() && !self.applying.renames && new.username != known.username && !is_same_address {
            return refused(
                "is that of an account with another username and another address: let it follow by --rename",
            );
        }
        Ok(())
    }
}

impl Change<'_> {
    /// Whether nothing is to be written; disabling is a use case of its own.
    fn is_nothing(&self) -> bool {
        let Self { username, name, is_of_address, roles, hash, attributes, id: _, is_disabled: _ } = self;
        let has_names = username.is_some() || name.is_some() || *is_of_address;
        !has_names && roles.is_none() && hash.is_none() && attributes.is_none()
    }

    fn write(&self, tx: &mut UnitTx<'_>, new: &ImportedUser, now: Timestamp) -> Result<(), Error> {
        if self.username.is_some() || self.name.is_some() {
            tx.set_names(self.id, self.username, self.name)?;
        }
        if self.is_of_address {
            if new.is_verified {
                refuse_unless_free(&mut tx.reading(), new, self.id)?;
            }
            tx.set_email(self.id, new.email.as_ref(), new.is_verified, now)?;
        }
        if let Some(roles) = &self.roles {
            tx.set_roles(self.id, roles)?;
        }
        if let Some(hash) = self.hash {
            tx.set_password_hash(self.id, hash)?;
        }
        if let Some([public, app]) = &self.attributes {
            tx.set_attributes(self.id, public.as_ref(), app.as_ref())?;
        }
        Ok(())
    }
}

/// Refuses an address that another account has verified or is called by.
fn refuse_unless_free(tx: &mut ReadTx<'_>, new: &ImportedUser, id: UserId) -> Result<(), Error> {
    let Some(email) = &new.email else { return Ok(()) };
    let is_taken = tx.is_verified_by_another(&email.folded(), id)? || tx.is_username_of_another(email, id)?;
    if is_taken { Err(Error::EmailTaken) } else { Ok(()) }
}

/// The role that no file takes away or gives to an API token.
pub(super) fn administrator() -> Roles {
    Names::new([ADMIN_ROLE]).unwrap_or_default()
}
