//! Log lines on standard error: for people, or with `LOG_FORMAT=json` one JSON object a line.

use std::io::Write as _;

use env_logger::fmt::Formatter;
use log::kv::{self, Key, VisitSource};
use log::{LevelFilter, Record};

use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, LogFormat};

/// Starts the log as configured.
pub(super) fn start(config: &Config) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&config.log_filter);
    if let Some(level) = runtime_level(&config.log_filter) {
        builder.filter_module(RUNTIME, level);
    }
    match config.log_format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    builder.init();
}

/// It logs its workers and how it was started. Operators only need its warnings and errors.
const RUNTIME: &str = "actix_server";

/// The level of the runtime's lines, unless the filter sets one.
fn runtime_level(filter: &str) -> Option<LevelFilter> {
    let directives = filter.split('/').next().unwrap_or_default().split(',').map(str::trim);
    let (mut level, mut is_named) = (LevelFilter::Off, false);
    for directive in directives {
        is_named |= directive.starts_with("actix");
        level = directive.parse().unwrap_or(level);
    }
    (!is_named).then_some(level.min(LevelFilter::Warn))
}

fn text(line: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let time = SystemClock.now().to_rfc3339();
    write!(line, "{time} {:5} {}", record.level(), record.args())?;
    each_field(record, |name, value| match value {
        Field::Number(number) => write!(line, " {name}={number}"),
        Field::Text(text) if !text.contains(|c: char| c == '"' || c.is_whitespace() || c.is_control()) => {
            write!(line, " {name}={text}")
        }
        Field::Text(text) => {
            write!(line, " {name}=")?;
            quote(line, text)
        }
    })?;
    writeln!(line)
}

fn json(line: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let (time, level) = (SystemClock.now().to_rfc3339(), record.level().as_str().to_lowercase());
    write!(line, "{{\"time\":\"{time}\",\"level\":\"{level}\",\"target\":")?;
    quote(line, record.target())?;
    line.write_all(b",\"message\":")?;
    match record.args().as_str() {
        Some(message) => quote(line, message)?,
        None => quote(line, &record.args().to_string())?,
    }
    each_field(record, |name, value| {
        line.write_all(b",")?;
        quote(line, name)?;
        line.write_all(b":")?;
        match value {
            Field::Number(number) => write!(line, "{number}"),
            Field::Text(text) => quote(line, text),
        }
    })?;
    writeln!(line, "}}")
}

/// Writes a text as a JSON string.
fn quote(line: &mut Formatter, text: &str) -> std::io::Result<()> {
    serde_json::to_writer(line, text).map_err(std::io::Error::from)
}

enum Field<'a> {
    Number(i64),
    Text(&'a str),
}

/// Visits the named values of a line in their order, without empty ones. They are not collected, because every request
/// writes a line.
fn each_field(record: &Record<'_>, write: impl FnMut(&str, Field<'_>) -> std::io::Result<()>) -> std::io::Result<()> {
    record.key_values().visit(&mut Fields(write)).map_err(std::io::Error::other)
}

struct Fields<F>(F);

impl<'kvs, F: FnMut(&str, Field<'_>) -> std::io::Result<()>> VisitSource<'kvs> for Fields<F> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let write = &mut self.0;
        let written = match (value.to_i64(), value.to_borrowed_str()) {
            (Some(number), _) => write(key.as_str(), Field::Number(number)),
            (None, Some("")) => Ok(()),
            (None, Some(text)) => write(key.as_str(), Field::Text(text)),
            (None, None) => write(key.as_str(), Field::Text(&value.to_string())),
        };
        written.map_err(kv::Error::boxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_tells_what_is_wrong_unless_it_is_asked_for_more() {
        for (filter, expected) in [
            ("info", Some(LevelFilter::Warn)),
            ("debug", Some(LevelFilter::Warn)),
            ("warn", Some(LevelFilter::Warn)),
            ("error", Some(LevelFilter::Error)),
            ("off", Some(LevelFilter::Off)),
            ("INFO, tokensmith=debug", Some(LevelFilter::Warn)),
            ("tokensmith=debug", Some(LevelFilter::Off)),
            ("info/actix", Some(LevelFilter::Warn)),
            ("info,actix_server=info", None),
            ("actix_server::builder=info, warn", None),
            ("info,actix=debug", None),
        ] {
            assert_eq!(runtime_level(filter), expected, "{filter}");
        }
    }
}
