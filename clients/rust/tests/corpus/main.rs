//! The conformance corpus (`clients/corpus`): makes its files, and runs all of them. A file that is not current is
//! written anew, and its test fails once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod feed;
mod issuer;
mod jwk_sets;
mod keys;
mod metadata;
mod requests;
mod resource;
mod run;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use issuer::Issuer;
use keys::Signer;

/// How a file is made.
type Make = fn(&Issuer) -> Value;

const FILES: [(&str, Make); 6] = [
    ("denylist.json", feed::file),
    ("jwks.json", jwk_sets::file),
    ("metadata.json", metadata::file),
    ("requests.json", requests::file),
    ("resource.json", resource::file),
    ("tokens.json", tokens::file),
];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name)
}

/// Every text of a document.
fn texts(document: &Value, found: &mut Vec<String>) {
    match document {
        // Without the scheme, if it is a header.
        Value::String(text) => found.push(text.trim_start_matches("Bearer ").to_owned()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn make() -> BTreeMap<&'static str, Value> {
    let (mut found, mut rsa) = (Vec::new(), None);
    for (name, _) in FILES {
        let Ok(text) = fs::read_to_string(path(name)) else { continue };
        let Ok(file) = serde_json::from_str::<Value>(&text) else { continue };
        texts(&file, &mut found);
        let mut keys = file["jwks"]["keys"].as_array().into_iter().flatten();
        rsa = rsa.or_else(|| keys.find(|key| key["kty"] == "RSA").cloned());
    }
    let made = |issuer: &Issuer| FILES.map(|(name, make)| (name, make(issuer)));
    let mut issuer = Issuer::new(Signer::new(&found, rsa));
    let mut files = made(&issuer);
    if issuer.signer.is_rsa_signature_missing() {
        issuer = Issuer::new(Signer::new(&found, None));
        files = made(&issuer);
    }
    files.into_iter().collect()
}

/// The cases of a file, each with what the file says for all. Fails if the file is not current.
fn cases(name: &str) -> Vec<Value> {
    static CORPUS: OnceLock<BTreeMap<&'static str, Value>> = OnceLock::new();
    let file = &CORPUS.get_or_init(make)[name];
    let text = format!("{file:#}\n");
    if fs::read_to_string(path(name)).is_ok_and(|current| current == text) {
        let names: BTreeSet<&str> =
            file["cases"].as_array().unwrap().iter().map(|case| case["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), file["cases"].as_array().unwrap().len(), "{name}: two cases have the same name");
        let mut for_all = file.clone();
        for_all.as_object_mut().unwrap().retain(|name, _| !["cases", "description"].contains(&name.as_str()));
        let cases = file["cases"].as_array().unwrap().iter();
        return cases.map(|case| merged(&for_all, case)).collect();
    }
    fs::write(path(name), text).unwrap();
    panic!("clients/corpus/{name} was not current and is written anew: commit it");
}

/// These members and those.
fn merged(base: &Value, changes: &Value) -> Value {
    let mut result = base.clone();
    result.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    result
}

/// Also those that unit tests run.
#[test]
fn every_file_is_current() {
    for (name, _) in FILES {
        assert!(!cases(name).is_empty());
    }
}
