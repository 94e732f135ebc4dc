//! The response to a refused request: the challenge
//! ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)) and the type of the problem
//! ([RFC 9457 section 3.1.1](https://www.rfc-editor.org/rfc/rfc9457#section-3.1.1)), as the service has set them.

use std::sync::Arc;

use crate::resource::ResourceMetadata;

/// The settings for error responses of one service.
#[derive(Debug, Default)]
pub(crate) struct Rendering {
    /// The protection space ([RFC 9110 section 11.5](https://www.rfc-editor.org/rfc/rfc9110#section-11.5)).
    pub(crate) realm: String,
    /// The beginning of problem types.
    pub(crate) problem_types: Option<String>,
    /// What the challenges name.
    pub(crate) resource: Option<Arc<ResourceMetadata>>,
}

impl Rendering {
    /// Type and title of a problem. If the service has no problem types, the title is that of the status
    /// ([RFC 9457 section 4.2.1](https://www.rfc-editor.org/rfc/rfc9457#section-4.2.1)).
    pub(crate) fn problem<'a>(&self, code: &str, title: &'a str, reason_phrase: &'a str) -> (String, &'a str) {
        match &self.problem_types {
            Some(base) => (format!("{base}{code}"), title),
            None => ("about:blank".to_owned(), reason_phrase),
        }
    }
}

/// The value of `WWW-Authenticate` with these parameters beside the realm. One parameter at least must follow the scheme
/// ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)): that is the realm.
#[must_use]
pub fn challenge(realm: &str, parameters: &[(&str, &str)]) -> String {
    let parameter = |(name, value): &(&str, &str)| format!("{name}={}", quoted(value));
    let parameters: Vec<String> = [("realm", realm)].iter().chain(parameters).map(parameter).collect();
    format!("Bearer {}", parameters.join(", "))
}

/// [RFC 9110 section 5.6.4](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4), without what is not printable ASCII.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars().filter(|c| is_printable(*c)) {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~')
}

/// Whether a text can be a realm without changes.
pub(crate) fn is_realm(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_printable)
}

/// Whether a text only has characters that a URI may have
/// ([RFC 3986 section 2](https://www.rfc-editor.org/rfc/rfc3986#section-2)).
pub(crate) fn is_of_uri(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_challenge_are_quoted_strings() {
        assert_eq!(challenge("notes", &[]), r#"Bearer realm="notes""#);
        let parameters = [("error", "invalid_token"), ("error_description", "a \"b\" \\ \u{7}\u{e4}c")];
        let expected = r#"Bearer realm="my \"notes\"", error="invalid_token", error_description="a \"b\" \\ c""#;
        assert_eq!(challenge("my \"notes\"", &parameters), expected);
    }

    #[test]
    fn what_cannot_be_sent_is_neither_a_realm_nor_a_type() {
        assert!(is_realm("the \"notes\" of ada") && is_of_uri("https://api.example.com/problems#"));
        for text in ["", "a\nb", "\u{e4}"] {
            assert!(!is_realm(text) && !is_of_uri(text), "{text:?}");
        }
        assert!(!is_of_uri("two words") && !is_of_uri("\""));
    }
}
