//! Revocation ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)). Revoking a refresh token ends its session; revoking
//! an access token denies only that token; revoking an API token also denies its access tokens. Anyone who has a token
//! may revoke it.

use std::sync::Arc;

use super::{api_tokens, legacy, sessions};
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::jwt::{AccessClaims, RefreshClaims, TokenError, verify_signature};
use crate::model::api_token::ApiTokenId;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::denial::Denial;
use crate::model::id::UserId;
use crate::model::session::EndReason;
use crate::secret::{KEY_PREFIX, Secret};

/// The first characters of every JWT of ours: `{"` in base64url.
const JWT_PREFIX: &str = "eyJ";

/// The token in a pasted text: without a scheme or quotation marks around it, and without white space, which tokens do
/// not contain. A text that is not a token does not become one by this.
pub(crate) fn bare(text: &str) -> Secret<String> {
    let begins = [JWT_PREFIX, KEY_PREFIX].into_iter().filter_map(|prefix| text.find(prefix)).min();
    let token = begins.and_then(|at| text.get(at..)).unwrap_or(text);
    let belongs_to_it = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c) || c.is_whitespace();
    Secret::new(token.chars().take_while(belongs_to_it).filter(|c| !c.is_whitespace()).collect())
}

/// A token of ours that can be revoked.
pub(crate) enum Revocable {
    /// It is denied alone.
    Access(Arc<AccessClaims>),
    /// Its session ends.
    Refresh(RefreshClaims),
    /// It is accepted no more.
    ApiToken { owner: UserId, id: ApiTokenId },
}

/// Reads a [`bare`] token of any kind, if it is ours: by its signature alone, since clocks and settings may differ from those
/// that it was made with.
pub(crate) async fn read(app: &Arc<App>, token: &Secret<String>) -> Result<Option<Revocable>, Error> {
    if app.api_tokens.looks_like_one(token.expose()) {
        let (asked, token) = (Arc::clone(app), token.clone());
        return match deadline::on_a_thread(move || asked.api_tokens.find_any(token.expose())).await {
            Ok((token, owner)) => Ok(Some(Revocable::ApiToken { owner: owner.id, id: token.id })),
            Err(Error::ApiTokenRefused(_no_such_token)) => Ok(None),
            Err(error) => Err(error),
        };
    }
    let (token, ring) = (token.expose(), app.keys.ring());
    let read = match verify_signature::<AccessClaims>(token, ring.keys()) {
        Err(TokenError::WrongType) => verify_signature(token, ring.keys()).map(Revocable::Refresh),
        verified => verified.map(|claims| Revocable::Access(Arc::new(claims))),
    };
    Ok(read.ok())
}

/// Revokes a [`bare`] token for anyone who has it. A token that is not ours, or was already revoked, is no error
/// ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
///
/// After an error the request must be repeated.
pub(crate) async fn revoke_any(app: &Arc<App>, token: Secret<String>, origin: Origin) -> Result<(), Error> {
    if let Some(token) = read(app, &token).await? {
        return revoke(app, token, origin).await;
    }
    // A refresh token of the issuer before this service, if it is one.
    let app = Arc::clone(app);
    match deadline::on_a_thread(move || legacy::deny(&app, token.expose(), &origin)).await {
        Ok(()) | Err(Error::TokenRefused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Revokes a token of ours.
pub(crate) async fn revoke(app: &Arc<App>, token: Revocable, origin: Origin) -> Result<(), Error> {
    match token {
        Revocable::ApiToken { owner, id } => {
            let asked = Arc::clone(app);
            let revoke = move || api_tokens::revoke(&asked, owner, id, &origin);
            deadline::on_a_thread(revoke).await.map(|_was_active| ())
        }
        Revocable::Access(claims) => deny(app, &claims, &origin).await,
        Revocable::Refresh(RefreshClaims { sub, sid, .. }) => {
            sessions::end_if_stored(app, sub, sid, EndReason::Logout, origin).await
        }
    }
}

async fn deny(app: &App, claims: &AccessClaims, origin: &Origin) -> Result<(), Error> {
    let now = app.clock.now();
    let denial = Denial::of_access_token(claims.jti, now, claims.exp);
    if denial.expires_at <= now {
        // It has expired on every clock.
        return Ok(());
    }
    let (user, session) = (claims.user_id(), claims.sid);
    let event = Event { user, session, ..origin.event(now, EventName::AccessTokenRevoked) };
    app.rotator.deny(denial, event).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_what_was_pasted() {
        for around in [
            ["", ""],
            ["\r\n\t", " \t"],
            ["bEARER  ", "\n"],
            [" Token\t", ""],
            ["\u{a0}", "\u{2003}"],
            ["{\"token\": \"", "\"}"],
            ["access_token=", "&state=b"],
        ] {
            for token in ["eyJh.eyJi.c-_", "tks_0aB"] {
                for text in [token.to_owned(), format!("{}\n  {}", &token[..5], &token[5..])] {
                    assert_eq!(bare(&format!("{}{text}{}", around[0], around[1])).expose(), token, "{around:?}");
                }
            }
        }
        assert_eq!(bare("a.b.c \n").expose(), "a.b.c");
        assert_eq!(bare(" ").expose(), "");
    }
}
