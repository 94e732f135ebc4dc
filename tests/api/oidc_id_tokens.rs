//! ID tokens: who has logged in, told to a client.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokensmith::internals::jwt::{Document as _, KINDS, KeyUse, authentic_payload};
use tokensmith_verifier::AccessClaims;

use crate::support::oauth::{ALL, Allowed, NOTES, Registration, claims, header};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    oidc_core_2_an_id_token_says_who_has_logged_in_when_and_how,
    oidc_core_3_1_3_6_at_hash_belongs_to_the_access_token,
    sid_is_the_browsers_session_in_an_id_token_and_the_grants_in_an_access_token,
    an_id_token_is_for_the_scope_openid,
    an_id_token_opens_nothing,
);

const ISSUER: &str = "http://127.0.0.1:8080";

fn start(engine: Engine) -> (TestApp, Value) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    let browser = app.logged_in("ada");
    (app, browser)
}

fn oidc_core_2_an_id_token_says_who_has_logged_in_when_and_how(engine: Engine) {
    let (app, browser) = start(engine);
    let allowed = Allowed { nonce: Some("n-0S6_WzA2Mj"), acr: Some("gold"), ..ALL };
    let code = app.allow(&browser, &allowed);
    app.advance(50);
    let tokens = app.redeem(crate::support::oauth::As("notes"), &code).ok();
    let claims = claims(&tokens["id_token"]);
    let access = crate::support::oauth::claims(&tokens["access_token"]);
    let expected = json!({
        "iss": ISSUER, "sub": browser["user"]["id"], "aud": "notes", "azp": "notes",
        "iat": 1_800_000_050, "exp": 1_800_000_350, "auth_time": 1_800_000_000, "nonce": "n-0S6_WzA2Mj",
        "acr": "gold", "amr": ["pwd"], "sid": browser["session_id"], "at_hash": claims["at_hash"],
    });
    assert_eq!(claims, expected);
    assert_eq!(
        (&access["acr"], &access["auth_time"], &access["amr"]),
        (&claims["acr"], &claims["auth_time"], &claims["amr"])
    );
    let header = header(&tokens["id_token"]);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("JWT")));
    let keys = app.get("/.well-known/jwks.json").ok();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]), "{keys}");
    // Without a nonce in the request there is none.
    let without = app.granted(&browser, &ALL);
    assert_eq!(crate::support::oauth::claims(&without["id_token"]).get("nonce"), None);
}

fn oidc_core_3_1_3_6_at_hash_belongs_to_the_access_token(engine: Engine) {
    let (app, browser) = start(engine);
    let tokens = app.granted(&browser, &ALL);
    let hash = digest(&SHA256, tokens["access_token"].as_str().unwrap().as_bytes());
    assert_eq!(claims(&tokens["id_token"])["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
}

fn sid_is_the_browsers_session_in_an_id_token_and_the_grants_in_an_access_token(engine: Engine) {
    let (app, browser) = start(engine);
    app.insert_client(&Registration { id: "other", ..NOTES });
    let notes = app.granted(&browser, &ALL);
    let other = app.granted(&browser, &Allowed { client: "other", ..ALL });
    let sids = [&notes, &other].map(|tokens| [claims(&tokens["id_token"]), claims(&tokens["access_token"])]);
    assert_eq!([&sids[0][0]["sid"], &sids[1][0]["sid"]], [&browser["session_id"]; 2]);
    assert_ne!(sids[0][1]["sid"], sids[1][1]["sid"]);
    assert_ne!(sids[0][1]["sid"], browser["session_id"]);
}

fn an_id_token_is_for_the_scope_openid(engine: Engine) {
    let (app, browser) = start(engine);
    for scope in ["", "profile", "notes:read offline_access"] {
        let tokens = app.granted(&browser, &Allowed { scope, ..ALL });
        assert_eq!(tokens.get("id_token"), None, "{scope}");
    }
}

fn an_id_token_opens_nothing(engine: Engine) {
    let (app, browser) = start(engine);
    let tokens = app.granted(&browser, &ALL);
    let id_token = &tokens["id_token"];
    app.get_as("/v1/me", id_token.as_str().unwrap()).problem(401, "token_wrong_type");
    app.verify(id_token).problem(401, "token_wrong_type");
    app.refresh(id_token).problem(401, "token_wrong_type");
    // Its type alone sets it apart, and its audience: no access token is for a client.
    let ring = app.inside.keys.ring();
    for kind in KINDS {
        let read = authentic_payload(kind, id_token.as_str().unwrap(), ring.keys()).is_ok();
        assert_eq!(read, kind.typ == "JWT", "{}", kind.typ);
    }
    assert_eq!(AccessClaims::KIND.key, KeyUse::Published);
    assert_ne!(claims(id_token)["aud"], claims(&tokens["access_token"])["aud"]);
}

#[test]
fn oidc_core_15_1_rs256_is_there_for_clients_that_want_it() {
    let app = TestApp::start_with(Engine::Sqlite, &[("ID_TOKEN_SIGNING_ALGS", "ES256,RS256")]);
    app.insert_client(&NOTES);
    app.insert_client(&Registration { id: "next", id_token_alg: Some("RS256"), ..NOTES });
    let browser = app.logged_in("ada");
    let of_next = app.granted(&browser, &Allowed { client: "next", ..ALL });
    let of_notes = app.granted(&browser, &ALL);
    assert_eq!([&of_next, &of_notes].map(|tokens| header(&tokens["id_token"])["alg"].clone()), ["RS256", "ES256"]);
    assert_eq!([&of_next, &of_notes].map(|tokens| header(&tokens["access_token"])["alg"].clone()), ["ES256"; 2]);
    let keys = app.get("/.well-known/jwks.json").ok();
    let rsa = keys["keys"].as_array().unwrap().iter().find(|key| key["alg"] == "RS256").unwrap();
    assert_eq!(rsa["kid"], header(&of_next["id_token"])["kid"]);
    let algs = app.get("/.well-known/openid-configuration").ok()["id_token_signing_alg_values_supported"].clone();
    assert_eq!(algs, json!(["ES256", "RS256"]));
    // Not for those who get access tokens.
    assert_eq!(header(&app.login("ada", PASSWORD).ok()["access_token"])["alg"], "ES256");
}

#[test]
fn without_a_key_for_an_algorithm_it_is_not_offered() {
    let app = TestApp::start(Engine::Sqlite);
    let algs = app.get("/.well-known/openid-configuration").ok()["id_token_signing_alg_values_supported"].clone();
    assert_eq!(algs, json!(["ES256"]));
}
