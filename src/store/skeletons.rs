//! What is left of usernames when characters that look alike are the same: finding the accounts whose names look like another.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::locks::Lock;
use super::schema::users;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Seconds;
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::user::Username;

/// The condition of the index: an earlier version has written the username.
const LACKS_ONE: &str = "skeleton_of is distinct from username";

/// So many names are compared one by one, within some hundredths of a second.
const COMPARED: i64 = 1_000;

/// Thousands of names get their skeleton in this time.
const WAIT: Seconds = Seconds(10);

impl ReadTx<'_> {
    /// Whether another account has a name that looks like this one and is not the same. While too many names lack their skeleton to
    /// compare them one by one, users have to wait: that takes some seconds after an upgrade.
    pub(crate) fn has_lookalike(&mut self, id: UserId, username: &Username) -> Result<bool, Error> {
        let skeleton = username.skeleton();
        let alike = users::table
            .filter(users::username_skeleton.eq(&skeleton))
            .filter(users::skeleton_of.eq(users::username.nullable()))
            .filter(users::id.ne(Bind(id)))
            .filter(users::username.ne(Bind(username)));
        if alike.select(users::id).first::<UserId>(self.0).optional()?.is_some() {
            return Ok(true);
        }
        let is_alike =
            |(other, name): &(UserId, Username)| *other != id && name != username && name.skeleton() == skeleton;
        let lacking = self.list_without_skeleton(COMPARED + 1)?;
        if i64::try_from(lacking.len()).is_ok_and(|lacking| lacking > COMPARED) {
            return Err(Error::Overloaded { retry_after: WAIT });
        }
        Ok(lacking.iter().any(is_alike))
    }

    /// Whether a name lacks its skeleton.
    pub fn lacks_skeletons(&mut self) -> Result<bool, Error> {
        Ok(!self.list_without_skeleton(1)?.is_empty())
    }

    fn list_without_skeleton(&mut self, limit: i64) -> Result<Vec<(UserId, Username)>, Error> {
        let lacking = users::table.filter(sql::<Bool>(LACKS_ONE)).order(users::username).limit(limit);
        Ok(lacking.select((users::id, users::username)).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Makes the skeletons of at most `limit` names that lack one.
    pub(crate) fn add_skeletons(&mut self, limit: i64) -> Result<(), Error> {
        let lacking = self.reading().list_without_skeleton(limit)?;
        self.lock_users(&lacking.iter().map(|(id, _)| *id).collect::<Vec<_>>())?;
        self.note_lock(Lock::Users);
        for (id, name) in &lacking {
            // Unless it was changed meanwhile.
            let user = users::table.find(Bind(id)).filter(users::username.eq(Bind(name)));
            let made = (users::username_skeleton.eq(name.skeleton()), users::skeleton_of.eq(Bind(Some(name))));
            diesel::update(user).set(made).execute(self.0)?;
        }
        Ok(())
    }
}
