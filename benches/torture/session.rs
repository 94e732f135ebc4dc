//! A session under torture: all its calls go through here, its owner's and a thief's.

use std::cell::RefCell;
use std::rc::Rc;

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::service::{Answer, Pair, Place, REUSED, Service};

pub struct Session {
    service: Rc<Service>,
    pub ledger: RefCell<Ledger>,
}

impl Session {
    pub fn new(service: Rc<Service>, ledger: Ledger) -> Self {
        Self { service, ledger: RefCell::new(ledger) }
    }

    /// One step. If it was judged to be reuse, the newest token is presented as well and must be refused.
    pub async fn refresh(&self, pair: &Pair, place: Place, dice: Dice, under_way_since: f64) -> Answer {
        let answer = self.call(pair.generation, &pair.token, place, dice, under_way_since).await;
        if matches!(&answer, Answer::Refused(code) if code == REUSED) {
            let (generation, token) = self.ledger.borrow().newest();
            self.call(generation, &token, place, dice.about(&[1]), self.service.clock.now()).await;
        }
        answer
    }

    async fn call(&self, generation: i64, token: &str, place: Place, dice: Dice, under_way_since: f64) -> Answer {
        let clock = self.service.clock;
        let number = self.ledger.borrow_mut().sent(generation, under_way_since, clock.now());
        let answer = self.service.refresh(token, place, dice).await;
        self.ledger.borrow_mut().answered(number, &answer, clock.now());
        answer
    }
}
