//! A server in this process: real HTTP and a real database, a clock that stands still, known randomness, cheap hashes.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use actix_web::web::Data;
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::BigInt;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::app::App;
use tokensmith::internals::clock::{Clock, ManualClock, Seconds, Timestamp};
use tokensmith::internals::config::{Argon2Cost, Config};
use tokensmith::internals::entropy::SeededEntropy;
use tokensmith::internals::http;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::model::user::User;
use tokensmith::internals::secret::Secret;
use tokensmith::internals::service::users::{self, NewUser};
use tokensmith::internals::store::IfMissing;

use super::browser::Browser;
use super::client::Client;
use super::process::Tokensmith;
use super::{pooled, postgres};

pub const PASSWORD: &str = "correct horse battery staple";
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, iterations: 1, threads: 2, budget_kib: 8_192 };

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The URL of a new database; on SQLite a file in `dir`.
    pub fn new_database(self, dir: &TempDir) -> String {
        match self {
            Self::Sqlite => format!("sqlite://{}", dir.path().join("test.db").display()),
            Self::Postgres => postgres::new_database(),
        }
    }

    /// As [`Engine::new_database`], migrated; on SQLite a copy of one that the command has migrated.
    fn migrated_database(self, dir: &TempDir) -> String {
        static MIGRATED: OnceLock<Vec<u8>> = OnceLock::new();
        let url = self.new_database(dir);
        if let Some(file) = url.strip_prefix("sqlite://") {
            let migrated = MIGRATED.get_or_init(|| {
                let dir = TempDir::new().unwrap();
                let url = self.new_database(&dir);
                assert!(Tokensmith::new().set("DATABASE_URL", &url).run(&["migrate"]).success());
                std::fs::read(dir.path().join("test.db")).unwrap()
            });
            let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).unwrap();
            copy.write_all(migrated).unwrap();
        }
        url
    }
}

/// The server and its client.
pub struct TestApp {
    /// What the server is made of.
    pub inside: Arc<App>,
    pub clock: Arc<ManualClock>,
    pub database_url: String,
    client: Client,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    dir: TempDir,
}

/// The app is its own first client.
impl Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl TestApp {
    pub fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    /// With settings of its own.
    pub fn start_with(engine: Engine, vars: &[(&str, &str)]) -> Self {
        let dir = TempDir::new().unwrap();
        let database_url = engine.migrated_database(&dir);
        Self::start_on(dir, database_url, vars)
    }

    pub fn start_on(dir: TempDir, database_url: String, vars: &[(&str, &str)]) -> Self {
        Self::start_seeded(7, dir, database_url, vars)
    }

    /// Another instance on the same database and the same keys, whose clock is so many seconds ahead.
    pub fn another_instance(&self, ahead: i64, vars: &[(&str, &str)]) -> Self {
        let keys_dir = self.keys_dir().display().to_string();
        let vars = [vars, &[("KEYS_DIR", keys_dir.as_str())]].concat();
        let other = Self::start_seeded(8, TempDir::new().unwrap(), self.database_url.clone(), &vars);
        other.clock.advance(self.clock.now() - other.clock.now() + Seconds(ahead));
        other
    }

    /// With a clock of its own around the one that stands still.
    pub fn start_with_clock(engine: Engine, clock: impl FnOnce(Arc<ManualClock>) -> Arc<dyn Clock>) -> Self {
        let dir = TempDir::new().unwrap();
        let database_url = engine.migrated_database(&dir);
        Self::start_clocked(7, dir, database_url, &[], clock)
    }

    /// With identifiers of its own.
    pub fn start_seeded(seed: u64, dir: TempDir, database_url: String, vars: &[(&str, &str)]) -> Self {
        Self::start_clocked(seed, dir, database_url, vars, |clock| clock)
    }

    fn start_clocked(
        seed: u64,
        dir: TempDir,
        database_url: String,
        vars: &[(&str, &str)],
        around: impl FnOnce(Arc<ManualClock>) -> Arc<dyn Clock>,
    ) -> Self {
        let keys_dir = dir.path().join("keys");
        let database = pooled::settings(&database_url);
        let signing_alg = vars.iter().find(|(var, _)| *var == "SIGNING_ALG").map_or("ES256", |(_, alg)| *alg);
        let mut config = Config::from_lookup(|name| match name {
            _ if vars.iter().any(|(var, _)| *var == name) => {
                vars.iter().find(|(var, _)| *var == name).map(|(_, value)| (*value).to_owned())
            }
            "LISTEN" => Some("127.0.0.1:0".to_owned()),
            "DATABASE_URL" | "DATABASE_POOLER" => {
                database.iter().find(|(setting, _)| *setting == name).map(|(_, value)| value.clone())
            }
            "DATABASE_POOL_SIZE" => Some("4".to_owned()),
            "KEYS_DIR" => Some(keys_dir.display().to_string()),
            // A key for RS256 takes its time to be made. The one for access tokens will do.
            "ID_TOKEN_SIGNING_ALGS" => Some(signing_alg.to_owned()),
            _ => None,
        })
        .unwrap();
        config.argon2 = CHEAP;
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000)));
        let app =
            App::build(config, IfMissing::Create, around(clock.clone()), Arc::new(SeededEntropy::new(seed))).unwrap();
        app.load().unwrap();
        let inside = Data::new(app);
        let (started, address) = channel();
        let shared = inside.clone();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async {
                let (server, address) = http::bind(shared).unwrap();
                started.send((server.handle(), address)).unwrap();
                server.await.unwrap();
            });
        });
        let (handle, address) = address.recv().unwrap();
        let client = Client::new(&format!("http://{address}"));
        Self { inside: inside.into_inner(), clock, database_url, client, handle, thread: Some(thread), dir }
    }

    /// Another client, with a connection of its own.
    pub fn another_client(&self) -> Client {
        Client::new(&self.base())
    }

    pub fn base(&self) -> String {
        self.client.base().to_owned()
    }

    pub fn keys_dir(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    pub fn create_user(&self, username: &str, roles: &[&str]) -> User {
        let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
        let password = Secret::new(PASSWORD.to_owned());
        // A username may have what an address may not.
        let local: String =
            username.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
        let email = format!("{local}@example.com");
        let new = NewUser { username, email: Some(&email), name: None, roles: &roles, password: &password };
        users::create(&self.inside, &new, &Origin::default()).unwrap()
    }

    /// A new user, logged in.
    pub fn logged_in(&self, username: &str) -> Value {
        self.create_user(username, &[]);
        self.client.login(username, PASSWORD).ok()
    }

    /// Registers an application at `https://app.example/cb`, with members of its own; answers what it is told.
    pub fn register(&self, id: &str, members: &Value) -> Value {
        let admin = format!("operator-of-{id}");
        self.create_user(&admin, &["admin"]);
        let pair = self.client.login(&admin, PASSWORD).ok();
        let mut body = json!({
            "client_id": id,
            "client_name": format!("The {id} app"),
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none",
            "scopes": ["openid", "profile", "notes:read", "offline_access"],
        });
        for (name, value) in members.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = self.client.ask_as("POST", "/v1/admin/clients", &pair, Some(&body));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// A browser that has not been here yet.
    pub fn browser(&self) -> Browser {
        Browser::new(self.another_client())
    }

    /// Takes up what other instances have denied, as the service does every second.
    pub fn follow_denylist(&self) {
        self.inside.denylist.follow(&self.inside.store, self.clock.now()).unwrap();
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(Seconds(seconds));
    }

    /// The one number that a query returns.
    pub fn number(&self, query: &str) -> i64 {
        number(&self.database_url, query)
    }

    /// Changes the database behind the service's back.
    pub fn execute(&self, statements: &str) {
        execute(&self.database_url, statements);
    }
}

/// Changes a database.
pub fn execute(database_url: &str, statements: &str) {
    match database_url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut connection = SqliteConnection::establish(path).unwrap();
            // The service may write at the same time.
            connection.batch_execute("pragma busy_timeout = 10000").unwrap();
            connection.batch_execute(statements).unwrap();
        }
        None => PgConnection::establish(database_url).unwrap().batch_execute(statements).unwrap(),
    }
}

/// The one number that a query answers.
pub fn number(database_url: &str, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct One {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    let query = diesel::sql_query(format!("select cast(({query}) as bigint) as n"));
    let row: One = match database_url.strip_prefix("sqlite://") {
        Some(path) => query.get_result(&mut SqliteConnection::establish(path).unwrap()).unwrap(),
        None => query.get_result(&mut PgConnection::establish(database_url).unwrap()).unwrap(),
    };
    row.n
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            // A server that panicked has said so.
            let _panicked = thread.join();
        }
    }
}
