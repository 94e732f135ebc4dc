//! Tests of the table of error codes.

use tokensmith_verifier::issuing::ApiTokenError;

use super::*;

#[test]
fn every_failure_has_the_code_that_it_is_an_example_of() {
    for code in CODES {
        let example = (code.example)();
        assert_eq!(example.code().name, code.name);
        assert!(!example.to_string().is_empty(), "{}", code.name);
        assert_eq!(code.status().as_u16(), code.status, "{}", code.name);
    }
}

/// Other services return the same codes.
#[test]
fn the_verifier_tells_its_clients_the_same() {
    let mut seen = 0;
    for code in CODES {
        let why = match (code.example)() {
            Bearer(why) => why,
            Domain(Error::TokenRefused(why)) => BearerErrorKind::Refused(why),
            Domain(Error::ApiTokenRefused(why)) => BearerErrorKind::ApiToken(why.into()),
            Domain(Error::Overloaded { .. }) => BearerErrorKind::ApiToken(ApiTokenError::Overloaded),
            Domain(Error::Unavailable(_)) => BearerErrorKind::ApiToken(ApiTokenError::Unavailable),
            _ => continue,
        };
        let told = (why.code(), why.status().as_u16(), why.title());
        assert_eq!(told, (code.name, code.status, code.title));
        let challenge = why.challenge("tokensmith").unwrap_or_default();
        let error = code.oauth.map(|error| format!("error=\"{error}\"")).unwrap_or_default();
        assert!(challenge.contains(&error), "{challenge}");
        seen += 1;
    }
    assert_eq!(seen, 23);
}
