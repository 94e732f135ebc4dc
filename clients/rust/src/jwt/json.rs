//! The JSON of signed documents: one object, in UTF-8, with each member once
//! ([RFC 7515 section 4](https://www.rfc-editor.org/rfc/rfc7515#section-4),
//! [RFC 7519 section 4](https://www.rfc-editor.org/rfc/rfc7519#section-4)).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Reads an object. Members that `T` does not read must also be valid; `serde_json` would skip them without checking
/// their text.
#[must_use]
pub fn read_object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?;
    // Derived types would also accept arrays.
    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str::<InOrder>(text).ok()?;
    serde_json::from_str(text).ok()
}

/// A member that may be missing, but must not be null or of another type.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Whether a member exists, with any value; `Option` would treat null as a missing member.
#[derive(Clone, Copy, Default)]
pub(super) struct IsPresent(pub(super) bool);

impl<'de> Deserialize<'de> for IsPresent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_value| Self(true))
    }
}

/// A text; it is only copied if it is written with escapes.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Most objects have no more members.
const USUAL_MEMBERS: usize = 16;

/// Any value with Unicode texts, numbers in range, and objects without duplicate members.
struct InOrder;

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for InOrder {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _value: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _value: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        while values.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = members.next_key::<Text<'de>>()? {
            if names.is_empty() {
                names.reserve(USUAL_MEMBERS);
            }
            names.push(name);
            members.next_value::<Self>()?;
        }
        names.sort_unstable();
        let is_twice = names.windows(2).any(|pair| matches!(pair, [one, next] if one == next));
        if is_twice { Err(A::Error::custom("a member is there twice")) } else { Ok(self) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_object_in_order_is_read() {
        for text in [r"{}", r#"{"a":null,"b":[1,-1,1.5,true,"é","\u00e9"],"c":{"a":1},"d":{"a":2}}"#, "{ \"a\" : 1 } "]
        {
            assert!(read_object::<Value>(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_not_in_order_is_refused_wherever_it_stands() {
        #[derive(Deserialize)]
        struct Nothing {}

        let texts: [&[u8]; 15] = [
            b"",
            b"[]",
            b" {}",
            b"\xef\xbb\xbf{}",
            b"{}{}",
            b"{\"a\":1",
            b"{\"a\":1,}",
            b"{\"a\":\"\xff\"}",
            b"{\"\xc3\":1}",
            b"{\"a\":[{\"b\":\"\xed\xa0\x80\"}]}",
            br#"{"a":"\ud800"}"#,
            br#"{"a":1,"a":1}"#,
            br#"{"a":1,"\u0061":1}"#,
            br#"{"a":[{"b":1,"b":2}]}"#,
            br#"{"a":1e999}"#,
        ];
        for text in texts {
            assert!(read_object::<Nothing>(text).is_none(), "{}", String::from_utf8_lossy(text));
        }
        let deep = format!("{}{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        assert!(read_object::<Nothing>(deep.as_bytes()).is_none());
    }
}
