//! The options of a run.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::judge;
use crate::law::Law;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgresql,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Sqlite,
    Postgresql,
    Both,
}

/// Runs honest clients and thieves against tokensmith and checks what it promises. All times are seconds.
#[derive(Parser)]
pub struct Options {
    /// Length of the run
    #[arg(long, default_value_t = 150)]
    pub seconds: u64,
    /// Number of honest clients' sessions on each database
    #[arg(long, default_value_t = 96)]
    pub sessions: u64,
    /// Number of thieves of each kind on each database
    #[arg(long, default_value_t = 30)]
    pub thieves: u64,
    /// The databases
    #[arg(long, default_value = "both")]
    pub engine: Engine,
    /// Instances of the service on one database; with 1,2 there is a database for each of the two
    #[arg(long, value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub instances: Vec<u8>,
    /// Seed of an earlier run, to make the same decisions again; the timing of the servers may still differ
    #[arg(long)]
    pub seed: Option<u64>,
    /// Lifetime of access tokens
    #[arg(long, default_value_t = 12)]
    access: i64,
    /// Settle window
    #[arg(long, default_value_t = 1)]
    settle: i64,
    /// Retry window
    #[arg(long, default_value_t = 6)]
    retry: i64,
    /// `REFRESH_STRANGE_LIMIT`; 0 shows what is possible with the windows alone
    #[arg(long, default_value_t = 3)]
    strange_limit: i64,
    /// `REFRESH_SHARED_LIMIT`
    #[arg(long, default_value_t = 0)]
    shared_limit: i64,
    /// Another build of tokensmith; if several are given, the instances use them in turn
    #[arg(long, value_delimiter = ',', default_value = crate::account::TOKENSMITH, hide_default_value = true)]
    program: Vec<PathBuf>,
    /// Test a stand-in with this judge instead, with shorter seconds
    #[arg(long)]
    pub stand_in: Option<judge::Kind>,
    /// Test stand-ins with the right judge and with each wrong one, and check that only the wrong ones fail
    #[arg(long)]
    pub self_test: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    pub fn law(&self) -> Law {
        let Self { access, settle, retry, strange_limit, shared_limit, .. } = *self;
        Law { access, settle, retry, strange_limit, shared_limit }
    }

    /// One for each instance. Absolute: they run elsewhere.
    pub fn programs(&self, instances: u8) -> Vec<PathBuf> {
        let programs = self.program.iter().map(|program| std::path::absolute(program).unwrap());
        programs.cycle().take(usize::from(instances)).collect()
    }

    pub fn databases(&self) -> &'static [Database] {
        match self.engine {
            Engine::Sqlite => &[Database::Sqlite],
            Engine::Postgresql => &[Database::Postgresql],
            Engine::Both => &[Database::Sqlite, Database::Postgresql],
        }
    }
}
