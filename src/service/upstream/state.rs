//! What is remembered of a sign-in while its user is at the provider.

use crate::app::App;
use crate::error::Error;
use crate::model::id::new_id;
use crate::model::provider::{Provider, ProviderId};
use crate::model::upstream::{LIFETIME, LoginId, Purpose, Refusal, UpstreamLogin};
use crate::oauth::params::Params;
use crate::secret::{KeyDigest, Opaque, derived, digest_of};
use crate::service::{providers, sealing};

/// A sign-in that was started.
pub(super) struct Started {
    pub(super) id: LoginId,
    /// Its `state`: the id, and what cannot be guessed.
    pub(super) state: String,
    /// The value of its cookie.
    pub(super) browser: Opaque,
}

/// A sign-in whose user came back.
pub(super) struct Found {
    /// That of its `state`.
    digest: KeyDigest,
    pub(super) login: UpstreamLogin,
    pub(super) provider: Provider,
    /// The provider's sealed secret.
    pub(super) secret: String,
    /// The value of its cookie.
    pub(super) browser: String,
}

/// The sign-in that a callback with this query is about: its cookie has the name.
pub(crate) fn login_of(query: &str) -> Option<LoginId> {
    let params = Params::parse(query.as_bytes());
    let (id, _) = params.get("state")?.split_once('.')?;
    id.parse().ok()
}

/// The `nonce` of the browser with this cookie.
pub(super) fn nonce(browser: &str) -> String {
    derived(browser, "upstream nonce")
}

/// The code verifier of the browser with this cookie.
pub(super) fn code_verifier(browser: &str) -> String {
    derived(browser, "upstream code verifier")
}

/// Remembers a sign-in.
pub(super) fn start(app: &App, provider: &ProviderId, purpose: Purpose, return_to: &str) -> Result<Started, Error> {
    let now = app.clock.now();
    let (id, random, browser) =
        (new_id(now, &*app.entropy)?, Opaque::generate(&*app.entropy)?, Opaque::generate(&*app.entropy)?);
    let state = format!("{id}.{}", random.expose());
    let (digest, browser_digest) = (digest_of(&state), browser.digest());
    // It may hold the secret of a link, such as an invitation's.
    let return_to = sealing::seal(app, return_to.as_bytes(), &digest.0)?;
    let login =
        UpstreamLogin { provider: provider.clone(), purpose, return_to, expires_at: now + LIFETIME, used_at: None };
    app.store.write(|tx| tx.insert_upstream_login(&login, digest, browser_digest))?;
    Ok(Started { id, state, browser })
}

/// The sign-in with this `state`, if it is of this provider and this browser, and not over.
pub(super) fn find(app: &App, id: &ProviderId, state: &str, cookie: Option<&str>) -> Result<Found, Error> {
    let (provider, secret) = providers::find_enabled(app, id)?;
    let (digest, login, browser) = find_any(app, id, state, cookie)?;
    if login.used_at.is_some() {
        return Err(Error::UpstreamRefused(Refusal::Used));
    }
    if login.expires_at <= app.clock.now() {
        return Err(Error::UpstreamRefused(Refusal::Expired));
    }
    Ok(Found { digest, login, provider, secret, browser })
}

/// The same, also if it is over: with the digest of its state and the secret in its cookie.
pub(super) fn find_any(
    app: &App,
    id: &ProviderId,
    state: &str,
    cookie: Option<&str>,
) -> Result<(KeyDigest, UpstreamLogin, String), Error> {
    let digest = digest_of(state);
    let found = app.store.read(|tx| tx.find_upstream_login(&digest))?;
    let found = found.filter(|(login, _)| login.provider == *id);
    let (login, browser_digest) = found.ok_or(Error::UpstreamRefused(Refusal::StateUnknown))?;
    // RFC 6749 section 10.12: somebody else could have begun it, and be signed in here as themselves.
    let browser = cookie.filter(|cookie| digest_of(cookie).is(&browser_digest));
    let browser = browser.ok_or(Error::UpstreamRefused(Refusal::OtherBrowser))?.to_owned();
    let return_to = String::from_utf8(sealing::open(app, &login.return_to, &digest.0)?.to_vec());
    let login = UpstreamLogin { return_to: return_to.map_err(Error::internal)?, ..login };
    Ok((digest, login, browser))
}

/// Uses a sign-in up: of several that come back at once, one goes on.
pub(super) fn use_up(app: &App, found: &Found) -> Result<(), Error> {
    let (digest, now) = (found.digest, app.clock.now());
    let is_first = app.store.write(|tx| tx.use_upstream_login(&digest, now))?;
    if is_first { Ok(()) } else { Err(Error::UpstreamRefused(Refusal::Used)) }
}
