//! The table `users`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::schema::users;
use super::types::DbUuid;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::{Id, UserId};
use crate::model::user::{Roles, User, Username};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub(super) struct UserRow {
    id: DbUuid,
    username: String,
    email: Option<String>,
    roles: String,
    disabled_at: Option<i64>,
    created_at: i64,
}

impl UserRow {
    /// A row that does not parse is damaged data, never "no such user".
    pub(super) fn into_user(self) -> Result<User, Error> {
        Ok(User {
            id: Id::from_bytes(self.id.0),
            username: self.username.parse().map_err(Error::internal)?,
            email: self.email.map(|email| email.parse()).transpose().map_err(Error::internal)?,
            roles: self.roles.parse().map_err(Error::internal)?,
            disabled_at: self.disabled_at.map(Timestamp),
            created_at: Timestamp(self.created_at),
        })
    }
}

/// A user with the hash of the password.
pub struct Credentials {
    /// Who.
    pub user: User,
    /// The PHC string.
    pub password_hash: String,
}

impl ReadTx<'_> {
    /// The user with this name, with the password hash.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn find_credentials(&mut self, username: &Username) -> Result<Option<Credentials>, Error> {
        let found = users::table
            .filter(users::username.eq(username.to_string()))
            .select((UserRow::as_select(), users::password_hash))
            .first::<(UserRow, String)>(self.0)
            .optional()?;
        found.map(|(row, password_hash)| Ok(Credentials { user: row.into_user()?, password_hash })).transpose()
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        let id = DbUuid(*id.as_bytes());
        let found = users::table.find(id).select(UserRow::as_select()).first(self.0).optional()?;
        found.map(UserRow::into_user).transpose()
    }

    /// Every user, by name.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn list_users(&mut self) -> Result<Vec<User>, Error> {
        let rows = users::table.order(users::username).select(UserRow::as_select()).load(self.0)?;
        rows.into_iter().map(UserRow::into_user).collect()
    }

    /// Whether there is nobody.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn has_no_users(&mut self) -> Result<bool, Error> {
        let one = users::table.select(users::id).first::<DbUuid>(self.0).optional()?;
        Ok(one.is_none())
    }
}

impl WriteTx<'_> {
    /// Adds a user.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`].
    pub fn insert_user(&mut self, user: &User, password_hash: &str) -> Result<(), Error> {
        let row = UserRow {
            id: DbUuid(*user.id.as_bytes()),
            username: user.username.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            roles: user.roles.to_string(),
            disabled_at: user.disabled_at.map(|at| at.0),
            created_at: user.created_at.0,
        };
        match diesel::insert_into(users::table).values((row, users::password_hash.eq(password_hash))).execute(self.0) {
            Ok(_) => Ok(()),
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Err(Error::UsernameTaken),
            Err(error) => Err(error.into()),
        }
    }

    /// Records a login by a password whose hash was `checked`, and stores `renewed` in its place. Answers whether it
    /// may go on: not when the account was disabled or the password changed since the check. From here to the end of
    /// the transaction neither can happen.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn record_login(&mut self, id: UserId, checked: &str, renewed: &str, now: Timestamp) -> Result<bool, Error> {
        let still_the_same = users::table
            .find(DbUuid(*id.as_bytes()))
            .filter(users::disabled_at.is_null())
            .filter(users::password_hash.eq(checked));
        let changed = diesel::update(still_the_same)
            .set((users::last_login_at.eq(now.0), users::password_hash.eq(renewed)))
            .execute(self.0)?;
        Ok(changed == 1)
    }

    /// Disables or enables an account.
    ///
    /// # Errors
    /// [`Error::UserUnknown`].
    pub fn set_disabled(&mut self, id: UserId, disabled_at: Option<Timestamp>) -> Result<(), Error> {
        let changed = diesel::update(users::table.find(DbUuid(*id.as_bytes())))
            .set(users::disabled_at.eq(disabled_at.map(|at| at.0)))
            .execute(self.0)?;
        one_user(changed)
    }

    /// Stores another password.
    ///
    /// # Errors
    /// [`Error::UserUnknown`].
    pub fn set_password_hash(&mut self, id: UserId, password_hash: &str) -> Result<(), Error> {
        let changed = diesel::update(users::table.find(DbUuid(*id.as_bytes())))
            .set(users::password_hash.eq(password_hash))
            .execute(self.0)?;
        one_user(changed)
    }

    /// Stores other roles.
    ///
    /// # Errors
    /// [`Error::UserUnknown`].
    pub fn set_roles(&mut self, id: UserId, roles: &Roles) -> Result<(), Error> {
        let changed = diesel::update(users::table.find(DbUuid(*id.as_bytes())))
            .set(users::roles.eq(roles.to_string()))
            .execute(self.0)?;
        one_user(changed)
    }
}

fn one_user(changed: usize) -> Result<(), Error> {
    if changed == 1 { Ok(()) } else { Err(Error::UserUnknown) }
}
