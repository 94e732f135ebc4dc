//! The token endpoint: what each grant returns
//! ([RFC 6749 section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)).

use std::sync::Arc;

use super::code;
use super::entitled::{audience_of, audiences_of, other_target, scope_of_client};
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline;
use crate::error::Error;
use crate::jwt::{Audience, IdToken, Issuing, SigningAlg};
use crate::model::audit::Origin;
use crate::model::client::{Client, GrantType, IdTokenAlg};
use crate::model::custom_claim::{About, Place};
use crate::model::grant::{Grant, Live, OPENID_SCOPE};
use crate::model::id::Jti;
use crate::model::session::Device;
use crate::oauth::error::ErrorCode;
use crate::oauth::token::{RefreshRequest, TokenRequest, Wanted};
use crate::service::claims_hook::{self, Hooked};
use crate::service::pair::{Pair, Purpose, mint};
use crate::service::refresh::{settle, verify};
use crate::service::signing::{sign_access, with_custom};

/// What a grant returns ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
pub(crate) struct Granted {
    /// The access token.
    pub(crate) access_token: String,
    /// How long it is valid.
    pub(crate) expires_in: Seconds,
    /// The refresh token, if the client may go on without the user.
    pub(crate) refresh_token: Option<String>,
    /// Who has logged in, if the client asked for it.
    pub(crate) id_token: Option<String>,
    /// What the access token may be used for.
    pub(crate) scope: Option<String>,
}

/// Answers a request of a client that has authenticated.
pub(crate) async fn grant(
    app: &Arc<App>,
    client: Arc<Client>,
    request: TokenRequest,
    device: &Device,
    origin: Origin,
) -> Result<Granted, Error> {
    let grant_type = match &request {
        TokenRequest::Code(_) => GrantType::AuthorizationCode,
        TokenRequest::Refresh(_) => GrantType::RefreshToken,
        TokenRequest::Client(_) => GrantType::ClientCredentials,
    };
    if !client.may_use(grant_type) {
        return Err(Error::oauth(ErrorCode::UnauthorizedClient, format!("the client may not use {grant_type}")));
    }
    // Before anything is spent.
    if let Some(IdTokenAlg(alg)) = client.id_token_alg
        && app.keys.ring().id_token_algs().all(|kept| kept != alg)
    {
        return Err(Error::internal(format!("there is no key for {alg}, which signs the ID tokens of {}", client.id)));
    }
    match request {
        TokenRequest::Code(request) => {
            let (its_app, its_client, device) = (Arc::clone(app), Arc::clone(&client), device.clone());
            let its_origin = origin.clone();
            let redeem = move || code::redeem(&its_app, &its_client, &request, &device, &its_origin);
            let redeemed = match deadline::on_a_thread(redeem).await? {
                code::Redeeming::Begun(redeemed) => *redeemed,
                code::Redeeming::Again(code) => return Err(code::end(app, &code, origin).await?),
            };
            let code::Redeemed { live, goes_on, nonce, hooked } = redeemed;
            issue(app, Issue { client, live, goes_on, nonce, hooked }).await
        }
        TokenRequest::Refresh(request) => refresh(app, client, request, device, origin).await,
        TokenRequest::Client(wanted) => of_client(app, client, wanted).await,
    }
}

/// Refreshes by the rules of every refresh. The scope may become narrower for the access token, never wider
/// ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
async fn refresh(
    app: &Arc<App>,
    client: Arc<Client>,
    request: RefreshRequest,
    device: &Device,
    origin: Origin,
) -> Result<Granted, Error> {
    let RefreshRequest { refresh_token, wanted } = request;
    let verified = verify(app, refresh_token.expose(), client.id.as_str()).await.map_err(as_invalid_grant)?;
    let has_lost_some = audiences_of(app, &client).len() < client.audiences.all().len();
    if wanted != Wanted::default() || has_lost_some {
        // Before the token is spent.
        let (its_app, session, wanted) = (Arc::clone(app), verified.claims.sid, wanted.clone());
        let find = move || its_app.store.read(|tx| tx.find_grant(session));
        if let Some(mut grant) = deadline::on_a_thread(find).await? {
            narrow(app, &mut grant, &client, &wanted)?;
        }
    }
    let hooked = claims_hook::at_refresh(app, &verified.claims, None).await?;
    let settled = settle(app, verified, !client.is_public(), device, origin).await;
    let mut live = settled.map_err(as_invalid_grant)?;
    claims_hook::keep_of_refresh(app, live.session.id, &hooked).await;
    if let Some(grant) = &mut live.grant {
        narrow(app, Arc::make_mut(grant), &client, &wanted)?;
    }
    // The token is rotated: the client always gets its successor, whatever it is registered for by now.
    issue(app, Issue { client, live, goes_on: true, nonce: None, hooked }).await
}

/// All problems of a refresh token or its session are `invalid_grant`.
fn as_invalid_grant(error: Error) -> Error {
    match error {
        Error::TokenRefused(_)
        | Error::WrongClient
        | Error::RefreshTokenReused
        | Error::SessionEnded(_)
        | Error::SessionUnknown
        | Error::AccountDisabled => Error::oauth(ErrorCode::InvalidGrant, error.to_string()),
        other => other,
    }
}

/// Narrows a grant to what the client may still ask for, and to what is requested.
fn narrow(app: &App, grant: &mut Grant, client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let still: Vec<&str> = grant.scope.split_whitespace().filter(|scope| client.scopes.contains(scope)).collect();
    grant.scope = still.join(" ");
    if let Some(scope) = &wanted.scope {
        if let Some(other) = scope.split_whitespace().find(|scope| !grant.has_scope(scope)) {
            return Err(Error::oauth(ErrorCode::InvalidScope, format!("{other} was not granted")));
        }
        grant.scope = scope.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    let may_have = audiences_of(app, client);
    let is_still_its_own = grant.audience.as_deref().is_none_or(|audience| may_have.contains(&audience));
    let is_asked_for = wanted.resource.is_none() || wanted.resource == grant.audience;
    if is_still_its_own && is_asked_for { Ok(()) } else { Err(other_target()) }
}

/// What is to be signed for a session of a client.
struct Issue {
    client: Arc<Client>,
    live: Live,
    /// Whether the client gets a refresh token.
    goes_on: bool,
    nonce: Option<String>,
    hooked: Hooked,
}

/// Signs the tokens of a client's session.
async fn issue(app: &Arc<App>, issue: Issue) -> Result<Granted, Error> {
    let alg = Purpose::of_grant(app, issue.live.grant.as_deref(), None)?.alg;
    let id_token_alg = match issue.client.id_token_alg {
        Some(alg) => alg.0,
        None => app.keys.ring().id_token_algs().next().unwrap_or(alg),
    };
    let slowest = if id_token_alg.is_slow_to_sign() { id_token_alg } else { alg };
    let app = Arc::clone(app);
    deadline::signing(slowest, move || sign(&app, issue, id_token_alg)).await
}

fn sign(app: &App, issue: Issue, id_token_alg: SigningAlg) -> Result<Granted, Error> {
    let Issue { client, live, goes_on, nonce, hooked } = issue;
    let now = app.clock.now();
    let (session, grant) = (live.session, live.grant.clone());
    let purpose = Purpose::of_grant(app, grant.as_deref(), None)?.of_client(&client).hooked(hooked.claims());
    let Pair { access_token, expires_in, refresh_token, scope, user, .. } = mint(app, live, purpose, now)?;
    let id_token = match grant.as_ref().filter(|grant| grant.has_scope(OPENID_SCOPE)) {
        None => None,
        Some(grant) => {
            let (issuer, access_token) = (app.config.issuer.as_str(), access_token.as_str());
            let signed = IdToken { issuer, alg: id_token_alg, access_token, nonce, iat: now, exp: now + expires_in };
            let about = About { user: Some(&user), client: Some(&client), hooked: None };
            let audience = Audience::One(purpose.audience.to_owned());
            let custom = app.known_claims.all().of(Place::IdToken, about, &grant.scope, &audience);
            let (mut claims, ring) = (signed.of_session(&session, grant), app.keys.ring());
            let sign = |custom| {
                claims.extra = custom;
                Ok(ring.sign(&claims, Some(id_token_alg), now)?)
            };
            Some(with_custom(app, Place::IdToken, custom, now, sign)?)
        }
    };
    Ok(Granted { access_token, expires_in, refresh_token: goes_on.then_some(refresh_token), id_token, scope })
}

/// A token for the client itself. There is no refresh token
/// ([RFC 6749 section 4.4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.4.3)).
async fn of_client(app: &Arc<App>, client: Arc<Client>, wanted: Wanted) -> Result<Granted, Error> {
    let scope = scope_of_client(&client, wanted.scope.as_deref())?;
    let audience = audience_of(app, &client, wanted.resource.as_deref())?.to_owned();
    let alg = Purpose::find(app, Some(&audience))?.alg;
    let app = Arc::clone(app);
    deadline::signing(alg, move || {
        let audience = audience.as_str();
        let (now, expires_in) = (app.clock.now(), app.config.lifetimes.access);
        let jti = Jti::from_bytes(app.entropy.bytes()?);
        let (issuer, exp, compat) = (&app.config.issuer, now + expires_in, app.config.compat);
        let issuing = Issuing { issuer, audience, jti, iat: now, exp, compat };
        let mut claims = issuing.of_client(client.id.as_str(), &scope);
        let about = About { client: Some(&client), ..About::default() };
        let access_token = sign_access(&app, &mut claims, about, alg, now)?;
        Ok(Granted { access_token, expires_in, refresh_token: None, id_token: None, scope: claims.scope })
    })
    .await
}
