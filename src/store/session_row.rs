//! What a row of the table `sessions` holds, by who asks for it: the session itself, what was granted, and the device.

use diesel::prelude::*;

use super::schema::sessions;
use super::types::DbUuid;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::grant::Grant;
use crate::model::id::{Id, SessionId};
use crate::model::session::{Device, End, Session};
use crate::model::sharing::{Context, Mark, Sharing};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct SessionRow {
    id: DbUuid,
    user_id: DbUuid,
    created_at: i64,
    pub(super) expires_at: i64,
    denied_through: i64,
    rotated_at: i64,
    refresh_expires_at: i64,
    access_expires_by: i64,
    ended_at: Option<i64>,
    end_reason: Option<String>,
    authenticated_at: Option<i64>,
    context_generation: i64,
    context: Option<i64>,
    mark: i16,
    strange: i16,
    shared: i16,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct GrantRow {
    client_id: Option<String>,
    scope: Option<String>,
    audience: Option<String>,
    amr: Option<String>,
    acr: Option<String>,
}

impl GrantRow {
    pub(super) fn into_grant(self) -> Option<Grant> {
        let Self { client_id, scope, audience, amr, acr } = self;
        let amr = amr.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        client_id.map(|client_id| Grant { client_id, scope: scope.unwrap_or_default(), audience, amr, acr })
    }
}

impl From<&Grant> for GrantRow {
    fn from(grant: &Grant) -> Self {
        let Grant { client_id, scope, audience, amr, acr } = grant.clone();
        Self { client_id: Some(client_id), scope: Some(scope), audience, amr: Some(amr.join(" ")), acr }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub(super) struct DeviceRow {
    label: Option<String>,
    user_agent: Option<String>,
    ip: Option<String>,
}

impl DeviceRow {
    pub(super) fn into_device(self) -> Device {
        let Self { label, user_agent, ip } = self;
        Device { label, user_agent, ip }
    }
}

impl SessionRow {
    pub(super) fn id(&self) -> SessionId {
        Id::from_bytes(self.id.0)
    }

    pub(super) fn into_session(self) -> Result<Session, Error> {
        let end = match (self.ended_at, self.end_reason) {
            (Some(at), Some(reason)) => {
                Some(End { at: Timestamp(at), reason: reason.parse().map_err(Error::internal)? })
            }
            _ => None,
        };
        Ok(Session {
            id: Id::from_bytes(self.id.0),
            user_id: Id::from_bytes(self.user_id.0),
            created_at: Timestamp(self.created_at),
            authenticated_at: Timestamp(self.authenticated_at.unwrap_or(self.created_at)),
            expires_at: Timestamp(self.expires_at),
            denied_through: self.denied_through,
            rotated_at: Timestamp(self.rotated_at),
            refresh_expires_at: Timestamp(self.refresh_expires_at),
            access_expires_by: Timestamp(self.access_expires_by),
            sharing: Sharing {
                generation: self.context_generation,
                context: self.context.map(Context::of_number),
                mark: Mark::of_number(self.mark),
                strange: self.strange,
                shared: self.shared,
            },
            end,
        })
    }
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: DbUuid(*session.id.as_bytes()),
            user_id: DbUuid(*session.user_id.as_bytes()),
            created_at: session.created_at.0,
            expires_at: session.expires_at.0,
            denied_through: session.denied_through,
            rotated_at: session.rotated_at.0,
            refresh_expires_at: session.refresh_expires_at.0,
            access_expires_by: session.access_expires_by.0,
            ended_at: session.end.map(|end| end.at.0),
            end_reason: session.end.map(|end| end.reason.to_string()),
            authenticated_at: (session.authenticated_at != session.created_at).then_some(session.authenticated_at.0),
            context_generation: session.sharing.generation,
            context: session.sharing.context.map(Context::number),
            mark: session.sharing.mark.number(),
            strange: session.sharing.strange,
            shared: session.sharing.shared,
        }
    }
}
