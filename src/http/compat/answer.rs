//! Failures as simplejwt and Django REST framework tell them. Not all have a `code`.

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::clock::Seconds;
use crate::error::{Error, FieldProblem};
use crate::http::api::problem;
use crate::http::failure::Failure;
use crate::jwt::TokenError;
use crate::model::session::EndReason;

const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="api""#);

/// The only code that simplejwt has for tokens.
const TOKEN_NOT_VALID: &str = "token_not_valid";

/// Clients may send anything as a media type.
const MAX_MEDIA_TYPE_CHARS: usize = 100;

/// An error, as simplejwt tells it. If fields are not valid, it has their names instead, each with a list of texts.
#[derive(Serialize, ToSchema)]
#[schema(as = SimpleJwtError)]
pub(in crate::http) struct SimpleJwtErrorView {
    /// What is wrong.
    #[schema(nullable = false)]
    detail: Option<String>,
    /// What is wrong, for programs.
    #[schema(nullable = false)]
    code: Option<String>,
}

/// Status and body.
type Told = (StatusCode, Value);

/// What a client is told.
pub(in crate::http) fn told(failure: &Failure) -> Told {
    match failure {
        Failure::Domain(error) => of_domain(failure, error),
        Failure::BodyMalformed(why) => (StatusCode::BAD_REQUEST, detail(why.as_str())),
        Failure::MediaTypeUnsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, media_type_unsupported("text/plain")),
        Failure::PathUnknown => (StatusCode::NOT_FOUND, detail("Not found.")),
        Failure::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, method_not_allowed("GET")),
        Failure::BodyTooLarge(_)
        | Failure::BodyTimedOut
        | Failure::OriginNotAllowed(_)
        | Failure::OriginOfNoClient(_)
        | Failure::Bearer(_)
        | Failure::ReauthenticationRequired(_)
        | Failure::ApplicationToken
        | Failure::CsrfRefused
        | Failure::RefreshCookieMissing
        | Failure::SessionCookiesOff
        | Failure::RoleMissing(_)
        | Failure::ScopeMissing(_)
        | Failure::BasicAuthOff => of_our_own(failure),
    }
}

/// The response.
pub(in crate::http) fn render(failure: &Failure, request: &HttpRequest, _request_id: &str) -> HttpResponse {
    let (status, body) = told(failure);
    let body = match failure {
        Failure::MediaTypeUnsupported => {
            // With its parameters.
            let named = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            named.filter(|named| !named.is_empty()).map_or(body, media_type_unsupported)
        }
        Failure::MethodNotAllowed(_) => method_not_allowed(request.method().as_str()),
        _ => body,
    };
    let mut response = HttpResponse::build(status);
    problem::add_headers(failure, &mut response, status);
    if status == StatusCode::UNAUTHORIZED {
        response.insert_header((WWW_AUTHENTICATE, CHALLENGE));
    }
    response.json(body)
}

fn of_domain(failure: &Failure, error: &Error) -> Told {
    match error {
        Error::BadCredentials => unauthorized(detail("No active account found with the given credentials")),
        Error::AccountDisabled | Error::SessionEnded(EndReason::UserDisabled) => {
            unauthorized(detail("No active account found for the given token."))
        }
        Error::TokenRefused(why) => not_valid(match why {
            TokenError::Expired => "Token is expired",
            TokenError::WrongType => "Token has wrong type",
            TokenError::Revoked => "Token is blacklisted",
            _ => "Token is invalid",
        }),
        Error::WrongClient => not_valid("Token is invalid"),
        Error::RefreshTokenReused | Error::RefreshTokenReplaced | Error::SessionEnded(_) | Error::SessionUnknown => {
            not_valid("Token is blacklisted")
        }
        Error::Invalid(problems) => (StatusCode::BAD_REQUEST, of_fields(problems)),
        Error::TooManyFailures { retry_after: Seconds(seconds) } => {
            let text = format!("Request was throttled. Expected available in {seconds} seconds.");
            (StatusCode::TOO_MANY_REQUESTS, detail(text))
        }
        Error::SecondFactorRequired(_) => unauthorized(with_code(
            "A second factor is needed, which this endpoint does not take.",
            "second_factor_required",
        )),
        Error::SecondFactorEnrolmentRequired(_)
        | Error::Overloaded { .. }
        | Error::Unavailable(_)
        | Error::DataKeyUnavailable(_)
        | Error::Internal(_)
        | Error::ApiTokenRefused(_)
        | Error::OAuth(_)
        | Error::SessionNotFound
        | Error::ApiTokenNotFound
        | Error::TooManyApiTokens(_)
        | Error::WrongPassword
        | Error::SecondFactorNotShown { .. }
        | Error::BadChallenge
        | Error::WrongOtp
        | Error::OtpLocked
        | Error::WrongRecoveryCode
        | Error::SecondFactorMissing { .. }
        | Error::BadMailToken
        | Error::MailOff
        | Error::EmailMissing
        | Error::EmailTaken
        | Error::TooManyMails { .. }
        | Error::PasskeyRefused(_)
        | Error::PasskeyTaken
        | Error::PasskeyNotFound
        | Error::TooManyPasskeys(_)
        | Error::IdentityTaken
        | Error::SignedInElsewhere { .. }
        | Error::TooManyIdentities(_)
        | Error::IdentityNotFound
        | Error::LastWayIn
        | Error::PasskeysOff
        | Error::FactorNotFound
        | Error::LastAdmin
        | Error::UsernameTaken
        | Error::UsernameTooSimilar
        | Error::RegistrationOff
        | Error::InvitationMissing
        | Error::BadInvitation
        | Error::InvitationUnknown
        | Error::RegistrationUnknown
        | Error::UserUnknown
        | Error::ClientUnknown
        | Error::ClientIdTaken
        | Error::ClientWithoutSecret
        | Error::ProviderUnknown
        | Error::UpstreamRefused(_)
        | Error::ClaimLocked
        | Error::ClaimReadOnly
        | Error::ClaimUnknown
        | Error::TooManyClaims(_)
        | Error::KeyConflict(_)
        | Error::KeyUnknown => of_our_own(failure),
    }
}

/// What simplejwt does not know: with our own status and code.
fn of_our_own(failure: &Failure) -> Told {
    let code = failure.code();
    (code.status(), with_code(&failure.to_string(), code.name))
}

fn unauthorized(body: Value) -> Told {
    (StatusCode::UNAUTHORIZED, body)
}

fn not_valid(text: &str) -> Told {
    unauthorized(with_code(text, TOKEN_NOT_VALID))
}

fn detail(text: impl Into<String>) -> Value {
    json!({"detail": text.into()})
}

fn with_code(text: &str, code: &str) -> Value {
    json!({"detail": text, "code": code})
}

fn of_fields(problems: &[FieldProblem]) -> Value {
    let texts = |problem: &FieldProblem| (problem.field.to_owned(), json!([problem.message]));
    Value::Object(problems.iter().map(texts).collect::<Map<_, _>>())
}

fn media_type_unsupported(media_type: &str) -> Value {
    let shown: String = media_type.chars().take(MAX_MEDIA_TYPE_CHARS).collect();
    detail(format!("Unsupported media type \"{shown}\" in request."))
}

fn method_not_allowed(method: &str) -> Value {
    detail(format!("Method \"{method}\" not allowed."))
}
