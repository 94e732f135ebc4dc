//! A unit of work: a change, the events that it records and the tokens that it denies, in one transaction.

use std::ops::{Deref, DerefMut};

use diesel::connection::TransactionManager as _;

use super::connection::{DbConnection, Transactions};
use super::locks::Locked;
use super::{Store, WriteTx};
use crate::error::Error;
use crate::model::audit::Event;
use crate::model::denial::Denial;

/// The transaction of a unit. It may also record events and deny tokens, and collects them.
pub struct UnitTx<'a> {
    tx: WriteTx<'a>,
    effects: Effects,
}

/// What a unit has recorded and denied, to be reported when it is durable.
#[derive(Debug, Default)]
#[must_use = "the log, the metrics and the denylist in memory must be updated"]
pub struct Effects {
    /// The recorded events.
    pub(crate) events: Vec<Event>,
    /// The denials.
    pub(crate) denials: Vec<Denial>,
}

impl<'a> UnitTx<'a> {
    pub(super) fn new(connection: &'a mut DbConnection) -> Self {
        Self { tx: WriteTx(connection, false, Locked::default()), effects: Effects::default() }
    }

    /// Records an event.
    pub(crate) fn record(&mut self, event: Event) -> Result<(), Error> {
        self.tx.insert_event(&event)?;
        self.effects.events.push(event);
        Ok(())
    }

    /// Runs a part of the unit that is undone alone if it fails, or if it is not to be kept.
    ///
    /// Fails if it cannot be undone; nothing of the unit is written then.
    pub(crate) fn apart<T>(
        &mut self,
        is_kept: bool,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, Error> {
        let (events, denials) = (self.effects.events.len(), self.effects.denials.len());
        Transactions::begin_transaction(self.tx.0)?;
        let done = work(self);
        if is_kept && done.is_ok() {
            Transactions::commit_transaction(self.tx.0)?;
        } else {
            Transactions::rollback_transaction(self.tx.0)?;
            self.effects.events.truncate(events);
            self.effects.denials.truncate(denials);
        }
        Ok(done)
    }

    /// Denies tokens; returns how many denials are new.
    pub fn deny(&mut self, denials: &[Denial]) -> Result<usize, Error> {
        let new = self.tx.insert_denials(denials)?;
        if new < denials.len() {
            let stored = self.tx.as_stored(denials)?;
            self.effects.denials.extend(stored);
        } else {
            self.effects.denials.extend_from_slice(denials);
        }
        Ok(new)
    }

    /// What a statement has recorded and denied by itself.
    pub(super) fn has_told(&mut self, Effects { events, denials }: Effects) {
        self.effects.events.extend(events);
        self.effects.denials.extend(denials);
    }
}

impl<'a> Deref for UnitTx<'a> {
    type Target = WriteTx<'a>;

    fn deref(&self) -> &WriteTx<'a> {
        &self.tx
    }
}

impl<'a> DerefMut for UnitTx<'a> {
    fn deref_mut(&mut self) -> &mut WriteTx<'a> {
        &mut self.tx
    }
}

impl WriteTx<'_> {
    /// Runs a unit of work in this transaction; also returns its effects, which are not reported yet.
    pub(super) fn run_unit<T>(
        &mut self,
        work: impl FnOnce(&mut UnitTx<'_>) -> Result<T, Error>,
    ) -> Result<(T, Effects), Error> {
        let mut unit = UnitTx::new(self.0);
        let value = work(&mut unit)?;
        let UnitTx { tx: WriteTx(_, has_written, _), effects } = unit;
        self.1 |= has_written;
        Ok((value, effects))
    }
}

impl Store {
    /// Runs a unit of work, as [`Store::write`] does; also returns its effects, which are not reported yet.
    pub fn write_unit<T>(&self, work: impl FnOnce(&mut UnitTx<'_>) -> Result<T, Error>) -> Result<(T, Effects), Error> {
        self.write(|tx| tx.run_unit(work))
    }
}
