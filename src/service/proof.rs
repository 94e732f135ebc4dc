//! Checking a password, with limits on wrong ones: one step of an authentication. Logins and reauthentication rely on
//! its proof. It has three parts, since each waits for something else: finding the account ([`Claim`]), waiting for the
//! limits ([`admit`]), and checking the password ([`prove`]).

use crate::app::App;
use crate::clock::Timestamp;
use crate::engine::limiter::{Account, Attempt, Charge, PASSWORD};
use crate::error::Error;
use crate::model::audit::EventName;
use crate::model::id::{Id, UserId};
use crate::model::identity::LinkedIdentity;
use crate::model::passkey::Passkey;
use crate::model::proof::{Method, Proof};
use crate::model::user::{ClaimedName, User};
use crate::password::{HashError, Password, Place, Priority, StoredHash, UnusableHash, is_of_this_service};
use crate::secret::KeyDigest;
use crate::store::{Credentials, WriteTx};
use crate::webauthn::Answer;

/// A claim to own an account.
pub(crate) struct Claim {
    known: Option<Credentials>,
    password: Password,
    attempt: Attempt,
    priority: Priority,
    ip: Option<String>,
}

/// A claim that passed the limits, so that its password may be checked.
pub(crate) struct Admitted {
    claim: Claim,
    charge: Charge,
    /// Held as long as its thread works.
    _place: Place,
}

/// The result of a claim.
pub(crate) struct Outcome {
    /// The claimed account, if it exists.
    pub(super) claimed: Option<UserId>,
    /// `None` if the password was wrong.
    pub(super) proven: Option<Proven>,
    /// The right password, if that was the step.
    pub(super) password: Option<Password>,
}

/// A user with a right password, and what must still be true when the proof is used.
#[derive(Clone)]
pub(super) struct Proven {
    pub(super) user: User,
    pub(super) proof: Proof,
    /// What the proof depends on.
    pub(super) evidence: Evidence,
}

/// What must be true when a proof is used.
#[derive(Clone)]
pub(super) enum Evidence {
    /// The stored hash is still the one that the password was checked against.
    Password {
        /// That hash.
        checked: String,
        /// The hash to store now: the same, or one with the current cost.
        renewed: String,
    },
    /// The identity is still linked, with what the provider has told.
    Upstream(Box<LinkedIdentity>),
    /// The same as of a password or an identity, which were checked in an earlier step, whose challenge is used now.
    Earlier {
        /// The hash.
        checked: String,
        /// The challenge.
        challenge: KeyDigest,
        /// The identity, if that was the earlier step.
        identity: Option<Box<LinkedIdentity>>,
    },
    /// The code of this step was not used, and the secret is still in force.
    Otp {
        /// The secret, as it is stored.
        secret: String,
        /// The step.
        step: i64,
        /// The same secret, encrypted with the newest data key.
        renewed: String,
    },
    /// The recovery code was not used.
    RecoveryCode(KeyDigest),
    /// The challenge was not used, and the passkey is still as it was read.
    Passkey {
        /// The passkey, as it was read.
        passkey: Box<Passkey>,
        /// What is new about it.
        verified: Answer,
        /// The challenge that it has answered.
        answered: Answered,
    },
}

/// A challenge that a passkey has answered.
#[derive(Clone, Copy)]
pub(super) struct Answered {
    pub(super) digest: KeyDigest,
    pub(super) expires_at: Timestamp,
}

impl Proven {
    /// The event of using this proof, besides that of what it is used for.
    pub(super) fn recorded_as(&self) -> Option<EventName> {
        matches!(self.evidence, Evidence::RecoveryCode(_)).then_some(EventName::RecoveryCodeUsed)
    }

    /// The identity at the provider that has said who the user is.
    pub(super) fn identity(&self) -> Option<&LinkedIdentity> {
        match &self.evidence {
            Evidence::Upstream(identity) | Evidence::Earlier { identity: Some(identity), .. } => Some(identity),
            _ => None,
        }
    }

    /// Part of a unit that uses the proof: whether it is still valid. It is not if the password was changed or the
    /// account disabled after the check, or if a code or a challenge was used.
    pub(super) fn confirm(&self, tx: &mut WriteTx<'_>, now: Timestamp) -> Result<bool, Error> {
        let user = self.user.id;
        match &self.evidence {
            Evidence::Password { checked, renewed } => tx.confirm_password(user, checked, renewed),
            Evidence::Upstream(told) => {
                Ok(tx.lock_active_user(user)?.is_some() && tx.use_identity(told, now)? && tx.note_told(told)?)
            }
            Evidence::Earlier { checked, challenge, identity } => Ok(tx.confirm_password(user, checked, checked)?
                && identity.as_ref().map_or(Ok(true), |identity| tx.use_identity(identity, now))?
                && tx.use_challenge(challenge, now)?),
            Evidence::Otp { secret, step, renewed } => tx.use_totp_step(user, (secret, renewed), *step),
            Evidence::RecoveryCode(digest) => tx.use_recovery_code(user, digest, now),
            Evidence::Passkey { passkey, verified, answered } => {
                let found = (verified.sign_count.into(), verified.is_backup_eligible, verified.is_backed_up);
                Ok(tx.lock_active_user(user)?.is_some()
                    && tx.use_passkey_challenge(answered.digest, answered.expires_at)?
                    && tx.use_passkey(passkey, found, now)?)
            }
        }
    }
}

/// The id of no account.
const NOBODY: [u8; 16] = [0; 16];

impl Claim {
    /// A claim to an account, or to a name that no account has.
    pub(super) fn new(
        app: &App,
        name: Option<&ClaimedName>,
        known: Option<Credentials>,
        password: Password,
        ip: Option<&str>,
    ) -> Result<Self, Error> {
        let id = known.as_ref().map(|known| known.user.id);
        let unknown = || name.map(|name| Account::Unknown(name.folded().to_owned()));
        let attempt = Attempt::new(&PASSWORD, id.map(Account::Known).or_else(unknown).as_ref(), ip);
        // Also for names without an account, since a difference in time would reveal them.
        let user = id.unwrap_or(Id::from_bytes(NOBODY));
        let is_on_record = attempt.is_from_one_of(&app.store.read(|tx| tx.list_session_addresses(user))?);
        let (attempt, priority) =
            if is_on_record { (attempt.sparing_the_account(), Priority::First) } else { (attempt, Priority::Usual) };
        Ok(Self { known, password, attempt, priority, ip: ip.map(ToOwned::to_owned) })
    }

    /// The same, for a user who is logged in.
    pub(super) fn of_session(self) -> Self {
        Self { priority: Priority::First, ..self }
    }
}

/// Applies the limits to a claim. It only waits for other attempts and for the database, and holds no place meanwhile.
pub(crate) async fn admit(app: &App, claim: Claim) -> Result<Admitted, Error> {
    // If there is no place, nothing must be written.
    drop(app.hasher.place(claim.priority)?);
    let charge = app.limiter.admit(&claim.attempt).await?.map_err(|retry_after| {
        // Not in the audit log, because refused clients could fill the table.
        let ip = claim.ip.as_deref().unwrap_or_default();
        log::warn!(ip, retry_after:% = retry_after; "password refused: too many failures");
        Error::TooManyFailures { retry_after }
    })?;
    let place = app.hasher.place(claim.priority)?;
    Ok(Admitted { claim, charge, _place: place })
}

/// A place for hashing, for a user who is logged in.
pub(crate) fn place(app: &App) -> Result<Place, Error> {
    Ok(app.hasher.place(Priority::First)?)
}

/// Checks the password. An unknown user takes the same work as a wrong password (ASVS 6.3.8).
pub(crate) fn prove(app: &App, admitted: Admitted) -> Result<Outcome, Error> {
    let Admitted { claim: Claim { known, password, priority, .. }, charge, _place } = admitted;
    let stored = known.as_ref().map(|known| usable(app, known)).transpose()?.flatten();
    let check = app.hasher.verify(&password, stored.as_ref(), priority)?;
    let claimed = known.as_ref().map(|known| known.user.id);
    let (Some(known), true) = (known, check.matches) else {
        charge.failed();
        return Ok(Outcome { claimed, proven: None, password: None });
    };
    // Other attempts that wait for it need not wait for the rest.
    drop(charge);
    let proven = proven(app, known, &password, check.outdated)?;
    Ok(Outcome { claimed, proven: Some(proven), password: Some(password) })
}

/// The proof of a password that is right by the hash of these credentials.
fn proven(app: &App, known: Credentials, password: &Password, is_outdated: bool) -> Result<Proven, Error> {
    let Credentials { user, password_hash: checked } = known;
    let proof = Proof { user: user.id, method: Method::Password, at: app.clock.now() };
    let is_renewed = is_outdated && user.disabled_at.is_none();
    let renewed = if is_renewed { app.hasher.renew(password, &checked)? } else { checked.clone() };
    Ok(Proven { user, proof, evidence: Evidence::Password { checked, renewed } })
}

/// Checks a password once more whose proof is not valid any more, if another hash has taken the place of the one that it was
/// checked against: an import may replace one hash of a password by another. `None` if it is not right by that one.
pub(super) fn checked_anew(app: &App, old: &Proven, password: &Password) -> Result<Option<Proven>, Error> {
    let Evidence::Password { checked, renewed } = &old.evidence else { return Ok(None) };
    let Some(known) = app.store.read(|tx| tx.find_credentials_of(old.user.id))? else { return Ok(None) };
    if known.user.disabled_at.is_some() || [checked, renewed].contains(&&known.password_hash) {
        return Ok(None);
    }
    let Some(stored) = usable(app, &known)? else { return Ok(None) };
    let _place = app.hasher.place(Priority::First)?;
    let check = app.hasher.verify(password, Some(&stored), Priority::First)?;
    if check.matches { proven(app, known, password, check.outdated).map(Some) } else { Ok(None) }
}

/// The stored hash, if there is one and it can be verified. If it cannot, the log has the reason. Without it every password is
/// wrong, and neither the response nor its time may reveal that the account exists. But a password of another system that lacks
/// memory here is not wrong.
fn usable(app: &App, known: &Credentials) -> Result<Option<StoredHash>, Error> {
    if !known.has_password() {
        return Ok(None);
    }
    let read = app.hasher.read(&known.password_hash).inspect_err(|reason| {
        log::error!(user:% = known.user.id, reason:%; "the stored password hash cannot be used: set a new password");
    });
    match read {
        Err(UnusableHash::TooMuchMemory(_)) if !is_of_this_service(&known.password_hash) => Err(HashError::Busy.into()),
        read => Ok(read.ok()),
    }
}
