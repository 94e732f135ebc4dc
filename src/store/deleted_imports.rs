//! The table `deleted_imports`: accounts and keys of another system that were deleted or revoked here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::schema::{api_tokens, deleted_imports, users};
use super::types::{Bind, SqlTime};
use super::{ReadTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::api_token::ApiTokenId;
use crate::model::id::UserId;
use crate::model::user::ExternalId;
use crate::secret::KeyDigest;

/// How long they are remembered: a move to this service is over by then.
const LIFETIME: Seconds = Seconds(366 * 86_400);

/// Something that was imported.
#[derive(Clone, Copy)]
pub(crate) enum Imported<'a> {
    /// An account, by what the other system calls it.
    Account(&'a ExternalId),
    /// A key.
    Key(&'a KeyDigest),
}

impl Imported<'_> {
    /// By which name it is remembered.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Account(id) => format!("account:{id}"),
            Self::Key(digest) => format!("key:{}", URL_SAFE_NO_PAD.encode(digest.0)),
        }
    }
}

impl ReadTx<'_> {
    /// Those names that are of something that was deleted or revoked here.
    pub(crate) fn list_deleted_here(&mut self, names: &[String]) -> Result<Vec<String>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let rows = deleted_imports::table.filter(deleted_imports::name.eq_any(names.iter().map(String::as_str)));
        Ok(rows.select(deleted_imports::name).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Remembers a user who is about to be deleted, if another system has called them something.
    pub(super) fn remember_deleted_user(&mut self, id: UserId, now: Timestamp) -> Result<(), Error> {
        match self.reading().find_user(id)?.and_then(|user| user.external_id) {
            Some(id) => self.remember_deletion(Imported::Account(&id), now),
            None => Ok(()),
        }
    }

    /// Remembers the key of an API token that it is about to lose, if its owner was imported.
    pub(super) fn remember_deleted_key(&mut self, id: ApiTokenId, now: Timestamp) -> Result<(), Error> {
        let of_import = api_tokens::table.inner_join(users::table).filter(users::external_id.is_not_null());
        let of_import = of_import.filter(api_tokens::id.eq(Bind(id))).select(api_tokens::digest);
        match of_import.first::<KeyDigest>(self.0).optional()? {
            Some(digest) => self.remember_deletion(Imported::Key(&digest), now),
            None => Ok(()),
        }
    }

    fn remember_deletion(&mut self, what: Imported<'_>, now: Timestamp) -> Result<(), Error> {
        diesel::sql_query("insert into deleted_imports (name, expires_at) values ($1, $2) on conflict do nothing")
            .bind::<Text, _>(what.name())
            .bind::<SqlTime, _>(now + LIFETIME)
            .execute(self.0)?;
        Ok(())
    }
}
