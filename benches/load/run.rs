//! The order of the loads, and what is compared with what.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use procfs::Current as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::client::{Pace, Seen, VirtualUser, drive};
use crate::cluster::{Cluster, bin_dir};
use crate::data::{APPLICATION, CODES, Data, HOME, PASSWORD, REDIRECT_URI, VERIFIER, code, settings};
use crate::floor::{Parts, argon2_rate, data_directory, postgres_limit, sqlite_limit};
use crate::pooler::Pooler;
use crate::process::{Server, Used, cpu_of_family};
use crate::report::{Comparison, Figures, Report};
use crate::scripts::{Chains, Mixed, Once, Repeat};
use crate::{Database, Options};

type Users = Vec<Box<dyn VirtualUser>>;

const WARM_UP: Duration = Duration::from_secs(1);

/// Both windows are 0: every refresh is a rotation, and durable when it returns.
const STRICT: [(&str, &str); 2] = [("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "0s")];

/// More than any machine of two cores ends.
const ENDED_IN_A_SECOND: u64 = 30_000;

/// How often loads that are compared are measured in turn, so that other work of the machine affects them equally.
const ROUNDS: u32 = 3;

const BARE_ME: &str = "bare actix-web: GET as /v1/me";
const BARE_JWKS: &str = "bare actix-web: GET as JWKS";
const BARE_POST: &str = "bare actix-web: POST";
const NEW_TOKENS: &str = "GET /v1/me, new token each, no access log";
const REVOKE: &str = "revoke";
const REVOKE_ACCESS: &str = "revoke an access token";
const LOGOUT: &str = "logout";
const APPLICATION_REFRESH: &str = "application: refresh, strict";
const CLIENT_CREDENTIALS: &str = "application: client_credentials";
const ONE_UPDATE: &str = "one durable update a transaction";
const ONE_PREPARED_UPDATE: &str = "one durable prepared update a transaction";

/// A database under load.
struct Engine<'a> {
    name: &'static str,
    url: String,
    /// The data directory of its processes, if it has any.
    data_dir: Option<String>,
    dir: &'a Path,
    /// The pooler between the service and the database.
    pooler: Option<Pooler>,
}

struct Bench<'a> {
    options: &'a Options,
    runtime: Runtime,
    report: Report,
}

pub fn run(options: &Options) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut bench = Bench { options, runtime, report: Report { machine: machine(), ..Report::default() } };
    let sizes = if options.growth.is_empty() { vec![options.sessions] } else { options.growth.clone() };
    for sessions in sizes {
        if options.engines.contains(&Database::Sqlite) {
            let dir = TempDir::new().unwrap();
            let url = format!("sqlite://{}", dir.path().join("bench.db").display());
            bench.engine(&Engine { name: "sqlite", url, data_dir: None, dir: dir.path(), pooler: None }, sessions);
        }
        if !options.engines.contains(&Database::Postgresql) {
            continue;
        }
        if bin_dir().is_none() {
            println!("PostgreSQL is not installed: left out");
            continue;
        }
        let dir = TempDir::new().unwrap();
        // As it is installed, unless told otherwise: every commit is on the disk before it is answered.
        let cluster = Cluster::start(&options.postgres_settings);
        let url = cluster.create_database("bench", "template0");
        let data_dir = Some(data_directory(&url));
        // As many connections as it has by itself.
        let pooler = options.pooler.then(|| Pooler::before(cluster.port, "transaction", 20, false));
        bench.engine(&Engine { name: "postgresql", url, data_dir, dir: dir.path(), pooler }, sessions);
    }
    bench.report
}

fn machine() -> String {
    let cpu = procfs::CpuInfo::current().ok().and_then(|info| info.model_name(0).map(ToOwned::to_owned));
    let cores = std::thread::available_parallelism().unwrap();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores of {}, Linux {}", cpu.unwrap_or_default(), kernel.trim())
}

impl Bench<'_> {
    fn length(&self) -> Duration {
        Duration::from_secs(self.options.seconds)
    }

    fn tokensmith(&self, engine: &Engine<'_>, others: &[(&str, &str)]) -> Server {
        let settings = match &engine.pooler {
            Some(pooler) => {
                let others = [&[("DATABASE_POOLER", "transaction")], others].concat();
                settings(engine.dir, &pooler.url(&engine.url), &others)
            }
            None => settings(engine.dir, &engine.url, others),
        };
        Server::start(&self.options.program, &["serve"], engine.dir, &settings)
    }

    fn wants(&self, load: &str) -> bool {
        load.contains(&self.options.only)
    }

    fn engine(&mut self, engine: &Engine<'_>, sessions: u64) {
        println!("{}: {sessions} sessions ..", engine.name);
        let data = Data::fill(engine.dir, &engine.url, sessions);
        if !self.options.growth.is_empty() {
            let tokens = data.tokens(100_000.min(sessions)).0;
            let strict = self.tokensmith(engine, &STRICT);
            let name = format!("refresh, strict, {sessions} sessions");
            self.closed(engine, &strict, &name, chains(tokens, self.options.connections));
            return;
        }
        self.limits(engine, &data);
        self.reads(engine, &data);
        self.writes(engine, &data);
    }

    /// The rate of the database with one transaction per write.
    fn limits(&mut self, engine: &Engine<'_>, data: &Data) {
        if [ONE_UPDATE, "refresh", REVOKE, REVOKE_ACCESS, LOGOUT].iter().all(|load| !self.wants(load)) {
            return;
        }
        let length = self.length();
        if engine.data_dir.is_none() {
            let path = engine.url.trim_start_matches("sqlite://");
            let per_second = sqlite_limit(path, data, length);
            self.keep(Figures { connections: 1, per_second, ..nothing(engine.name, ONE_UPDATE) });
            return;
        }
        for (load, protocol) in [(ONE_UPDATE, "simple"), (ONE_PREPARED_UPDATE, "prepared")] {
            let per_second = postgres_limit(&engine.url, data, protocol, engine.dir, length);
            self.keep(Figures { connections: 16, per_second, ..nothing(engine.name, load) });
        }
    }

    /// Loads without a database, measured once.
    fn reads(&mut self, engine: &Engine<'_>, data: &Data) {
        if engine.data_dir.is_some() && self.options.engines.len() > 1 {
            return;
        }
        let engine = &Engine { name: "", url: engine.url.clone(), data_dir: None, dir: engine.dir, pooler: None };
        let count = self.options.connections;
        let (_, access_tokens) = data.tokens(1_000);
        let server = self.tokensmith(engine, &[]);
        let quiet = self.tokensmith(engine, &[("RUST_LOG", "warn")]);
        let jwks = fetch(&server, "/.well-known/jwks.json");
        let vars = [("JWKS".to_owned(), jwks)];
        let bare = Server::start(std::env::current_exe().unwrap(), &["--bare"], engine.dir, &vars);
        let same = |path: &str| -> Users { (0..count).map(|_| boxed(Repeat::get(path))).collect() };
        let own = |path: &str| -> Users {
            let of = |n: usize| &access_tokens[n % access_tokens.len()..][..1];
            (0..count).map(|n| boxed(Repeat::get_as(path, of(n)))).collect()
        };
        // Each of these tokens is used once: there are more than a connection can send.
        let each = usize::try_from(self.options.seconds + 1).unwrap() * 40_000 / count;
        let fresh =
            if self.wants(NEW_TOKENS) { data.tokens((each * count) as u64).1 } else { vec![String::new(); count] };
        let fresh = fresh.chunks(fresh.len() / count).map(|tokens| boxed(Repeat::get_as("/v1/me", tokens))).collect();
        let body = r#"{"refresh_token":"#.to_owned() + &format!("{:?}}}", access_tokens[0]);
        let posts = (0..count).map(|_| boxed(Repeat::post("/post", &body))).collect();
        let loads = vec![
            // The same request, token and all: what differs is what is made of it.
            (&bare, BARE_ME, own("/me")),
            (&server, "GET /v1/me, same token", own("/v1/me")),
            (&quiet, "GET /v1/me, same token, no access log", own("/v1/me")),
            (&bare, BARE_JWKS, same("/jwks")),
            (&server, "GET JWKS", same("/.well-known/jwks.json")),
            (&quiet, "GET JWKS, no access log", same("/.well-known/jwks.json")),
            (&quiet, "GET /healthz, no access log", same("/healthz")),
            (&quiet, NEW_TOKENS, fresh),
            (&bare, BARE_POST, posts),
        ];
        self.measure(engine, Pace::Closed, ROUNDS, loads);
        self.compare_reads();
    }

    fn writes(&mut self, engine: &Engine<'_>, data: &Data) {
        let count = self.options.connections;
        // A third of the sample for each server: a chain that one has moved is replay to the other.
        let tokens = data.tokens(data.sessions).0;
        let mut parts = tokens.chunks(tokens.len().div_ceil(3));
        let mut next_part = || parts.next().unwrap().to_vec();

        let strict = self.tokensmith(engine, &STRICT);
        let idle = strict.used();
        let cold_start_ms = strict.cold_start.as_secs_f64() * 1_000.0;
        self.compare(format!("{}: idle RSS, MiB", engine.name), idle.rss_mib, "<= 20", String::new());
        self.compare(format!("{}: cold start, ms", engine.name), cold_start_ms, "<= 60", String::new());
        let chain = next_part();
        let users = self.closed(engine, &strict, "refresh, strict", chains(chain, count));
        // A rate that leaves the machine some room.
        let steady = self.figures(engine.name, "refresh, strict").map_or(1_000.0, |row| row.per_second * 0.3);
        let users = self.open(engine, &strict, "refresh, strict, open loop", users, steady);
        self.flooded(engine, &strict, data, users, steady);
        self.applications(engine, &strict);
        drop(strict);

        let default = self.tokensmith(engine, &[]);
        self.closed(engine, &default, "refresh, default windows", chains(next_part()[..count].to_vec(), count));
        let login = |n: usize| Repeat::login(&data.username(n as u64), PASSWORD);
        if self.wants("login") {
            // Before and after: the machine is not equally fast all the time.
            let mut limits = vec![argon2_rate(self.length() / 2)];
            self.closed(engine, &default, "login", (0..8).map(|n| boxed(login(n))).collect());
            limits.push(argon2_rate(self.length() / 2));
            self.compare_login(engine, limits.iter().sum::<f64>() / 2.0);
        }
        let (me, refresh) = (data.tokens(1_000).1, chains_of(next_part(), count));
        let mixed = refresh.into_iter().enumerate().map(|(n, refresh)| {
            let me = Repeat::get_as("/v1/me", &me[n % me.len()..][..1]);
            let jwks = Repeat::get("/.well-known/jwks.json");
            boxed(Mixed { me, refresh, jwks, login: login(n), turn: n as u32 * 31, refreshing: false })
        });
        self.closed(engine, &default, "mixed", mixed.collect());
        drop(default);
        if engine.data_dir.is_none() && self.wants("login flood") {
            let flooded = self.tokensmith(engine, &[]);
            self.closed(engine, &flooded, "login flood", (0..1_000).map(|n| boxed(login(n))).collect());
        }
        self.flooded_by_strangers(engine, data);
        self.ends(engine, data);
        self.compare_writes(engine);
    }

    /// Sessions are ended, each once: there are more than can be ended in the time.
    fn ends(&mut self, engine: &Engine<'_>, data: &Data) {
        let (connections, mut first) = (self.options.connections, data.sessions.next_multiple_of(10));
        let count = (self.options.seconds + WARM_UP.as_secs()) * ENDED_IN_A_SECOND;
        for load in [REVOKE, REVOKE_ACCESS, LOGOUT].into_iter().filter(|load| self.wants(load)).collect::<Vec<_>>() {
            let (refresh_tokens, access_tokens) = data.more(first, count);
            first += count;
            let server = self.tokensmith(engine, &[]);
            let share = refresh_tokens.len().div_ceil(connections);
            let users: Users = match load {
                REVOKE => refresh_tokens.chunks(share).map(|tokens| boxed(Once::revoke(tokens))).collect(),
                REVOKE_ACCESS => access_tokens.chunks(share).map(|tokens| boxed(Once::revoke(tokens))).collect(),
                _ => access_tokens.chunks(share).map(|tokens| boxed(Once::log_out(tokens))).collect(),
            };
            self.closed(engine, &server, load, users);
            self.compare_rates((engine.name, load), (engine.name, ONE_UPDATE), "");
            self.compare_rates((engine.name, load), (engine.name, "refresh, strict"), "");
        }
    }

    /// What registered applications ask for: the same as a refresh, and a token for themselves.
    fn applications(&mut self, engine: &Engine<'_>, server: &Server) {
        let count = self.options.connections;
        let authorization = authorization();
        if self.wants(APPLICATION_REFRESH) {
            let shares = chains_of(redeemed(server, &authorization), count);
            let of_application = |chain: Chains| boxed(chain.of_application(&authorization));
            self.closed(engine, server, APPLICATION_REFRESH, shares.into_iter().map(of_application).collect());
        }
        let clients = (0..count).map(|_| boxed(Repeat::client_credentials(&authorization))).collect();
        self.closed(engine, server, CLIENT_CREDENTIALS, clients);
        for load in [APPLICATION_REFRESH, CLIENT_CREDENTIALS] {
            self.compare_rates((engine.name, load), (engine.name, "refresh, strict"), ">= 0.85");
        }
    }

    /// 200 wrong logins per second from many addresses, and 16 right ones from the account's known address.
    fn flooded_by_strangers(&mut self, engine: &Engine<'_>, data: &Data) {
        let load = "login from a known address, strangers flood";
        if !self.wants(load) {
            return;
        }
        let server = self.tokensmith(engine, &[("TRUSTED_PROXIES", "127.0.0.1")]);
        let elsewhere = |n: u64| -> Vec<String> { (0..64).map(|k| format!("198.18.{n}.{k}")).collect() };
        let stranger = |n| boxed(Repeat::login_from(&elsewhere(n), &data.username(n), "not the password"));
        let strangers: Users = (0..256).map(stranger).collect();
        let at_home = |n| boxed(Repeat::login_from(&[HOME.to_owned()], &data.username(n), PASSWORD));
        let honest: Users = (0..16).map(at_home).collect();
        let (address, length, count) = (server.address, self.length(), honest.len());
        let pace = Pace::Open(count as f64 / length.as_secs_f64());
        let ((seen, _), (refused, _)) = self.runtime.block_on(async {
            let guessing = tokio::spawn(drive(address, Pace::Open(200.0), length, strangers));
            let logging_in = tokio::spawn(drive(address, pace, length, honest));
            (logging_in.await.unwrap(), guessing.await.unwrap())
        });
        println!("  meanwhile wrong logins by status: {:?}", refused.failures);
        let (let_in, of) = (seen.latencies.len() as f64, format!("{} of {count}", seen.latencies.len()));
        let mut sum = Sum::default();
        sum.add(seen, server.used().cpu, Duration::ZERO, length);
        self.keep(sum.figures(engine.name, load, count, server.used()));
        self.compare(format!("{}: {load}: let in", engine.name), let_in / count as f64, ">= 1", of);
    }

    /// Refreshes at the same rate as before, while 64 other users log in as fast as they can.
    fn flooded(&mut self, engine: &Engine<'_>, server: &Server, data: &Data, refreshing: Users, rate: f64) {
        let load = "refresh, strict, open loop, logins flood";
        if !self.wants(load) {
            return;
        }
        let logins: Users = (0..64).map(|n| boxed(Repeat::login(&data.username(n), PASSWORD))).collect();
        let (address, length, count) = (server.address, self.length(), refreshing.len());
        let (cpu, database_cpu) = (server.used().cpu, database_cpu(engine));
        let ((seen, _), (logged_in, _)) = self.runtime.block_on(async {
            let refreshing = tokio::spawn(drive(address, Pace::Open(rate), length, refreshing));
            let logging_in = tokio::spawn(drive(address, Pace::Closed, length, logins));
            (refreshing.await.unwrap(), logging_in.await.unwrap())
        });
        println!("  meanwhile {} logins, {} refused", logged_in.latencies.len(), logged_in.failed());
        let mut sum = Sum::default();
        sum.add(
            seen,
            server.used().cpu.saturating_sub(cpu),
            self::database_cpu(engine).saturating_sub(database_cpu),
            length,
        );
        self.keep(sum.figures(engine.name, load, count, server.used()));
    }

    fn closed(&mut self, engine: &Engine<'_>, server: &Server, load: &str, users: Users) -> Users {
        self.load(engine, server, load, users, Pace::Closed)
    }

    fn open(&mut self, engine: &Engine<'_>, server: &Server, load: &str, users: Users, rate: f64) -> Users {
        self.load(engine, server, load, users, Pace::Open(rate))
    }

    fn load(&mut self, engine: &Engine<'_>, server: &Server, load: &str, users: Users, pace: Pace) -> Users {
        self.measure(engine, pace, 1, vec![(server, load, users)]).pop().unwrap()
    }

    /// Measures loads in turn, after a round for warming up; returns the users.
    fn measure(
        &mut self,
        engine: &Engine<'_>,
        pace: Pace,
        rounds: u32,
        loads: Vec<(&Server, &str, Users)>,
    ) -> Vec<Users> {
        let mut measured: Vec<_> =
            loads.into_iter().map(|(server, load, users)| (server, load, users, Sum::default())).collect();
        for round in 0..=rounds {
            let length = if round == 0 { WARM_UP } else { self.length() / rounds };
            for (server, load, users, sum) in &mut measured {
                if !self.wants(load) {
                    continue;
                }
                let (cpu, database_cpu) = (server.used().cpu, database_cpu(engine));
                let driven = drive(server.address, pace, length, std::mem::take(users));
                let (seen, done) = self.runtime.block_on(driven);
                *users = done;
                if round > 0 {
                    sum.add(
                        seen,
                        server.used().cpu.saturating_sub(cpu),
                        self::database_cpu(engine).saturating_sub(database_cpu),
                        length,
                    );
                }
            }
        }
        let mut all = Vec::new();
        for (server, load, users, sum) in measured {
            if self.wants(load) {
                self.keep(sum.figures(engine.name, load, users.len(), server.used()));
            }
            all.push(users);
        }
        all
    }

    fn keep(&mut self, figures: Figures) {
        println!(
            "  {:45} {:8.0}/s  p50 {:7.2} ms  p99 {:7.2} ms  {:5.0} + {:3.0} us CPU  {} failed",
            figures.load,
            figures.per_second,
            figures.p50_ms,
            figures.p99_ms,
            figures.server_cpu_us,
            figures.database_cpu_us,
            figures.failed
        );
        self.report.loads.push(figures);
    }

    fn figures(&self, database: &str, load: &str) -> Option<Figures> {
        self.report.loads.iter().find(|row| row.database == database && row.load == load).cloned()
    }

    fn compare(&mut self, what: String, ratio: f64, target: &'static str, of: String) {
        println!("  {what}: {ratio:.2} ({target}) {of}");
        self.report.comparisons.push(Comparison { what, ratio, target, of });
    }

    fn compare_rates(&mut self, ours: (&str, &str), theirs: (&str, &str), target: &'static str) {
        if let (Some(ours), Some(theirs)) = (self.figures(ours.0, ours.1), self.figures(theirs.0, theirs.1)) {
            let of = format!("{:.0}/s, {:.0}/s", ours.per_second, theirs.per_second);
            let what = format!("{} {} / {}", ours.database, ours.load, theirs.load);
            self.compare(what.trim().to_owned(), ours.per_second / theirs.per_second, target, of);
        }
    }

    fn compare_reads(&mut self) {
        for load in ["GET /v1/me, same token", "GET /v1/me, same token, no access log"] {
            self.compare_rates(("", load), ("", BARE_ME), ">= 0.90");
        }
        for load in ["GET JWKS", "GET JWKS, no access log"] {
            self.compare_rates(("", load), ("", BARE_JWKS), ">= 0.95");
        }
        if let (Some(new), Some(bare)) = (self.figures("", NEW_TOKENS), self.figures("", BARE_ME)) {
            let verify = Parts::measure(self.length() / 5).es256_verify;
            let of = format!("{:.0} us; {:.0} us + 1.15 x {verify:.0} us", new.server_cpu_us, bare.server_cpu_us);
            let ratio = new.server_cpu_us / (bare.server_cpu_us + 1.15 * verify);
            self.compare(
                "CPU of a GET with a new token / (bare + 1.15 x signature check)".to_owned(),
                ratio,
                "<= 1",
                of,
            );
        }
    }

    fn compare_login(&mut self, engine: &Engine<'_>, limit: f64) {
        if let Some(login) = self.figures(engine.name, "login") {
            let of = format!("{:.1}/s, {limit:.1}/s", login.per_second);
            self.compare(
                format!("{}: login / argon2 on all cores", engine.name),
                login.per_second / limit,
                ">= 0.95",
                of,
            );
        }
    }

    fn compare_writes(&mut self, engine: &Engine<'_>) {
        let target = if engine.data_dir.is_some() { ">= 1.3" } else { ">= 4" };
        self.compare_rates((engine.name, "refresh, strict"), (engine.name, ONE_UPDATE), target);
        self.compare_rates((engine.name, "refresh, strict"), (engine.name, ONE_PREPARED_UPDATE), "");
        let bare = self.figures("", BARE_POST);
        if let (Some(refresh), Some(bare)) = (self.figures(engine.name, "refresh, strict"), bare) {
            let Parts { es256_sign, hmac, .. } = Parts::measure(self.length() / 5);
            let floor = es256_sign + 2.0 * hmac + bare.server_cpu_us;
            let of = format!(
                "{:.0} us; ES256 {es256_sign:.0} us + 2 x HMAC {hmac:.1} us + bare POST {:.0} us",
                refresh.server_cpu_us, bare.server_cpu_us
            );
            let what = format!("{}: CPU of a refresh / its floor", engine.name);
            self.compare(what, refresh.server_cpu_us / floor, "<= 2", of);
        }
        if let Some(flood) = self.figures(engine.name, "login flood") {
            let kept = std::thread::available_parallelism().unwrap().get() as f64 * 19.0;
            let of = format!("{:.0} MiB of which {kept:.0} MiB for hashing", flood.peak_rss_mib);
            self.compare(
                "login flood: peak RSS beyond hashing, MiB".to_owned(),
                flood.peak_rss_mib - kept,
                "<= 64",
                of,
            );
        }
        let calm = self.figures(engine.name, "refresh, strict, open loop");
        let flooded = self.figures(engine.name, "refresh, strict, open loop, logins flood");
        if let (Some(calm), Some(flooded)) = (calm, flooded) {
            let of = format!("{:.2} ms, {:.2} ms", flooded.p99_ms, calm.p99_ms);
            let what = format!("{}: p99 of a refresh while logins flood / without", engine.name);
            self.compare(what, flooded.p99_ms / calm.p99_ms, "<= 3", of);
        }
    }
}

fn boxed(user: impl VirtualUser + 'static) -> Box<dyn VirtualUser> {
    Box::new(user)
}

/// One chain of refreshes for each user. If there are more sessions than users, each user has several and takes turns.
fn chains(tokens: Vec<String>, count: usize) -> Users {
    chains_of(tokens, count).into_iter().map(boxed).collect()
}

fn chains_of(tokens: Vec<String>, count: usize) -> Vec<Chains> {
    let mut shares = vec![Vec::new(); count];
    for (n, token) in tokens.into_iter().enumerate() {
        shares[n % count].push(token);
    }
    shares.into_iter().map(Chains::new).collect()
}

fn database_cpu(engine: &Engine<'_>) -> Duration {
    engine.data_dir.as_deref().map_or(Duration::ZERO, cpu_of_family)
}

fn nothing(database: &'static str, load: &str) -> Figures {
    let load = load.to_owned();
    Figures {
        database,
        load,
        connections: 0,
        per_second: 0.0,
        p50_ms: 0.0,
        p95_ms: 0.0,
        p99_ms: 0.0,
        failed: 0,
        server_cpu_us: 0.0,
        database_cpu_us: 0.0,
        rss_mib: 0.0,
        peak_rss_mib: 0.0,
    }
}

/// The results and the costs of a load's rounds.
#[derive(Default)]
struct Sum {
    seen: Seen,
    cpu: Duration,
    database_cpu: Duration,
    length: Duration,
}

impl Sum {
    fn add(&mut self, seen: Seen, cpu: Duration, database_cpu: Duration, length: Duration) {
        self.seen.add(seen);
        self.cpu += cpu;
        self.database_cpu += database_cpu;
        self.length += length;
    }

    fn figures(self, database: &'static str, load: &str, connections: usize, used: Used) -> Figures {
        let Self { mut seen, cpu, database_cpu, length } = self;
        let [p50_ms, p95_ms, p99_ms] = seen.percentiles([0.50, 0.95, 0.99]);
        let answers = seen.latencies.len() as f64 + seen.failed() as f64;
        Figures {
            connections,
            per_second: seen.latencies.len() as f64 / length.as_secs_f64(),
            p50_ms,
            p95_ms,
            p99_ms,
            failed: seen.failed(),
            server_cpu_us: cpu.as_secs_f64() * 1e6 / answers,
            database_cpu_us: database_cpu.as_secs_f64() * 1e6 / answers,
            rss_mib: used.rss_mib,
            peak_rss_mib: used.peak_rss_mib,
            ..nothing(database, load)
        }
    }
}

/// The body of a response.
fn fetch(server: &Server, path: &str) -> String {
    let url = format!("http://{}{path}", server.address);
    ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap()
}

/// How the application authenticates.
fn authorization() -> String {
    let (id, secret) = APPLICATION;
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// The refresh tokens that the application gets for its codes.
fn redeemed(server: &Server, authorization: &str) -> Vec<String> {
    let url = format!("http://{}/oauth/token", server.address);
    let redeem = |number| {
        let code = code(number);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        let answer = ureq::post(&url).header("authorization", authorization).send_form(form);
        let tokens: serde_json::Value =
            serde_json::from_str(&answer.unwrap().body_mut().read_to_string().unwrap()).unwrap();
        tokens["refresh_token"].as_str().unwrap().to_owned()
    };
    (0..CODES).map(redeem).collect()
}
