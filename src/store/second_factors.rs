//! The tables `totp_factors` and `recovery_codes`, and all second factors of a user together.

use diesel::prelude::*;

use super::locks::Lock;
use super::row::row;
use super::schema::{passkeys, recovery_codes, totp_factors};
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::{SessionId, UserId};
use crate::model::second_factor::Totp;
use crate::secret::KeyDigest;

row!(Totp in totp_factors {
    user_id: UserId,
    secret: Option<String>,
    pending_secret: Option<String>,
    confirmed_at: Option<Timestamp>,
    confirmed_in: Option<SessionId>,
    last_step: i64,
    failures: i64,
});

/// A second factor of a user: an authenticator app that is confirmed, or a passkey.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FactorOf {
    /// Since when.
    pub(crate) since: Timestamp,
    /// The session in which it was confirmed; none if that was part of a login.
    pub(crate) confirmed_in: Option<SessionId>,
}

/// A secret that a code has confirmed.
pub(crate) struct Confirmed {
    /// The secret, encrypted, as it was stored when it was pending.
    pub(crate) secret: String,
    /// When.
    pub(crate) at: Timestamp,
    /// In which session.
    pub(crate) session: Option<SessionId>,
    /// By the code of this step.
    pub(crate) step: i64,
}

impl ReadTx<'_> {
    /// The authenticator app of a user, also one that is not confirmed yet.
    pub(crate) fn find_totp(&mut self, user: UserId) -> Result<Option<Totp>, Error> {
        Ok(totp_factors::table.find(Bind(user)).select(Totp::as_select()).first(self.0).optional()?)
    }

    /// Whether any user has an authenticator app that is confirmed.
    pub(crate) fn has_totp(&mut self) -> Result<bool, Error> {
        let one = totp_factors::table.filter(totp_factors::secret.is_not_null()).select(totp_factors::last_step);
        Ok(one.first::<i64>(self.0).optional()?.is_some())
    }

    /// All second factors of a user.
    pub(crate) fn list_factors(&mut self, user: UserId) -> Result<Vec<FactorOf>, Error> {
        let totp = self.find_totp(user)?;
        let app =
            totp.and_then(|totp| totp.confirmed_at.map(|since| FactorOf { since, confirmed_in: totp.confirmed_in }));
        let of_user = passkeys::table.filter(passkeys::user_id.eq(Bind(user)));
        let rows: Vec<(Timestamp, Option<SessionId>)> =
            of_user.select((passkeys::created_at, passkeys::created_in)).load(self.0)?;
        let passkeys = rows.into_iter().map(|(since, confirmed_in)| FactorOf { since, confirmed_in });
        Ok(app.into_iter().chain(passkeys).collect())
    }

    /// Whether a user has a recovery code that was not used.
    pub(crate) fn has_recovery_code(&mut self, user: UserId, digest: &KeyDigest) -> Result<bool, Error> {
        let unused = recovery_codes::table.find((Bind(user), Bind(digest))).filter(recovery_codes::used_at.is_null());
        Ok(unused.count().get_result::<i64>(self.0)? > 0)
    }

    /// How many recovery codes a user has left.
    pub(crate) fn count_recovery_codes(&mut self, user: UserId) -> Result<i64, Error> {
        let left = recovery_codes::table.filter(recovery_codes::user_id.eq(Bind(user)));
        Ok(left.filter(recovery_codes::used_at.is_null()).count().get_result(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Stores a secret that waits for its first code. One that is confirmed stays in force until then.
    pub(crate) fn put_pending_totp(&mut self, user: UserId, secret: String) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        let set = totp_factors::pending_secret.eq(Some(&secret));
        if diesel::update(totp_factors::table.find(Bind(user))).set(set).execute(self.0)? == 0 {
            let (pending_secret, confirmed_at, confirmed_in) = (Some(secret), None, None);
            let secret = None;
            let row =
                Totp { user_id: user, secret, pending_secret, confirmed_at, confirmed_in, last_step: 0, failures: 0 };
            diesel::insert_into(totp_factors::table).values(&row).execute(self.0)?;
        }
        Ok(())
    }

    /// Puts a pending secret in force, by compare-and-set; returns whether it was still the pending one.
    pub(crate) fn confirm_totp(&mut self, user: UserId, confirmed: Confirmed) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let Confirmed { secret, at, session, step } = confirmed;
        let pending =
            totp_factors::table.find(Bind(user)).filter(totp_factors::pending_secret.eq(Some(secret.clone())));
        let set = (
            totp_factors::secret.eq(Some(secret)),
            totp_factors::pending_secret.eq(None::<String>),
            totp_factors::confirmed_at.eq(Bind(Some(at))),
            totp_factors::confirmed_in.eq(Bind(session)),
            totp_factors::last_step.eq(step),
            totp_factors::failures.eq(0),
        );
        Ok(diesel::update(pending).set(set).execute(self.0)? > 0)
    }

    /// Notes that the code of a step was accepted, by compare-and-set; returns whether neither it nor a later one was
    /// before. The secret that it was checked with must still be in force; it is replaced by `renewed`.
    pub(crate) fn use_totp_step(
        &mut self,
        user: UserId,
        (secret, renewed): (&str, &str),
        step: i64,
    ) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let unused = totp_factors::table
            .find(Bind(user))
            .filter(totp_factors::secret.eq(Some(secret)))
            .filter(totp_factors::last_step.lt(step));
        let set =
            (totp_factors::secret.eq(Some(renewed)), totp_factors::last_step.eq(step), totp_factors::failures.eq(0));
        Ok(diesel::update(unused).set(set).execute(self.0)? > 0)
    }

    /// Counts a wrong code; returns how many were wrong in a row, if there still is an authenticator app.
    pub(crate) fn count_totp_failure(&mut self, user: UserId) -> Result<Option<i64>, Error> {
        self.note_lock(Lock::SecondFactors);
        let set = totp_factors::failures.eq(totp_factors::failures + 1);
        let counted =
            diesel::update(totp_factors::table.find(Bind(user))).set(set).returning((totp_factors::failures,));
        Ok(counted.get_result::<(i64,)>(self.0).optional()?.map(|(failures,)| failures))
    }

    /// Deletes a user's authenticator app, and forgets the browsers in which it was shown; returns whether there was one that is
    /// confirmed.
    pub(crate) fn delete_totp(&mut self, user: UserId) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let found = self.reading().find_totp(user)?;
        self.forget_devices(user)?;
        diesel::delete(totp_factors::table.find(Bind(user))).execute(self.0)?;
        Ok(found.is_some_and(|totp| totp.secret.is_some()))
    }

    /// Deletes the recovery codes of a user who has no second factor any more.
    pub(crate) fn delete_recovery_codes_without_a_factor(&mut self, user: UserId) -> Result<(), Error> {
        if self.reading().list_factors(user)?.is_empty() {
            self.replace_recovery_codes(user, &[])?;
        }
        Ok(())
    }

    /// Replaces all recovery codes of a user.
    pub(crate) fn replace_recovery_codes(&mut self, user: UserId, digests: &[KeyDigest]) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(Bind(user)))).execute(self.0)?;
        for digest in digests {
            let row = (recovery_codes::user_id.eq(Bind(user)), recovery_codes::digest.eq(Bind(digest)));
            diesel::insert_into(recovery_codes::table).values(row).execute(self.0)?;
        }
        Ok(())
    }

    /// Uses a recovery code, by compare-and-set; returns whether the user had it and this is the first time.
    pub(crate) fn use_recovery_code(
        &mut self,
        user: UserId,
        digest: &KeyDigest,
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let unused = recovery_codes::table.find((Bind(user), Bind(digest))).filter(recovery_codes::used_at.is_null());
        Ok(diesel::update(unused).set(recovery_codes::used_at.eq(Bind(Some(now)))).execute(self.0)? > 0)
    }
}
