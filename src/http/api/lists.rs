//! Lists for users about themselves, and for administrators about any user.

use actix_web::{HttpResponse, web};

use super::blocking;
use crate::app::App;
use crate::http::extract::{cut, page_size, parameter};
use crate::http::failure::Failure;
use crate::http::view::api_token::{self, ApiTokensView};
use crate::http::view::session::{self, PageQuery, SessionsView};
use crate::model::id::{SessionId, UserId};
use crate::service::queries;

/// A page of a user's sessions.
pub(super) async fn sessions(
    app: web::Data<App>,
    user: UserId,
    current: Option<SessionId>,
    query: PageQuery,
) -> Result<HttpResponse, Failure> {
    let limit = page_size(query.limit.as_deref())?;
    let before = parameter::<SessionId>("cursor", query.cursor.as_deref(), "the next_cursor of a page")?;
    let now = app.clock.now();
    let found = blocking(move || queries::list_sessions(&app, user, before, limit + 1)).await?;
    let (found, next_cursor) = cut(found, limit, |listed| listed.session.id.to_string());
    let sessions = found.iter().map(|listed| session::view(listed, current, now)).collect();
    Ok(HttpResponse::Ok().json(SessionsView { sessions, next_cursor }))
}

/// All API tokens of a user.
pub(super) async fn api_tokens(app: web::Data<App>, user: UserId) -> Result<HttpResponse, Failure> {
    let now = app.clock.now();
    let tokens = blocking(move || queries::list_api_tokens(&app, user)).await?;
    let api_tokens = tokens.iter().map(|token| api_token::view(token, now)).collect();
    Ok(HttpResponse::Ok().json(ApiTokensView { api_tokens }))
}
