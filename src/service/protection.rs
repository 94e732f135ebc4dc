//! What an account has of its own, and what must be shown before that is added to or changed: a second factor, an identity, an
//! address that resets the password. A sign-in at a provider is enough only for an account that has neither a password nor a second
//! factor: who gets into one service must not take over the accounts that are linked to it.

use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::AccessClaims;
use crate::model::grant::Live;
use crate::model::id::{SessionId, UserId};
use crate::model::proof::MFA;
use crate::model::second_factor::CHALLENGE_LIFETIME;
use crate::password::HashReader;
use crate::store::{Credentials, FactorOf, ReadTx, UnitTx};

/// How the user of a session has authenticated.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated {
    session: Option<SessionId>,
    amr: Vec<String>,
    at: Option<Timestamp>,
    /// At a provider.
    is_elsewhere: bool,
}

impl From<&AccessClaims> for Authenticated {
    fn from(claims: &AccessClaims) -> Self {
        let (amr, is_elsewhere) = (claims.amr.clone().unwrap_or_default(), claims.idp.is_some());
        Self { session: claims.sid, amr, at: claims.auth_time, is_elsewhere }
    }
}

impl From<&Live> for Authenticated {
    fn from(live: &Live) -> Self {
        let grant = live.grant.as_ref();
        let amr = grant.map(|grant| grant.amr.names().to_vec()).unwrap_or_default();
        let is_elsewhere = grant.is_some_and(|grant| grant.idp.is_some());
        Self { session: Some(live.session.id), amr, at: Some(live.session.auth_time()), is_elsewhere }
    }
}

/// How this service judges what an account has. Units own it, since they do not hold the service.
#[derive(Clone, Debug)]
pub(super) struct Protection {
    hashes: HashReader,
    /// Whether passkeys log in.
    has_passkeys: bool,
    acr: Option<String>,
    max_age: Seconds,
}

impl Protection {
    /// By the settings of this service.
    pub(super) fn of(app: &App) -> Self {
        Self {
            hashes: app.hasher.reader(),
            has_passkeys: app.config.relying_party.is_some(),
            acr: app.config.acr_two_factors.clone(),
            max_age: app.config.reauthentication_period,
        }
    }

    /// Refuses a session whose user has not shown what the account has.
    pub(super) fn check(&self, tx: &mut ReadTx<'_>, user: UserId, shown: &Authenticated) -> Result<(), Error> {
        let factors = tx.list_factors(user)?;
        if !has_shown_one(&factors, shown) {
            return Err(self.factor_not_shown());
        }
        // A second factor of the provider is none of the account's.
        let is_own = !shown.is_elsewhere
            || shown.amr.iter().any(|name| name != MFA)
            || was_confirmed_in(&factors, shown.session);
        if is_own {
            return Ok(());
        }
        if !factors.is_empty() {
            return Err(self.factor_not_shown());
        }
        if self.has_password(tx, user)? { Err(self.signed_in_elsewhere()) } else { Ok(()) }
    }

    /// Whether an account has anything of its own.
    fn has_any(&self, tx: &mut ReadTx<'_>, user: UserId) -> Result<bool, Error> {
        Ok(!tx.list_factors(user)?.is_empty() || self.has_password(tx, user)?)
    }

    /// Part of a unit that takes away a way to log in to an account, whose user is locked: refuses if it was the last one.
    pub(super) fn keep_a_way_in(&self, tx: &mut UnitTx<'_>, user: UserId) -> Result<(), Error> {
        let tx = &mut tx.reading();
        let has_one = self.has_own_login(tx, user)? || has_usable_identity(tx, user)?;
        if has_one { Ok(()) } else { Err(Error::LastWayIn) }
    }

    /// Whether an account has what logs in by itself, without a provider.
    fn has_own_login(&self, tx: &mut ReadTx<'_>, user: UserId) -> Result<bool, Error> {
        Ok(self.has_password(tx, user)? || (self.has_passkeys && !tx.list_passkeys(user)?.is_empty()))
    }

    /// One that cannot be checked logs in nobody.
    fn has_password(&self, tx: &mut ReadTx<'_>, user: UserId) -> Result<bool, Error> {
        let is_usable = |known: &Credentials| known.has_password() && self.hashes.read(&known.password_hash).is_ok();
        Ok(tx.find_credentials_of(user)?.as_ref().is_some_and(is_usable))
    }

    /// The error of a session that has not shown the second factor that its user has.
    fn factor_not_shown(&self) -> Error {
        Error::SecondFactorNotShown { acr: self.acr.clone(), max_age: self.max_age }
    }

    /// The error of a session whose user has signed in at a provider, although the account has a password.
    fn signed_in_elsewhere(&self) -> Error {
        Error::SignedInElsewhere { max_age: self.max_age }
    }
}

/// Refuses to add to or change what protects an account, unless its user has shown what it has.
pub(crate) fn check(app: &App, user: UserId, shown: &Authenticated) -> Result<(), Error> {
    app.store.read(|tx| Protection::of(app).check(tx, user, shown))
}

/// Refuses what is sensitive if the user has a second factor and has not shown one.
pub(crate) fn check_factor(app: &App, user: UserId, shown: &Authenticated) -> Result<(), Error> {
    let factors = app.store.read(|tx| tx.list_factors(user))?;
    if has_shown_one(&factors, shown) { Ok(()) } else { Err(Protection::of(app).factor_not_shown()) }
}

/// Whether an account has a password or a passkey, by which its user can authenticate again without a provider.
pub(crate) fn has_own_login(app: &App, user: UserId) -> Result<bool, Error> {
    app.store.read(|tx| Protection::of(app).has_own_login(tx, user))
}

/// Refuses to set up the first second factor after a sign-in at a provider, if the account has a password.
pub(super) fn check_enrolment(app: &App, user: UserId) -> Result<(), Error> {
    let protection = Protection::of(app);
    let has_any = app.store.read(|tx| protection.has_any(tx, user))?;
    if has_any { Err(protection.signed_in_elsewhere()) } else { Ok(()) }
}

/// Whether a session has shown a second factor that its user has, if there is one: at its login, by authenticating again
/// since, or when it was confirmed.
fn has_shown_one(factors: &[FactorOf], shown: &Authenticated) -> bool {
    let Some(first) = factors.iter().map(|factor| factor.since).min() else { return true };
    // A login that had to wait for its user to enrol is as old as its password, which may be older than the factor.
    let is_of_these = shown.at.is_some_and(|at| at + CHALLENGE_LIFETIME >= first);
    was_confirmed_in(factors, shown.session) || (shown.amr.iter().any(|name| name == MFA) && is_of_these)
}

fn was_confirmed_in(factors: &[FactorOf], session: Option<SessionId>) -> bool {
    session.is_some() && factors.iter().any(|factor| factor.confirmed_in == session)
}

/// One of a provider that is disabled logs in nobody.
fn has_usable_identity(tx: &mut ReadTx<'_>, user: UserId) -> Result<bool, Error> {
    for identity in tx.list_identities(user)? {
        let found = tx.find_provider(&identity.provider_id)?;
        if found.is_some_and(|(provider, _)| provider.disabled_at.is_none()) {
            return Ok(true);
        }
    }
    Ok(false)
}
