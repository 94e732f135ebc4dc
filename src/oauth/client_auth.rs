//! How a client authenticates: the parameters and the header of a request
//! ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::error::{ErrorCode, OAuthError};
use super::params::Params;
use crate::model::client::AuthMethod;
use crate::secret::Secret;

/// The only type of assertion ([RFC 7523 section 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The `client_id` of a request, and its proof.
#[derive(Clone, Debug)]
pub(crate) struct ClientCredentials {
    /// Absent if only the assertion names the client.
    pub(crate) client_id: Option<String>,
    /// The proof.
    pub(crate) proof: ClientProof,
}

/// What a client authenticates with.
#[derive(Clone, Debug)]
pub(crate) enum ClientProof {
    /// A secret in the header.
    Basic(Secret<String>),
    /// A secret in the body.
    Post(Secret<String>),
    /// A JWT that the client has signed.
    Assertion(Secret<String>),
    /// Nothing.
    None,
}

impl ClientProof {
    /// The authentication method.
    pub(crate) fn method(&self) -> AuthMethod {
        match self {
            Self::Basic(_) => AuthMethod::ClientSecretBasic,
            Self::Post(_) => AuthMethod::ClientSecretPost,
            Self::Assertion(_) => AuthMethod::PrivateKeyJwt,
            Self::None => AuthMethod::None,
        }
    }
}

impl ClientCredentials {
    /// Reads the `Authorization` header of a request, if it has one, and its parameters.
    pub(crate) fn parse(authorization: Option<&str>, params: &Params) -> Result<Self, OAuthError> {
        let basic = authorization.map(read_basic).transpose()?;
        let (named, secret) = (params.get("client_id"), params.get("client_secret"));
        let assertion = read_assertion(params)?;
        // RFC 6749 section 2.3: at most one method in each request.
        if [basic.is_some(), secret.is_some(), assertion.is_some()].iter().filter(|is_used| **is_used).count() > 1 {
            return Err(OAuthError::new(ErrorCode::InvalidRequest, "more than one way to authenticate the client"));
        }
        let (client_id, proof) = match (basic, secret, assertion) {
            (Some((id, secret)), ..) => {
                if named.is_some_and(|named| named != id) {
                    return Err(OAuthError::new(
                        ErrorCode::InvalidRequest,
                        "client_id is not the client of the header",
                    ));
                }
                (Some(id), ClientProof::Basic(secret))
            }
            (_, Some(secret), _) => (named.map(ToOwned::to_owned), ClientProof::Post(Secret::new(secret.to_owned()))),
            (.., Some(assertion)) => (named.map(ToOwned::to_owned), ClientProof::Assertion(assertion)),
            (None, None, None) => (named.map(ToOwned::to_owned), ClientProof::None),
        };
        // An assertion names the client itself (RFC 7521 section 4.2).
        if client_id.is_none() && !matches!(proof, ClientProof::Assertion(_)) {
            return Err(OAuthError::new(ErrorCode::InvalidClient, "client_id is missing"));
        }
        Ok(Self { client_id, proof })
    }
}

/// Reads id and secret from HTTP Basic; each is form-encoded.
fn read_basic(header: &str) -> Result<(String, Secret<String>), OAuthError> {
    let malformed = || {
        let expected = "expected Authorization: Basic and base64 of CLIENT_ID:CLIENT_SECRET";
        OAuthError::new(ErrorCode::InvalidClient, expected)
    };
    let (scheme, credentials) = header.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = STANDARD.decode(credentials.trim()).map(Zeroizing::new).map_err(|_not_base64| malformed())?;
    let text = std::str::from_utf8(&decoded).map_err(|_not_utf8| malformed())?;
    let (id, secret) = text.split_once(':').ok_or_else(malformed)?;
    let id = form_decoded(id);
    if id.is_empty() { Err(malformed()) } else { Ok((id, Secret::new(form_decoded(secret)))) }
}

/// [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1): what is in the header is
/// form-encoded. Our ids and secrets have no character that this changes, so clients that do not encode them work,
/// too.
fn form_decoded(text: &str) -> String {
    // A name of a parameter has no = and no & in it.
    let name = text.replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn read_assertion(params: &Params) -> Result<Option<Secret<String>>, OAuthError> {
    match (params.get("client_assertion_type"), params.get("client_assertion")) {
        (None, None) => Ok(None),
        (Some(JWT_BEARER), Some(assertion)) => Ok(Some(Secret::new(assertion.to_owned()))),
        (Some(JWT_BEARER), None) => Err(OAuthError::new(ErrorCode::InvalidRequest, "client_assertion is missing")),
        (None, Some(_)) => Err(OAuthError::new(ErrorCode::InvalidRequest, "client_assertion_type is missing")),
        (Some(_), _) => {
            Err(OAuthError::new(ErrorCode::InvalidClient, format!("client_assertion_type must be {JWT_BEARER}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(authorization: Option<&str>, body: &str) -> Result<(AuthMethod, Option<String>), ErrorCode> {
        let parsed = ClientCredentials::parse(authorization, &Params::parse(body.as_bytes()));
        parsed.map(|found| (found.proof.method(), found.client_id)).map_err(|error| error.code)
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn rfc6749_2_3_1_id_and_secret_of_the_header_are_form_decoded() {
        let header = basic("a%7Eb+c%3A:s%2B+%3A:x&=y");
        let found = ClientCredentials::parse(Some(&header), &Params::default()).unwrap();
        assert_eq!(found.client_id.as_deref(), Some("a~b c:"));
        let ClientProof::Basic(secret) = found.proof else { panic!() };
        assert_eq!(secret.expose(), "s+ ::x&=y");
        for bad in ["Basic", "Basic !", "Bearer abc", &basic("no colon"), &basic(":secret")] {
            assert_eq!(parse(Some(bad), "client_id=a"), Err(ErrorCode::InvalidClient), "{bad}");
        }
    }

    #[test]
    fn rfc6749_2_3_each_method_is_told_from_the_others() {
        let assertion = format!("client_assertion_type={JWT_BEARER}&client_assertion=x.y.z");
        let a = || Some("a".to_owned());
        assert_eq!(parse(Some(&basic("a:b")), ""), Ok((AuthMethod::ClientSecretBasic, a())));
        assert_eq!(parse(Some(&basic("a:b")), "client_id=a"), Ok((AuthMethod::ClientSecretBasic, a())));
        assert_eq!(parse(None, "client_id=a&client_secret=b"), Ok((AuthMethod::ClientSecretPost, a())));
        assert_eq!(parse(None, &assertion), Ok((AuthMethod::PrivateKeyJwt, None)));
        assert_eq!(parse(None, "client_id=a"), Ok((AuthMethod::None, a())));
        assert_eq!(parse(None, "client_id=a&client_secret="), Ok((AuthMethod::None, a())));
        assert_eq!(parse(None, ""), Err(ErrorCode::InvalidClient));
        assert_eq!(parse(None, "client_secret=b"), Err(ErrorCode::InvalidClient));
    }

    #[test]
    fn rfc6749_2_3_a_client_must_not_use_more_than_one_method_in_a_request() {
        let assertion = format!("client_assertion_type={JWT_BEARER}&client_assertion=x.y.z&client_id=a");
        for (header, body) in [
            (Some(basic("a:b")), "client_secret=b".to_owned()),
            (Some(basic("a:b")), assertion.clone()),
            (Some(basic("a:b")), "client_id=other".to_owned()),
            (None, format!("{assertion}&client_secret=b")),
            (None, "client_id=a&client_assertion=x.y.z".to_owned()),
            (None, format!("client_id=a&client_assertion_type={JWT_BEARER}")),
        ] {
            assert_eq!(parse(header.as_deref(), &body), Err(ErrorCode::InvalidRequest), "{body}");
        }
        assert_eq!(parse(None, "client_assertion_type=saml&client_assertion=x"), Err(ErrorCode::InvalidClient));
    }
}
