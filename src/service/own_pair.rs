//! The pairs of logins at this service, and of users who authenticate again there.

use super::claims_hook::{self, Hooked};
use super::pair::{Pair, Purpose, mint};
use super::proof::Proven;
use super::sessions;
use crate::app::App;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::grant::{GrantRequest, Live};
use crate::model::session::Device;

/// Opens a session for a user who is authenticated, and signs its first pair, for what is asked. As [`sessions::open`] it returns
/// `None` if that is not so.
pub(super) fn open(
    app: &App,
    steps: Vec<Proven>,
    request: GrantRequest,
    device: &Device,
    origin: &Origin,
) -> Result<Option<Pair>, Error> {
    let audience = request.audience.clone();
    let purpose = Purpose::find(app, audience.as_deref())?;
    let hooked = match steps.first() {
        Some(step) => claims_hook::at_login(app, &step.user, (&request.client_id, &request.scope), purpose)?,
        None => Hooked::default(),
    };
    let Some(live) = sessions::open(app, steps, request, device, origin)? else { return Ok(None) };
    claims_hook::keep(app, live.session.id, &hooked);
    mint(app, live, purpose.hooked(hooked.claims()), app.clock.now()).map(Some)
}

/// The pair of a session whose owner has authenticated again: for this service, where the sensitive action follows, not for the
/// audience of the session.
pub(super) fn again(app: &App, live: Live) -> Result<Pair, Error> {
    let purpose = Purpose::find(app, None)?;
    let hooked = claims_hook::at_hand(app, &live, purpose)?;
    mint(app, live, purpose.hooked(hooked.claims()), app.clock.now())
}
