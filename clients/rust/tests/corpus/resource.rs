//! `resource.json`: the metadata of protected resources (RFC 9728).

use serde_json::{Value, json};

use crate::issuer::{ISSUER, Issuer};
use crate::merged;

const METADATA: &str = "/.well-known/oauth-protected-resource";

pub(crate) fn file(_issuer: &Issuer) -> Value {
    let cases = [good(), bad()].concat();
    json!({
        "description": "Protected resources and their metadata.",
        "issuer": ISSUER, "cases": cases,
    })
}

fn good() -> Vec<Value> {
    let with = |name: &str, resource: &str, host: &str, path: &str, changes: Value| {
        let metadata = json!({
            "resource": resource, "authorization_servers": [ISSUER], "bearer_methods_supported": ["header"],
        });
        json!({
            "name": name, "resource": resource, "expected": "ok", "metadata_url": format!("{host}{METADATA}{path}"),
            "path": format!("{METADATA}{path}"), "metadata": merged(&metadata, &changes),
        })
    };
    let plain = |name: &str, resource: &str, host: &str, path: &str| with(name, resource, host, path, json!({}));
    let host = "https://api.example.com";
    let scopes = json!(["notes:read", "notes:write"]);
    let of_scopes = with("scopes", host, host, "", json!({"scopes_supported": scopes}));
    vec![
        plain("a host", host, host, ""),
        plain("a host and a slash", "https://api.example.com/", host, ""),
        plain("a host and a port", "https://api.example.com:8443", "https://api.example.com:8443", ""),
        plain("a path", "https://api.example.com/notes", host, "/notes"),
        plain("a longer path", "https://api.example.com/v1/notes", host, "/v1/notes"),
        plain("a path with a slash at its end", "https://api.example.com/notes/", host, "/notes/"),
        plain("a path with an at sign and a colon", "https://api.example.com/@ada:1", host, "/@ada:1"),
        plain("a loopback address without TLS", "http://127.0.0.1:8090/notes", "http://127.0.0.1:8090", "/notes"),
        plain("localhost without TLS", "http://localhost:8090", "http://localhost:8090", ""),
        plain("a loopback address of IPv6 without TLS", "http://[::1]:8090", "http://[::1]:8090", ""),
        merged(&of_scopes, &json!({"scopes": scopes})),
        merged(&plain("an empty list of scopes is left out", host, host, ""), &json!({"scopes": []})),
    ]
}

fn bad() -> Vec<Value> {
    let host = "https://api.example.com";
    let refused = |name: &str, resource: &str, scopes: Value| json!({"name": name, "resource": resource, "scopes": scopes, "expected": "refused"});
    let mut cases: Vec<Value> = [
        ("nothing", ""),
        ("a word", "notes"),
        ("a host without a scheme", "api.example.com"),
        ("no TLS", "http://api.example.com"),
        ("no TLS, and a host that begins like a loopback address", "http://127.0.0.1.example.com"),
        ("no TLS, and a user that looks like this machine", "http://localhost@api.example.com"),
        ("another scheme", "ftp://api.example.com"),
        ("a name that is no URL", "urn:example:notes"),
        ("no host", "https:///notes"),
        ("a fragment", "https://api.example.com/notes#all"),
        ("a fragment behind the host", "https://api.example.com#all"),
        ("an empty fragment", "https://api.example.com/#"),
        ("a query", "https://api.example.com/notes?all=1"),
        ("a query behind the host", "https://api.example.com?all=1"),
        ("a user", "https://ada@api.example.com"),
        ("a user and a password", "https://ada:secret@api.example.com/notes"),
        ("a space", "https://api.example.com/my notes"),
        ("a quote", "https://api.example.com/\"notes\""),
        ("a line break", "https://api.example.com/notes\nX: y"),
        ("a character beyond ASCII", "https://api.example.com/\u{e4}"),
        ("a percent sign", "https://api.example.com/my%20notes"),
        ("a pattern", "https://api.example.com/{notes}"),
    ]
    .map(|(name, resource)| refused(name, resource, json!([])))
    .into();
    for scope in ["", "notes read", "notes\"read", "notes\\read", "n\u{f6}tes", "notes\nread"] {
        cases.push(refused(&format!("the scope {scope:?}"), host, json!(["notes:read", scope])));
    }
    cases
}
