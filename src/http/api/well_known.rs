//! `/.well-known`: what verifiers need to know.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, ETAG, EntityTag, Header as _, IfNoneMatch, USER_AGENT, VARY};
use actix_web::{HttpRequest, HttpResponse, rt, web};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::engine::denylist::Cursor;
use crate::engine::feed::Reader;
use crate::error::Error;
use crate::http::extract::Query;
use crate::http::failure::Failure;
use crate::http::shared_body::SharedBody;
use crate::jwt::{DENYLIST_PATH, SigningAlg, issuer_url, metadata_url};
use crate::oauth::metadata::{Provider, metadata as provider_metadata};

/// How long a request for the denylist may wait for news, in seconds.
const MAX_WAIT_SECONDS: u64 = 30;

/// Metadata only changes with the settings.
const METADATA_CACHE_CONTROL: &str = "public, max-age=3600";

/// A part of the denylist that is behind leads its readers on, so it does not delay what they learn. That there is no news
/// would: it is never stored.
const NEWS_CACHE_CONTROL: &str = "public, max-age=1";

/// A JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
#[derive(ToSchema)]
#[schema(as = JwkSet)]
#[expect(dead_code, reason = "the ring keeps it as text")]
pub(in crate::http) struct JwksView {
    /// The public keys.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

/// Get the public keys
///
/// Returns the keys that verify access tokens, as a JWK Set ([RFC
/// 7517](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "verifiers", security(()), responses(
    (status = 200, body = JwksView, content_type = "application/jwk-set+json", description = "The JWK Set.",
        headers(("ETag" = String, description = "For If-None-Match."))),
    (status = 304, description = "The keys have not changed since the entity tag in If-None-Match.")))]
pub(in crate::http) async fn jwks(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let ring = app.keys.ring();
    let etag = ring.jwks_etag();
    let known = knows(&request, etag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    let max_age = ring.jwks_max_age(app.clock.now()).0;
    response.insert_header((ETAG, etag)).insert_header((CACHE_CONTROL, format!("public, max-age={max_age}")));
    if known {
        return response.finish();
    }
    response.content_type("application/jwk-set+json").body(ring.jwks_json().to_owned())
}

/// Get the metadata
///
/// Returns the URLs of the keys, the denylist and the endpoints
/// ([RFC 8414](https://www.rfc-editor.org/rfc/rfc8414#section-3.2)).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "verifiers", security(()),
    responses((status = 200, body = Object, description = "The metadata.")))]
pub(in crate::http) async fn metadata(app: web::Data<App>) -> HttpResponse {
    describe(&app)
}

/// Get the metadata of an issuer with a path
///
/// Clients use this URL if `ISSUER` has a path: the well-known part comes before that path, at the root of the host
/// ([RFC 8414 section 3.1](https://www.rfc-editor.org/rfc/rfc8414#section-3.1)).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server/{issuer_path}", tag = "verifiers", security(()),
    params(("issuer_path" = String, Path, description = "The path of `ISSUER`.")),
    responses((status = 200, body = Object, description = "The metadata.")))]
pub(in crate::http) async fn metadata_of_path(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (_host, path) = metadata_url(&app.config.issuer);
    if request.path() == path { Ok(describe(&app)) } else { Err(Failure::PathUnknown) }
}

/// OpenID provider metadata
///
/// The same, where clients of OpenID Connect look for it
/// ([OpenID Connect Discovery section 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)). With a
/// path in `ISSUER` it is below that path.
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "verifiers", security(()),
    responses((status = 200, body = Object, description = "The metadata.")))]
pub(in crate::http) async fn openid_configuration(app: web::Data<App>) -> HttpResponse {
    describe(&app)
}

/// OpenID provider metadata of an issuer with a path
///
/// Where [RFC 8414 section 5](https://www.rfc-editor.org/rfc/rfc8414#section-5) lets clients look for it, too.
#[utoipa::path(get, path = "/.well-known/openid-configuration/{issuer_path}", tag = "verifiers", security(()),
    params(("issuer_path" = String, Path, description = "The path of `ISSUER`.")),
    responses((status = 200, body = Object, description = "The metadata.")))]
pub(in crate::http) async fn openid_configuration_of_path(
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let (_host, path) = metadata_url(&app.config.issuer);
    let asked = request.path().replace("/openid-configuration/", "/oauth-authorization-server/");
    if asked == path { Ok(describe(&app)) } else { Err(Failure::PathUnknown) }
}

fn describe(app: &App) -> HttpResponse {
    let issuer = &app.config.issuer;
    let provider = Provider {
        issuer,
        url: &|path| issuer_url(issuer, path),
        scopes: app.config.scopes.names(),
        access_token_algs: app.config.key_policy.algs.iter().map(|alg| alg.name()).collect(),
        id_token_algs: app.keys.ring().id_token_algs().map(SigningAlg::name).collect(),
        assertion_algs: SigningAlg::ALL.iter().map(|alg| alg.name()).collect(),
        acr_values: [&app.config.acr_one_factor, &app.config.acr_two_factors]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect(),
        denylist_path: DENYLIST_PATH,
    };
    HttpResponse::Ok().insert_header((CACHE_CONTROL, METADATA_CACHE_CONTROL)).json(provider_metadata(&provider))
}

/// Which entries the reader already has.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct FeedQuery {
    /// The `cursor` of the previous response. Default: return the whole list.
    #[param(pattern = r"^[0-9a-f]{1,16}(\.[0-9a-f]{1,16}){0,3}$", nullable = false)]
    since: Option<String>,
    /// Seconds to wait for news if there are none yet. Default: 0.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 30, nullable = false)]
    wait: Option<String>,
}

/// Get the denylist
///
/// Returns what was denied since a cursor, as a signed JWT. `denied` lists sessions (by `sid`) and access tokens (by
/// `jti`). `denied_by_kind` lists clients and users whose tokens issued before a certain time are denied. If it has an
/// entry of an unknown kind, the reader's list is incomplete until the entry's `exp`. The list is as public as the
/// keys: apart from ids of clients and users it only names what is denied.
#[utoipa::path(get, path = DENYLIST_PATH, tag = "verifiers", security(()), params(FeedQuery), responses(
    (status = 200, body = String, content_type = "application/jwt", description = "The signed JWT.",
        headers(("ETag" = String, description = "For If-None-Match."))),
    (status = 304, description = "There is nothing new since the entity tag in If-None-Match.")))]
pub(in crate::http) async fn denylist(
    request: HttpRequest,
    app: web::Data<App>,
    Query(query): Query<FeedQuery>,
) -> Result<HttpResponse, Failure> {
    let since = query.since.as_deref().map(str::parse::<Cursor>).transpose();
    let since = since.map_err(|bad| Error::invalid("since", "invalid", bad.to_string()))?;
    let wait = query.wait.as_deref().map_or(Some(0), |text| text.parse().ok());
    let wait = wait.filter(|wait| *wait <= MAX_WAIT_SECONDS).ok_or_else(|| {
        Error::invalid("wait", "invalid", format!("must be a whole number of seconds from 0 to {MAX_WAIT_SECONDS}"))
    })?;
    let elapsed = rt::time::sleep(Duration::from_secs(wait));
    let answer = app.feed.read(reader(&request), since, |etag| knows(&request, etag), elapsed).await?;
    let mut response = if answer.token.is_some() { HttpResponse::Ok() } else { HttpResponse::NotModified() };
    let cache_control = if answer.is_for_caches { NEWS_CACHE_CONTROL } else { "no-store" };
    // See `reader`.
    response.insert_header((VARY, "User-Agent"));
    response.insert_header((ETAG, answer.etag)).insert_header((CACHE_CONTROL, cache_control));
    Ok(match answer.token {
        Some(token) => response.content_type("application/jwt").body(SharedBody::new(token)),
        None => response.finish(),
    })
}

/// Earlier verifiers send the name of their HTTP client.
fn reader(request: &HttpRequest) -> Reader {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if agent.starts_with("ureq/") { Reader::EarlierVerifier } else { Reader::Verifier }
}

/// [RFC 9110 section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2).
fn knows(request: &HttpRequest, etag: &str) -> bool {
    match (IfNoneMatch::parse(request), etag.parse::<EntityTag>()) {
        (Ok(IfNoneMatch::Any), _) => true,
        (Ok(IfNoneMatch::Items(items)), Ok(ours)) => items.iter().any(|item| item.weak_eq(&ours)),
        _ => false,
    }
}
