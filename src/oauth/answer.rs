//! The answer to an authorization request, as it goes to the client by way of the browser
//! ([RFC 6749 section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2)).

use url::form_urlencoded::Serializer;

use super::error::OAuthError;
use crate::model::authorization::ResponseMode;

/// An answer and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The redirect URI of the request: it is one of the client's.
    pub(crate) redirect_uri: String,
    /// How the answer goes there.
    pub(crate) mode: ResponseMode,
    /// Its parameters.
    pub(crate) params: Vec<(&'static str, String)>,
}

/// Where an answer goes, and what every answer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The redirect URI of the request: it is one of the client's.
    pub(crate) redirect_uri: String,
    /// How the answer goes there.
    pub(crate) mode: ResponseMode,
    /// The client's own, which it gets back.
    pub(crate) state: Option<String>,
}

impl Destination {
    /// An answer with a code.
    pub(crate) fn with_code(self, code: &str, issuer: &str) -> Answer {
        self.answer(vec![("code", code.to_owned())], issuer)
    }

    /// An answer with an error ([RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
    pub(crate) fn with_error(self, error: &OAuthError, issuer: &str) -> Answer {
        let params = vec![("error", error.code.name().to_owned()), ("error_description", error.description.clone())];
        self.answer(params, issuer)
    }

    /// Every answer names who gives it, errors too
    /// ([RFC 9207 section 2](https://www.rfc-editor.org/rfc/rfc9207#section-2)).
    fn answer(self, mut params: Vec<(&'static str, String)>, issuer: &str) -> Answer {
        let Self { redirect_uri, mode, state } = self;
        params.extend(state.map(|state| ("state", state)));
        params.push(("iss", issuer.to_owned()));
        Answer { redirect_uri, mode, params }
    }
}

impl Answer {
    /// The redirect URI with the answer in its query; what is there already stays
    /// ([RFC 6749 section 3.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2)).
    pub(crate) fn location(&self) -> String {
        with_query(&self.redirect_uri, &self.params)
    }
}

/// A URI with more parameters in its query.
pub(crate) fn with_query(uri: &str, params: &[(&str, String)]) -> String {
    let query = Serializer::new(String::new()).extend_pairs(params).finish();
    let separator = match uri.split_once('?') {
        None => "?",
        Some((_, before)) if before.is_empty() || before.ends_with('&') => "",
        Some(_) => "&",
    };
    if query.is_empty() { uri.to_owned() } else { format!("{uri}{separator}{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::error::ErrorCode;

    fn destination(redirect_uri: &str) -> Destination {
        let (mode, state) = (ResponseMode::Query, Some("a b&c=d".to_owned()));
        Destination { redirect_uri: redirect_uri.to_owned(), mode, state }
    }

    #[test]
    fn an_answer_is_added_to_the_query_that_is_there() {
        for (uri, expected) in [
            ("https://app.example/cb", "https://app.example/cb?"),
            ("https://app.example/cb?", "https://app.example/cb?"),
            ("https://app.example/cb?x=1", "https://app.example/cb?x=1&"),
            ("com.example.app:/cb", "com.example.app:/cb?"),
        ] {
            let answer = destination(uri).with_code("c", "https://id.example");
            let query = "code=c&state=a+b%26c%3Dd&iss=https%3A%2F%2Fid.example";
            assert_eq!(answer.location(), format!("{expected}{query}"));
        }
    }

    #[test]
    fn rfc9207_the_issuer_is_in_every_answer_errors_too() {
        let error = OAuthError::new(ErrorCode::AccessDenied, "the user said no");
        let answer = destination("https://app.example/cb").with_error(&error, "https://id.example");
        let names: Vec<_> = answer.params.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["error", "error_description", "state", "iss"]);
    }
}
