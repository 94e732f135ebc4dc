//! Revoking ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)): a refresh token ends its session, an access token is
//! denied alone.

use super::verify::{self, Token};
use crate::app::Issuer;
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::session::{End, EndReason};

/// Revokes a token. One that is not ours, has expired or was revoked before is none to worry about
/// ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
///
/// # Errors
/// [`Error::Unavailable`]: it must be asked again.
pub fn revoke(issuer: &Issuer, token: &str) -> Result<(), Error> {
    let app = &issuer.app;
    let now = app.clock.now();
    match verify::read(issuer, token) {
        Err(_invalid) => {}
        Ok(Token::Access(claims)) => {
            let denial = Denial::of_access_token(claims.jti, now, claims.exp);
            app.store.write(|tx| tx.insert_denials(&[denial]))?;
            issuer.denylist.add([denial]);
            log::info!(user:% = claims.sub, session:% = claims.sid; "access token revoked");
        }
        Ok(Token::Refresh(claims)) => {
            let end = End { at: now, reason: EndReason::Logout };
            let denial = app.store.write(|tx| tx.end_session(claims.sid, end, app.config.lifetimes.access))?;
            if denial.is_some() {
                log::info!(user:% = claims.sub, session:% = claims.sid; "logout");
            }
            issuer.denylist.add(denial);
        }
    }
    Ok(())
}
