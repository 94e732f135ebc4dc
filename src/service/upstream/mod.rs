//! Sign-in at a provider: a user is sent there, comes back with a code, and what the provider says of them is verified.
//! What follows from that is decided elsewhere.
//!
//! The code verifier and the nonce follow from the secret in the browser's cookie: the database has only its digest, and
//! without the cookie a code is of no use.

mod calls;
mod claims;
mod github;
mod identity;
mod openid;
mod state;

use std::sync::Arc;

use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::engine::limiter::{Attempt, Charge, Kind, PROVIDER_CALLBACK, PROVIDER_SIGN_IN};
use crate::error::Error;
use crate::model::provider::ProviderId;
use crate::model::upstream::{Identity, LoginId, Purpose, Refusal, Verified};
use crate::oauth::params::Params;
use crate::oauth::upstream::{AuthenticationRequest, CodeRequest, read_callback};
use crate::secret::Opaque;
use crate::service::providers;
use calls::Calls;
pub(crate) use state::login_of;
use state::{Found, code_verifier, nonce};

/// A sign-in that has begun.
pub(crate) struct Begun {
    /// The URL at the provider that the user goes to.
    pub(crate) redirect: String,
    /// What the sign-in is called in the name of its cookie.
    pub(crate) id: LoginId,
    /// The value of its cookie.
    pub(crate) browser: Opaque,
}

/// Allows a network to begin a sign-in, or to come back.
async fn admitted(app: &App, kind: &Kind, ip: Option<&str>) -> Result<Charge, Error> {
    let charge = app.limiter.admit(&Attempt::new(kind, None, ip)).await?;
    charge.map_err(|retry_after| Error::TooManyFailures { retry_after })
}

/// Allows a network to come back, and goes on with it by [`callback`]. What is refused counts, unless the provider is away.
pub(crate) async fn come_back(
    app: &Arc<App>,
    id: &ProviderId,
    query: &str,
    (cookie, ip): (Option<&str>, Option<&str>),
) -> Result<Verified, Error> {
    // Without the cookie of the browser that has begun it nothing can be guessed, and other pages make browsers come here.
    if cookie.is_none() {
        return callback(app, id, query, cookie).await;
    }
    let charge = admitted(app, &PROVIDER_CALLBACK, ip).await?;
    let verified = callback(app, id, query, cookie).await;
    match &verified {
        Err(Error::UpstreamRefused(Refusal::Unreachable(_))) => {}
        Err(Error::UpstreamRefused(_)) => charge.failed(),
        Ok(_) | Err(_) => {}
    }
    verified
}

/// Begins a sign-in at a provider. A user who is signed in here (`is_again`) is to log in there again, unless that was a moment
/// ago: what needs a recent login needs one at the provider. Each one counts for the network that it comes from.
pub(crate) async fn begin(
    app: &Arc<App>,
    id: &ProviderId,
    purpose: Purpose,
    return_to: String,
    (is_again, ip): (bool, Option<&str>),
) -> Result<Begun, Error> {
    // Anybody may begin as many as they like.
    let (asked, wanted, turn) = (Arc::clone(app), id.clone(), app.lookups.turn().await?);
    let (provider, _secret) = on_a_thread(move || providers::find_enabled(&asked, &wanted)).await?;
    drop(turn);
    admitted(app, &PROVIDER_SIGN_IN, ip).await.map(Charge::failed)?;
    let (app, turn) = (Arc::clone(app), app.provider_turns.turn(id).await?);
    on_a_thread(move || {
        let _turn = turn;
        let endpoints = Calls::begin(&app, &provider).endpoints()?;
        let started = state::start(&app, &provider.id, purpose, &return_to)?;
        let request = AuthenticationRequest {
            endpoints: &endpoints,
            client_id: &provider.client_id,
            redirect_uri: &providers::redirect_uri(&app, &provider.id),
            scope: &provider.scopes.to_string(),
            state: &started.state,
            nonce: &nonce(started.browser.expose()),
            code_verifier: &code_verifier(started.browser.expose()),
            max_age: (is_again && provider.preset.is_openid()).then_some(app.config.reauthentication_period),
        };
        let redirect = request.url().ok_or_else(|| Error::internal("an endpoint of a provider is no URL"))?;
        Ok(Begun { redirect, id: started.id, browser: started.browser })
    })
    .await
}

/// Goes on with a sign-in whose user came back to `/login/callback/{provider}` with this query, in a browser with this
/// cookie. It works once. No transaction is open while the provider is asked.
pub async fn callback(app: &Arc<App>, id: &ProviderId, query: &str, cookie: Option<&str>) -> Result<Verified, Error> {
    let (params, cookie) = (Params::parse(query.as_bytes()), cookie.map(ToOwned::to_owned));
    let (asked, wanted, turn) = (Arc::clone(app), id.clone(), app.lookups.turn().await?);
    let state = params.get("state").unwrap_or_default().to_owned();
    let found = on_a_thread(move || state::find(&asked, &wanted, &state, cookie.as_deref())).await?;
    drop(turn);
    // Before it is used up: a user who gets no turn may try again.
    let (app, turn) = (Arc::clone(app), app.provider_turns.turn(id).await?);
    on_a_thread(move || {
        let _turn = turn;
        state::use_up(&app, &found)?;
        let identity = prove(&app, &found, &params)?;
        let Found { provider, login, .. } = found;
        Ok(Verified { provider, identity, purpose: login.purpose, return_to: login.return_to })
    })
    .await
}

/// Where the user of a refused sign-in wanted to go, if it was begun in the browser with this cookie.
pub(crate) async fn wanted(app: &Arc<App>, id: &ProviderId, query: &str, cookie: Option<&str>) -> Option<String> {
    let (params, cookie) = (Params::parse(query.as_bytes()), cookie?.to_owned());
    let (app, id) = (Arc::clone(app), id.clone());
    let find = move || state::find_any(&app, &id, params.get("state").unwrap_or_default(), Some(&cookie));
    // It is only a convenience: an error is not worth another one.
    on_a_thread(find).await.ok().map(|(_, login, _)| login.return_to)
}

/// Logs and counts a sign-in that is refused, at whatever step.
pub(crate) fn note_refusal(app: &App, provider: &ProviderId, error: &Error) {
    let (code, outcome) = match error {
        Error::UpstreamRefused(refusal @ Refusal::Unreachable(_)) => (refusal.code(), "provider_unavailable"),
        Error::UpstreamRefused(refusal) => (refusal.code(), "provider_refused"),
        Error::IdentityTaken => ("identity_taken", "provider_refused"),
        Error::TooManyIdentities(_) => ("too_many_identities", "provider_refused"),
        Error::SecondFactorNotShown { .. } | Error::SignedInElsewhere { .. } => ("not_shown", "provider_refused"),
        Error::BadInvitation => ("bad_invitation", "provider_refused"),
        Error::TooManyFailures { .. } => ("too_many_failures", "too_many_failures"),
        _ => return,
    };
    log::info!(provider:%, code, refusal:% = error; "a sign-in at a provider is refused");
    app.metrics.login(outcome);
}

/// Asks the provider who the user is.
fn prove(app: &App, found: &Found, params: &Params) -> Result<Identity, Error> {
    let Found { provider, secret, browser, .. } = found;
    let calls = Calls::begin(app, provider);
    let endpoints = calls.endpoints()?;
    let code = read_callback(params, &endpoints).map_err(Error::UpstreamRefused)?;
    let request = CodeRequest {
        client_id: &provider.client_id,
        secret: &providers::open_secret(app, &provider.id, secret)?,
        redirect_uri: &providers::redirect_uri(app, &provider.id),
        code,
        code_verifier: &code_verifier(browser),
    };
    let tokens = calls.redeem(&endpoints, &request)?;
    let claims = if provider.preset.is_openid() {
        openid::claims(&calls, &endpoints, &tokens, &nonce(browser))?
    } else {
        github::claims(&calls, &endpoints, &tokens)?
    };
    let identity = identity::of(provider, &claims).map_err(Error::UpstreamRefused)?;
    // The administrator of every tenant of Microsoft decides what its users' addresses are.
    let email_verified = identity.email_verified && !(endpoints.is_microsoft || claims.are_of_microsoft());
    Ok(Identity { email_verified, ..identity })
}
