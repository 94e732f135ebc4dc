//! The second step of a login: it opens the session, or notes that its user has authenticated again.

use super::pair::{Pair, Purpose, mint};
use super::proof::{Evidence, Proven};
use super::second_factor::Presented;
use super::sessions;
use super::shown::{Claim, Shown, check};
use crate::app::App;
use crate::engine::limiter::Charge;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::proof::{Method, Proof};
use crate::model::second_factor::Challenge;
use crate::model::session::Device;

/// Checks what is shown, and opens the session or notes that its user has authenticated again.
pub(crate) fn finish(app: &App, claim: Claim, charge: Charge, device: &Device, origin: &Origin) -> Result<Pair, Error> {
    if app.store.read(|tx| tx.list_factors(claim.presented.user.id))?.is_empty() {
        return Err(not_enrolled(&claim.presented.challenge));
    }
    let checked_now = check(app, &claim, origin);
    let Claim { presented, shown, .. } = claim;
    let Presented { user, challenge, digest, checked } = presented;
    let refused = |charge: Charge, error: Error| {
        charge.failed();
        let (id, is_otp) = (user.id, matches!(shown, Shown::Otp(_)));
        let event = origin.event(app.clock.now(), EventName::SecondFactorFailed).about(id);
        app.units.run(move |tx| {
            if is_otp {
                tx.count_totp_failure(id)?;
            }
            tx.record(event)
        })?;
        Err(error)
    };
    let (method, evidence) = match checked_now {
        Err(error @ (Error::WrongOtp | Error::WrongRecoveryCode | Error::PasskeyRefused(_))) => {
            return refused(charge, error);
        }
        checked => checked?,
    };
    let at = app.clock.now();
    let earlier = Proof { user: user.id, method: Method::Password, at: challenge.proved_at };
    let steps = vec![
        Proven { user: user.clone(), proof: earlier, evidence: Evidence::Earlier { checked, challenge: digest } },
        Proven { user: user.clone(), proof: Proof { user: user.id, method, at }, evidence },
    ];
    if let Some(session) = challenge.session_id {
        let origin = Origin { actor: Some(user.id), session: Some(session), ..origin.clone() };
        return match sessions::authenticate_again(app, session, steps, &origin)? {
            Some(live) => mint(app, live, Purpose::find(app, None)?, at),
            None => refused(charge, shown.refusal()),
        };
    }
    let audience = challenge.audience.as_deref();
    let device = Device { label: challenge.label.clone().or(device.label.clone()), ..device.clone() };
    match sessions::open(app, steps, app.config.first_party(audience), &device, origin)? {
        Some(live) => mint(app, live, Purpose::find(app, audience)?, at),
        // It was used by somebody else at the same time.
        None => refused(charge, shown.refusal()),
    }
}

/// A challenge without a second factor: the user has not enrolled yet, or lost it since.
fn not_enrolled(challenge: &Challenge) -> Error {
    if challenge.is_enrolment { Error::SecondFactorEnrolmentRequired(None) } else { Error::BadChallenge }
}
