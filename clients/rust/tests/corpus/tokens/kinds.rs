//! The documents of an issuer: access tokens from each credential, and other documents, which are none.

use serde_json::{Value, json};

use super::{accepted, refused};
use crate::issuer::{AUDIENCE, ISSUER, Issuer, NOW, SESSION, USER, changed, claims, hs256};
use crate::keys::base64url;
use crate::merged;

pub(super) fn cases(issuer: &Issuer) -> Vec<Value> {
    [credentials(issuer), others(issuer)].concat()
}

fn credentials(issuer: &Issuer) -> Vec<Value> {
    [
        (
            "a token of an application that acts on behalf of a user",
            json!({"client_id": "notes-app", "credential": "application", "scope": "openid notes:read", "acr": "1"}),
        ),
        (
            "a token of a program (client credentials)",
            json!({"sub": "job", "client_id": "job", "credential": "client", "scope": "notes:read", "sid": null, "auth_time": null,
                "amr": null}),
        ),
        (
            "a token that an API token was exchanged for",
            json!({"client_id": "api-token", "credential": "api_token", "roles": ["editor"], "auth_time": null, "sid": null}),
        ),
        (
            "a token from a credential that is not known",
            json!({"client_id": "device", "credential": "device"}),
        ),
        (
            "a token from token exchange, with an actor",
            json!({"client_id": "gateway", "credential": "application", "act": {"sub": "gateway", "act": {"sub": "proxy"}}}),
        ),
        (
            "a token that is bound to a certificate",
            json!({"cnf": {"x5t#S256": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}),
        ),
        ("a token that is bound to a DPoP key", json!({"cnf": {"jkt": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}})),
    ]
    .map(|(name, changes)| accepted(name, issuer.with_claims(&changes)))
    .into()
}

fn others(issuer: &Issuer) -> Vec<Value> {
    let typed = |typ: &str, claims: &Value| {
        issuer.signed(changed(&issuer.header(), &json!({ "typ": typ })).to_string(), claims.to_string())
    };
    let refresh = json!({
        "iss": ISSUER, "sub": USER, "aud": ISSUER, "iat": NOW, "exp": NOW + 1_000_000, "sid": SESSION, "gen": 1,
        "jti": format!("{SESSION}.1"), "client_id": "first-party",
    });
    let id_token = json!({
        "iss": ISSUER, "sub": USER, "aud": "notes-app", "iat": NOW, "exp": NOW + 300, "auth_time": NOW, "amr": ["pwd"],
        "azp": "notes-app", "sid": SESSION, "at_hash": "AAECAwQFBgcICQoLDA0ODw",
    });
    let logout = json!({
        "iss": ISSUER, "sub": USER, "aud": "notes-app", "iat": NOW, "exp": NOW + 120, "jti": "AAECAwQFBgcICQoLDA0ODw", "sid": SESSION,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    let denylist = json!({
        "iss": ISSUER, "aud": format!("{ISSUER}/.well-known/denylist"), "iat": NOW, "exp": NOW + 60, "as_of": NOW,
        "jwks_etag": "\"a\"", "cursor": "1", "more": false, "denied": [],
    });
    let hmac = |typ: &str| {
        let header = json!({"alg": "HS256", "kid": issuer.header()["kid"], "typ": typ});
        hs256(
            &format!("{}.{}", base64url(header.to_string()), base64url(refresh.to_string())),
            b"a secret of the issuer",
        )
    };
    let for_us = json!({"aud": AUDIENCE});
    let wrong = "token_wrong_type";
    vec![
        refused("a refresh token", hmac("rt+jwt"), wrong),
        refused("a refresh token that says it is an access token", hmac("at+jwt"), "token_wrong_algorithm"),
        refused("an ID token", typed("JWT", &id_token), wrong),
        refused("an ID token for our audience", typed("JWT", &merged(&id_token, &for_us)), wrong),
        refused(
            "an ID token without a type",
            {
                let header = changed(&issuer.header(), &json!({"typ": null})).to_string();
                issuer.signed(header, merged(&id_token, &for_us).to_string())
            },
            wrong,
        ),
        refused("a logout token", typed("logout+jwt", &logout), wrong),
        refused("a response of the denylist feed", typed("denylist+jwt", &denylist), wrong),
        refused("the claims of an access token in an ID token", typed("JWT", &claims()), wrong),
        refused(
            "an ID token that says it is an access token",
            typed("at+jwt", &merged(&id_token, &for_us)),
            "token_malformed",
        ),
        refused(
            "a logout token that says it is an access token",
            typed("at+jwt", &merged(&logout, &for_us)),
            "token_malformed",
        ),
    ]
}
