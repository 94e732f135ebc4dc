//! `/v1/admin`: for access tokens with the role `admin`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blocking;
use crate::app::Issuer;
use crate::error::Error;
use crate::http::extract::Json;
use crate::http::problem::Problem;
use crate::jwt::{KeyFileError, RingEntry, SigningAlg};
use crate::model::user::ADMIN_ROLE;
use crate::service::keys;
use crate::verifier::{Role, WithRole};

/// Lets administrators in.
pub(in crate::http) struct Admin;

impl Role for Admin {
    const NAME: &'static str = ADMIN_ROLE;
}

/// A key as it is shown: nothing of its private half, and not where it lies.
#[derive(Serialize)]
struct KeyView {
    kid: String,
    alg: &'static str,
    state: &'static str,
    active_from: Option<String>,
    retired_at: Option<String>,
    goes_at: Option<String>,
    encrypted: bool,
}

impl From<&RingEntry> for KeyView {
    fn from(entry: &RingEntry) -> Self {
        Self {
            kid: entry.kid.clone(),
            alg: entry.alg.name(),
            state: entry.state.name(),
            active_from: entry.active_from.map(|at| at.to_rfc3339()),
            retired_at: entry.retired_at.map(|at| at.to_rfc3339()),
            goes_at: entry.goes_at.map(|at| at.to_rfc3339()),
            encrypted: entry.encrypted,
        }
    }
}

fn all_keys(issuer: &Issuer) -> Vec<KeyView> {
    issuer.keys.ring().entries(issuer.app.clock.now()).iter().map(KeyView::from).collect()
}

/// `GET /v1/admin/keys`: the ring, oldest first.
pub(in crate::http) async fn list_keys(_admin: WithRole<Admin>, issuer: web::Data<Issuer>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"keys": all_keys(&issuer)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RotateBody {
    alg: Option<String>,
    #[serde(default)]
    emergency: bool,
    kid: Option<String>,
}

/// `POST /v1/admin/keys/rotate`: makes the next key, or with `emergency` drops one that has leaked. Answers the ring
/// as it is afterwards.
pub(in crate::http) async fn rotate_keys(
    admin: WithRole<Admin>,
    issuer: web::Data<Issuer>,
    Json(body): Json<RotateBody>,
) -> Result<HttpResponse, Problem> {
    if body.kid.is_some() && !body.emergency {
        return Err(Error::invalid("kid", "invalid", "names the key to drop, which needs emergency").into());
    }
    let admin_id = admin.0.sub;
    let answer = blocking(move || {
        let alg = match body.alg.as_deref().map(str::parse::<SigningAlg>).transpose() {
            Ok(alg) => alg.unwrap_or(issuer.app.config.audiences.default_alg()),
            Err(unknown) => return Err(Error::invalid("alg", "invalid", unknown.to_string())),
        };
        let now = issuer.app.clock.now();
        let mut sessions_ended = None;
        if body.emergency {
            let dropped = keys::drop_leaked(&issuer.keys, alg, body.kid.as_deref(), now).map_err(key_error)?.dropped;
            log::warn!(user:% = admin_id, kid = dropped.kid, alg:% = dropped.alg; "signing key dropped");
            // The key is gone whether or not the database can tell what that means.
            sessions_ended =
                keys::count_sessions_of(&issuer.app.store, issuer.keys.ring().policy(), &dropped, now).ok();
        } else {
            let (_, active_from) = keys::rotate(&issuer.keys, alg, now).map_err(key_error)?;
            log::info!(user:% = admin_id, alg:% = alg, active_from = active_from.to_rfc3339(); "next signing key made");
        }
        issuer.denylist.tell();
        Ok(json!({"keys": all_keys(&issuer), "sessions_ended": sessions_ended}))
    });
    Ok(HttpResponse::Ok().json(answer.await?))
}

fn key_error(error: KeyFileError) -> Error {
    match error {
        KeyFileError::NextExists { active_from, .. } => {
            Error::KeyConflict(format!("the next key is there already and signs from {active_from} on"))
        }
        KeyFileError::Unknown { .. } => Error::KeyUnknown,
        other => Error::internal(other),
    }
}
