//! Requests for which a user must have logged in with more, or a short time ago
//! ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470)).

use super::{BearerError, BearerErrorKind};
use crate::clock::Seconds;
use crate::jwt::AccessClaims;
use crate::verifier::Verifier;

impl Verifier {
    /// Checks how strong the login of a token was, and how long ago: its `acr` must be one of `acr_values`, which are
    /// separated by spaces, and its `auth_time` at most `max_age` seconds ago.
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
        let is_strong = acr_values
            .is_none_or(|values| claims.acr.as_deref().is_some_and(|acr| values.split(' ').any(|value| value == acr)));
        let is_recent = max_age.is_none_or(|seconds| {
            claims.auth_time.is_some_and(|at| self.0.clock.now() <= at + Seconds(seconds.into()))
        });
        if is_strong && is_recent {
            return Ok(());
        }
        Err(self.refusal(BearerErrorKind::AuthenticationInsufficient { acr_values, max_age }))
    }
}
