//! The documents that are made from the table of settings: `.env.example` and the table in the README.

use std::fmt::Write as _;

use super::{SETTINGS, Setting};

/// The content of `.env.example`.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting of tokensmith with its default. Copy to .env and change what you need;\n\
         # the environment wins over the file. Durations: 90s, 5m, 12h, 14d. Values with spaces go in \"quotes\".\n",
    );
    for Setting { name, default, help, .. } in SETTINGS {
        let _infallible = write!(text, "\n# {help}\n#{name}={default}\n");
    }
    text
}

/// The README's table of settings.
pub fn settings_reference() -> String {
    let mut text = String::from("| Variable | Default | Meaning |\n|---|---|---|\n");
    for Setting { name, default, help, .. } in SETTINGS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let _infallible = writeln!(text, "| `{name}` | {default} | {help} |");
    }
    text
}
