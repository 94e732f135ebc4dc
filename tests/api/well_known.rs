//! `/.well-known`.

use tokensmith::verifier::{TokenError, Verifier, VerifyError};

use crate::support::{Engine, TestApp};

#[test]
fn the_jwks_publishes_public_keys_with_a_cache_time_and_an_entity_tag() {
    for (alg, kty) in [("ES256", "EC"), ("EdDSA", "OKP"), ("RS256", "RSA")] {
        let app = TestApp::start_with(Engine::Sqlite, &[("SIGNING_ALG", alg)]);
        let answer = app.get("/.well-known/jwks.json");
        let keys = answer.ok()["keys"].clone();
        assert_eq!(keys.as_array().unwrap().len(), 1);
        let key = keys[0].as_object().unwrap();
        assert_eq!(
            (key["alg"].as_str(), key["kty"].as_str(), key["use"].as_str()),
            (Some(alg), Some(kty), Some("sig"))
        );
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(!key.contains_key(private), "{alg}: {private}");
        }
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        let etag = answer.header("etag");
        for known in [etag, &format!("\"other\", W/{etag}"), "*"] {
            let again = app.send("GET", "/.well-known/jwks.json", &[("if-none-match", known)], b"");
            assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", etag), "{known}");
        }
        assert_eq!(app.send("GET", "/.well-known/jwks.json", &[("if-none-match", "\"other\"")], b"").status, 200);
    }
}

#[test]
fn the_verifier_accepts_our_access_tokens_with_the_published_keys_and_nothing_else() {
    for alg in ["ES256", "EdDSA", "RS256"] {
        let audience = "https://api.example.com";
        let app = TestApp::start_with(Engine::Sqlite, &[("SIGNING_ALG", alg), ("AUDIENCE", audience)]);
        let pair = app.logged_in("ada");
        let jwks = app.get("/.well-known/jwks.json").body;
        let verifier = |issuer: &str, audience: &str| {
            let verifier = Verifier::from_jwks(&jwks, issuer, audience).clock(app.clock.clone());
            verifier.build().unwrap()
        };
        let issuer = "http://127.0.0.1:8080";
        let refused = |why| Err(VerifyError::Refused(why));
        app.advance(299);
        let access_token = pair["access_token"].as_str().unwrap();
        let claims = verifier(issuer, audience).verify(access_token).unwrap();
        assert_eq!(claims.sid.to_string(), pair["session_id"].as_str().unwrap());
        assert_eq!(verifier("https://other.example", audience).verify(access_token), refused(TokenError::WrongIssuer));
        assert_eq!(verifier(issuer, "https://other.example").verify(access_token), refused(TokenError::WrongAudience));
        let refresh_token = pair["refresh_token"].as_str().unwrap();
        assert_eq!(verifier(issuer, audience).verify(refresh_token), refused(TokenError::WrongType));
        app.advance(1);
        assert_eq!(verifier(issuer, audience).verify(access_token), refused(TokenError::Expired));
    }
}
