//! `tokensmith keys`.

use std::fs;

use clap::Subcommand;

use super::CliError;
use crate::clock::{Clock as _, Seconds, SystemClock};
use crate::config::Config;
use crate::jwt::{KeyRing, SigningAlg, write_new_key};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Make a new key; running services take it up when they are restarted
    Generate {
        /// ES256, EdDSA or RS256; default: SIGNING_ALG
        #[arg(long)]
        alg: Option<SigningAlg>,
        /// Sign only after this time, as in 15m: long enough to restart every instance and for verifiers to fetch the key
        #[arg(long, default_value = "0s")]
        active_in: Seconds,
    },
    /// List the keys: which one signs, algorithm, kid, since when, file
    List,
}

pub(super) fn run(config: &Config, command: &KeysCommand) -> Result<(), CliError> {
    let (dir, now) = (&config.keys_dir, SystemClock.now());
    match command {
        KeysCommand::Generate { alg, active_in } => {
            fs::create_dir_all(dir).map_err(|error| CliError::Io(dir.display().to_string(), error))?;
            println!("{}", write_new_key(dir, alg.unwrap_or(config.signing_alg), now + *active_in)?.display());
        }
        KeysCommand::List => {
            for key in KeyRing::load(dir, config.signing_alg, now)?.entries(now) {
                let state = if key.active {
                    "active"
                } else if key.active_from > now {
                    "next"
                } else {
                    "published"
                };
                let (alg, kid, since) = (key.alg, &key.kid, key.active_from.to_rfc3339());
                println!("{state}\t{alg}\t{kid}\t{since}\t{}", key.path.display());
            }
        }
    }
    Ok(())
}
