//! What the forms of the pages post.

use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::oauth::interaction::Decision;
use crate::service::shown::Shown;

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
    /// The next one, of a login that waits for it.
    Step { challenge: Secret<String>, step: Step },
}

/// The next step of a login.
pub(super) enum Step {
    /// A code.
    Shown(Shown),
    /// The first code of an app that is being set up.
    Confirm(Secret<String>),
    /// To be asked for a recovery code, or else for a code of the app.
    Ask { for_recovery_code: bool },
    /// To set up an app with another secret.
    Enrol,
}

/// The challenge of a login that waits, and its next step if that is one of ours.
pub(super) fn next_step(params: &Params) -> Option<(Secret<String>, Option<Step>)> {
    Some((secret(params.get("challenge")?), step(params)))
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn step(params: &Params) -> Option<Step> {
    match (params.get("otp"), params.get("recovery_code"), params.get("confirm"), params.get("by")) {
        (Some(code), None, None, None) => Some(Step::Shown(Shown::Otp(secret(code)))),
        (None, Some(code), None, None) => Some(Step::Shown(Shown::RecoveryCode(secret(code)))),
        (None, None, Some(code), None) => Some(Step::Confirm(secret(code))),
        (None, None, None, Some("another_picture")) => Some(Step::Enrol),
        (None, None, None, Some(by)) => Some(Step::Ask { for_recovery_code: by == "recovery_code" }),
        _ => None,
    }
}

/// Reads a form; `None` if it is not one of ours.
pub(super) fn posted(params: &Params) -> Option<Posted> {
    if let Some((challenge, step)) = next_step(params) {
        return step.map(|step| Posted::SignIn(SignIn::Step { challenge, step }));
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
