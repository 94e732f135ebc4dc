//! An issuer behind a certificate authority of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/tls_server.rs"]
mod tls_server;

use tls_server::TlsServer;
use tokensmith_verifier::testing::TestIssuer;
use tokensmith_verifier::{BuildError, Verifier, VerifyError};

const USER: &str = "019a0000-0000-7000-8000-000000000001";

/// Serves a JWK Set over TLS until the test ends; returns its URL and the PEM of its certificate authority.
fn serve(jwks: &str) -> (String, String) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", jwks.len());
    let TlsServer { address, authority } = TlsServer::start(format!("{head}{jwks}"));
    (format!("https://{address}/jwks"), authority)
}

#[test]
fn a_private_certificate_authority_is_trusted_when_it_is_named_and_no_other() {
    let issuer = TestIssuer::new("https://id.test", "https://api.test").unwrap();
    let (url, authority) = serve(issuer.jwks());
    let (_, other) = serve("");
    let token = issuer.token(USER).sign().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let verify = |roots: Option<&str>| {
        let builder = Verifier::from_jwks_url(&url, "https://id.test", "https://api.test");
        let builder = roots.map_or(builder.clone(), |pem| builder.root_certificates(pem));
        runtime.block_on(builder.build().unwrap().authenticate(&token)).map(|claims| claims.jti)
    };
    assert!(verify(Some(&authority)).is_ok());
    assert!(verify(Some(&format!("{other}{authority}"))).is_ok());
    assert_eq!(verify(Some(&other)), Err(VerifyError::NoKeys));
    assert_eq!(verify(None), Err(VerifyError::NoKeys));
}

#[test]
fn a_text_that_holds_no_certificate_is_refused() {
    for pem in ["", "garbage", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"] {
        let built = Verifier::from_issuer("https://id.test", "https://api.test").root_certificates(pem).build();
        assert!(matches!(built, Err(BuildError::RootCertificates(_))), "{pem:?}");
    }
}

#[test]
fn an_issuer_without_tls_is_asked_on_this_machine_only_unless_that_is_allowed() {
    for url in ["http://id.example.com", "http://10.0.0.1:8080"] {
        let builder = || Verifier::from_issuer(url, "https://api.test");
        assert!(matches!(builder().build(), Err(BuildError::PlainHttp(refused)) if refused == url), "{url}");
        assert!(builder().allow_http().build().is_ok(), "{url}");
    }
    assert!(Verifier::from_issuer("http://127.0.0.1:1", "https://api.test").build().is_ok());
}
