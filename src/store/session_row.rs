//! The parts of a row of the table `sessions`: the session itself, its grant, and the device.

use super::row::row;
use super::schema::sessions;
use crate::clock::Timestamp;
use crate::model::grant::Grant;
use crate::model::id::{SessionId, UserId};
use crate::model::session::{Device, End, EndReason, Session};
use crate::model::sharing::{Context, Mark, Sharing};

row!(struct SessionRow in sessions {
    id: SessionId,
    user_id: UserId,
    created_at: Timestamp,
    expires_at: Timestamp,
    denied_through: i64,
    rotated_at: Timestamp,
    refresh_expires_at: Timestamp,
    access_expires_by: Timestamp,
    ended_at: Option<Timestamp>,
    end_reason: Option<EndReason>,
    authenticated_at: Option<Timestamp>,
    context_generation: i64,
    context: Option<i64>,
    mark: i16,
    strange: i16,
    shared: i16,
});

row!(struct GrantRow in sessions {
    client_id: Option<String>,
    scope: Option<String>,
    audience: Option<String>,
    amr: Option<String>,
    acr: Option<String>,
});

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

row!(Device in sessions {
    label: Option<String>,
    user_agent: Option<String>,
    ip: Option<String>,
});

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            created_at: row.created_at,
            authenticated_at: row.authenticated_at.unwrap_or(row.created_at),
            expires_at: row.expires_at,
            denied_through: row.denied_through,
            rotated_at: row.rotated_at,
            refresh_expires_at: row.refresh_expires_at,
            access_expires_by: row.access_expires_by,
            sharing: Sharing {
                generation: row.context_generation,
                context: row.context.map(Context::of_number),
                mark: Mark::of_number(row.mark),
                strange: row.strange,
                shared: row.shared,
            },
            end: row.ended_at.zip(row.end_reason).map(|(at, reason)| End { at, reason }),
        }
    }
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            created_at: session.created_at,
            expires_at: session.expires_at,
            denied_through: session.denied_through,
            rotated_at: session.rotated_at,
            refresh_expires_at: session.refresh_expires_at,
            access_expires_by: session.access_expires_by,
            ended_at: session.end.map(|end| end.at),
            end_reason: session.end.map(|end| end.reason),
            authenticated_at: (session.authenticated_at != session.created_at).then_some(session.authenticated_at),
            context_generation: session.sharing.generation,
            context: session.sharing.context.map(Context::number),
            mark: session.sharing.mark.number(),
            strange: session.sharing.strange,
            shared: session.sharing.shared,
        }
    }
}
