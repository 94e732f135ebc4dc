//! `tokensmith hash`.

use std::num::NonZero;
use std::time::Duration;

use clap::Subcommand;

use super::{CliError, output};
use crate::config::Config;
use crate::error::Error;
use crate::password::calibrate;

#[derive(Subcommand)]
pub(super) enum HashCommand {
    /// Measure password hashing on this machine and print the settings that fit a target time
    Calibrate {
        /// How long one hash may take while all hashing threads are busy, in milliseconds
        #[arg(long, default_value = "50", value_parser = milliseconds)]
        milliseconds: NonZero<u16>,
    },
}

fn milliseconds(text: &str) -> Result<NonZero<u16>, &'static str> {
    text.parse().map_err(|_bad| "expected a whole number from 1 to 65535")
}

pub(super) fn run(config: &Config, command: &HashCommand) -> Result<(), CliError> {
    let HashCommand::Calibrate { milliseconds } = command;
    let target = Duration::from_millis(milliseconds.get().into());
    let threads = config.argon2.threads;
    let found = calibrate(threads, config.argon2.max_thread_memory_kib(), target).map_err(Error::from)?;
    let milliseconds = found.duration.as_secs_f64() * 1_000.0;
    // The setting allows at most 1024 threads.
    let threads = u32::try_from(threads).unwrap_or(u32::MAX);
    let mib = u64::from(found.memory_kib) * u64::from(threads) / 1_024;
    let logins = f64::from(threads) / found.duration.as_secs_f64();
    output::line(format_args!(
        "# One hash takes {milliseconds:.1} ms while {threads} run: {logins:.0} logins per second, {mib} MiB of memory."
    ))?;
    if found.duration > target {
        output::line(format_args!("# That is longer than requested, but these are the smallest allowed settings."))?;
    }
    output::line(format_args!("ARGON2_MEMORY_KIB={}\nARGON2_ITERATIONS={}", found.memory_kib, found.iterations))
}
