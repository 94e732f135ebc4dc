//! Who sets up a second factor.

use super::{Caller, Protecting};
use crate::http::failure::Failure;
use crate::model::audit::Origin;
use crate::secret::Secret;
use crate::service::owner::Owner;

/// Who enrols, and from where if that is a caller.
pub(in crate::http) fn owner(
    caller: Result<Caller<Protecting>, Failure>,
    challenge: Option<Secret<String>>,
) -> Result<(Owner, Option<Origin>), Failure> {
    if let Some(challenge) = challenge {
        return Ok((Owner::LoggingIn(challenge), None));
    }
    let caller = caller?;
    Ok((Owner::LoggedIn(caller.user, caller.session()?), Some(caller.origin)))
}
