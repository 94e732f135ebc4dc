//! `/v1/admin/keys`: the signing keys, for administrators.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::error::Error;
use crate::http::extract::{Administrator, AdministratorRecently, Caller, Json};
use crate::http::failure::Failure;
use crate::http::view::key::KeyView;
use crate::http::words::SigningAlgorithm;
use crate::jwt::SigningAlg;
use crate::service::keys;

/// The signing keys, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKeys)]
pub(in crate::http) struct KeysView {
    keys: Vec<KeyView>,
}

/// The signing keys after one was created or dropped.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKeysRotated)]
pub(in crate::http) struct RotatedView {
    keys: Vec<KeyView>,
    /// About how many sessions ended because their key was dropped; null if no key was dropped or the database is down.
    #[schema(required, minimum = 0)]
    sessions_ended: Option<i64>,
}

fn all_keys(app: &App) -> Vec<KeyView> {
    app.keys.ring().entries(app.clock.now()).iter().map(KeyView::from).collect()
}

/// List the signing keys
///
/// Returns all signing keys, oldest first.
#[utoipa::path(get, path = "/v1/admin/keys", tag = "administration", responses((status = 200, body = KeysView)))]
pub(in crate::http) async fn list(_: Caller<Administrator>, app: web::Data<App>) -> HttpResponse {
    HttpResponse::Ok().json(KeysView { keys: all_keys(&app) })
}

/// Which key to create or drop.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateKeys, example = json!({"alg": "ES256"}))]
pub(in crate::http) struct RotateBody {
    /// Signing algorithm of the key. Default: `SIGNING_ALG`.
    #[schema(value_type = Option<SigningAlgorithm>)]
    alg: Option<String>,
    /// `true` drops a leaked key now. Sessions whose refresh token it signed end. Default: `false`.
    #[serde(default)]
    emergency: bool,
    /// The `kid` of the key to drop. Default: the active key. Only with `emergency`.
    kid: Option<String>,
}

/// Rotate the signing keys
///
/// Creates the next key, or with `emergency` drops a leaked one. The administrator must have given the password within
/// `REAUTHENTICATION_PERIOD`.
#[utoipa::path(post, path = "/v1/admin/keys/rotate", tag = "administration", request_body = RotateBody,
    responses((status = 200, body = RotatedView)))]
pub(in crate::http) async fn rotate(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    Json(body): Json<RotateBody>,
) -> Result<HttpResponse, Failure> {
    if body.kid.is_some() && !body.emergency {
        return Err(Error::invalid("kid", "invalid", "names the key to drop and is only allowed with emergency").into());
    }
    let answer = blocking(move || {
        let alg = match body.alg.as_deref().map(str::parse::<SigningAlg>).transpose() {
            Ok(alg) => alg.unwrap_or(app.config.audiences.default_alg()),
            Err(unknown) => return Err(Error::invalid("alg", "invalid", unknown.to_string())),
        };
        let sessions_ended = if body.emergency {
            keys::drop_leaked_by(&app, alg, body.kid.as_deref(), &caller.origin)?
        } else {
            keys::rotate_by(&app, alg, &caller.origin)?;
            None
        };
        Ok(RotatedView { keys: all_keys(&app), sessions_ended })
    });
    Ok(HttpResponse::Ok().json(answer.await?))
}
