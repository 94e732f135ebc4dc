//! The file `.env`, as the command reads it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use crate::cli::fails_with;
use crate::support::process::Tokensmith;

/// If it were read differently, the passphrase would change and the keys could not be decrypted.
#[test]
fn a_dollar_in_the_env_file_is_a_dollar() {
    let command = Tokensmith::new().env("b", "x").env("HOME", "/x");
    let env_file = command.dir.path().join(".env");
    fs::write(&env_file, "\u{feff}KEYS_PASSPHRASE=\"a$b ${HOME}\"\r\n").unwrap();
    assert!(command.run(&["keys", "rotate"]).success());
    fs::remove_file(&env_file).unwrap();
    fails_with(&command.run(&["serve"]), "encrypted; set KEYS_PASSPHRASE");
    let command = command.env("KEYS_PASSPHRASE", "a$b ${HOME}");
    assert_eq!(command.list(&["keys", "list"])[0]["encrypted"], true);
}

#[test]
fn the_env_file_changes_no_environment() {
    let command = Tokensmith::new();
    // libpq would take it.
    fs::write(command.dir.path().join(".env"), "PGPORT=1\nDATABASE_URL=postgres://app@127.0.0.1/app\n").unwrap();
    let failed = command.run(&["migrate"]);
    assert!(failed.stderr.contains("PGPORT is not a setting") && failed.stderr.contains("5432"), "{}", failed.stderr);
}

#[test]
fn a_value_that_is_not_text_is_refused() {
    let command = Tokensmith::new();
    let bytes = OsStr::from_bytes(b"hunter2\xff");
    let finished = command.run_with_variable(&["config"], "KEYS_PASSPHRASE", bytes);
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("KEYS_PASSPHRASE: is not UTF-8 text"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
}

#[test]
fn config_reads_the_env_file_and_the_environment_wins() {
    let command = Tokensmith::new().env("AUDIENCE", "from-environment");
    fs::write(command.dir.path().join(".env"), "AUDIENCE=from-file\nSESSION_LIFETIME=31d\n").unwrap();
    let printed = command.run(&["config"]).stdout;
    assert!(printed.contains("AUDIENCE=from-environment\n") && printed.contains("SESSION_LIFETIME=31d\n"), "{printed}");
    fs::write(command.dir.path().join(".env"), "SESSION_LIFETME=31d\n").unwrap();
    let misspelled = command.run(&["config"]);
    assert!(misspelled.success());
    assert_eq!(
        misspelled.stderr,
        "tokensmith: warning: .env: SESSION_LIFETME is not a setting of tokensmith; did you mean SESSION_LIFETIME?\n"
    );
}

#[test]
fn a_broken_env_file_is_refused_without_repeating_it() {
    let command = Tokensmith::new();
    fs::write(command.dir.path().join(".env"), "DATABASE_URL=postgres://app:hunter2 x@db/app\n").unwrap();
    let finished = command.run(&["config"]);
    fails_with(&finished, ".env: line 1: expected NAME=VALUE");
    assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
}
