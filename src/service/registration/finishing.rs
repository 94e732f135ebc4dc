//! The end of a registration: username, name and password are chosen, and the account is opened.

use super::{Applicant, NewAccount, open_account};
use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, REGISTRATION};
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{UserId, new_id};
use crate::model::identity::LinkedIdentity;
use crate::model::proof::{Method, Proof};
use crate::model::registration::Registration;
use crate::model::text::BadText;
use crate::model::user::{DisplayName, Email, User, Username};
use crate::password::Password;
use crate::secret::Secret;
use crate::service::fields::{collect, invalid};
use crate::service::new_account::refuse_address;
use crate::service::pair::Purpose;
use crate::service::proof::{Evidence, Outcome, Proven};
use crate::service::users::{checked_password, known_words};
use crate::store::UnitTx;

/// What an applicant wants.
pub(crate) struct Wanted {
    /// The name to log in with.
    pub(crate) username: String,
    /// The password; users who register through a provider get none.
    pub(crate) password: Secret<String>,
    /// The full name.
    pub(crate) name: Option<String>,
    /// Whether the terms are accepted.
    pub(crate) terms_accepted: bool,
    /// The audience of the access token.
    pub(crate) audience: Option<String>,
}

/// Allows an attempt to choose: a person who has proved an address could try out which usernames there are. Each refusal counts.
pub(crate) async fn admit_choice(app: &App, applicant: &Applicant, ip: Option<&str>) -> Result<Charge, Error> {
    // What a provider has told of an address that it has not verified must not keep its owner out.
    let email = applicant
        .email()
        .filter(|(_, is_verified)| *is_verified)
        .map(|(email, _)| Account::Unknown(email.folded().into_owned()));
    let charge = app.limiter.admit(&Attempt::new(&REGISTRATION, email.as_ref(), ip)).await?;
    charge.map_err(|retry_after| Error::TooManyFailures { retry_after })
}

/// What an applicant wants, checked.
pub(crate) struct Checked {
    username: Username,
    name: Option<DisplayName>,
    /// None for users who register through a provider.
    password: Option<Password>,
}

/// Checks what an applicant wants; all problems at once.
pub(crate) fn check(app: &App, applicant: &Applicant, wanted: &Wanted) -> Result<Checked, Error> {
    let mut problems = Vec::new();
    let email = applicant.email();
    let verified = email.as_ref().filter(|(_, is_verified)| *is_verified).map(|(email, _)| email);
    let (username, name) = applicant.decided();
    let username = username.cloned().map_or_else(|| wanted.username.parse().map_err(invalid("username")), Ok);
    let username = username.and_then(|username: Username| refuse_address(&username, verified).map(|()| username));
    let username = collect(&mut problems, username);
    let typed = || wanted.name.as_deref().map(str::parse).transpose().map_err(invalid("name"));
    let name = name.cloned().map_or_else(typed, |decided| Ok(Some(decided)));
    let name: Option<Option<DisplayName>> = collect(&mut problems, name);
    let email = email.map(|(email, _): (Email, bool)| email.to_string());
    let known = known_words(&wanted.username, email.as_deref(), wanted.name.as_deref());
    let password = match applicant.identity() {
        Some(_) => Ok(None),
        None => checked_password(&wanted.password, &known).map(Some),
    };
    let password = collect(&mut problems, password);
    let audience = collect(&mut problems, Purpose::find(app, wanted.audience.as_deref()).map(|_| ()));
    let terms = match app.config.terms_url {
        Some(_) if !wanted.terms_accepted => Err(Error::invalid("terms_accepted", "invalid", "must be true")),
        _ => Ok(()),
    };
    let terms = collect(&mut problems, terms);
    match (username, name, password, audience, terms) {
        (Some(username), Some(name), Some(password), Some(()), Some(())) => Ok(Checked { username, name, password }),
        _ => Err(Error::Invalid(problems)),
    }
}

/// Hashes the password, if there is one.
pub(crate) fn hash(app: &App, checked: &Checked) -> Result<Option<String>, Error> {
    Ok(checked.password.as_ref().map(|password| app.hasher.hash(password)).transpose()?)
}

/// An account that was opened just now, and how its user has proved who they are.
pub(crate) struct Opened {
    /// The account.
    pub(crate) user: User,
    hash: Option<String>,
    identity: Option<LinkedIdentity>,
}

impl Opened {
    /// Whether a provider has said who the user is.
    pub(crate) fn is_from_provider(&self) -> bool {
        self.identity.is_some()
    }
}

/// Opens the account, and uses up the registration and all others of the address. If the username is refused, the registration
/// stays as it is.
pub(crate) fn open(
    app: &App,
    applicant: Applicant,
    checked: Checked,
    hash: Option<String>,
    origin: &Origin,
) -> Result<Opened, Error> {
    let (now, email) = (app.clock.now(), applicant.email());
    let id = new_id(now, &*app.entropy)?;
    let identity = identity_of(app, &applicant, id)?;
    let Applicant { registration, invitation } = applicant;
    let of_registration = registration.as_ref().and_then(|registration| registration.invitation_id);
    let new = NewAccount {
        id,
        created_at: now,
        username: checked.username,
        email,
        name: checked.name,
        roles: registration.as_ref().map(|registration| registration.roles.clone()).unwrap_or_default(),
        password_hash: hash.clone(),
        invitation: of_registration.or(invitation.map(|invitation| invitation.id)),
    };
    let (origin, linked) = (origin.clone(), identity.clone());
    let user = app.units.run(move |tx| {
        if let Some(registration) = registration {
            if let Some(identity) = &linked {
                refuse_if_changed(tx, identity, &registration)?;
            }
            let proved = registration.email.filter(|_| registration.email_verified);
            let proved = proved.map(|email| email.folded().into_owned());
            if let Some(folded) = &proved {
                tx.lock_registrations_of(folded)?;
            }
            if !tx.use_registration(registration.id, now)? {
                return Err(Error::BadMailToken);
            }
            if let Some(folded) = &proved {
                tx.void_registrations_of(folded, now)?;
            }
        }
        let user = open_account(tx, new, &origin)?;
        if let Some(identity) = linked {
            let event = origin.event(now, EventName::IdentityAdded).about(id).with(&identity.provider_id);
            tx.insert_identity(&identity)?;
            tx.record(event)?;
        }
        Ok(user)
    })?;
    Ok(Opened { user, hash, identity })
}

/// Refuses a registration whose provider may not sign users in any more, or is configured in another way since.
fn refuse_if_changed(tx: &mut UnitTx<'_>, identity: &LinkedIdentity, begun: &Registration) -> Result<(), Error> {
    let provider = tx.reading().find_provider(&identity.provider_id)?.map(|(provider, _)| provider);
    let is_as_it_was = provider.is_some_and(|provider| {
        // What was told then was read by the claim map of then.
        let is_the_same = provider.disabled_at.is_none() && provider.updated_at <= begun.created_at;
        is_the_same && (provider.trust_email || !begun.email_verified)
    });
    if is_as_it_was { Ok(()) } else { Err(Error::BadMailToken) }
}

/// The identity of the account, if its user registers through a provider.
fn identity_of(app: &App, applicant: &Applicant, user: UserId) -> Result<Option<LinkedIdentity>, Error> {
    let Some((provider, subject)) = applicant.identity() else { return Ok(None) };
    let now = app.clock.now();
    let provider_id = provider.parse().map_err(|_bad: BadText| Error::ProviderUnknown)?;
    let registration = applicant.registration.as_ref();
    Ok(Some(LinkedIdentity {
        id: new_id(now, &*app.entropy)?,
        provider_id,
        subject: subject.to_owned(),
        user_id: user,
        email: registration.and_then(|registration| registration.email.clone()),
        name: registration.and_then(|registration| registration.name.clone()),
        // The account has them already, besides those of an invitation.
        told_roles: None,
        created_at: now,
        last_used_at: None,
    }))
}

/// The proof that logs the new user in: the password was chosen just now, by the person who has proved the
/// address; or a provider has said who the user is. A second factor of the provider counts from the next login on.
pub(crate) fn outcome(app: &App, Opened { user, hash, identity }: Opened) -> Outcome {
    let (method, evidence) = match (hash, identity) {
        (_, Some(identity)) => (Method::Upstream { is_second_factor: false }, Evidence::Upstream(Box::new(identity))),
        (hash, None) => {
            let hash = hash.unwrap_or_default();
            (Method::Password, Evidence::Password { checked: hash.clone(), renewed: hash })
        }
    };
    let proof = Proof { user: user.id, method, at: app.clock.now() };
    Outcome { claimed: Some(user.id), proven: Some(Proven { user, proof, evidence }), password: None }
}
