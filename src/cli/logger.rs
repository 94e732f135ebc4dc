//! Log lines on standard error: for people, or with `LOG_FORMAT=json` one JSON object a line.

use std::io::Write as _;

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{self, Key, VisitSource};
use serde_json::Value;

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
    for (name, value) in fields(record) {
        match value.as_str() {
            Some(text) if !text.is_empty() && !text.contains([' ', '"', '\n']) => write!(line, " {name}={text}")?,
            _ => write!(line, " {name}={value}")?,
        }
    }
    writeln!(line)
}

fn json(line: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let about = [
        ("time", SystemClock.now().to_rfc3339()),
        ("level", record.level().as_str().to_lowercase()),
        ("target", record.target().to_owned()),
        ("message", record.args().to_string()),
    ];
    let about = about.map(|(name, value)| (name.to_owned(), Value::from(value)));
    let object: Value = about.into_iter().chain(fields(record)).collect();
    writeln!(line, "{object}")
}

/// The named values of a line, in the order in which they were given.
fn fields(record: &Record<'_>) -> Vec<(String, Value)> {
    let mut fields = Fields(Vec::new());
    let _infallible = record.key_values().visit(&mut fields);
    fields.0
}

struct Fields(Vec<(String, Value)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let number = value.to_i64().map(Value::from);
        self.0.push((key.to_string(), number.unwrap_or_else(|| Value::from(value.to_string()))));
        Ok(())
    }
}
