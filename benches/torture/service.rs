//! The service as its clients see it: log in, refresh.

use std::net::SocketAddr;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::account::{PASSWORD, USERNAME};
use crate::clock::Clock;
use crate::dice::Dice;
use crate::http::Connection;

pub const REUSED: &str = "refresh_token_reused";

/// One or more instances on one database.
pub struct Service {
    pub clock: Clock,
    pub instances: Vec<SocketAddr>,
}

/// What a refresh gets.
pub enum Answer {
    Pair(Pair),
    /// For good, with this code.
    Refused(String),
    /// No connection, or a server that is busy: the client asks again.
    Nothing,
    /// A status that no refresh may get.
    Unexpected,
}

/// What a client keeps of a pair.
#[derive(Clone)]
pub struct Pair {
    pub token: Rc<str>,
    pub generation: i64,
    pub refresh_after: f64,
    /// The `iat` of the refresh token: when its generation was made. Anybody with a copy can read it.
    pub issued_at: i64,
}

impl Pair {
    fn read(body: &Value) -> Option<Self> {
        let token = body["refresh_token"].as_str()?;
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&payload).ok()?;
        Some(Self {
            token: token.into(),
            generation: body["refresh_generation"].as_i64()?,
            refresh_after: body["refresh_after"].as_f64()?,
            issued_at: claims["iat"].as_i64()?,
        })
    }
}

/// From where and with what somebody asks.
#[derive(Clone, Copy)]
pub struct Place {
    pub network: u64,
    pub agent: u64,
}

impl Place {
    /// An address somewhere in this network: a /24, now and then written as IPv6, or for every second network a /48.
    fn address(self, host: u64) -> String {
        let [.., family, second, first] = self.network.to_le_bytes();
        let host = host % 250 + 1;
        match (family % 2, host % 5) {
            (0, 0) => format!("::ffff:10.{first}.{second}.{host}"),
            (0, _) => format!("10.{first}.{second}.{host}"),
            _ => format!("2001:db8:{first:x}{second:02x}:{host:x}::{host:x}"),
        }
    }

    fn headers(self, host: u64) -> String {
        let (address, agent) = (self.address(host), self.agent);
        // What stands on the left is the client's own word and must count for nothing.
        format!("x-forwarded-for: 192.0.2.{}, {address}\r\nuser-agent: Torture/1.0 (agent {agent})\r\n", host % 200)
    }
}

impl Service {
    pub async fn login(&self, place: Place, mut dice: Dice) -> Option<Pair> {
        let body = json!({"username": USERNAME, "password": PASSWORD});
        let (status, body) = self.post("/v1/tokens", &body, place, &mut dice).await?;
        (status == 200).then(|| Pair::read(&body).unwrap())
    }

    /// At one of the instances, as the dice fall.
    pub async fn refresh(&self, token: &str, place: Place, mut dice: Dice) -> Answer {
        let body = json!({"refresh_token": token});
        match self.post("/v1/tokens/refresh", &body, place, &mut dice).await {
            Some((200, body)) => Pair::read(&body).map_or(Answer::Unexpected, Answer::Pair),
            Some((401, body)) => Answer::Refused(body["code"].as_str().unwrap_or_default().to_owned()),
            None | Some((408 | 429 | 503, _)) => Answer::Nothing,
            Some(_) => Answer::Unexpected,
        }
    }

    async fn post(&self, path: &str, body: &Value, place: Place, dice: &mut Dice) -> Option<(u16, Value)> {
        let (headers, body) = (place.headers(dice.number()), body.to_string());
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: torture\r\nconnection: close\r\n{headers}content-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let instance = dice.number() as usize % self.instances.len();
        let mut connection = Connection::open(self.instances[instance]).await.ok()?;
        let (status, body) = connection.exchange(request.as_bytes()).await.ok()?;
        Some((status, serde_json::from_slice(body).unwrap_or_default()))
    }
}
