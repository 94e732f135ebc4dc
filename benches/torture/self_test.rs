//! Checks the torture test itself: it must find each wrong judge, and nothing wrong with the right one.

use std::rc::Rc;

use clap::ValueEnum as _;

use crate::arena::{Arena, Load};
use crate::dice::Dice;
use crate::judge::Kind;
use crate::law::Law;
use crate::ledger::Fault;
use crate::report::Report;
use crate::stand_in::{self, SECOND};

/// Long enough for thieves who must be found at the latest moment that is allowed.
const LOAD: Load = Load { length: 200.0, honest: 40, thieves_of_a_kind: 6, between_logins: 0.2 };

/// One for each judge.
pub fn arenas(law: Law, dice: Dice) -> Vec<(Kind, Rc<Arena>)> {
    Kind::value_variants().iter().map(|kind| (*kind, arena(*kind, law, LOAD, dice))).collect()
}

pub fn arena(kind: Kind, law: Law, load: Load, dice: Dice) -> Rc<Arena> {
    let name = format!("stand-in, {kind:?}, {} ms for a second", SECOND.as_millis());
    Arena::new(name, stand_in::start(kind, law), law, load, dice.about(&[kind as u64]))
}

/// Whether the report says what it should of this judge.
pub fn is_as_it_should(kind: Kind, report: &Report) -> bool {
    let fault = match kind {
        Kind::Right => return report.faults.is_empty(),
        Kind::NoWindow | Kind::NoSettle => Fault::FalseLogout,
        Kind::NoReuse => Fault::LivesOn,
        Kind::Sliding => Fault::AfterTheWindow,
        Kind::Fork => Fault::Fork,
        Kind::NoStrangers => Fault::Unfound,
    };
    report.count(fault) > 0
}
