//! Sessions: those that are live, and why the others ended.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::device::device_name;
use super::notice::Notice;
use super::templates::{Moment, SessionRow, Sessions};
use super::visit::{Instead, Visit};
use super::words::why;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::cookies::{Cookies, put};
use crate::http::extract::{cut, parameter};
use crate::http::failure::Failure;
use crate::http::pages::reply::page_with;
use crate::model::id::SessionId;
use crate::model::session::{EndReason, Listed};
use crate::oauth::params::Params;
use crate::service::{queries, sessions};

const PAGE_SIZE: i64 = 50;

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let params = Params::parse(visit.request.query_string().as_bytes());
    let before = parameter::<SessionId>("cursor", params.get("cursor"), "the cursor of a page")?;
    let now = visit.app.clock.now();
    let this = visit.session();
    let list = move |app: &_, user, _: &_| {
        let found = queries::list_sessions(app, user, before, PAGE_SIZE + 1)?;
        Ok((found, queries::has_other_live_session(app, user, this, now)?))
    };
    let (found, has_others) = visit.run(list).await?;
    let (found, next) = cut(found, PAGE_SIZE, |listed| listed.session.id.to_string());
    let rows = found.into_iter().map(|listed| row(visit, listed, now));
    let (live, ended): (Vec<_>, Vec<_>) = rows.partition(|row| row.ended.is_none());
    let older = next.map(|cursor| format!("{}?cursor={cursor}", visit.action()));
    let template = Sessions { site: &visit.site, visit, problem, live, ended, has_others, older };
    page_with(&visit.site, response, &template)
}

fn row(visit: &Visit<'_>, listed: Listed, now: Timestamp) -> SessionRow {
    let Listed { session, device, application } = listed;
    let end = session.end_by(now);
    SessionRow {
        id: session.id.to_string(),
        name: device_name(visit.texts, &device),
        application,
        ip: device.ip,
        started: Moment(session.created_at),
        last_used: Moment(session.rotated_at),
        is_current: session.id == visit.session(),
        ended: end.map(|end| (Moment(end.at), why(visit.texts, end.reason))),
    }
}

pub(super) async fn act(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    match params.get("do") {
        Some("end") => end(visit, params).await,
        Some("end_others") => {
            let kept = Some(visit.session());
            visit.run(move |app, user, origin| sessions::end_all(app, user, kept, EndReason::Logout, origin)).await?;
            Ok(visit.done(Notice::OthersEnded))
        }
        _ => visit.bad_request(),
    }
}

async fn end(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    let id = params.get("id").and_then(|id| id.parse::<SessionId>().ok()).ok_or(Error::SessionNotFound)?;
    let is_current = id == visit.session();
    let reason = if is_current { EndReason::Logout } else { EndReason::Revoked };
    sessions::end(visit.app, visit.user(), id, reason, visit.origin()).await?;
    let mut response = visit.done(Notice::SessionEnded);
    if is_current {
        put(visit.request, &mut response, Cookies::of(visit.app).forget())?;
    }
    Ok(response)
}
