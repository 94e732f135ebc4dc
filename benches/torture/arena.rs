//! One service, and the clients and thieves that use it at the same time.

use std::cell::RefCell;
use std::rc::Rc;

use crate::clock::Clock;
use crate::conduct::CONDUCTS;
use crate::dice::Dice;
use crate::honest::Client;
use crate::law::Law;
use crate::service::Service;
use crate::thief::{KINDS, Theft};

/// How much of it.
#[derive(Clone, Copy)]
pub struct Load {
    /// In seconds of the service.
    pub length: f64,
    pub honest: u64,
    pub thieves_of_a_kind: u64,
    /// Between two logins: a password costs more than a hundred refreshes.
    pub between_logins: f64,
}

pub struct Arena {
    pub name: String,
    pub service: Rc<Service>,
    pub law: Law,
    pub load: Load,
    dice: Dice,
    pub honest: RefCell<Vec<Rc<Client>>>,
    pub thefts: RefCell<Vec<Rc<Theft>>>,
}

impl Arena {
    pub fn new(name: String, service: Service, law: Law, load: Load, dice: Dice) -> Rc<Self> {
        let (honest, thefts) = (RefCell::default(), RefCell::default());
        Rc::new(Self { name, service: Rc::new(service), law, load, dice, honest, thefts })
    }

    /// Runs for its length; what is still under way then is dropped.
    pub async fn torture(self: Rc<Self>) {
        let thefts = KINDS.into_iter().flat_map(|kind| (0..self.load.thieves_of_a_kind).map(move |n| (kind, n)));
        let mut starts_at = self.clock().now();
        let ends_at = starts_at + self.load.length;
        for (kind, number) in thefts {
            starts_at += self.load.between_logins;
            let dice = self.dice.about(&[1, kind as u64, number]);
            let arena = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                arena.clock().until(starts_at).await;
                let theft = Theft::plan(&arena.service, arena.law, kind, number, dice).await;
                arena.thefts.borrow_mut().push(Rc::clone(&theft));
                let owner = Rc::clone(&theft.owner);
                tokio::task::spawn_local(async move { owner.live().await });
                theft.ride(arena.clock(), arena.law, number, dice.about(&[1])).await;
            });
        }
        for number in 0..self.load.honest {
            starts_at += self.load.between_logins;
            tokio::task::spawn_local(Rc::clone(&self).honest(number, starts_at));
        }
        self.clock().until(ends_at).await;
    }

    /// One honest user; logs in again after a log-out.
    async fn honest(self: Rc<Self>, number: u64, starts_at: f64) {
        self.clock().until(starts_at).await;
        let conduct = &CONDUCTS[number as usize % CONDUCTS.len()];
        for life in 0.. {
            let dice = self.dice.about(&[0, number, life]);
            let client = Client::login(&self.service, self.law, conduct, dice).await;
            self.honest.borrow_mut().push(Rc::clone(&client));
            client.live().await;
        }
    }

    fn clock(&self) -> Clock {
        self.service.clock
    }
}
