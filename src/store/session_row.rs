//! The parts of a row of the table `sessions`: the session itself, its grant, and the device.

use diesel::dsl::Eq;
use diesel::{ExpressionMethods as _, Insertable};

use super::row::{Optional, row};
use super::schema::sessions;
use super::types::Bind;
use crate::clock::Timestamp;
use crate::model::grant::{Amr, Grant};
use crate::model::id::{SessionId, UserId};
use crate::model::provider::ProviderId;
use crate::model::session::{Device, End, EndReason, Session};
use crate::model::sharing::{Context, Mark, Sharing};

row!(Session in sessions {
    id: SessionId,
    user_id: UserId,
    created_at: Timestamp,
    authenticated_at: Option<Timestamp>,
    expires_at: Timestamp,
    denied_through: i64,
    rotated_at: Timestamp,
    refresh_expires_at: Timestamp,
    access_expires_by: Timestamp,
    sharing: Sharing = part,
    end: Option<End> = optional,
});

row!(Sharing in sessions {
    generation: i64 = column(context_generation),
    context: Option<Context>,
    mark: Mark,
    strange: i16,
    shared: i16,
});

row!(End in sessions {
    at: Timestamp = key(ended_at),
    reason: EndReason = key(end_reason),
});

impl Insertable<sessions::table> for Optional<'_, Option<End>> {
    type Values = <(
        Eq<sessions::ended_at, Bind<Option<Timestamp>>>,
        Eq<sessions::end_reason, Bind<Option<EndReason>>>,
    ) as Insertable<sessions::table>>::Values;

    fn values(self) -> Self::Values {
        let (ended_at, end_reason) = self.0.map(|end| (end.at, end.reason)).unzip();
        (sessions::ended_at.eq(Bind(ended_at)), sessions::end_reason.eq(Bind(end_reason))).values()
    }
}

row!(Grant in sessions {
    client_id: String = key(client_id),
    scope: String = or_empty(scope),
    audience: Option<String>,
    amr: Amr = or_empty(amr),
    acr: Option<String>,
    browser_session: Option<SessionId> = column(browser_session_id),
    idp: Option<ProviderId>,
});

row!(Device in sessions {
    label: Option<String>,
    user_agent: Option<String>,
    ip: Option<String>,
});
