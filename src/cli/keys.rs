//! `tokensmith keys`. No command here needs the database, so a leaked key can be dropped while the database is down.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::CliError;
use super::output::{self, List, complain, confirm, line};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::entropy::{Entropy, SystemEntropy};
use crate::error::{Error, root_cause};
use crate::http::view::key::KeyView;
use crate::jwt::{DATA_KEY_RANDOM, DataKeys, KeyFolder, KeyPolicy, KeyState, Keys, RingEntry, SigningAlg};
use crate::service::keys;
use crate::store::{IfMissing, Store};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// List the keys: state, algorithm, kid, when each one signs, when it is removed, file
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Create the next key: it is published at once and signs when every cached copy of the public keys has it
    Rotate {
        /// Algorithm of the key: ES256, EdDSA or RS256; default: SIGNING_ALG
        #[arg(long)]
        alg: Option<SigningAlg>,
        /// A key has leaked: drop it and sign with a new one at once
        #[arg(long)]
        emergency: bool,
        /// The kid of the key to drop; default: the key that signs
        #[arg(long, requires = "emergency", allow_hyphen_values = true)]
        kid: Option<String>,
        /// Do not ask for confirmation
        #[arg(long, requires = "emergency")]
        yes: bool,
    },
    /// Make another data key, which encrypts second factors from now on; back it up with the others, and delete none
    AddDataKey,
    /// Import a private key of your own (PKCS#8 PEM) as the next key
    Import {
        /// The file of the key; it is copied and not changed
        file: PathBuf,
    },
}

pub(super) fn run(config: &Config, command: &KeysCommand) -> Result<(), CliError> {
    let now = SystemClock.now();
    let (folder, policy) = (config.keys.clone(), config.key_policy.clone());
    match command {
        KeysCommand::List { json } => {
            let mut list = List::new(*json, HEADERS);
            for key in open_as_it_is(folder, policy, true)?.ring().entries(now) {
                list.add(cells(&key), &Listed { key: (&key).into(), file: key.path.display().to_string() })?;
            }
            list.finish()
        }
        KeysCommand::Rotate { alg, emergency: false, .. } => {
            let keys = open(folder, policy)?;
            let alg = alg.unwrap_or(config.audiences.default_alg());
            let (path, active_from) = keys::rotate(&keys, alg, now)?;
            show_next(config, alg, &path, active_from)
        }
        KeysCommand::Rotate { alg, kid, yes, .. } => {
            // Another key that cannot be read must not prevent this, but it must not be the key that really signs,
            // either.
            let keys = open_as_it_is(folder, policy, kid.is_some())?;
            let alg = alg.unwrap_or(config.audiences.default_alg());
            let which =
                kid.as_ref().map_or_else(|| format!("the {alg} key that signs"), |kid| format!("the key {kid}"));
            confirm(*yes, format_args!("Drop {which}? Users whose refresh token it signed must log in again."))?;
            let dropped = keys::drop_leaked(&keys, alg, kid.as_deref(), now)?;
            line(format_args!("dropped {} key {}", dropped.dropped.alg, dropped.dropped.kid))?;
            if let Some(made) = dropped.made {
                line(format_args!("made {}", made.display()))?;
            }
            explain(config, &dropped.dropped, now)?;
            let entries = keys.ring().entries(now);
            entries.iter().filter(|entry| entry.state == KeyState::Next).try_for_each(|next| {
                line(format_args!("The next key stays; if it has leaked too, drop it with --kid {}", next.kid))
            })
        }
        KeysCommand::AddDataKey => {
            let random = (&SystemEntropy as &dyn Entropy).bytes::<DATA_KEY_RANDOM>().map_err(Error::from)?;
            let path = DataKeys::new(folder).add(random, now)?;
            line(format_args!("made {}", path.display()))
        }
        KeysCommand::Import { file } => {
            let keys = open(folder, policy)?;
            let (path, alg, active_from) = keys::import(&keys, file, now)?;
            show_next(config, alg, &path, active_from)
        }
    }
}

/// Opens the keys. Creates the folder if it does not exist.
fn open(folder: KeyFolder, policy: KeyPolicy) -> Result<Keys, CliError> {
    folder.create()?;
    let (keys, mut problems) = Keys::open(folder, policy)?;
    if problems.is_empty() { Ok(keys) } else { Err(problems.remove(0).into()) }
}

/// Opens the keys without creating anything. If `may_leave_out`, keys that cannot be read are left out.
fn open_as_it_is(folder: KeyFolder, policy: KeyPolicy, may_leave_out: bool) -> Result<Keys, CliError> {
    if !folder.dir.try_exists().unwrap_or(true) {
        return Err(CliError::Refused(format!(
            "{}: there is no such folder; serve and keys rotate create it (see KEYS_DIR and the working folder)",
            folder.dir.display()
        )));
    }
    let (keys, problems) = Keys::open(folder, policy)?;
    for problem in &problems {
        complain(format_args!("left out: {problem}"));
    }
    if may_leave_out || problems.is_empty() {
        Ok(keys)
    } else {
        Err(CliError::Refused(
            "not all keys can be read: name the one to drop with --kid (see keys list), or repair the files".to_owned(),
        ))
    }
}

fn show_next(config: &Config, alg: SigningAlg, path: &Path, active_from: Timestamp) -> Result<(), CliError> {
    let at = active_from.to_rfc3339();
    line(format_args!("made {}", path.display()))?;
    line(format_args!("It signs from {at} on."))?;
    if config.key_policy.all_algs().all(|used| used != alg) {
        line(format_args!(
            "No token is signed with {alg} until SIGNING_ALG, AUDIENCE or ID_TOKEN_SIGNING_ALGS names it."
        ))?;
    }
    Ok(())
}

/// A key as the API shows one, and its file.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    key: KeyView,
    file: String,
}

const HEADERS: [&str; 8] = ["STATE", "ALG", "KID", "SIGNS FROM", "UNTIL", "REMOVED", "ENCRYPTED", "FILE"];

fn cells(key: &RingEntry) -> [String; 8] {
    let at = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339).unwrap_or_default();
    [
        key.state.name().to_owned(),
        key.alg.to_string(),
        key.kid.clone(),
        at(key.active_from),
        at(key.retired_at),
        at(key.removed_at),
        if key.encrypted { "yes" } else { "no" }.to_owned(),
        key.path.display().to_string(),
    ]
}

const STILL_LISTED: &str = "These sessions are still listed as live until they expire.";

/// Says what dropping a key means for users and for other services.
fn explain(config: &Config, dropped: &RingEntry, now: Timestamp) -> Result<(), CliError> {
    match count(config, dropped, now) {
        Ok(0) => line(format_args!("No session ends.")),
        Ok(sessions) => line(format_args!(
            "{} ended: the refresh tokens are refused from now on (token_unknown_key), and the users must log in again. \
             {STILL_LISTED}",
            output::count(sessions, "session")
        )),
        Err(error) => line(format_args!(
            "Sessions whose refresh token the key signed have ended; how many is not known ({}). Their users must log in \
             again. {STILL_LISTED}",
            root_cause(&error)
        )),
    }?;
    line(format_args!(
        "This service refuses the key's access tokens within seconds, and so do verifiers that follow the denylist. Other \
         verifiers refuse them when their copy of the public keys expires, after {} at most.",
        config.key_policy.jwks_max_age
    ))
}

fn count(config: &Config, dropped: &RingEntry, now: Timestamp) -> Result<i64, Error> {
    keys::count_sessions_of(&Store::open(config, IfMissing::Refuse)?, &config.key_policy, dropped, now)
}
