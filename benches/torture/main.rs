//! The torture test: honest clients on a bad network and thieves use real servers with short lifetimes.
//!
//! It fails if a client that kept the contract was logged out, if a session forked, or if a thief from another network
//! or with another user agent was not found in time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a benchmark fails by panicking"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times and ranks are estimates"
)]

#[path = "../load/account.rs"]
mod account;
mod arena;
mod clock;
#[path = "../../tests/api/support/cluster.rs"]
mod cluster;
mod conduct;
mod dice;
mod honest;
#[path = "../load/http.rs"]
mod http;
mod judge;
mod law;
mod ledger;
mod options;
#[path = "../../tests/api/support/ports.rs"]
mod ports;
#[path = "../load/process.rs"]
#[expect(dead_code, reason = "the load benchmark measures what its servers use")]
mod process;
mod report;
mod self_test;
mod servers;
mod service;
mod session;
mod stand_in;
mod thief;

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::Parser as _;
use tokio::task::LocalSet;

use crate::arena::{Arena, Load};
use crate::dice::Dice;
use crate::options::Options;
use crate::report::Report;
use crate::servers::Servers;

/// With this many seconds between two logins on one database a core is idle half of the time.
const A_LOGIN: f64 = 0.03;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(wrong) = options.law().check() {
        eprintln!("these times do not fit into each other: {wrong}");
        return ExitCode::FAILURE;
    }
    let seed = options.seed.unwrap_or_else(clock::seed);
    println!("seed {seed}: --seed {seed} makes the same decisions again");
    let dice = Dice::of(seed);
    let right = if options.self_test { tell_apart(&options, dice) } else { torture(&options, dice) };
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether the run found no fault.
fn torture(options: &Options, dice: Dice) -> bool {
    let (law, servers) = (options.law(), if options.stand_in.is_none() { Servers::start_all(options) } else { vec![] });
    let sessions = options.sessions + options.thieves * thief::KINDS.len() as u64;
    let load = Load {
        length: options.seconds as f64,
        honest: options.sessions,
        thieves_of_a_kind: options.thieves,
        between_logins: (law.access() / sessions.max(1) as f64).max(A_LOGIN * servers.len() as f64),
    };
    let of_servers = servers
        .iter()
        .zip(1..)
        .map(|(servers, number)| Arena::new(servers.name.clone(), servers.service(), law, load, dice.about(&[number])));
    let of_stand_in = options.stand_in.map(|kind| self_test::arena(kind, law, load, dice));
    let arenas: Vec<_> = of_servers.chain(of_stand_in).collect();
    let reports = run(&arenas);
    for report in &reports {
        println!("{report}");
    }
    println!("{} steps in all", reports.iter().map(|report| report.steps).sum::<u64>());
    reports.iter().all(|report| report.faults.is_empty())
}

/// Whether every wrong judge was told from the right one.
fn tell_apart(options: &Options, dice: Dice) -> bool {
    let (kinds, arenas): (Vec<_>, Vec<_>) = self_test::arenas(options.law(), dice).into_iter().unzip();
    let mut all = true;
    for (kind, report) in kinds.into_iter().zip(run(&arenas)) {
        let told = self_test::is_as_it_should(kind, &report);
        println!("{report}{kind:?}: {}", if told { "told" } else { "NOT TOLD" });
        all &= told;
    }
    all
}

/// Runs them all at the same time, on this thread: it is time that they need, not processors.
fn run(arenas: &[Rc<Arena>]) -> Vec<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let running: Vec<_> = arenas.iter().map(|arena| tokio::task::spawn_local(Rc::clone(arena).torture())).collect();
        tokio::task::spawn_local(tell(arenas.to_vec()));
        for arena in running {
            arena.await.unwrap();
        }
    });
    arenas.iter().map(|arena| Report::of(arena)).collect()
}

/// From time to time, how it goes.
async fn tell(arenas: Vec<Rc<Arena>>) {
    for minutes in (10..).step_by(10) {
        tokio::time::sleep(Duration::from_secs(600)).await;
        for arena in &arenas {
            println!("after {minutes} minutes: {}", Report::of(arena).summary());
        }
    }
}
