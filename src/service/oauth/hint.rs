//! An ID token that comes back: who a client believes to be logged in
//! ([OpenID Connect RP-Initiated Logout section 2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)).

use crate::app::App;
use crate::jwt::{TokenError, verify_signature};
use tokensmith_verifier::issuing::IdTokenClaims;

/// What an ID token that comes back is.
pub(crate) enum Hint {
    /// One of ours. It may have expired long ago, and may be for any client: callers must check its `azp`.
    Of(Box<IdTokenClaims>),
    /// Perhaps one of ours, from a time before the keys that are still here: clients keep ID tokens for months.
    OfRemovedKey,
    /// Not one of ours.
    Bad,
}

/// What this text is.
pub(crate) fn read_hint(app: &App, hint: &str) -> Hint {
    match verify_signature::<IdTokenClaims>(hint, app.keys.ring().keys()) {
        Ok(claims) if claims.iss == app.config.issuer => Hint::Of(Box::new(claims)),
        Err(TokenError::UnknownKey) => Hint::OfRemovedKey,
        Ok(_) | Err(_) => Hint::Bad,
    }
}
