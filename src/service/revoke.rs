//! Revoking ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)): a refresh token ends its session, an access token is
//! denied alone, an API token is accepted no more. Whoever finds one may do it.

use super::verify::{self, Token};
use super::{api_tokens, audit, sessions};
use crate::app::Issuer;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::denial::Denial;
use crate::model::session::EndReason;
use crate::secret::KEY_PREFIX;

/// Revokes a token. One that is not ours, has expired or was revoked before is none to worry about
/// ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
///
/// # Errors
/// [`Error::Unavailable`]: it must be asked again.
pub fn revoke(issuer: &Issuer, token: &str, origin: &Origin) -> Result<(), Error> {
    let app = &issuer.app;
    let now = app.clock.now();
    if token.starts_with(KEY_PREFIX) {
        return match issuer.api_tokens.find_any(token) {
            Ok((token, owner)) => api_tokens::revoke(issuer, owner.id, token.id, origin).map(|_was_active| ()),
            Err(Error::Bearer(_no_such_token)) => Ok(()),
            Err(error) => Err(error),
        };
    }
    match verify::read(issuer, token) {
        Err(_invalid) => {}
        Ok(Token::Access(claims)) => {
            let denial = Denial::of_access_token(claims.jti, now, claims.exp);
            let event = origin.event(now, EventName::AccessTokenRevoked).about(claims.sub).of_session(claims.sid);
            let is_new = app.store.write(|tx| {
                let is_new = tx.insert_denials(&[denial])? > 0;
                if is_new {
                    tx.insert_event(&event)?;
                }
                Ok(is_new)
            })?;
            if is_new {
                audit::tell(&app.metrics, &event);
            }
            issuer.denylist.add([denial]);
        }
        Ok(Token::Refresh(claims)) => {
            match sessions::end(issuer, claims.sub, claims.sid, EndReason::Logout, origin) {
                // Not on record any more.
                Err(Error::SessionNotFound) => {}
                ended => ended?,
            }
        }
    }
    Ok(())
}
