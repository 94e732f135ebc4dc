//! The one table of settings. Whatever has to do with a setting alone is said in its entry and nowhere else: parsing,
//! `tokensmith config`, `.env.example` and the reference are made from it. What several of them mean together
//! is in `together`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::log_filter::log_filter;
use super::page_values::{PageLink, ScopeDescription, items, page_link, scope_description, show_items, web_url};
use super::table::settings;
use super::values::{
    address, any_text, duration, duration_or_off, list, longer_than, network, number, on_or_off, optional, parsed,
    passphrase, path, scopes, show_list, show_optional, show_path, within,
};
use super::{DatabaseUrl, LogFormat, Pooler, ProxyUrl, urls, warnings};
use crate::clock::Seconds;
use crate::jwt::{Passphrase, SigningAlg};
use crate::model::names::Scopes;

/// 4 GiB: beyond it a typing mistake is likelier than a wish.
const MAX_ARGON2_MEMORY_KIB: u32 = 4_194_304;

/// Beyond it a hash takes seconds.
pub(crate) const MAX_ARGON2_ITERATIONS: u32 = 100;

/// Below it verifiers would do little else than fetch keys.
const MIN_JWKS_MAX_AGE: Seconds = Seconds(10);

/// Beyond it a leaked key would be believed for too long.
const MAX_JWKS_MAX_AGE: Seconds = Seconds(86_400);

/// Beyond it a thief has the session for days.
const MAX_SHARING_LIMIT: u32 = 1_000;

settings! {
    LISTEN: pub(crate) listen: SocketAddr {
        default: "127.0.0.1:8080",
        help: "Address and port to serve HTTP on.",
        read: address,
    }
    DATABASE_URL: pub(crate) database: DatabaseUrl {
        default: "sqlite://data/tokensmith.db",
        help: "sqlite://PATH (one machine) or postgres://USER:PASSWORD@HOST/NAME (any number of instances).",
        secrecy: MayHoldSecret,
        read: parsed,
    }
    DATABASE_POOL_SIZE: pub(crate) database_pool_size: u32 {
        default: "8",
        help: "Database connections that one instance opens at most for requests (1 to 500). One more follows the denylist, and on PostgreSQL two more write refreshes.",
        read: number(1..=500),
    }
    DATABASE_POOLER: pub(crate) database_pooler: Pooler {
        default: "none",
        help: "What stands between this service and PostgreSQL. none: nothing, or a pooler that keeps sessions. transaction: a pooler that gives each transaction another connection (PgBouncer: pool_mode = transaction).",
        read: parsed,
    }
    ISSUER: pub issuer: String {
        default: "http://127.0.0.1:8080",
        help: "URL under which clients reach this service: the iss of every token.",
        read: urls::issuer,
        warn: |config| warnings::issuer(config, ISSUER.default),
    }
    AUDIENCE: pub(super) audience: String {
        default: "",
        help: "The aud of access tokens: who they are for. Several are separated by commas, the first is the default; one may name its own algorithm, as in https://old.example.com RS256. Empty: the issuer.",
        read: any_text,
    }
    SCOPES: pub(crate) scopes: Scopes {
        default: "",
        help: "Scopes that access tokens carry, as they are at the login, and that API tokens may be given, separated by commas, as in notes:read,notes:write.",
        read: scopes,
        show: |scopes| show_list(scopes.names()),
    }
    KEYS_DIR: pub(super) keys_dir: PathBuf {
        default: "keys",
        help: "Folder of the private keys (PKCS#8 PEM, mode 0600; 0640 where the group is the service's own).",
        read: path,
        show: show_path,
    }
    KEYS_PASSPHRASE: pub(super) keys_passphrase: Option<Passphrase> {
        default: "",
        help: "Encrypts the private keys that are made and decrypts those that are encrypted.",
        secrecy: Secret,
        read: optional(passphrase),
        show: |passphrase| passphrase.as_ref().map_or("", |_| "<secret>").to_owned(),
    }
    KEYS_PASSPHRASE_FILE: pub(super) keys_passphrase_file: String {
        default: "",
        help: "A file whose first line is the passphrase, instead of KEYS_PASSPHRASE.",
        secrecy: MayHoldSecret,
        read: any_text,
    }
    KEY_ROTATION_PERIOD: pub(super) key_rotation_period: Option<Seconds> {
        default: "30d",
        help: "How long a key signs before the next one takes over by itself. off: only keys that are missing are made, at the start.",
        read: duration_or_off,
        show: show_optional("off"),
    }
    JWKS_MAX_AGE: pub(super) jwks_max_age: Seconds {
        default: "5m",
        help: "How long a copy of the public keys may be used (10s to 1d).",
        read: duration,
        check: within(MIN_JWKS_MAX_AGE..=MAX_JWKS_MAX_AGE),
    }
    SIGNING_ALG: pub(super) signing_alg: SigningAlg {
        default: "ES256",
        help: "Algorithm of access tokens: ES256, EdDSA or RS256.",
        read: parsed,
    }
    ID_TOKEN_SIGNING_ALGS: pub(crate) id_token_signing_algs: Vec<SigningAlg> {
        default: "ES256,RS256",
        help: "Algorithms that ID tokens can be signed with, separated by commas: each gets a key. The first is that of clients that name none; RS256 is what OpenID Connect requires of every provider.",
        read: list(parsed),
        show: show_list,
    }
    ACCESS_TOKEN_LIFETIME: pub(super) access_token_lifetime: Seconds {
        default: "5m",
        help: "How long an access token is valid.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    REFRESH_IDLE_LIFETIME: pub(super) refresh_idle_lifetime: Seconds {
        default: "14d",
        help: "How long a session lives without a refresh.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    SESSION_LIFETIME: pub(super) session_lifetime: Seconds {
        default: "90d",
        help: "How long a session lives at most, however often it is refreshed.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    REFRESH_SETTLE_WINDOW: pub(super) refresh_settle_window: Seconds {
        default: "10s",
        help: "How long a new refresh token answers with itself before it rotates.",
        read: duration,
    }
    REFRESH_RETRY_WINDOW: pub(super) refresh_retry_window: Seconds {
        default: "90s",
        help: "How long the previous refresh token still gets its successor. At least the settle window, below the access lifetime.",
        read: duration,
        warn: warnings::retry_window,
    }
    REFRESH_STRANGE_LIMIT: pub(super) refresh_strange_limit: u32 {
        default: "3",
        help: "How many generations of a session may be retried late from another network or user agent before the session ends; each generation without a late retry takes one off the count. At most 1000. 0: off.",
        read: number(0..=MAX_SHARING_LIMIT),
    }
    REFRESH_SHARED_LIMIT: pub(super) refresh_shared_limit: u32 {
        default: "0",
        help: "How many generations of a session may be retried late at all before the session ends; each generation without a late retry takes five off the count. At most 1000. 0: off.",
        read: number(0..=MAX_SHARING_LIMIT),
    }
    SESSION_RETENTION: pub(super) session_retention: Seconds {
        default: "30d",
        help: "How long an ended session is kept to answer why it ended.",
        read: duration,
    }
    AUDIT_RETENTION: pub(crate) audit_retention: Seconds {
        default: "90d",
        help: "How long an event of the audit log is kept.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    REAUTHENTICATION_PERIOD: pub(crate) reauthentication_period: Seconds {
        default: "10m",
        help: "How long after giving the password a user may do what is sensitive without giving it again.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    FIRST_ADMIN_PASSWORD_FILE: pub(crate) first_admin_password_file: PathBuf {
        default: "",
        help: "Where the first start puts the first admin's password when standard output is not a terminal. Empty: first-admin-password beside the SQLite database, with PostgreSQL in data.",
        read: path,
        show: show_path,
    }
    BASIC_AUTH: pub(crate) basic_auth: bool {
        default: "off",
        help: "Whether POST /v1/tokens also takes username and password as HTTP Basic: on or off.",
        read: on_or_off,
        show: |is_on| if *is_on { "on" } else { "off" }.to_owned(),
    }
    PAGE_NAME: pub(crate) page_name: String {
        default: "tokensmith",
        help: "What the pages for users (login, consent) call this service.",
        read: any_text,
    }
    PAGE_LOGO_URL: pub(crate) page_logo_url: Option<String> {
        default: "",
        help: "URL of a picture that the pages for users show. Empty: none.",
        read: optional(web_url),
        show: show_optional(""),
    }
    PAGE_LINKS: pub(crate) page_links: Vec<PageLink> {
        default: "",
        help: "Links at the foot of the pages for users, separated by semicolons, as in Privacy=https://www.example.com/privacy.",
        read: items(page_link),
        show: show_items,
    }
    SCOPE_DESCRIPTIONS: pub(crate) scope_descriptions: Vec<ScopeDescription> {
        default: "",
        help: "What scopes mean, for users who are asked to allow them, separated by semicolons, as in notes:read=Read your notes;notes:read@de=Notizen lesen. Without a language: in all that are not named. A scope without a description is shown by its name.",
        read: items(scope_description),
        show: show_items,
    }
    CHANGE_PASSWORD_URL: pub(crate) change_password_url: Option<String> {
        default: "",
        help: "URL of the page where users change their password: /.well-known/change-password leads there. Empty: nowhere.",
        read: optional(web_url),
        show: show_optional(""),
    }
    ARGON2_MEMORY_KIB: pub(super) argon2_memory_kib: u32 {
        default: "19456",
        help: "Memory of one password hash in KiB.",
        read: number(1..=MAX_ARGON2_MEMORY_KIB),
    }
    ARGON2_ITERATIONS: pub(super) argon2_iterations: u32 {
        default: "2",
        help: "Passes of one password hash over its memory.",
        read: number(1..=MAX_ARGON2_ITERATIONS),
    }
    ARGON2_THREADS: pub(super) argon2_threads: u32 {
        default: "0",
        help: "Passwords hashed at the same time; each thread keeps its memory. 0: one per core, as far as half of the memory allows.",
        read: number(0..=1_024),
    }
    CORS_ORIGINS: pub(crate) cors_origins: Vec<String> {
        default: "",
        help: "Origins of browser apps that may call this service, separated by commas; * for any.",
        read: list(urls::origin),
        check: |origins| urls::any_origin_stands_alone(origins),
        show: show_list,
        warn: warnings::cors_origins,
    }
    TRUSTED_PROXIES: pub(crate) trusted_proxies: Vec<IpNet> {
        default: "",
        help: "Networks whose X-Forwarded-For (or Forwarded, where that is missing) is believed, separated by commas, as in 10.0.0.0/8. Empty: none.",
        read: list(network),
        show: show_list,
        warn: warnings::trusted_proxies,
    }
    REQUEST_TIMEOUT: pub(crate) request_timeout: Seconds {
        default: "10s",
        help: "How long a client may take to send a request, or go without reading any of its answer.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    SHUTDOWN_TIMEOUT: pub(crate) shutdown_timeout: Seconds {
        default: "30s",
        help: "How long requests under way may take to finish when the service is stopped.",
        read: duration,
    }
    METRICS_LISTEN: pub(crate) metrics_listen: Option<SocketAddr> {
        default: "",
        help: "Address and port to serve metrics on, without authentication, as in 127.0.0.1:9464. Empty: nowhere.",
        read: optional(address),
        show: show_optional(""),
        warn: warnings::metrics_listen,
    }
    OUTBOUND_PROXY: pub(crate) outbound_proxy: Option<ProxyUrl> {
        default: "",
        help: "Proxy for the service's own calls to others (it makes none yet), as in http://10.0.0.1:3128. The proxy resolves names, and has to refuse private addresses. Empty: none.",
        secrecy: MayHoldSecret,
        read: optional(parsed),
        show: show_optional(""),
    }
    OUTBOUND_CA_FILE: pub(crate) outbound_ca_file: PathBuf {
        default: "",
        help: "File of the certificate authorities (PEM) that are trusted in the service's own calls to others. Empty: the machine's.",
        read: path,
        show: show_path,
    }
    OUTBOUND_ALLOW: pub(crate) outbound_allow: Vec<IpNet> {
        default: "",
        help: "Networks that the service's own calls may reach besides the public Internet, separated by commas, as in 10.0.0.0/8. Empty: none.",
        read: list(network),
        show: show_list,
    }
    LOG_FORMAT: pub(crate) log_format: LogFormat {
        default: "text",
        help: "Log lines: text for people or json for machines.",
        read: parsed,
    }
    RUST_LOG: pub(crate) log_filter: String {
        default: "info",
        help: "Log level: off, error, warn, info, debug or trace; per module as in info,tokensmith=debug.",
        read: log_filter,
    }
}
