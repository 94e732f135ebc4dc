//! The true history of one session: every refresh call that reached the service, and its response, even if the client
//! was told that either was lost. Violations are found here.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::clock::whole;
use crate::law::Law;
use crate::service::{Answer, Pair, REUSED};

/// What must never happen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// Two different tokens of one generation, or a generation that refreshed after its successor's successor was there.
    Fork,
    /// A generation that was answered when its retry window had passed.
    AfterTheWindow,
    /// A token was judged to be reuse, and the session lives on.
    LivesOn,
    /// A status that no refresh may get.
    Unexpected,
    /// A client that kept the contract was logged out.
    FalseLogout,
    /// A thief was not found in time.
    Unfound,
    /// More than one call in a hundred got no answer: the service is not there.
    Unanswered,
    /// More than one honest session in twenty had an excuse: the machine is too slow, and the run proves nothing.
    TooSlow,
}

/// Why an honest client's session may have ended nevertheless. In these cases the judge is right: the network, or a
/// machine that stood still, broke the contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Excuse {
    /// The refused call was answered so long after the first call with its token that the retry window may have passed.
    AskedAgainTooLate,
    /// The refused call was under way together with one that had the next token already, and so long after the first call
    /// with its own that the settle window may have passed.
    OvertakenWhileUnderWay,
}

/// The end of a session, as the first refusal tells it.
pub struct End {
    pub at: f64,
    pub code: String,
    pub excuse: Option<Excuse>,
}

struct Call {
    number: u64,
    generation: i64,
    /// When the client let it go.
    under_way_since: f64,
    /// When it came to the service.
    sent_at: f64,
    answered_at: Option<f64>,
}

struct Seen {
    token: Rc<str>,
    issued_at: i64,
    at: f64,
}

pub struct Ledger {
    law: Law,
    /// The calls with the newest generations.
    calls: Vec<Call>,
    /// When each of the newest generations was presented first.
    first_sent: BTreeMap<i64, f64>,
    /// The newest generations, as they were answered first.
    seen: BTreeMap<i64, Seen>,
    pub steps: u64,
    pub unanswered: u64,
    pub faults: HashMap<Fault, u64>,
    pub end: Option<End>,
}

/// The number of stored generations: more than can matter.
const REMEMBERED: i64 = 12;

impl Ledger {
    /// Opened by a login.
    pub fn open(law: Law, pair: &Pair, now: f64) -> Self {
        let (calls, first_sent) = (Vec::new(), BTreeMap::new());
        let seen = Seen { token: Rc::clone(&pair.token), issued_at: pair.issued_at, at: now };
        let seen = BTreeMap::from([(pair.generation, seen)]);
        Self { law, calls, first_sent, seen, steps: 0, unanswered: 0, faults: HashMap::new(), end: None }
    }

    /// The newest generation that was answered, and its token.
    pub fn newest(&self) -> (i64, Rc<str>) {
        let (generation, seen) = self.seen.last_key_value().unwrap();
        (*generation, Rc::clone(&seen.token))
    }

    pub fn has_ended(&self) -> bool {
        self.end.is_some() && !self.faults.contains_key(&Fault::LivesOn)
    }

    /// A call comes to the service; its number.
    pub fn sent(&mut self, generation: i64, under_way_since: f64, now: f64) -> u64 {
        self.steps += 1;
        self.first_sent.entry(generation).or_insert(now);
        self.calls.push(Call { number: self.steps, generation, under_way_since, sent_at: now, answered_at: None });
        self.steps
    }

    pub fn answered(&mut self, number: u64, answer: &Answer, now: f64) {
        // A thief's old call may have been forgotten: it comes too late to excuse or to be excused.
        let Some(call) = self.calls.iter_mut().find(|call| call.number == number) else { return };
        call.answered_at = Some(now);
        let (generation, sent_at) = (call.generation, call.sent_at);
        match answer {
            Answer::Nothing => self.unanswered += 1,
            Answer::Unexpected => self.blame(Fault::Unexpected),
            Answer::Pair(pair) => self.answered_pair(generation, sent_at, pair, now),
            Answer::Refused(code) => self.refused(number, code, now),
        }
    }

    fn refused(&mut self, number: u64, code: &str, now: f64) {
        let excuse = if code == REUSED { self.excuse(number) } else { None };
        match &mut self.end {
            None => self.end = Some(End { at: now, code: code.to_owned(), excuse }),
            // The call that ended the session may be answered after another one that found it ended.
            Some(end) if end.code != REUSED && code == REUSED => {
                (end.code, end.excuse) = (code.to_owned(), excuse);
            }
            Some(_) => {}
        }
    }

    pub fn blame(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    fn answered_pair(&mut self, presented: i64, sent_at: f64, pair: &Pair, now: f64) {
        let forked = self.seen.get(&pair.generation).is_some_and(|seen| seen.token != pair.token);
        let grandchild = self.seen.range(presented + 2..).any(|(_, seen)| seen.at < sent_at);
        if forked || grandchild || ![presented, presented + 1].contains(&pair.generation) {
            self.blame(Fault::Fork);
        }
        let seen = Seen { token: Rc::clone(&pair.token), issued_at: pair.issued_at, at: now };
        self.seen.entry(pair.generation).or_insert(seen);
        let successor = self.seen.get(&(presented + 1));
        if successor.is_some_and(|seen| whole(sent_at) >= seen.issued_at + self.law.retry) {
            self.blame(Fault::AfterTheWindow);
        }
        if self.end.as_ref().is_some_and(|end| end.at < sent_at) {
            self.blame(Fault::LivesOn);
        }
        let (newest, _) = self.newest();
        self.seen.retain(|generation, _| *generation > newest - REMEMBERED);
        self.first_sent.retain(|generation, _| *generation > newest - REMEMBERED);
        self.calls.retain(|call| call.generation > newest - REMEMBERED);
    }

    /// Whether the contract was truly broken for a call that was judged to be reuse. Its generation's successor was made
    /// when the generation was first presented, or later. So long as the call arrived within the windows from then on
    /// (in whole seconds, as the service counts), no right judge could have refused it.
    fn excuse(&self, number: u64) -> Option<Excuse> {
        let refused = self.calls.iter().find(|call| call.number == number)?;
        let successor_since = whole(*self.first_sent.get(&refused.generation)?);
        let (under_way_since, answered_at) = (refused.under_way_since, refused.answered_at?);
        if whole(answered_at) - successor_since >= self.law.retry {
            return Some(Excuse::AskedAgainTooLate);
        }
        let overtaken = self.calls.iter().any(|other| {
            let until = other.answered_at.unwrap_or(answered_at);
            let rotated = whole(until) - successor_since >= self.law.settle;
            other.generation > refused.generation && other.sent_at < answered_at && until > under_way_since && rotated
        });
        overtaken.then_some(Excuse::OvertakenWhileUnderWay)
    }

    /// The calls of the last generations, to find out why a session has ended.
    pub fn story(&self) -> String {
        let Some(end) = &self.end else { return String::new() };
        let (newest, _) = self.newest();
        let relative = |at: f64| format!("{:+.3}", at - end.at);
        let tell = |call: &Call| {
            let answered = call.answered_at.map_or("never".to_owned(), relative);
            format!("generation {}: sent {} answered {answered}", call.generation, relative(call.sent_at))
        };
        let last: Vec<_> = self.calls.iter().filter(|call| call.generation >= newest - 2).map(tell).collect();
        format!("{} at {:.3}: {}", end.code, end.at, last.join("; "))
    }
}
