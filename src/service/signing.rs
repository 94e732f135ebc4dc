//! Signing tokens with their custom claims.

use std::mem;

use serde_json::{Map, Value};

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::{AccessClaims, SigningAlg};
use crate::model::custom_claim::{About, Custom, Place};

/// A larger token leaves custom claims out, those of public attributes first: proxies and browsers refuse headers and cookies of
/// more than some KiB.
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

/// Signs by `sign`, which is given the custom claims, or as many of them as leave the token small enough.
pub(super) fn with_custom(
    app: &App,
    place: Place,
    custom: Custom,
    now: Timestamp,
    mut sign: impl FnMut(Map<String, Value>) -> Result<String, Error>,
) -> Result<String, Error> {
    let mut token = String::new();
    for (left_out, custom) in custom.choices().into_iter().enumerate() {
        if left_out == 1 {
            leave_out(app, place, now);
        }
        let is_plain = custom.is_empty();
        token = sign(custom)?;
        if is_plain || token.len() <= MAX_BYTES {
            break;
        }
    }
    Ok(token)
}

/// The custom claims of a response, or as many of them as leave it small enough.
pub(super) fn within_bounds(app: &App, place: Place, custom: Custom, now: Timestamp) -> Map<String, Value> {
    let fits = |custom: &Map<String, Value>| serde_json::to_string(custom).is_ok_and(|text| text.len() <= MAX_BYTES);
    let (left_out, custom) =
        custom.choices().into_iter().enumerate().find(|(_, custom)| fits(custom)).unwrap_or_default();
    if left_out > 0 {
        leave_out(app, place, now);
    }
    custom
}

fn leave_out(app: &App, place: Place, now: Timestamp) {
    let place_name = place.name();
    app.metrics.left_out(place_name);
    if app.known_claims.is_warning_due(place, now) {
        log::warn!(place = place_name; "custom claims are left out: with all of them there would be more than {MAX_BYTES} bytes");
    }
}
