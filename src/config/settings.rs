//! The one table of settings. Everything that concerns a single setting is in its entry and nowhere else: the parser,
//! `tokensmith config`, `.env.example` and the reference page are made from it. Rules that involve several settings are
//! in `together`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::log_filter::log_filter;
use super::page_values::{PageLink, ScopeDescription, items, page_link, scope_description, show_items, web_url};
use super::table::settings;
use super::values::{
    acr, address, any_text, duration, duration_or_off, list, longer_than, network, number, on_or_off, optional, parsed,
    passphrase, path, scopes, show_list, show_optional, show_path, within,
};
use super::{
    DatabaseUrl, HookFail, LogFormat, MailFrom, MailUrl, Pooler, ProxyUrl, compat_values, passkey_values, urls,
    warnings,
};
use crate::clock::{Seconds, Timestamp};
use crate::jwt::{Passphrase, SigningAlg};
use crate::model::compat::Compat;
use crate::model::names::Scopes;
use crate::model::registration::MayRegister;
use crate::model::second_factor::Required;

/// 4 GiB: a larger value is more likely a typing mistake.
const MAX_ARGON2_MEMORY_KIB: u32 = 4_194_304;

/// With more passes a hash takes seconds.
pub(crate) const MAX_ARGON2_ITERATIONS: u32 = 100;

/// With less, verifiers would fetch keys most of the time.
const MIN_JWKS_MAX_AGE: Seconds = Seconds(10);

/// With more, verifiers would accept a leaked key for too long.
const MAX_JWKS_MAX_AGE: Seconds = Seconds(86_400);

/// With more, a thief could use the session for days.
const MAX_SHARING_LIMIT: u32 = 1_000;

settings! {
    LISTEN: pub(crate) listen: SocketAddr {
        default: "127.0.0.1:8080",
        help: "IP address and port on which the service accepts HTTP requests.",
        read: address,
    }
    DATABASE_URL: pub(crate) database: DatabaseUrl {
        default: "sqlite://data/tokensmith.db",
        help: "The database: sqlite://PATH (one machine) or postgres://USER:PASSWORD@HOST/NAME (any number of instances).",
        secrecy: MayHoldSecret,
        read: parsed,
    }
    DATABASE_POOL_SIZE: pub(crate) database_pool_size: u32 {
        default: "8",
        help: "Maximum number of database connections that one instance opens for requests, from 1 to 500. It opens one more to follow the denylist, and on PostgreSQL two more to write refreshes.",
        read: number(1..=500),
    }
    DATABASE_POOLER: pub(crate) database_pooler: Pooler {
        default: "none",
        help: "The kind of connection pooler between this service and PostgreSQL. none: no pooler, or one that keeps sessions. transaction: a pooler that may give each transaction another connection (PgBouncer: pool_mode = transaction).",
        read: parsed,
    }
    ISSUER: pub issuer: String {
        default: "http://127.0.0.1:8080",
        help: "URL at which clients reach this service. It is the issuer (iss) of every token.",
        read: urls::issuer,
        warn: |config| warnings::issuer(config, ISSUER.default),
    }
    AUDIENCE: pub(super) audience: String {
        default: "",
        help: "Audiences (aud) of access tokens, separated by commas. A client may choose one; the first is the default. An audience may be followed by a signing algorithm of its own, as in https://old.example.com RS256. Empty: the issuer.",
        read: any_text,
    }
    SCOPES: pub(crate) scopes: Scopes {
        default: "",
        help: "Scopes, separated by commas, as in notes:read,notes:write. The access tokens of a session carry all scopes that are set at its login; an API token carries those that it is created with. Empty: no scopes.",
        read: scopes,
        show: |scopes| show_list(scopes.names()),
    }
    KEYS_DIR: pub(super) keys_dir: PathBuf {
        default: "keys",
        help: "Folder of the private signing keys: PKCS#8 PEM files with mode 0600, or 0640 if the group is the service's own.",
        read: path,
        show: show_path,
    }
    KEYS_PASSPHRASE: pub(super) keys_passphrase: Option<Passphrase> {
        default: "",
        help: "Passphrase that encrypts new private keys and decrypts encrypted ones. Empty: new keys are not encrypted.",
        secrecy: Secret,
        read: optional(passphrase),
        show: |passphrase| passphrase.as_ref().map_or("", |_| "<secret>").to_owned(),
    }
    KEYS_PASSPHRASE_FILE: pub(super) keys_passphrase_file: String {
        default: "",
        help: "File whose first line is the passphrase. Set this or KEYS_PASSPHRASE, not both. Empty: no file.",
        secrecy: MayHoldSecret,
        read: any_text,
    }
    KEY_ROTATION_PERIOD: pub(super) key_rotation_period: Option<Seconds> {
        default: "30d",
        help: "How long a key signs before the service replaces it with a new one, at most 3650d. It must be longer than the time for which a new key is published before it signs. off: keys are not replaced; the service only creates missing keys when it starts.",
        read: duration_or_off,
        show: show_optional("off"),
    }
    JWKS_MAX_AGE: pub(super) jwks_max_age: Seconds {
        default: "5m",
        help: "How long verifiers may cache the public keys, from 10s to 1d.",
        read: duration,
        check: within(MIN_JWKS_MAX_AGE..=MAX_JWKS_MAX_AGE),
    }
    SIGNING_ALG: pub(super) signing_alg: SigningAlg {
        default: "ES256",
        help: "Signing algorithm of tokens: ES256, EdDSA or RS256. An audience may name another one for its access tokens.",
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
        help: "How long an access token is valid, from 1s to 3650d.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    REFRESH_IDLE_LIFETIME: pub(super) refresh_idle_lifetime: Seconds {
        default: "14d",
        help: "How long a session lasts without a refresh. Longer than ACCESS_TOKEN_LIFETIME, at most SESSION_LIFETIME.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    SESSION_LIFETIME: pub(super) session_lifetime: Seconds {
        default: "90d",
        help: "How long a session lasts at most, even if it is refreshed. At least REFRESH_IDLE_LIFETIME, at most 3650d.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    REFRESH_SETTLE_WINDOW: pub(super) refresh_settle_window: Seconds {
        default: "10s",
        help: "How long a new refresh token stays current: within this time a refresh returns the same refresh token instead of a new one. From 0s to REFRESH_RETRY_WINDOW.",
        read: duration,
    }
    REFRESH_RETRY_WINDOW: pub(super) refresh_retry_window: Seconds {
        default: "90s",
        help: "How long a replaced refresh token may be presented again by a client that lost the answer: it then gets the same successor. At least REFRESH_SETTLE_WINDOW, shorter than ACCESS_TOKEN_LIFETIME.",
        read: duration,
        warn: warnings::retry_window,
    }
    REFRESH_STRANGE_LIMIT: pub(super) refresh_strange_limit: u32 {
        default: "3",
        help: "How many generations of a session may be retried late from another network or user agent before the session ends, from 0 to 1000. Each generation without a late retry lowers the count by one. 0: no limit.",
        read: number(0..=MAX_SHARING_LIMIT),
    }
    REFRESH_SHARED_LIMIT: pub(super) refresh_shared_limit: u32 {
        default: "0",
        help: "How many generations of a session may be retried late from anywhere before the session ends, from 0 to 1000. Each generation without a late retry lowers the count by five. 0: no limit.",
        read: number(0..=MAX_SHARING_LIMIT),
    }
    SESSION_RETENTION: pub(super) session_retention: Seconds {
        default: "30d",
        help: "How long an ended session is stored, so that the service can say why it ended, from 0s to 3650d.",
        read: duration,
    }
    AUDIT_RETENTION: pub(crate) audit_retention: Seconds {
        default: "90d",
        help: "How long an event stays in the audit log, from 1s to 3650d.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    REAUTHENTICATION_PERIOD: pub(crate) reauthentication_period: Seconds {
        default: "10m",
        help: "How long a user may do sensitive things without giving the password again, from 1s to 3650d.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    REQUIRE_SECOND_FACTOR: pub(crate) require_second_factor: Required {
        default: "off",
        help: "Who must have a second factor: off (users may have one), admins (users with the role admin) or all. Users who have none must get one at the next login, and before anything sensitive. Sessions that are open go on, and so do API tokens.",
        read: parsed,
    }
    ACR_ONE_FACTOR: pub(crate) acr_one_factor: Option<String> {
        default: "",
        help: "What tokens say in the claim acr after a login with one factor, as in urn:example:one-factor; applications may ask for it with acr_values. Empty: nothing.",
        read: acr,
        show: show_optional(""),
    }
    ACR_TWO_FACTORS: pub(crate) acr_two_factors: Option<String> {
        default: "",
        help: "The same after a login with two factors. Where a second factor is missing, the response names it, too.",
        read: acr,
        show: show_optional(""),
    }
    PASSKEY_RP_ID: pub(super) passkey_rp_id: Option<String> {
        default: "",
        help: "Domain that passkeys are for: the host of each of PASSKEY_ORIGINS, or what it ends with. With another domain the passkeys of before do not work any more. Empty: the host of ISSUER, or no passkeys if that is an IP address, or neither https nor localhost.",
        read: optional(passkey_values::domain),
        show: show_optional(""),
    }
    PASSKEY_ORIGINS: pub(super) passkey_origins: Vec<String> {
        default: "",
        help: "Origins of the pages and apps that may use passkeys, separated by commas, as in https://id.example.com,android:apk-key-hash:HASH. Empty: the origin of ISSUER.",
        read: list(passkey_values::origin),
        show: show_list,
    }
    CLAIMS_FILE: pub(super) claims_file: PathBuf {
        default: "",
        help: "JSON file with custom claims: an object whose members are the claims, by name. They cannot be changed in the administration. Empty: no file.",
        read: path,
        show: show_path,
    }
    CLAIMS_HOOK_URL: pub(super) claims_hook_url: Option<String> {
        default: "",
        help: "URL that is asked for claims at each login and refresh, as in https://app.example.com/claims. Without TLS only on this machine; for a private address see OUTBOUND_ALLOW. Empty: none.",
        read: optional(urls::hook),
        show: show_optional(""),
    }
    CLAIMS_HOOK_SECRET_FILE: pub(super) claims_hook_secret_file: String {
        default: "",
        help: "File whose first line is the secret that signs the requests to CLAIMS_HOOK_URL: whsec_ and 24 to 64 bytes in base64. Required with CLAIMS_HOOK_URL.",
        secrecy: MayHoldSecret,
        read: any_text,
    }
    CLAIMS_HOOK_FAIL: pub(crate) claims_hook_fail: HookFail {
        default: "keep",
        help: "What happens while CLAIMS_HOOK_URL does not answer. keep: tokens have what it has last answered for their session. open: they have nothing of it. closed: nobody logs in or refreshes (503); refresh tokens stay as good as they are.",
        read: parsed,
    }
    FIRST_ADMIN_PASSWORD_FILE: pub(crate) first_admin_password_file: PathBuf {
        default: "",
        help: "File to which the first start writes the first admin's password when standard output is not a terminal. Empty: first-admin-password, in the folder of the SQLite database or, with PostgreSQL, in the folder data.",
        read: path,
        show: show_path,
    }
    REGISTRATION: pub(crate) registration: MayRegister {
        default: "off",
        help: "Who may register. open: everybody, with a confirmed e-mail address; it needs MAIL_URL. invite: people who have an invitation. off: administrators create all accounts.",
        read: parsed,
    }
    TERMS_URL: pub(crate) terms_url: Option<String> {
        default: "",
        help: "URL of the terms that users must accept to register. Empty: none.",
        read: optional(web_url),
        show: show_optional(""),
    }
    BASIC_AUTH: pub(crate) basic_auth: bool {
        default: "off",
        help: "on: POST /v1/tokens also accepts username and password as HTTP Basic. off: only in the body.",
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
        help: "What scopes mean, for users who are asked to allow them, separated by semicolons, as in notes:read=Read your notes;notes:read@de=Notizen lesen. A description without a language is used for all languages that have none of their own. A scope without a description is shown by its name.",
        read: items(scope_description),
        show: show_items,
    }
    CHANGE_PASSWORD_URL: pub(crate) change_password_url: Option<String> {
        default: "",
        help: "URL of the page where users change their password: /.well-known/change-password leads there. Empty: to the account page for it, or 404 with SESSION_COOKIES=off.",
        read: optional(web_url),
        show: show_optional(""),
    }
    ARGON2_MEMORY_KIB: pub(super) argon2_memory_kib: u32 {
        default: "19456",
        help: "Memory of one password hash in KiB, at most 4194304. The minimum depends on ARGON2_ITERATIONS: 47104 with 1, 19456 with 2, 12288 with 3 or more.",
        read: number(1..=MAX_ARGON2_MEMORY_KIB),
    }
    ARGON2_ITERATIONS: pub(super) argon2_iterations: u32 {
        default: "2",
        help: "Number of passes of one password hash over its memory, from 1 to 100.",
        read: number(1..=MAX_ARGON2_ITERATIONS),
    }
    ARGON2_THREADS: pub(super) argon2_threads: u32 {
        default: "0",
        help: "Number of passwords hashed at the same time, from 0 to 1024; each thread keeps its memory. 0: one per core, but no more than fit into half of the memory. On two cores or more, all but one of the cores are for hashes while the rest of the service uses more than 15 percent of all cores (on Linux).",
        read: number(0..=1_024),
    }
    COMPAT: pub(crate) compat: Compat {
        default: "none",
        help: "The issuer that this service stands in for. simplejwt: the service also has the endpoints of djangorestframework-simplejwt, and access tokens of users have its claims token_type and user_id. none: neither.",
        read: parsed,
    }
    COMPAT_PREFIX: pub(crate) compat_prefix: String {
        default: "/api",
        help: "Path below which the endpoints of COMPAT are: with /api they are /api/token/, /api/token/refresh/, /api/token/verify/ and /api/token/blacklist/. /: directly at the root.",
        read: compat_values::prefix,
        show: |prefix| if prefix.is_empty() { "/".to_owned() } else { prefix.clone() },
    }
    COMPAT_USERNAME_FIELD: pub(crate) compat_username_field: &'static str {
        default: "username",
        help: "Name of the field for the username at the login of COMPAT: username, or email where Django's USERNAME_FIELD is email. Either takes usernames and verified e-mail addresses.",
        read: compat_values::username_field,
    }
    COMPAT_ROTATION: pub(crate) compat_rotation: bool {
        default: "on",
        help: "on: a refresh at the endpoints of COMPAT replaces the refresh token. off: it returns only an access token, and the refresh token stays valid until it expires, as with ROTATE_REFRESH_TOKENS=False; a stolen one is then not found out.",
        read: on_or_off,
        show: |is_on| if *is_on { "on" } else { "off" }.to_owned(),
    }
    LEGACY_JWT_SECRET_FILE: pub(super) legacy_jwt_secret_file: String {
        default: "",
        help: "File with the key that the issuer before this service has signed its tokens with: they are accepted at the endpoints of COMPAT. A public key in PEM means RS256 only; one in another form is refused; anything else is the secret of HS256 (a line break at its end may belong to it or not). Empty: no other tokens are accepted.",
        secrecy: MayHoldSecret,
        read: any_text,
        warn: warnings::legacy_secret,
    }
    LEGACY_JWT_UNTIL: pub(super) legacy_jwt_until: Option<Timestamp> {
        default: "",
        help: "When tokens of the issuer before this service cease to be accepted, as in 2027-01-31T00:00:00Z. Required with LEGACY_JWT_SECRET_FILE.",
        read: optional(parsed),
        show: |until| until.map_or_else(String::new, Timestamp::to_rfc3339),
    }
    LEGACY_JWT_ISSUER: pub(super) legacy_jwt_issuer: Option<String> {
        default: "",
        help: "What such a token must have as iss. Empty: anything, or nothing.",
        read: optional(any_text),
        show: show_optional(""),
    }
    LEGACY_JWT_AUDIENCE: pub(super) legacy_jwt_audience: Option<String> {
        default: "",
        help: "What such a token must have in aud. Empty: anything, or nothing.",
        read: optional(any_text),
        show: show_optional(""),
    }
    LEGACY_JWT_USER_CLAIM: pub(super) legacy_jwt_user_claim: String {
        default: "user_id",
        help: "The claim of such a token that has the external id of its user.",
        read: any_text,
    }
    LEGACY_JWT_ONLY_OUTSTANDING: pub(super) legacy_jwt_only_outstanding: bool {
        default: "off",
        help: "on: of such tokens only the refresh tokens that were imported as outstanding are accepted, so that a leaked key opens nothing. off: all whose signature is right.",
        read: on_or_off,
        show: |is_on| if *is_on { "on" } else { "off" }.to_owned(),
    }
    CORS_ORIGINS: pub(crate) cors_origins: Vec<String> {
        default: "",
        help: "Origins of browser apps that may call this service, separated by commas, as in https://app.example.com. *: any origin. Empty: none.",
        read: list(urls::origin),
        check: |origins| urls::any_origin_stands_alone(origins),
        show: show_list,
        warn: warnings::cors_origins,
    }
    SESSION_COOKIES: pub(crate) session_cookies: bool {
        default: "on",
        help: "on: browser apps may ask for their tokens in cookies, and /v1 accepts these. Nothing sets a cookie unless a client asks for it, so on changes nothing for clients that do not. off: /v1 neither sets nor reads cookies. The pages for users always have theirs. The default is off where CORS_ORIGINS is *: cookies are for known origins only.",
        read: on_or_off,
        show: |is_on| if *is_on { "on" } else { "off" }.to_owned(),
    }
    TRUSTED_PROXIES: pub(crate) trusted_proxies: Vec<IpNet> {
        default: "",
        help: "Networks of the reverse proxies whose X-Forwarded-For (or Forwarded, if that is missing) is trusted, separated by commas, as in 10.0.0.0/8. Empty: none.",
        read: list(network),
        show: show_list,
        warn: warnings::trusted_proxies,
    }
    REQUEST_TIMEOUT: pub(crate) request_timeout: Seconds {
        default: "10s",
        help: "How long a client may take to send the head of the first request of a connection or the body of any request, or stop reading the response, from 1s to 3650d. A proxy in front limits how long the heads of later requests may take.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    KEEP_ALIVE_TIMEOUT: pub(crate) keep_alive_timeout: Seconds {
        default: "3m",
        help: "How long a connection stays open after a response when no request follows, from 1s to 3650d. Proxies and load balancers in front must close theirs sooner: a request on a connection that is being closed at that moment is lost.",
        read: duration,
        check: longer_than(Seconds::ZERO),
    }
    SHUTDOWN_TIMEOUT: pub(crate) shutdown_timeout: Seconds {
        default: "30s",
        help: "How long requests in progress may take to finish after the service is told to stop, from 0s to 3650d.",
        read: duration,
    }
    METRICS_LISTEN: pub(crate) metrics_listen: Option<SocketAddr> {
        default: "",
        help: "IP address and port on which metrics are served without authentication, as in 127.0.0.1:9464. Empty: metrics are off.",
        read: optional(address),
        show: show_optional(""),
        warn: warnings::metrics_listen,
    }
    MAIL_URL: pub(crate) mail_url: Option<MailUrl> {
        default: "",
        help: "How mail is sent: smtp://USER:PASSWORD@HOST:PORT (STARTTLS is required; port 587 by default), smtps://.. (TLS from the beginning; port 465), file:///FOLDER (one .eml file for each mail) or log: (for development: the log then holds links that reset passwords). Percent-encode special characters of user and password. A mail server on this machine, as in smtp://127.0.0.1:25, may do without STARTTLS. Empty: no mail.",
        secrecy: MayHoldSecret,
        read: optional(parsed),
        show: show_optional(""),
        warn: warnings::mail_url,
    }
    MAIL_PASSWORD_FILE: pub(super) mail_password_file: String {
        default: "",
        help: "File whose first line is the password for the mail server. Set this or write the password into MAIL_URL, not both. Empty: no file.",
        secrecy: MayHoldSecret,
        read: any_text,
    }
    MAIL_FROM: pub(crate) mail_from: Option<MailFrom> {
        default: "",
        help: "Sender of every mail, as in id@example.com or Example <id@example.com>. Required with MAIL_URL. Without a name, readers see PAGE_NAME.",
        read: optional(parsed),
        show: show_optional(""),
    }
    OUTBOUND_PROXY: pub(crate) outbound_proxy: Option<ProxyUrl> {
        default: "",
        help: "HTTP proxy for the service's own calls to other servers, as in http://10.0.0.1:3128. The proxy resolves host names and must refuse private addresses. Empty: no proxy.",
        secrecy: MayHoldSecret,
        read: optional(parsed),
        show: show_optional(""),
    }
    OUTBOUND_CA_FILE: pub(crate) outbound_ca_file: PathBuf {
        default: "",
        help: "PEM file of the certificate authorities that the service trusts in its own calls to other servers. Empty: those of the machine.",
        read: path,
        show: show_path,
    }
    OUTBOUND_ALLOW: pub(crate) outbound_allow: Vec<IpNet> {
        default: "",
        help: "Networks besides the public Internet that the service's own calls may reach, separated by commas, as in 10.0.0.0/8. Empty: none.",
        read: list(network),
        show: show_list,
    }
    LOG_FORMAT: pub(crate) log_format: LogFormat {
        default: "text",
        help: "Format of log lines: text (for people) or json (one JSON object per line).",
        read: parsed,
    }
    RUST_LOG: pub(crate) log_filter: String {
        default: "info",
        help: "Log level: off, error, warn, info, debug or trace. A module may have its own level, as in info,tokensmith=debug.",
        read: log_filter,
    }
}
