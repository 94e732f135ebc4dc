//! Verifying tokens for other services. (Our own routes use [`tokensmith_verifier`], as any service does.)

use std::sync::Arc;

use crate::app::App;
use crate::error::Error;
use crate::jwt::{AccessClaims, RefreshClaims, TokenError};
use crate::model::api_token::ApiToken;
use crate::model::id::SessionId;
use crate::model::rotation::{Presented, Verdict, judge};

/// A token of ours, by kind.
pub(crate) enum Token {
    /// An access token.
    Access(Arc<AccessClaims>),
    /// A refresh token.
    Refresh(RefreshClaims),
}

/// An active token of ours, by kind.
pub(crate) enum ActiveToken {
    /// An access token or a refresh token.
    Jwt(Token),
    /// An API token, with the claims that it has now.
    Api(Box<ApiToken>, Box<AccessClaims>),
}

/// Reads a token of ours of either kind: signature, claims and time, but not whether it was revoked.
fn read(app: &App, token: &str) -> Result<Token, TokenError> {
    let now = app.clock.now();
    let ring = app.keys.ring();
    match ring.access_keys().verify(token, app.expected(), now) {
        Err(TokenError::WrongType) => ring.verify_refresh(token, &app.config.issuer, now).map(Token::Refresh),
        verified => verified.map(Token::Access),
    }
}

/// Verifies a token of any kind. A refresh token is active if a refresh with it would succeed. This never changes the
/// session, even if the token was reused.
pub(crate) fn any_token(app: &App, token: &str) -> Result<ActiveToken, Error> {
    if app.api_tokens.looks_like_one(token) {
        let (token, owner) = app.api_tokens.find(token)?;
        let claims = app.api_tokens.claims(&token, &owner, app.clock.now());
        return Ok(ActiveToken::Api(Box::new(token), Box::new(claims)));
    }
    jwt(app, token).map(ActiveToken::Jwt)
}

/// Verifies a JWT of ours.
pub(super) fn jwt(app: &App, token: &str) -> Result<Token, Error> {
    match read(app, token).map_err(Error::TokenRefused)? {
        Token::Access(claims) if claims.is_denied(app.denylist.set()) => Err(Error::TokenRefused(TokenError::Revoked)),
        Token::Access(claims) => Ok(Token::Access(claims)),
        Token::Refresh(claims) => refresh_token(app, claims.sid, claims.generation).map(|()| Token::Refresh(claims)),
    }
}

/// Whether a refresh with this generation of a session would succeed.
pub(super) fn refresh_token(app: &App, session: SessionId, generation: i64) -> Result<(), Error> {
    let (session, user) = app.store.read(|tx| tx.find_session(session))?.unzip();
    let active = user.is_some_and(|user| user.disabled_at.is_none());
    // The caller is not the client that would refresh, so the origin of the token is not known.
    let presented = Presented { generation, context: None, is_bound: false };
    match judge(presented, session.as_ref(), active, app.config.rotation_rules(), app.clock.now()).verdict {
        Verdict::Refused(refusal) => Err(refusal.into()),
        Verdict::Reused(_) => Err(Error::TokenRefused(TokenError::Revoked)),
        Verdict::Rotate | Verdict::Repeat | Verdict::Retry | Verdict::Heal => Ok(()),
    }
}
