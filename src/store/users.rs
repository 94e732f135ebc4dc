//! The table `users`.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{Bool, Text};

use super::connection::DbConnection;
use super::schema::users;
use super::types::DbUuid;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::{Id, UserId};
use crate::model::names::Roles;
use crate::model::text::fold;
use crate::model::user::{DisplayName, Email, User, Username};
use crate::model::user_search::UserSearch;

/// Any number, the same in every instance.
const ADMINISTRATION_LOCK: &str = "select pg_advisory_xact_lock(7015418202611221)";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
pub(super) struct UserRow {
    id: DbUuid,
    username: String,
    email: Option<String>,
    name: Option<String>,
    roles: String,
    disabled_at: Option<i64>,
    created_at: i64,
}

impl UserRow {
    pub(super) fn username(&self) -> &str {
        &self.username
    }

    /// Roles that do not parse are damaged data, never "no such user".
    pub(super) fn into_user(self) -> Result<User, Error> {
        Ok(User {
            id: Id::from_bytes(self.id.0),
            username: Username::from_stored(self.username),
            email: self.email.map(Email::from_stored),
            name: self.name.map(DisplayName::from_stored),
            roles: self.roles.parse().map_err(Error::internal)?,
            disabled_at: self.disabled_at.map(Timestamp),
            created_at: Timestamp(self.created_at),
        })
    }
}

/// What is to be stored; what is missing stays.
#[derive(AsChangeset)]
#[diesel(table_name = users)]
struct Profile {
    username: Option<String>,
    username_fold: Option<String>,
    email: Option<Option<String>>,
    name: Option<Option<String>>,
}

/// A user with the hash of the password.
pub struct Credentials {
    /// Who.
    pub(crate) user: User,
    /// The PHC string.
    pub password_hash: String,
}

impl ReadTx<'_> {
    /// The user with this id.
    pub fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        let id = DbUuid(*id.as_bytes());
        let found = users::table.find(id).select(UserRow::as_select()).first(self.0).optional()?;
        found.map(UserRow::into_user).transpose()
    }

    /// The user with this id, with the password hash.
    pub(crate) fn find_credentials_of(&mut self, id: UserId) -> Result<Option<Credentials>, Error> {
        let found = users::table
            .find(DbUuid(*id.as_bytes()))
            .select((UserRow::as_select(), users::password_hash))
            .first::<(UserRow, String)>(self.0)
            .optional()?;
        found.map(|(row, password_hash)| Ok(Credentials { user: row.into_user()?, password_hash })).transpose()
    }

    /// At most `limit` users by username, those that follow `after`, and of them those that `search` asks for.
    pub(crate) fn list_users(
        &mut self,
        search: &UserSearch,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<User>, Error> {
        let mut query = users::table.order(users::username).limit(limit).select(UserRow::as_select()).into_boxed();
        if let Some(after) = after {
            query = query.filter(users::username.gt(after));
        }
        if let Some(text) = &search.text {
            let pattern = |text: &str| format!("%{}%", literally(text));
            // Usernames are folded, or were by an earlier version; of the rest each engine folds what it can, on both
            // sides alike, and what is written as it is folded is found by every spelling.
            let folded = pattern(&fold(text));
            let found = sql::<Bool>("(users.username like ").bind::<Text, _>(folded.clone());
            let found = found.sql(" escape '!' or users.username like ").bind::<Text, _>(pattern(&text.to_lowercase()));
            let found = found.sql(" escape '!' or lower(users.email) like lower(").bind::<Text, _>(pattern(text));
            let found = found.sql(") escape '!' or lower(users.email) like ").bind::<Text, _>(folded.clone());
            let found = found.sql(" escape '!' or lower(users.name) like lower(").bind::<Text, _>(pattern(text));
            let found = found.sql(") escape '!' or lower(users.name) like ").bind::<Text, _>(folded);
            query = query.filter(found.sql(" escape '!')"));
        }
        query = match search.disabled {
            Some(true) => query.filter(users::disabled_at.is_not_null()),
            Some(false) => query.filter(users::disabled_at.is_null()),
            None => query,
        };
        if let Some(role) = &search.role {
            query = query.filter(sql::<Bool>(HAS_ROLE).bind::<Text, _>(format!(" {role} ")).sql(HAS_ROLE_END));
        }
        query.load(self.0)?.into_iter().map(UserRow::into_user).collect()
    }

    /// Whether somebody else than `user` is active and has the role.
    pub(crate) fn has_another_active_user_with(&mut self, role: &str, user: UserId) -> Result<bool, Error> {
        let others = users::table.filter(users::id.ne(DbUuid(*user.as_bytes()))).filter(users::disabled_at.is_null());
        let one = others
            .filter(sql::<Bool>(HAS_ROLE).bind::<Text, _>(format!(" {role} ")).sql(HAS_ROLE_END))
            .select(users::id)
            .first::<DbUuid>(self.0)
            .optional()?;
        Ok(one.is_some())
    }

    /// Whether there is nobody.
    pub(crate) fn has_no_users(&mut self) -> Result<bool, Error> {
        let one = users::table.select(users::id).first::<DbUuid>(self.0).optional()?;
        Ok(one.is_none())
    }
}

impl WriteTx<'_> {
    /// Adds a user.
    pub(crate) fn insert_user(&mut self, user: &User, password_hash: &str) -> Result<(), Error> {
        let row = UserRow {
            id: DbUuid(*user.id.as_bytes()),
            username: user.username.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            name: user.name.as_ref().map(ToString::to_string),
            roles: user.roles.to_string(),
            disabled_at: user.disabled_at.map(|at| at.0),
            created_at: user.created_at.0,
        };
        let row = (row, users::password_hash.eq(password_hash), users::username_fold.eq(user.username.to_string()));
        self.refuse_if_claimed(user.id, &user.username)?;
        taken_or(diesel::insert_into(users::table).values(row).execute(self.0)).map(|_one| ())
    }

    /// Stores another username, e-mail address or name, at least one of them; answers the user as it is afterwards.
    pub(crate) fn set_profile(
        &mut self,
        id: UserId,
        username: Option<&Username>,
        email: Option<&Option<Email>>,
        name: Option<&Option<DisplayName>>,
    ) -> Result<User, Error> {
        let profile = Profile {
            username: username.map(ToString::to_string),
            username_fold: username.map(ToString::to_string),
            email: email.map(|email| email.as_ref().map(ToString::to_string)),
            name: name.map(|name| name.as_ref().map(ToString::to_string)),
        };
        if let Some(username) = username {
            self.refuse_if_claimed(id, username)?;
        }
        let user = users::table.find(DbUuid(*id.as_bytes()));
        one_user(taken_or(diesel::update(user).set(profile).execute(self.0))?)?;
        self.reading().find_user(id)?.ok_or(Error::UserUnknown)
    }

    /// Deletes a user, with sessions and API tokens.
    pub(crate) fn delete_user(&mut self, id: UserId) -> Result<(), Error> {
        one_user(diesel::delete(users::table.find(DbUuid(*id.as_bytes()))).execute(self.0)?)
    }

    /// Nobody else changes who may administer before this transaction has ended. On SQLite a write transaction is that
    /// already.
    pub(crate) fn lock_administration(&mut self) -> Result<(), Error> {
        if let DbConnection::Postgres(connection) = &mut self.0 {
            diesel::sql_query(ADMINISTRATION_LOCK).execute(connection)?;
        }
        Ok(())
    }

    /// Records a login; returns whether it may go on: not when the account is disabled. From here to the end of the
    /// transaction nobody can disable it.
    pub fn record_login(&mut self, id: UserId, now: Timestamp) -> Result<bool, Error> {
        let active = users::table.find(DbUuid(*id.as_bytes())).filter(users::disabled_at.is_null());
        Ok(diesel::update(active).set(users::last_login_at.eq(now.0)).execute(self.0)? == 1)
    }

    /// Stores `renewed` in the place of the hash that was `checked`. Answers whether that is still there (or renewed by
    /// somebody who did the same at the same time), and the account active.
    pub fn confirm_password(&mut self, id: UserId, checked: &str, renewed: &str) -> Result<bool, Error> {
        let still_the_same = users::table
            .find(DbUuid(*id.as_bytes()))
            .filter(users::disabled_at.is_null())
            .filter(users::password_hash.eq(checked).or(users::password_hash.eq(renewed)));
        Ok(diesel::update(still_the_same).set(users::password_hash.eq(renewed)).execute(self.0)? == 1)
    }

    /// Disables or enables an account; answers whether it was otherwise before.
    pub(crate) fn set_disabled(&mut self, id: UserId, disabled_at: Option<Timestamp>) -> Result<bool, Error> {
        let user = users::table.find(DbUuid(*id.as_bytes()));
        let changed = match disabled_at {
            Some(at) => diesel::update(user.filter(users::disabled_at.is_null()))
                .set(users::disabled_at.eq(at.0))
                .execute(self.0)?,
            None => diesel::update(user.filter(users::disabled_at.is_not_null()))
                .set(users::disabled_at.eq(None::<i64>))
                .execute(self.0)?,
        };
        Ok(changed == 1)
    }

    /// Stores another password.
    pub(crate) fn set_password_hash(&mut self, id: UserId, password_hash: &str) -> Result<(), Error> {
        let changed = diesel::update(users::table.find(DbUuid(*id.as_bytes())))
            .set(users::password_hash.eq(password_hash))
            .execute(self.0)?;
        one_user(changed)
    }

    /// Stores other roles.
    pub(crate) fn set_roles(&mut self, id: UserId, roles: &Roles) -> Result<(), Error> {
        let changed = diesel::update(users::table.find(DbUuid(*id.as_bytes())))
            .set(users::roles.eq(roles.to_string()))
            .execute(self.0)?;
        one_user(changed)
    }
}

/// Roles are stored with spaces between them. Not by `like`, for which SQLite takes `Admin` for `admin`.
const HAS_ROLE: &str = "replace(' ' || users.roles || ' ', ";

const HAS_ROLE_END: &str = ", '') <> ' ' || users.roles || ' '";

/// For `like .. escape '!'`.
fn literally(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
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
