//! What was wrong with a form, in the words of the page.

use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::texts::Texts;
use super::visit::Visit;
use crate::clock::Seconds;
use crate::error::{Error, FieldProblem};
use crate::http::failure::Failure;
use crate::http::pages::signing_in::problem;
use crate::model::session::EndReason;
use crate::webauthn::Refusal;

/// The response with the form again, and what was wrong; an error that is not about the form is a failure.
pub(super) fn refused(visit: &Visit<'_>, error: Error) -> Result<(HttpResponseBuilder, String), Failure> {
    let texts = visit.texts;
    let wrong_password = || Ok((HttpResponse::Forbidden(), texts.wrong_password.to_owned()));
    match error {
        Error::WrongPassword | Error::BadCredentials => wrong_password(),
        Error::Invalid(problems) if problems.iter().all(is_of_the_password) => wrong_password(),
        Error::Invalid(problems) => {
            let mut all: Vec<&str> = problems.iter().map(|problem| of_field(visit, problem)).collect();
            all.dedup();
            Ok((HttpResponse::BadRequest(), all.join(" ")))
        }
        Error::UsernameTaken => Ok((HttpResponse::Conflict(), texts.username_taken.to_owned())),
        Error::UsernameTooSimilar => Ok((HttpResponse::Conflict(), visit.site.texts.username_too_similar.to_owned())),
        Error::TooManyApiTokens(count) => {
            Ok((HttpResponse::Conflict(), texts.too_many_tokens.replace("{count}", &count.to_string())))
        }
        Error::TooManyPasskeys(count) => {
            Ok((HttpResponse::Conflict(), texts.too_many_passkeys.replace("{count}", &count.to_string())))
        }
        Error::TooManyIdentities(count) => {
            Ok((HttpResponse::Conflict(), visit.site.texts.provider_too_many.replace("{count}", &count.to_string())))
        }
        Error::TooManyMails { retry_after: Seconds(seconds) } => {
            let problem = visit.site.texts.too_many_mails.replace("{minutes}", &((seconds + 59) / 60).to_string());
            let mut response = HttpResponse::TooManyRequests();
            response.insert_header((RETRY_AFTER, seconds));
            Ok((response, problem))
        }
        Error::EmailMissing => Ok((HttpResponse::BadRequest(), texts.no_email.to_owned())),
        Error::PasskeyTaken => Ok((HttpResponse::Conflict(), texts.passkey_taken.to_owned())),
        Error::IdentityNotFound => Ok((HttpResponse::NotFound(), texts.identity_not_found.to_owned())),
        Error::LastWayIn => Ok((HttpResponse::Conflict(), texts.last_way_in.to_owned())),
        Error::PasskeyNotFound => Ok((HttpResponse::NotFound(), texts.passkey_not_found.to_owned())),
        Error::PasskeyRefused(Refusal::ChallengeOver) => {
            Ok((HttpResponse::Forbidden(), texts.passkey_too_late.to_owned()))
        }
        error => problem(visit.site.texts, error),
    }
}

/// No password of an account is like that, so it is a wrong one.
fn is_of_the_password(problem: &FieldProblem) -> bool {
    ["password", "current_password"].contains(&problem.field)
}

fn of_field(visit: &Visit<'_>, problem: &FieldProblem) -> &'static str {
    let texts = visit.texts;
    match (problem.field, problem.code) {
        (_, "password_too_short") => texts.password_too_short,
        (_, "password_too_long") => texts.password_too_long,
        (_, "password_too_common") => texts.password_too_common,
        ("new_password", _) => texts.password_the_same,
        ("new_password_again", _) => texts.passwords_differ,
        ("username", "not_your_address") => visit.site.texts.not_your_address,
        ("username", _) => texts.bad_username,
        ("name", _) => texts.bad_name,
        ("email", _) => visit.site.texts.bad_email,
        ("expires_in", _) => texts.bad_days,
        _ => texts.bad_field,
    }
}

/// Why a session ended.
pub(super) fn why(texts: &Texts, reason: EndReason) -> &'static str {
    match reason {
        EndReason::Logout => texts.reason_logout,
        EndReason::Revoked => texts.reason_revoked,
        EndReason::Admin => texts.reason_admin,
        EndReason::PasswordChanged => texts.reason_password_changed,
        EndReason::UserDisabled => texts.reason_user_disabled,
        EndReason::Reuse => texts.reason_reuse,
        EndReason::Shared => texts.reason_shared,
        EndReason::Idle => texts.reason_idle,
        EndReason::AbsoluteEnd => texts.reason_absolute_end,
    }
}
