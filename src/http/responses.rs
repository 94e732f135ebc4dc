//! The responses of the `OpenAPI` description: the problems of each endpoint, and what all responses have.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::api::problem;
use super::audience::Audience;
use super::compat::answer as simplejwt;
use super::endpoint::Endpoint;
use super::oauth::answer;

/// A response for each status of the problems that an endpoint may return.
pub(super) fn problem_responses(endpoint: &Endpoint) -> Vec<(String, Value)> {
    let audience = Audience::of_path(&endpoint.path);
    let (media_type, schema) = (audience.media_type, audience.schema);
    let mut by_status: BTreeMap<u16, BTreeMap<&str, Value>> = BTreeMap::new();
    for code in &endpoint.refuses {
        let failure = (code.example)();
        let (status, example) = match schema {
            "OAuthError" => (code.status, json!(answer::body(&failure))),
            "SimpleJwtError" => {
                let (status, body) = simplejwt::told(&failure);
                (status.as_u16(), body)
            }
            _ => (code.status, problem::example(&failure)),
        };
        by_status.entry(status).or_default().insert(code.name, json!({"value": example}));
    }
    let response = |(status, examples): (u16, BTreeMap<&str, Value>)| {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let codes: Vec<_> = examples.keys().collect();
        let named: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
        if media_type == "text/html" {
            let page = json!({"description": format!("{reason}, as a page."), "content": {media_type: {}}});
            return (status.to_string(), page);
        }
        let content = if media_type == "application/json" {
            let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
            json!({"application/json": {"schema": schema, "examples": examples}})
        } else {
            json!({"application/problem+json": {
                "schema": {"allOf": [
                    {"$ref": "#/components/schemas/Problem"},
                    {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}},
                ]},
                "examples": examples,
            }})
        };
        let response = json!({"description": format!("{reason}: {}.", named.join(", ")), "content": content});
        (status.to_string(), response)
    };
    by_status.into_iter().map(response).collect()
}

/// Adds what every response has: a description (by default that of its body) and headers.
pub(super) fn complete(status: &str, response: &mut Value, schemas: &Value) {
    let Some(response) = response.as_object_mut() else { return };
    let body = response.get("content").and_then(|content| content.pointer("/application~1json/schema/$ref"));
    let name = body.and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
    let of_the_body = schemas.get(name).and_then(|schema| schema.get("description")).cloned();
    if response.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
        response.insert("description".to_owned(), of_the_body.unwrap_or_else(|| status.into()));
    }
    let mut headers = vec![(
        "X-Request-Id",
        "The id of the request in the log.",
        json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}),
    )];
    match status {
        "401" => headers.push(("WWW-Authenticate", "The challenge (RFC 6750).", json!({"type": "string"}))),
        "429" | "503" => {
            headers.push((
                "Retry-After",
                "Number of seconds to wait before trying again.",
                json!({"type": "integer", "minimum": 0}),
            ));
        }
        _ => {}
    }
    let all = response.entry("headers").or_insert_with(|| json!({}));
    for (name, description, schema) in headers {
        let header = json!({"description": description, "required": true, "schema": schema});
        all.as_object_mut().map(|all| all.insert(name.to_owned(), header));
    }
}
