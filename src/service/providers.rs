//! Providers: their configuration by the operator, and finding one that users may sign in at.

mod settings;

pub(crate) use settings::ProviderSettings;

use tokensmith_verifier::issuing::Limits;

use std::time::Duration;

use super::sealing;
use crate::app::App;
use crate::error::Error;
use crate::jwt::{is_allowed_alg, issuer_url};
use crate::model::audit::{EventName, Origin};
use crate::model::provider::{Preset, Provider, ProviderId};
use crate::model::text::BadText;
use crate::oauth::upstream::{Endpoints, discovery_url};
use crate::secret::Secret;
use crate::service::fields::invalid;

/// For the metadata of a provider.
const LIMITS: Limits = Limits { time: Duration::from_secs(10), bytes: 64 * 1024 };

/// Configures a provider; `is_checked`: after its metadata was found to be of use.
pub(crate) fn create(
    app: &App,
    (id, preset): (&str, Preset),
    settings: &ProviderSettings,
    is_checked: bool,
    origin: &Origin,
) -> Result<Provider, Error> {
    let now = app.clock.now();
    let id: ProviderId = id.parse().map_err(invalid("id"))?;
    let provider = settings.new_provider(id, preset, now)?;
    let secret = settings.secret.as_ref().ok_or_else(|| Error::invalid("client_secret", "invalid", "is missing"))?;
    if is_checked && preset.is_openid() {
        check(app, &provider.issuer)?;
    }
    let sealed = seal_secret(app, &provider.id, secret)?;
    let event = origin.event(now, EventName::ProviderCreated).with(&provider.id);
    app.units.run(move |tx| {
        tx.insert_provider(&provider, &sealed)?;
        tx.record(event)?;
        Ok(provider)
    })
}

/// Asks a provider for its metadata; says what is wrong with it for this service.
fn check(app: &App, issuer: &str) -> Result<(), Error> {
    let url = discovery_url(issuer);
    let wrong = |why: String| Error::invalid("issuer", "invalid", format!("cannot be used: {url}: {why}"));
    let answer = app.outbound.get(&url, &[("accept", "application/json")], LIMITS);
    let answer = answer.map_err(|error| wrong(error.to_string()))?;
    if answer.status() != 200 {
        return Err(wrong(format!("it is answered with {}", answer.status())));
    }
    let text = answer.text().map_err(|error| wrong(error.to_string()))?;
    let algs = Endpoints::read(&text, issuer).map_err(&wrong)?.id_token_algs;
    if !algs.is_empty() && !algs.iter().any(|name| is_allowed_alg(name)) {
        return Err(wrong(format!("it signs ID tokens only with {}", algs.join(", "))));
    }
    Ok(())
}

/// The provider with this id, also when it is disabled.
pub(crate) fn find(app: &App, id: &str) -> Result<Provider, Error> {
    let id = known_form(id)?;
    Ok(app.store.read(|tx| tx.find_provider(&id))?.ok_or(Error::ProviderUnknown)?.0)
}

/// A provider that users may sign in at, and its sealed secret.
pub(crate) fn find_enabled(app: &App, id: &ProviderId) -> Result<(Provider, String), Error> {
    let found = app.store.read(|tx| tx.find_provider(id))?;
    found.filter(|(provider, _)| provider.disabled_at.is_none()).ok_or(Error::ProviderUnknown)
}

/// Every provider, by its id.
pub(crate) fn list(app: &App) -> Result<Vec<Provider>, Error> {
    app.store.read(|tx| tx.list_providers())
}

/// Those that users may sign in at.
pub(crate) fn list_enabled(app: &App) -> Result<Vec<Provider>, Error> {
    Ok(list(app)?.into_iter().filter(|provider| provider.disabled_at.is_none()).collect())
}

/// Changes the configuration of a provider; returns it as it is afterwards.
pub(crate) fn update(app: &App, id: &str, settings: &ProviderSettings, origin: &Origin) -> Result<Provider, Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    let sealed = settings.secret.as_ref().map(|secret| seal_secret(app, &id, secret)).transpose()?;
    // What was typed depends on the preset, which stays as it is.
    let changes = settings.checked(find(app, id.as_str())?.preset)?;
    let event = origin.event(now, EventName::ProviderUpdated).with(&id);
    app.units.run(move |tx| {
        let (before, secret) = tx.find_provider_locked(&id)?;
        let provider = changes.of(before.clone())?;
        if provider == before && sealed.is_none() {
            return Ok(provider);
        }
        let provider = Provider { updated_at: now, ..provider };
        tx.update_provider(&provider, &sealed.unwrap_or(secret))?;
        tx.record(event)?;
        Ok(provider)
    })
}

/// Disables a provider: users cannot sign in with it until it is enabled again. Sessions go on.
pub(crate) fn disable(app: &App, id: &str, origin: &Origin) -> Result<(), Error> {
    set_disabled(app, id, true, origin)
}

/// Enables a provider again.
pub(crate) fn enable(app: &App, id: &str, origin: &Origin) -> Result<(), Error> {
    set_disabled(app, id, false, origin)
}

fn set_disabled(app: &App, id: &str, is_disabled: bool, origin: &Origin) -> Result<(), Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    let name = if is_disabled { EventName::ProviderDisabled } else { EventName::ProviderEnabled };
    let event = origin.event(now, name).with(&id);
    app.units.run(move |tx| {
        let (provider, secret) = tx.find_provider_locked(&id)?;
        if provider.disabled_at.is_some() != is_disabled {
            let disabled_at = is_disabled.then_some(now);
            tx.update_provider(&Provider { updated_at: now, disabled_at, ..provider }, &secret)?;
            tx.record(event)?;
        }
        Ok(())
    })
}

/// Deletes a provider.
pub(crate) fn delete(app: &App, id: &str, origin: &Origin) -> Result<(), Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    let event = origin.event(now, EventName::ProviderDeleted).with(&id);
    app.units.run(move |tx| {
        if !tx.delete_provider(&id)? {
            return Err(Error::ProviderUnknown);
        }
        tx.record(event)
    })
}

/// Where the provider sends users back. Each has its own path, so that the answer of one is not taken for that of another
/// ([RFC 9700 section 4.4.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.4.2)).
pub(crate) fn redirect_uri(app: &App, id: &ProviderId) -> String {
    issuer_url(&app.config.issuer, &format!("/login/callback/{id}"))
}

fn seal_secret(app: &App, id: &ProviderId, secret: &Secret<String>) -> Result<String, Error> {
    sealing::seal(app, secret.expose().as_bytes(), &owner(id))
}

/// Decrypts the secret of a provider.
pub(super) fn open_secret(app: &App, id: &ProviderId, sealed: &str) -> Result<Secret<String>, Error> {
    let bytes = sealing::open(app, sealed, &owner(id))?;
    str::from_utf8(&bytes).map(|text| Secret::new(text.to_owned())).map_err(Error::internal)
}

/// The owner of a sealed secret: moved to another provider's row it does not open.
fn owner(id: &ProviderId) -> Vec<u8> {
    [b"provider ".as_slice(), id.as_str().as_bytes()].concat()
}

/// What is not an id by its form is no provider's.
fn known_form(id: &str) -> Result<ProviderId, Error> {
    id.parse().map_err(|_bad_form: BadText| Error::ProviderUnknown)
}
