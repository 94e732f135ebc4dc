//! The table `sessions`.

use diesel::prelude::*;

use super::lapses::no_session;
use super::locks::Lock;
use super::schema::{passkeys, sessions, totp_factors, users};
use super::types::Bind;
use super::{ReadTx, UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::grant::{Authenticated, Grant, LOGIN_CLIENTS};
use crate::model::id::{Id, SessionId, UserId};
use crate::model::proof::MFA;
use crate::model::session::{Device, End, Listed, Session};
use crate::model::user::User;

const MAX_ADDRESSES: i64 = 1_000;

impl ReadTx<'_> {
    /// A session and its user.
    pub(crate) fn find_session(&mut self, id: SessionId) -> Result<Option<(Session, User)>, Error> {
        let found = sessions::table
            .inner_join(users::table)
            .filter(sessions::id.eq(Bind(id)))
            .select((Session::as_select(), User::as_select()))
            .first::<(Session, User)>(self.0)
            .optional()?;
        Ok(found)
    }

    /// What a session was opened for.
    pub(crate) fn find_grant(&mut self, id: SessionId) -> Result<Option<Grant>, Error> {
        let row = sessions::table.find(Bind(id)).select(Option::<Grant>::as_select()).first(self.0).optional()?;
        Ok(row.flatten())
    }

    /// At most `limit` sessions of a user that are older than `before`, newest first, including ended ones.
    pub(crate) fn list_sessions(
        &mut self,
        user: UserId,
        before: Option<SessionId>,
        limit: i64,
    ) -> Result<Vec<Listed>, Error> {
        let last = before.unwrap_or(Id::from_bytes([u8::MAX; 16]));
        let rows = sessions::table
            .filter(sessions::user_id.eq(Bind(user)))
            .filter(sessions::id.lt(Bind(last)))
            .order(sessions::id.desc())
            .limit(limit)
            .select((Session::as_select(), Device::as_select(), sessions::client_id))
            .load::<(Session, Device, Option<String>)>(self.0)?;
        let listed = |(session, device, client_id): (Session, Device, Option<String>)| {
            let application = client_id.filter(|client_id| !LOGIN_CLIENTS.contains(&client_id.as_str()));
            Listed { session, device, application }
        };
        Ok(rows.into_iter().map(listed).collect())
    }

    /// The addresses from which a user has logged in, according to the stored sessions, including ended ones. At most a
    /// thousand sessions are read. The address of an application's grant is that of its server.
    pub(crate) fn list_session_addresses(&mut self, user: UserId) -> Result<Vec<String>, Error> {
        let addresses = sessions::table
            .filter(sessions::user_id.eq(Bind(user)))
            .filter(sessions::ip.is_not_null())
            .filter(sessions::client_id.is_null().or(sessions::client_id.eq_any(LOGIN_CLIENTS)))
            .select(sessions::ip.assume_not_null())
            .order(sessions::id.desc())
            .limit(MAX_ADDRESSES)
            .load::<String>(self.0)?;
        Ok(addresses)
    }

    /// The same, of the sessions whose user has shown a second factor, or added one: a password alone makes no device known for
    /// codes.
    pub(crate) fn list_second_factor_addresses(&mut self, user: UserId) -> Result<Vec<String>, Error> {
        let id = sessions::id.nullable();
        let confirmed_in =
            totp_factors::table.filter(totp_factors::user_id.eq(Bind(user))).select(totp_factors::confirmed_in);
        let created_in = passkeys::table.filter(passkeys::user_id.eq(Bind(user))).select(passkeys::created_in);
        let addresses = sessions::table
            .filter(sessions::user_id.eq(Bind(user)))
            .filter(sessions::ip.is_not_null())
            .filter(sessions::client_id.eq_any(LOGIN_CLIENTS))
            .filter(sessions::amr.like(format!("% {MFA}")).or(id.eq_any(confirmed_in)).or(id.eq_any(created_in)))
            .select(sessions::ip.assume_not_null())
            .order(sessions::id.desc())
            .limit(MAX_ADDRESSES)
            .load::<String>(self.0)?;
        Ok(addresses)
    }

    /// How many live sessions have a refresh token that was made in this period, without its end.
    pub(crate) fn count_live_sessions_rotated(
        &mut self,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let live =
            sessions::table.filter(sessions::ended_at.is_null()).filter(sessions::refresh_expires_at.gt(Bind(now)));
        let made = live.filter(sessions::rotated_at.ge(Bind(from))).filter(sessions::rotated_at.lt(Bind(until)));
        Ok(made.count().get_result(self.0)?)
    }

    /// Whether a user has a live session besides this one.
    pub(crate) fn has_other_live_session(
        &mut self,
        user: UserId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let live =
            sessions::table.filter(sessions::ended_at.is_null()).filter(sessions::refresh_expires_at.gt(Bind(now)));
        let others = live.filter(sessions::user_id.eq(Bind(user))).filter(sessions::id.ne(Bind(id)));
        Ok(others.select(sessions::id).first::<SessionId>(self.0).optional()?.is_some())
    }

    /// Whether no session is stored, live or ended.
    pub(crate) fn has_no_sessions(&mut self) -> Result<bool, Error> {
        let one = sessions::table.select(sessions::id).first::<SessionId>(self.0).optional()?;
        Ok(one.is_none())
    }

    /// Whether there is a live session whose refresh token was made by then.
    pub(crate) fn has_live_session_rotated_by(&mut self, at: Timestamp, now: Timestamp) -> Result<bool, Error> {
        let live =
            sessions::table.filter(sessions::ended_at.is_null()).filter(sessions::refresh_expires_at.gt(Bind(now)));
        let made = live.filter(sessions::rotated_at.le(Bind(at))).select(sessions::id).first::<SessionId>(self.0);
        Ok(made.optional()?.is_some())
    }
}

impl WriteTx<'_> {
    /// Adds a session with its grant and its device.
    pub(crate) fn insert_session(&mut self, session: &Session, grant: &Grant, device: &Device) -> Result<(), Error> {
        diesel::insert_into(sessions::table).values((session, grant, device)).execute(self.0)?;
        self.1 = true;
        Ok(())
    }

    /// Records that the owner of a live session has authenticated again; `access_expires_by`
    /// covers an access token that is signed now. Returns the changed session, or `None` if it has ended.
    pub(crate) fn reauthenticate(
        &mut self,
        id: SessionId,
        again: &Authenticated,
        access_expires_by: Timestamp,
    ) -> Result<Option<(Session, Option<Grant>)>, Error> {
        self.note_lock(Lock::Sessions);
        let alive = || sessions::table.find(Bind(id)).filter(sessions::ended_at.is_null());
        let set = (
            sessions::authenticated_at.eq(Bind(Some(again.at))),
            sessions::amr.eq(Some(again.amr.to_string())),
            sessions::acr.eq(&again.acr),
            sessions::idp.eq(again.idp.as_ref().map(Bind)),
        );
        diesel::update(alive()).set(set).execute(self.0)?;
        let Some(before) = alive().select(Session::as_select()).first(self.0).optional()? else {
            return Ok(None);
        };
        // A rotation may change it, too; it only gets later.
        let later = access_expires_by.min(before.expires_at);
        let earlier = alive().filter(sessions::access_expires_by.lt(Bind(later)));
        diesel::update(earlier).set(sessions::access_expires_by.eq(Bind(later))).execute(self.0)?;
        let after = alive().select((Session::as_select(), Option::<Grant>::as_select()));
        Ok(after.first::<(Session, Option<Grant>)>(self.0).optional()?)
    }
}

impl WriteTx<'_> {
    /// Whether a session is live; if so, it does not end before this transaction has ended.
    pub(crate) fn lock_live_session(&mut self, id: SessionId, now: Timestamp) -> Result<bool, Error> {
        self.lock_sessions(&[id])?;
        let found = self.reading().find_session(id)?;
        Ok(found.is_some_and(|(session, _)| session.end_by(now).is_none()))
    }
}

impl UnitTx<'_> {
    /// Ends a session of this user, and denies its tokens; returns whether it was live.
    pub(crate) fn end_session_of(
        &mut self,
        user: UserId,
        id: SessionId,
        end: End,
        access: Seconds,
    ) -> Result<bool, Error> {
        self.note_lock(Lock::Sessions);
        let session = sessions::table.find(Bind(id));
        let owner = session.select(sessions::user_id).first::<UserId>(self.0).optional()?;
        if owner != Some(user) {
            return Err(Error::SessionNotFound);
        }
        let ended = diesel::update(session.filter(sessions::ended_at.is_null()))
            .set((sessions::ended_at.eq(Bind(Some(end.at))), sessions::end_reason.eq(Bind(Some(end.reason)))))
            .returning((sessions::id, sessions::access_expires_by))
            .get_results::<(SessionId, Timestamp)>(self.0)?;
        self.deny_sessions(&ended, end, access)?;
        Ok(!ended.is_empty())
    }

    /// Ends every live session of a user except `except` and denies its tokens, and those of the issuer before this service;
    /// returns how many. Lapsed sessions are
    /// denied but not counted.
    pub(crate) fn end_sessions_of(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        end: End,
        access: Seconds,
    ) -> Result<usize, Error> {
        self.end_legacy_tokens_of(user, end.at)?;
        self.lock_live_sessions_of(user)?;
        let except = except.unwrap_or_else(no_session);
        self.record_lapses_of(user, except, end, access)?;
        let alive = sessions::table
            .filter(sessions::user_id.eq(Bind(user)))
            .filter(sessions::id.ne(Bind(except)))
            .filter(sessions::ended_at.is_null());
        let ended = diesel::update(alive)
            .set((sessions::ended_at.eq(Bind(Some(end.at))), sessions::end_reason.eq(Bind(Some(end.reason)))))
            .returning((sessions::id, sessions::access_expires_by))
            .get_results::<(SessionId, Timestamp)>(self.0)?;
        self.deny_sessions(&ended, end, access)?;
        Ok(ended.len())
    }

    pub(super) fn deny_sessions(
        &mut self,
        ended: &[(SessionId, Timestamp)],
        end: End,
        access: Seconds,
    ) -> Result<(), Error> {
        let denial = |(id, access_expires_by): &(SessionId, Timestamp)| {
            Denial::of_session(*id, end.at, *access_expires_by, access)
        };
        let denials: Vec<Denial> = ended.iter().map(denial).collect();
        self.deny(&denials)?;
        Ok(())
    }
}
