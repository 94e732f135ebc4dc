//! The results of a run as tables, and the violations.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::arena::Arena;
use crate::honest::Client;
use crate::ledger::{Excuse, Fault, Ledger};
use crate::thief::{KINDS, Kind, Outcome};

/// The number of false log-outs that are reported in full.
const STORIES: usize = 5;

/// Of one arena.
#[derive(Default)]
pub struct Report {
    name: String,
    pub steps: u64,
    unanswered: u64,
    pub faults: BTreeMap<Fault, u64>,
    excused: BTreeMap<Excuse, u64>,
    honest: BTreeMap<&'static str, Honest>,
    thieves: Vec<Thieves>,
    stories: Vec<String>,
}

#[derive(Default)]
struct Honest {
    sessions: u64,
    steps: u64,
    false_logouts: u64,
    excused: u64,
}

struct Thieves {
    kind: Kind,
    max_generations: Option<i64>,
    at_large: Vec<i64>,
    unfound: u64,
    generations: Vec<f64>,
    seconds: Vec<f64>,
}

impl Report {
    pub fn of(arena: &Arena) -> Self {
        let mut report = Self { name: arena.name.clone(), ..Self::default() };
        for client in arena.honest.borrow().iter() {
            report.add_ledger(&client.session.ledger.borrow());
            report.add_honest(client);
        }
        for theft in arena.thefts.borrow().iter() {
            report.add_ledger(&theft.owner.session.ledger.borrow());
            // Until the thief comes, its victim is as honest as any.
            if matches!(theft.outcome(&arena.law), Outcome::Waiting) {
                report.add_honest(&theft.owner);
            }
        }
        report.thieves = KINDS.map(|kind| Thieves::of(arena, kind)).into();
        let must_be_found = report.thieves.iter().filter(|thieves| thieves.max_generations.is_some());
        let unfound = must_be_found.map(|thieves| thieves.unfound).sum();
        report.blame(Fault::Unfound, unfound);
        if report.unanswered * 100 > report.steps || report.steps == 0 {
            report.blame(Fault::Unanswered, report.unanswered.max(1));
        }
        let (sessions, excused) = (report.sum(|row| row.sessions), report.sum(|row| row.excused));
        if excused * 20 > sessions {
            report.blame(Fault::TooSlow, excused);
        }
        report
    }

    fn blame(&mut self, fault: Fault, count: u64) {
        if count > 0 {
            *self.faults.entry(fault).or_default() += count;
        }
    }

    fn add_ledger(&mut self, ledger: &Ledger) {
        self.steps += ledger.steps;
        self.unanswered += ledger.unanswered;
        for (fault, count) in &ledger.faults {
            self.blame(*fault, *count);
        }
    }

    fn add_honest(&mut self, client: &Client) {
        let ledger = client.session.ledger.borrow();
        let row = self.honest.entry(client.conduct.name).or_default();
        row.sessions += 1;
        row.steps += ledger.steps;
        let Some(end) = &ledger.end else { return };
        if let Some(excuse) = end.excuse {
            row.excused += 1;
            *self.excused.entry(excuse).or_default() += 1;
            return;
        }
        row.false_logouts += 1;
        self.blame(Fault::FalseLogout, 1);
        if self.stories.len() < STORIES {
            self.stories.push(format!("{}: {}", client.conduct.name, ledger.story()));
        }
    }

    fn sum(&self, of: fn(&Honest) -> u64) -> u64 {
        self.honest.values().map(of).sum()
    }

    pub fn count(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or_default()
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let found: usize = self.thieves.iter().map(|thieves| thieves.generations.len()).sum();
        let tried: usize = self.thieves.iter().map(Thieves::tried).sum();
        format!(
            "{}: {} steps, {} false log-outs, {} forks; {found} of {tried} thieves found",
            self.name,
            self.steps,
            self.count(Fault::FalseLogout),
            self.count(Fault::Fork)
        )
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n\n| honest clients | sessions | steps | false log-outs | excused |", self.name)?;
        writeln!(f, "|---|---|---|---|---|")?;
        for (name, Honest { sessions, steps, false_logouts, excused }) in &self.honest {
            writeln!(f, "| {name} | {sessions} | {steps} | {false_logouts} | {excused} |")?;
        }
        write!(f, "\n| thief | found | at large (generations at most) | bound, generations | beyond it | ")?;
        writeln!(f, "generations: median, p95, max | seconds: median, p95, max |\n|---|---|---|---|---|---|---|")?;
        for thieves in &self.thieves {
            writeln!(f, "{thieves}")?;
        }
        writeln!(f, "\n{}", self.summary())?;
        for (excuse, count) in &self.excused {
            writeln!(f, "excused: {excuse:?} {count}")?;
        }
        for story in &self.stories {
            writeln!(f, "logged out: {story}")?;
        }
        for (fault, count) in &self.faults {
            writeln!(f, "FAULT: {fault:?} {count}")?;
        }
        Ok(())
    }
}

impl Thieves {
    fn of(arena: &Arena, kind: Kind) -> Self {
        let max_generations = kind.max_generations(&arena.law);
        let (at_large, generations, seconds) = (Vec::new(), Vec::new(), Vec::new());
        let mut thieves = Self { kind, max_generations, at_large, unfound: 0, generations, seconds };
        for theft in arena.thefts.borrow().iter().filter(|theft| theft.kind == kind) {
            match theft.outcome(&arena.law) {
                Outcome::Waiting => {}
                Outcome::AtLarge(generations) => thieves.at_large.push(generations),
                Outcome::Unfound => thieves.unfound += 1,
                Outcome::Found { generations, seconds } => {
                    thieves.generations.push(generations as f64);
                    thieves.seconds.push(seconds);
                }
            }
        }
        thieves.generations.sort_by(f64::total_cmp);
        thieves.seconds.sort_by(f64::total_cmp);
        thieves
    }

    fn tried(&self) -> usize {
        self.generations.len() + self.at_large.len() + self.unfound as usize
    }
}

impl Display for Thieves {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { kind, max_generations, at_large, unfound, generations, seconds } = self;
        let bound = max_generations.map_or("none".to_owned(), |most| most.to_string());
        let longest = at_large.iter().max().map_or(String::new(), |most| format!(" ({most})"));
        let (found, tried, at_large) = (generations.len(), self.tried(), at_large.len());
        let (name, generations, seconds) = (kind.name(), ranks(generations), ranks(seconds));
        write!(
            f,
            "| {name} | {found} of {tried} | {at_large}{longest} | {bound} | {unfound} | {generations} | {seconds} |"
        )
    }
}

fn ranks(sorted: &[f64]) -> String {
    let Some(last) = sorted.len().checked_sub(1) else { return String::new() };
    let rank = |part: f64| sorted[(last as f64 * part).round() as usize];
    format!("{:.0}, {:.0}, {:.0}", rank(0.5), rank(0.95), rank(1.0))
}
