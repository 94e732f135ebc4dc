//! What an authorization request still needs of its user before it can be answered: a rule without storage.

use super::redirect_uri::{Kind, kind};
use crate::clock::{Seconds, Timestamp};
use crate::model::authorization::{AuthorizationRequest, Consent, Interaction, Prompt};
use crate::model::client::Client;
use crate::model::grant::Live;
use crate::model::names::Scopes;
use crate::model::text::fold;
use crate::model::user::User;

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The user proves who they are.
    Login,
    /// The user chooses which account to use.
    Account,
    /// The user allows these scopes.
    Consent(Scopes),
    /// The client gets its answer.
    Answer,
    /// A user other than the one in `id_token_hint` has logged in.
    AnotherUser,
}

/// What is known of the user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The session of the browser.
    pub(crate) session: Option<Live>,
    /// What its user has allowed to the client.
    pub(crate) consent: Option<Consent>,
    /// The `acr` that another login of the user would reach, if that is a stronger one.
    pub(crate) stronger: Option<String>,
}

/// What comes next of an interaction. Earlier steps count only for the current session.
pub(crate) fn next(interaction: &Interaction, client: &Client, known: &Known, now: Timestamp) -> Step {
    let request = &interaction.request;
    let Some(Live { session, user, .. }) = &known.session else { return Step::Login };
    // OpenID Connect Core section 3.1.2.1, id_token_hint.
    if request.expected_user.is_some_and(|expected| expected != user.id) {
        return if interaction.chosen { Step::AnotherUser } else { Step::Login };
    }
    if !is_fresh(interaction, session.auth_time(), now) || is_too_weak(interaction, known, session.auth_time()) {
        return Step::Login;
    }
    let another = request.login_hint.as_ref().is_some_and(|hint| !names(hint, user));
    if !interaction.chosen && (another || request.prompt.contains(&Prompt::SelectAccount)) {
        return Step::Account;
    }
    missing(request, client, known.consent.as_ref()).map_or(Step::Answer, Step::Consent)
}

/// Whether the user has authenticated recently enough; a login within the interaction always counts
/// ([OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)). The times
/// alone are not enough: an earlier login may be of the same second.
fn is_fresh(interaction: &Interaction, authenticated_at: Timestamp, now: Timestamp) -> bool {
    let request = &interaction.request;
    let is_young = request.max_age.is_none_or(|most| most > 0 && now - authenticated_at <= Seconds(most));
    is_within(interaction, authenticated_at) || (is_young && !request.prompt.contains(&Prompt::Login))
}

fn is_within(interaction: &Interaction, authenticated_at: Timestamp) -> bool {
    interaction.chosen && authenticated_at >= interaction.created_at
}

/// Whether another login would reach a strength that the client prefers: its values are in order of preference, and voluntary
/// ([OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)). So one that
/// cannot be reached is not an error; the token says which one was
/// ([RFC 9470 section 5](https://www.rfc-editor.org/rfc/rfc9470#section-5)).
fn is_too_weak(interaction: &Interaction, known: &Known, authenticated_at: Timestamp) -> bool {
    let Some(stronger) = &known.stronger else { return false };
    let has = known.session.as_ref().and_then(|live| live.grant.as_ref()?.acr.as_ref());
    let mut preferred = interaction.request.acr_values.iter();
    let preferred = preferred.find(|value| *value == stronger || Some(*value) == has);
    preferred == Some(stronger) && !is_within(interaction, authenticated_at)
}

fn names(hint: &str, user: &User) -> bool {
    let own =
        [Some(user.username.to_string()), user.email.as_ref().map(ToString::to_string), Some(user.id.to_string())];
    let hint = fold(hint.trim());
    own.into_iter().flatten().any(|name| fold(&name) == hint)
}

/// The scopes that the user has to allow, if any.
fn missing(request: &AuthorizationRequest, client: &Client, consent: Option<&Consent>) -> Option<Scopes> {
    let asked: Scopes = request.scope.parse().unwrap_or_default();
    if request.prompt.contains(&Prompt::Consent) || is_always_asked(client, &request.redirect_uri) {
        return Some(asked);
    }
    if client.skip_consent {
        return None;
    }
    let Some(consent) = consent else { return Some(asked) };
    let new = asked.without(&consent.scopes);
    (!new.names().is_empty()).then_some(new)
}

/// Any program on the user's machine could pose as such a client
/// ([RFC 8252 section 8.6](https://www.rfc-editor.org/rfc/rfc8252#section-8.6)).
pub(crate) fn is_always_asked(client: &Client, redirect_uri: &str) -> bool {
    client.is_public() && matches!(kind(redirect_uri), Kind::App | Kind::Loopback)
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
