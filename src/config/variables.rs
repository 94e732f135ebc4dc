//! The one table of settings: what `.env.example`, `tokensmith config` and the README's table are made from.

use std::fmt::Write as _;

/// One environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name in the environment and in `.env`.
    pub name: &'static str,
    /// The text that stands for it when it is unset or empty.
    pub default: &'static str,
    /// What it decides, with its unit.
    pub help: &'static str,
}

const fn variable(name: &'static str, default: &'static str, help: &'static str) -> Variable {
    Variable { name, default, help }
}

/// Every variable that tokensmith reads.
pub const VARIABLES: [Variable; 34] = [
    variable("LISTEN", "127.0.0.1:8080", "Address and port to serve HTTP on."),
    variable(
        "DATABASE_URL",
        "sqlite://data/tokensmith.db",
        "sqlite://PATH (one machine) or postgres://USER:PASSWORD@HOST/NAME (any number of instances).",
    ),
    variable("DATABASE_POOL_SIZE", "8", "Database connections that one instance opens at most (1 to 500)."),
    variable("ISSUER", "http://127.0.0.1:8080", "URL under which clients reach this service: the iss of every token."),
    variable(
        "AUDIENCE",
        "",
        "The aud of access tokens: who they are for. Several are separated by commas, the first is the default; one may name its own algorithm, as in https://old.example.com RS256. Empty: the issuer.",
    ),
    variable(
        "SCOPES",
        "",
        "Scopes that access tokens of a login carry, and that API tokens may be given, separated by commas, as in notes:read,notes:write.",
    ),
    variable(
        "KEYS_DIR",
        "keys",
        "Folder of the private keys (PKCS#8 PEM, mode 0600; 0640 where the group is the service's own).",
    ),
    variable("KEYS_PASSPHRASE", "", "Encrypts the private keys that are made and decrypts those that are encrypted."),
    variable("KEYS_PASSPHRASE_FILE", "", "A file whose first line is the passphrase, instead of KEYS_PASSPHRASE."),
    variable(
        "KEY_ROTATION_PERIOD",
        "30d",
        "How long a key signs before the next one takes over by itself. off: only keys that are missing are made, at the start.",
    ),
    variable("JWKS_MAX_AGE", "5m", "How long a copy of the public keys may be used (10s to 1d)."),
    variable("SIGNING_ALG", "ES256", "Algorithm of access tokens: ES256, EdDSA or RS256."),
    variable("ACCESS_TOKEN_LIFETIME", "5m", "How long an access token is valid."),
    variable("REFRESH_IDLE_LIFETIME", "14d", "How long a session lives without a refresh."),
    variable("SESSION_LIFETIME", "90d", "How long a session lives at most, however often it is refreshed."),
    variable("REFRESH_SETTLE_WINDOW", "10s", "How long a new refresh token answers with itself before it rotates."),
    variable(
        "REFRESH_RETRY_WINDOW",
        "90s",
        "How long the previous refresh token still gets its successor. At least the settle window, below the access lifetime.",
    ),
    variable(
        "REFRESH_STRANGE_LIMIT",
        "3",
        "How many generations of a session may be retried late from another network or user agent before the session ends; each generation without a late retry takes one off the count. At most 1000. 0: off.",
    ),
    variable(
        "REFRESH_SHARED_LIMIT",
        "0",
        "How many generations of a session may be retried late at all before the session ends; each generation without a late retry takes five off the count. At most 1000. 0: off.",
    ),
    variable("SESSION_RETENTION", "30d", "How long an ended session is kept to answer why it ended."),
    variable("AUDIT_RETENTION", "90d", "How long an event of the audit log is kept."),
    variable(
        "REAUTHENTICATION_PERIOD",
        "10m",
        "How long after giving the password a user may do what is sensitive without giving it again.",
    ),
    variable(
        "FIRST_ADMIN_PASSWORD_FILE",
        "",
        "Where the first start puts the first admin's password when standard output is not a terminal. Empty: first-admin-password beside the SQLite database, with PostgreSQL in data.",
    ),
    variable("BASIC_AUTH", "off", "Whether POST /v1/tokens also takes username and password as HTTP Basic: on or off."),
    variable("ARGON2_MEMORY_KIB", "19456", "Memory of one password hash in KiB."),
    variable("ARGON2_ITERATIONS", "2", "Passes of one password hash over its memory."),
    variable(
        "ARGON2_THREADS",
        "0",
        "Passwords hashed at the same time; each thread keeps its memory. 0: one per core, as far as half of the memory allows.",
    ),
    variable("CORS_ORIGINS", "", "Origins of browser apps that may call this service, separated by commas; * for any."),
    variable(
        "TRUSTED_PROXIES",
        "",
        "Networks whose X-Forwarded-For (or Forwarded, where that is missing) is believed, separated by commas, as in 10.0.0.0/8. Empty: none.",
    ),
    variable(
        "REQUEST_TIMEOUT",
        "10s",
        "How long a client may take to send a request, or go without reading any of its answer.",
    ),
    variable("SHUTDOWN_TIMEOUT", "30s", "How long requests under way may take to finish when the service is stopped."),
    variable(
        "METRICS_LISTEN",
        "",
        "Address and port to serve metrics on, without authentication, as in 127.0.0.1:9464. Empty: nowhere.",
    ),
    variable("LOG_FORMAT", "text", "Log lines: text for people or json for machines."),
    variable(
        "RUST_LOG",
        "info",
        "Log level: off, error, warn, info, debug or trace; per module as in info,tokensmith=debug.",
    ),
];

/// The content of `.env.example`.
#[must_use]
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting of tokensmith with its default. Copy to .env and change what you need;\n\
         # the environment wins over the file. Durations: 90s, 5m, 12h, 14d. Values with spaces go in \"quotes\".\n",
    );
    for Variable { name, default, help } in VARIABLES {
        let _infallible = write!(text, "\n# {help}\n#{name}={default}\n");
    }
    text
}
