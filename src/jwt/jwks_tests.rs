//! Published vectors: a signature of RFC 7515, a signature and a thumbprint of RFC 8037, the thumbprint of RFC 7638.

use jsonwebtoken::Algorithm;

use super::*;

fn jwk(json: &str) -> Jwk {
    serde_json::from_str(json).unwrap()
}

fn signature_is_good(jwk: &Jwk, alg: Algorithm, jws: &str) -> bool {
    let (message, signature) = jws.rsplit_once('.').unwrap();
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, alg).unwrap()
}

/// [RFC 7638 section 3.1](https://www.rfc-editor.org/rfc/rfc7638#section-3.1).
#[test]
fn rfc_7638_section_3_1_thumbprint_of_an_rsa_key() {
    let key = jwk(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
    );
    let (kid, _) = published(key, SigningAlg::Rs256).unwrap();
    assert_eq!(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/// [RFC 8037 appendix A.3](https://www.rfc-editor.org/rfc/rfc8037#appendix-A.3).
#[test]
fn rfc_8037_a_3_thumbprint_of_an_ed25519_key() {
    let key = jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let (kid, published) = published(key, SigningAlg::EdDsa).unwrap();
    assert_eq!(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(published.common.key_id.as_deref(), Some(kid.as_str()));
}

/// [RFC 8037 appendix A.4 and A.5](https://www.rfc-editor.org/rfc/rfc8037#appendix-A.4).
#[test]
fn rfc_8037_a_5_ed25519_signature_verifies_and_a_changed_one_does_not() {
    let key = jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert!(signature_is_good(&key, Algorithm::EdDSA, jws));
    assert!(!signature_is_good(&key, Algorithm::EdDSA, &jws.replace(".hgyY", ".hgyZ")));
}

/// [RFC 7515 appendix A.3](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.3): ES256.
#[test]
fn rfc_7515_a_3_es256_signature_verifies_and_a_changed_one_does_not() {
    let key = jwk(
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    );
    let jws = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(signature_is_good(&key, Algorithm::ES256, jws));
    assert!(!signature_is_good(&key, Algorithm::ES256, &jws.replace(".DtEh", ".DtEi")));
}
