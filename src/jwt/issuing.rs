//! The claims of issued tokens, for every way of issuing one.

use crate::clock::Timestamp;
use crate::model::api_token::ApiToken;
use crate::model::grant::Grant;
use crate::model::id::{Jti, UserId};
use crate::model::names::Scopes;
use crate::model::session::Session;
use crate::model::user::User;
use tokensmith_verifier::issuing::{API_TOKEN, RefreshClaims, issuer_base};
use tokensmith_verifier::{AccessClaims, Audience, Credential, RequiredClaims};

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
}

impl Issuing<'_> {
    /// For a session: its user has logged in, at this service or through the application that the grant names.
    pub(crate) fn of_session(self, session: &Session, grant: &Grant, user: &User) -> AccessClaims {
        let credential = if grant.is_first_party() { Credential::Login } else { Credential::Application };
        let mut claims = self.claims(user.id, &grant.client_id, credential);
        claims.sid = Some(session.id);
        claims.auth_time = Some(session.auth_time());
        claims.amr = Some(grant.amr.names().to_vec());
        claims.acr.clone_from(&grant.acr);
        claims.roles = user.roles.names().to_vec();
        claims.scope = Some(grant.scope.clone()).filter(|scope| !scope.is_empty());
        claims
    }

    /// For an API token, with those of its scopes that the service has, and those of its roles that its owner has. The
    /// user is not present, so there are no claims about an authentication.
    pub(crate) fn of_api_token(self, token: &ApiToken, owner: &User, scopes: &Scopes) -> AccessClaims {
        let scopes = token.scopes.shared_with(scopes);
        let mut claims = self.claims(owner.id, API_TOKEN, Credential::ApiToken);
        claims.sid = Some(token.sid);
        claims.auth_time = Some(token.created_at);
        claims.amr = Some(Vec::new());
        claims.roles = token.effective_roles(owner).names().to_vec();
        claims.scope = Some(scopes.to_string()).filter(|scope| !scope.is_empty());
        claims
    }

    fn claims(self, user: UserId, client_id: &str, credential: Credential) -> AccessClaims {
        let Self { issuer, audience, jti, iat, exp } = self;
        AccessClaims::new(RequiredClaims {
            iss: issuer.to_owned(),
            sub: user.into(),
            aud: Audience::One(audience.to_owned()),
            exp,
            iat,
            jti,
            client_id: client_id.to_owned(),
            credential,
        })
    }
}

/// The claims of a session's live refresh token, according to its row.
pub(crate) fn refresh_claims(issuer: &str, session: &Session, grant: &Grant) -> RefreshClaims {
    let generation = session.live_generation();
    let issued_by = issuer_base(issuer).to_owned();
    RefreshClaims {
        iss: issued_by.clone(),
        sub: session.user_id,
        aud: Audience::One(issued_by),
        iat: session.rotated_at,
        exp: session.refresh_expires_at,
        sid: session.id,
        generation,
        jti: format!("{}.{generation}", session.id),
        client_id: grant.client_id.clone(),
    }
}
