//! What packages are made of: completions for shells and man pages, from the description of the command line itself.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, CliError, output};

/// Which shell.
#[derive(Args)]
pub(super) struct CompletionsCommand {
    /// The shell that is to complete: for bash, `source <(tokensmith completions bash)`
    shell: Shell,
}

/// Where to.
#[derive(Args)]
pub(super) struct ManCommand {
    /// The folder that the pages are written to: made when it is missing
    folder: PathBuf,
}

/// Prints what makes a shell complete commands, options and their values.
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
