//! The end of a registration: username, name and password are chosen, and the account is opened.

use super::Applicant;
use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, REGISTRATION};
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::id::new_id;
use crate::model::names::Roles;
use crate::model::proof::{Method, Proof};
use crate::model::user::{DisplayName, Email, User, Username};
use crate::password::Password;
use crate::secret::Secret;
use crate::service::fields::{collect, invalid};
use crate::service::new_account::{NewAccount, open_account};
use crate::service::pair::Purpose;
use crate::service::proof::{Evidence, Outcome, Proven};
use crate::service::users::{checked_password, known_words};

/// What an applicant wants.
pub(crate) struct Wanted {
    /// The name to log in with.
    pub(crate) username: String,
    /// The password.
    pub(crate) password: Secret<String>,
    /// The full name.
    pub(crate) name: Option<String>,
    /// Whether the terms are accepted.
    pub(crate) terms_accepted: bool,
    /// The audience of the access token.
    pub(crate) audience: Option<String>,
}

/// Allows an attempt to choose: whoever has proved an address could try out which usernames there are. Each refusal counts.
pub(crate) async fn admit_choice(app: &App, applicant: &Applicant, ip: Option<&str>) -> Result<Charge, Error> {
    let email = applicant.email().map(|(email, _)| Account::Unknown(email.folded().into_owned()));
    let charge = app.limiter.admit(&Attempt::new(&REGISTRATION, email.as_ref(), ip)).await?;
    charge.map_err(|retry_after| Error::TooManyFailures { retry_after })
}

/// What an applicant wants, checked.
pub(crate) struct Checked {
    username: Username,
    name: Option<DisplayName>,
    password: Password,
}

/// Checks what an applicant wants; all problems at once.
pub(crate) fn check(app: &App, applicant: &Applicant, wanted: &Wanted) -> Result<Checked, Error> {
    let mut problems = Vec::new();
    let email = applicant.email().map(|(email, _): (Email, bool)| email.to_string());
    let username = collect(&mut problems, wanted.username.parse::<Username>().map_err(invalid("username")));
    let name = wanted.name.as_deref().map(str::parse::<DisplayName>).transpose().map_err(invalid("name"));
    let name = collect(&mut problems, name);
    let known = known_words(&wanted.username, email.as_deref(), wanted.name.as_deref());
    let password = collect(&mut problems, checked_password(&wanted.password, &known));
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

/// Hashes the password.
pub(crate) fn hash(app: &App, checked: &Checked) -> Result<String, Error> {
    Ok(app.hasher.hash(&checked.password)?)
}

/// An account that was opened just now, with the hash of its password.
pub(crate) struct Opened {
    /// The account.
    pub(crate) user: User,
    hash: String,
}

/// Opens the account, and uses up the registration and all others of the address. If the username is refused, the registration
/// stays as it is.
pub(crate) fn open(
    app: &App,
    applicant: Applicant,
    checked: Checked,
    hash: String,
    origin: &Origin,
) -> Result<Opened, Error> {
    let (now, email) = (app.clock.now(), applicant.email());
    let Applicant { registration, invitation } = applicant;
    let of_registration = registration.as_ref().and_then(|registration| registration.invitation_id);
    let new = NewAccount {
        id: new_id(now, &*app.entropy)?,
        created_at: now,
        username: checked.username,
        email,
        name: checked.name,
        roles: Roles::default(),
        password_hash: Some(hash.clone()),
        invitation: of_registration.or(invitation.map(|invitation| invitation.id)),
    };
    let origin = origin.clone();
    let user = app.units.run(move |tx| {
        if let Some(registration) = registration {
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
        open_account(tx, new, &origin)
    })?;
    Ok(Opened { user, hash })
}

/// The proof that logs the new user in: the password was chosen just now, by who has proved the address.
pub(crate) fn outcome(app: &App, Opened { user, hash }: Opened) -> Outcome {
    let proof = Proof { user: user.id, method: Method::Password, at: app.clock.now() };
    let evidence = Evidence::Password { checked: hash.clone(), renewed: hash };
    Outcome { claimed: Some(user.id), proven: Some(Proven { user, proof, evidence }) }
}
