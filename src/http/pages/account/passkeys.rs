//! Passkeys: a list of them, and adding one, which needs the script.

use actix_web::{HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::notice::Notice;
use super::second_factors::recovery_codes;
use super::templates::{AddPasskey, Moment, PasskeyRow, Passkeys};
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::error::Error;
use crate::http::extract::RegistrationBody;
use crate::http::failure::Failure;
use crate::http::pages::reply::page_with_passkeys;
use crate::http::view::passkey::CreationView;
use crate::model::grant::Live;
use crate::model::passkey::{PASSKEY_CHALLENGE_LIFETIME, Passkey, PasskeyId};
use crate::model::proof::MFA;
use crate::oauth::params::Params;
use crate::service::owner::Owner;
use crate::service::passkeys::{self, NewPasskey};
use crate::service::queries;

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    list(visit, response, problem, None).await
}

/// The passkeys; one may have been given a name that is refused.
async fn list(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
    refused: Option<(PasskeyId, &str)>,
) -> Result<HttpResponse, Failure> {
    let found = visit.run(|app, user, _| passkeys::list(app, user)).await?;
    let accepted: Vec<_> = found.iter().map(|passkey| URL_SAFE_NO_PAD.encode(&passkey.credential_id)).collect();
    let template = Passkeys {
        site: &visit.site,
        visit,
        problem,
        rows: found.iter().map(|passkey| row(passkey, refused)).collect(),
        user_handle: URL_SAFE_NO_PAD.encode(visit.user().as_bytes()),
        accepted: accepted.join(" "),
    };
    page_with_passkeys(&visit.site, response, &template, true)
}

fn row(passkey: &Passkey, refused: Option<(PasskeyId, &str)>) -> PasskeyRow {
    PasskeyRow {
        id: passkey.id.to_string(),
        name: passkey.name.to_string(),
        refused_name: refused.filter(|(id, _)| *id == passkey.id).map(|(_, typed)| typed.to_owned()),
        is_synced: passkey.is_backed_up,
        created: Moment(passkey.created_at),
        last_used: passkey.last_used_at.map(Moment),
    }
}

pub(super) async fn act(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    match params.get("do") {
        Some("rename") => rename(visit, params).await,
        Some("add") => {
            visit.protecting(params).await?;
            add(visit, HttpResponse::Ok(), None).await
        }
        Some("register") => {
            visit.protecting(params).await?;
            register(visit, params).await
        }
        Some("remove") => {
            visit.protecting(params).await?;
            let id = id(params)?;
            visit.run(move |app, user, origin| passkeys::remove(app, user, id, origin)).await?;
            Ok(visit.done(Notice::PasskeyRemoved))
        }
        _ => visit.bad_request(),
    }
}

fn id(params: &Params) -> Result<PasskeyId, Error> {
    params.get("id").and_then(|id| id.parse().ok()).ok_or(Error::PasskeyNotFound)
}

async fn rename(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    let (id, typed) = (id(params)?, params.get("name").unwrap_or_default());
    let name = typed.to_owned();
    match visit.run(move |app, user, _| passkeys::rename(app, user, id, &name)).await {
        Ok(_) => Ok(visit.done(Notice::Saved)),
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            Ok(list(visit, response, Some(problem), Some((id, typed))).await?)
        }
    }
}

/// What a browser needs to make a passkey by itself, right after a login by password. An account that has no second factor is
/// left alone: with a passkey its password alone would not log in any more.
pub(super) async fn upgrade(visit: &Visit<'_>) -> Result<Option<String>, Failure> {
    let Live { session, grant, .. } = &visit.live;
    let shown = grant.as_ref().map(|grant| grant.amr.names()).unwrap_or_default();
    let has_shown = ["pwd", MFA].iter().all(|name| shown.iter().any(|one| one == name));
    let recently = PASSKEY_CHALLENGE_LIFETIME.min(visit.app.config.reauthentication_period);
    let is_recent = session.auth_time() + recently > visit.app.clock.now();
    if !(has_shown && is_recent && visit.site.has_passkeys()) {
        return Ok(None);
    }
    let session = visit.session();
    let offer = move |app: &_, user, _: &_| {
        let (has_app, has_passkeys) =
            (queries::find_app(app, user)?.0.is_some(), !passkeys::list(app, user)?.is_empty());
        let offer = || passkeys::offer(app, &Owner::LoggedIn(user, session), true);
        if has_app && !has_passkeys { offer().map(Some) } else { Ok(None) }
    };
    Ok(visit.run(offer).await?.map(|offer| CreationView::new(visit.app, &offer).json()))
}

/// What the script needs to make a passkey.
async fn add(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Instead> {
    let session = visit.session();
    let offer = move |app: &_, user, _: &_| passkeys::offer(app, &Owner::LoggedIn(user, session), false);
    let offer = match visit.run(offer).await {
        Ok(offer) => offer,
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            return Ok(show(visit, response, Some(problem)).await?);
        }
    };
    let options = CreationView::new(visit.app, &offer).json();
    Ok(page_with_passkeys(&visit.site, response, &AddPasskey { site: &visit.site, visit, problem, options }, true)?)
}

async fn register(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    // It does not go through the question for the password.
    let Some(credential) = params.get("credential") else { return add(visit, HttpResponse::Ok(), None).await };
    let Ok(credential) = serde_json::from_str::<RegistrationBody>(credential) else { return visit.bad_request() };
    let ((transports, registration), name) = (credential.parts(), params.get("name").map(ToOwned::to_owned));
    let session = visit.session();
    let register = move |app: &_, user, origin: &_| {
        let new = NewPasskey { registration, transports: &transports, name: name.as_deref() };
        passkeys::register(app, Owner::LoggedIn(user, session), &new, origin)
    };
    match visit.run(register).await {
        Ok(added) => match added.recovery_codes {
            Some(codes) => recovery_codes(visit, &codes),
            None => Ok(visit.done(Notice::PasskeyAdded)),
        },
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            add(visit, response, Some(problem)).await
        }
    }
}
