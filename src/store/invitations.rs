//! The table `invitations`.

use diesel::prelude::*;

use super::locks::Lock;
use super::row::row;
use super::schema::invitations;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::invitation::{Invitation, InvitationId};
use crate::model::names::Roles;
use crate::model::user::Email;
use crate::secret::KeyDigest;

row!(Invitation in invitations {
    id: InvitationId,
    roles: Roles,
    email: Option<Email>,
    created_by: Option<UserId>,
    created_at: Timestamp,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
    used_by: Option<UserId>,
});

impl ReadTx<'_> {
    /// The invitation of a link, also one that is over.
    pub(crate) fn find_invitation(&mut self, digest: &KeyDigest) -> Result<Option<Invitation>, Error> {
        let found = invitations::table.filter(invitations::digest.eq(Bind(digest)));
        Ok(found.select(Invitation::as_select()).first(self.0).optional()?)
    }

    /// The invitations for an address, folded, that are not over.
    pub(crate) fn list_invitations_of(&mut self, folded: &str, now: Timestamp) -> Result<Vec<Invitation>, Error> {
        let valid = invitations::table
            .filter(invitations::email_fold.eq(folded))
            .filter(invitations::used_at.is_null())
            .filter(invitations::expires_at.gt(Bind(now)))
            .order(invitations::id);
        Ok(valid.select(Invitation::as_select()).load(self.0)?)
    }

    /// Invitations, the newest first, starting after `before`; at most `limit`.
    pub(crate) fn list_invitations(
        &mut self,
        before: Option<InvitationId>,
        limit: i64,
    ) -> Result<Vec<Invitation>, Error> {
        let mut query =
            invitations::table.order(invitations::id.desc()).limit(limit).select(Invitation::as_select()).into_boxed();
        if let Some(before) = before {
            query = query.filter(invitations::id.lt(Bind(before)));
        }
        Ok(query.load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Adds an invitation.
    pub(crate) fn insert_invitation(&mut self, invitation: &Invitation, digest: &KeyDigest) -> Result<(), Error> {
        self.note_lock(Lock::Invitations);
        let fold = invitation.email.as_ref().map(|email| email.folded().into_owned());
        let row = (invitation, invitations::digest.eq(Bind(digest)), invitations::email_fold.eq(fold));
        diesel::insert_into(invitations::table).values(row).execute(self.0)?;
        Ok(())
    }

    /// Uses an invitation up for a new account, by compare-and-set; returns it, or `None` if it is over.
    pub(crate) fn use_invitation(
        &mut self,
        id: InvitationId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<Invitation>, Error> {
        self.note_lock(Lock::Invitations);
        let valid = invitations::table
            .find(Bind(id))
            .filter(invitations::used_at.is_null())
            .filter(invitations::expires_at.gt(Bind(now)));
        let changes = (invitations::used_at.eq(Bind(Some(now))), invitations::used_by.eq(Bind(Some(user))));
        if diesel::update(valid).set(changes).execute(self.0)? == 0 {
            return Ok(None);
        }
        Ok(Some(invitations::table.find(Bind(id)).select(Invitation::as_select()).first(self.0)?))
    }

    /// Deletes an invitation that was not used; returns whether there was one.
    pub(crate) fn delete_invitation(&mut self, id: InvitationId) -> Result<bool, Error> {
        self.note_lock(Lock::Invitations);
        let unused = invitations::table.find(Bind(id)).filter(invitations::used_at.is_null());
        Ok(diesel::delete(unused).execute(self.0)? > 0)
    }

    /// Deletes all invitations that were not used: those of a backup may have been used since.
    pub(crate) fn delete_invitations(&mut self) -> Result<(), Error> {
        self.note_lock(Lock::Invitations);
        diesel::delete(invitations::table.filter(invitations::used_at.is_null())).execute(self.0)?;
        Ok(())
    }
}
