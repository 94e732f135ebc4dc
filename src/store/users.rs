//! The table `users`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::locks::Lock;
use super::row::{insert_all, row};
use super::schema::users;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::attributes::Attributes;
use crate::model::id::UserId;
use crate::model::names::Roles;
use crate::model::user::{DisplayName, Email, ExternalId, NO_PASSWORD, User, Username};

/// The lock for changes of administrators: any number, but the same in every instance.
const ADMINISTRATION_LOCK: i64 = 7_015_418_202_611_221;

// Roles that cannot be parsed are damaged data, not "no such user".
row!(User in users {
    id: UserId,
    username: Username,
    email: Option<Email>,
    email_verified_at: Option<Timestamp>,
    verified_email: Option<String>,
    name: Option<DisplayName>,
    roles: Roles,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    external_id: Option<ExternalId>,
    public_attributes: Option<Attributes>,
    app_attributes: Option<Attributes>,
});

/// A user with the hash of the password.
pub struct Credentials {
    /// Who.
    pub(crate) user: User,
    /// The PHC string.
    pub password_hash: String,
}

impl Credentials {
    /// Whether the user has a password. Without one every password is wrong.
    pub(crate) fn has_password(&self) -> bool {
        self.password_hash != NO_PASSWORD
    }
}

/// A new row with all columns that have a value.
macro_rules! new_row {
    ($user:expr, $password_hash:expr) => {{
        let user: &User = $user;
        let names = (
            users::username_fold.eq(Bind(Some(&user.username))),
            users::username_skeleton.eq(user.username.skeleton()),
            users::skeleton_of.eq(Bind(Some(&user.username))),
        );
        (user, users::password_hash.eq($password_hash), names)
    }};
}

impl ReadTx<'_> {
    /// The user with this id.
    pub fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        let found = users::table.find(Bind(id)).select(User::as_select()).first(self.0).optional()?;
        Ok(found)
    }

    /// The user whom another system calls so.
    pub(crate) fn find_user_by_external_id(&mut self, id: &ExternalId) -> Result<Option<User>, Error> {
        let called = users::table.filter(users::external_id.eq(Bind(Some(id))));
        Ok(called.select(User::as_select()).first(self.0).optional()?)
    }

    /// The user with this id, with the password hash.
    pub(crate) fn find_credentials_of(&mut self, id: UserId) -> Result<Option<Credentials>, Error> {
        let found = users::table
            .find(Bind(id))
            .select((User::as_select(), users::password_hash))
            .first::<(User, String)>(self.0)
            .optional()?;
        Ok(found.map(|(user, password_hash)| Credentials { user, password_hash }))
    }

    /// At most `limit` users by username, those that follow `after`, with their password hashes.
    pub(crate) fn list_credentials(&mut self, after: Option<&str>, limit: i64) -> Result<Vec<Credentials>, Error> {
        let following = users::table.filter(users::username.gt(after.unwrap_or_default())).order(users::username);
        let rows =
            following.limit(limit).select((User::as_select(), users::password_hash)).load::<(User, String)>(self.0)?;
        Ok(rows.into_iter().map(|(user, password_hash)| Credentials { user, password_hash }).collect())
    }

    /// Whether there are no users.
    pub(crate) fn has_no_users(&mut self) -> Result<bool, Error> {
        let one = users::table.select(users::id).first::<UserId>(self.0).optional()?;
        Ok(one.is_none())
    }
}

impl WriteTx<'_> {
    /// Adds a user.
    pub(crate) fn insert_user(&mut self, user: &User, password_hash: &str) -> Result<(), Error> {
        self.lock_if_address(&user.username)?;
        self.note_lock(Lock::Users);
        self.refuse_if_claimed(user.id, &user.username)?;
        taken_or(diesel::insert_into(users::table).values(new_row!(user, password_hash)).execute(self.0)).map(|_one| ())
    }

    /// Adds users with their password hashes, under the lock of addresses. The caller has found that their names are free; if one is
    /// taken meanwhile, none is added.
    pub(crate) fn insert_users(&mut self, new: &[(User, String)]) -> Result<(), Error> {
        self.note_lock(Lock::Users);
        let mut rows = new.iter().map(|(user, password_hash)| new_row!(user, password_hash));
        taken_or(insert_all!(self, users, rows)).map(|_all| ())
    }

    /// Stores a new username or name, at least one of them.
    pub(crate) fn set_names(
        &mut self,
        id: UserId,
        username: Option<&Username>,
        name: Option<&Option<DisplayName>>,
    ) -> Result<(), Error> {
        if let Some(username) = username {
            self.lock_if_address(username)?;
        }
        self.note_lock(Lock::Users);
        let profile = (
            username.map(|username| users::username.eq(Bind(username))),
            username.map(|username| users::username_fold.eq(Bind(Some(username)))),
            username.map(|username| users::username_skeleton.eq(username.skeleton())),
            username.map(|username| users::skeleton_of.eq(Bind(Some(username)))),
            name.map(|name| users::name.eq(Bind(name))),
        );
        if let Some(username) = username {
            self.refuse_if_claimed(id, username)?;
        }
        let user = users::table.find(Bind(id));
        one_user(taken_or(diesel::update(user).set(profile).execute(self.0))?)
    }

    /// Takes the lock of addresses for a username that may be one.
    fn lock_if_address(&mut self, username: &Username) -> Result<(), Error> {
        if username.is_like_an_address() { self.lock_addresses() } else { Ok(()) }
    }

    /// Stores an e-mail address, or none, and whether it is verified. Links and codes of earlier mails are void.
    pub(crate) fn set_email(
        &mut self,
        id: UserId,
        email: Option<&Email>,
        is_verified: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.note_lock(Lock::Users);
        let verified_at = Some(now).filter(|_| is_verified && email.is_some());
        let verified = verified_at.and(email).map(|email| email.folded().into_owned());
        let set = (
            users::email.eq(Bind(email)),
            users::email_verified_at.eq(Bind(verified_at)),
            users::verified_email.eq(verified),
        );
        one_user(diesel::update(users::table.find(Bind(id))).set(set).execute(self.0)?)?;
        self.void_mail_tokens(id, now)
    }

    /// Deletes a user, with sessions and API tokens.
    pub(crate) fn delete_user(&mut self, id: UserId, now: Timestamp) -> Result<(), Error> {
        // First what belongs to it, in the order of the keys.
        self.lock_user(id)?;
        self.remember_deleted_user(id, now)?;
        self.lock_sessions_of(id)?;
        self.lock_tokens_of(id)?;
        one_user(diesel::delete(users::table.find(Bind(id))).execute(self.0)?)
    }

    /// Locks changes of administrators until the end of this transaction. On SQLite a write transaction does that
    /// anyway.
    pub(crate) fn lock_administration(&mut self) -> Result<(), Error> {
        self.lock_all(Lock::Administration, ADMINISTRATION_LOCK)
    }

    /// A user, if the account is active. It cannot be disabled until the end of the transaction.
    pub(crate) fn lock_active_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.lock_user(id)?;
        Ok(self.reading().find_user(id)?.filter(|user| user.disabled_at.is_none()))
    }

    /// Records a login; returns false if the account is disabled. Until the end of the transaction the account cannot
    /// be disabled.
    pub fn record_login(&mut self, id: UserId, now: Timestamp) -> Result<bool, Error> {
        self.note_lock(Lock::Users);
        let active = users::table.find(Bind(id)).filter(users::disabled_at.is_null());
        Ok(diesel::update(active).set(users::last_login_at.eq(Bind(Some(now)))).execute(self.0)? == 1)
    }

    /// Replaces the hash that was `checked` with `renewed`. Returns whether the stored hash is still one of the two
    /// (another login may have renewed it) and the account is active.
    pub fn confirm_password(&mut self, id: UserId, checked: &str, renewed: &str) -> Result<bool, Error> {
        self.note_lock(Lock::Users);
        let still_the_same = users::table
            .find(Bind(id))
            .filter(users::disabled_at.is_null())
            .filter(users::password_hash.eq(checked).or(users::password_hash.eq(renewed)));
        Ok(diesel::update(still_the_same).set(users::password_hash.eq(renewed)).execute(self.0)? == 1)
    }

    /// Disables or enables an account; returns whether that changed it.
    pub(crate) fn set_disabled(&mut self, id: UserId, disabled_at: Option<Timestamp>) -> Result<bool, Error> {
        self.note_lock(Lock::Users);
        let user = users::table.find(Bind(id));
        let changed = match disabled_at {
            Some(at) => diesel::update(user.filter(users::disabled_at.is_null()))
                .set(users::disabled_at.eq(Bind(Some(at))))
                .execute(self.0)?,
            None => diesel::update(user.filter(users::disabled_at.is_not_null()))
                .set(users::disabled_at.eq(Bind(None::<Timestamp>)))
                .execute(self.0)?,
        };
        Ok(changed == 1)
    }

    /// Stores another password.
    pub(crate) fn set_password_hash(&mut self, id: UserId, password_hash: &str) -> Result<(), Error> {
        self.note_lock(Lock::Users);
        let changed =
            diesel::update(users::table.find(Bind(id))).set(users::password_hash.eq(password_hash)).execute(self.0)?;
        one_user(changed)
    }

    /// Stores other attributes.
    pub(crate) fn set_attributes(
        &mut self,
        id: UserId,
        public: Option<&Attributes>,
        app: Option<&Attributes>,
    ) -> Result<(), Error> {
        self.note_lock(Lock::Users);
        let set = (users::public_attributes.eq(Bind(public)), users::app_attributes.eq(Bind(app)));
        one_user(diesel::update(users::table.find(Bind(id))).set(set).execute(self.0)?)
    }

    /// Stores other roles.
    pub(crate) fn set_roles(&mut self, id: UserId, roles: &Roles) -> Result<(), Error> {
        self.note_lock(Lock::Users);
        let changed = diesel::update(users::table.find(Bind(id))).set(users::roles.eq(Bind(roles))).execute(self.0)?;
        one_user(changed)
    }
}

fn taken_or(changed: QueryResult<usize>) -> Result<usize, Error> {
    match changed {
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Err(Error::UsernameTaken),
        changed => Ok(changed?),
    }
}

fn one_user(changed: usize) -> Result<(), Error> {
    if changed == 1 { Ok(()) } else { Err(Error::UserUnknown) }
}
