//! The table `mail_tokens`, and the addresses that they verify.

use diesel::prelude::*;

use super::locks::Lock;
use super::row::row;
use super::schema::{mail_tokens, users};
use super::types::Bind;
use super::users::Credentials;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::mail_token::{MailToken, Purpose};
use crate::model::user::{ClaimedName, Email, User};
use crate::secret::KeyDigest;

row!(MailToken in mail_tokens {
    purpose: Purpose,
    user_id: UserId,
    email: Email,
    code_hash: i64,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
});

/// A token with its digest, and that of the password's hash when it was sent.
pub(crate) struct StoredMailToken {
    /// The token.
    pub(crate) token: MailToken,
    /// The digest of its text.
    pub(crate) digest: KeyDigest,
    /// The digest of the password's hash.
    pub(crate) password: KeyDigest,
}

impl ReadTx<'_> {
    /// A token, also one that is over.
    pub(crate) fn find_mail_token(&mut self, digest: &KeyDigest) -> Result<Option<StoredMailToken>, Error> {
        let row = mail_tokens::table.find(Bind(digest));
        let row = row.select((MailToken::as_select(), mail_tokens::password_digest));
        let found = row.first::<(MailToken, KeyDigest)>(self.0).optional()?;
        Ok(found.map(|(token, password)| StoredMailToken { token, digest: *digest, password }))
    }

    /// The tokens of a user that are not over, the newest first.
    pub(crate) fn list_mail_tokens(
        &mut self,
        user: UserId,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Vec<StoredMailToken>, Error> {
        let valid = mail_tokens::table
            .filter(mail_tokens::user_id.eq(Bind(user)))
            .filter(mail_tokens::purpose.eq(Bind(purpose)))
            .filter(mail_tokens::used_at.is_null())
            .filter(mail_tokens::expires_at.gt(Bind(now)))
            .order(mail_tokens::expires_at.desc());
        let columns = (MailToken::as_select(), mail_tokens::digest, mail_tokens::password_digest);
        let found: Vec<(MailToken, KeyDigest, KeyDigest)> = valid.select(columns).load(self.0)?;
        Ok(found.into_iter().map(|(token, digest, password)| StoredMailToken { token, digest, password }).collect())
    }

    /// The account whose verified address this is, folded; `None` if there is none, or more than one.
    pub(crate) fn find_by_verified_email(&mut self, folded: &str) -> Result<Option<Credentials>, Error> {
        let columns = (User::as_select(), users::password_hash);
        let found: Vec<(User, String)> =
            users::table.filter(users::verified_email.eq(folded)).limit(MANY).select(columns).load(self.0)?;
        let mut found = found.into_iter().filter(|(user, _)| user.verified_email().is_some());
        let first = found.next().filter(|_| found.next().is_none());
        Ok(first.map(|(user, password_hash)| Credentials { user, password_hash }))
    }

    /// Whether this address is the username of another account, in any spelling.
    pub(crate) fn is_username_of_another(&mut self, email: &Email, id: UserId) -> Result<bool, Error> {
        // What is too long is no username.
        let Ok(name) = email.to_string().parse::<ClaimedName>() else { return Ok(false) };
        let named = users::username.eq(name.folded()).or(users::username.eq(name.formerly()));
        let others = users::table.filter(named).filter(users::id.ne(Bind(id)));
        Ok(others.count().get_result::<i64>(self.0)? > 0)
    }

    /// An account that has this verified address, folded; also one that is disabled. Of several it is any.
    pub(crate) fn find_owner_of_email(&mut self, folded: &str) -> Result<Option<User>, Error> {
        let found: Vec<User> =
            users::table.filter(users::verified_email.eq(folded)).limit(MANY).select(User::as_select()).load(self.0)?;
        Ok(found.into_iter().find(|user| user.verified_email().is_some()))
    }

    /// Whether another account has this verified address, folded.
    pub(crate) fn is_verified_by_another(&mut self, folded: &str, id: UserId) -> Result<bool, Error> {
        let found: Vec<User> =
            users::table.filter(users::verified_email.eq(folded)).limit(MANY).select(User::as_select()).load(self.0)?;
        Ok(found.iter().any(|user| user.id != id && user.verified_email().is_some()))
    }
}

/// More accounts than ever share an address; some may be left over from a change by an older version.
const MANY: i64 = 100;

/// The lock for verified addresses and usernames: any number, but the same in every instance.
const ADDRESSES_LOCK: i64 = 7_015_418_202_611_261;

impl WriteTx<'_> {
    /// Until the end of this transaction no other one confirms an address, or stores a username that may be one or that its user
    /// has chosen. On SQLite a write transaction does that anyway.
    pub(crate) fn lock_addresses(&mut self) -> Result<(), Error> {
        self.lock_all(Lock::Addresses, ADDRESSES_LOCK)
    }

    /// Deletes all tokens: those of a backup may have been used since.
    pub(crate) fn delete_mail_tokens(&mut self) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        diesel::delete(mail_tokens::table).execute(self.0)?;
        Ok(())
    }

    /// Adds a token.
    pub(crate) fn insert_mail_token(&mut self, stored: &StoredMailToken) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        let StoredMailToken { token, digest, password } = stored;
        let digests = (mail_tokens::digest.eq(Bind(digest)), mail_tokens::password_digest.eq(Bind(password)));
        diesel::insert_into(mail_tokens::table).values((token, digests)).execute(self.0)?;
        Ok(())
    }

    /// Voids all tokens of a user.
    pub(super) fn void_mail_tokens(&mut self, user: UserId, now: Timestamp) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        let unused =
            mail_tokens::table.filter(mail_tokens::user_id.eq(Bind(user))).filter(mail_tokens::used_at.is_null());
        diesel::update(unused).set(mail_tokens::used_at.eq(Bind(Some(now)))).execute(self.0)?;
        Ok(())
    }

    /// Uses a token, by compare-and-set; returns whether it was unused and had not expired.
    pub(crate) fn use_mail_token(&mut self, digest: &KeyDigest, now: Timestamp) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let unused = mail_tokens::table
            .find(Bind(digest))
            .filter(mail_tokens::used_at.is_null())
            .filter(mail_tokens::expires_at.gt(Bind(now)));
        Ok(diesel::update(unused).set(mail_tokens::used_at.eq(Bind(Some(now)))).execute(self.0)? > 0)
    }
}
