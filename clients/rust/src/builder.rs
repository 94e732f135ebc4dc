//! Setting up a verifier.

mod error;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Seconds, SystemClock};
use crate::denied_set::DeniedSet;
use crate::jwt::{AccessKeys, JwksError, verification_keys_of_jwks, verification_keys_of_pem};
use crate::remote::{Feed, Fixed, IssuerClient, KeySource, Place, RemoteKeys, Transport};
#[cfg(feature = "actix")]
use crate::rendering::{Rendering, is_of_uri, is_realm};
#[cfg(feature = "actix")]
use crate::resource::{ResourceMetadata, is_resource, is_scope};
use crate::verifier::{Parts, Verifier};
pub use error::BuildError;

/// The issuer keeps denials this much longer than the tokens that they deny.
const MAX_LEEWAY: Duration = Duration::from_secs(60);

const USUAL_CACHE_BYTES: u64 = 16 * 1024 * 1024;
const USUAL_COOLDOWN: Duration = Duration::from_secs(30);

/// How access tokens are handled that were revoked before they expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DenylistPolicy {
    /// A revoked access token is accepted until it expires.
    Ignore,
    /// The issuer's denylist is followed. While it is unavailable, only signature and claims of tokens are checked;
    /// [`Verifier::staleness`] and the log show that.
    Follow,
    /// The issuer's denylist is followed, and no token is accepted while the local copy may be older than `within`.
    /// Normally it is up to six seconds old, so a shorter time makes no sense.
    Require {
        /// The greatest accepted age of the local copy.
        within: Duration,
    },
}

#[derive(Clone, Debug)]
enum Source {
    Issuer,
    JwksUrl(String),
    Jwks(String),
    Pem(String),
}

/// The settings of a [`Verifier`].
#[derive(Clone)]
#[must_use = "it does nothing before build()"]
pub struct Builder {
    source: Source,
    issuer: String,
    audiences: Vec<String>,
    leeway: Duration,
    denylist: DenylistPolicy,
    cooldown: Duration,
    cache_bytes: u64,
    allows_http: bool,
    root_certificates: Option<String>,
    clock: Arc<dyn Clock>,
    #[cfg(feature = "actix")]
    realm: Option<String>,
    #[cfg(feature = "actix")]
    problem_types: Option<String>,
    #[cfg(feature = "actix")]
    resource: Option<(String, Vec<String>)>,
}

/// Without where the keys are from: its URL may hold a password.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { issuer, audiences, leeway, denylist, .. } = self;
        let mut shown = f.debug_struct("Builder");
        shown.field("issuer", issuer).field("audiences", audiences).field("leeway", leeway);
        shown.field("denylist", denylist).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier of the issuer with this URL: it finds the keys and the denylist through the issuer's metadata
    /// ([RFC 8414](https://www.rfc-editor.org/rfc/rfc8414), or OpenID Connect Discovery).
    pub fn from_issuer(issuer: &str, audience: &str) -> Builder {
        Builder::new(Source::Issuer, issuer, audience)
    }

    /// A verifier with the keys at this URL, as in `https://id.example.com/.well-known/jwks.json`; it follows no denylist.
    pub fn from_jwks_url(url: &str, issuer: &str, audience: &str) -> Builder {
        Builder::new(Source::JwksUrl(url.to_owned()), issuer, audience)
    }

    /// A verifier with the keys of this JWK Set and no others; it follows no denylist.
    pub fn from_jwks(json: &str, issuer: &str, audience: &str) -> Builder {
        Builder::new(Source::Jwks(json.to_owned()), issuer, audience)
    }

    /// A verifier with this one public key in PEM (`BEGIN PUBLIC KEY`); it follows no denylist.
    pub fn from_pem(pem: &str, issuer: &str, audience: &str) -> Builder {
        Builder::new(Source::Pem(pem.to_owned()), issuer, audience)
    }
}

impl Builder {
    fn new(source: Source, issuer: &str, audience: &str) -> Self {
        Self {
            source,
            issuer: issuer.to_owned(),
            audiences: vec![audience.to_owned()],
            leeway: Duration::ZERO,
            denylist: DenylistPolicy::Follow,
            cooldown: USUAL_COOLDOWN,
            cache_bytes: USUAL_CACHE_BYTES,
            allows_http: false,
            root_certificates: None,
            clock: Arc::new(SystemClock),
            #[cfg(feature = "actix")]
            realm: None,
            #[cfg(feature = "actix")]
            problem_types: None,
            #[cfg(feature = "actix")]
            resource: None,
        }
    }

    /// Also accepts tokens for another audience.
    pub fn also_for(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// Accepts tokens for this long after they have expired, in whole seconds, from 0 to 60; 0 by default. It is for
    /// machines whose clock is ahead of the issuer's. A clock that is behind needs none: tokens may be issued up to a
    /// minute in the future.
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// How revoked tokens are handled; [`DenylistPolicy::Follow`] by default. Only [`Verifier::from_issuer`] finds the
    /// denylist.
    pub fn denylist(self, denylist: DenylistPolicy) -> Self {
        Self { denylist, ..self }
    }

    /// The shortest time between two fetches of the keys because of unknown keys; 30 seconds by default.
    pub fn cooldown(self, cooldown: Duration) -> Self {
        Self { cooldown, ..self }
    }

    /// Memory for the cache of tokens whose signatures were verified, in bytes; 16 MiB by default, 0 turns it off.
    pub fn cache_bytes(self, cache_bytes: u64) -> Self {
        Self { cache_bytes, ..self }
    }

    /// Allows HTTP without TLS to the issuer. By default that is only allowed on the loopback interface: elsewhere an
    /// attacker on the network path could replace the issuer's keys
    /// ([RFC 8414 section 6.1](https://www.rfc-editor.org/rfc/rfc8414#section-6.1)).
    pub fn allow_http(self) -> Self {
        Self { allows_http: true, ..self }
    }

    /// Trusts the certificate authorities in this PEM text (`BEGIN CERTIFICATE`) instead of the machine's.
    pub fn root_certificates(self, pem: &str) -> Self {
        Self { root_certificates: Some(pem.to_owned()), ..self }
    }

    /// Uses another clock than the machine's.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The realm in the extractors' challenges
    /// ([RFC 9110 section 11.5](https://www.rfc-editor.org/rfc/rfc9110#section-11.5)). By default it is the audience.
    #[cfg(feature = "actix")]
    pub fn realm(self, realm: &str) -> Self {
        Self { realm: Some(realm.to_owned()), ..self }
    }

    /// The beginning of the `type` of the extractors' problems; the [code](crate::BearerErrorKind::code) follows. With
    /// `https://api.example.com/problems/` it is `https://api.example.com/problems/token_expired`
    /// ([RFC 9457 section 3.1.1](https://www.rfc-editor.org/rfc/rfc9457#section-3.1.1)). By default the type is
    /// `about:blank` and the title is that of the status; the `code` is sent in any case.
    #[cfg(feature = "actix")]
    pub fn problem_types(self, base: &str) -> Self {
        Self { problem_types: Some(base.to_owned()), ..self }
    }

    /// The service is the protected resource with this URL, usually its audience, and has these scopes, if any
    /// ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)). The extractors' challenges then name its metadata, by which
    /// a client finds the issuer; [`Verifier::resource_metadata`] publishes it. The URL has TLS or is on the loopback
    /// interface, and has neither query nor fragment.
    #[cfg(feature = "actix")]
    pub fn resource(self, url: &str, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Self { resource: Some((url.to_owned(), scopes)), ..self }
    }

    /// Builds the verifier. From now on it fetches keys and denylist in the background, so a service can start while
    /// the issuer is down.
    ///
    /// # Errors
    /// [`BuildError`] if the settings cannot be used.
    pub fn build(self) -> Result<Verifier, BuildError> {
        if self.leeway > MAX_LEEWAY {
            return Err(BuildError::Leeway);
        }
        if matches!(self.denylist, DenylistPolicy::Require { .. }) && !matches!(self.source, Source::Issuer) {
            return Err(BuildError::NoDenylist);
        }
        #[cfg(feature = "actix")]
        self.check_rendering()?;
        let leeway = Seconds(i64::try_from(self.leeway.as_secs()).unwrap_or(0));
        let cache_bytes = self.cache_bytes;
        let fixed = |keys| -> Arc<dyn KeySource> { Arc::new(Fixed(Arc::new(AccessKeys::new(keys, cache_bytes)))) };
        let place = match &self.source {
            Source::Jwks(json) => {
                let keys = fixed(verification_keys_of_jwks(json).map_err(|error| unusable(&error))?);
                return Ok(self.with(keys, leeway, None));
            }
            Source::Pem(pem) => {
                let keys = fixed(verification_keys_of_pem(pem.as_bytes()).map_err(|error| unusable(&error))?);
                return Ok(self.with(keys, leeway, None));
            }
            Source::Issuer => Place::Metadata(self.checked(&self.issuer)?),
            Source::JwksUrl(url) => Place::Jwks(self.checked(url)?),
        };
        let follows = matches!(self.source, Source::Issuer) && self.denylist != DenylistPolicy::Ignore;
        let client = IssuerClient::new(self.allows_http, self.root_certificates.as_deref())
            .map_err(BuildError::RootCertificates)?;
        let keys =
            Arc::new(RemoteKeys::start(client.clone(), place, self.cooldown, cache_bytes, Arc::clone(&self.clock)));
        let feed = follows.then(|| {
            let denied = Arc::new(DeniedSet::default());
            let within = match self.denylist {
                DenylistPolicy::Require { within } => Some(within),
                DenylistPolicy::Ignore | DenylistPolicy::Follow => None,
            };
            let keys: Arc<dyn KeySource> = Arc::clone(&keys) as Arc<dyn KeySource>;
            let clock = Arc::clone(&self.clock);
            let feed = Feed::start(client, self.issuer.clone(), keys, Arc::clone(&denied), clock, within);
            (denied, feed)
        });
        Ok(self.with(keys, leeway, feed))
    }

    fn checked(&self, url: &str) -> Result<String, BuildError> {
        match Transport::of_url(url).ok_or_else(|| BuildError::Url(url.to_owned()))? {
            Transport::Open if !self.allows_http => Err(BuildError::PlainHttp(url.to_owned())),
            _ => Ok(url.to_owned()),
        }
    }

    #[cfg(feature = "actix")]
    fn check_rendering(&self) -> Result<(), BuildError> {
        if let Some(realm) = self.realm.as_ref().filter(|realm| !is_realm(realm)) {
            return Err(BuildError::Realm(realm.clone()));
        }
        if let Some(base) = self.problem_types.as_ref().filter(|base| !is_of_uri(base)) {
            return Err(BuildError::ProblemTypes(base.clone()));
        }
        let Some((url, scopes)) = &self.resource else { return Ok(()) };
        if !is_resource(url) {
            return Err(BuildError::Resource(url.clone()));
        }
        scopes.iter().find(|scope| !is_scope(scope)).map_or(Ok(()), |scope| Err(BuildError::Scope(scope.clone())))
    }

    fn with(self, keys: Arc<dyn KeySource>, leeway: Seconds, feed: Option<(Arc<DeniedSet>, Feed)>) -> Verifier {
        let (denied, feed) = feed.unzip();
        #[cfg(feature = "actix")]
        let rendering = Rendering {
            realm: self.realm.or_else(|| self.audiences.first().cloned()).unwrap_or_default(),
            problem_types: self.problem_types,
            resource: self.resource.map(|(url, scopes)| Arc::new(ResourceMetadata::new(&url, &self.issuer, &scopes))),
        };
        let Self { issuer, audiences, clock, .. } = self;
        Verifier(Arc::new(Parts {
            keys,
            denied,
            feed,
            #[cfg(feature = "actix")]
            api_tokens: None,
            #[cfg(feature = "actix")]
            rendering: Arc::new(rendering),
            issuer,
            audiences,
            leeway,
            clock,
        }))
    }
}

fn unusable(error: &JwksError) -> BuildError {
    BuildError::Keys(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_builder_and_a_verifier_says_whose_tokens_it_takes_and_not_where_the_keys_are_from() {
        let [issuer, audience] = ["https://id.example.com", "https://api.example.com"];
        let url = "https://user:hunter2@id.example.com/jwks.json";
        let pem = "-----BEGIN PUBLIC KEY-----\n\
                   MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEz/2/ZOQLnWXgy85hziL5ZSjZQKWt\n\
                   5XNABsItlKxj/k9SPDz2oPjt9veGopmhUSsk9CeNo1OnI6PQq8htwudDYw==\n\
                   -----END PUBLIC KEY-----\n";
        let verifier = Verifier::from_pem(pem, issuer, audience).build().unwrap();
        let builder = Verifier::from_jwks_url(url, issuer, audience);
        for shown in [format!("{builder:?}"), format!("{verifier:?}")] {
            assert!(shown.contains(issuer) && shown.contains(audience) && !shown.contains("hunter2"), "{shown}");
        }
    }
}
