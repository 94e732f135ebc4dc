//! `/v1/tokens`: getting a pair, refreshing it, asking about a token, revoking it.

use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blocking;
use super::me::UserView;
use crate::app::Issuer;
use crate::clock::Seconds;
use crate::error::Error;
use crate::http::extract::{Json, device};
use crate::http::problem::Problem;
use crate::model::id::SessionId;
use crate::secret::Secret;
use crate::service::pair::Pair;
use crate::service::verify::Token;
use crate::service::{login, refresh as refreshing, revoke as revoking, verify as verifying};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct LoginBody {
    username: String,
    password: Secret<String>,
    label: Option<String>,
    audience: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RefreshBody {
    refresh_token: Secret<String>,
    audience: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct TokenBody {
    token: Secret<String>,
}

/// The answer of [RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1), and what spares a client
/// a clock and a second request.
#[derive(Serialize)]
struct PairView<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: Seconds,
    refresh_token: &'a str,
    refresh_expires_in: Seconds,
    refresh_after: Seconds,
    refresh_generation: i64,
    session_id: SessionId,
    user: UserView<'a>,
}

fn answer(pair: &Pair) -> HttpResponse {
    let view = PairView {
        access_token: &pair.access_token,
        token_type: "Bearer",
        expires_in: pair.expires_in,
        refresh_token: &pair.refresh_token,
        refresh_expires_in: pair.refresh_expires_in,
        refresh_after: pair.refresh_after,
        refresh_generation: pair.refresh_generation,
        session_id: pair.session_id,
        user: UserView::from(&pair.user),
    };
    // RFC 6749 section 5.1 asks for both headers.
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache")).json(view)
}

/// `POST /v1/tokens`: logs in.
pub(in crate::http) async fn create(
    request: HttpRequest,
    issuer: web::Data<Issuer>,
    Json(body): Json<LoginBody>,
) -> Result<HttpResponse, Problem> {
    let device = device(&request, &issuer, body.label)?;
    // Before a thread is taken: logins that wait must not keep every other request waiting.
    let place = issuer.app.hasher.place().map_err(Error::from)?;
    let login = move || {
        // Kept for as long as the thread is, also when the client has gone.
        let _place = place;
        login::login(&issuer, &body.username, &body.password, body.audience.as_deref(), &device)
    };
    let pair = blocking(login).await?;
    Ok(answer(&pair))
}

/// `POST /v1/tokens/refresh`: the next pair.
pub(in crate::http) async fn refresh(
    issuer: web::Data<Issuer>,
    Json(body): Json<RefreshBody>,
) -> Result<HttpResponse, Problem> {
    let pair = refreshing::refresh(&issuer, body.refresh_token.expose(), body.audience.as_deref()).await?;
    Ok(answer(&pair))
}

/// `POST /v1/tokens/verify`: kind and claims of an active token.
pub(in crate::http) async fn verify(
    issuer: web::Data<Issuer>,
    Json(body): Json<TokenBody>,
) -> Result<HttpResponse, Problem> {
    let token = blocking(move || verifying::any_token(&issuer, body.token.expose())).await?;
    let view = match &token {
        Token::Access(claims) => {
            json!({"kind": "access_token", "expires_at": claims.exp.to_rfc3339(), "claims": **claims})
        }
        Token::Refresh(claims) => {
            json!({"kind": "refresh_token", "expires_at": claims.exp.to_rfc3339(), "claims": claims})
        }
    };
    Ok(HttpResponse::Ok().json(view))
}

/// `POST /v1/tokens/revoke`: 204 whatever the token was
/// ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
pub(in crate::http) async fn revoke(
    issuer: web::Data<Issuer>,
    Json(body): Json<TokenBody>,
) -> Result<HttpResponse, Problem> {
    blocking(move || revoking::revoke(&issuer, body.token.expose())).await?;
    Ok(HttpResponse::NoContent().finish())
}
