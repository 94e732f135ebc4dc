//! The documents that are made from the table of settings: `.env.example` and the reference of settings.

use std::fmt::Write as _;

use super::{SETTINGS, Setting};

/// The content of `.env.example`.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting of tokensmith with its default. Copy this file to .env and change what you need;\n\
         # environment variables override the file. Durations: 90s, 5m, 12h, 14d. Put values with spaces in \"quotes\".\n",
    );
    for Setting { name, default, help, .. } in SETTINGS {
        let _infallible = write!(text, "\n# {help}\n#{name}={default}\n");
    }
    text
}

/// The reference of settings: a section for each.
pub fn settings_reference() -> String {
    let mut sections = Vec::new();
    for Setting { name, default, help, .. } in SETTINGS {
        let default = if default.is_empty() { "empty".to_owned() } else { format!("`{default}`") };
        sections.push(format!("## `{name}`\n\n{help}\n\nDefault: {default}\n"));
    }
    sections.join("\n")
}
