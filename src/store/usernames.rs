//! Usernames: finding the account of a claimed name, and folding again names that earlier versions folded differently.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Bool;

use super::connection::DbConnection;
use super::schema::users;
use super::types::Bind;
use super::users::Credentials;
use super::{ReadTx, WriteTx};
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::text::fold;
use crate::model::user::{ClaimedName, User, Username};

/// The condition of the index on each engine.
const IS_UNFOLDED_SQLITE: &str =
    "length(cast(username as blob)) <> length(username) and username_fold is distinct from username";
const IS_UNFOLDED_POSTGRES: &str =
    "octet_length(username) <> length(username) and username_fold is distinct from username";

const AT_ONCE: usize = 1_000;

impl ReadTx<'_> {
    /// The user with this name, with the password hash. If two accounts have it, because an earlier version treated
    /// their names as different, it is the one with exactly this spelling.
    pub fn find_credentials(&mut self, name: &ClaimedName) -> Result<Option<Credentials>, Error> {
        let (folded, formerly) = (name.folded(), name.formerly());
        let query = users::table.select((User::as_select(), users::password_hash));
        let mut found: Vec<(User, String)> = if folded == formerly {
            query.filter(users::username.eq(folded)).load(self.0)?
        } else {
            query.filter(users::username.eq(folded).or(users::username.eq(formerly))).load(self.0)?
        };
        found.sort_by_key(|(user, _)| user.username.to_string() == formerly);
        Ok(found.pop().map(|(user, password_hash)| Credentials { user, password_hash }))
    }

    /// The accounts whose name is folded as in an earlier version: those that [`super::Store::refold_usernames`] did
    /// not change, and those that an instance of an earlier version has created since.
    pub(crate) fn list_unfolded(&mut self) -> Result<Vec<User>, Error> {
        let is_unfolded = match self.0 {
            DbConnection::Sqlite(_) => IS_UNFOLDED_SQLITE,
            DbConnection::Postgres(_) => IS_UNFOLDED_POSTGRES,
        };
        let unfolded = users::table.filter(sql::<Bool>(is_unfolded)).order(users::username);
        Ok(unfolded.select(User::as_select()).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Refuses a name that another account has in the spelling of an earlier version, and one that is the verified address
    /// of another account: a login by that address would find the wrong one.
    pub(super) fn refuse_if_claimed(&mut self, id: UserId, username: &Username) -> Result<(), Error> {
        let (is_like_an_address, username) = (username.is_like_an_address(), username.to_string());
        if is_like_an_address && self.reading().is_verified_by_another(&username, id)? {
            return Err(Error::UsernameTaken);
        }
        let others = self.reading().list_unfolded()?;
        let is_same = |other: &User| other.id != id && fold(&other.username.to_string()) == username;
        if others.iter().any(is_same) { Err(Error::UsernameTaken) } else { Ok(()) }
    }

    /// Marks names of an earlier version that the current rule folds to the same text. Cheap if there are none.
    pub(super) fn mark_folded_usernames(&mut self) -> Result<(), Error> {
        let unfolded = self.reading().list_unfolded()?;
        let is_fine = |user: &&User| {
            let username = user.username.to_string();
            fold(&username) == username
        };
        let fine: Vec<UserId> = unfolded.iter().filter(is_fine).map(|user| user.id).collect();
        self.mark_folded(&fine)
    }

    /// Folds again the names that an earlier version folded. Names that would become equal to each other or to another
    /// account's name are not changed; their owners still log in with them.
    pub(super) fn refold_usernames(&mut self) -> Result<(), Error> {
        let mut by_fold: HashMap<String, Vec<UserId>> = HashMap::new();
        let unfolded = self.reading().list_unfolded()?;
        self.lock_users(&unfolded.iter().map(|user| user.id).collect::<Vec<_>>())?;
        for user in unfolded {
            by_fold.entry(fold(&user.username.to_string()).into_owned()).or_default().push(user.id);
        }
        let (mut renamed, mut left) = (0, 0);
        for (folded, accounts) in by_fold {
            match accounts[..] {
                [id] if self.rename_unless_taken(id, &folded)? => renamed += 1,
                _ => left += accounts.len(),
            }
        }
        if renamed > 0 {
            log::info!(renamed; "usernames were folded again: NFKC_Casefold instead of lower case");
        }
        if left > 0 {
            log::warn!(left; "usernames that differ only in spelling were not changed: tokensmith migrate lists them");
        }
        Ok(())
    }

    fn rename_unless_taken(&mut self, id: UserId, folded: &str) -> Result<bool, Error> {
        let user = users::table.find(Bind(id));
        let rename = diesel::update(user).set((users::username.eq(folded), users::username_fold.eq(folded)));
        // A savepoint, since on PostgreSQL a failed statement ends its whole transaction.
        match self.0.transaction(|connection| rename.execute(connection)) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
            renamed => Ok(renamed? == 1),
        }
    }

    fn mark_folded(&mut self, ids: &[UserId]) -> Result<(), Error> {
        self.lock_users(ids)?;
        for ids in ids.chunks(AT_ONCE) {
            let these = users::table.filter(users::id.eq_any(ids.iter().map(Bind)));
            let folded = users::username_fold.eq(users::username.nullable());
            match &mut self.0 {
                DbConnection::Sqlite(connection) => diesel::update(these).set(folded).execute(connection)?,
                DbConnection::Postgres(connection) => diesel::update(these).set(folded).execute(connection)?,
            };
        }
        Ok(())
    }
}
