//! The claims of issued tokens, for every way of issuing one.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Map;

use super::SigningAlg;
use crate::clock::Timestamp;
use crate::model::api_token::ApiToken;
use crate::model::compat::{Compat, SIMPLEJWT_CLIENT, USER_ID_CLAIM};
use crate::model::grant::Grant;
use crate::model::id::Jti;
use crate::model::names::Scopes;
use crate::model::session::Session;
use crate::model::user::User;
use tokensmith_verifier::issuing::{API_TOKEN, IdTokenClaims, RefreshClaims, TOKEN_PATH, issuer_base, issuer_url};
use tokensmith_verifier::{AccessClaims, Audience, Credential, RequiredClaims, Subject};

/// What access tokens of all kinds need to be issued.
pub(crate) struct Issuing<'a> {
    /// The issuer.
    pub(crate) issuer: &'a str,
    /// The audience.
    pub(crate) audience: &'a str,
    /// The id of the token.
    pub(crate) jti: Jti,
    /// Now.
    pub(crate) iat: Timestamp,
    /// When it expires.
    pub(crate) exp: Timestamp,
    /// Whose claims a token of a user has, too.
    pub(crate) compat: Compat,
}

impl Issuing<'_> {
    /// For a session: its user has logged in, at this service or through the application that the grant names.
    pub(crate) fn of_session(self, session: &Session, grant: &Grant, user: &User) -> AccessClaims {
        let credential = if grant.is_login() { Credential::Login } else { Credential::Application };
        let mut claims = self.claims_of_user(user, &grant.client_id, credential);
        claims.sid = Some(session.id);
        claims.auth_time = Some(session.auth_time());
        claims.amr = Some(grant.amr.names().to_vec());
        claims.acr.clone_from(&grant.acr);
        claims.idp = grant.idp.as_ref().map(ToString::to_string);
        if grant.shows_roles() {
            claims.roles = user.roles.names().to_vec();
        }
        claims.scope = Some(grant.scope.clone()).filter(|scope| !scope.is_empty());
        claims
    }

    /// For an API token, with those of its scopes that the service has, and those of its roles that its owner has. The
    /// user is not present, so there are no claims about an authentication.
    pub(crate) fn of_api_token(self, token: &ApiToken, owner: &User, scopes: &Scopes) -> AccessClaims {
        let scopes = token.scopes.shared_with(scopes);
        let mut claims = self.claims_of_user(owner, API_TOKEN, Credential::ApiToken);
        claims.sid = Some(token.sid);
        claims.auth_time = Some(token.created_at);
        claims.amr = Some(Vec::new());
        claims.roles = token.effective_roles(owner).names().to_vec();
        claims.scope = Some(scopes.to_string()).filter(|scope| !scope.is_empty());
        claims
    }

    /// For a client that acts for itself: it is the subject, too
    /// ([RFC 9068 section 2.2](https://www.rfc-editor.org/rfc/rfc9068#section-2.2)).
    pub(crate) fn of_client(self, client_id: &str, scope: &str) -> AccessClaims {
        let mut claims = self.claims(Subject::new(client_id), client_id, Credential::Client);
        claims.scope = Some(scope.to_owned()).filter(|scope| !scope.is_empty());
        claims
    }

    fn claims_of_user(self, user: &User, client_id: &str, credential: Credential) -> AccessClaims {
        let compat = self.compat;
        let mut claims = self.claims(user.id, client_id, credential);
        if compat == Compat::SimpleJwt {
            let user_id = user.external_id.as_ref().map_or_else(|| user.id.to_string(), ToString::to_string);
            claims.extra.insert("token_type".to_owned(), "access".into());
            claims.extra.insert(USER_ID_CLAIM.to_owned(), user_id.into());
        }
        claims
    }

    fn claims(self, sub: impl Into<Subject>, client_id: &str, credential: Credential) -> AccessClaims {
        let Self { issuer, audience, jti, iat, exp, .. } = self;
        AccessClaims::new(RequiredClaims {
            iss: issuer.to_owned(),
            sub: sub.into(),
            aud: Audience::One(audience.to_owned()),
            exp,
            iat,
            jti,
            client_id: client_id.to_owned(),
            credential,
        })
    }
}

/// An ID token that is to be issued with an access token.
pub(crate) struct IdToken<'a> {
    /// Who issues it.
    pub(crate) issuer: &'a str,
    /// What signs it.
    pub(crate) alg: SigningAlg,
    /// The access token.
    pub(crate) access_token: &'a str,
    /// The `nonce` of the authorization request: not again after a refresh
    /// ([OpenID Connect Core section 12.2](https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse)).
    pub(crate) nonce: Option<String>,
    /// Now.
    pub(crate) iat: Timestamp,
    /// When it expires.
    pub(crate) exp: Timestamp,
}

impl IdToken<'_> {
    /// For the client that the session was opened for.
    pub(crate) fn of_session(self, session: &Session, grant: &Grant) -> IdTokenClaims {
        let Self { issuer, alg, access_token, nonce, iat, exp } = self;
        IdTokenClaims {
            iss: issuer.to_owned(),
            sub: session.user_id.into(),
            aud: Audience::One(grant.client_id.clone()),
            exp,
            iat,
            auth_time: session.auth_time(),
            nonce,
            acr: grant.acr.clone(),
            idp: grant.idp.as_ref().map(ToString::to_string),
            amr: grant.amr.names().to_vec(),
            azp: grant.client_id.clone(),
            sid: grant.browser_session.unwrap_or(session.id),
            at_hash: at_hash(alg, access_token),
            extra: Map::new(),
        }
    }
}

/// The left half of the hash of an access token, by the hash of the algorithm that signs the ID token
/// ([OpenID Connect Core section 3.1.3.6](https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken)); that of
/// Ed25519 is SHA-512 ([RFC 8032 section 5.1](https://www.rfc-editor.org/rfc/rfc8032#section-5.1)).
fn at_hash(alg: SigningAlg, access_token: &str) -> String {
    let hash = match alg {
        SigningAlg::Es256 | SigningAlg::Rs256 => digest(&SHA256, access_token.as_bytes()),
        SigningAlg::EdDsa => digest(&SHA512, access_token.as_bytes()),
    };
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

/// The claims of a session's live refresh token, according to its row. That of an application is for the token endpoint
/// ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)): instances of earlier versions, which do not
/// compare clients, refuse it.
pub(crate) fn refresh_claims(issuer: &str, session: &Session, grant: &Grant) -> RefreshClaims {
    let generation = session.live_generation();
    let issued_by = issuer_base(issuer).to_owned();
    RefreshClaims {
        aud: Audience::One(if grant.is_first_party() { issued_by.clone() } else { issuer_url(issuer, TOKEN_PATH) }),
        iss: issued_by,
        sub: session.user_id,
        iat: session.rotated_at,
        exp: session.refresh_expires_at,
        sid: session.id,
        generation,
        jti: format!("{}.{generation}", session.id),
        client_id: grant.client_id.clone(),
        token_type: (grant.client_id == SIMPLEJWT_CLIENT).then(|| "refresh".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenID Connect Core appendix A.4 has the pair.
    #[test]
    fn at_hash_is_the_left_half_of_the_hash_of_the_access_token() {
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(SigningAlg::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(at_hash(SigningAlg::EdDsa, token).len(), 43);
    }
}
