//! Proving who one is: the password, against the limits on wrong ones. In three steps, since each waits for something
//! else: looking up who is meant ([`Claim`]), being let in ([`admit`]), and looking at the password ([`prove`]).

use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, PASSWORD};
use crate::error::Error;
use crate::model::id::{Id, UserId};
use crate::model::user::{ClaimedName, User};
use crate::password::{HashError, Password, PasswordCheck, Place, Priority};
use crate::store::Credentials;

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
pub(crate) struct Proof {
    /// The account that was claimed, if there is one.
    pub(super) claimed: Option<UserId>,
    /// Nothing when the password was wrong.
    pub(super) proven: Option<Proven>,
}

/// A user whose password was right.
pub(super) struct Proven {
    pub(crate) user: User,
    /// The stored hash that it was checked against.
    pub(crate) password_hash: String,
    /// What is to be stored in its place: the same, or one with today's cost.
    pub(crate) renewed: String,
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

/// Lets a claim in, or refuses it. It waits for other attempts and the database at most, and holds
/// nothing else meanwhile.
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
pub(crate) fn prove(app: &App, admitted: Admitted) -> Result<Proof, Error> {
    let Admitted { claim: Claim { known, password, priority, .. }, charge, _place } = admitted;
    let verified = verify(app, known.as_ref(), &password, priority)?;
    let claimed = known.as_ref().map(|known| known.user.id);
    let Some(Credentials { user, password_hash }) = known.filter(|_| verified.matches) else {
        charge.failed();
        return Ok(Proof { claimed, proven: None });
    };
    // Whoever waits for it need not wait for the rest.
    drop(charge);
    let renewed = if verified.outdated && user.disabled_at.is_none() {
        app.hasher.renew(&password, &password_hash)?
    } else {
        password_hash.clone()
    };
    Ok(Proof { claimed, proven: Some(Proven { user, password_hash, renewed }) })
}

fn verify(
    app: &App,
    known: Option<&Credentials>,
    password: &Password,
    priority: Priority,
) -> Result<PasswordCheck, HashError> {
    let hasher = &app.hasher;
    match (hasher.verify(password, known.map(|known| known.password_hash.as_str()), priority), known) {
        (Err(HashError::Unusable(reason)), Some(known)) => {
            // Nothing was hashed yet, and nobody is to learn by that who has an account.
            log::error!(user:% = known.user.id, reason; "the stored password hash cannot be used: set a new password");
            hasher.verify(password, None, priority)
        }
        (verified, _) => verified,
    }
}
