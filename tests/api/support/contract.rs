//! Checks every response that a test gets against the service's own description.

use std::sync::LazyLock;

use serde_json::Value;
use tokensmith::internals::http::Described;

use super::client::Answer;

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| tokensmith::internals::http::openapi(&Described::with_compat("/api")));

/// Asserts that the description knows this answer: its status, its media type, and for a problem its code.
#[track_caller]
pub fn check(method: &str, path: &str, answer: &Answer) {
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    let path = path.split('?').next().unwrap();
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let Some((template, _)) = paths.iter().find(|(template, _)| fits(template, path)) else { return };
    // Where nothing stands in for another issuer, there is nothing at its paths.
    if template.starts_with("/api/") && answer.status == 404 {
        return;
    }
    let operation = &DESCRIPTION["paths"][template][&method];
    // CORS preflights are handled by the middleware, not by a route.
    if method == "options" {
        return;
    }
    if operation.is_null() {
        assert_eq!(answer.status, 405, "{method} {template} is not described: {answer:?}");
        return;
    }
    // A malformed request has no operation.
    if answer.header("content-type").is_empty() && [400, 408, 431].contains(&answer.status) {
        return;
    }
    let described = &operation["responses"][answer.status.to_string()];
    assert!(described.is_object(), "{method} {template} may not answer {}: {answer:?}", answer.status);
    if answer.header("content-type") == "application/problem+json" && !answer.body.is_empty() {
        let examples = &described["content"]["application/problem+json"]["examples"];
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        assert!(examples[&code].is_object(), "{method} {template} may not answer {code}");
    }
    let content = &described["content"]["application/json"];
    if content["schema"]["$ref"] == "#/components/schemas/OAuthError" {
        let error = &answer.json()["error"];
        let mut examples = content["examples"].as_object().unwrap().values();
        assert!(
            examples.any(|example| example["value"]["error"] == *error),
            "{method} {template} may not answer {error}"
        );
    }
}

/// Whether a path is one of a template, as in `/v1/sessions/{id}`.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(part, given)| part == given || part.starts_with('{') && !given.is_empty())
}
