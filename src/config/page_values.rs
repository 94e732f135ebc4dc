//! What the pages for users show: links, and what scopes mean.

use std::fmt;

use url::Url;

/// A link in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageLink {
    /// What it says.
    pub(crate) text: String,
    /// Where it goes.
    pub(crate) url: String,
}

/// What a scope lets a client do, in the words of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeDescription {
    /// The scope.
    pub(crate) scope: String,
    /// The language; of a description without one it is any.
    pub(crate) language: Option<String>,
    /// The words.
    pub(crate) text: String,
}

impl fmt::Display for PageLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.text, self.url)
    }
}

impl fmt::Display for ScopeDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.language {
            Some(language) => write!(f, "{}@{language}={}", self.scope, self.text),
            None => write!(f, "{}={}", self.scope, self.text),
        }
    }
}

/// The URL of a page or a picture.
pub(super) fn web_url(text: &str) -> Result<String, String> {
    let is_web = |url: &Url| ["http", "https"].contains(&url.scheme());
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
    match Url::parse(text) {
        Ok(url) if is_web(&url) && is_plain => Ok(text.to_owned()),
        _ => Err("expected a URL as in https://www.example.com/privacy".to_owned()),
    }
}

/// Items that are separated by semicolons: texts have commas.
pub(super) fn items<T>(parse: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Vec<T>, String> {
    move |text| text.split(';').map(str::trim).filter(|item| !item.is_empty()).map(&parse).collect()
}

pub(super) fn page_link(text: &str) -> Result<PageLink, String> {
    let (text, url) = pair(text).ok_or("expected links as in Privacy=https://www.example.com/privacy")?;
    Ok(PageLink { text: text.to_owned(), url: web_url(url)? })
}

pub(super) fn scope_description(text: &str) -> Result<ScopeDescription, String> {
    let expected = "expected descriptions as in notes:read=Read your notes;notes:read@de=Notizen lesen";
    let (name, text) = pair(text).ok_or(expected)?;
    let (scope, language) = name.split_once('@').map_or((name, None), |(scope, language)| (scope, Some(language)));
    if scope.is_empty() || language.is_some_and(|language| language.len() != 2) {
        return Err(expected.to_owned());
    }
    let language = language.map(str::to_ascii_lowercase);
    Ok(ScopeDescription { scope: scope.to_owned(), language, text: text.to_owned() })
}

fn pair(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    (!name.is_empty() && !value.is_empty()).then_some((name, value))
}

pub(super) fn show_items<T: ToString>(items: impl AsRef<[T]>) -> String {
    items.as_ref().iter().map(ToString::to_string).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_descriptions_are_shown_as_they_are_read() {
        let links = "Privacy=https://www.example.com/p?a=b;Imprint, contact=https://www.example.com/i";
        assert_eq!(show_items(items(page_link)(links).unwrap()), links);
        let descriptions = "notes:read=Read your notes, all of them;notes:read@de=Notizen lesen";
        assert_eq!(show_items(items(scope_description)(descriptions).unwrap()), descriptions);
    }

    #[test]
    fn what_is_no_link_and_no_description_is_refused() {
        for bad in ["Privacy", "=https://a.example", "Privacy=javascript:alert(1)", "Privacy=/p", "P=https://a b"] {
            assert!(page_link(bad).is_err(), "{bad}");
        }
        for bad in ["notes:read", "=x", "notes:read@german=x", "@de=x", "notes:read="] {
            assert!(scope_description(bad).is_err(), "{bad}");
        }
    }
}
