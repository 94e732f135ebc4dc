//! Introspection ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)): what a token is worth, told to the client that it was
//! issued to and to the resource servers that it is for.

use crate::app::App;
use crate::error::Error;
use crate::model::client::Client;
use crate::oauth::error::ErrorCode;
use crate::service::verify::{ActiveToken, Token, any_token};

/// A token that is active, if the client may know about it. What is not active, not ours or not for the client looks the same
/// ([RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
pub(crate) fn introspect(app: &App, client: &Client, token: &str) -> Result<Option<ActiveToken>, Error> {
    // RFC 7662 section 2.1: the endpoint must require authorization, and a public client has none.
    if client.is_public() {
        return Err(Error::oauth(ErrorCode::UnauthorizedClient, "a public client may not ask about tokens"));
    }
    let token = match any_token(app, token) {
        Ok(token) => token,
        Err(Error::Unavailable(cause)) => return Err(Error::Unavailable(cause)),
        Err(Error::Internal(cause)) => return Err(Error::Internal(cause)),
        Err(Error::Overloaded { retry_after }) => return Err(Error::Overloaded { retry_after }),
        Err(_not_active) => return Ok(None),
    };
    let id = client.id.as_str();
    let may_know = match &token {
        ActiveToken::Jwt(Token::Access(claims)) => {
            claims.client_id == id || client.resource_servers.all().iter().any(|server| claims.aud.contains(server))
        }
        ActiveToken::Jwt(Token::Refresh(claims)) => claims.client_id == id,
        // It can be exchanged for an access token for any audience.
        ActiveToken::Api(..) => !client.resource_servers.all().is_empty(),
    };
    Ok(may_know.then_some(token))
}
