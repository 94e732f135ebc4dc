//! The table `known_devices`: browsers in which users have shown a second factor. A browser may be known for many users, and a
//! user in some browsers.

use diesel::prelude::*;

use super::locks::Lock;
use super::schema::known_devices;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::UserId;
use crate::secret::KeyDigest;

/// In how many browsers a user is known. Of more the ones that were not seen for the longest time are forgotten.
const MAX_DEVICES: i64 = 20;

impl ReadTx<'_> {
    /// Whether a user has shown a second factor in a browser.
    pub(crate) fn is_known_device(&mut self, user: UserId, digest: &KeyDigest) -> Result<bool, Error> {
        let known = known_devices::table.find((Bind(user), Bind(digest)));
        Ok(known.count().get_result::<i64>(self.0)? > 0)
    }
}

impl WriteTx<'_> {
    /// Notes that a browser, which has shown the cookie of one digest, has got that of another. It is known for the same users
    /// as before. Rows that another transaction has locked are left out, since nothing may wait for the row of another user.
    pub(crate) fn replace_device(&mut self, digest: KeyDigest, next: KeyDigest) -> Result<(), Error> {
        let users = self.lock_free_devices(&digest)?.into_iter().map(Bind);
        let known = known_devices::table.filter(known_devices::digest.eq(Bind(digest)));
        let of_them = known.filter(known_devices::user_id.eq_any(users));
        diesel::update(of_them).set(known_devices::digest.eq(Bind(next))).execute(self.0)?;
        Ok(())
    }

    /// Notes that a user, whose row is locked, has shown a second factor in a browser.
    pub(crate) fn remember_device(&mut self, user: UserId, digest: KeyDigest, now: Timestamp) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        let seen_at = known_devices::seen_at.eq(Bind(now));
        let known = known_devices::table.find((Bind(user), Bind(digest)));
        if diesel::update(known).set(seen_at).execute(self.0)? > 0 {
            return Ok(());
        }
        let of_user = known_devices::table.filter(known_devices::user_id.eq(Bind(user)));
        let surplus =
            of_user.order(known_devices::seen_at.desc()).offset(MAX_DEVICES - 1).select(known_devices::digest);
        for digest in surplus.load::<Vec<u8>>(self.0)? {
            diesel::delete(of_user.filter(known_devices::digest.eq(digest))).execute(self.0)?;
        }
        let row = (known_devices::user_id.eq(Bind(user)), known_devices::digest.eq(Bind(digest)), seen_at);
        diesel::insert_into(known_devices::table).values(row).execute(self.0)?;
        Ok(())
    }

    /// Forgets all browsers of a user.
    pub(crate) fn forget_devices(&mut self, user: UserId) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        diesel::delete(known_devices::table.filter(known_devices::user_id.eq(Bind(user)))).execute(self.0)?;
        Ok(())
    }
}
