//! An authorization: what a client asks for, what a user has allowed, and the code that the client gets for it
//! ([RFC 6749 section 4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1)).

use serde::{Deserialize, Serialize};

use super::client::ClientId;
use super::grant::Amr;
use super::id::{Id, SessionId, UserId};
use super::names::Scopes;
use super::provider::ProviderId;
use crate::clock::{Seconds, Timestamp};

/// [RFC 9700 section 4.5](https://www.rfc-editor.org/rfc/rfc9700#section-4.5) and FAPI 2.0 section 5.3.2.1: at most a minute.
pub(crate) const CODE_LIFETIME: Seconds = Seconds(60);

/// How long a user has to log in and decide.
pub(crate) const INTERACTION_LIFETIME: Seconds = Seconds(600);

/// Marks the identifiers of interactions.
#[derive(Debug)]
pub(crate) enum InteractionTag {}

/// Identifies an interaction, in its URL. It is no secret.
pub(crate) type InteractionId = Id<InteractionTag>;

/// An authorization request whose client and redirect URI are proved, and whose parameters are valid
/// ([RFC 6749 section 4.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1),
/// [OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthorizationRequest {
    /// The client.
    pub(crate) client_id: String,
    /// Where the answer goes.
    pub(crate) redirect_uri: String,
    /// How the answer goes there.
    pub(crate) response_mode: ResponseMode,
    /// What the client may do, as names with spaces between them.
    pub(crate) scope: String,
    /// Who the access tokens are for ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707)).
    pub(crate) resource: Option<String>,
    /// The client's own, which it gets back.
    pub(crate) state: Option<String>,
    /// Goes into the ID token.
    pub(crate) nonce: Option<String>,
    /// The S256 challenge ([RFC 7636 section 4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2)).
    pub(crate) code_challenge: String,
    /// What the user has to be asked.
    pub(crate) prompt: Vec<Prompt>,
    /// How long ago the user may have logged in, in seconds.
    pub(crate) max_age: Option<i64>,
    /// Who is expected to log in.
    pub(crate) login_hint: Option<String>,
    /// The languages that the user reads, best first.
    pub(crate) ui_locales: Vec<String>,
    /// The strengths of authentication that the client wishes for.
    pub(crate) acr_values: Vec<String>,
    /// The user of the ID token that the client has shown. The answer may not be about another user.
    #[serde(default)]
    pub(crate) expected_user: Option<UserId>,
}

/// How an answer goes to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In a form that the browser posts
    /// ([OAuth 2.0 Form Post Response Mode](https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html)).
    FormPost,
}

/// What the user has to be asked, although it is known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prompt {
    /// Nothing: answer at once, or with an error.
    None,
    /// To log in.
    Login,
    /// To allow it.
    Consent,
    /// To choose which account to use.
    SelectAccount,
}

/// A request that a browser is working on. Who is logged in there is not part of it: only the browser's cookie tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interaction {
    /// Its place in the URL.
    pub(crate) id: InteractionId,
    /// What is asked for.
    pub(crate) request: AuthorizationRequest,
    /// Whether the user has chosen which account to use.
    pub(crate) chosen: bool,
    /// When it began.
    pub(crate) created_at: Timestamp,
    /// The first second at which it is over.
    pub(crate) expires_at: Timestamp,
    /// When it was answered.
    pub(crate) finished_at: Option<Timestamp>,
}

/// What a code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the parameter is called so")]
pub(crate) struct Code {
    /// The client that it was issued to.
    pub(crate) client_id: ClientId,
    /// Who has allowed it.
    pub(crate) user_id: UserId,
    /// The browser's session in which it was allowed.
    pub(crate) browser_session_id: SessionId,
    /// The redirect URI of the request.
    pub(crate) redirect_uri: String,
    /// The challenge of the request.
    pub(crate) code_challenge: String,
    /// What was allowed, as names with spaces between them.
    pub(crate) scope: String,
    /// Who the access tokens are for, if the request said so.
    pub(crate) audience: Option<String>,
    /// The `nonce` of the request.
    pub(crate) nonce: Option<String>,
    /// When the user proved who they are.
    pub(crate) auth_time: Timestamp,
    /// How.
    pub(crate) amr: Amr,
    /// How strongly.
    pub(crate) acr: Option<String>,
    /// The provider at which the user has authenticated.
    pub(crate) idp: Option<ProviderId>,
    /// The first second at which it is over.
    pub(crate) expires_at: Timestamp,
    /// The session that it was redeemed for.
    pub(crate) session_id: Option<SessionId>,
}

/// What a user has allowed to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Consent {
    /// The user.
    pub(crate) user_id: UserId,
    /// The client.
    pub(crate) client_id: ClientId,
    /// What it may do.
    pub(crate) scopes: Scopes,
    /// When it was allowed first.
    pub(crate) created_at: Timestamp,
    /// When it was last allowed.
    pub(crate) updated_at: Timestamp,
}
