//! A client over real HTTP.

use serde_json::{Value, json};
use ureq::http::{HeaderMap, Request};

use super::contract;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body of a 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Asserts a problem with this status and code; returns its body.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)), "{self:?}");
        assert_eq!(body["request_id"], self.header("x-request-id"), "{self:?}");
        body
    }
}

/// One connection to the service, kept alive.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .user_agent("a client of the tests")
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Self { agent: config.into(), base: base.to_owned() }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = if body.is_empty() {
            self.agent.run(request.body(()).unwrap()).unwrap()
        } else {
            self.agent.run(request.body(body).unwrap()).unwrap()
        };
        let body = response.body_mut().read_to_string().unwrap();
        let answer = Answer { status: response.status().as_u16(), headers: response.headers().clone(), body };
        contract::check(method, path, &answer);
        answer
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Sends with an `Authorization` header, and JSON if there is some.
    pub fn ask(&self, method: &str, path: &str, authorization: &str, body: Option<&Value>) -> Answer {
        let json = ("content-type", "application/json");
        let headers = [("authorization", authorization), json];
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = if body.is_empty() { &headers[..1] } else { &headers };
        self.send(method, path, headers, body.as_bytes())
    }

    /// As [`Client::ask`], with the access token of a pair.
    pub fn ask_as(&self, method: &str, path: &str, pair: &Value, body: Option<&Value>) -> Answer {
        self.ask(method, path, &format!("Bearer {}", pair["access_token"].as_str().unwrap()), body)
    }

    pub fn get_as(&self, path: &str, access_token: &str) -> Answer {
        self.send("GET", path, &[("authorization", &format!("Bearer {access_token}"))], b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    pub fn login(&self, username: &str, password: &str) -> Answer {
        self.post("/v1/tokens", &json!({"username": username, "password": password}))
    }

    pub fn refresh(&self, refresh_token: &Value) -> Answer {
        self.post("/v1/tokens/refresh", &json!({"refresh_token": refresh_token}))
    }

    /// From an address, as a trusted proxy tells it, and with a user agent.
    pub fn refresh_from(&self, (ip, agent): (&str, &str), refresh_token: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", ip), ("user-agent", agent)];
        let body = json!({"refresh_token": refresh_token}).to_string();
        self.send("POST", "/v1/tokens/refresh", &headers, body.as_bytes())
    }

    pub fn verify(&self, token: &Value) -> Answer {
        self.post("/v1/tokens/verify", &json!({"token": token}))
    }

    pub fn revoke(&self, token: &Value) -> Answer {
        self.post("/v1/tokens/revoke", &json!({"token": token}))
    }

    pub fn me(&self, pair: &Value) -> Answer {
        self.get_as("/v1/me", pair["access_token"].as_str().unwrap())
    }
}
