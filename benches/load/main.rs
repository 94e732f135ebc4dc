//! The load benchmark: real servers as processes of their own, on SQLite and on a private, durable PostgreSQL; next to each
//! figure what it is compared with, measured in the same run.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a benchmark fails by panicking"
)]
#![expect(clippy::disallowed_methods, reason = "the bare server is told its address in the environment")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and ranks are estimates"
)]

mod client;
#[path = "../../tests/api/support/cluster.rs"]
mod cluster;
mod data;
mod floor;
mod http;
#[path = "../../tests/api/support/pooler.rs"]
mod pooler;
#[path = "../../tests/api/support/ports.rs"]
mod ports;
mod process;
mod report;
mod run;
mod scripts;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Database {
    Sqlite,
    Postgresql,
}

/// Puts load on tokensmith on this machine and reports rates, latencies, and the server's CPU time per request.
#[derive(Parser)]
struct Options {
    /// Seconds for which each load is measured; all loads that use the same access tokens must fit into their lifetime
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=20))]
    seconds: u64,
    /// Number of connections of each load
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Number of sessions in the database
    #[arg(long, default_value_t = 10_000)]
    sessions: u64,
    /// Measure only refreshes, with each of these numbers of sessions in turn
    #[arg(long, value_delimiter = ',')]
    growth: Vec<u64>,
    /// Measure only loads whose names contain this
    #[arg(long, default_value = "")]
    only: String,
    /// The databases to use
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgresql")]
    engines: Vec<Database>,
    /// Settings of PostgreSQL that differ from its defaults, as in `-c shared_buffers=4GB`
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    postgres_settings: String,
    /// Put `PgBouncer` in front of PostgreSQL, which gives each transaction another connection
    #[arg(long)]
    pooler: bool,
    /// Another build of tokensmith, to compare with
    #[arg(long, default_value = env!("CARGO_BIN_EXE_tokensmith"), hide_default_value = true)]
    program: PathBuf,
    /// Write the figures to this file, as JSON
    #[arg(long)]
    json: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the bare server
    #[arg(long, hide = true)]
    bare: bool,
}

fn main() {
    let mut options = Options::parse();
    // It runs elsewhere.
    options.program = std::path::absolute(&options.program).unwrap();
    if options.bare {
        floor::serve_bare();
        return;
    }
    let least = 3 * options.connections as u64;
    assert!(options.sessions >= least, "so many connections need {least} sessions");
    let report = run::run(&options);
    println!("\n{}", report.table());
    if let Some(path) = &options.json {
        std::fs::write(path, report.json()).unwrap();
    }
    let failed = report.failures();
    assert!(failed.is_empty(), "requests failed: {failed:?}");
}
