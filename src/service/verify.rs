//! Verifying tokens for other services. (Our own routes use [`tokensmith_verifier`], as any service does.)

use std::sync::Arc;

use crate::app::App;
use crate::error::Error;
use crate::jwt::{AccessClaims, RefreshClaims, TokenError};
use crate::model::api_token::ApiToken;
use crate::model::rotation::{Presented, Verdict, judge};
use crate::secret::KEY_PREFIX;

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
    if token.trim_start().starts_with(KEY_PREFIX) {
        let (token, owner) = app.api_tokens.find(token)?;
        let claims = app.api_tokens.claims(&token, &owner, app.clock.now());
        return Ok(ActiveToken::Api(Box::new(token), Box::new(claims)));
    }
    jwt(app, token).map(ActiveToken::Jwt)
}

fn jwt(app: &App, token: &str) -> Result<Token, Error> {
    match read(app, token).map_err(Error::TokenRefused)? {
        Token::Access(claims) if claims.is_denied(app.denylist.set()) => Err(Error::TokenRefused(TokenError::Revoked)),
        Token::Access(claims) => Ok(Token::Access(claims)),
        Token::Refresh(claims) => {
            let (session, user) = app.store.read(|tx| tx.find_session(claims.sid))?.unzip();
            let active = user.is_some_and(|user| user.disabled_at.is_none());
            // The caller is not the client that would refresh, so the origin of the token is not known.
            let presented = Presented { generation: claims.generation, context: None, is_bound: false };
            let rules = app.config.rotation_rules();
            match judge(presented, session.as_ref(), active, rules, app.clock.now()).verdict {
                Verdict::Refused(refusal) => Err(refusal.into()),
                Verdict::Reused(_) => Err(Error::TokenRefused(TokenError::Revoked)),
                Verdict::Rotate | Verdict::Repeat | Verdict::Retry | Verdict::Heal => Ok(Token::Refresh(claims)),
            }
        }
    }
}
