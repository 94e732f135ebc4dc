//! What the virtual users do.

use super::client::VirtualUser;

fn get(path: &str, access_token: Option<&str>) -> Vec<u8> {
    let authorization = access_token.map_or(String::new(), |token| format!("authorization: Bearer {token}\r\n"));
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n{authorization}\r\n").into_bytes()
}

fn post(path: &str, body: &str) -> Vec<u8> {
    post_with("", path, body)
}

/// With a header that ends its line.
fn post_with(header: &str, path: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: bench\r\n{header}content-type: application/json\r\n");
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn credentials(username: &str, password: &str) -> String {
    serde_json::json!({"username": username, "password": password}).to_string()
}

/// The same requests again and again, in turn.
pub struct Repeat {
    requests: Vec<Vec<u8>>,
    turn: usize,
}

impl Repeat {
    fn new(requests: Vec<Vec<u8>>) -> Self {
        Self { requests, turn: 0 }
    }

    pub fn get(path: &str) -> Self {
        Self::new(vec![get(path, None)])
    }

    /// One request for each token, in turn.
    pub fn get_as(path: &str, access_tokens: &[String]) -> Self {
        Self::new(access_tokens.iter().map(|token| get(path, Some(token))).collect())
    }

    pub fn post(path: &str, body: &str) -> Self {
        Self::new(vec![post(path, body)])
    }

    /// Gets a token for the application that authenticates with this header.
    pub fn client_credentials(authorization: &str) -> Self {
        Self::new(vec![post_form(authorization, "grant_type=client_credentials")])
    }

    /// Logs in again and again.
    pub fn login(username: &str, password: &str) -> Self {
        Self::post("/v1/tokens", &credentials(username, password))
    }

    /// Logs in from each of these addresses, in turn, behind a proxy.
    pub fn login_from(addresses: &[String], username: &str, password: &str) -> Self {
        let from = |address: &String| format!("x-forwarded-for: {address}\r\n");
        let body = credentials(username, password);
        Self::new(addresses.iter().map(|address| post_with(&from(address), "/v1/tokens", &body)).collect())
    }
}

impl VirtualUser for Repeat {
    fn request(&mut self) -> &[u8] {
        self.turn = (self.turn + 1) % self.requests.len();
        &self.requests[self.turn]
    }

    fn answered(&mut self, _status: u16, _body: &[u8]) {}
}

/// Each request once: it ends a session.
pub struct Once(std::vec::IntoIter<Vec<u8>>, Vec<u8>);

impl Once {
    fn new(requests: impl Iterator<Item = Vec<u8>>) -> Self {
        Self(requests.collect::<Vec<_>>().into_iter(), Vec::new())
    }

    pub fn revoke(refresh_tokens: &[String]) -> Self {
        let body = |token| format!(r#"{{"token":"{token}"}}"#);
        Self::new(refresh_tokens.iter().map(|token| post("/v1/tokens/revoke", &body(token))))
    }

    pub fn log_out(access_tokens: &[String]) -> Self {
        let authorization = |token| format!("authorization: Bearer {token}\r\n");
        Self::new(access_tokens.iter().map(|token| post_with(&authorization(token), "/v1/logout", "")))
    }
}

impl VirtualUser for Once {
    fn request(&mut self) -> &[u8] {
        self.1 = self.0.next().expect("more sessions than can be ended");
        &self.1
    }

    fn answered(&mut self, _status: u16, _body: &[u8]) {}
}

/// A request of a registered application.
fn post_form(authorization: &str, body: &str) -> Vec<u8> {
    let head = format!("POST /oauth/token HTTP/1.1\r\nhost: bench\r\nauthorization: {authorization}\r\n");
    let length = body.len();
    format!("{head}content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Refreshes its sessions in turn: each request has the token of the one before.
pub struct Chains {
    refresh_tokens: Vec<String>,
    /// How the application authenticates that they belong to, if they do to one.
    authorization: Option<String>,
    turn: usize,
    request: Vec<u8>,
}

impl Chains {
    pub fn new(refresh_tokens: Vec<String>) -> Self {
        Self { refresh_tokens, authorization: None, turn: 0, request: Vec::new() }
    }

    /// The same of an application, which authenticates with this header.
    pub fn of_application(self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self }
    }
}

impl VirtualUser for Chains {
    fn request(&mut self) -> &[u8] {
        let token = &self.refresh_tokens[self.turn];
        self.request = match &self.authorization {
            None => post("/v1/tokens/refresh", &format!(r#"{{"refresh_token":"{token}"}}"#)),
            Some(authorization) => post_form(authorization, &format!("grant_type=refresh_token&refresh_token={token}")),
        };
        &self.request
    }

    fn answered(&mut self, status: u16, body: &[u8]) {
        // Scanned, not parsed: the generator shares the machine with the server.
        if status == 200 {
            let body = std::str::from_utf8(body).unwrap();
            let (_, rest) = body.split_once(r#""refresh_token":""#).unwrap();
            let (token, _) = rest.split_once('"').unwrap();
            token.clone_into(&mut self.refresh_tokens[self.turn]);
        }
        self.turn = (self.turn + 1) % self.refresh_tokens.len();
    }
}

/// Of 1000 requests 900 are a protected GET, 90 a refresh, 9 the JWKS and 1 a login.
pub struct Mixed {
    pub me: Repeat,
    pub refresh: Chains,
    pub jwks: Repeat,
    pub login: Repeat,
    pub turn: u32,
    pub refreshing: bool,
}

impl VirtualUser for Mixed {
    fn request(&mut self) -> &[u8] {
        // 7919 has no factor with 1000 in common: every position comes once in 1000 turns, in a scattered order.
        self.turn = (self.turn + 7_919) % 1_000;
        self.refreshing = (900..990).contains(&self.turn);
        match self.turn {
            0..900 => self.me.request(),
            900..990 => self.refresh.request(),
            990..999 => self.jwks.request(),
            _ => self.login.request(),
        }
    }

    fn answered(&mut self, status: u16, body: &[u8]) {
        if self.refreshing {
            self.refresh.answered(status, body);
        }
    }
}
