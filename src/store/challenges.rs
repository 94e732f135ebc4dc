//! The table `login_challenges`.

use diesel::prelude::*;

use super::locks::Lock;
use super::row::row;
use super::schema::login_challenges;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::{SessionId, UserId};
use crate::model::identity::IdentityId;
use crate::model::second_factor::Challenge;
use crate::secret::KeyDigest;

row!(Challenge in login_challenges {
    user_id: UserId,
    session_id: Option<SessionId>,
    proved_at: Timestamp,
    is_enrolment: bool,
    audience: Option<String>,
    label: Option<String>,
    by_cookie: bool,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    identity_id: Option<IdentityId>,
});

impl ReadTx<'_> {
    /// A challenge, also one that is over, and the digest of the password's hash that was checked before it.
    pub(crate) fn find_challenge(&mut self, digest: &KeyDigest) -> Result<Option<(Challenge, KeyDigest)>, Error> {
        let row = login_challenges::table.find(Bind(digest));
        let row = row.select((Challenge::as_select(), login_challenges::password_digest));
        Ok(row.first(self.0).optional()?)
    }
}

impl WriteTx<'_> {
    /// Adds a challenge, with the digest of its text and that of the password's hash that was checked.
    pub(crate) fn insert_challenge(
        &mut self,
        challenge: &Challenge,
        digest: KeyDigest,
        password: KeyDigest,
    ) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        let digests = (login_challenges::digest.eq(Bind(digest)), login_challenges::password_digest.eq(Bind(password)));
        diesel::insert_into(login_challenges::table).values((challenge, digests)).execute(self.0)?;
        Ok(())
    }

    /// Uses a challenge, by compare-and-set; returns whether it was unused and had not expired.
    pub(crate) fn use_challenge(&mut self, digest: &KeyDigest, now: Timestamp) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let unused = login_challenges::table
            .find(Bind(digest))
            .filter(login_challenges::used_at.is_null())
            .filter(login_challenges::expires_at.gt(Bind(now)));
        Ok(diesel::update(unused).set(login_challenges::used_at.eq(Bind(Some(now)))).execute(self.0)? > 0)
    }
}
