//! Requests for which a user must have logged in with more, or a short time ago
//! ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470)).

use super::{BearerError, BearerErrorKind};
use crate::jwt::AccessClaims;
use crate::verifier::Verifier;

impl Verifier {
    /// Checks how strong the login of a token was, and how long ago; see [`Verifier::is_authenticated`].
    ///
    /// ```
    /// use actix_web::web;
    /// use tokensmith_verifier::{BearerError, LoggedIn, Verifier};
    ///
    /// async fn pay(verifier: web::Data<Verifier>, LoggedIn(claims): LoggedIn) -> Result<&'static str, BearerError> {
    ///     verifier.require_authentication(&claims, Some("urn:example:two-factors"), Some(300))?;
    ///     Ok("paid")
    /// }
    /// ```
    ///
    /// # Errors
    /// [`BearerErrorKind::AuthenticationInsufficient`].
    pub fn require_authentication(
        &self,
        claims: &AccessClaims,
        acr_values: Option<&'static str>,
        max_age: Option<u32>,
    ) -> Result<(), BearerError> {
        if self.is_authenticated(claims, acr_values, max_age) {
            return Ok(());
        }
        Err(self.refusal(BearerErrorKind::AuthenticationInsufficient { acr_values, max_age }))
    }
}
