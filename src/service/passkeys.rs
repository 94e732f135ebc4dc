//! Passkeys of a user: registering, listing, naming and removing them.

use super::fields::invalid;
use super::mail::{notice, notice_to};
use super::owner::Owner;
use super::passkey_proof::{Ceremony, answered, ask, relying_party};
use super::protection::Protection;
use super::totp::new_codes;
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{UserId, new_id};
use crate::model::mail::{Factor, Mail};
use crate::model::names::Names;
use crate::model::passkey::{MAX_PASSKEYS, Passkey, PasskeyId};
use crate::model::user::{DisplayName, User};
use crate::webauthn::{Demand, Refusal, Registered, Registration};

/// The name of a passkey whose owner gives it none.
const UNNAMED: &str = "Passkey";

/// What a browser needs to know to make a passkey.
pub(crate) struct Offer {
    /// What the passkey signs.
    pub(crate) challenge: String,
    /// The domain.
    pub(crate) rp_id: String,
    /// The user.
    pub(crate) user: User,
    /// The user's other passkeys: an authenticator holds one of each user.
    pub(crate) others: Vec<Passkey>,
    /// Whether the user must verify themselves to the authenticator.
    pub(crate) needs_verification: bool,
}

/// A passkey that a browser has made.
pub(crate) struct NewPasskey<'a> {
    /// What the browser sends.
    pub(crate) registration: Registration,
    /// How browsers may reach its authenticator.
    pub(crate) transports: &'a [String],
    /// The owner's name for it.
    pub(crate) name: Option<&'a str>,
}

/// A passkey that is registered now.
pub(crate) struct Added {
    /// The passkey.
    pub(crate) passkey: Passkey,
    /// The recovery codes, if it is the user's first second factor.
    pub(crate) recovery_codes: Option<Vec<String>>,
}

/// Offers a user to register a passkey.
pub(crate) fn offer(app: &App, owner: &Owner, is_automatic: bool) -> Result<Offer, Error> {
    let rp_id = relying_party(app)?.id.clone();
    let user = owner.find(app)?;
    let others = app.store.read(|tx| tx.list_passkeys(user.id))?;
    if others.len() >= MAX_PASSKEYS {
        return Err(Error::TooManyPasskeys(MAX_PASSKEYS));
    }
    let ceremony = Ceremony::Registration { user: user.id, is_automatic };
    let needs_verification = ceremony.asks() == Demand::Verification;
    Ok(Offer { challenge: ask(app, &ceremony)?, rp_id, user, others, needs_verification })
}

/// Registers a passkey. With the first second factor come recovery codes.
pub(crate) fn register(app: &App, owner: Owner, new: &NewPasskey<'_>, origin: &Origin) -> Result<Added, Error> {
    let rp = relying_party(app)?;
    let (user, created_in) = (owner.find(app)?, owner.session());
    let name = new.name.unwrap_or(UNNAMED).parse::<DisplayName>().map_err(invalid("name"))?;
    let challenge = new.registration.challenge().map_err(Error::PasskeyRefused)?;
    let either = [false, true].map(|is_automatic| Ceremony::Registration { user: user.id, is_automatic });
    let (answered, ceremony) = answered(app, &challenge, either)?;
    let registered = new.registration.check(rp, &challenge, ceremony.asks()).map_err(Error::PasskeyRefused)?;
    let Registered { credential_id, public_key, sign_count, is_backup_eligible, is_backed_up } = registered;
    let now = app.clock.now();
    let passkey = Passkey {
        id: new_id(now, &*app.entropy)?,
        user_id: user.id,
        credential_id,
        public_key,
        sign_count: sign_count.into(),
        is_backup_eligible: Some(is_backup_eligible),
        is_backed_up,
        transports: transports(new.transports),
        name,
        created_at: now,
        created_in,
        last_used_at: None,
    };
    let (codes, digests) = new_codes(app)?;
    let (protection, notice) = (Protection::of(app), notice(app, &user, &Mail::FactorAdded(Factor::Passkey), origin));
    let (added, made) = (origin.event(now, EventName::FactorAdded), origin.event(now, EventName::RecoveryCodesMade));
    app.units.run(move |tx| {
        let id = user.id;
        owner.check_again(tx, id, (now, &protection))?;
        if !tx.use_passkey_challenge(answered.digest, answered.expires_at)? {
            return Err(Error::PasskeyRefused(Refusal::ChallengeOver));
        }
        let is_first = tx.reading().list_factors(id)?.is_empty();
        if tx.reading().list_passkeys(id)?.len() >= MAX_PASSKEYS {
            return Err(Error::TooManyPasskeys(MAX_PASSKEYS));
        }
        tx.insert_passkey(&passkey)?;
        notice.enqueue(tx)?;
        tx.record(added.about(id).with("passkey"))?;
        if is_first {
            tx.replace_recovery_codes(id, &digests)?;
            tx.record(made.about(id))?;
        }
        Ok(Added { passkey, recovery_codes: is_first.then_some(codes) })
    })
}

/// The names of transports that have the form of one. They are hints: what is unknown is left out.
fn transports(sent: &[String]) -> Names {
    let is_one =
        |name: &&String| (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    Names::new(sent.iter().filter(is_one).take(8)).unwrap_or_default()
}

/// All passkeys of a user, newest first.
pub(crate) fn list(app: &App, user: UserId) -> Result<Vec<Passkey>, Error> {
    app.store.read(|tx| tx.list_passkeys(user))
}

/// Gives a passkey another name.
pub(crate) fn rename(app: &App, user: UserId, id: PasskeyId, name: &str) -> Result<Passkey, Error> {
    let name = name.parse::<DisplayName>().map_err(invalid("name"))?;
    app.store.write(|tx| {
        tx.rename_passkey(user, id, &name)?;
        let of_user = tx.reading().list_passkeys(user)?;
        of_user.into_iter().find(|passkey| passkey.id == id).ok_or(Error::PasskeyNotFound)
    })
}

/// Removes a passkey, and with the last second factor the recovery codes. The last way to log in stays.
pub(crate) fn remove(app: &App, user: UserId, id: PasskeyId, origin: &Origin) -> Result<(), Error> {
    let now = app.clock.now();
    let event = origin.event(now, EventName::FactorRemoved).about(user);
    let notice = notice_to(app, user, &Mail::FactorRemoved(Factor::Passkey), origin);
    let (owner, protection) = (Owner::of(user, origin)?, Protection::of(app));
    app.units.run(move |tx| {
        owner.check_again(tx, user, (now, &protection))?;
        if !tx.delete_passkey(user, id)? {
            return Err(Error::PasskeyNotFound);
        }
        protection.keep_a_way_in(tx, user)?;
        tx.forget_devices(user)?;
        tx.delete_recovery_codes_without_a_factor(user)?;
        notice.enqueue(tx)?;
        tx.record(event.with("passkey"))
    })
}
