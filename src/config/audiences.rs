//! The audiences of access tokens, and the signing algorithm of each.

use std::fmt;

use crate::jwt::{SigningAlg, is_reserved_audience};

/// The audiences of access tokens. The first is the default.
#[derive(Clone, Debug)]
pub(crate) struct Audiences {
    names: Vec<String>,
    /// In the order of `names`.
    algs: Vec<Option<SigningAlg>>,
    default_alg: SigningAlg,
}

impl Audiences {
    /// Reads `NAME` or `NAME ALG`, separated by commas. An empty text means the issuer.
    pub(super) fn parse(text: &str, issuer: &str, default_alg: SigningAlg) -> Result<Self, String> {
        let mut audiences = Self { names: Vec::new(), algs: Vec::new(), default_alg };
        let text = if text.is_empty() { issuer } else { text };
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let mut words = item.split_whitespace();
            let (name, alg) = (words.next().unwrap_or_default(), words.next());
            if words.next().is_some() {
                return Err(format!("expected an audience, or an audience and an algorithm, instead of {item:?}"));
            }
            if audiences.names.iter().any(|other| other == name) {
                return Err(format!("names {name:?} twice"));
            }
            // RFC 8725 section 3.12: a verifier that looks at issuer and audience alone must not mix up two kinds.
            if is_reserved_audience(issuer, name) {
                return Err(format!(
                    "{name:?} is reserved for documents that are not access tokens, such as the denylist"
                ));
            }
            let alg = alg.map(|alg| alg.parse().map_err(|error| format!("{name:?}: {error}"))).transpose()?;
            audiences.names.push(name.to_owned());
            audiences.algs.push(alg);
        }
        if audiences.names.is_empty() { Err("names no audience".to_owned()) } else { Ok(audiences) }
    }

    /// Every audience.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The first audience, alone.
    pub(crate) fn first(&self) -> &[String] {
        self.names.get(..1).unwrap_or_default()
    }

    /// The audience that a client asks for (by default the first) with the algorithm of its tokens; `None` if there is
    /// no such audience.
    pub(crate) fn find(&self, asked: Option<&str>) -> Option<(&str, SigningAlg)> {
        let mut all = self.names.iter().zip(&self.algs);
        let (name, alg) = match asked {
            Some(asked) => all.find(|(name, _)| *name == asked),
            None => all.next(),
        }?;
        Some((name, alg.unwrap_or(self.default_alg)))
    }

    /// `SIGNING_ALG`.
    pub(crate) fn default_alg(&self) -> SigningAlg {
        self.default_alg
    }

    /// Every algorithm in use. The first one signs refresh tokens and the feed.
    pub(super) fn algs(&self) -> Vec<SigningAlg> {
        let mut algs = vec![self.default_alg];
        for alg in self.algs.iter().flatten() {
            if !algs.contains(alg) {
                algs.push(*alg);
            }
        }
        algs
    }
}

impl fmt::Display for Audiences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, alg)) in self.names.iter().zip(&self.algs).enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{name}")?;
            if let Some(alg) = alg {
                write!(f, " {alg}")?;
            }
        }
        Ok(())
    }
}
