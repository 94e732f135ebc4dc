//! What the forms of the pages post.

use crate::error::Challenged;
use crate::http::extract::{AssertionBody, RegistrationBody};
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::oauth::interaction::Decision;
use crate::service::shown::Shown;
use crate::webauthn::Assertion;

/// What a form posts.
pub(super) enum Posted {
    /// To log in.
    SignIn(SignIn),
    /// To allow, deny or continue.
    Decision(Decision),
    /// To log in as somebody else.
    AnotherAccount,
}

/// A step of a login.
pub(super) enum SignIn {
    /// The first one.
    Password { username: String, password: Secret<String> },
    /// The only one.
    Passkey(Box<Assertion>),
    /// The next one, of a login that waits for it.
    Step { waiting: Challenged, step: Step },
}

/// The next step of a login.
pub(super) enum Step {
    /// A code, or a passkey.
    Shown(Shown),
    /// The first code of an app that is being set up.
    Confirm(Secret<String>),
    /// To be asked for something else.
    Ask(By),
    /// To set up an app with another secret.
    Enrol,
    /// A passkey that the browser has made.
    Register(RegistrationBody),
}

/// What the next step of a login shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// A code of the app.
    Otp,
    RecoveryCode,
    Passkey,
}

impl By {
    /// As forms and the API name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Otp => "otp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
        }
    }

    /// What is asked for first.
    pub(super) fn first(waiting: &Challenged) -> Self {
        let all = [Self::Otp, Self::Passkey];
        all.into_iter().find(|by| waiting.methods.contains(&by.name())).unwrap_or(Self::RecoveryCode)
    }

    pub(super) fn of(shown: &Shown) -> Self {
        match shown {
            Shown::Otp(_) => Self::Otp,
            Shown::RecoveryCode(_) => Self::RecoveryCode,
            Shown::Passkey(_) => Self::Passkey,
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Otp, Self::RecoveryCode, Self::Passkey].into_iter().find(|by| by.name() == name)
    }
}

/// A login that waits, and its next step if that is one of ours.
pub(super) fn next_step(params: &Params) -> Option<(Challenged, Option<Step>)> {
    let challenge = secret(params.get("challenge")?);
    let methods = params.get("methods").unwrap_or_default().split(' ').filter_map(By::named).map(By::name).collect();
    Some((Challenged { challenge, methods }, step(params)))
}

/// What a passkey has signed.
pub(super) fn assertion(params: &Params) -> Option<Box<Assertion>> {
    let body: AssertionBody = serde_json::from_str(params.get("assertion")?).ok()?;
    Some(Box::new(body.into()))
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn step(params: &Params) -> Option<Step> {
    if let Some(assertion) = assertion(params) {
        return Some(Step::Shown(Shown::Passkey(assertion)));
    }
    match (params.get("otp"), params.get("recovery_code"), params.get("confirm"), params.get("by")) {
        (Some(code), None, None, None) => Some(Step::Shown(Shown::Otp(secret(code)))),
        (None, Some(code), None, None) => Some(Step::Shown(Shown::RecoveryCode(secret(code)))),
        (None, None, Some(code), None) => Some(Step::Confirm(secret(code))),
        (None, None, None, Some("another_picture")) => Some(Step::Enrol),
        (None, None, None, Some(by)) => By::named(by).map(Step::Ask),
        (None, None, None, None) => serde_json::from_str(params.get("credential")?).ok().map(Step::Register),
        _ => None,
    }
}

/// Reads a form; `None` if it is not one of ours.
pub(super) fn posted(params: &Params) -> Option<Posted> {
    if let Some((waiting, step)) = next_step(params) {
        return step.map(|step| Posted::SignIn(SignIn::Step { waiting, step }));
    }
    if let Some(assertion) = assertion(params) {
        return Some(Posted::SignIn(SignIn::Passkey(assertion)));
    }
    match (params.get("decision"), params.get("account"), params.get("username")) {
        (Some("allow"), None, None) => Some(Posted::Decision(Decision::Allow)),
        (Some("deny"), None, None) => Some(Posted::Decision(Decision::Deny)),
        (None, Some("continue"), None) => Some(Posted::Decision(Decision::Continue)),
        (None, Some("other"), None) => Some(Posted::AnotherAccount),
        (None, None, Some(username)) => {
            let (username, password) = (username.to_owned(), secret(params.get("password").unwrap_or_default()));
            Some(Posted::SignIn(SignIn::Password { username, password }))
        }
        _ => None,
    }
}
