//! From what a provider says to who the user is here, as the provider's claim map says.

use serde_json::Value;

use super::claims::Claims;
use crate::clock::Timestamp;
use crate::model::names::Names;
use crate::model::provider::{Action, ClaimRule, Provider, RolesRule};
use crate::model::upstream::{BadIdToken, Identity, MAX_SUBJECT_BYTES, Refusal};

/// What may be configured of `amr` is a few words.
const MAX_METHODS: usize = 16;

/// The identity of these claims, whose `sub` is checked.
pub(super) fn of(provider: &Provider, claims: &Claims) -> Result<Identity, Refusal> {
    let map = &provider.claim_map;
    let subject = claims.text("sub").filter(|sub| !sub.is_empty() && sub.len() <= MAX_SUBJECT_BYTES);
    let email = field(claims, &map.email, "email", |text| text.parse().ok())?;
    let email_verified =
        email.is_some() && claims.text(&map.email.claim).is_some_and(|text| claims.is_verified(&map.email.claim, text));
    // How a user has authenticated is told by the ID token alone: userinfo is about the user, not about this sign-in.
    let told = |claim: &str| claims.first.get(claim);
    let methods = told("amr").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let amr: Vec<String> = methods.take(MAX_METHODS).map(ToOwned::to_owned).collect();
    let acr = told("acr").and_then(Value::as_str);
    Ok(Identity {
        provider: provider.id.clone(),
        subject: subject.ok_or(Refusal::OtherSubject)?.to_owned(),
        email,
        email_verified,
        username: field(claims, &map.username, "username", |text| text.parse().ok())?,
        name: field(claims, &map.name, "name", |text| text.parse().ok())?,
        roles: roles(claims, &map.roles)?,
        is_second_factor: provider.counts_as_second_factor(&amr, acr),
        amr,
        acr: acr.map(ToOwned::to_owned),
        auth_time: told("auth_time").filter(|value| !value.is_null()).map(instant).transpose()?,
    })
}

/// A `NumericDate` ([RFC 7519 section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)), which may have a fraction. What is
/// none is refused: as if it was not sent, it would mean now.
fn instant(value: &Value) -> Result<Timestamp, Refusal> {
    let seconds = value.as_f64().ok_or(Refusal::IdToken(BadIdToken::Malformed))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the fraction is dropped, and what is too large is the largest"
    )]
    let seconds = seconds as i64;
    Ok(Timestamp(seconds))
}

/// The value of a field. One that is not valid here is as if it was not sent.
fn field<T>(
    claims: &Claims,
    rule: &ClaimRule,
    name: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    if rule.action == Action::Ignore {
        return Ok(None);
    }
    let value = claims.text(&rule.claim).filter(|text| !text.is_empty()).and_then(read);
    if value.is_none() && rule.action == Action::Require { Err(Refusal::ClaimMissing(name)) } else { Ok(value) }
}

/// The roles that the values of the claim stand for.
fn roles(claims: &Claims, rule: &RolesRule) -> Result<Option<Names>, Refusal> {
    if rule.action == Action::Ignore {
        return Ok(None);
    }
    let value = claims.get(&rule.claim);
    let values: Vec<&str> = match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ if rule.action == Action::Require => return Err(Refusal::ClaimMissing("roles")),
        // Users who are in no group may have no such claim.
        _ => Vec::new(),
    };
    let roles = Names::new(values.into_iter().filter_map(|value| rule.roles.get(value)));
    roles.map(Some).map_err(|_too_many| Refusal::ClaimMissing("roles"))
}
