//! An ID token that comes back: who a client believes to be logged in
//! ([OpenID Connect RP-Initiated Logout section 2](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout)).

use crate::app::App;
use crate::jwt::verify_signature;
use tokensmith_verifier::issuing::IdTokenClaims;

/// What an ID token of ours says. It may have expired long ago, and may be for any client: callers must check its `aud`.
pub(crate) fn verify_hint(app: &App, hint: &str) -> Option<IdTokenClaims> {
    let claims: IdTokenClaims = verify_signature(hint, app.keys.ring().keys()).ok()?;
    (claims.iss == app.config.issuer).then_some(claims)
}
