//! A backend service that tokensmith protects: it verifies access tokens offline and learns of revocations in seconds.
//!
//! Beside a running `tokensmith` (`cargo run --release`):
//!
//! ```sh
//! cargo run --release --example backend_service
//! curl -i http://127.0.0.1:8090/notes -H "authorization: Bearer $ACCESS_TOKEN"
//! ```
//!
//! Issuer and listen address may be given as arguments: `backend_service http://127.0.0.1:8080 127.0.0.1:8090`.

use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, Responder, get, web};
use tokensmith_verifier::{Bearer, DenylistPolicy, MaybeBearer, Role, Verifier, WithRole};

/// Any user.
#[get("/notes")]
async fn notes(Bearer(claims): Bearer) -> impl Responder {
    format!("The notes of the user {}.\n", claims.sub)
}

/// Users with the role `admin`.
struct Admin;

impl Role for Admin {
    const NAME: &'static str = "admin";
}

#[get("/admin")]
async fn admin(token: WithRole<Admin>) -> impl Responder {
    format!("The administrator {}.\n", token.0.sub)
}

/// Everyone; a user with a token is greeted by id.
#[get("/")]
async fn home(MaybeBearer(claims): MaybeBearer) -> impl Responder {
    claims.map_or("Hello, stranger.\n".to_owned(), |claims| format!("Hello, {}.\n", claims.sub))
}

/// If the denylist is older than this, requests are refused, since a token may have been stolen and revoked.
const OLDEST_DENYLIST: Duration = Duration::from_secs(30);

/// For monitoring: the age of the local copy of the denylist.
#[get("/healthz")]
async fn health(verifier: web::Data<Verifier>) -> impl Responder {
    let staleness = verifier.staleness().unwrap_or(Duration::MAX);
    let good = staleness <= OLDEST_DENYLIST;
    let mut response = if good { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.body(format!("denylist as of {:.1} s ago\n", staleness.as_secs_f64()))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let issuer = &arguments.next().unwrap_or("http://127.0.0.1:8080".to_owned());
    let listen = arguments.next().unwrap_or("127.0.0.1:8090".to_owned());
    // Shows the verifier's log, for example if the issuer is down.
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    // AUDIENCE is not set at the issuer, so the audience is the issuer itself.
    let verifier =
        Verifier::from_issuer(issuer, issuer).denylist(DenylistPolicy::Require { within: OLDEST_DENYLIST }).build()?;
    let data = web::Data::new(verifier);
    println!("listening on http://{listen}");
    let app = move || App::new().app_data(data.clone()).service(notes).service(admin).service(home).service(health);
    HttpServer::new(app).bind(listen)?.run().await?;
    Ok(())
}
