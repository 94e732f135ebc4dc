//! A user of a provider that speaks OpenID Connect.

use serde_json::{Map, Value};
use tokensmith_verifier::issuing::read_object;

use super::calls::Calls;
use super::claims::Claims;
use crate::error::Error;
use crate::jwt::{ExpectedIdToken, verify_upstream_id_token};
use crate::model::upstream::{BadIdToken, Refusal};
use crate::oauth::upstream::{Endpoints, Tokens};
use crate::outbound::Age;

/// What a provider says of the user: in the ID token, and by its userinfo endpoint if the token lacks what is wanted.
pub(super) fn claims(calls: &Calls<'_>, endpoints: &Endpoints, tokens: &Tokens, nonce: &str) -> Result<Claims, Error> {
    let first = id_token(calls, endpoints, tokens, nonce)?;
    let claims = Claims { first, more: Map::new() };
    match &endpoints.userinfo {
        Some(url) if !claims.are_enough(&calls.provider.claim_map) => {
            let more = userinfo(calls, url, tokens)?;
            // OpenID Connect Core section 5.3.2: an answer about another subject must not be used.
            if more.get("sub") != claims.first.get("sub") {
                return Err(Error::UpstreamRefused(Refusal::OtherSubject));
            }
            Ok(Claims { more, ..claims })
        }
        _ => Ok(claims),
    }
}

/// The claims of the ID token. If its key is not known it may be a new one.
fn id_token(
    calls: &Calls<'_>,
    endpoints: &Endpoints,
    tokens: &Tokens,
    nonce: &str,
) -> Result<Map<String, Value>, Error> {
    let refused = |why| Error::UpstreamRefused(Refusal::IdToken(why));
    let token = tokens.id_token.as_ref().ok_or(refused(BadIdToken::Malformed))?;
    let jwks = endpoints.jwks.as_deref().ok_or_else(|| Error::internal("a provider without keys"))?;
    let expected = ExpectedIdToken {
        issuer: &endpoints.issuer,
        client_id: &calls.provider.client_id,
        nonce,
        access_token: tokens.access_token.expose(),
    };
    let now = calls.app.clock.now();
    let verify = |age| {
        let jwks = calls.document("keys", jwks, age)?;
        Ok::<_, Error>(verify_upstream_id_token(token.expose(), &jwks, &expected, now))
    };
    let verified = match verify(Age::Any)? {
        Err(BadIdToken::UnknownKey | BadIdToken::BadSignature) => verify(Age::Newest)?,
        verified => verified,
    };
    verified.map_err(refused)
}

/// [OpenID Connect Core section 5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo).
fn userinfo(calls: &Calls<'_>, url: &str, tokens: &Tokens) -> Result<Map<String, Value>, Error> {
    let text = calls.get("userinfo", url, &tokens.access_token, &[("accept", "application/json")])?;
    read_object(text.as_bytes()).ok_or_else(|| calls.failed("userinfo", &"it is not a JSON object"))
}
