//! What a group of rows of an import needs to know of accounts, each with one statement for the whole group.

use diesel::prelude::*;

use super::ReadTx;
use super::schema::users;
use super::types::Bind;
use super::users::Credentials;
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::user::{ExternalId, User};

/// The accounts for which a condition on one of the values holds.
macro_rules! accounts {
    ($tx:ident, $values:ident, $condition:expr) => {{
        if $values.is_empty() {
            return Ok(Vec::new());
        }
        let found = users::table.filter($condition).select((User::as_select(), users::password_hash));
        let rows: Vec<(User, String)> = found.load($tx.0)?;
        Ok(rows.into_iter().map(|(user, password_hash)| Credentials { user, password_hash }).collect())
    }};
}

impl ReadTx<'_> {
    /// The accounts with these ids.
    pub(crate) fn list_accounts(&mut self, ids: &[UserId]) -> Result<Vec<Credentials>, Error> {
        accounts!(self, ids, users::id.eq_any(ids.iter().map(Bind)))
    }

    /// The accounts that another system calls so.
    pub(crate) fn list_by_external_id(&mut self, ids: &[&ExternalId]) -> Result<Vec<Credentials>, Error> {
        accounts!(self, ids, users::external_id.eq_any(ids.iter().map(|id| Bind(Some(*id)))))
    }

    /// The accounts with these usernames, as they are stored.
    pub(crate) fn list_by_username(&mut self, names: &[String]) -> Result<Vec<Credentials>, Error> {
        accounts!(self, names, users::username.eq_any(names.iter().map(String::as_str)))
    }

    /// The accounts with these verified addresses, folded, also those that are left over from a change by an older version.
    pub(crate) fn list_by_verified_email(&mut self, folded: &[String]) -> Result<Vec<Credentials>, Error> {
        accounts!(self, folded, users::verified_email.eq_any(folded.iter().map(String::as_str)))
    }
}
