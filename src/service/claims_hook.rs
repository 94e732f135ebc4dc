//! Asking the hook for claims, always outside a transaction and before anything is used up: a refresh token, a password or a
//! code is as good as before if the hook does not answer and its claims are a must.

use std::sync::Arc;

use super::pair::Purpose;
use crate::app::App;
use crate::config::HookFail;
use crate::engine::claims_hook::{Answer, ClaimsHook, Question, RETRY_AFTER};
use crate::engine::deadline;
use crate::error::{Error, root_cause};
use crate::jwt::RefreshClaims;
use crate::model::attributes::Attributes;
use crate::model::grant::Live;
use crate::model::id::SessionId;
use crate::model::user::User;

/// What a session has from the hook; nothing where there is no hook.
#[derive(Clone, Debug, Default)]
pub(super) struct Hooked {
    claims: Option<Attributes>,
    /// Whether that is not what is stored for the session.
    is_new: bool,
}

impl Hooked {
    /// The claims.
    pub(super) fn claims(&self) -> Option<&Attributes> {
        self.claims.as_ref()
    }
}

/// Asks for a login of this user, which gets this grant and a token for this purpose.
pub(super) fn at_login(
    app: &App,
    user: &User,
    (client_id, scope): (&str, &str),
    purpose: Purpose<'_>,
) -> Result<Hooked, Error> {
    let Some(hook) = &app.claims_hook else { return Ok(Hooked::default()) };
    let question = Question {
        kind: "login",
        user_id: user.id,
        external_id: user.external_id.as_ref().map(ToString::to_string),
        client_id,
        session_id: None,
        audience: purpose.audience,
        scope,
    };
    taken(app, hook.ask(&question)?, None)
}

/// Asks for a refresh, before its token is used. What is refused in any case is not asked for.
pub(super) async fn at_refresh(
    app: &Arc<App>,
    claims: &RefreshClaims,
    audience: Option<&str>,
) -> Result<Hooked, Error> {
    let Some(hook) = &app.claims_hook else { return Ok(Hooked::default()) };
    let (its_app, id) = (Arc::clone(app), claims.sid);
    let find = move || its_app.store.read(|tx| Ok((tx.find_with_grant(id)?, tx.find_session_claims(id)?)));
    let (Some(live), kept) = deadline::on_a_thread(find).await? else { return Ok(Hooked::default()) };
    if live.session.end_by(app.clock.now()).is_some() || live.user.disabled_at.is_some() {
        return Ok(Hooked::default());
    }
    let audience = Purpose::of_grant(app, live.grant.as_deref(), audience)?.audience.to_owned();
    let (its_app, subject) = (Arc::clone(app), (id, audience.clone()));
    let ask = deadline::on_a_thread(move || match &its_app.claims_hook {
        Some(hook) => ask_about(&its_app, hook, &live, &audience),
        None => Ok(None),
    });
    taken(app, hook.ask_once(subject, ask).await, kept)
}

/// What a session has that is neither opened nor refreshed: what the hook has last answered for it. Where that may not be used
/// while the hook is away, or is missing and must be there, the hook is asked.
pub(super) fn at_hand(app: &App, live: &Live, purpose: Purpose<'_>) -> Result<Hooked, Error> {
    let Some(hook) = &app.claims_hook else { return Ok(Hooked::default()) };
    let kept = app.store.read(|tx| tx.find_session_claims(live.session.id))?;
    let is_enough = match app.config.claims_hook_fail {
        HookFail::Keep => true,
        HookFail::Open => false,
        HookFail::Closed => kept.is_some(),
    };
    if is_enough {
        return Ok(Hooked { claims: kept, is_new: false });
    }
    taken(app, ask_about(app, hook, live, purpose.audience)?, kept)
}

/// Asks for a token of an open session for this audience.
fn ask_about(app: &App, hook: &ClaimsHook, live: &Live, audience: &str) -> Result<Answer, Error> {
    let grant = live.grant.clone().unwrap_or_else(|| Arc::new(app.config.grant(None)));
    hook.ask(&Question {
        kind: "refresh",
        user_id: live.user.id,
        external_id: live.user.external_id.as_ref().map(ToString::to_string),
        client_id: &grant.client_id,
        session_id: Some(live.session.id),
        audience,
        scope: &grant.scope,
    })
}

/// What is taken of this answer where this was kept.
fn taken(app: &App, answer: Answer, kept: Option<Attributes>) -> Result<Hooked, Error> {
    match (answer, app.config.claims_hook_fail) {
        (Some(claims), _) => Ok(Hooked { is_new: claims != kept, claims }),
        (None, HookFail::Keep) => Ok(Hooked { claims: kept, is_new: false }),
        (None, HookFail::Open) => Ok(Hooked::default()),
        (None, HookFail::Closed) => Err(Error::Overloaded { retry_after: RETRY_AFTER }),
    }
}

/// Keeps a new answer for the session, which is open or refreshed by now: if that fails, its tokens are issued all the same.
pub(super) fn keep(app: &App, session: SessionId, hooked: &Hooked) {
    if !hooked.is_new {
        return;
    }
    let kept = app.store.write(|tx| tx.keep_session_claims(session, hooked.claims()));
    if let Err(error) = kept {
        log::warn!(session:%, cause = root_cause(&error); "the answer of the hook for claims is not kept");
    }
}

/// The same, for a refresh, which holds no thread.
pub(super) async fn keep_of_refresh(app: &Arc<App>, session: SessionId, hooked: &Hooked) {
    if !hooked.is_new {
        return;
    }
    let (its_app, its_own) = (Arc::clone(app), hooked.clone());
    let kept = deadline::on_a_thread(move || {
        keep(&its_app, session, &its_own);
        Ok(())
    });
    if let Err(error) = kept.await {
        log::warn!(session:%, cause = root_cause(&error); "the answer of the hook for claims is not kept");
    }
}
