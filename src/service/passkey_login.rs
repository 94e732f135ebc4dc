//! Authenticating by a passkey alone: a login without a username, and authenticating again.

use super::own_pair;
use super::pair::{Pair, Purpose};
use super::passkey_proof::{Ceremony, ask, check, find, relying_party};
use super::proof::Proven;
use super::second_factor::present;
use super::sessions;
use crate::app::App;
use crate::engine::limiter::Charge;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId};
use crate::model::passkey::Passkey;
use crate::model::proof::Proof;
use crate::model::session::Device;
use crate::secret::Secret;
use crate::webauthn::{Assertion, Demand, Refusal};

/// What a browser needs to know to ask for a passkey.
pub(crate) struct Question {
    /// What the passkey signs.
    pub(crate) challenge: String,
    /// The domain.
    pub(crate) rp_id: String,
    /// The passkeys that may answer; without any the browser finds one by itself.
    pub(crate) allowed: Vec<Passkey>,
    /// Whether the user must verify themselves to the authenticator.
    pub(crate) needs_verification: bool,
}

/// Asks for a passkey: of anybody, or for the next step of the login that has this challenge.
pub(crate) fn question(app: &App, login: Option<&Secret<String>>) -> Result<Question, Error> {
    let rp_id = relying_party(app)?.id.clone();
    let (ceremony, allowed) = match login {
        None => (Ceremony::Authentication, Vec::new()),
        Some(text) => {
            let presented = present(app, text)?;
            let allowed = app.store.read(|tx| tx.list_passkeys(presented.user.id))?;
            if allowed.is_empty() {
                return Err(Error::PasskeyNotFound);
            }
            (Ceremony::SecondStep(presented.digest), allowed)
        }
    };
    let needs_verification = ceremony.asks() == Demand::Verification;
    Ok(Question { challenge: ask(app, &ceremony)?, rp_id, allowed, needs_verification })
}

/// Whose passkey it is said to be; `None` if it is not registered.
pub(crate) fn find_owner(app: &App, assertion: &Assertion) -> Result<Option<UserId>, Error> {
    let found = app.store.read(|tx| tx.find_passkey(&assertion.credential_id))?;
    Ok(found.map(|passkey| passkey.user_id))
}

/// Logs in the user whose passkey it is.
pub(crate) fn login(
    app: &App,
    (assertion, charge): (&Assertion, Charge),
    audience: Option<&str>,
    device: &Device,
    origin: &Origin,
) -> Result<Pair, Error> {
    Purpose::find(app, audience)?;
    let step = prove(app, assertion, (charge, EventName::LoginFailed), None, origin)?;
    let pair = own_pair::open(app, vec![step], app.config.first_party(audience), device, origin)?;
    // If not, another request was faster with the same challenge.
    pair.ok_or(Error::PasskeyRefused(Refusal::ChallengeOver))
}

/// Records that the owner of a session has used a passkey; returns a pair of the session whose access token says when.
pub(crate) fn reauthenticate(
    app: &App,
    (assertion, charge): (&Assertion, Charge),
    user: UserId,
    session: SessionId,
    origin: &Origin,
) -> Result<Pair, Error> {
    let step = prove(app, assertion, (charge, EventName::ReauthenticationFailed), Some(user), origin)?;
    let live = sessions::authenticate_again(app, session, vec![step], origin)?;
    let live = live.ok_or(Error::PasskeyRefused(Refusal::ChallengeOver))?;
    own_pair::again(app, live)
}

/// Checks a passkey of anybody, or of this user. What is wrong is counted and recorded.
fn prove(
    app: &App,
    assertion: &Assertion,
    (charge, failure): (Charge, EventName),
    owner: Option<UserId>,
    origin: &Origin,
) -> Result<Proven, Error> {
    let mut whose = owner;
    let proven = find(app, assertion).and_then(|passkey| {
        let id = passkey.user_id;
        if owner.is_some_and(|owner| owner != id) {
            return Err(Error::PasskeyRefused(Refusal::WrongUser));
        }
        whose = Some(id);
        // Section 7.2: a user who is not known yet must be named by the passkey, too.
        if owner.is_none() && assertion.user_handle.is_none() {
            return Err(Error::PasskeyRefused(Refusal::Malformed("it does not say whose it is")));
        }
        let (method, evidence) = check(app, assertion, passkey, &Ceremony::Authentication, origin)?;
        let user = app.store.read(|tx| tx.find_user(id))?.ok_or(Error::PasskeyRefused(Refusal::Unknown))?;
        if user.disabled_at.is_some() {
            return Err(Error::AccountDisabled);
        }
        Ok(Proven { user, proof: Proof { user: id, method, at: app.clock.now() }, evidence })
    });
    let why = match &proven {
        Err(Error::PasskeyRefused(refusal)) => refusal.to_string(),
        Err(Error::AccountDisabled) => "account disabled".to_owned(),
        _ => return proven,
    };
    charge.failed();
    let event = origin.event(app.clock.now(), failure);
    let event = whose.map_or(event.clone(), |user| event.about(user));
    app.units.record_best_effort(event.with(format_args!("passkey: {why}")));
    proven
}
