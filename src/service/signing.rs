//! Signing tokens with their custom claims.

use std::mem;

use serde_json::{Map, Value};

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::{AccessClaims, SigningAlg};
use crate::model::custom_claim::{About, Place};

/// A larger token leaves its custom claims out: proxies and browsers refuse headers and cookies of more than some KiB.
const MAX_BYTES: usize = 4 * 1024;

/// Signs an access token, which gets its custom claims.
pub(super) fn sign_access(
    app: &App,
    claims: &mut AccessClaims,
    about: About<'_>,
    alg: SigningAlg,
    now: Timestamp,
) -> Result<String, Error> {
    let scope = claims.scope.as_deref().unwrap_or_default();
    let custom = app.known_claims.all().of(Place::AccessToken, about, scope, &claims.aud);
    let (ring, own) = (app.keys.ring(), mem::take(&mut claims.extra));
    with_custom(app, Place::AccessToken, custom, now, |custom| {
        claims.extra = custom;
        claims.extra.extend(own.clone());
        Ok(ring.sign(&*claims, Some(alg), now)?)
    })
}

/// Signs by `sign`, which is given the custom claims, or none if the token would be too large.
pub(super) fn with_custom(
    app: &App,
    place: Place,
    custom: Map<String, Value>,
    now: Timestamp,
    mut sign: impl FnMut(Map<String, Value>) -> Result<String, Error>,
) -> Result<String, Error> {
    let is_plain = custom.is_empty();
    let token = sign(custom)?;
    if is_plain || token.len() <= MAX_BYTES {
        return Ok(token);
    }
    leave_out(app, place, now);
    sign(Map::new())
}

/// The custom claims of a response, or none if they are too large.
pub(super) fn within_bounds(app: &App, place: Place, custom: Map<String, Value>, now: Timestamp) -> Map<String, Value> {
    let custom = Value::Object(custom);
    if custom.to_string().len() > MAX_BYTES {
        leave_out(app, place, now);
        return Map::new();
    }
    match custom {
        Value::Object(custom) => custom,
        _ => Map::new(),
    }
}

fn leave_out(app: &App, place: Place, now: Timestamp) {
    let place_name = place.name();
    app.metrics.left_out(place_name);
    if app.known_claims.is_warning_due(place, now) {
        log::warn!(place = place_name; "custom claims are left out: with them there would be more than {MAX_BYTES} bytes");
    }
}
