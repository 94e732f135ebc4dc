//! Revoking by a client ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)): its own tokens, and no other client's.

use std::sync::Arc;

use crate::app::App;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::client::Client;
use crate::oauth::error::ErrorCode;
use crate::secret::Secret;
use crate::service::revoke::{self, Revocable};

/// Revokes a token of a client. Any generation of a refresh token ends the grant. One that is not ours, or was revoked before,
/// is nothing to worry about ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
pub(crate) async fn revoke(
    app: &Arc<App>,
    client: &Client,
    token: &Secret<String>,
    origin: Origin,
) -> Result<(), Error> {
    let Some(revocable) = revoke::read(app, token).await? else { return Ok(()) };
    let of = match &revocable {
        Revocable::Access(claims) => Some(&claims.client_id),
        Revocable::Refresh(claims) => Some(&claims.client_id),
        // It was not issued to a client: as everywhere, anyone who has it may revoke it.
        Revocable::ApiToken { .. } => None,
    };
    // RFC 7009 section 2.1: whether the token was issued to the client that asks.
    if of.is_some_and(|of| of != client.id.as_str()) {
        return Err(Error::oauth(ErrorCode::UnauthorizedClient, "the token was not issued to this client"));
    }
    revoke::revoke(app, revocable, origin).await
}
