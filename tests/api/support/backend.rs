//! A backend service as its owner would write it: handlers behind the extractors, and a verifier.

use std::ops::Deref;

use actix_web::web::{self, Data};
use serde::Deserialize;
use tokensmith_verifier::{Bearer, MaybeBearer, Role, Scope, Verifier, WithRole, WithScope};

use super::client::Client;
use super::running::Running;

struct Admin;
impl Role for Admin {
    const NAME: &'static str = "admin";
}

struct ReadReports;
impl Scope for ReadReports {
    const NAME: &'static str = "reports:read";
}

/// What this service wants to know of a token.
#[derive(Deserialize)]
struct Mine {
    client_id: String,
    auth_time: i64,
}

/// What no token says.
#[derive(Deserialize)]
struct Nobodys {
    #[expect(dead_code, reason = "that it is missing is the point")]
    shoe_size: u8,
}

async fn me(Bearer(claims): Bearer) -> String {
    claims.sub.to_string()
}

async fn mine(Bearer(claims): Bearer<Mine>) -> String {
    format!("{} {}", claims.client_id, claims.auth_time)
}

async fn nobodys(_claims: Bearer<Nobodys>) -> &'static str {
    "known"
}

async fn admins(token: WithRole<Admin>) -> String {
    token.0.sub.to_string()
}

async fn reports(token: WithScope<ReadReports>) -> String {
    token.0.sub.to_string()
}

async fn anyone(MaybeBearer(claims): MaybeBearer) -> &'static str {
    if claims.is_some() { "known" } else { "anonymous" }
}

async fn lenient(token: Option<Bearer>) -> &'static str {
    if token.is_some() { "known" } else { "anonymous" }
}

/// The service; it stops when this is dropped.
pub struct Backend {
    client: Client,
    _running: Running,
}

/// The service is its own first client.
impl Deref for Backend {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Backend {
    pub fn start(verifier: Verifier) -> Self {
        let verifier = Data::new(verifier);
        let running = Running::start(move |config| {
            config
                .app_data(verifier.clone())
                .route("/me", web::get().to(me))
                .route("/mine", web::get().to(mine))
                .route("/nobodys", web::get().to(nobodys))
                .route("/admins", web::get().to(admins))
                .route("/reports", web::get().to(reports))
                .route("/anyone", web::get().to(anyone))
                .route("/lenient", web::get().to(lenient));
        });
        Self { client: Client::new(&running.base), _running: running }
    }
}
