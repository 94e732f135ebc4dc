//! The second step of a login: it opens the session, or notes that its user has authenticated again.

use super::own_pair;
use super::pair::Pair;
use super::proof::{Evidence, Proven};
use super::second_factor::Presented;
use super::sessions;
use super::shown::{Claim, check, refuse};
use crate::app::App;
use crate::engine::limiter::Charge;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::proof::{Method, Proof};
use crate::model::second_factor::Challenge;
use crate::model::session::Device;

/// Checks what is shown, and opens the session or notes that its user has authenticated again.
pub(crate) fn finish(app: &App, claim: Claim, charge: Charge, device: &Device, origin: &Origin) -> Result<Pair, Error> {
    let Claim { presented, shown, guess } = claim;
    let Presented { user, challenge, digest, checked, identity } = presented;
    if app.store.read(|tx| tx.list_factors(user.id))?.is_empty() {
        return Err(not_enrolled(&challenge));
    }
    let refused = |charge: Charge, error: Error| Err(refuse(app, &user, (&shown, error), charge, origin));
    let (method, evidence) = match check(app, user.id, (&shown, &guess), Some(digest), origin) {
        Err(error @ (Error::WrongOtp | Error::WrongRecoveryCode | Error::PasskeyRefused(_))) => {
            return refused(charge, error);
        }
        checked => checked?,
    };
    let at = app.clock.now();
    let first = match identity {
        Some(_) => Method::Upstream { is_second_factor: false },
        None => Method::Password,
    };
    let earlier = Proof { user: user.id, method: first, at: challenge.proved_at };
    let steps = vec![
        Proven {
            user: user.clone(),
            proof: earlier,
            evidence: Evidence::Earlier { checked, challenge: digest, identity },
        },
        Proven { user: user.clone(), proof: Proof { user: user.id, method, at }, evidence },
    ];
    if let Some(session) = challenge.session_id {
        let origin = Origin { actor: Some(user.id), session: Some(session), ..origin.clone() };
        return match sessions::authenticate_again(app, session, steps, &origin)? {
            Some(live) => own_pair::again(app, live),
            None => refused(charge, shown.refusal()),
        };
    }
    let audience = challenge.audience.as_deref();
    let device = Device { label: challenge.label.clone().or(device.label.clone()), ..device.clone() };
    match own_pair::open(app, steps, app.config.first_party(audience), &device, origin)? {
        Some(pair) => Ok(pair),
        // It was used by somebody else at the same time.
        None => refused(charge, shown.refusal()),
    }
}

/// A challenge without a second factor: the user has not enrolled yet, or lost it since.
fn not_enrolled(challenge: &Challenge) -> Error {
    if challenge.is_enrolment { Error::SecondFactorEnrolmentRequired(None) } else { Error::BadChallenge }
}
