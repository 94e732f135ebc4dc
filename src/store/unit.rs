//! A unit of work: a change, the events that it records and the tokens that it denies, in one transaction.

use std::ops::{Deref, DerefMut};

use super::connection::DbConnection;
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

    /// Denies tokens; returns how many denials are new.
    pub fn deny(&mut self, denials: &[Denial]) -> Result<usize, Error> {
        let new = self.tx.insert_denials(denials)?;
        self.effects.denials.extend_from_slice(denials);
        Ok(new)
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

impl Store {
    /// Runs a unit of work, as [`Store::write`] does; also returns its effects, which are not reported yet.
    pub fn write_unit<T>(&self, work: impl FnOnce(&mut UnitTx<'_>) -> Result<T, Error>) -> Result<(T, Effects), Error> {
        self.write(|tx| {
            let mut unit = UnitTx::new(tx.0);
            let value = work(&mut unit)?;
            let UnitTx { tx: WriteTx(_, has_written, _), effects } = unit;
            tx.1 = has_written;
            Ok((value, effects))
        })
    }
}
