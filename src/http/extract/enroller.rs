//! Who sets up a second factor, and whether they may.

use actix_web::web;

use super::{Caller, Enrolling};
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::http::failure::Failure;
use crate::model::audit::Origin;
use crate::secret::Secret;
use crate::service::totp::{self, Enroller};

/// Who enrols, and from where if that is a caller.
pub(in crate::http) async fn enroller(
    caller: Result<Caller<Enrolling>, Failure>,
    app: &web::Data<App>,
    challenge: Option<Secret<String>>,
) -> Result<(Enroller, Option<Origin>), Failure> {
    if let Some(challenge) = challenge {
        return Ok((Enroller::LoggingIn(challenge), None));
    }
    let caller = caller?;
    shown(&caller, app).await?;
    Ok((Enroller::LoggedIn(caller.user, caller.session()?), Some(caller.origin)))
}

/// Whether the caller's session has shown the second factor, if there is one. If not, they have to authenticate again.
pub(in crate::http) async fn shown(caller: &Caller<Enrolling>, app: &web::Data<App>) -> Result<(), Failure> {
    let (asked, claims, user) = (app.clone(), caller.claims.clone(), caller.user);
    let has_shown = move || {
        let amr = claims.amr.clone().unwrap_or_default();
        totp::has_shown(&asked, user, claims.sid, &amr, claims.auth_time)
    };
    if on_a_thread(has_shown).await? {
        Ok(())
    } else {
        Err(Failure::ReauthenticationRequired(app.config.reauthentication_period))
    }
}
