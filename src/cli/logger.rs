//! Log lines on standard error: for people, or with `LOG_FORMAT=json` one JSON object a line.

use std::io::Write as _;

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{self, Key, VisitSource};

use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, LogFormat};

/// Starts the log as configured.
pub(super) fn start(config: &Config) {
    let mut builder = env_logger::Builder::new();
    builder.parse_filters(&config.log_filter);
    match config.log_format {
        LogFormat::Text => builder.format(text),
        LogFormat::Json => builder.format(json),
    };
    builder.init();
}

fn text(line: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let time = SystemClock.now().to_rfc3339();
    write!(line, "{time} {:5} {}", record.level(), record.args())?;
    each_field(record, |name, value| match value {
        Field::Number(number) => write!(line, " {name}={number}"),
        Field::Text(text) if !text.is_empty() && !text.contains([' ', '"', '\n']) => write!(line, " {name}={text}"),
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

/// A text as JSON has it.
fn quote(line: &mut Formatter, text: &str) -> std::io::Result<()> {
    serde_json::to_writer(line, text).map_err(std::io::Error::from)
}

enum Field<'a> {
    Number(i64),
    Text(&'a str),
}

/// The named values of a line, in the order in which they were given. Not collected: there is a line for each request.
fn each_field(record: &Record<'_>, write: impl FnMut(&str, Field<'_>) -> std::io::Result<()>) -> std::io::Result<()> {
    record.key_values().visit(&mut Fields(write)).map_err(std::io::Error::other)
}

struct Fields<F>(F);

impl<'kvs, F: FnMut(&str, Field<'_>) -> std::io::Result<()>> VisitSource<'kvs> for Fields<F> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let write = &mut self.0;
        let written = match (value.to_i64(), value.to_borrowed_str()) {
            (Some(number), _) => write(key.as_str(), Field::Number(number)),
            (None, Some(text)) => write(key.as_str(), Field::Text(text)),
            (None, None) => write(key.as_str(), Field::Text(&value.to_string())),
        };
        written.map_err(kv::Error::boxed)
    }
}
