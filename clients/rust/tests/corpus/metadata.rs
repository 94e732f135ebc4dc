//! `metadata.json`: the issuer's metadata (RFC 8414).

use serde_json::{Value, json};

use crate::issuer::{ISSUER, Issuer, changed};
use crate::merged;

pub(crate) fn file(_issuer: &Issuer) -> Value {
    let cases = [good(), bad()].concat();
    json!({
        "description": "Documents that were found where the metadata of an issuer is, and what a verifier takes from them.",
        "issuer": ISSUER, "cases": cases,
    })
}

fn document() -> Value {
    json!({
        "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/.well-known/jwks.json"),
        "denylist_uri": format!("{ISSUER}/.well-known/denylist"), "token_endpoint": format!("{ISSUER}/oauth/token"),
        "response_types_supported": ["code"],
    })
}

fn good() -> Vec<Value> {
    let with = |name: &str, changes: &Value| {
        let document = changed(&document(), changes);
        json!({
            "name": name, "document": document.to_string(), "expected": "ok", "jwks_uri": document["jwks_uri"],
            "denylist_uri": document["denylist_uri"],
        })
    };
    let of = |issuer: &str, case: Value| merged(&case, &json!({ "issuer": issuer }));
    let local = "http://127.0.0.1:8080";
    let locally =
        json!({"issuer": local, "jwks_uri": format!("{local}/jwks"), "denylist_uri": format!("{local}/denylist")});
    let path = "https://example.com/auth/";
    vec![
        with("metadata", &json!({})),
        with("no denylist", &json!({"denylist_uri": null})),
        with("only the members that matter", &json!({"token_endpoint": null, "response_types_supported": null})),
        with("the keys are on another host", &json!({"jwks_uri": "https://keys.example.net/a?b=c"})),
        with("other members of any type", &json!({"token_endpoint": 7, "x": {"y": []}})),
        of(local, with("an issuer without TLS", &locally)),
        of(
            local,
            with(
                "an issuer without TLS whose keys have it",
                &merged(&locally, &json!({"jwks_uri": "https://keys.example.com"})),
            ),
        ),
        of(path, with("an issuer with a path and a slash at its end", &json!({"issuer": path}))),
        merged(&with("white space around it", &json!({})), &json!({"document": format!("\n {:#} \n", document())})),
        merged(
            &with("a denylist that is null is none", &json!({"denylist_uri": null})),
            &json!({"document": merged(&document(), &json!({"denylist_uri": null})).to_string()}),
        ),
        merged(
            &with("a member twice: the last counts", &json!({})),
            &json!({"document": document().to_string().replacen('{', r#"{"jwks_uri":"https://evil.example/","#, 1)}),
        ),
    ]
}

fn bad() -> Vec<Value> {
    let refused = |name: &str, document: String| json!({"name": name, "document": document, "expected": "refused"});
    let text = document().to_string();
    let mut cases = vec![
        refused("an empty document", String::new()),
        refused("no JSON", "garbage".to_owned()),
        refused("HTML", "<!doctype html><title>404</title>".to_owned()),
        refused("null", "null".to_owned()),
        refused("a list", "[]".to_owned()),
        refused("a list of the values", json!([ISSUER, format!("{ISSUER}/.well-known/jwks.json"), null]).to_string()),
        refused("a document that ends early", text[..text.len() - 1].to_owned()),
        refused("a document with text behind it", format!("{text}x")),
        refused("a byte order mark", format!("\u{feff}{text}")),
        refused("jwks_uri null", merged(&document(), &json!({"jwks_uri": null})).to_string()),
        refused("issuer null", merged(&document(), &json!({"issuer": null})).to_string()),
    ];
    for (name, changes) in [
        ("no issuer", json!({"issuer": null})),
        ("another issuer", json!({"issuer": "https://evil.example"})),
        ("the issuer with a slash more", json!({"issuer": format!("{ISSUER}/")})),
        ("the issuer without TLS", json!({"issuer": "http://id.example.com"})),
        ("the issuer in capitals", json!({"issuer": ISSUER.to_uppercase()})),
        ("the issuer in a list", json!({"issuer": [ISSUER]})),
        ("no jwks_uri", json!({"jwks_uri": null})),
        ("a jwks_uri that is a number", json!({"jwks_uri": 7})),
        ("a jwks_uri in a list", json!({"jwks_uri": ["https://id.example.com/jwks"]})),
        ("a jwks_uri without TLS", json!({"jwks_uri": "http://id.example.com/.well-known/jwks.json"})),
        ("a jwks_uri without TLS on this machine", json!({"jwks_uri": "http://127.0.0.1/jwks.json"})),
        ("a jwks_uri that is a file", json!({"jwks_uri": "file:///etc/passwd"})),
        ("a jwks_uri that is relative", json!({"jwks_uri": "/.well-known/jwks.json"})),
        ("a jwks_uri that is empty", json!({"jwks_uri": ""})),
        ("a jwks_uri that contains the keys", json!({"jwks_uri": "data:application/json,{}"})),
        ("a denylist_uri without TLS", json!({"denylist_uri": "http://id.example.com/.well-known/denylist"})),
        ("a denylist_uri that is a number", json!({"denylist_uri": 7})),
        ("a denylist_uri that is empty", json!({"denylist_uri": ""})),
    ] {
        cases.push(refused(name, changed(&document(), &changes).to_string()));
    }
    cases
}
