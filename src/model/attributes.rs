//! Attributes of a user or a client: a JSON object whose meaning other services know. This service only stores it, and
//! makes claims from it.

use std::fmt;

use serde_json::{Map, Value};

use super::text::BadText;

const MAX_BYTES: usize = 4 * 1024;

/// The object itself counts.
const MAX_DEPTH: usize = 8;

/// Members of all objects and elements of all arrays.
const MAX_VALUES: usize = 256;

/// An object that is not empty, as compact JSON: it is only read when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(String);

impl Attributes {
    /// Those of an object; `None` if it is empty.
    pub(crate) fn of(object: &Map<String, Value>) -> Result<Option<Self>, BadText> {
        let mut count = 0;
        object.iter().try_for_each(|(name, value)| check(name, value, 2, &mut count))?;
        let text = Value::Object(object.clone()).to_string();
        if text.len() > MAX_BYTES {
            return Err(BadText("must have at most 4096 bytes as compact JSON"));
        }
        Ok((!object.is_empty()).then_some(Self(text)))
    }

    /// As they are stored.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The object; an empty one for none.
    pub(crate) fn object_of(attributes: Option<&Self>) -> Map<String, Value> {
        attributes.and_then(|attributes| serde_json::from_str(&attributes.0).ok()).unwrap_or_default()
    }
}

/// The stored form: compact JSON.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a member, or an element of an array, which has no name.
fn check(name: &str, value: &Value, depth: usize, count: &mut usize) -> Result<(), BadText> {
    *count += 1;
    if *count > MAX_VALUES {
        return Err(BadText("must have at most 256 members and elements"));
    }
    let has_nul = name.contains('\0') || value.as_str().is_some_and(|text| text.contains('\0'));
    if has_nul {
        // PostgreSQL's JSON types have none, and other services may store what they read.
        return Err(BadText("must not contain NUL"));
    }
    if (value.is_object() || value.is_array()) && depth > MAX_DEPTH {
        return Err(BadText("must be nested at most 8 deep"));
    }
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| check(name, value, depth + 1, count)),
        Value::Array(elements) => elements.iter().try_for_each(|value| check("", value, depth + 1, count)),
        _ => Ok(()),
    }
}

/// Applies a merge patch to an object ([RFC 7396 section 2](https://www.rfc-editor.org/rfc/rfc7396#section-2)): null
/// removes a member, an object changes the members that it names, and everything else replaces a member.
pub(crate) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(patch) => {
                let mut inner = match target.remove(name) {
                    Some(Value::Object(inner)) => inner,
                    _ => Map::new(),
                };
                merge(&mut inner, patch);
                target.insert(name.clone(), Value::Object(inner));
            }
            value => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    /// RFC 7396 appendix A, as far as both are objects.
    #[test]
    fn a_patch_is_merged_as_rfc_7396_says() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
            (json!({"a": "b"}), json!({"a": {"c": 1}}), json!({"a": {"c": 1}})),
        ] {
            let mut merged = object(&target);
            merge(&mut merged, &object(&patch));
            assert_eq!(Value::Object(merged), expected, "{target} {patch}");
        }
    }

    #[test]
    fn attributes_are_bounded_in_bytes_depth_and_number() {
        let nested = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({"a": inner}));
        let arrays = |depth: usize| json!({"a": (2..depth).fold(json!([]), |inner, _| json!([inner]))});
        // {"a":".."}
        let long = |bytes: usize| json!({"a": "x".repeat(bytes - 8)});
        let elements = |count: usize| json!({"a": vec![0; count - 1]});
        for (good, bad) in [
            (nested(8), nested(9)),
            (arrays(8), arrays(9)),
            (long(4_096), long(4_097)),
            (elements(256), elements(257)),
            (json!({"a": "b"}), json!({"a": "b\0"})),
            (json!({"a": ["b"]}), json!({"a": ["\0"]})),
            (json!({"a": {"b": 1}}), json!({"a": {"b\0": 1}})),
        ] {
            let stored = Attributes::of(&object(&good)).unwrap().unwrap();
            assert_eq!(Value::Object(Attributes::object_of(Some(&stored))), good);
            assert!(Attributes::of(&object(&bad)).is_err(), "{bad}");
        }
        assert_eq!(Attributes::of(&Map::new()), Ok(None));
    }
}
