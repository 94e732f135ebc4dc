//! Standard output and standard error. All output goes through this file, since writing may fail: a pipe may be closed
//! or a disk full. What was logged before stands before it.

use std::fmt;
use std::io::{self, BufRead as _, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{Row, Table};
use serde::Serialize;
use serde_json::{Map, Value};

use super::CliError;
use crate::error::Error;

/// Writes a line to standard output.
pub(super) fn line(text: fmt::Arguments<'_>) -> Result<(), CliError> {
    print(format_args!("{text}\n"))
}

/// Writes a JSON object with the field names of the HTTP API.
pub(super) fn object(view: &impl Serialize) -> Result<(), CliError> {
    let value = serde_json::to_value(view).map_err(|error| CliError::Output(error.into()))?;
    line(format_args!("{value:#}"))
}

/// Says that something was done with this id.
pub(super) fn done(outcome: Result<(), Error>, what: &str, id: &str) -> Result<(), CliError> {
    outcome?;
    line(format_args!("{what} {id}"))
}

/// Writes a text to standard output.
pub(super) fn print(text: fmt::Arguments<'_>) -> Result<(), CliError> {
    log::logger().flush();
    let mut out = BufWriter::new(io::stdout().lock());
    out.write_fmt(text).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Writes a line to standard error. A failure to do so is ignored, since it cannot be reported.
pub(super) fn complain(text: fmt::Arguments<'_>) {
    log::logger().flush();
    let _taken = writeln!(io::stderr().lock(), "tokensmith: {text}");
}

/// A number with its noun, as in "1 session" and "2 sessions".
pub(super) fn count<N: Copy + fmt::Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {one}{plural}")
}

/// An argument that is a JSON object.
pub(super) fn json_object(name: &str, json: &str) -> Result<Map<String, Value>, CliError> {
    serde_json::from_str(json).map_err(|error| {
        CliError::Refused(format!("{name}: {error}; write a JSON object, as in '{{\"plan\": \"pro\"}}'"))
    })
}

/// Asks for confirmation before an action that cannot be undone, unless `--yes` is given.
pub(super) fn confirm(yes: bool, question: fmt::Arguments<'_>) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(CliError::Unconfirmed);
    }
    log::logger().flush();
    let _taken = write!(io::stderr().lock(), "{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(|error| CliError::Io("answer".to_owned(), error))?;
    if ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) { Ok(()) } else { Err(CliError::Declined) }
}

/// The output of a list command: a table for people, or a JSON array whose objects have the field names of the HTTP
/// API.
pub(super) enum List {
    Table(Table),
    Json { out: BufWriter<StdoutLock<'static>>, is_empty: bool },
}

impl List {
    pub(super) fn new<const N: usize>(json: bool, headers: [&str; N]) -> Self {
        if json {
            return Self::Json { out: BufWriter::new(io::stdout().lock()), is_empty: true };
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(headers);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self::Table(table)
    }

    pub(super) fn add<const N: usize>(&mut self, cells: [String; N], object: &impl Serialize) -> Result<(), CliError> {
        match self {
            Self::Table(table) => {
                table.add_row(Row::from(cells.map(|cell| shown(&cell))));
            }
            Self::Json { out, is_empty } => {
                let before = if std::mem::take(is_empty) { "[\n" } else { ",\n" };
                let written = out.write_all(before.as_bytes());
                written
                    .and_then(|()| serde_json::to_writer(&mut *out, object).map_err(io::Error::from))
                    .map_err(CliError::Output)?;
            }
        }
        Ok(())
    }

    /// Prints the list. An empty table is printed as its header line.
    pub(super) fn finish(self) -> Result<(), CliError> {
        match self {
            Self::Table(table) => line(format_args!("{}", table.trim_fmt())),
            Self::Json { mut out, is_empty } => {
                let end = if is_empty { "[]\n" } else { "\n]\n" };
                out.write_all(end.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
            }
        }
    }
}

/// A text that is safe for a terminal: text from a client must not move the cursor or reverse the line.
pub(super) fn shown(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let mut shown = String::new();
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|number| count(number, "session")), ["0 sessions", "1 session", "2 sessions"]);
    }

    #[test]
    fn what_a_client_calls_itself_cannot_move_the_cursor() {
        for (text, expected) in [
            ("", "-"),
            ("my laptop", "my laptop"),
            ("Zoë 笔记本", "Zoë 笔记本"),
            ("\u{1b}[2Jx", "\\u{1b}[2Jx"),
            ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("a\u{202e}b", "a\\u{202e}b"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
