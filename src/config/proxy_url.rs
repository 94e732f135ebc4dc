//! The URL of a proxy: `http://HOST:PORT`, with user and password if it needs them.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::secret::Secret;

/// The URL of a proxy. Displays no password.
#[derive(Clone, Debug)]
pub(crate) struct ProxyUrl {
    url: Secret<String>,
    shown: String,
}

impl ProxyUrl {
    /// The whole URL.
    pub(crate) fn expose(&self) -> &str {
        self.url.expose()
    }
}

impl FromStr for ProxyUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected http://HOST:PORT, with user and password as in http://USER:PASSWORD@HOST:PORT";
        let mut url = Url::parse(text).map_err(|_bad| EXPECTED)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) || !is_bare {
            return Err(EXPECTED);
        }
        let secret = Secret::new(url.to_string());
        if url.password().is_some() {
            url.set_password(Some("***")).map_err(|()| EXPECTED)?;
        }
        Ok(Self { url: secret, shown: url.as_str().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        for (text, shown) in [
            ("http://10.0.0.1:3128", "http://10.0.0.1:3128"),
            ("https://proxy.example.com/", "https://proxy.example.com"),
            ("http://ada:hunter2@proxy:3128", "http://ada:***@proxy:3128"),
            ("http://ada@proxy:3128", "http://ada@proxy:3128"),
        ] {
            let proxy: ProxyUrl = text.parse().unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert_eq!(proxy.expose().trim_end_matches('/'), text.trim_end_matches('/'));
            assert!(!format!("{proxy:?}").contains("hunter2"));
        }
    }

    #[test]
    fn what_is_no_proxy_that_knows_connect_is_refused() {
        for text in ["proxy:3128", "10.0.0.1", "socks5://proxy", "http://", "http://proxy/path", "http://proxy?x", ""] {
            assert!(text.parse::<ProxyUrl>().is_err(), "{text}");
        }
    }
}
