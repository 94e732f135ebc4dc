//! The `tokensmith` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tokensmith::run()
}
