//! `tokens.json`: access tokens, and what is not one.

#[path = "tokens/claims.rs"]
mod claims;
#[path = "tokens/denials.rs"]
mod denials;
#[path = "tokens/form.rs"]
mod form;
#[path = "tokens/headers.rs"]
mod headers;
#[path = "tokens/kinds.rs"]
mod kinds;
#[path = "tokens/signatures.rs"]
mod signatures;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, ISSUER, Issuer, NOW};

pub(crate) fn file(issuer: &Issuer) -> Value {
    let cases = [
        form::cases(issuer),
        headers::cases(issuer),
        signatures::cases(issuer),
        claims::cases(issuer),
        claims::times(issuer),
        kinds::cases(issuer),
        denials::cases(issuer),
    ];
    json!({
        "description": "Access tokens, good and bad ones, and what a verifier says of each.",
        "issuer": ISSUER, "audiences": [AUDIENCE], "now": NOW, "jwks": issuer.jwks(),
        "cases": cases.concat(),
    })
}

/// A token that is refused.
fn refused(name: &str, token: impl Into<Value>, code: &str) -> Value {
    json!({"name": name, "token": token.into(), "expected": code})
}

/// A token that is accepted.
fn accepted(name: &str, token: impl Into<String>) -> Value {
    let token = token.into();
    let payload = URL_SAFE_NO_PAD.decode(token.trim().split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    json!({"name": name, "token": token, "expected": "ok", "claims": claims})
}
