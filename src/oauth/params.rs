//! The parameters of a request, from a query or a form
//! ([RFC 6749 appendix B](https://www.rfc-editor.org/rfc/rfc6749#appendix-B)).

use std::collections::HashSet;

use url::form_urlencoded;

/// A parameter that may be repeated, because its RFC says so
/// ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
pub(crate) const RESOURCE: &str = "resource";

/// Names and values of `application/x-www-form-urlencoded` text, in order.
pub(crate) fn form_pairs(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned()))
}

/// Parameters by name. Unknown ones are kept and ignored
/// ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// From `application/x-www-form-urlencoded` text. Those without a value are treated as absent
    /// ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_pairs(text).filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Those with one of these names.
    pub(crate) fn only(&self, names: &[&str]) -> Self {
        Self(self.0.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect())
    }

    /// Names and values, in order.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The same as the query of a URL.
    pub(crate) fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a parameter, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is repeated and must not be
    /// ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).
    pub(crate) fn repeated(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let mut names = self.0.iter().map(|(name, _)| name.as_str()).filter(|name| *name != RESOURCE);
        names.find(|name| !seen.insert(*name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_without_a_value_are_treated_as_absent() {
        let params = Params::parse(b"scope=&state=a+b%26&client_id");
        assert_eq!((params.get("scope"), params.get("client_id")), (None, None));
        assert_eq!(params.get("state"), Some("a b&"));
    }

    #[test]
    fn only_a_resource_may_be_repeated() {
        let params = Params::parse(b"resource=a&resource=b&state=1");
        assert_eq!(params.repeated(), None);
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(Params::parse(b"a=1&state=1&state=1").repeated(), Some("state"));
    }
}
