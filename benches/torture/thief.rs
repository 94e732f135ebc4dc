//! A thief has a copy of one refresh token and uses the tokens that it gets for it. It loses no messages. It can read
//! `iat` and knows the lifetimes and the windows, so it knows when the owner will refresh.

use std::cell::Cell;
use std::rc::Rc;

use crate::clock::Clock;
use crate::conduct::{Conduct, OWNERS};
use crate::dice::Dice;
use crate::honest::Client;
use crate::law::Law;
use crate::service::{Answer, Place, Service};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Always after the owner, who gets a pair by Rotate; the thief gets the same by Retry.
    Second,
    /// Always before the owner can be due.
    First,
    AtRandom,
    /// After the owner, in the middle of the retry window.
    Middle,
    /// Presents the same copy again and again.
    Clinging,
    /// As `Second`, from the owner's own network with the owner's agent.
    Shadow,
}

pub const KINDS: [Kind; 6] = [Kind::Second, Kind::First, Kind::AtRandom, Kind::Middle, Kind::Clinging, Kind::Shadow];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::First => "first",
            Self::AtRandom => "at random",
            Self::Middle => "the middle of the window",
            Self::Clinging => "the same token again",
            Self::Shadow => "second, the owner's network and agent",
        }
    }

    /// The number of generations after which the thief must have been found, if that is promised. At best it is one
    /// more than the limit. A generation takes one back (of the shared ones five) when the second of the two comes
    /// before a retry is late: by chance where the thief chooses at random, and where an answer was lost or the machine
    /// was slow.
    pub fn max_generations(self, law: &Law) -> Option<i64> {
        let (limit, times) = match self {
            Self::Clinging => return Some(3),
            Self::Second | Self::First | Self::Middle => (law.strange_limit, 3),
            Self::AtRandom => (law.strange_limit, 6),
            Self::Shadow => (law.shared_limit, 4),
        };
        (limit > 0).then_some(times * (limit + 1))
    }

    /// When the thief presents the token that it holds.
    fn strikes_at(self, law: &Law, issued_at: i64, now: f64, mut dice: Dice) -> f64 {
        let issued_at = issued_at as f64;
        let at = match self {
            Self::Second | Self::Clinging | Self::Shadow => issued_at + 0.8 * law.access() + 1.0,
            // No refresh is due before 60 percent, in whole seconds.
            Self::First => issued_at + 0.6 * law.access() - 1.0,
            Self::AtRandom => now + dice.between(law.settle(), law.access()),
            Self::Middle => issued_at + 0.7 * law.access() + law.retry() / 2.0,
        };
        at.max(now)
    }
}

/// A session with its owner and a thief.
pub struct Theft {
    pub kind: Kind,
    pub owner: Rc<Client>,
    /// When the thief presented a token first, and of which generation.
    pub first_use: Cell<Option<(f64, i64)>>,
}

/// How a theft stands.
pub enum Outcome {
    /// The thief has presented nothing, or not before the session's end.
    Waiting,
    /// Not found for this number of generations, which is not too many yet.
    AtLarge(i64),
    Found {
        generations: i64,
        seconds: f64,
    },
    /// The session lives on after a token was judged to be reuse, or the thief has been at large for too long.
    Unfound,
}

impl Theft {
    pub async fn plan(service: &Rc<Service>, law: Law, kind: Kind, number: u64, dice: Dice) -> Rc<Self> {
        let conduct: &'static Conduct = &OWNERS[number as usize % OWNERS.len()];
        let owner = Client::login(service, law, conduct, dice.about(&[0])).await;
        Rc::new(Self { kind, owner, first_use: Cell::new(None) })
    }

    /// Until the thief is found, or was not found in time.
    pub async fn ride(&self, clock: Clock, law: Law, number: u64, mut dice: Dice) {
        let steals_at_generation = 1 + dice.number().rem_euclid(2).cast_signed();
        while self.owner.pair().generation < steals_at_generation {
            clock.pass(0.2).await;
        }
        let place = self.place(number, &mut dice);
        let mut held = self.owner.pair();
        let mut again = false;
        loop {
            let dice = dice.about(&[held.generation.cast_unsigned(), u64::from(again)]);
            let at = if again {
                clock.now() + law.retry() / 3.0
            } else {
                self.kind.strikes_at(&law, held.issued_at, clock.now(), dice)
            };
            clock.until(at).await;
            if self.first_use.get().is_none() {
                self.first_use.set(Some((clock.now(), held.generation)));
            }
            let place = place.unwrap_or_else(|| self.owner.place());
            match self.owner.session.refresh(&held, place, dice, clock.now()).await {
                Answer::Refused(_) => return,
                Answer::Pair(_) if self.kind == Kind::Clinging => again = true,
                Answer::Pair(pair) => held = pair,
                Answer::Nothing | Answer::Unexpected => clock.pass(0.5).await,
            }
            if matches!(self.outcome(&law), Outcome::Unfound) {
                return;
            }
        }
    }

    /// Where the thief's requests come from: for one third the owner's network, for one third another network with the
    /// owner's agent, for one third neither. `None` is wherever the owner is.
    fn place(&self, number: u64, dice: &mut Dice) -> Option<Place> {
        let (owner, network) = (self.owner.place(), dice.number());
        let other = Place { network, agent: 1_000_000 };
        match (self.kind, number / 2 % 3) {
            (Kind::Shadow, _) => None,
            (_, 0) => Some(other),
            (_, 1) => Some(Place { agent: owner.agent, ..other }),
            (_, _) => Some(Place { network: owner.network, ..other }),
        }
    }

    pub fn outcome(&self, law: &Law) -> Outcome {
        let Some((since, from)) = self.first_use.get() else { return Outcome::Waiting };
        let ledger = self.owner.session.ledger.borrow();
        let generations = ledger.newest().0 - from;
        let too_many = self.kind.max_generations(law).is_some_and(|most| generations > most);
        match &ledger.end {
            Some(end) if end.at < since => Outcome::Waiting,
            _ if too_many => Outcome::Unfound,
            Some(end) if ledger.has_ended() => Outcome::Found { generations, seconds: end.at - since },
            Some(_) => Outcome::Unfound,
            None => Outcome::AtLarge(generations),
        }
    }
}
