//! Registered applications, the codes that users have allowed them, and what they ask for.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;
use url::form_urlencoded::Serializer;

use super::{Answer, Client, TestApp};

/// Of every client that has one.
pub const SECRET: &str = "a secret of the tests";
pub const REDIRECT_URI: &str = "https://app.example.com/callback";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A registered application.
#[derive(Clone, Copy)]
pub struct Registration<'a> {
    pub id: &'a str,
    pub redirect_uris: &'a str,
    pub grant_types: &'a str,
    pub scopes: &'a str,
    pub audiences: &'a str,
    pub resource_servers: &'a str,
    pub auth_method: &'a str,
    pub id_token_alg: Option<&'a str>,
    pub skip_consent: bool,
}

/// One that may do everything.
pub const NOTES: Registration<'static> = Registration {
    id: "notes",
    redirect_uris: REDIRECT_URI,
    grant_types: "authorization_code refresh_token client_credentials",
    scopes: "openid profile email roles offline_access notes:read notes:write",
    audiences: "",
    resource_servers: "",
    auth_method: "client_secret_basic",
    id_token_alg: None,
    skip_consent: false,
};

/// One that cannot keep a secret.
pub const SPA: Registration<'static> =
    Registration { id: "spa", grant_types: "authorization_code refresh_token", auth_method: "none", ..NOTES };

/// What a user has allowed to a client.
#[derive(Clone, Copy)]
pub struct Allowed<'a> {
    pub client: &'a str,
    pub scope: &'a str,
    pub audience: Option<&'a str>,
    pub nonce: Option<&'a str>,
    pub acr: Option<&'a str>,
}

/// Everything that [`NOTES`] may ask for.
pub const ALL: Allowed<'static> = Allowed {
    client: "notes",
    scope: "openid profile email roles offline_access notes:read notes:write",
    audience: None,
    nonce: None,
    acr: None,
};

/// A client as it authenticates.
#[derive(Clone, Copy)]
pub struct As<'a>(pub &'a str);

impl As<'_> {
    pub fn header(self) -> String {
        basic(self.0, SECRET)
    }
}

/// A header with form-encoded credentials (RFC 6749 section 2.3.1).
pub fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| Serializer::new(String::new()).append_key_only(text).finish();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}

/// The body of a request.
pub fn form(parameters: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// The claims of a JWT, unverified.
pub fn claims(token: &Value) -> Value {
    part(token, 1)
}

/// The header of a JWT.
pub fn header(token: &Value) -> Value {
    part(token, 0)
}

fn part(token: &Value, number: usize) -> Value {
    let part = token.as_str().unwrap().split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// SQL for bytes.
fn bytes(app: &TestApp, bytes: &[u8]) -> String {
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    if app.database_url.starts_with("sqlite") { format!("x'{hex}'") } else { format!(r"'\x{hex}'::bytea") }
}

fn uuid(app: &TestApp, id: &Value) -> String {
    let id = id.as_str().unwrap();
    if app.database_url.starts_with("sqlite") { format!("x'{}'", id.replace('-', "")) } else { format!("'{id}'::uuid") }
}

fn text(value: Option<&str>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"))
}

impl TestApp {
    /// Registers an application, with [`SECRET`] unless it has none.
    pub fn insert_client(&self, client: &Registration<'_>) {
        let Registration { id, redirect_uris, grant_types, scopes, audiences, resource_servers, .. } = client;
        let secret =
            if client.auth_method.starts_with("client_secret") { self.digest(SECRET) } else { "null".to_owned() };
        let (method, alg, now) = (client.auth_method, text(client.id_token_alg), self.clock.now().0);
        let skip_consent = client.skip_consent;
        self.execute(&format!(
            "insert into clients (id, name, redirect_uris, post_logout_redirect_uris, grant_types, scopes, audiences, \
             resource_servers, auth_method, id_token_alg, skip_consent, secret_digest, created_at, updated_at) values \
             ('{id}', 'An app', '{redirect_uris}', '', '{grant_types}', '{scopes}', '{audiences}', \
             '{resource_servers}', '{method}', {alg}, {skip_consent}, {secret}, {now}, {now})"
        ));
        self.follow_clients();
    }

    /// Takes up what has become of clients, as the service does every second.
    pub fn follow_clients(&self) {
        self.inside.known_clients.follow().unwrap();
    }

    pub fn digest(&self, secret: &str) -> String {
        bytes(self, digest(&SHA256, secret.as_bytes()).as_ref())
    }

    /// A code, as a user who has logged in gets it for a client.
    pub fn allow(&self, browser: &Value, allowed: &Allowed<'_>) -> String {
        let code = format!("code {}", self.number("select count(*) from authorization_codes"));
        let Allowed { client, scope, .. } = allowed;
        let [audience, nonce, acr] = [allowed.audience, allowed.nonce, allowed.acr].map(text);
        let (digest, now) = (self.digest(&code), self.clock.now().0);
        let (user, session) = (uuid(self, &browser["user"]["id"]), uuid(self, &browser["session_id"]));
        let expires_at = now + 60;
        self.execute(&format!(
            "insert into authorization_codes (digest, client_id, user_id, browser_session_id, redirect_uri, \
             code_challenge, scope, audience, nonce, auth_time, amr, acr, expires_at) values \
             ({digest}, '{client}', {user}, {session}, '{REDIRECT_URI}', '{CHALLENGE}', '{scope}', {audience}, {nonce}, \
             {now}, 'pwd', {acr}, {expires_at})"
        ));
        code
    }

    /// The tokens that [`NOTES`] gets for what a user has allowed.
    #[track_caller]
    pub fn granted(&self, browser: &Value, allowed: &Allowed<'_>) -> Value {
        let code = self.allow(browser, allowed);
        self.redeem(As(allowed.client), &code).ok()
    }
}

impl Client {
    /// Posts a form.
    pub fn post_form(&self, path: &str, authorization: Option<&str>, parameters: &[(&str, &str)]) -> Answer {
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(authorization.map(|authorization| ("authorization", authorization)));
        self.send("POST", path, &headers, form(parameters).as_bytes())
    }

    /// Asks for tokens, authenticated by HTTP Basic.
    pub fn token(&self, client: As<'_>, parameters: &[(&str, &str)]) -> Answer {
        self.post_form("/oauth/token", Some(&client.header()), parameters)
    }

    /// Redeems a code.
    pub fn redeem(&self, client: As<'_>, code: &str) -> Answer {
        self.token(client, &redemption(code))
    }

    /// Refreshes.
    pub fn refresh_of(&self, client: As<'_>, refresh_token: &Value) -> Answer {
        let token = refresh_token.as_str().unwrap();
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Asks about a token.
    pub fn introspect(&self, client: As<'_>, token: &Value) -> Value {
        self.post_form("/oauth/introspect", Some(&client.header()), &[("token", token.as_str().unwrap())]).ok()
    }

    /// Revokes a token.
    pub fn revoke_of(&self, client: As<'_>, token: &Value) -> Answer {
        self.post_form("/oauth/revoke", Some(&client.header()), &[("token", token.as_str().unwrap())])
    }
}

/// The parameters with a code.
pub fn redemption(code: &str) -> [(&str, &str); 4] {
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)]
}

impl Answer {
    /// Asserts an error of RFC 6749 section 5.2; returns its description.
    #[track_caller]
    pub fn oauth_error(&self, status: u16, error: &str) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        let body = self.json();
        assert_eq!(body["error"], json!(error), "{self:?}");
        let description = body["error_description"].as_str().unwrap().to_owned();
        let is_allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        assert!(description.chars().all(is_allowed), "{description}");
        description
    }
}
