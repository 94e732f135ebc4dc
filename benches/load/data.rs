//! The data under load: a database filled in bulk with sessions, and tokens for a sample of them.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};
use tokensmith::internals::app::App;
use tokensmith::internals::clock::{Clock as _, Seconds, SystemClock, Timestamp};
use tokensmith::internals::config::Config;
use tokensmith::internals::entropy::SystemEntropy;
use tokensmith::internals::model::grant::Live;
use tokensmith::internals::model::id::Id;
use tokensmith::internals::model::session::Session;
use tokensmith::internals::model::user::{User, Username};
use tokensmith::internals::password::Password;
use tokensmith::internals::secret::Secret;
use tokensmith::internals::service::pair::{Purpose, mint};
use tokensmith::internals::store::IfMissing;

pub const PASSWORD: &str = "correct horse battery staple";
/// From where every session that is filled in was opened.
pub const HOME: &str = "192.0.2.1";
const SESSIONS_OF_A_USER: u64 = 10;
const AT_ONCE: u64 = 100_000;

/// The registered application, and its secret.
pub const APPLICATION: (&str, &str) = ("bench", "a-secret-of-the-bench");
/// Where its answers go.
pub const REDIRECT_URI: &str = "https://app.example.com/callback";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// So many of its codes are there to be redeemed.
pub const CODES: u64 = 512;

/// The mark of every session that is filled in.
const DENIED_THROUGH: i64 = 4;

/// A database with its keys.
pub struct Data {
    app: App,
    pub sessions: u64,
    rotated_at: Timestamp,
    password_hash: String,
    database_url: String,
}

/// The settings that the servers run with.
pub fn settings(dir: &Path, database_url: &str, others: &[(&str, &str)]) -> Vec<(String, String)> {
    let keys_dir = dir.join("keys").display().to_string();
    let ours = [("DATABASE_URL", database_url), ("KEYS_DIR", &keys_dir)];
    ours.iter().chain(others).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Data {
    /// Migrates the database, makes keys, and fills in `sessions` sessions, ten for each user.
    pub fn fill(dir: &Path, database_url: &str, sessions: u64) -> Self {
        let settings = settings(dir, database_url, &[]);
        let lookup = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let config = Config::from_lookup(lookup).unwrap();
        let app = App::build(config, IfMissing::Create, Arc::new(SystemClock), Arc::new(SystemEntropy)).unwrap();
        let password = Password::new(&Secret::new(PASSWORD.to_owned())).unwrap();
        let password_hash = app.hasher.hash(&password).unwrap();
        app.load().unwrap();
        let rotated_at = SystemClock.now() - Seconds(600);
        let data = Self { app, sessions, rotated_at, password_hash, database_url: database_url.to_owned() };
        data.insert(0, sessions);
        data
    }

    /// Fills in `count` more sessions of other users, from number `first` on. Their refresh tokens, and access tokens for them.
    pub fn more(&self, first: u64, count: u64) -> (Vec<String>, Vec<String>) {
        assert_eq!(first % SESSIONS_OF_A_USER, 0, "each user has all of their sessions");
        self.insert(first, count);
        self.pairs(first..first + count)
    }

    fn insert(&self, first: u64, count: u64) {
        if let Some(path) = self.database_url.strip_prefix("sqlite://") {
            let mut connection = SqliteConnection::establish(path).unwrap();
            connection.batch_execute("pragma busy_timeout = 60000").unwrap();
            self.insert_into(&mut |statement| connection.batch_execute(statement).unwrap(), SQLITE, (first, count));
            connection.batch_execute("pragma wal_checkpoint(truncate)").unwrap();
        } else {
            let mut connection = PgConnection::establish(&self.database_url).unwrap();
            self.insert_into(&mut |statement| connection.batch_execute(statement).unwrap(), POSTGRES, (first, count));
            for statement in ["vacuum analyze", "checkpoint"] {
                connection.batch_execute(statement).unwrap();
            }
        }
        let lacks_skeletons = self.app.store.read(|tx| tx.lacks_skeletons()).unwrap();
        assert!(!lacks_skeletons, "the service would make them while it is measured");
    }

    fn insert_into(&self, execute: &mut dyn FnMut(&str), dialect: Dialect, (begin, count): (u64, u64)) {
        let (session, password_hash, end) = (self.session(0), &self.password_hash, begin + count);
        let users = end.div_ceil(SESSIONS_OF_A_USER);
        for first in (begin / SESSIONS_OF_A_USER..users).step_by(usize::try_from(AT_ONCE).unwrap()) {
            execute(&format!(
                "{} insert into users (id, username, skeleton_of, username_skeleton, email, roles, password_hash, \
                 created_at) select {}, 'user-' || i, 'user-' || i, {}, 'user-' || i || '@example.com', 'editor', \
                 '{password_hash}', {} from {}",
                dialect.with(first, AT_ONCE.min(users - first)),
                dialect.id(USER_EPOCH_MS, "i"),
                skeleton_of_number(),
                session.created_at.0,
                dialect.from(first, AT_ONCE.min(users - first)),
            ));
        }
        for first in (begin..end).step_by(usize::try_from(AT_ONCE).unwrap()) {
            let count = AT_ONCE.min(end - first);
            execute(&format!(
                "{} insert into sessions (id, user_id, label, user_agent, ip, created_at, expires_at, denied_through, \
                 rotated_at, refresh_expires_at, access_expires_by, client_id, scope, amr) select {}, {}, 'my laptop', \
                 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', '{HOME}', {}, {}, {}, {}, \
                 {}, {}, 'first-party', '', 'pwd' from {}",
                dialect.with(first, count),
                dialect.id(SESSION_EPOCH_MS, "i"),
                dialect.id(USER_EPOCH_MS, &format!("(i / {SESSIONS_OF_A_USER})")),
                session.created_at.0,
                session.expires_at.0,
                session.denied_through,
                session.rotated_at.0,
                session.refresh_expires_at.0,
                session.access_expires_by.0,
                dialect.from(first, count),
            ));
        }
        if begin == 0 {
            self.insert_application(execute, dialect);
        }
    }

    /// An application, and codes for it: what its users have allowed.
    fn insert_application(&self, execute: &mut dyn FnMut(&str), dialect: Dialect) {
        let digest = |text: &str| {
            let bytes = digest::digest(&digest::SHA256, text.as_bytes());
            let hex = bytes.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            dialect.bytes(&hex)
        };
        let (id, secret) = APPLICATION;
        // Long ago: a client that has just changed is read again each second.
        let at = self.rotated_at.0;
        execute(&format!(
            "insert into clients (id, name, redirect_uris, post_logout_redirect_uris, grant_types, scopes, audiences, \
             resource_servers, auth_method, skip_consent, secret_digest, created_at, updated_at) values ('{id}', \
             'Bench', '{REDIRECT_URI}', '', 'authorization_code refresh_token client_credentials', \
             'openid offline_access notes:read', '', '', 'client_secret_basic', false, {}, {at}, {at})",
            digest(secret)
        ));
        for n in 0..CODES {
            let i = n % self.sessions;
            execute(&format!(
                "insert into authorization_codes (digest, client_id, user_id, browser_session_id, redirect_uri, \
                 code_challenge, scope, auth_time, amr, expires_at) values ({}, '{id}', {}, {}, '{REDIRECT_URI}', \
                 '{CHALLENGE}', 'offline_access notes:read', {at}, 'pwd', {})",
                digest(&code(n)),
                dialect.id(USER_EPOCH_MS, &(i / SESSIONS_OF_A_USER).to_string()),
                dialect.id(SESSION_EPOCH_MS, &i.to_string()),
                at + 86_400,
            ));
        }
    }

    /// Session number `i` as it was filled in.
    fn session(&self, i: u64) -> Session {
        let lifetimes = self.app.config.lifetimes;
        let user = Id::from_bytes(id(USER_EPOCH_MS, i / SESSIONS_OF_A_USER));
        let opened = lifetimes.opened(Id::from_bytes(id(SESSION_EPOCH_MS, i)), user, self.rotated_at);
        lifetimes.rotated(opened, DENIED_THROUGH, self.rotated_at)
    }

    /// The live refresh tokens of `count` sessions that lie scattered over the whole table, and access tokens for them. When
    /// there are fewer sessions, each has several access tokens.
    pub fn tokens(&self, count: u64) -> (Vec<String>, Vec<String>) {
        let distinct = count.min(self.sessions);
        // Neighbours in the sample are far apart in the table; the factor has none in common with a round count.
        self.pairs((0..count).map(|n| n * 7_919 % distinct * (self.sessions / distinct)))
    }

    fn pairs(&self, sessions: impl Iterator<Item = u64>) -> (Vec<String>, Vec<String>) {
        let user = self.app.store.read(|tx| tx.find_user(self.session(0).user_id)).unwrap().unwrap();
        let purpose = Purpose::find(&self.app, None).unwrap();
        let pair = |i| {
            let session = self.session(i);
            let user = User { id: session.user_id, ..user.clone() };
            let now = SystemClock.now();
            // Minted as at the rotation that the row speaks of, but with an access token that is valid now.
            let session = Session { access_expires_by: now + Seconds(300), ..session };
            let pair = mint(&self.app, Live { session, grant: None, user: Arc::new(user) }, purpose, now).unwrap();
            (pair.refresh_token, pair.access_token)
        };
        sessions.map(pair).unzip()
    }

    pub fn username(&self, number: u64) -> String {
        format!("user-{}", number % self.sessions.div_ceil(SESSIONS_OF_A_USER))
    }
}

/// What is left of the username of user number `i` when characters that look alike are the same.
fn skeleton_of_number() -> String {
    let skeleton = |name: &str| name.parse::<Username>().unwrap().skeleton();
    let begin = format!("'{}' || i", skeleton("user-"));
    ('0'..='9').fold(begin, |sql, digit| format!("replace({sql}, '{digit}', '{}')", skeleton(&digit.to_string())))
}

/// A code of the application, by its number.
pub fn code(number: u64) -> String {
    format!("code-{number}")
}

/// What a refresh writes, at least: one compare-and-set of one row. The mark stays where it is.
pub fn one_update(dialect: Dialect, i: &str) -> String {
    format!(
        "update sessions set denied_through = denied_through, rotated_at = rotated_at, refresh_expires_at = \
         refresh_expires_at, access_expires_by = access_expires_by + 1 where id = {} and denied_through = \
         {DENIED_THROUGH} and ended_at is null",
        dialect.id(SESSION_EPOCH_MS, i)
    )
}

const USER_EPOCH_MS: u64 = 1_600_000_000_000;
const SESSION_EPOCH_MS: u64 = 1_700_000_000_000;

/// An id of version 7, one a millisecond.
fn id(epoch_ms: u64, i: u64) -> [u8; 16] {
    let text = format!("{:012x}7{:03x}8{:015x}", epoch_ms + i, i % 4_096, i);
    u128::from_str_radix(&text, 16).unwrap().to_be_bytes()
}

/// How an engine makes rows and ids in bulk.
#[derive(Clone, Copy)]
pub enum Dialect {
    Sqlite,
    Postgres,
}
pub const SQLITE: Dialect = Dialect::Sqlite;
pub const POSTGRES: Dialect = Dialect::Postgres;

impl Dialect {
    fn with(self, first: u64, count: u64) -> String {
        match self {
            Self::Sqlite => {
                let last = first + count - 1;
                format!("with recursive n(i) as (select {first} union all select i + 1 from n where i < {last})")
            }
            Self::Postgres => String::new(),
        }
    }

    fn from(self, first: u64, count: u64) -> String {
        match self {
            Self::Sqlite => "n".to_owned(),
            Self::Postgres => format!("generate_series({first}, {}) as n(i)", first + count - 1),
        }
    }

    fn bytes(self, hex: &str) -> String {
        match self {
            Self::Sqlite => format!("x'{hex}'"),
            Self::Postgres => format!(r"'\x{hex}'::bytea"),
        }
    }

    fn id(self, epoch_ms: u64, i: &str) -> String {
        match self {
            Self::Sqlite => format!("unhex(printf('%012x7%03x8%015x', {epoch_ms} + {i}, {i} % 4096, {i}))"),
            Self::Postgres => format!(
                "(lpad(to_hex({epoch_ms} + {i}), 12, '0') || '7' || lpad(to_hex({i} % 4096), 3, '0') || '8' || \
                 lpad(to_hex({i}), 15, '0'))::uuid"
            ),
        }
    }
}
