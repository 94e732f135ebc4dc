//! Error responses of our own API: `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with
//! a stable `code`, and the challenges of bearer tokens
//! ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::clock::Seconds;
use crate::engine::api_tokens::BUSY_RETRY_AFTER;
use crate::error::{Error, FieldProblem};
use crate::http::failure::Failure;
use crate::http::words::{EndReason, FieldCode, ProblemCode, SecondFactor};
use tokensmith_verifier::BearerErrorKind;
use tokensmith_verifier::issuing::{ApiTokenError, challenge};

/// The realm of this service's tokens.
const REALM: &str = "tokensmith";

/// When to retry if the database is unavailable.
const UNAVAILABLE_RETRY_AFTER: Seconds = Seconds(5);

/// An error ([RFC 9457 section 3](https://www.rfc-editor.org/rfc/rfc9457#section-3)).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(in crate::http) struct ProblemView<'a> {
    /// `urn:tokensmith:problem:` followed by the code.
    #[serde(rename = "type")]
    kind: String,
    /// The meaning of the code in a few words.
    title: &'a str,
    /// The HTTP status of the response.
    status: u16,
    /// What is wrong with this request. For people; the text may change.
    detail: String,
    /// What is wrong. For programs; it does not change.
    #[schema(value_type = ProblemCode)]
    code: &'a str,
    /// The id of the request in the log.
    request_id: &'a str,
    /// Why the session has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EndReason>, nullable = false)]
    reason: Option<String>,
    /// At a login that needs another step: what the next step names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    challenge: Option<&'a str>,
    /// At a login that needs another step: how the user may prove who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<SecondFactor>>, nullable = false)]
    methods: Option<&'a [&'static str]>,
    /// Which fields are not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    errors: Option<Vec<FieldView<'a>>>,
}

/// A field that is not valid.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldProblem)]
struct FieldView<'a> {
    /// Name of the field.
    field: &'a str,
    /// What is wrong, for programs.
    #[schema(value_type = FieldCode)]
    code: &'a str,
    /// What is expected, for people.
    message: &'a str,
}

impl<'a> From<&'a FieldProblem> for FieldView<'a> {
    fn from(problem: &'a FieldProblem) -> Self {
        Self { field: problem.field, code: problem.code, message: &problem.message }
    }
}

impl<'a> ProblemView<'a> {
    fn new(failure: &'a Failure, request_id: &'a str) -> Self {
        let code = failure.code();
        let errors = match failure {
            Failure::Domain(Error::Invalid(problems)) => Some(problems.iter().map(FieldView::from).collect()),
            _ => None,
        };
        let reason = match failure {
            Failure::Domain(Error::SessionEnded(reason)) => Some(reason.to_string()),
            _ => None,
        };
        let challenged = match failure {
            Failure::Domain(
                Error::SecondFactorRequired(Some(challenged)) | Error::SecondFactorEnrolmentRequired(Some(challenged)),
            ) => Some(challenged),
            _ => None,
        };
        let methods = match failure {
            Failure::Domain(Error::SecondFactorMissing { methods }) => Some(methods.as_slice()),
            _ => challenged.map(|challenged| challenged.methods.as_slice()),
        };
        Self {
            kind: format!("urn:tokensmith:problem:{}", code.name),
            title: code.title,
            status: code.status,
            detail: failure.to_string(),
            code: code.name,
            request_id,
            reason,
            challenge: challenged.map(|challenged| challenged.challenge.expose().as_str()),
            methods,
            errors,
        }
    }
}

/// An example body for the documentation.
pub(in crate::http) fn example(failure: &Failure) -> Value {
    json!(ProblemView::new(failure, "dGhpcyBpcyBvbmUK"))
}

/// The whole response.
pub(in crate::http) fn render(failure: &Failure, request_id: &str) -> HttpResponse {
    let status = failure.code().status();
    let body = json!(ProblemView::new(failure, request_id)).to_string();
    let mut response = HttpResponse::build(status);
    add_headers(failure, &mut response, status);
    response.content_type("application/problem+json").body(body)
}

/// The headers of a failure, whatever its body is.
pub(in crate::http) fn add_headers(failure: &Failure, response: &mut HttpResponseBuilder, status: StatusCode) {
    let retry_after = match failure {
        Failure::Domain(
            Error::Overloaded { retry_after }
            | Error::TooManyFailures { retry_after }
            | Error::TooManyMails { retry_after },
        ) => Some(*retry_after),
        Failure::Bearer(BearerErrorKind::ApiToken(ApiTokenError::Overloaded)) => Some(BUSY_RETRY_AFTER),
        Failure::Domain(Error::Unavailable(_) | Error::DataKeyUnavailable(_))
        | Failure::Bearer(BearerErrorKind::ApiToken(ApiTokenError::Unavailable)) => Some(UNAVAILABLE_RETRY_AFTER),
        _ => None,
    };
    if let Some(Seconds(seconds)) = retry_after {
        response.insert_header((RETRY_AFTER, seconds));
    }
    if let Failure::MethodNotAllowed(methods) = failure {
        response.insert_header((ALLOW, methods.join(", ")));
    }
    if let Some(challenge) = challenge_of(failure, status) {
        response.insert_header((WWW_AUTHENTICATE, challenge));
    }
}

fn insufficient(failure: &Failure, Seconds(max_age): Seconds, acr: Option<&str>) -> String {
    let (max_age, detail) = (max_age.to_string(), failure.to_string());
    let mut params = vec![("error", "insufficient_user_authentication"), ("max_age", &*max_age)];
    params.extend(acr.map(|acr| ("acr_values", acr)));
    params.push(("error_description", &detail));
    challenge(REALM, &params)
}

fn challenge_of(failure: &Failure, status: StatusCode) -> Option<String> {
    match failure {
        Failure::Bearer(why) => why.challenge(REALM),
        // RFC 9470 section 3: how old the authentication may be, and how strong it must be.
        Failure::ReauthenticationRequired(max_age) | Failure::Domain(Error::SignedInElsewhere { max_age }) => {
            Some(insufficient(failure, *max_age, None))
        }
        Failure::Domain(Error::SecondFactorNotShown { acr, max_age }) => {
            Some(insufficient(failure, *max_age, acr.as_deref()))
        }
        // RFC 6750 section 3.1.
        Failure::RoleMissing(_) => {
            Some(challenge(REALM, &[("error", "insufficient_scope"), ("error_description", &failure.to_string())]))
        }
        Failure::ScopeMissing(scope) => {
            let (error, detail) = ("insufficient_scope", failure.to_string());
            Some(challenge(REALM, &[("error", error), ("scope", scope), ("error_description", &detail)]))
        }
        Failure::Domain(Error::ApiTokenRefused(why)) => BearerErrorKind::ApiToken((*why).into()).challenge(REALM),
        // RFC 9110 section 15.5.2: a 401 carries a challenge.
        _ => (status == StatusCode::UNAUTHORIZED).then(|| challenge(REALM, &[])),
    }
}
