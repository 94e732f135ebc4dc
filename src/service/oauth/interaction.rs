//! An interaction: a browser logs its user in, lets them choose and decide, and gets the answer for the client. It is bound
//! to the browser that began it. Only the session cookie says who is signed in, so a link from an attacker cannot collect
//! the victim's code.

use super::authorize::{Ongoing, find_client, known};
use crate::app::App;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::authorization::InteractionId;
use crate::model::client::Client;
use crate::model::mail::LINK_LIFETIME;
use crate::oauth::answer::Answer;
use crate::oauth::error::ErrorCode;
use crate::oauth::redirect_uri::is_registered;
use crate::oauth::steps::Step;
use crate::secret::digest_of;

/// What a browser's cookies say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cookies {
    /// That it began the interaction.
    pub(crate) binding: Option<String>,
    /// Who is signed in.
    pub(crate) session: Option<String>,
}

/// How far an interaction is.
pub(crate) enum State {
    /// There is none with this id that this browser has begun.
    Foreign,
    /// Its client is not registered any more, or disabled, or its redirect URI is no longer registered.
    ClientGone,
    /// It was answered before.
    Finished(Box<Ongoing>),
    /// Its time is over; what the client can be told.
    Expired(Box<Ongoing>, Answer),
    /// The user is needed.
    Open(Box<Ongoing>, Step),
    /// The client gets its answer.
    Answered(Box<Ongoing>, Answer),
}

impl State {
    /// What is asked for, if this browser may know it.
    pub(crate) fn ongoing(&self) -> Option<&Ongoing> {
        match self {
            Self::Foreign | Self::ClientGone => None,
            Self::Finished(ongoing)
            | Self::Expired(ongoing, _)
            | Self::Open(ongoing, _)
            | Self::Answered(ongoing, _) => Some(ongoing),
        }
    }
}

/// What a user has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The client may do what it asks for.
    Allow,
    /// It may not.
    Deny,
    /// To go on as who is signed in.
    Continue,
}

/// How far an interaction is. One that needs nothing more of its user is answered.
pub(crate) fn look(app: &App, id: InteractionId, cookies: &Cookies, origin: &Origin) -> Result<State, Error> {
    match find(app, id, cookies)? {
        State::Open(ongoing, Step::Answer) => {
            let answer = ongoing.finish(app, None, true, origin)?;
            Ok(answered(ongoing, answer))
        }
        State::Open(ongoing, Step::AnotherUser) => {
            let now = app.clock.now();
            let is_first = app.store.write(|tx| tx.finish_interaction(id, now))?;
            let answer = is_first.then(|| ongoing.needs(&Step::AnotherUser, &app.config.issuer));
            Ok(answered(ongoing, answer))
        }
        state => Ok(state),
    }
}

/// How far an interaction is; nothing is written.
pub(crate) fn find(app: &App, id: InteractionId, cookies: &Cookies) -> Result<State, Error> {
    let Some((interaction, browser)) = app.store.read(|tx| tx.find_interaction(id))? else {
        return Ok(State::Foreign);
    };
    if cookies.binding.as_deref().map(digest_of) != Some(browser) {
        return Ok(State::Foreign);
    }
    let client = find_client(app, &interaction.request.client_id)?;
    let is_still_its_own = |client: &Client| is_registered(&client.redirect_uris, &interaction.request.redirect_uri);
    let Some(client) = client.filter(is_still_its_own) else { return Ok(State::ClientGone) };
    let known = known(app, &client.id, cookies.session.as_deref())?;
    let ongoing = Box::new(Ongoing { interaction, client, known });
    if ongoing.interaction.finished_at.is_some() {
        return Ok(State::Finished(ongoing));
    }
    if app.clock.now() >= ongoing.interaction.expires_at {
        let answer = ongoing.refuse(ErrorCode::AccessDenied, "the request has expired", &app.config.issuer);
        return Ok(State::Expired(ongoing, answer));
    }
    let step = ongoing.next(app);
    Ok(State::Open(ongoing, step))
}

/// The first of these interactions that is open, and what shows that this browser has begun it.
pub(crate) fn first_open(app: &App, begun: Vec<(InteractionId, String)>) -> Result<Option<InteractionId>, Error> {
    for (id, binding) in begun {
        let cookies = Cookies { binding: Some(binding), session: None };
        if matches!(find(app, id, &cookies)?, State::Open(..)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Has the first of these that is open wait as long as the link of a mail works that its user has asked for.
pub(crate) fn wait_for_mail(app: &App, begun: Vec<(InteractionId, String)>) -> Result<(), Error> {
    let Some(id) = first_open(app, begun)? else { return Ok(()) };
    let until = app.clock.now() + LINK_LIFETIME;
    app.store.write(|tx| tx.prolong_interaction(id, until))
}

/// Does what a user has decided; returns how far the interaction is then.
pub(crate) fn decide(app: &App, ongoing: Box<Ongoing>, decision: Decision, origin: &Origin) -> Result<State, Error> {
    let id = ongoing.interaction.id;
    match (decision, ongoing.next(app)) {
        (Decision::Deny, _) => {
            let now = app.clock.now();
            let is_first = app.store.write(|tx| tx.finish_interaction(id, now))?;
            let refusal = || ongoing.refuse(ErrorCode::AccessDenied, "the user said no", &app.config.issuer);
            let answer = is_first.then(refusal);
            Ok(answered(ongoing, answer))
        }
        (Decision::Continue, Step::Account) => {
            choose(app, id)?;
            Ok(State::Open(ongoing, Step::Account))
        }
        (Decision::Allow, Step::Consent(scopes)) => {
            let answer = ongoing.finish(app, Some(&scopes), true, origin)?;
            Ok(answered(ongoing, answer))
        }
        // It has been allowed in another tab.
        (Decision::Allow, Step::Answer) => {
            let answer = ongoing.finish(app, None, true, origin)?;
            Ok(answered(ongoing, answer))
        }
        // It has to be asked again.
        (Decision::Allow | Decision::Continue, step) => Ok(State::Open(ongoing, step)),
    }
}

/// Notes that the user has chosen which account to use; a login is such a choice, too.
pub(crate) fn choose(app: &App, id: InteractionId) -> Result<(), Error> {
    app.store.write(|tx| tx.choose_account(id))
}

/// The same after a login on the way to an interaction, if the browser with this cookie has begun it.
pub(crate) fn choose_in(app: &App, id: InteractionId, binding: &str) -> Result<(), Error> {
    let found = app.store.read(|tx| tx.find_interaction(id))?;
    match found.filter(|(_, browser)| digest_of(binding).is(browser)) {
        Some(_) => choose(app, id),
        None => Ok(()),
    }
}

fn answered(ongoing: Box<Ongoing>, answer: Option<Answer>) -> State {
    match answer {
        Some(answer) => State::Answered(ongoing, answer),
        None => State::Finished(ongoing),
    }
}
