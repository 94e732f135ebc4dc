//! The order in which transactions take locks, so that there are no deadlocks: the kinds in the order of [`Lock`], and
//! the rows of a table by primary key. Inserting new rows (denials, events) waits for no lock. Deleting expired rows
//! skips locked ones. Rows of `allowances` are locked in the same order by statements that are transactions of their
//! own.
//!
//! On SQLite a write transaction locks the whole database.

use diesel::prelude::*;

use super::WriteTx;
use super::connection::DbConnection;
use super::schema::{api_tokens, clients, known_devices, providers, registrations, sessions, users};
use super::types::Bind;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::api_token::ApiTokenId;
use crate::model::client::ClientId;
use crate::model::id::{SessionId, UserId};
use crate::model::invitation::InvitationId;
use crate::model::provider::ProviderId;
use crate::secret::KeyDigest;

/// The kinds of locks, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lock {
    /// Held by the instance that migrates.
    Migrations,
    /// Held while administrators are changed.
    Administration,
    /// Rows of `registrations`: those of an address, or one row.
    Registrations,
    /// A row of `invitations`.
    Invitations,
    /// Held while an address is confirmed, or a username is stored that may be one or that its user has chosen.
    Addresses,
    /// Rows of `users`.
    Users,
    /// Rows of `totp_factors`, `passkeys`, `identities`, `recovery_codes`, `known_devices`, `login_challenges` and `mail_tokens`: those of a
    /// user whose row is locked, or one row.
    SecondFactors,
    /// Rows of `clients`.
    Clients,
    /// Rows of `providers`.
    Providers,
    /// Held while custom claims are changed.
    CustomClaims,
    /// Rows of `sessions`, and of `session_claims` of a session whose row is locked.
    Sessions,
    /// Rows of `api_tokens`.
    ApiTokens,
}

/// The kinds that a transaction has locked.
#[derive(Default)]
pub(super) struct Locked(u16);

impl Locked {
    /// Notes that something of this kind is locked, by a lock or a change.
    fn note(&mut self, lock: Lock) {
        let bit = 1 << lock as u8;
        debug_assert!(self.0 & bit != 0 || self.0 < bit, "{lock:?} is locked after a later kind");
        self.0 |= bit;
    }
}

/// Locks the rows that a condition finds.
macro_rules! lock_rows {
    ($tx:ident, $lock:ident, $table:ident, $condition:expr) => {{
        $tx.note_lock(Lock::$lock);
        if let DbConnection::Postgres(connection) = $tx.0 {
            let rows = $table::table.filter($condition).order($table::id).select($table::id.is_not_null());
            rows.for_no_key_update().load::<bool>(connection)?;
        }
        Ok(())
    }};
}

impl WriteTx<'_> {
    /// See [`Locked::note`].
    pub(super) fn note_lock(&mut self, lock: Lock) {
        self.2.note(lock);
    }

    /// Takes a lock of a whole kind. The number can be any, but must be the same in every instance.
    pub(super) fn lock_all(&mut self, lock: Lock, number: i64) -> Result<(), Error> {
        self.note_lock(lock);
        if let DbConnection::Postgres(connection) = self.0 {
            diesel::sql_query(format!("select pg_advisory_xact_lock({number})")).execute(connection)?;
        }
        Ok(())
    }

    /// Locks all registrations of an address, folded: of two that are finished at the same time one comes first.
    pub(crate) fn lock_registrations_of(&mut self, folded: &str) -> Result<(), Error> {
        lock_rows!(self, Registrations, registrations, registrations::email_fold.eq(folded).assume_not_null())
    }

    pub(super) fn lock_registrations_from(&mut self, provider: &str, subject: &str) -> Result<(), Error> {
        let of_subject = registrations::subject.eq(subject).and(registrations::provider.eq(provider)).assume_not_null();
        lock_rows!(self, Registrations, registrations, of_subject)
    }

    pub(super) fn lock_registrations_with(&mut self, invitation: InvitationId) -> Result<(), Error> {
        let with = registrations::invitation_id.eq(Bind(Some(invitation))).assume_not_null();
        lock_rows!(self, Registrations, registrations, with)
    }

    /// Locks a user until the end of this transaction: others cannot delete or change it.
    pub(crate) fn lock_user(&mut self, id: UserId) -> Result<(), Error> {
        self.lock_users(&[id])
    }

    /// The same for several users.
    pub(crate) fn lock_users(&mut self, ids: &[UserId]) -> Result<(), Error> {
        lock_rows!(self, Users, users, users::id.eq_any(ids.iter().map(Bind)))
    }

    /// A client, which no other transaction deletes or changes until the end of this one.
    pub(crate) fn lock_client(&mut self, id: &ClientId) -> Result<(), Error> {
        lock_rows!(self, Clients, clients, clients::id.eq(Bind(id)))
    }

    /// A provider, which no other transaction deletes or changes until the end of this one.
    pub(super) fn lock_provider(&mut self, id: &ProviderId) -> Result<(), Error> {
        lock_rows!(self, Providers, providers, providers::id.eq(Bind(id)))
    }

    pub(super) fn lock_sessions(&mut self, ids: &[SessionId]) -> Result<(), Error> {
        lock_rows!(self, Sessions, sessions, sessions::id.eq_any(ids.iter().map(Bind)))
    }

    pub(super) fn lock_live_sessions_of(&mut self, user: UserId) -> Result<(), Error> {
        let of_user = sessions::user_id.eq(Bind(user));
        lock_rows!(self, Sessions, sessions, of_user.and(sessions::ended_at.is_null()))
    }

    /// Locks all sessions of a user, including ended ones.
    pub(super) fn lock_sessions_of(&mut self, user: UserId) -> Result<(), Error> {
        lock_rows!(self, Sessions, sessions, sessions::user_id.eq(Bind(user)))
    }

    /// Locks, in a range of sessions, those that lapsed before one time and those that ended before another.
    pub(super) fn lock_sessions_over(
        &mut self,
        between: (SessionId, SessionId),
        lapsed_before: Timestamp,
        ended_before: Timestamp,
    ) -> Result<(), Error> {
        let (after, last) = between;
        let has_lapsed = sessions::ended_at.is_null().and(sessions::refresh_expires_at.le(Bind(lapsed_before)));
        let is_over = has_lapsed.or(sessions::ended_at
            .is_not_null()
            .and(sessions::ended_at.le(Bind(Some(ended_before))).assume_not_null()));
        let between = sessions::id.gt(Bind(after)).and(sessions::id.le(Bind(last)));
        lock_rows!(self, Sessions, sessions, between.and(is_over))
    }

    /// Locks the rows of a browser, except those that another transaction has locked; returns whose they are. It waits for none.
    pub(super) fn lock_free_devices(&mut self, digest: &KeyDigest) -> Result<Vec<UserId>, Error> {
        self.note_lock(Lock::SecondFactors);
        let users = known_devices::table.filter(known_devices::digest.eq(Bind(digest))).select(known_devices::user_id);
        Ok(match self.0 {
            DbConnection::Sqlite(connection) => users.load(connection)?,
            DbConnection::Postgres(connection) => users.for_update().skip_locked().load(connection)?,
        })
    }

    pub(super) fn lock_token(&mut self, id: ApiTokenId) -> Result<(), Error> {
        lock_rows!(self, ApiTokens, api_tokens, api_tokens::id.eq(Bind(id)))
    }

    pub(super) fn lock_tokens_of(&mut self, user: UserId) -> Result<(), Error> {
        lock_rows!(self, ApiTokens, api_tokens, api_tokens::user_id.eq(Bind(user)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_may_be_locked_again_after_what_comes_later() {
        let mut locked = Locked::default();
        for lock in [Lock::Administration, Lock::Users, Lock::ApiTokens, Lock::Users] {
            locked.note(lock);
        }
    }

    #[test]
    #[should_panic(expected = "Users is locked after a later kind")]
    fn another_order_is_a_fault() {
        let mut locked = Locked::default();
        locked.note(Lock::Sessions);
        locked.note(Lock::Users);
    }
}
