//! What is sent to a provider, and what it answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokensmith_verifier::issuing::read_object;
use url::{Url, form_urlencoded};

use super::endpoints::Endpoints;
use crate::clock::Seconds;
use crate::model::upstream::Refusal;
use crate::oauth::params::Params;
use crate::oauth::pkce::{S256, challenge};
use crate::secret::Secret;

const MAX_ERROR_CHARS: usize = 64;

/// The request that a user is sent to a provider with
/// ([OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
pub(crate) struct AuthenticationRequest<'a> {
    /// Where.
    pub(crate) endpoints: &'a Endpoints,
    /// What this service is called there.
    pub(crate) client_id: &'a str,
    /// Where the user is sent back.
    pub(crate) redirect_uri: &'a str,
    /// What is asked for, separated by spaces.
    pub(crate) scope: &'a str,
    /// Comes back as it is.
    pub(crate) state: &'a str,
    /// Goes into the ID token.
    pub(crate) nonce: &'a str,
    /// Its challenge is sent.
    pub(crate) code_verifier: &'a str,
    /// How old the user's login there may be; any if `None`.
    pub(crate) max_age: Option<Seconds>,
}

impl AuthenticationRequest<'_> {
    /// The URL; `None` if the endpoint is none.
    pub(crate) fn url(&self) -> Option<String> {
        let mut url = Url::parse(&self.endpoints.authorization).ok()?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", self.client_id)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", self.scope)
            .append_pair("state", self.state)
            .append_pair("nonce", self.nonce)
            .append_pair("code_challenge", &challenge(self.code_verifier))
            .append_pair("code_challenge_method", S256);
        if let Some(Seconds(seconds)) = self.max_age {
            url.query_pairs_mut().append_pair("max_age", &seconds.to_string());
        }
        Some(url.into())
    }
}

/// The code in the answer that a user comes back with.
pub(crate) fn read_callback<'a>(params: &'a Params, endpoints: &Endpoints) -> Result<&'a str, Refusal> {
    if params.repeated().is_some() {
        return Err(Refusal::BadAnswer);
    }
    // RFC 9207 section 2.4: compared as a string, also in errors, and required where the provider says that it sends it.
    let is_from_it = params.get("iss").map_or(!endpoints.says_issuer, |iss| iss == endpoints.issuer);
    if !is_from_it {
        return Err(Refusal::WrongIssuer);
    }
    match (params.get("error"), params.get("code")) {
        (Some("access_denied"), _) => Err(Refusal::Denied),
        (Some(error), _) => Err(Refusal::ProviderError(error_code(error))),
        (None, Some(code)) => Ok(code),
        (None, None) => Err(Refusal::BadAnswer),
    }
}

/// An error code of a provider as it may be logged
/// ([RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
fn error_code(text: &str) -> String {
    let may_stand = |c: &char| c.is_ascii_graphic() && !matches!(c, '"' | '\\');
    text.chars().filter(may_stand).take(MAX_ERROR_CHARS).collect()
}

/// A request that redeems a code
/// ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).
pub(crate) struct CodeRequest<'a> {
    /// What this service is called there.
    pub(crate) client_id: &'a str,
    /// Its secret.
    pub(crate) secret: &'a Secret<String>,
    /// As in the authentication request.
    pub(crate) redirect_uri: &'a str,
    /// The code.
    pub(crate) code: &'a str,
    /// As in the authentication request.
    pub(crate) code_verifier: &'a str,
}

/// The body of a token request, and its `Authorization` header if the secret is in it.
pub(crate) struct Form {
    /// The body.
    pub(crate) body: Secret<String>,
    /// The header.
    pub(crate) authorization: Option<Secret<String>>,
}

impl CodeRequest<'_> {
    /// The request as it is sent to these endpoints.
    pub(crate) fn form(&self, endpoints: &Endpoints) -> Form {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", self.code)
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("code_verifier", self.code_verifier);
        if endpoints.has_secret_in_header {
            return Form { body: Secret::new(form.finish()), authorization: Some(self.basic()) };
        }
        form.append_pair("client_id", self.client_id).append_pair("client_secret", self.secret.expose());
        Form { body: Secret::new(form.finish()), authorization: None }
    }

    /// [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1): both are form-encoded first.
    fn basic(&self) -> Secret<String> {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = Secret::new(format!("{}:{}", encode(self.client_id), encode(self.secret.expose())));
        Secret::new(format!("Basic {}", STANDARD.encode(pair.expose())))
    }
}

/// The tokens of a provider.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    /// Opens the userinfo endpoint.
    pub(crate) access_token: Secret<String>,
    /// Tells who the user is. GitHub has none.
    pub(crate) id_token: Option<Secret<String>>,
}

/// Reads the answer of a token endpoint
/// ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)); `None` if it is none.
pub(crate) fn read_tokens(text: &str) -> Option<Tokens> {
    read_object(text.as_bytes())
}

/// The error code in an answer of a token endpoint
/// ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)). GitHub sends it with 200.
pub(crate) fn read_error(text: &str) -> Option<String> {
    let members: Map<String, Value> = read_object(text.as_bytes())?;
    members.get("error").and_then(Value::as_str).map(error_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn github() -> Endpoints {
        Endpoints::of_github("https://github.com")
    }

    #[test]
    fn rfc9207_2_4_an_answer_says_which_provider_it_is_from_where_that_is_promised() {
        let ours = "https%3A%2F%2Fgithub.com%2Flogin%2Foauth";
        for (query, says_issuer, expected) in [
            ("code=a", false, Ok("a")),
            ("code=a", true, Err(Refusal::WrongIssuer)),
            (&format!("code=a&iss={ours}"), true, Ok("a")),
            (&format!("code=a&iss={ours}"), false, Ok("a")),
            (&format!("code=a&iss={ours}%2F"), false, Err(Refusal::WrongIssuer)),
            ("code=a&iss=https%3A%2F%2Fevil.example", false, Err(Refusal::WrongIssuer)),
            ("error=access_denied&iss=https%3A%2F%2Fevil.example", false, Err(Refusal::WrongIssuer)),
        ] {
            let endpoints = Endpoints { says_issuer, ..github() };
            assert_eq!(read_callback(&Params::parse(query.as_bytes()), &endpoints), expected, "{query}");
        }
    }

    #[test]
    fn an_answer_has_one_code_or_an_error() {
        for (query, expected) in [
            ("", Refusal::BadAnswer),
            ("code=", Refusal::BadAnswer),
            ("code=a&code=b", Refusal::BadAnswer),
            ("code=a&error=access_denied", Refusal::Denied),
            ("error=temporarily_unavailable", Refusal::ProviderError("temporarily_unavailable".to_owned())),
            ("error=a%0Ab%22c", Refusal::ProviderError("abc".to_owned())),
        ] {
            assert_eq!(read_callback(&Params::parse(query.as_bytes()), &github()), Err(expected), "{query}");
        }
    }

    #[test]
    fn rfc6749_2_3_1_the_secret_is_in_the_header_or_in_the_body() {
        let secret = Secret::new("a:b c".to_owned());
        let request =
            CodeRequest { client_id: "x&y", secret: &secret, redirect_uri: "https://a", code: "1", code_verifier: "2" };
        let Form { body, authorization } = request.form(&Endpoints { has_secret_in_header: true, ..github() });
        assert_eq!(body.expose(), "grant_type=authorization_code&code=1&redirect_uri=https%3A%2F%2Fa&code_verifier=2");
        assert_eq!(*authorization.unwrap().expose(), format!("Basic {}", STANDARD.encode("x%26y:a%3Ab+c")));
        let Form { body, authorization } = request.form(&github());
        assert!(body.expose().ends_with("&client_id=x%26y&client_secret=a%3Ab+c"));
        assert!(authorization.is_none());
    }
}
