//! Rules for several settings together: checks that compare them, and values that are made from them.

use std::path::Path;

use super::passkeys::relying_party;
use super::reader::Reader;
use super::settings::{
    ACR_TWO_FACTORS, ARGON2_MEMORY_KIB, AUDIENCE, CLAIMS_FILE, CLAIMS_HOOK_SECRET_FILE, DATABASE_URL, Draft,
    KEY_ROTATION_PERIOD, KEYS_PASSPHRASE_FILE, MAIL_FROM, MAIL_PASSWORD_FILE, REFRESH_IDLE_LIFETIME,
    REFRESH_RETRY_WINDOW, REFRESH_SETTLE_WINDOW, REGISTRATION, SESSION_COOKIES, SESSION_LIFETIME,
};
use super::values::{passphrase, shown_path};
use super::{
    Argon2Cost, Audiences, ClaimsHook, Config, ConfigProblem, DatabaseUrl, MailUrl, claims_file, compat, machine,
};
use crate::jwt::{KeyFolder, KeyPolicy, Passphrase};
use crate::model::lifetimes::Lifetimes;
use crate::model::registration::MayRegister;
use crate::model::rotation::{Limits, Windows};
use crate::secret::{WebhookSecret, file};

/// OWASP ASVS 5.0 appendix C: argon2id with t=1 needs 47104 KiB, with t=2 19456, with t>=3 12288.
const MIN_ARGON2: [(u32, u32); 3] = [(1, 47_104), (2, 19_456), (3, 12_288)];

pub(super) fn config(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<ConfigProblem>> {
    let mut reader = Reader::new(lookup);
    let draft = Draft::read(&mut reader);
    // A variable that a unit or a container was to fill in: the service would start on a new, empty database.
    if lookup(DATABASE_URL.name).is_some_and(|text| text.trim().is_empty()) {
        reader.problem(&DATABASE_URL, "is set, but empty; without it the default is used");
    }
    match together(draft, &mut reader) {
        Some(config) if reader.problems.is_empty() => Ok(config),
        _ => Err(reader.problems),
    }
}

/// Everything is checked before the first `?`, so that one problem does not hide another.
fn together(mut draft: Draft, reader: &mut Reader<'_>) -> Option<Config> {
    let audiences = audiences(&mut draft, reader);
    key_passphrase(&mut draft, reader);
    let lifetimes = lifetimes(&draft, reader);
    let key_policy = key_policy(&draft, reader, audiences.as_ref(), lifetimes.as_ref());
    first_admin_password_file(&mut draft);
    session_cookies(&mut draft, reader);
    if draft.acr_one_factor == draft.acr_two_factors && draft.acr_two_factors.as_ref().is_some_and(Option::is_some) {
        reader.problem(&ACR_TWO_FACTORS, "must differ from ACR_ONE_FACTOR");
    }
    mail(&mut draft, reader);
    if draft.registration == Some(MayRegister::Open) && draft.mail_url.as_ref().is_some_and(Option::is_none) {
        reader.problem(&REGISTRATION, "open needs mail to prove addresses: set MAIL_URL, or use invite");
    }
    let legacy = compat::legacy(&draft, reader);
    let relying_party = relying_party(&mut draft, reader);
    let custom_claims = reader.read(&CLAIMS_FILE, |path| claims_file::read(path, audiences.as_ref()));
    let claims_hook = claims_hook(&draft, reader);
    let argon2 = argon2(&mut draft, reader);
    let settings = draft.complete()?;
    Some(Config {
        audiences: audiences?,
        keys: KeyFolder { dir: settings.keys_dir.clone(), passphrase: settings.keys_passphrase.clone() },
        key_policy: key_policy?,
        custom_claims: custom_claims?,
        claims_hook: claims_hook?,
        lifetimes: lifetimes?,
        sharing_limits: Limits { strange: settings.refresh_strange_limit, shared: settings.refresh_shared_limit },
        argon2: argon2?,
        legacy: legacy?,
        relying_party: relying_party?,
        settings,
    })
}

/// If no audience is set, the issuer is the audience.
fn audiences(draft: &mut Draft, reader: &mut Reader<'_>) -> Option<Audiences> {
    let (issuer, alg) = (draft.issuer.as_ref()?, draft.signing_alg?);
    let audiences = reader.read(&AUDIENCE, |text| Audiences::parse(text, issuer, alg))?;
    draft.audience = Some(audiences.to_string());
    Some(audiences)
}

fn key_passphrase(draft: &mut Draft, reader: &mut Reader<'_>) {
    if draft.keys_passphrase_file.as_ref().is_none_or(String::is_empty) {
        return;
    }
    if draft.keys_passphrase.as_ref().is_some_and(Option::is_some) {
        reader.problem(&KEYS_PASSPHRASE_FILE, "set this or KEYS_PASSPHRASE, not both");
    }
    draft.keys_passphrase = reader.read(&KEYS_PASSPHRASE_FILE, |path| first_line(Path::new(path)).map(Some));
}

fn first_line(path: &Path) -> Result<Passphrase, String> {
    let (content, _) = file::read(path).map_err(|problem| format!("{}: {problem}", shown_path(path)))?;
    let text = std::str::from_utf8(&content).map_err(|_not_text| "it is not UTF-8 text".to_owned())?;
    let line = text.lines().next().unwrap_or_default();
    if line.trim().is_empty() { Err("its first line is empty".to_owned()) } else { passphrase(line) }
}

fn lifetimes(draft: &Draft, reader: &mut Reader<'_>) -> Option<Lifetimes> {
    let (access, refresh_idle) = (draft.access_token_lifetime?, draft.refresh_idle_lifetime?);
    let session = draft.session_lifetime?;
    let windows = Windows { settle: draft.refresh_settle_window?, retry: draft.refresh_retry_window? };
    if refresh_idle <= access {
        reader.problem(&REFRESH_IDLE_LIFETIME, format!("must be longer than ACCESS_TOKEN_LIFETIME ({access})"));
    }
    if session < refresh_idle {
        reader.problem(&SESSION_LIFETIME, format!("must be at least REFRESH_IDLE_LIFETIME ({refresh_idle})"));
    }
    if windows.settle > windows.retry {
        reader.problem(&REFRESH_SETTLE_WINDOW, format!("must be at most REFRESH_RETRY_WINDOW ({})", windows.retry));
    }
    if windows.retry >= access {
        reader.problem(&REFRESH_RETRY_WINDOW, format!("must be shorter than ACCESS_TOKEN_LIFETIME ({access})"));
    }
    Some(Lifetimes { access, refresh_idle, session, windows, retention: draft.session_retention? })
}

fn key_policy(
    draft: &Draft,
    reader: &mut Reader<'_>,
    audiences: Option<&Audiences>,
    lifetimes: Option<&Lifetimes>,
) -> Option<KeyPolicy> {
    if draft.key_rotation_period.is_none() {
        reader.problem(&KEY_ROTATION_PERIOD, "to turn it off, write off in small letters");
    }
    let policy = KeyPolicy {
        algs: audiences?.algs(),
        id_token_algs: draft.id_token_signing_algs.clone()?,
        rotation_period: draft.key_rotation_period?,
        jwks_max_age: draft.jwks_max_age?,
        token_lifetime: lifetimes?.refresh_idle,
    };
    let lead = policy.publication_lead();
    if policy.rotation_period.is_some_and(|period| period <= lead) {
        let message =
            format!("must be off or longer than {lead}, the time for which each key is published before it signs");
        reader.problem(&KEY_ROTATION_PERIOD, message);
    }
    Some(policy)
}

/// Pages of any origin must not read responses to requests that a cookie authenticates
/// ([Fetch section 3.3.5](https://fetch.spec.whatwg.org/#cors-protocol-and-credentials)).
fn session_cookies(draft: &mut Draft, reader: &mut Reader<'_>) {
    let is_any_allowed = draft.cors_origins.as_ref().is_some_and(|origins| origins.iter().any(|origin| origin == "*"));
    if !is_any_allowed || draft.session_cookies == Some(false) {
        return;
    }
    if reader.is_given(&SESSION_COOKIES) {
        let message = "must be off while CORS_ORIGINS is *: name the origins of your apps, or leave cookies off";
        reader.problem(&SESSION_COOKIES, message);
    }
    draft.session_cookies = Some(false);
}

/// The hook for claims, with the secret from its file.
fn claims_hook(draft: &Draft, reader: &mut Reader<'_>) -> Option<Option<ClaimsHook>> {
    let url = draft.claims_hook_url.clone()?;
    let has_file = draft.claims_hook_secret_file.as_ref().is_some_and(|path| !path.is_empty());
    match url {
        None if has_file => {
            reader.problem(&CLAIMS_HOOK_SECRET_FILE, "needs CLAIMS_HOOK_URL");
            None
        }
        None => Some(None),
        Some(_) if !has_file => {
            reader.problem(&CLAIMS_HOOK_SECRET_FILE, "must be set with CLAIMS_HOOK_URL");
            None
        }
        Some(url) => {
            let read = |path: &str| WebhookSecret::read(first_line(Path::new(path))?.expose());
            let secret = reader.read(&CLAIMS_HOOK_SECRET_FILE, read)?;
            Some(Some(ClaimsHook { url, secret }))
        }
    }
}

/// A sender, and the password from its file.
fn mail(draft: &mut Draft, reader: &mut Reader<'_>) {
    if draft.mail_url.as_ref().is_some_and(Option::is_some) && draft.mail_from.as_ref().is_some_and(Option::is_none) {
        reader.problem(&MAIL_FROM, "must be set with MAIL_URL, as in id@example.com");
    }
    if draft.mail_password_file.as_ref().is_none_or(String::is_empty) {
        return;
    }
    let Some(password) = reader.read(&MAIL_PASSWORD_FILE, |path| first_line(Path::new(path))) else { return };
    match &mut draft.mail_url {
        Some(Some(MailUrl::Smtp(server))) if server.password.is_some() => {
            reader.problem(&MAIL_PASSWORD_FILE, "set this or the password in MAIL_URL, not both");
        }
        Some(Some(MailUrl::Smtp(server))) if server.user.is_some() => server.password = Some(password),
        // It could not be read, which is a problem of its own.
        None => {}
        Some(_) => reader.problem(&MAIL_PASSWORD_FILE, "needs MAIL_URL with a mail server and a user"),
    }
}

/// In the folder of the database, if that is a file.
fn first_admin_password_file(draft: &mut Draft) {
    if draft.first_admin_password_file.as_ref().is_none_or(|named| named.as_os_str().is_empty()) {
        let folder = match &draft.database {
            Some(DatabaseUrl::Sqlite(file)) => file.parent(),
            _ => Some(Path::new("data")),
        };
        draft.first_admin_password_file = folder.map(|folder| folder.join("first-admin-password"));
    }
}

fn argon2(draft: &mut Draft, reader: &mut Reader<'_>) -> Option<Argon2Cost> {
    let (iterations, memory_kib) = (draft.argon2_iterations?, draft.argon2_memory_kib?);
    let least = min_argon2_memory_kib(iterations);
    if memory_kib < least {
        reader.problem(&ARGON2_MEMORY_KIB, format!("must be at least {least} with ARGON2_ITERATIONS={iterations}"));
    }
    // The other half is for everything else.
    let budget_kib = u32::try_from(machine::memory_kib() / 2).unwrap_or(u32::MAX);
    let most = fitting(budget_kib, memory_kib);
    let threads = match draft.argon2_threads? {
        0 => u32::try_from(machine::cores()).unwrap_or(u32::MAX).min(most).max(1),
        set => set,
    };
    if threads > most {
        let message = format!("{threads} hashes of {memory_kib} KiB need more than half of the available memory");
        reader.problem(&ARGON2_MEMORY_KIB, message);
    }
    draft.argon2_threads = Some(threads);
    Some(Argon2Cost { memory_kib, iterations, threads: usize::try_from(threads).unwrap_or(1), budget_kib })
}

/// The least memory that a hash with this number of passes must use, in KiB.
pub(crate) fn min_argon2_memory_kib(iterations: u32) -> u32 {
    MIN_ARGON2.iter().rev().find(|(passes, _)| iterations >= *passes).map_or(0, |(_, kib)| *kib)
}

/// How many hashes fit into the budget.
pub(super) fn fitting(budget_kib: u32, memory_kib: u32) -> u32 {
    budget_kib / memory_kib.max(1)
}
