//! A token pair, and how responses with tokens are sent.

use actix_web::HttpResponse;
use actix_web::error::JsonPayloadError;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use serde::Serialize;
use utoipa::ToSchema;

use super::user::UserView;
use crate::clock::Seconds;
use crate::http::words::TokenType;
use crate::model::id::SessionId;
use crate::service::pair::Pair;

/// Enough for most responses with tokens.
const USUAL_BYTES: usize = 2 * 1024;

/// The response of [RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1), with additional members
/// that save a client a clock and a second request.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenPair)]
pub(crate) struct PairView<'a> {
    /// The access token, sent as `Authorization: Bearer`.
    /// Missing if it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    access_token: Option<&'a str>,
    /// How the access token is sent. Missing if it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TokenType>, nullable = false)]
    token_type: Option<&'static str>,
    /// How long the access token is valid, in seconds.
    #[schema(value_type = i64, example = 300)]
    expires_in: Seconds,
    /// The refresh token, for `POST /v1/tokens/refresh`. Missing if it is in a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<&'a str>,
    /// How long the refresh token is valid, in seconds.
    #[schema(value_type = i64, example = 1_209_600)]
    refresh_expires_in: Seconds,
    /// When the client should refresh, in seconds from now.
    #[schema(value_type = i64, example = 204)]
    refresh_after: Seconds,
    /// Generation of the refresh token. Of two pairs of one session, the one with the higher number is newer.
    #[schema(example = 1)]
    refresh_generation: i64,
    /// Id of the session.
    #[schema(value_type = String, format = "uuid")]
    session_id: SessionId,
    /// Scopes of the access token, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The user of the session.
    user: UserView<'a>,
}

/// Forbids caches to store tokens: RFC 6749 section 5.1 requires both headers.
pub(crate) fn not_stored(view: impl Serialize) -> HttpResponse {
    let mut body = Vec::with_capacity(USUAL_BYTES);
    if let Err(error) = serde_json::to_writer(&mut body, &view) {
        return HttpResponse::from_error(JsonPayloadError::Serialize(error));
    }
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((PRAGMA, HeaderValue::from_static("no-cache")))
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(body)
}

/// Which tokens of a pair are in the body. The others are in cookies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum InBody {
    Both,
    Access,
    None,
}

/// The response with a pair.
pub(crate) fn answer(pair: &Pair, tokens: InBody) -> HttpResponse {
    let has_access = tokens != InBody::None;
    not_stored(PairView {
        access_token: has_access.then_some(&pair.access_token),
        token_type: has_access.then_some("Bearer"),
        expires_in: pair.expires_in,
        refresh_token: (tokens == InBody::Both).then_some(&pair.refresh_token),
        refresh_expires_in: pair.refresh_expires_in,
        refresh_after: pair.refresh_after,
        refresh_generation: pair.refresh_generation,
        session_id: pair.session_id,
        scope: pair.scope.clone(),
        user: UserView::from(&*pair.user),
    })
}
