//! An authorization request as it arrives: answered at once, or taken up as an interaction
//! ([RFC 6749 section 4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1)).

use super::browser;
use super::entitled::audiences_of;
use super::hint::{Hint, read_hint};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::authorization::{
    AuthorizationRequest, CODE_LIFETIME, Code, Consent, INTERACTION_LIFETIME, Interaction, InteractionId, Prompt,
};
use crate::model::client::{Client, ClientId};
use crate::model::grant::Live;
use crate::model::id::{UserId, new_id};
use crate::model::names::Scopes;
use crate::oauth::answer::{Answer, Destination};
use crate::oauth::authorization::{self, Untrusted};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::steps::{self, Known, Step};
use crate::secret::Opaque;
use crate::service::second_factor::{Needs, needs};

/// What a request leads to.
pub(crate) enum Begun {
    /// An error page for the user.
    Untrusted(Untrusted),
    /// The client gets its answer.
    Answered(Answer),
    /// The user is needed. The secret binds the interaction to this browser.
    Interaction(InteractionId, Opaque),
}

/// A request that may be worked on, with what is known of client and user.
pub(crate) struct Ongoing {
    /// The request.
    pub(crate) interaction: Interaction,
    /// Who asks.
    pub(crate) client: Client,
    /// Who is asked.
    pub(crate) known: Known,
}

/// Takes up a request of a browser that has this session cookie.
pub(crate) fn begin(app: &App, params: &Params, cookie: Option<&str>, origin: &Origin) -> Result<Begun, Error> {
    let client = match authorization::client_id(params) {
        Some(id) => find_client(app, id)?,
        None => None,
    };
    let Some(client) = client else { return Ok(Begun::Untrusted(Untrusted::Client)) };
    let redirect_uri = match authorization::redirect_uri(params, &client) {
        Ok(uri) => uri,
        Err(untrusted) => return Ok(Begun::Untrusted(untrusted)),
    };
    let request = match authorization::read(params, &client, redirect_uri, &audiences_of(app, &client)) {
        Ok(request) => request,
        Err(refused) => return Ok(Begun::Answered(refused.to.with_error(&refused.error, &app.config.issuer))),
    };
    let Some(request) = with_hint(app, params, request.clone()) else {
        let (to, description) = (destination(&request), "id_token_hint is not an ID token of this client");
        let error = OAuthError::new(ErrorCode::InvalidRequest, description);
        return Ok(Begun::Answered(to.with_error(&error, &app.config.issuer)));
    };
    let now = app.clock.now();
    let (id, expires_at) = (new_id(now, &*app.entropy)?, now + INTERACTION_LIFETIME);
    let interaction = Interaction { id, request, chosen: false, created_at: now, expires_at, finished_at: None };
    let known = known(app, &client.id, cookie)?;
    let ongoing = Ongoing { interaction, client, known };
    match (ongoing.next(app), is_silent(&ongoing.interaction.request)) {
        (Step::Answer, _) => ongoing.issue(app, None, origin).map(Begun::Answered),
        (step, true) => Ok(Begun::Answered(ongoing.needs(&step, &app.config.issuer))),
        (_, false) => {
            let browser = Opaque::generate(&*app.entropy)?;
            app.store.write(|tx| tx.insert_interaction(&ongoing.interaction, browser.digest()))?;
            Ok(Begun::Interaction(id, browser))
        }
    }
}

/// A registered client that is not disabled.
pub(super) fn find_client(app: &App, id: &str) -> Result<Option<Client>, Error> {
    // A text that is not a valid id belongs to no client.
    let Ok(id) = id.parse::<ClientId>() else { return Ok(None) };
    let found = app.store.read(|tx| tx.find_client(&id))?;
    Ok(found.map(|(client, _)| client).filter(|client| client.disabled_at.is_none()))
}

/// Who is signed in, and what they have allowed to a client.
pub(super) fn known(app: &App, client: &ClientId, cookie: Option<&str>) -> Result<Known, Error> {
    let session = browser::signed_in(app, cookie)?;
    let consent = match &session {
        Some(live) => app.store.read(|tx| tx.find_consent(live.user.id, client))?,
        None => None,
    };
    let stronger = match &session {
        Some(live) => stronger(app, live)?,
        None => None,
    };
    Ok(Known { session, consent, stronger })
}

/// The `acr` of two factors, if the user has them and has not shown them in this session.
fn stronger(app: &App, live: &Live) -> Result<Option<String>, Error> {
    let acr = app.config.acr_two_factors.as_ref();
    let acr = acr.filter(|acr| live.grant.as_ref().and_then(|grant| grant.acr.as_ref()) != Some(*acr));
    let Some(acr) = acr else { return Ok(None) };
    Ok((needs(app, live.user.id, false)? == Needs::Factor).then(|| acr.clone()))
}

/// The request with the user of `id_token_hint`, if it has one; `None` if the hint was not issued to the client. When it can
/// no longer be told who it names, the user logs in.
fn with_hint(app: &App, params: &Params, request: AuthorizationRequest) -> Option<AuthorizationRequest> {
    let Some(hint) = params.get("id_token_hint") else { return Some(request) };
    match read_hint(app, hint) {
        Hint::Of(claims) if claims.azp == request.client_id => {
            Some(AuthorizationRequest { expected_user: claims.sub.to_string().parse().ok(), ..request })
        }
        Hint::OfRemovedKey => Some(AuthorizationRequest { max_age: Some(0), ..request }),
        Hint::Of(_) | Hint::Bad => None,
    }
}

fn destination(request: &AuthorizationRequest) -> Destination {
    let AuthorizationRequest { redirect_uri, response_mode, state, .. } = request;
    Destination { redirect_uri: redirect_uri.clone(), mode: *response_mode, state: state.clone() }
}

fn is_silent(request: &AuthorizationRequest) -> bool {
    request.prompt.contains(&Prompt::None)
}

impl Ongoing {
    /// What comes next.
    pub(crate) fn next(&self, app: &App) -> Step {
        steps::next(&self.interaction, &self.client, &self.known, app.clock.now())
    }

    fn destination(&self) -> Destination {
        destination(&self.interaction.request)
    }

    /// An error for the client.
    pub(crate) fn refuse(&self, code: ErrorCode, description: &str, issuer: &str) -> Answer {
        self.destination().with_error(&OAuthError::new(code, description), issuer)
    }

    /// [OpenID Connect Core section 3.1.2.6](https://openid.net/specs/openid-connect-core-1_0.html#AuthError): the
    /// error for a request with `prompt=none` that needs the user.
    pub(super) fn needs(&self, step: &Step, issuer: &str) -> Answer {
        let (code, description) = match step {
            Step::Login | Step::AnotherUser => (ErrorCode::LoginRequired, "the user has to log in"),
            Step::Account => (ErrorCode::AccountSelectionRequired, "the user has to choose an account"),
            Step::Consent(_) | Step::Answer => (ErrorCode::ConsentRequired, "the user has to allow it"),
        };
        self.refuse(code, description, issuer)
    }

    /// Issues a code for a request without a stored interaction.
    fn issue(&self, app: &App, allowed: Option<&Scopes>, origin: &Origin) -> Result<Answer, Error> {
        Ok(self.finish(app, allowed, false, origin)?.unwrap_or_else(|| self.needs(&Step::Login, &app.config.issuer)))
    }

    /// Issues a code, and records what the user has just allowed, if they were asked. `None` if the interaction was
    /// answered before or no user is signed in.
    pub(crate) fn finish(
        &self,
        app: &App,
        allowed: Option<&Scopes>,
        is_on_record: bool,
        origin: &Origin,
    ) -> Result<Option<Answer>, Error> {
        let Some(live) = &self.known.session else { return Ok(None) };
        let now = app.clock.now();
        let (code, text) = (self.code(live, app), Opaque::generate(&*app.entropy)?);
        let (client, allowed) = (self.client.clone(), allowed.cloned());
        let origin = Origin { actor: Some(live.user.id), session: Some(live.session.id), ..origin.clone() };
        let event = origin.event(now, EventName::ConsentGiven).about(live.user.id).with(&self.client.id);
        let (id, digest) = (self.interaction.id, text.digest());
        let is_first = app.units.run(move |tx| {
            tx.lock_user(code.user_id)?;
            if is_on_record && !tx.finish_interaction(id, now)? {
                return Ok(false);
            }
            if let Some(allowed) = &allowed {
                // Read here: another tab may have allowed more since the page was shown, or the user may have taken it back.
                let before = tx.reading().find_consent(code.user_id, &client.id)?;
                tx.put_consent(&consent(&client, code.user_id, before, allowed, now))?;
                tx.record(event)?;
            }
            tx.insert_code(&code, digest)?;
            Ok(true)
        })?;
        Ok(is_first.then(|| self.destination().with_code(text.expose(), &app.config.issuer)))
    }

    fn code(&self, live: &Live, app: &App) -> Code {
        let request = self.interaction.request.clone();
        let grant = live.grant.as_ref();
        Code {
            client_id: self.client.id.clone(),
            user_id: live.user.id,
            browser_session_id: live.session.id,
            redirect_uri: request.redirect_uri,
            code_challenge: request.code_challenge,
            scope: request.scope,
            audience: request.resource,
            nonce: request.nonce,
            auth_time: live.session.auth_time(),
            amr: grant.map(|grant| grant.amr.clone()).unwrap_or_default(),
            acr: grant.and_then(|grant| grant.acr.clone()),
            idp: grant.and_then(|grant| grant.idp.clone()),
            expires_at: app.clock.now() + CODE_LIFETIME,
            session_id: None,
        }
    }
}

/// What was allowed before stays allowed, as far as the client may still ask for it.
fn consent(client: &Client, user_id: UserId, before: Option<Consent>, allowed: &Scopes, now: Timestamp) -> Consent {
    let with_those = |before: &Consent| {
        let neither = client.scopes.without(&before.scopes).without(allowed);
        client.scopes.without(&neither)
    };
    Consent {
        user_id,
        client_id: client.id.clone(),
        scopes: before.as_ref().map_or_else(|| allowed.clone(), with_those),
        created_at: before.map_or(now, |before| before.created_at),
        updated_at: now,
    }
}
