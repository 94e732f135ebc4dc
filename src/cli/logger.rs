//! Log lines on standard error: for people, or with `LOG_FORMAT=json` one JSON object a line.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::panic;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use log::kv::{self, Key, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::log_lines::{Lines, Urgency};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, LogFormat};
use crate::http;

/// How long a request, or the end of the process, waits for a reader of the log that takes nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts the log as configured.
pub(super) fn start(config: &Config) -> io::Result<Flushed> {
    let mut filter = env_logger::Builder::new();
    filter.parse_filters(&config.log_filter);
    if let Some(level) = runtime_level(&config.log_filter) {
        filter.filter_module(RUNTIME, level);
    }
    let format = match config.log_format {
        LogFormat::Text => text,
        LogFormat::Json => json,
    };
    let lines = Arc::new(Lines::new(PATIENCE));
    let logger = Logger { filter: filter.build(), format, lines: Arc::clone(&lines) };
    let say = |lines: usize| log::error!(lines; "lines are missing: the log was not read, or could not be written");
    Builder::new().name("log".to_owned()).spawn(move || lines.write_to(io::stderr(), say))?;
    log::set_max_level(logger.filter.filter());
    log::set_boxed_logger(Box::new(logger)).map_err(io::Error::other)?;
    // What a panic prints comes after the lines before it.
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        log::logger().flush();
        print(panic);
    }));
    Ok(Flushed)
}

/// Dropping it writes all lines.
pub(super) struct Flushed;

impl Drop for Flushed {
    fn drop(&mut self) {
        log::logger().flush();
    }
}

struct Logger {
    /// It only says which lines are wanted.
    filter: env_logger::Logger,
    format: fn(&mut Vec<u8>, &Record<'_>) -> io::Result<()>,
    lines: Arc<Lines>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        thread_local!(static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
        if !self.filter.matches(record) {
            return;
        }
        // Each thread has its own, which is away while a value that logs is written.
        let mut line = LINE.try_with(Cell::take).unwrap_or_default();
        line.clear();
        if (self.format)(&mut line, record).is_ok() {
            self.lines.add(&line, urgency(record));
        }
        let _thread_ends = LINE.try_with(|kept| kept.set(line));
    }

    fn flush(&self) {
        self.lines.flush();
    }
}

/// There are many lines of requests. All others are worth a system call.
fn urgency(record: &Record<'_>) -> Urgency {
    let is_request = record.target() == http::LOG_TARGET && record.level() >= Level::Info;
    if is_request || record.level() >= Level::Debug { Urgency::Soon } else { Urgency::Now }
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

fn text(line: &mut Vec<u8>, record: &Record<'_>) -> io::Result<()> {
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

fn json(line: &mut Vec<u8>, record: &Record<'_>) -> io::Result<()> {
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
fn quote(line: &mut Vec<u8>, text: &str) -> io::Result<()> {
    serde_json::to_writer(line, text).map_err(io::Error::from)
}

enum Field<'a> {
    Number(i64),
    Text(&'a str),
}

/// Visits the named values of a line in their order, without empty ones. They are not collected, because every request
/// writes a line.
fn each_field(record: &Record<'_>, write: impl FnMut(&str, Field<'_>) -> io::Result<()>) -> io::Result<()> {
    record.key_values().visit(&mut Fields(write)).map_err(io::Error::other)
}

struct Fields<F>(F);

impl<'kvs, F: FnMut(&str, Field<'_>) -> io::Result<()>> VisitSource<'kvs> for Fields<F> {
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
    use std::process::Command;

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

    #[test]
    fn only_requests_and_details_wait_for_others() {
        let of = |target, level| urgency(&Record::builder().target(target).level(level).build());
        for (target, level, expected) in [
            (http::LOG_TARGET, Level::Info, Urgency::Soon),
            (http::LOG_TARGET, Level::Warn, Urgency::Now),
            ("tokensmith::audit", Level::Info, Urgency::Now),
            ("tokensmith::cli::serve", Level::Info, Urgency::Now),
            ("tokensmith::store", Level::Debug, Urgency::Soon),
        ] {
            assert_eq!(of(target, level), expected, "{target} {level}");
        }
    }

    #[test]
    fn what_was_logged_stands_before_the_panic_that_ends_the_process() {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args([
            "--exact",
            "cli::logger::tests::ends_by_a_panic",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ]);
        let said = String::from_utf8(process.output().unwrap().stderr).unwrap();
        let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text} is not in {said}"));
        let places = ["n=0", "n=1", "n=2", "this panic is part of the test"].map(at);
        assert!(places.is_sorted(), "{said}");
    }

    #[test]
    #[ignore = "it is run as a process of its own by the test above"]
    #[should_panic(expected = "this panic is part of the test")]
    fn ends_by_a_panic() {
        // Nothing is written because this goes out of scope: the process may end before.
        std::mem::forget(start(&Config::from_lookup(|_| None).unwrap()).unwrap());
        for n in 0..3 {
            log::info!(target: http::LOG_TARGET, n; "request");
        }
        panic!("this panic is part of the test");
    }
}
