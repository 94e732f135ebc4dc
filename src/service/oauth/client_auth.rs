//! Client authentication ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)): by the one method
//! that the client is registered with.

use std::sync::Arc;

use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::engine::deadline;
use crate::engine::known_clients::KnownClient;
use crate::error::Error;
use crate::jwt::{AssertionClaims, BadAssertion, ClientKeys, claimed_client, issuer_url};
use crate::model::client::{Client, ClientId};
use crate::model::text::BadText;
use crate::oauth::client_auth::{ClientCredentials, ClientProof};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::outbound::{Age, DocumentError};
use crate::secret::{KeyDigest, digest_of};
use crate::store::ClientSecrets;

/// No secret has it.
const NO_DIGEST: KeyDigest = KeyDigest([0; 32]);

/// When to come back while the keys of a client are being fetched.
const BUSY_RETRY_AFTER: Seconds = Seconds(1);

/// The client that these credentials are of.
pub(crate) async fn authenticate(app: &Arc<App>, credentials: &ClientCredentials) -> Result<Arc<Client>, Error> {
    let id = claimed_id(credentials)?;
    let found = match id.parse() {
        Ok(id) => find(app, id).await?,
        Err(BadText(_)) => None,
    };
    let now = app.clock.now();
    let (client, secrets) = found.unzip();
    let is_proved = match &credentials.proof {
        ClientProof::Basic(secret) | ClientProof::Post(secret) => {
            has_secret(&secrets.unwrap_or_default(), secret.expose(), now)
        }
        ClientProof::Assertion(_) | ClientProof::None => true,
    };
    // RFC 9700 section 2.5: by the registered method only. Who is unknown and who is wrong get the same answer.
    let is_of = |client: &Arc<Client>| client.auth_method == credentials.proof.method();
    let client = client.filter(|client| is_proved && is_of(client)).ok_or_else(unknown)?;
    if let ClientProof::Assertion(assertion) = &credentials.proof {
        let (app, client, assertion) = (Arc::clone(app), Arc::clone(&client), assertion.clone());
        deadline::on_a_thread(move || check_assertion(&app, &client, assertion.expose(), now)).await?;
    }
    if client.disabled_at.is_some() {
        return Err(Error::oauth(ErrorCode::InvalidClient, "this client is disabled"));
    }
    Ok(client)
}

/// Most are known without asking the database. Anybody may ask for others as often as they like: those wait for a turn.
async fn find(app: &Arc<App>, id: ClientId) -> Result<Option<KnownClient>, Error> {
    if let Some(known) = app.known_clients.find_known(&id) {
        return Ok(Some(known));
    }
    let _turn = app.lookups.turn().await?;
    let app = Arc::clone(app);
    deadline::on_a_thread(move || app.known_clients.find(&id)).await
}

/// The client that the request says it is from.
fn claimed_id(credentials: &ClientCredentials) -> Result<String, Error> {
    let named = credentials.client_id.as_ref();
    let ClientProof::Assertion(assertion) = &credentials.proof else { return named.cloned().ok_or_else(unknown) };
    let claimed = claimed_client(assertion.expose()).map_err(bad_assertion)?;
    // RFC 7521 section 4.2: client_id must be the client of the assertion.
    if named.is_some_and(|named| *named != claimed) {
        return Err(Error::oauth(ErrorCode::InvalidClient, "client_id is not the client of the assertion"));
    }
    Ok(claimed)
}

/// Both are compared, whatever the first comparison says.
fn has_secret(secrets: &ClientSecrets, presented: &str, now: Timestamp) -> bool {
    let presented = digest_of(presented);
    let is = |digest: Option<KeyDigest>| digest.unwrap_or(NO_DIGEST).is(&presented);
    let (is_newest, is_old) = (is(secrets.secret_digest), is(secrets.old_secret_digest));
    is_newest || is_old && secrets.old_secret_expires_at.is_some_and(|at| now < at)
}

/// [RFC 7523 section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3).
fn check_assertion(app: &App, client: &Client, assertion: &str, now: Timestamp) -> Result<(), Error> {
    let claims = verified(app, client, assertion, now)?;
    let issuer = app.config.issuer.as_str();
    let token_endpoint = issuer_url(issuer, "/oauth/token");
    let (jti, known_until) =
        claims.check(client.id.as_str(), &[issuer, &token_endpoint], now).map_err(bad_assertion)?;
    // One client's jti is nothing to another; no id has a space in it.
    let digest = digest_of(&format!("{} {jti}", client.id));
    if app.store.write(|tx| tx.use_assertion(digest, known_until))? {
        Ok(())
    } else {
        Err(Error::oauth(ErrorCode::InvalidClient, "the assertion was used before"))
    }
}

/// What an assertion says that one of the client's keys has signed.
fn verified(app: &App, client: &Client, assertion: &str, now: Timestamp) -> Result<AssertionClaims, Error> {
    if let Some(jwks) = &client.jwks {
        return ClientKeys::read(jwks).map_err(Error::internal)?.verify(assertion).map_err(bad_assertion);
    }
    let uri = client.jwks_uri.as_deref().ok_or_else(unknown)?;
    let keys = |age| published(app, uri, age, now).map(|jwks| ClientKeys::read_usable(&jwks));
    match keys(Age::Any)?.verify(assertion) {
        Ok(claims) => Ok(claims),
        // Its key may be a new one.
        Err(_not_with_these) => keys(Age::Newest)?.verify(assertion).map_err(bad_assertion),
    }
}

/// The keys that a client publishes.
fn published(app: &App, uri: &str, age: Age, now: Timestamp) -> Result<Arc<str>, Error> {
    app.documents.get(uri, age, now).map_err(|error| match error {
        DocumentError::Busy => Error::Overloaded { retry_after: BUSY_RETRY_AFTER },
        DocumentError::Unreachable => Error::oauth(ErrorCode::InvalidClient, "the keys at jwks_uri cannot be fetched"),
    })
}

fn unknown() -> Error {
    Error::oauth(ErrorCode::InvalidClient, "unknown client, wrong secret, or another method than the registered one")
}

fn bad_assertion(why: BadAssertion) -> Error {
    OAuthError::new(ErrorCode::InvalidClient, why.to_string()).into()
}
