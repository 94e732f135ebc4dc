//! `tokensmith keys`. No command here needs the database, so that a leaked key can be dropped while it is away.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::CliError;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::Config;
use crate::error::{Error, root_cause};
use crate::jwt::{KeyFolder, KeyPolicy, KeyState, Keys, RingEntry, SigningAlg};
use crate::service::keys;
use crate::store::Store;

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// List the keys: state, algorithm, kid, since when and until when, file
    List,
    /// Make the next key: published at once, it signs when every copy of the public keys has it
    Rotate {
        /// ES256, EdDSA or RS256; default: SIGNING_ALG
        #[arg(long)]
        alg: Option<SigningAlg>,
        /// A key has leaked: drop it now, and sign with a new one from now on
        #[arg(long)]
        emergency: bool,
        /// The key to drop; default: the one that signs
        #[arg(long, requires = "emergency")]
        kid: Option<String>,
    },
    /// Take up a private key of your own (PKCS#8 PEM) as the next one
    Import {
        /// The file; it stays as it is
        file: PathBuf,
    },
}

pub(super) fn run(config: &Config, command: &KeysCommand) -> Result<(), CliError> {
    let now = SystemClock.now();
    let (folder, policy) = (config.keys.clone(), config.key_policy.clone());
    match command {
        KeysCommand::List => {
            for key in open_as_it_is(folder, policy, true)?.ring().entries(now) {
                print(&key);
            }
        }
        KeysCommand::Rotate { alg, emergency: false, .. } => {
            let keys = open(folder, policy)?;
            let alg = alg.unwrap_or(config.audiences.default_alg());
            let (path, active_from) = keys::rotate(&keys, alg, now)?;
            show_next(config, alg, &path, active_from);
        }
        KeysCommand::Rotate { alg, kid, .. } => {
            // Another key that is broken must not stand in the way, nor be the one that signs in truth.
            let keys = open_as_it_is(folder, policy, kid.is_some())?;
            let alg = alg.unwrap_or(config.audiences.default_alg());
            let dropped = keys::drop_leaked(&keys, alg, kid.as_deref(), now)?;
            println!("dropped\t{}\t{}", dropped.dropped.alg, dropped.dropped.kid);
            if let Some(made) = dropped.made {
                println!("made\t{}", made.display());
            }
            explain(config, &dropped.dropped, now);
            let entries = keys.ring().entries(now);
            for next in entries.iter().filter(|entry| entry.state == KeyState::Next) {
                println!("The next key stays; if it has leaked too, drop it with --kid {}", next.kid);
            }
        }
        KeysCommand::Import { file } => {
            let keys = open(folder, policy)?;
            let (path, alg, active_from) = keys::import(&keys, file, now)?;
            show_next(config, alg, &path, active_from);
        }
    }
    Ok(())
}

/// After making the folder, if it is not there.
fn open(folder: KeyFolder, policy: KeyPolicy) -> Result<Keys, CliError> {
    folder.create()?;
    let (keys, mut problems) = Keys::open(folder, policy)?;
    if problems.is_empty() { Ok(keys) } else { Err(problems.remove(0).into()) }
}

/// What cannot be read is left out, if it may be.
fn open_as_it_is(folder: KeyFolder, policy: KeyPolicy, may_leave_out: bool) -> Result<Keys, CliError> {
    let (keys, problems) = Keys::open(folder, policy)?;
    for problem in &problems {
        eprintln!("tokensmith: keys: left out: {problem}");
    }
    if may_leave_out || problems.is_empty() {
        Ok(keys)
    } else {
        Err(CliError::Usage(
            "not all keys can be read: name the one to drop with --kid (see keys list), or mend the files",
        ))
    }
}

fn show_next(config: &Config, alg: SigningAlg, path: &Path, active_from: Timestamp) {
    let at = active_from.to_rfc3339();
    println!("made\t{}", path.display());
    println!("It signs from {at} on.");
    if !config.key_policy.algs.contains(&alg) {
        println!("Nothing is signed with {alg} as long as neither SIGNING_ALG nor AUDIENCE names it.");
    }
}

fn print(key: &RingEntry) {
    let at = |at: Option<Timestamp>| at.map_or("-".to_owned(), Timestamp::to_rfc3339);
    let encrypted = if key.encrypted { "encrypted" } else { "plain" };
    println!(
        "{}\t{}\t{}\tsigns from {}\tuntil {}\tgoes {}\t{encrypted}\t{}",
        key.state.name(),
        key.alg,
        key.kid,
        at(key.active_from),
        at(key.retired_at),
        at(key.goes_at),
        key.path.display()
    );
}

/// What the drop of a key means to users and to other services.
fn explain(config: &Config, dropped: &RingEntry, now: Timestamp) {
    match count(config, dropped, now) {
        Ok(0) => println!("No session ends."),
        Ok(sessions) => println!(
            "{sessions} sessions end: their refresh tokens are refused from now on (token_unknown_key), and their users \
             log in again."
        ),
        Err(error) => println!(
            "How many sessions that ends is not known ({}): those whose refresh token the key has made. Their users log \
             in again.",
            root_cause(&error)
        ),
    }
    println!(
        "This service refuses the key's access tokens within seconds; a verifier does when its copy of the public keys \
         is over, after {} at most, and one that follows the denylist within seconds.",
        config.key_policy.jwks_max_age
    );
}

fn count(config: &Config, dropped: &RingEntry, now: Timestamp) -> Result<i64, Error> {
    keys::count_sessions_of(&Store::open(config)?, &config.key_policy, dropped, now)
}
