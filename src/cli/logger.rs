//! Log lines on standard error: for people, or with `LOG_FORMAT=json` one JSON object a line.

use std::io::Write as _;

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde_json::{Map, json};

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
    let mut fields = Fields(Map::new());
    let _infallible = record.key_values().visit(&mut fields);
    for (name, value) in fields.0 {
        match value.as_str() {
            Some(text) if !text.is_empty() && !text.contains([' ', '"', '\n']) => write!(line, " {name}={text}")?,
            _ => write!(line, " {name}={value}")?,
        }
    }
    writeln!(line)
}

fn json(line: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let mut fields = Fields(Map::new());
    let _infallible = record.key_values().visit(&mut fields);
    let mut object = fields.0;
    object.insert("time".to_owned(), json!(SystemClock.now().to_rfc3339()));
    object.insert("level".to_owned(), json!(record.level().as_str().to_lowercase()));
    object.insert("target".to_owned(), json!(record.target()));
    object.insert("message".to_owned(), json!(record.args().to_string()));
    writeln!(line, "{}", serde_json::Value::Object(object))
}

struct Fields(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let number = value.to_i64().map(|number| json!(number));
        self.0.insert(key.to_string(), number.unwrap_or_else(|| json!(value.to_string())));
        Ok(())
    }
}
