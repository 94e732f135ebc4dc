//! How long a revoked session is still accepted by another service: sessions are revoked at one instance of the issuer,
//! and a verifier follows the denylist of the same instance or of another one on the same database.
#![expect(clippy::cast_precision_loss, reason = "times are estimates")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]

#[path = "load/account.rs"]
mod account;
#[path = "../tests/api/support/cluster.rs"]
mod cluster;
#[path = "../tests/api/support/ports.rs"]
mod ports;
#[path = "load/process.rs"]
#[expect(dead_code, reason = "the load benchmark measures what its servers use")]
mod process;

use std::time::{Duration, Instant};

use account::{PASSWORD, TOKENSMITH, USERNAME};
use clap::Parser;
use cluster::Cluster;
use process::Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith_verifier::Verifier;

/// Not in step with anything that the instances and the verifier do.
const BETWEEN_REVOCATIONS: Duration = Duration::from_millis(93);

/// Measures the time from a revocation to its effect at another service.
#[derive(Parser)]
struct Options {
    /// Number of revocations for each row (1 to 10000)
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    revocations: u32,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    println!("| database | revoked at | revocations | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|---|");
    let dir = TempDir::new().unwrap();
    measure("SQLite", &format!("sqlite://{}", dir.path().join("bench.db").display()), options.revocations);
    if cluster::bin_dir().is_some() {
        let cluster = Cluster::start("");
        measure("PostgreSQL", &cluster.create_database("bench", "template0"), options.revocations);
    }
}

/// Two instances; the verifier follows the first.
fn measure(database: &str, url: &str, revocations: u32) {
    let dir = TempDir::new().unwrap();
    let address = process::free_address();
    let issuer = format!("http://{address}");
    let keys = dir.path().join("keys").display().to_string();
    let vars = [("DATABASE_URL", url), ("KEYS_DIR", &keys), ("ISSUER", &issuer), ("RUST_LOG", "warn")];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    account::create(TOKENSMITH, dir.path(), &vars);
    let followed = Server::start_at(address, TOKENSMITH, &["serve"], dir.path(), &vars);
    let other = Server::start(TOKENSMITH, &["serve"], dir.path(), &vars);
    let verifier = Verifier::from_issuer(&issuer, &issuer).build().unwrap();
    while verifier.staleness().is_none() {
        std::thread::yield_now();
    }
    for (reader, server) in [("the instance that is followed", &followed), ("another instance", &other)] {
        let latencies = latencies(server, &verifier, revocations);
        let rank = |percent: usize| latencies[(latencies.len() * percent / 100).min(latencies.len() - 1)];
        let [p50, p99, max] = [rank(50), rank(99), rank(100)].map(|latency| latency.as_secs_f64() * 1_000.0);
        println!("| {database} | {reader} | {revocations} | {p50:.0} | {p99:.0} | {max:.0} |");
    }
}

/// Logs in this many times, then logs out one session after the other, and checks until each access token is refused.
fn latencies(server: &Server, verifier: &Verifier, revocations: u32) -> Vec<Duration> {
    let login = |_| post(server, "/v1/tokens", &json!({"username": USERNAME, "password": PASSWORD}));
    let pairs: Vec<Value> = (0..revocations).map(login).collect();
    let token = |pair: &Value| pair["access_token"].as_str().unwrap().to_owned();
    assert!(pairs.iter().all(|pair| verifier.verify(&token(pair)).is_ok()));
    let (mut waiting, mut latencies) = (Vec::new(), Vec::new());
    let mut next_at = Instant::now();
    let mut pairs = pairs.iter();
    while latencies.len() < revocations as usize {
        if Instant::now() >= next_at
            && let Some(pair) = pairs.next()
        {
            post(server, "/v1/tokens/revoke", &json!({"token": pair["refresh_token"]}));
            waiting.push((token(pair), Instant::now()));
            next_at += BETWEEN_REVOCATIONS;
        }
        waiting.retain(|(token, revoked_at)| {
            let accepted = verifier.verify(token).is_ok();
            assert!(!accepted || revoked_at.elapsed() < Duration::from_secs(60), "it is never refused");
            if !accepted {
                latencies.push(revoked_at.elapsed());
            }
            accepted
        });
        std::thread::sleep(Duration::from_micros(200));
    }
    latencies.sort();
    latencies
}

fn post(server: &Server, path: &str, body: &Value) -> Value {
    let mut response = ureq::post(format!("http://{}{path}", server.address)).send_json(body).unwrap();
    response.body_mut().read_json().unwrap_or(Value::Null)
}
