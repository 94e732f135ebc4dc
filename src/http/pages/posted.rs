//! What the forms of an interaction post.

use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::oauth::interaction::Decision;
use crate::service::shown::Shown;

/// What a form posts.
pub(super) enum Posted {
    /// To log in.
    Login { username: String, password: Secret<String> },
    /// To go on with a login that waits for its next step.
    Step { challenge: Secret<String>, step: Step },
    /// To allow, deny or continue.
    Decision(Decision),
    /// To log in as somebody else.
    AnotherAccount,
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

fn step(params: &Params) -> Option<Step> {
    let secret = |text: &str| Secret::new(text.to_owned());
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
    if let Some(challenge) = params.get("challenge") {
        let challenge = Secret::new(challenge.to_owned());
        return step(params).map(|step| Posted::Step { challenge, step });
    }
    match (params.get("decision"), params.get("account"), params.get("username")) {
        (Some("allow"), None, None) => Some(Posted::Decision(Decision::Allow)),
        (Some("deny"), None, None) => Some(Posted::Decision(Decision::Deny)),
        (None, Some("continue"), None) => Some(Posted::Decision(Decision::Continue)),
        (None, Some("other"), None) => Some(Posted::AnotherAccount),
        (None, None, Some(username)) => {
            let password = Secret::new(params.get("password").unwrap_or_default().to_owned());
            Some(Posted::Login { username: username.to_owned(), password })
        }
        _ => None,
    }
}
