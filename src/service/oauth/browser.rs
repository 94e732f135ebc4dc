//! The session of a browser: a session like any login, whose refresh token is in a cookie. Finding out who is signed in
//! does not rotate it: a page that is closed before its response arrives must not cost the session.

use std::sync::Arc;

use crate::app::App;
use crate::clock::Timestamp;
use crate::engine::deadline;
use crate::engine::limiter::Charge;
use crate::error::Error;
use crate::jwt::{RefreshClaims, TokenError, verify_signature};
use crate::model::audit::Origin;
use crate::model::grant::Live;
use crate::model::id::{SessionId, UserId};
use crate::model::rotation::{Presented, Verdict, judge};
use crate::model::session::{Device, EndReason};
use crate::service::pair::{Access, Pair, Purpose, mint_access};
use crate::service::proof::Outcome;
use crate::service::{claims_hook, login, me, passkey_login, refresh, second_step, sessions, shown};
use crate::webauthn::Assertion;
use tokensmith_verifier::issuing::FIRST_PARTY;

/// The live session that a browser's cookie stands for. Nothing is written, even if the cookie is invalid.
pub(crate) fn signed_in(app: &App, cookie: Option<&str>) -> Result<Option<Live>, Error> {
    let Some(cookie) = cookie else { return Ok(None) };
    let claims = app.keys.ring().verify_refresh(cookie, &app.config.issuer, app.clock.now());
    let Ok(claims) = claims else { return Ok(None) };
    match judge_without_writing(app, &claims) {
        Ok(live) => Ok(Some(live)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The live session of a verified refresh token, if a refresh with it would succeed. Nothing is written, even if the token
/// was reused.
fn judge_without_writing(app: &App, claims: &RefreshClaims) -> Result<Live, Error> {
    let found = app.store.read(|tx| tx.find_with_grant(claims.sid))?;
    // A grant of an application is not a browser's session. Sessions of earlier versions have none.
    if found.as_ref().and_then(|live| live.grant.as_ref()).is_some_and(|grant| !grant.is_first_party()) {
        return Err(Error::WrongClient);
    }
    let presented = Presented { generation: claims.generation, context: None, is_bound: false };
    let session = found.as_ref().map(|live| &live.session);
    let is_active = found.as_ref().is_some_and(|live| live.user.disabled_at.is_none());
    match judge(presented, session, is_active, app.config.rotation_rules(), app.clock.now()).verdict {
        Verdict::Rotate | Verdict::Repeat | Verdict::Retry | Verdict::Heal => found.ok_or(Error::SessionUnknown),
        Verdict::Reused(_) => Err(Error::RefreshTokenReplaced),
        Verdict::Refused(refusal) => Err(refusal.into()),
    }
}

/// Whether an error says that a cookie is not that of a live session.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::TokenRefused(_)
            | Error::WrongClient
            | Error::SessionUnknown
            | Error::SessionEnded(_)
            | Error::AccountDisabled
            | Error::RefreshTokenReplaced
            | Error::RefreshTokenReused
    )
}

/// The session of a refresh token, by its MAC alone; `None` also if its key is not known here yet.
pub(crate) fn session_of(app: &App, cookie: &str) -> Option<SessionId> {
    let claims = app.keys.ring().verify_refresh(cookie, &app.config.issuer, app.clock.now());
    claims.ok().map(|claims| claims.sid)
}

/// Authenticates a request by the refresh token in its cookie; returns an access token for the requests that follow.
/// Nothing is written.
pub(crate) async fn authenticate(app: &Arc<App>, cookie: &str) -> Result<Access, Error> {
    // From before the session is read: if it ends meanwhile, the token lives no longer than the denial.
    let now = app.clock.now();
    let (live, end) = find(app, cookie).await?;
    let access = sign(app, live, end, now).await?;
    // As with any access token: a user may be denied for a while, in every session.
    if access.claims.is_denied(app.denylist.set()) {
        return Err(Error::TokenRefused(TokenError::Revoked));
    }
    Ok(access)
}

/// The live session of a cookie, and when the cookie expires.
async fn find(app: &Arc<App>, cookie: &str) -> Result<(Live, Timestamp), Error> {
    let claims = refresh::verify(app, cookie, FIRST_PARTY).await?.claims;
    let (asked, turn) = (Arc::clone(app), app.lookups.turn().await?);
    let end = claims.exp;
    let live = deadline::on_a_thread(move || judge_without_writing(&asked, &claims)).await?;
    drop(turn);
    Ok((live, end))
}

/// Signs as at a refresh, for the audience of the session: a browser keeps the token for all services that it is for.
async fn sign(app: &Arc<App>, live: Live, end: Timestamp, now: Timestamp) -> Result<Access, Error> {
    let alg = Purpose::of_grant(app, live.grant.as_deref(), None)?.alg;
    let (its_app, has_hook) = (Arc::clone(app), app.claims_hook.is_some());
    let sign = move || {
        let purpose = Purpose::of_grant(&its_app, live.grant.as_deref(), None)?;
        let hooked = claims_hook::at_hand(&its_app, &live, purpose)?;
        mint_access(&its_app, &live, purpose.hooked(hooked.claims()), end, now)
    };
    // What the hook has answered is read from the database.
    if has_hook { deadline::on_a_thread(sign).await } else { deadline::signing(alg, sign).await }
}

/// Ends the session of a cookie that authenticates no more, by its signature alone.
pub(crate) async fn sign_out(app: &App, cookie: &str, origin: Origin) -> Result<(), Error> {
    match verify_signature::<RefreshClaims>(cookie, app.keys.ring().keys()) {
        Ok(claims) => sessions::end_if_stored(app, claims.sub, claims.sid, EndReason::Logout, origin).await,
        Err(_not_ours) => Ok(()),
    }
}

/// Ends the session whose refresh token a browser held before it got that of session `kept`: that token is lost. If
/// somebody else had replaced it, it is reused, which ends its session, too.
pub(crate) async fn leave(
    app: &Arc<App>,
    cookie: &str,
    kept: SessionId,
    device: &Device,
    origin: &Origin,
) -> Result<(), Error> {
    // Another instance may have signed it with a key that is new here.
    app.known_keys.find_key_of(cookie).await?;
    if session_of(app, cookie) == Some(kept) {
        return Ok(());
    }
    let left = match find(app, cookie).await {
        Ok((live, _)) => {
            let (user, session) = (live.user.id, live.session.id);
            sessions::end_if_stored(app, user, session, EndReason::Logout, origin.clone()).await
        }
        Err(Error::RefreshTokenReplaced) => {
            refresh::refresh(app, cookie, None, device, origin.clone()).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    match left {
        Err(error) if is_refusal(&error) => Ok(()),
        left => left,
    }
}

/// The result of a login in a browser.
pub(crate) enum SignedIn {
    /// A new session, and the one before in this browser, which is to end.
    New(Box<Pair>, Option<(UserId, SessionId)>),
    /// The existing one; its refresh token is to be rotated.
    Again,
}

/// Signs in a user who has authenticated. Their own session in this browser goes on; one of another user is to end.
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
            match me::reauthenticate(app, user, session, outcome, (&origin, true)) {
                Ok(_pair) => Ok(SignedIn::Again),
                // The same error, whether the user is signed in already or not.
                Err(Error::WrongPassword) => Err(Error::BadCredentials),
                Err(error) => Err(error),
            }
        }
        before => {
            let pair = login::login(app, outcome, app.config.first_party(None), device, origin)?;
            Ok(SignedIn::New(Box::new(pair), before))
        }
    }
}

/// The same, for a login by a passkey alone.
pub(crate) fn sign_in_by_passkey(
    app: &App,
    (assertion, charge): (&Assertion, Charge),
    before: Option<(UserId, SessionId)>,
    device: &Device,
    origin: &Origin,
) -> Result<SignedIn, Error> {
    let owner = passkey_login::find_owner(app, assertion)?;
    if let Some((user, session)) = before.filter(|(user, _)| owner == Some(*user)) {
        let origin = Origin { actor: Some(user), session: Some(session), ..origin.clone() };
        passkey_login::reauthenticate(app, (assertion, charge), user, session, &origin)?;
        return Ok(SignedIn::Again);
    }
    let pair = passkey_login::login(app, (assertion, charge), None, device, origin)?;
    Ok(SignedIn::New(Box::new(pair), before))
}

/// The same, for a login whose second step is shown in this browser.
pub(crate) fn sign_in_by_step(
    app: &App,
    (claim, charge): (shown::Claim, Charge),
    before: Option<(UserId, SessionId)>,
    device: &Device,
    origin: &Origin,
) -> Result<SignedIn, Error> {
    let (again, here) = (claim.session(), before.map(|(_, session)| session));
    // Another browser, or another session in this one.
    if again.is_some() && again != here {
        return Err(Error::BadChallenge);
    }
    let pair = second_step::finish(app, claim, charge, device, origin)?;
    Ok(if again.is_some() { SignedIn::Again } else { SignedIn::New(Box::new(pair), before) })
}
