//! Who sets up a second factor.

use super::{Caller, Enrolling};
use crate::http::failure::Failure;
use crate::model::audit::Origin;
use crate::secret::Secret;
use crate::service::totp::Enroller;

/// Who enrols, and from where if that is a caller.
pub(in crate::http) fn enroller(
    caller: Result<Caller<Enrolling>, Failure>,
    challenge: Option<Secret<String>>,
) -> Result<(Enroller, Option<Origin>), Failure> {
    if let Some(challenge) = challenge {
        return Ok((Enroller::LoggingIn(challenge), None));
    }
    let caller = caller?;
    Ok((Enroller::LoggedIn(caller.user, caller.session()?), Some(caller.origin)))
}
