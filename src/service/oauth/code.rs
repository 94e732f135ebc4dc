//! Redeeming a code: the grant of a registered application begins
//! ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).

use super::entitled::{audience_of, may_go_on};
use crate::app::App;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::authorization::Code;
use crate::model::client::Client;
use crate::model::grant::{Grant, Live};
use crate::model::session::{Device, EndReason};
use crate::oauth::error::ErrorCode;
use crate::oauth::pkce;
use crate::oauth::token::CodeRequest;
use crate::secret::{KeyDigest, digest_of};
use crate::service::claims_hook::{self, Hooked};
use crate::service::pair::Purpose;
use crate::service::sessions;

/// What has come of a code.
pub(super) enum Redeeming {
    /// A grant.
    Begun(Box<Redeemed>),
    /// It was used before: what it was used for is to end.
    Again(Box<Code>),
}

/// A grant that has begun.
pub(super) struct Redeemed {
    pub(super) live: Live,
    /// Whether the client gets a refresh token.
    pub(super) goes_on: bool,
    /// The `nonce` of the authorization request.
    pub(super) nonce: Option<String>,
    /// What the hook for claims has answered.
    pub(super) hooked: Hooked,
}

/// Redeems a code once.
pub(super) fn redeem(
    app: &App,
    client: &Client,
    request: &CodeRequest,
    device: &Device,
    origin: &Origin,
) -> Result<Redeeming, Error> {
    let digest = digest_of(request.code.expose());
    let code = find(app, client, request, &digest)?;
    if code.session_id.is_some() {
        return Ok(Redeeming::Again(Box::new(code)));
    }
    if app.clock.now() >= code.expires_at {
        return Err(refused("the code has expired"));
    }
    let grant = Grant {
        client_id: client.id.to_string(),
        scope: code.scope.clone(),
        audience: Some(audience_of(app, client, code.audience.as_deref())?.to_owned()),
        amr: code.amr.clone(),
        acr: code.acr.clone(),
        browser_session: Some(code.browser_session_id),
        idp: code.idp.clone(),
    };
    let goes_on = may_go_on(client, &grant);
    // A user who does not exist any more gets no session.
    let user = app.store.read(|tx| tx.find_user(code.user_id))?.ok_or_else(|| refused("the user has logged out"))?;
    let purpose = Purpose::of_grant(app, Some(&grant), None)?;
    let hooked = claims_hook::at_login(app, &user, (&grant.client_id, &grant.scope), purpose)?;
    let granting = sessions::Granting { code: code.clone(), digest, grant, goes_on };
    match sessions::open_granted(app, granting, device, origin)? {
        sessions::Granted::Open(live) => {
            claims_hook::keep(app, live.session.id, &hooked);
            Ok(Redeeming::Begun(Box::new(Redeemed { live: *live, goes_on, nonce: code.nonce, hooked })))
        }
        sessions::Granted::LoggedOut => Err(refused("the user has logged out")),
        // By somebody else at the same moment.
        sessions::Granted::Redeemed => find(app, client, request, &digest).map(|code| Redeeming::Again(Box::new(code))),
    }
}

/// A code that the client has asked for: it was issued to it, for the redirect URI, and it knows the verifier.
fn find(app: &App, client: &Client, request: &CodeRequest, digest: &KeyDigest) -> Result<Code, Error> {
    let code = app.store.read(|tx| tx.find_code(digest))?;
    // RFC 6749 section 4.1.3: issued to the authenticated client. One of another client is as unknown.
    let code = code.filter(|code| code.client_id == client.id).ok_or_else(|| refused("the code is not known"))?;
    if code.redirect_uri != request.redirect_uri {
        return Err(refused("redirect_uri is another one than in the authorization request"));
    }
    // RFC 7636 section 4.6.
    if !pkce::verifies(request.code_verifier.expose(), &code.code_challenge) {
        return Err(refused("code_verifier does not belong to code_challenge"));
    }
    let audience = audience_of(app, client, code.audience.as_deref())?;
    if request.resource.as_deref().is_some_and(|resource| resource != audience) {
        return Err(Error::oauth(ErrorCode::InvalidTarget, "the code is for another resource"));
    }
    Ok(code)
}

/// The client has shown that the code and the verifier are its own, twice: one of the two may be a thief
/// ([RFC 6749 section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2),
/// [section 10.5](https://www.rfc-editor.org/rfc/rfc6749#section-10.5)).
pub(super) async fn end(app: &App, code: &Code, origin: Origin) -> Result<Error, Error> {
    if let Some(session) = code.session_id {
        sessions::end_if_stored(app, code.user_id, session, EndReason::Reuse, origin).await?;
    }
    Ok(refused("the code was used before; what it was used for has ended"))
}

fn refused(why: &str) -> Error {
    Error::oauth(ErrorCode::InvalidGrant, why)
}
