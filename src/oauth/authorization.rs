//! The authorization request: from its parameters to what may be acted on
//! ([RFC 6749 section 4.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1),
//! [OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
//!
//! Until client and redirect URI are verified, errors are shown to the user, who is not redirected anywhere
//! ([RFC 9700 section 4.11](https://www.rfc-editor.org/rfc/rfc9700#section-4.11)). After that, errors go to the client.

use super::answer::Destination;
use super::error::{ErrorCode, OAuthError};
use super::params::{Params, RESOURCE};
use super::pkce::{S256, is_challenge};
use super::redirect_uri::{Kind, is_registered, kind};
use crate::model::authorization::{AuthorizationRequest, Prompt, ResponseMode};
use crate::model::client::{Client, GrantType};
use crate::model::names::Scopes;

/// The most bytes of a parameter that is kept. It comes back in a URL, whose length has limits everywhere.
pub(crate) const MAX_VALUE_BYTES: usize = 2_048;

/// Why a request is shown to the user as a mistake, and goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Untrusted {
    /// It names no client, or one that is not registered or disabled.
    Client,
    /// It names no redirect URI, or none of the client's.
    RedirectUri,
}

/// Why a request is refused, and where the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Why.
    pub(crate) error: OAuthError,
    /// Where.
    pub(crate) to: Destination,
}

/// The client that a request names; none if `client_id` is repeated.
pub(crate) fn client_id(params: &Params) -> Option<&str> {
    only(params, "client_id")
}

fn only<'a>(params: &'a Params, name: &'a str) -> Option<&'a str> {
    let mut values = params.all(name);
    values.next().filter(|_| values.next().is_none())
}

/// The redirect URI of a request, if it is one of the client's. It is required
/// ([OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
pub(crate) fn redirect_uri<'a>(params: &'a Params, client: &Client) -> Result<&'a str, Untrusted> {
    let uri = only(params, "redirect_uri").ok_or(Untrusted::RedirectUri)?;
    if is_registered(&client.redirect_uris, uri) { Ok(uri) } else { Err(Untrusted::RedirectUri) }
}

/// Reads a request of a client whose redirect URI is proved. `audiences` are those that it may ask for.
pub(crate) fn read(
    params: &Params,
    client: &Client,
    redirect_uri: &str,
    audiences: &[&str],
) -> Result<AuthorizationRequest, Refused> {
    let state = only(params, "state").filter(|state| state.len() <= MAX_VALUE_BYTES).map(str::to_owned);
    let mut to = Destination { redirect_uri: redirect_uri.to_owned(), mode: ResponseMode::Query, state };
    let read = flow(params, client).and_then(|()| response_mode(params, redirect_uri)).and_then(|mode| {
        to.mode = mode;
        accepted(params, client, &to, audiences)
    });
    read.map_err(|error| Refused { error, to })
}

/// Checks what decides how to answer. Until then errors go to the query.
fn flow(params: &Params, client: &Client) -> Result<(), OAuthError> {
    // RFC 6749 section 3.1: parameters must not be included more than once.
    if let Some(name) = params.repeated() {
        return invalid(format!("{name} is repeated"));
    }
    for (name, code) in [
        ("request", ErrorCode::RequestNotSupported),
        ("request_uri", ErrorCode::RequestUriNotSupported),
        ("registration", ErrorCode::RegistrationNotSupported),
    ] {
        if params.get(name).is_some() {
            return Err(OAuthError::new(code, format!("{name} is not supported")));
        }
    }
    match params.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, "response_type must be code")),
        None => return invalid("response_type is missing"),
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        let description = "the client is not registered for the grant type authorization_code";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, description));
    }
    Ok(())
}

/// A form cannot be posted to an app's own scheme.
fn response_mode(params: &Params, redirect_uri: &str) -> Result<ResponseMode, OAuthError> {
    match params.get("response_mode") {
        None | Some("query") => Ok(ResponseMode::Query),
        // A policy of where forms may go cannot name an IPv6 address (CSP Level 3 section 2.3.1).
        Some("form_post") if kind(redirect_uri) == Kind::App || redirect_uri.starts_with("http://[") => {
            invalid("response_mode form_post needs a redirect URI with the scheme https or http, and no IPv6 address")
        }
        Some("form_post") => Ok(ResponseMode::FormPost),
        Some(_) => invalid("response_mode must be query or form_post"),
    }
}

fn accepted(
    params: &Params,
    client: &Client,
    to: &Destination,
    audiences: &[&str],
) -> Result<AuthorizationRequest, OAuthError> {
    for name in ["state", "nonce", "scope", "login_hint", "ui_locales", "acr_values", RESOURCE] {
        if params.all(name).any(|value| value.len() > MAX_VALUE_BYTES) {
            return invalid(format!("{name} is longer than {MAX_VALUE_BYTES} bytes"));
        }
        if params.all(name).any(|value| value.contains(char::is_control)) {
            return invalid(format!("{name} has control characters"));
        }
    }
    let own = |name| params.get(name).map(str::to_owned);
    let words = |name| params.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    Ok(AuthorizationRequest {
        client_id: client.id.to_string(),
        redirect_uri: to.redirect_uri.clone(),
        response_mode: to.mode,
        code_challenge: code_challenge(params)?,
        scope: scope(params, client)?.to_string(),
        resource: resource(params, audiences)?,
        prompt: prompt(params)?,
        max_age: max_age(params)?,
        state: to.state.clone(),
        nonce: own("nonce"),
        login_hint: own("login_hint"),
        ui_locales: words("ui_locales"),
        acr_values: words("acr_values"),
        expected_user: None,
    })
}

/// [RFC 9700 section 2.1.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1): PKCE for every client, with S256. The
/// method that is missing is `plain` ([RFC 7636 section 4.3](https://www.rfc-editor.org/rfc/rfc7636#section-4.3)), whose
/// error is that of [section 4.4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.4.1).
fn code_challenge(params: &Params) -> Result<String, OAuthError> {
    let Some(challenge) = params.get("code_challenge") else { return invalid("code challenge required") };
    if params.get("code_challenge_method") != Some(S256) {
        return invalid("transform algorithm not supported: code_challenge_method must be S256");
    }
    if is_challenge(challenge) {
        Ok(challenge.to_owned())
    } else {
        invalid("code_challenge must be a SHA-256 digest in base64url")
    }
}

/// [RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3): there is no default; a client that has
/// scopes must say which it asks for.
fn scope(params: &Params, client: &Client) -> Result<Scopes, OAuthError> {
    let refused = |description: String| Err(OAuthError::new(ErrorCode::InvalidScope, description));
    let asked = match params.get("scope").unwrap_or_default().parse::<Scopes>() {
        Ok(asked) => asked,
        Err(bad) => return refused(format!("scope {bad}")),
    };
    match asked.names().iter().find(|name| !client.scopes.contains(name)) {
        Some(unknown) => refused(format!("the client may not ask for {unknown}")),
        None if asked.names().is_empty() && !client.scopes.names().is_empty() => refused("scope is missing".to_owned()),
        None => Ok(asked),
    }
}

/// [RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2). A token is for one audience.
fn resource(params: &Params, audiences: &[&str]) -> Result<Option<String>, OAuthError> {
    let refused = |description: &str| Err(OAuthError::new(ErrorCode::InvalidTarget, description));
    let mut all = params.all(RESOURCE);
    if audiences.is_empty() {
        return refused("this service no longer issues tokens for any audience of the client");
    }
    let (Some(resource), None) = (all.next(), all.next()) else {
        return if params.get(RESOURCE).is_none() { Ok(None) } else { refused("one resource at a time") };
    };
    if audiences.contains(&resource) {
        Ok(Some(resource.to_owned()))
    } else {
        refused("the client may not ask for this resource")
    }
}

/// `none` must stand alone
/// ([OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
fn prompt(params: &Params) -> Result<Vec<Prompt>, OAuthError> {
    let mut prompts = Vec::new();
    for word in params.get("prompt").unwrap_or_default().split_whitespace() {
        prompts.push(match word {
            "none" => Prompt::None,
            "login" => Prompt::Login,
            "consent" => Prompt::Consent,
            "select_account" => Prompt::SelectAccount,
            _ => return invalid("prompt must be none, login, consent or select_account"),
        });
    }
    if prompts.contains(&Prompt::None) && prompts.iter().any(|prompt| *prompt != Prompt::None) {
        return invalid("prompt none stands alone");
    }
    Ok(prompts)
}

fn max_age(params: &Params) -> Result<Option<i64>, OAuthError> {
    let Some(text) = params.get("max_age") else { return Ok(None) };
    match text.parse() {
        Ok(seconds) if seconds >= 0 => Ok(Some(seconds)),
        _ => invalid("max_age must be a number of seconds"),
    }
}

fn invalid<T>(description: impl Into<String>) -> Result<T, OAuthError> {
    Err(OAuthError::new(ErrorCode::InvalidRequest, description))
}

#[cfg(test)]
#[path = "authorization_tests.rs"]
mod tests;
