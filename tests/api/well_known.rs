//! `/.well-known`.

use serde_json::json;
use tokensmith::internals::clock::Clock as _;
use tokensmith_verifier::{TokenError, Verifier, VerifyError};

use crate::support::front::Front;
use crate::support::{Answer, Engine, TestApp};
use crate::verifier::payload;

const METADATA: &str = "/.well-known/oauth-authorization-server";

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
        assert_eq!(claims.sid.unwrap().to_string(), pair["session_id"].as_str().unwrap());
        assert_eq!(verifier("https://other.example", audience).verify(access_token), refused(TokenError::WrongIssuer));
        assert_eq!(verifier(issuer, "https://other.example").verify(access_token), refused(TokenError::WrongAudience));
        let refresh_token = pair["refresh_token"].as_str().unwrap();
        assert_eq!(verifier(issuer, audience).verify(refresh_token), refused(TokenError::WrongType));
        app.advance(1);
        assert_eq!(verifier(issuer, audience).verify(access_token), refused(TokenError::Expired));
    }
}

#[test]
fn the_metadata_stands_where_rfc_8414_wants_it_and_nowhere_else() {
    for (issuer, path, others) in [
        ("https://example.com", "", ["/", "/auth", "//"]),
        ("https://example.com/", "", ["/", "/auth", "//"]),
        ("https://example.com/auth", "/auth", ["/", "/auth/", "/auth/b"]),
        ("https://example.com/auth/", "/auth", ["/auth/", "/Auth", "/aut"]),
        ("https://example.com/a/b", "/a/b", ["/a", "/b", "/a/b/"]),
        ("https://example.com:8443/a%20b", "/a%20b", ["/a b", "/a+b", "/a%20b/"]),
    ] {
        let app = TestApp::start_with(Engine::Sqlite, &[("ISSUER", issuer)]);
        let metadata = app.get(METADATA).ok();
        let name = metadata["issuer"].as_str().unwrap();
        assert_eq!(name.trim_end_matches('/'), issuer.trim_end_matches('/'));
        assert_eq!(metadata["jwks_uri"], format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')));
        assert_eq!(metadata["denylist_uri"], format!("{}/.well-known/denylist", issuer.trim_end_matches('/')));
        let there = app.get(&format!("{METADATA}{path}"));
        assert_eq!(there.ok(), metadata, "{issuer}");
        assert_eq!(app.send("HEAD", &format!("{METADATA}{path}"), &[], b"").status, 200, "{issuer}");
        for other in others.into_iter().filter(|other| !other.contains(' ')) {
            app.get(&format!("{METADATA}{other}")).problem(404, "not_found");
        }
        assert_eq!(app.get("/.well-known/openid-configuration").ok(), metadata, "{issuer}");
    }
}

/// As behind a proxy that takes the issuer's path away.
#[test]
fn the_verifier_finds_an_issuer_with_a_path_by_its_metadata() {
    for slash in ["", "/"] {
        let front = Front::start(|_| None);
        let issuer = format!("{}/auth", front.base);
        let app = TestApp::start_with(Engine::Sqlite, &[("ISSUER", &format!("{issuer}{slash}"))]);
        let client = app.another_client();
        front.now_answers(move |path| {
            let at_the_root = path.starts_with("/.well-known/");
            Some(client.get(if at_the_root { path } else { path.strip_prefix("/auth").unwrap() }))
        });
        let name = app.get(METADATA).ok()["issuer"].as_str().unwrap().to_owned();
        let verifier = Verifier::from_issuer(&name, &name).clock(app.clock.clone()).build().unwrap();
        let pair = app.logged_in("ada");
        let started_at = std::time::Instant::now();
        while verifier.staleness().is_none() || verifier.verify(pair["access_token"].as_str().unwrap()).is_err() {
            assert!(started_at.elapsed() < std::time::Duration::from_secs(60), "{name}");
            std::thread::yield_now();
        }
        assert!(front.count(&format!("{METADATA}/auth")) > 0);
    }
}

/// Browser apps of any origin may read public documents.
#[test]
fn public_documents_may_be_read_by_any_origin_and_nothing_else_may() {
    let paths =
        ["/.well-known/jwks.json", "/.well-known/denylist", METADATA, "/.well-known/oauth-authorization-server/a"];
    for configured in ["", "https://app.example.com", "*"] {
        let settings = [("CORS_ORIGINS", configured), ("ISSUER", "https://id.example.com/a")];
        let app = TestApp::start_with(Engine::Sqlite, &settings);
        let is_open = |answer: &Answer| {
            let origins: Vec<_> = answer.headers.get_all("access-control-allow-origin").iter().collect();
            assert_eq!(origins, ["*"], "{configured}: {answer:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        };
        for origin in ["https://app.example.com", "https://other.example", "null"] {
            let origin = ("origin", origin);
            for path in paths {
                for method in ["GET", "HEAD"] {
                    let answer = app.send(method, path, &[origin], b"");
                    assert_eq!(answer.status, 200);
                    is_open(&answer);
                }
                let preflight = [
                    origin,
                    ("access-control-request-method", "GET"),
                    ("access-control-request-headers", "if-none-match,cache-control"),
                ];
                let allowed = app.send("OPTIONS", path, &preflight, b"");
                assert_eq!((allowed.status, allowed.header("access-control-allow-headers")), (200, "*"), "{allowed:?}");
                is_open(&allowed);
                let refused = app.send("POST", path, &[origin], b"");
                refused.problem(405, "method_not_allowed");
                is_open(&refused);
            }
            let etag = app.get("/.well-known/jwks.json").header("etag").to_owned();
            let known = app.send("GET", "/.well-known/jwks.json", &[origin, ("if-none-match", &etag)], b"");
            assert_eq!(known.status, 304);
            is_open(&known);
            let bad = app.send("GET", "/.well-known/denylist?since=x", &[origin], b"");
            bad.problem(400, "invalid_fields");
            is_open(&bad);
        }
        for path in paths {
            is_open(&app.get(path));
        }
        let closed = app.send("GET", "/healthz", &[("origin", "https://other.example")], b"");
        assert_ne!(closed.header("access-control-allow-origin"), if configured == "*" { "" } else { "*" });
    }
}

/// A key set as another issuer may publish it.
#[test]
fn one_unusable_key_of_a_set_does_not_affect_the_others() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    let ours = app.get("/.well-known/jwks.json").ok()["keys"][0].clone();
    let url = "http://127.0.0.1:8080";
    for other in [json!(null), json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "x", "pub": "AA"}), json!({"kty": 7})] {
        let set = json!({"keys": [other, ours, other]}).to_string();
        let verifier = Verifier::from_jwks(&set, url, url).clock(app.clock.clone()).build().unwrap();
        assert!(verifier.verify(pair["access_token"].as_str().unwrap()).is_ok(), "{set}");
        assert!(Verifier::from_jwks(&json!({"keys": [other]}).to_string(), url, url).build().is_err(), "{other}");
    }
}

/// [RFC 9111 section 5.2.2](https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2).
#[test]
fn a_cache_may_store_what_leads_readers_of_the_denylist_on_and_nothing_that_delays_them() {
    let app = TestApp::start(Engine::Sqlite);
    let ended = |name| app.revoke(&app.logged_in(name)["refresh_token"]);
    let read = |query: &str, agent| {
        let answer = app.send("GET", &format!("/.well-known/denylist{query}"), &[("user-agent", agent)], b"");
        assert_eq!(answer.status, 200, "{answer:?}");
        // Earlier verifiers get another response.
        assert!(answer.header("vary").contains("User-Agent"), "{answer:?}");
        (answer.header("cache-control").to_owned(), format!("?since={}", payload(&answer)["cursor"].as_str().unwrap()))
    };
    ended("ada");
    let (whole, end) = read("", "verifier");
    assert_eq!((whole.as_str(), read("", "ureq/3").0.as_str()), ("public, max-age=1", "no-store"));
    assert_eq!(read(&end, "verifier").0, "no-store", "that there is no news");
    ended("bob");
    assert_eq!(read(&end, "verifier").0, "public, max-age=1");
    let (_epoch, rest) = end.split_once('.').unwrap();
    assert_eq!(read(&format!("?since=1.{rest}"), "verifier").0, "no-store", "of another instance");
}

/// A cache that has the first page may ask whether it still has the latest one. What it keeps must not expire.
#[test]
fn a_cache_gets_a_new_first_page_before_the_old_one_expires() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    app.revoke(&pair["refresh_token"]);
    let mut kept = app.get("/.well-known/denylist");
    for _ in 0..100 {
        app.advance(1);
        let etag = kept.header("etag").to_owned();
        let answer = app.send("GET", "/.well-known/denylist", &[("if-none-match", &etag)], b"");
        if answer.status == 200 {
            kept = answer;
        } else {
            assert_eq!((answer.status, answer.header("etag")), (304, etag.as_str()));
        }
        let left = payload(&kept)["exp"].as_i64().unwrap() - app.clock.now().0;
        assert!(left >= 20, "{left}");
    }
}
