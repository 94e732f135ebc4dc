//! Durability: a server is killed (SIGKILL) under refreshes, revocations, logouts and logins, again and again; a fresh one on
//! the same database must know all that was acknowledged.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "estimates")]

#[path = "load/client.rs"]
#[expect(dead_code, reason = "the load benchmark measures latencies")]
mod client;
#[path = "../tests/api/support/cluster.rs"]
mod cluster;
#[path = "load/data.rs"]
#[expect(dead_code, reason = "the load benchmark has an application")]
mod data;
#[path = "load/http.rs"]
mod http;
#[path = "../tests/api/support/ports.rs"]
mod ports;
#[path = "load/process.rs"]
#[expect(dead_code, reason = "the load benchmark measures what its servers use")]
mod process;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use client::{Pace, VirtualUser, drive};
use cluster::{Cluster, bin_dir};
use data::{Data, PASSWORD, settings};
use diesel::sql_types::BigInt;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};
use process::Server;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Every refresh before the next rotation is a rotation, and one whose answer was lost can be repeated.
const WINDOWS: [(&str, &str); 2] = [("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "90s")];

/// How many clients do each.
const REFRESHING: usize = 8;
const REVOKING: usize = 8;
const LOGGING_OUT: usize = 8;
const LOGGING_IN: usize = 2;

/// How many sessions each of them has in a round.
const SESSIONS: usize = 200;

/// Kills servers under load and checks that nothing acknowledged is lost.
#[derive(Parser)]
struct Options {
    /// Number of times that a server is killed on each database
    #[arg(long, default_value_t = 30)]
    rounds: u64,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// What servers have acknowledged: the newest refresh token of each session, and whether it was ended.
type Acknowledged = Arc<Mutex<HashMap<String, (String, bool)>>>;

fn main() {
    let options = Options::parse();
    println!("| database | killed | refreshes | ends of sessions | logins | lost |\n|---|---|---|---|---|---|");
    let dir = TempDir::new().unwrap();
    let url = format!("sqlite://{}", dir.path().join("bench.db").display());
    Database { name: "SQLite", url, dir }.torment(options.rounds);
    if bin_dir().is_some() {
        let cluster = Cluster::start("");
        let url = cluster.create_database("bench", "template0");
        Database { name: "PostgreSQL", url, dir: TempDir::new().unwrap() }.torment(options.rounds);
    }
}

struct Database {
    name: &'static str,
    url: String,
    dir: TempDir,
}

#[derive(Default)]
struct Counts {
    refreshes: usize,
    ends: usize,
    logins: usize,
}

impl Database {
    fn torment(&self, rounds: u64) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let each = ((REFRESHING + REVOKING + LOGGING_OUT) * SESSIONS) as u64;
        let data = Data::fill(self.dir.path(), &self.url, each);
        let mut all = Counts::default();
        for round in 1..=rounds {
            // While no server runs, so that all of its writes are those of clients.
            let tokens = data.more(round * each, each);
            let acknowledged = self.kill_under_load(&runtime, tokens, round);
            let counts = self.check(&acknowledged);
            assert!(counts.refreshes > 0 && counts.ends > 0 && counts.logins > 0, "round {round}: there was no load");
            all.refreshes += counts.refreshes;
            all.ends += counts.ends;
            all.logins += counts.logins;
        }
        let Counts { refreshes, ends, logins } = all;
        println!("| {} | {rounds} | {refreshes} | {ends} | {logins} | 0 |", self.name);
    }

    fn serve(&self) -> Server {
        let settings = settings(self.dir.path(), &self.url, &WINDOWS);
        Server::start(env!("CARGO_BIN_EXE_tokensmith"), &["serve"], self.dir.path(), &settings)
    }

    /// At another moment in each round, in the middle of everything.
    fn kill_under_load(
        &self,
        runtime: &Runtime,
        (refresh, access): (Vec<String>, Vec<String>),
        round: u64,
    ) -> Acknowledged {
        let acknowledged = Acknowledged::default();
        let mut sessions = refresh.into_iter().zip(access);
        let mut some = || sessions.by_ref().take(SESSIONS).collect::<Vec<_>>();
        let mut users: Vec<Box<dyn VirtualUser>> = Vec::new();
        let mut user = |kind, sessions| {
            let acknowledged = Arc::clone(&acknowledged);
            users.push(Box::new(Client { kind, sessions, turn: 0, request: Vec::new(), acknowledged }));
        };
        for (kind, count) in [(Kind::Refreshes, REFRESHING), (Kind::Revokes, REVOKING), (Kind::LogsOut, LOGGING_OUT)] {
            (0..count).for_each(|_| user(kind, some()));
        }
        (0..LOGGING_IN).for_each(|_| user(Kind::LogsIn, Vec::new()));
        let server = self.serve();
        let (address, killed_after) = (server.address, Duration::from_millis(200 + round * 37 % 300));
        runtime.block_on(async {
            let driving = tokio::spawn(drive(address, Pace::Closed, killed_after + Duration::from_millis(20), users));
            tokio::time::sleep(killed_after).await;
            drop(server);
            driving.await.unwrap();
        });
        acknowledged
    }

    fn count_healed(&self) -> i64 {
        #[derive(QueryableByName)]
        struct One {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let query = diesel::sql_query("select count(*) as n from audit_events where name = 'session_healed'");
        let found: One = match self.url.strip_prefix("sqlite://") {
            Some(path) => query.get_result(&mut SqliteConnection::establish(path).unwrap()).unwrap(),
            None => query.get_result(&mut PgConnection::establish(&self.url).unwrap()).unwrap(),
        };
        found.n
    }

    /// Asks a fresh server for everything that the last one has acknowledged.
    fn check(&self, acknowledged: &Acknowledged) -> Counts {
        let server = self.serve();
        let denied = denied(&server);
        let mut counts = Counts::default();
        for (session, (token, has_ended)) in acknowledged.lock().unwrap().drain() {
            let (status, body) = post(&server, "/v1/tokens/refresh", &json!({"refresh_token": token}));
            if has_ended {
                assert_eq!((status, &body["code"]), (401, &json!("session_ended")), "{session}: its end is lost");
                assert!(denied.contains(&session), "{session}: its denial is lost");
                counts.ends += 1;
            } else {
                // At most one rotation more was written: one whose answer was lost.
                let generation = claims(&token)["gen"].as_i64().unwrap();
                assert_eq!((status, &body["refresh_generation"]), (200, &json!(generation + 1)), "{session}: {body}");
                *if generation > 1 { &mut counts.refreshes } else { &mut counts.logins } += 1;
            }
        }
        assert_eq!(self.count_healed(), 0, "a token was ahead of its row: a rotation is lost");
        counts
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Refreshes,
    Revokes,
    LogsOut,
    LogsIn,
}

/// A client with its sessions: a refresh token and an access token of each.
struct Client {
    kind: Kind,
    sessions: Vec<(String, String)>,
    turn: usize,
    request: Vec<u8>,
    acknowledged: Acknowledged,
}

impl VirtualUser for Client {
    fn request(&mut self) -> &[u8] {
        let turn = self.turn % self.sessions.len().max(1);
        // Once all are ended, it ends them again.
        let tokens = self.sessions.get(turn);
        let refresh = tokens.map_or("", |(refresh, _)| refresh);
        let (path, authorization, body) = match self.kind {
            Kind::Refreshes => ("/v1/tokens/refresh", String::new(), json!({"refresh_token": refresh}).to_string()),
            Kind::Revokes => ("/v1/tokens/revoke", String::new(), json!({"token": refresh}).to_string()),
            Kind::LogsOut => {
                let access = tokens.map_or("", |(_, access)| access);
                ("/v1/logout", format!("authorization: Bearer {access}\r\n"), String::new())
            }
            Kind::LogsIn => {
                let login = json!({"username": format!("user-{}", self.turn), "password": PASSWORD});
                ("/v1/tokens", String::new(), login.to_string())
            }
        };
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: bench\r\n{authorization}content-type: application/json\r\n");
        self.request = format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes();
        &self.request
    }

    fn answered(&mut self, status: u16, body: &[u8]) {
        let turn = self.turn % self.sessions.len().max(1);
        self.turn += 1;
        let (token, has_ended) = match (self.kind, status) {
            (Kind::Refreshes | Kind::LogsIn, 200) => {
                let pair: Value = serde_json::from_slice(body).unwrap();
                let token = pair["refresh_token"].as_str().unwrap().to_owned();
                if let Some((refresh, _)) = self.sessions.get_mut(turn) {
                    refresh.clone_from(&token);
                }
                (token, false)
            }
            (Kind::Revokes | Kind::LogsOut, 204) => (self.sessions[turn].0.clone(), true),
            _ => return,
        };
        let session = claims(&token)["sid"].as_str().unwrap().to_owned();
        self.acknowledged.lock().unwrap().insert(session, (token, has_ended));
    }
}

fn claims(jwt: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The sessions in the feed for verifiers.
fn denied(server: &Server) -> HashSet<String> {
    let (mut denied, mut path) = (HashSet::new(), "/.well-known/denylist".to_owned());
    loop {
        let page = claims(&get(server, &path));
        let entries = page["denied"].as_array().unwrap();
        denied.extend(entries.iter().filter_map(|entry| entry["sid"].as_str()).map(str::to_owned));
        if page["more"] == false {
            return denied;
        }
        path = format!("/.well-known/denylist?since={}", page["cursor"].as_str().unwrap());
    }
}

fn get(server: &Server, path: &str) -> String {
    let url = format!("http://{}{path}", server.address);
    ureq::get(&url).call().unwrap().body_mut().with_config().limit(u64::MAX).read_to_string().unwrap()
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.post(format!("http://{}{path}", server.address)).send_json(body).unwrap();
    (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
}
