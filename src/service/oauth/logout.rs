//! Logging out of a browser, at the request of an application
//! ([OpenID Connect RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)).

use std::sync::Arc;

use super::authorize::find_client;
use super::browser;
use super::hint::{Hint, read_hint};
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::client::Client;
use crate::model::grant::Live;
use crate::model::session::EndReason;
use crate::oauth::answer::with_query;
use crate::oauth::authorization::MAX_VALUE_BYTES;
use crate::oauth::params::Params;
use crate::oauth::redirect_uri::is_registered;
use crate::service::sessions;
use tokensmith_verifier::issuing::IdTokenClaims;

/// The result of a logout request.
pub(crate) enum LoggingOut {
    /// It names a client or a redirect URI that is not registered, or its parameters contradict each other.
    Mistaken,
    /// The user has to be asked.
    Ask(Box<Live>),
    /// The browser is signed out; where to go next.
    Done(Option<String>),
}

/// What a logout request is about.
enum Asked {
    Mistaken,
    Unconfirmed(Box<Live>),
    /// The session that is to end, if the browser is signed in.
    Confirmed(Option<Box<Live>>, Option<String>),
}

/// Handles a request of a browser with this session cookie. The session ends without a question if the request has an ID
/// token of this session, or if the user has confirmed.
pub(crate) async fn log_out(
    app: &Arc<App>,
    params: Params,
    cookie: Option<String>,
    is_confirmed: bool,
    origin: Origin,
) -> Result<LoggingOut, Error> {
    let asked = Arc::clone(app);
    let read = move || read(&asked, &params, cookie.as_deref(), is_confirmed);
    let (live, target) = match deadline::on_a_thread(read).await? {
        Asked::Mistaken => return Ok(LoggingOut::Mistaken),
        Asked::Unconfirmed(live) => return Ok(LoggingOut::Ask(live)),
        Asked::Confirmed(live, target) => (live, target),
    };
    if let Some(live) = live {
        let (user, session) = (live.user.id, live.session.id);
        let origin = Origin { actor: Some(user), session: Some(session), ..origin };
        sessions::end_if_stored(app, user, session, EndReason::Logout, origin).await?;
    }
    Ok(LoggingOut::Done(target))
}

fn read(app: &App, params: &Params, cookie: Option<&str>, is_confirmed: bool) -> Result<Asked, Error> {
    let hint = params.get("id_token_hint").and_then(|token| match read_hint(app, token) {
        Hint::Of(claims) => Some(*claims),
        Hint::OfRemovedKey | Hint::Bad => None,
    });
    let Ok(client) = client(app, params, hint.as_ref())? else { return Ok(Asked::Mistaken) };
    let Ok(target) = target(params, client.as_ref()) else { return Ok(Asked::Mistaken) };
    let Some(live) = browser::signed_in(app, cookie)?.map(Box::new) else { return Ok(Asked::Confirmed(None, target)) };
    let is_of_this_session = hint.is_some_and(|hint| hint.sid == live.session.id);
    Ok(if is_confirmed || is_of_this_session { Asked::Confirmed(Some(live), target) } else { Asked::Unconfirmed(live) })
}

/// A request that contradicts itself, or names an unknown client.
struct Mistaken;

fn client(app: &App, params: &Params, hint: Option<&IdTokenClaims>) -> Result<Result<Option<Client>, Mistaken>, Error> {
    let named = params.get("client_id");
    let of_hint = hint.map(|hint| hint.azp.as_str());
    if params.repeated().is_some() || named.zip(of_hint).is_some_and(|(named, hinted)| named != hinted) {
        return Ok(Err(Mistaken));
    }
    let Some(id) = named.or(of_hint) else { return Ok(Ok(None)) };
    Ok(find_client(app, id)?.map(Some).ok_or(Mistaken))
}

/// Where the user is sent next: only to a URI that the client has registered.
fn target(params: &Params, client: Option<&Client>) -> Result<Option<String>, Mistaken> {
    let Some(uri) = params.get("post_logout_redirect_uri") else { return Ok(None) };
    let is_known = client.is_some_and(|client| is_registered(&client.post_logout_redirect_uris, uri));
    if !is_known {
        return Err(Mistaken);
    }
    let state = params.get("state");
    if state.is_some_and(|state| state.len() > MAX_VALUE_BYTES) {
        return Err(Mistaken);
    }
    let state: Vec<_> = state.map(|state| ("state", state.to_owned())).into_iter().collect();
    Ok(Some(with_query(uri, &state)))
}
