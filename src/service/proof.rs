//! Proving by a password who one is, against the limits on wrong ones: one step of an authentication, whose proof a login
//! and proving it again rely on. It is done in three parts, since each waits for something else: looking up who is meant
//! ([`Claim`]), being let in ([`admit`]), and looking at the password ([`prove`]).

use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, PASSWORD};
use crate::error::Error;
use crate::model::id::{Id, UserId};
use crate::model::proof::{Method, Proof};
use crate::model::user::{ClaimedName, User};
use crate::password::{Password, Place, Priority, StoredHash};
use crate::store::{Credentials, WriteTx};

/// Who somebody claims to be.
pub(crate) struct Claim {
    known: Option<Credentials>,
    password: Password,
    attempt: Attempt,
    priority: Priority,
    ip: Option<String>,
}

/// A claim that may be looked at.
pub(crate) struct Admitted {
    claim: Claim,
    charge: Charge,
    /// Held for as long as its thread is.
    _place: Place,
}

/// What has become of a claim.
pub(crate) struct Outcome {
    /// The account that was claimed, if there is one.
    pub(super) claimed: Option<UserId>,
    /// Nothing when the password was wrong.
    pub(super) proven: Option<Proven>,
}

/// A user and how they have proved who they are, with what must still hold when that is relied on.
pub(super) struct Proven {
    pub(super) user: User,
    pub(super) proof: Proof,
    /// The stored hash that the password was checked against.
    pub(super) checked: String,
    /// What is to be stored in its place: the same, or one with today's cost.
    pub(super) renewed: String,
}

impl Proven {
    /// Part of a unit that relies on the proof: whether it still holds, as it does not when the password was changed or the
    /// account disabled since the check.
    pub(super) fn confirm(&self, tx: &mut WriteTx<'_>) -> Result<bool, Error> {
        tx.confirm_password(self.user.id, &self.checked, &self.renewed)
    }
}

/// Nobody has this id.
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
        // For whoever does not exist as well: that would be seen by the time it takes.
        let user = id.unwrap_or(Id::from_bytes(NOBODY));
        let is_on_record = attempt.is_from_one_of(&app.store.read(|tx| tx.list_session_addresses(user))?);
        let (attempt, priority) =
            if is_on_record { (attempt.sparing_the_account(), Priority::First) } else { (attempt, Priority::Usual) };
        Ok(Self { known, password, attempt, priority, ip: ip.map(ToOwned::to_owned) })
    }

    /// The same, of somebody who is logged in.
    pub(super) fn of_session(self) -> Self {
        Self { priority: Priority::First, ..self }
    }
}

/// Lets a claim in, or refuses it. It waits for other attempts and the database at most, and holds no place meanwhile.
pub(crate) async fn admit(app: &App, claim: Claim) -> Result<Admitted, Error> {
    // For whoever finds no place, nothing is written.
    drop(app.hasher.place(claim.priority)?);
    let charge = app.limiter.admit(&claim.attempt).await?.map_err(|retry_after| {
        // Not on record: whoever is refused could fill the table.
        let ip = claim.ip.as_deref().unwrap_or_default();
        log::warn!(ip, retry_after:% = retry_after; "password refused: too many failures");
        Error::TooManyFailures { retry_after }
    })?;
    let place = app.hasher.place(claim.priority)?;
    Ok(Admitted { claim, charge, _place: place })
}

/// A place to hash in, for somebody who is logged in.
pub(crate) fn place(app: &App) -> Result<Place, Error> {
    Ok(app.hasher.place(Priority::First)?)
}

/// Looks at the password. An unknown user and a wrong password cost the same work (ASVS 6.3.8).
pub(crate) fn prove(app: &App, admitted: Admitted) -> Result<Outcome, Error> {
    let Admitted { claim: Claim { known, password, priority, .. }, charge, _place } = admitted;
    let stored = known.as_ref().and_then(|known| usable(app, known));
    let check = app.hasher.verify(&password, stored.as_ref(), priority)?;
    let claimed = known.as_ref().map(|known| known.user.id);
    let (Some(Credentials { user, password_hash: checked }), Some(stored), true) = (known, stored, check.matches)
    else {
        charge.failed();
        return Ok(Outcome { claimed, proven: None });
    };
    let proof = Proof { user: user.id, method: Method::Password, at: app.clock.now() };
    // Whoever waits for it need not wait for the rest.
    drop(charge);
    let is_renewed = check.outdated && user.disabled_at.is_none();
    let renewed = if is_renewed { app.hasher.renew(&password, &stored)? } else { checked.clone() };
    Ok(Outcome { claimed, proven: Some(Proven { user, proof, checked, renewed }) })
}

/// The stored hash, if it can be verified. If not, no password is right; the log says that it is not the user's fault,
/// and neither the answer nor its time may tell who has an account.
fn usable(app: &App, known: &Credentials) -> Option<StoredHash> {
    let read = app.hasher.read(&known.password_hash).inspect_err(|reason| {
        log::error!(user:% = known.user.id, reason:%; "the stored password hash cannot be used: set a new password");
    });
    read.ok()
}
