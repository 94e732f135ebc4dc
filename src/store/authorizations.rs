//! The tables of authorizations: `interactions`, `consents` and `authorization_codes`.

use diesel::prelude::*;
use diesel::sql_types::Binary;

use super::row::row;
use super::schema::{authorization_codes, consents, interactions};
use super::types::{Bind, SqlTime};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::authorization::{Code, Consent, Interaction, InteractionId};
use crate::model::client::ClientId;
use crate::model::grant::Amr;
use crate::model::id::{SessionId, UserId};
use crate::model::names::Scopes;
use crate::model::provider::ProviderId;
use crate::secret::KeyDigest;

/// An interaction as it is stored.
struct InteractionRow {
    id: InteractionId,
    browser_digest: KeyDigest,
    client_id: String,
    request: String,
    chosen: bool,
    created_at: Timestamp,
    expires_at: Timestamp,
    finished_at: Option<Timestamp>,
}

row!(InteractionRow in interactions {
    id: InteractionId,
    browser_digest: KeyDigest,
    client_id: String,
    request: String,
    chosen: bool,
    created_at: Timestamp,
    expires_at: Timestamp,
    finished_at: Option<Timestamp>,
});

row!(Consent in consents {
    user_id: UserId,
    client_id: ClientId,
    scopes: Scopes,
    created_at: Timestamp,
    updated_at: Timestamp,
});

row!(Code in authorization_codes {
    client_id: ClientId,
    user_id: UserId,
    browser_session_id: SessionId,
    redirect_uri: String,
    code_challenge: String,
    scope: String,
    audience: Option<String>,
    nonce: Option<String>,
    auth_time: Timestamp,
    amr: Amr,
    acr: Option<String>,
    expires_at: Timestamp,
    session_id: Option<SessionId>,
    idp: Option<ProviderId>,
});

impl ReadTx<'_> {
    /// An interaction, also one that is over, and the digest of the cookie of its browser.
    pub(crate) fn find_interaction(&mut self, id: InteractionId) -> Result<Option<(Interaction, KeyDigest)>, Error> {
        let row = interactions::table.find(Bind(id)).select(InteractionRow::as_select());
        let Some(row) = row.first::<InteractionRow>(self.0).optional()? else { return Ok(None) };
        let InteractionRow { id, browser_digest, request, chosen, created_at, expires_at, finished_at, .. } = row;
        let request = serde_json::from_str(&request).map_err(Error::internal)?;
        Ok(Some((Interaction { id, request, chosen, created_at, expires_at, finished_at }, browser_digest)))
    }

    /// What a user has allowed to a client.
    pub(crate) fn find_consent(&mut self, user: UserId, client: &ClientId) -> Result<Option<Consent>, Error> {
        let row = consents::table.find((Bind(user), Bind(client))).select(Consent::as_select());
        Ok(row.first(self.0).optional()?)
    }

    /// What a user has allowed, to each client.
    pub(crate) fn list_consents(&mut self, user: UserId) -> Result<Vec<Consent>, Error> {
        let rows = consents::table.filter(consents::user_id.eq(Bind(user))).order(consents::client_id);
        Ok(rows.select(Consent::as_select()).load(self.0)?)
    }

    /// What a code stands for, also when it was redeemed or has expired.
    pub(crate) fn find_code(&mut self, digest: &KeyDigest) -> Result<Option<Code>, Error> {
        let row = authorization_codes::table.find(Bind(digest)).select(Code::as_select());
        Ok(row.first(self.0).optional()?)
    }
}

impl WriteTx<'_> {
    /// Adds an interaction of the browser whose cookie has this digest.
    pub(crate) fn insert_interaction(&mut self, interaction: &Interaction, browser: KeyDigest) -> Result<(), Error> {
        let Interaction { id, request, chosen, created_at, expires_at, finished_at } = interaction.clone();
        let row = InteractionRow {
            id,
            browser_digest: browser,
            client_id: request.client_id.clone(),
            request: serde_json::to_string(&request).map_err(Error::internal)?,
            chosen,
            created_at,
            expires_at,
            finished_at,
        };
        diesel::insert_into(interactions::table).values(&row).execute(self.0)?;
        Ok(())
    }

    /// Notes that the user has chosen which account to use.
    pub(crate) fn choose_account(&mut self, id: InteractionId) -> Result<(), Error> {
        diesel::update(interactions::table.find(Bind(id))).set(interactions::chosen.eq(true)).execute(self.0)?;
        Ok(())
    }

    /// Has an interaction wait until then, if it would be over sooner.
    pub(crate) fn prolong_interaction(&mut self, id: InteractionId, until: Timestamp) -> Result<(), Error> {
        let sooner = interactions::table.find(Bind(id)).filter(interactions::expires_at.lt(Bind(until)));
        diesel::update(sooner).set(interactions::expires_at.eq(Bind(until))).execute(self.0)?;
        Ok(())
    }

    /// Notes that an interaction is answered; returns whether it was not before.
    pub(crate) fn finish_interaction(&mut self, id: InteractionId, now: Timestamp) -> Result<bool, Error> {
        let open = interactions::table.find(Bind(id)).filter(interactions::finished_at.is_null());
        Ok(diesel::update(open).set(interactions::finished_at.eq(Bind(Some(now)))).execute(self.0)? > 0)
    }

    /// Adds what a user has allowed to a client, or replaces it.
    pub(crate) fn put_consent(&mut self, consent: &Consent) -> Result<(), Error> {
        let known = consents::table.find((Bind(consent.user_id), Bind(&consent.client_id)));
        let set = (consents::scopes.eq(Bind(&consent.scopes)), consents::updated_at.eq(Bind(consent.updated_at)));
        if diesel::update(known).set(set).execute(self.0)? == 0 {
            diesel::insert_into(consents::table).values(consent).execute(self.0)?;
        }
        Ok(())
    }

    /// Forgets what a user has allowed to a client; returns whether there was something.
    pub(crate) fn delete_consent(&mut self, user: UserId, client: &ClientId) -> Result<bool, Error> {
        Ok(diesel::delete(consents::table.find((Bind(user), Bind(client)))).execute(self.0)? > 0)
    }

    /// Adds a code.
    pub(crate) fn insert_code(&mut self, code: &Code, digest: KeyDigest) -> Result<(), Error> {
        let row = (code, authorization_codes::digest.eq(Bind(digest)));
        diesel::insert_into(authorization_codes::table).values(row).execute(self.0)?;
        Ok(())
    }

    /// Deletes the codes of a user for a client that are not redeemed yet.
    pub(crate) fn delete_unused_codes(&mut self, user: UserId, client: &ClientId) -> Result<(), Error> {
        let of_both = authorization_codes::table
            .filter(authorization_codes::user_id.eq(Bind(user)))
            .filter(authorization_codes::client_id.eq(Bind(client)));
        diesel::delete(of_both.filter(authorization_codes::session_id.is_null())).execute(self.0)?;
        Ok(())
    }

    /// Redeems a code for a session, by compare-and-set; returns whether this is the first time.
    pub(crate) fn redeem_code(&mut self, digest: &KeyDigest, session: SessionId) -> Result<bool, Error> {
        let unused = authorization_codes::table.find(Bind(digest)).filter(authorization_codes::session_id.is_null());
        let set = authorization_codes::session_id.eq(Bind(Some(session)));
        Ok(diesel::update(unused).set(set).execute(self.0)? > 0)
    }

    /// Notes that an assertion was used; returns whether this is the first time.
    pub(crate) fn use_assertion(&mut self, digest: KeyDigest, expires_at: Timestamp) -> Result<bool, Error> {
        let insert = diesel::sql_query(
            "insert into client_assertions (digest, expires_at) values ($1, $2) on conflict do nothing",
        );
        Ok(insert.bind::<Binary, _>(digest).bind::<SqlTime, _>(expires_at).execute(self.0)? > 0)
    }
}
