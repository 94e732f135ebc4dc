//! An account to log in with.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

pub const TOKENSMITH: &str = env!("CARGO_BIN_EXE_tokensmith");
pub const USERNAME: &str = "ada";
pub const PASSWORD: &str = "correct horse battery staple";

/// Creates it with this program's command line, as an operator does.
pub fn create(program: impl AsRef<OsStr>, dir: &Path, vars: &[(String, String)]) {
    let mut command = Command::new(program);
    command.args(["users", "create", USERNAME, "--password-stdin"]).env_clear().envs(vars.iter().cloned());
    let mut child = command.current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
