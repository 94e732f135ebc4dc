//! The table `upstream_logins`.

use diesel::prelude::*;

use super::row::row;
use super::schema::upstream_logins;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::{SessionId, UserId};
use crate::model::provider::ProviderId;
use crate::model::upstream::{Purpose, UpstreamLogin};
use crate::secret::KeyDigest;

const SIGN_IN: &str = "sign_in";
const LINK: &str = "link";

/// A sign-in as it is stored.
struct UpstreamLoginRow {
    digest: KeyDigest,
    provider_id: ProviderId,
    browser_digest: KeyDigest,
    purpose: String,
    user_id: Option<UserId>,
    session_id: Option<SessionId>,
    return_to: String,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
}

row!(UpstreamLoginRow in upstream_logins {
    digest: KeyDigest,
    provider_id: ProviderId,
    browser_digest: KeyDigest,
    purpose: String,
    user_id: Option<UserId>,
    session_id: Option<SessionId>,
    return_to: String,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
});

impl ReadTx<'_> {
    /// A sign-in, also one that is over, and the digest of the cookie of its browser.
    pub(crate) fn find_upstream_login(
        &mut self,
        digest: &KeyDigest,
    ) -> Result<Option<(UpstreamLogin, KeyDigest)>, Error> {
        let row = upstream_logins::table.find(Bind(digest)).select(UpstreamLoginRow::as_select());
        row.first::<UpstreamLoginRow>(self.0).optional()?.map(UpstreamLoginRow::read).transpose()
    }
}

impl UpstreamLoginRow {
    fn read(self) -> Result<(UpstreamLogin, KeyDigest), Error> {
        let purpose = match (self.purpose.as_str(), self.user_id, self.session_id) {
            (SIGN_IN, None, None) => Purpose::SignIn,
            (LINK, Some(user), Some(session)) => Purpose::Link { user, session },
            _ => return Err(Error::internal("a sign-in at a provider has no known purpose")),
        };
        let Self { provider_id: provider, browser_digest, return_to, expires_at, used_at, .. } = self;
        Ok((UpstreamLogin { provider, purpose, return_to, expires_at, used_at }, browser_digest))
    }
}

impl WriteTx<'_> {
    /// Adds a sign-in whose `state` has one digest, of the browser whose cookie has the other.
    pub(crate) fn insert_upstream_login(
        &mut self,
        login: &UpstreamLogin,
        digest: KeyDigest,
        browser_digest: KeyDigest,
    ) -> Result<(), Error> {
        let (purpose, user_id, session_id) = match login.purpose {
            Purpose::SignIn => (SIGN_IN, None, None),
            Purpose::Link { user, session } => (LINK, Some(user), Some(session)),
        };
        let UpstreamLogin { provider, return_to, expires_at, used_at, .. } = login.clone();
        let row = UpstreamLoginRow {
            digest,
            provider_id: provider,
            browser_digest,
            purpose: purpose.to_owned(),
            user_id,
            session_id,
            return_to,
            expires_at,
            used_at,
        };
        diesel::insert_into(upstream_logins::table).values(&row).execute(self.0)?;
        Ok(())
    }

    /// Notes that the user came back, by compare-and-set; returns whether this is the first time.
    pub(crate) fn use_upstream_login(&mut self, digest: &KeyDigest, now: Timestamp) -> Result<bool, Error> {
        let unused = upstream_logins::table.find(Bind(digest)).filter(upstream_logins::used_at.is_null());
        Ok(diesel::update(unused).set(upstream_logins::used_at.eq(Bind(Some(now)))).execute(self.0)? > 0)
    }
}
