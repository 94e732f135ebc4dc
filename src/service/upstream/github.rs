//! A user of GitHub, which speaks OAuth 2 and has an API of its own
//! (<https://docs.github.com/en/rest/users>). What it says is made into the claims of OpenID Connect.

use serde::Deserialize;
use serde_json::{Map, json};

use super::calls::Calls;
use super::claims::Claims;
use crate::error::Error;
use crate::model::provider::{Action, EMAIL_VERIFIED};
use crate::oauth::upstream::{Endpoints, Tokens};

const HEADERS: [(&str, &str); 2] = [("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")];

/// The user's own data.
#[derive(Deserialize)]
struct User {
    /// It stays as it is when the user is renamed, and is not given to anybody else.
    id: u64,
    login: String,
    name: Option<String>,
}

/// One of the user's addresses.
#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

/// What GitHub says of the user.
pub(super) fn claims(calls: &Calls<'_>, endpoints: &Endpoints, tokens: &Tokens) -> Result<Claims, Error> {
    let url = endpoints.userinfo.as_deref().ok_or_else(|| Error::internal("GitHub without an API"))?;
    let text = calls.get("user", url, &tokens.access_token, &HEADERS)?;
    let user: User = serde_json::from_str(&text).map_err(|error| calls.failed("user", &error))?;
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(user.id.to_string()));
    claims.insert("preferred_username".to_owned(), json!(user.login));
    claims.insert("name".to_owned(), json!(user.name));
    if calls.provider.claim_map.email.action != Action::Ignore {
        let text = calls.get("emails", &format!("{url}/emails"), &tokens.access_token, &HEADERS)?;
        let addresses: Vec<Address> = serde_json::from_str(&text).map_err(|error| calls.failed("emails", &error))?;
        // The address on a profile is whatever its user has typed.
        if let Some(address) = addresses.into_iter().find(|address| address.primary && address.verified) {
            claims.insert("email".to_owned(), json!(address.email));
            claims.insert(EMAIL_VERIFIED.to_owned(), json!(true));
        }
    }
    Ok(Claims { first: claims, more: Map::new() })
}
