//! An honest client, which follows three rules: refresh after `refresh_after`; if there is no response, retry with the
//! same token within the retry window; of two pairs keep the one with the higher generation. Its tabs share only the
//! pair: each refreshes by itself, and learns only from the pair that another one was faster.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::clock::Clock;
use crate::conduct::{Conduct, Fate, Network};
use crate::dice::Dice;
use crate::law::Law;
use crate::ledger::Ledger;
use crate::service::{Answer, Pair, Place, Service};
use crate::session::Session;

pub struct Client {
    pub session: Session,
    pub conduct: &'static Conduct,
    clock: Clock,
    law: Law,
    dice: Dice,
    held: RefCell<Held>,
    place: Cell<Place>,
    over: Cell<bool>,
}

#[derive(Clone)]
struct Held {
    pair: Pair,
    since: f64,
    refresh_at: f64,
}

/// What makes a tab refresh.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Due,
    Reloaded,
    Restored,
}

impl Client {
    /// Logs in, as often as it takes.
    pub async fn login(service: &Rc<Service>, law: Law, conduct: &'static Conduct, mut dice: Dice) -> Rc<Self> {
        let place = Place { network: dice.number(), agent: dice.number() % 1_000 };
        let clock = service.clock;
        let pair = loop {
            match service.login(place, dice).await {
                Some(pair) => break pair,
                None => clock.pass(1.0).await,
            }
        };
        let now = clock.now();
        let session = Session::new(Rc::clone(service), Ledger::open(law, &pair, now));
        let held = RefCell::new(Held { refresh_at: now + pair.refresh_after, since: now, pair });
        let (place, over) = (Cell::new(place), Cell::new(false));
        Rc::new(Self { session, conduct, clock, law, dice, held, place, over })
    }

    /// Until it is refused.
    pub async fn live(self: &Rc<Self>) {
        let tab = |number| tokio::task::spawn_local(Rc::clone(self).tab(number));
        let tabs: Vec<_> = (0..self.conduct.tabs).map(tab).collect();
        for tab in tabs {
            tab.await.unwrap();
        }
    }

    /// What a thief copies.
    pub fn pair(&self) -> Pair {
        self.held.borrow().pair.clone()
    }

    pub fn place(&self) -> Place {
        self.place.get()
    }

    fn generation(&self) -> i64 {
        self.held.borrow().pair.generation
    }

    async fn tab(self: Rc<Self>, tab: u64) {
        let mut loaded_at_generation = 0;
        while !self.over.get() {
            let held = self.held.borrow().clone();
            let generation = held.pair.generation;
            let may_load = generation > loaded_at_generation;
            let (cause, at) = self.plan(tab, &held, may_load);
            self.clock.until(at).await;
            // Another tab was faster; a page that is loaded does not know that.
            if cause != Cause::Restored && (self.generation() > generation || self.over.get()) {
                continue;
            }
            // A late answer with the same generation puts it off.
            if cause == Cause::Due && self.held.borrow().refresh_at > self.clock.now() {
                continue;
            }
            if cause != Cause::Due {
                loaded_at_generation = generation;
            }
            self.refresh(tab, cause).await;
        }
    }

    /// When this tab refreshes next, and why.
    fn plan(&self, tab: u64, held: &Held, may_load: bool) -> (Cause, f64) {
        let generation = held.pair.generation.cast_unsigned();
        let mut together = self.dice.about(&[generation]);
        let mut alone = self.dice.about(&[generation, tab, 0]);
        // Half of the time all tabs at the same instant.
        let later = if alone.chance(500) { 0.0 } else { alone.between(0.0, self.conduct.later) };
        let due = (Cause::Due, held.refresh_at + later);
        let (reloaded, reload_in) = (alone.chance(self.conduct.reloaded), alone.between(0.0, self.law.retry() / 2.0));
        let (restored, restore_in) = (together.chance(self.conduct.restored), together.number() % 3);
        // The settle window ends up to a second early: whole seconds are counted. So what it has to cover happens within
        // one of them, and what it need not cover begins a second after it.
        let reload = held.since + self.law.settle() + 1.0 + reload_in;
        let restore = held.since.floor() + self.law.settle() + 2.0 + restore_in as f64 + 0.02 + 0.1 * tab as f64;
        let restored = restored && restore >= self.clock.now();
        let loads = [(restored, (Cause::Restored, restore)), (reloaded, (Cause::Reloaded, reload))];
        let loads = loads.into_iter().filter_map(|(happens, load)| (happens && may_load).then_some(load));
        loads.chain([due]).min_by(|one, other| one.1.total_cmp(&other.1)).unwrap()
    }

    /// Asks until there is an answer. Gives up in time; the page asks again when it is used again.
    async fn refresh(self: &Rc<Self>, tab: u64, cause: Cause) {
        let pair = self.pair();
        let patience = self.law.retry() / 12.0;
        let give_up_at = self.clock.now() + self.law.give_up_after();
        let about = |attempt| self.dice.about(&[pair.generation.cast_unsigned(), tab, 1, cause as u64, attempt]);
        for attempt in 0.. {
            let mut dice = about(attempt);
            self.move_about(dice.about(&[3]));
            let call = self.call(&pair, cause, give_up_at, dice.about(&[0]));
            if dice.chance(self.conduct.doubled) {
                self.call(&pair, cause, give_up_at, dice.about(&[1]));
            }
            let answered = tokio::time::timeout(self.clock.real(patience), call).await;
            let done = self.over.get() || self.generation() > pair.generation;
            if done || matches!(answered, Ok(Ok(true))) {
                return;
            }
            self.clock.pass(patience / 2.0).await;
            if self.over.get() || self.generation() > pair.generation {
                return;
            }
            if self.clock.now() > give_up_at {
                self.clock.pass(dice.between(0.5, 2.0)).await;
                return;
            }
        }
    }

    fn move_about(&self, mut dice: Dice) {
        let mut place = self.place.get();
        if matches!(self.conduct.network, Network::Changes(permille) if dice.chance(permille)) {
            place.network = dice.number();
        }
        if dice.chance(self.conduct.other_agent) {
            place.agent += 1_000;
        }
        self.place.set(place);
    }

    /// One call, which goes on when the tab has lost its patience. Whether it was answered.
    fn call(
        self: &Rc<Self>,
        pair: &Pair,
        cause: Cause,
        give_up_at: f64,
        mut dice: Dice,
    ) -> tokio::task::JoinHandle<bool> {
        let (client, pair) = (Rc::clone(self), pair.clone());
        let fate = self.conduct.fate(&self.law, cause == Cause::Restored, dice.about(&[2]));
        let place = match self.conduct.network {
            Network::EachRequest => Place { network: dice.number(), ..self.place.get() },
            Network::Home | Network::Changes(_) => self.place.get(),
        };
        tokio::task::spawn_local(async move {
            let Fate { request_lost, request_takes, answer_lost, answer_takes } = fate;
            let never = client.law.retry();
            if request_lost {
                client.clock.pass(never).await;
                return false;
            }
            let under_way_since = client.clock.now();
            client.clock.until(give_up_at.min(under_way_since + request_takes)).await;
            let answer = client.session.refresh(&pair, place, dice, under_way_since).await;
            if answer_lost {
                client.clock.pass(never).await;
                return false;
            }
            client.clock.pass(answer_takes).await;
            client.take(answer)
        })
    }

    fn take(&self, answer: Answer) -> bool {
        match answer {
            Answer::Nothing | Answer::Unexpected => return false,
            Answer::Refused(_) => self.over.set(true),
            Answer::Pair(pair) => {
                let mut held = self.held.borrow_mut();
                let now = self.clock.now();
                if pair.generation >= held.pair.generation {
                    let since = if pair.generation > held.pair.generation { now } else { held.since };
                    *held = Held { refresh_at: now + pair.refresh_after, since, pair };
                }
            }
        }
        true
    }
}
