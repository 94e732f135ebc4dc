//! The session of a browser: a session like any login, whose refresh token is in a cookie. Finding out who is signed in
//! does not rotate it: a page that is closed before its response arrives must not cost the session.

use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::grant::Live;
use crate::model::id::{SessionId, UserId};
use crate::model::rotation::{Presented, Verdict, judge};
use crate::model::session::{Device, End, EndReason};
use crate::service::pair::Pair;
use crate::service::proof::Outcome;
use crate::service::{login, me};
use crate::store::GrantsOf;

/// The live session that a browser's cookie stands for. Nothing is written, even if the cookie is invalid.
pub(crate) fn signed_in(app: &App, cookie: Option<&str>) -> Result<Option<Live>, Error> {
    let Some(cookie) = cookie else { return Ok(None) };
    let now = app.clock.now();
    let Ok(claims) = app.keys.ring().verify_refresh(cookie, &app.config.issuer, now) else { return Ok(None) };
    let Some(live) = app.store.read(|tx| tx.find_live(claims.sid))? else { return Ok(None) };
    // A grant of an application is not a browser's session.
    if !live.grant.as_ref().is_some_and(|grant| grant.is_first_party()) {
        return Ok(None);
    }
    let presented = Presented { generation: claims.generation, context: None, is_bound: false };
    let is_active = live.user.disabled_at.is_none();
    let is_live = match judge(presented, Some(&live.session), is_active, app.config.rotation_rules(), now).verdict {
        Verdict::Rotate | Verdict::Repeat | Verdict::Retry | Verdict::Heal => true,
        Verdict::Reused(_) | Verdict::Refused(_) => false,
    };
    Ok(is_live.then_some(live))
}

/// The result of a login in a browser.
pub(crate) enum SignedIn {
    /// A new session.
    New(Box<Pair>),
    /// The existing one; its refresh token is to be rotated.
    Again,
}

/// Signs in a user who has authenticated. Their own session in this browser goes on; one of another user ends.
pub(crate) fn sign_in(
    app: &App,
    outcome: Outcome,
    before: Option<(UserId, SessionId)>,
    device: &Device,
    origin: &Origin,
) -> Result<SignedIn, Error> {
    match before {
        Some((user, session)) if outcome.claimed == Some(user) => {
            let origin = Origin { actor: Some(user), session: Some(session), ..origin.clone() };
            match me::reauthenticate(app, user, session, outcome, &origin) {
                Ok(_pair) => Ok(SignedIn::Again),
                // The same error, whether the user is signed in already or not.
                Err(Error::WrongPassword) => Err(Error::BadCredentials),
                Err(error) => Err(error),
            }
        }
        before => {
            let pair = login::login(app, outcome, None, device, origin)?;
            if let Some((user, session)) = before {
                end(app, user, session, EndReason::Logout, origin)?;
            }
            Ok(SignedIn::New(Box::new(pair)))
        }
    }
}

/// Ends a browser's session, and the grants that began in it and do not outlive it.
pub(super) fn end(
    app: &App,
    user: UserId,
    session: SessionId,
    reason: EndReason,
    origin: &Origin,
) -> Result<(), Error> {
    let (end, access) = (End { at: app.clock.now(), reason }, app.config.lifetimes.access);
    let event = origin.event(end.at, EventName::Logout).about(user).of_session(session);
    app.units.run(move |tx| {
        // First: it locks all sessions in the order in which everybody does.
        let grants = tx.end_grants(user, &GrantsOf::Browser(session), end, access)?;
        match tx.end_session_of(user, session, end, access) {
            Ok(true) => tx.record(if grants > 0 { event.with(format_args!("{grants} grants")) } else { event }),
            // Not on record any more.
            Ok(false) | Err(Error::SessionNotFound) => Ok(()),
            Err(error) => Err(error),
        }
    })
}
