//! Files for packages and the reference: shell completions, man pages, and the description of the command line.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, CliError, output};

/// Every command with its help.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Which shell.
#[derive(Args)]
pub(super) struct CompletionsCommand {
    /// The shell to write the script for; in bash, load it with `source <(tokensmith completions bash)`
    shell: Shell,
}

/// Where to write the pages.
#[derive(Args)]
pub(super) struct ManCommand {
    /// The folder to write the pages to; created if it does not exist
    folder: PathBuf,
}

/// Prints a script that completes commands, options and their values in a shell.
pub(super) fn completions(command: &CompletionsCommand) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), "tokensmith", &mut script);
    output::print(format_args!("{}", String::from_utf8_lossy(&script)))
}

/// Writes a page for each command.
pub(super) fn man(command: &ManCommand) -> Result<(), CliError> {
    let folder = &command.folder;
    let failed = |error| CliError::Io(folder.display().to_string(), error);
    fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)
}
