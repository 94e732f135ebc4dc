//! The table `outbox`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::DbConnection;
use super::schema::outbox;
use super::types::{Bind, SqlTime, SqlUuid};
use super::{UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::message::{Message, MessageId};

/// Larger than any mail or webhook call.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// The most waiting messages of a kind. More mean that its target was down for long, or that there is a flood.
const MAX_WAITING: i64 = 10_000;

/// When to retry, since some of them may be sent by then.
const FULL_RETRY_AFTER: Seconds = Seconds(60);

/// A message to send now.
pub(crate) struct Taken {
    pub(crate) message: Message,
    /// How often it was taken, including this time.
    pub(crate) attempts: i64,
}

/// A message that was not sent in time.
#[derive(QueryableByName)]
pub(crate) struct GivenUp {
    #[diesel(sql_type = SqlUuid)]
    pub(crate) id: MessageId,
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) attempts: i64,
}

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = SqlUuid)]
    id: MessageId,
    #[diesel(sql_type = Text)]
    payload: String,
    #[diesel(sql_type = SqlTime)]
    created_at: Timestamp,
    #[diesel(sql_type = SqlTime)]
    expires_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
}

impl UnitTx<'_> {
    /// Adds a message. It is only sent if this unit is committed.
    pub fn enqueue(&mut self, message: &Message) -> Result<(), Error> {
        if message.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Error::internal(format!("a message of {} bytes is too large", message.payload.len())));
        }
        let waiting = outbox::table.filter(outbox::kind.eq(message.kind)).order(outbox::due_at).select(outbox::due_at);
        if waiting.offset(MAX_WAITING - 1).first::<Timestamp>(self.0).optional()?.is_some() {
            return Err(Error::Overloaded { retry_after: FULL_RETRY_AFTER });
        }
        let row = (
            outbox::id.eq(Bind(message.id)),
            outbox::kind.eq(message.kind),
            outbox::payload.eq(&message.payload),
            outbox::created_at.eq(Bind(message.created_at)),
            outbox::expires_at.eq(Bind(message.expires_at)),
            outbox::due_at.eq(Bind(message.created_at)),
            outbox::attempts.eq(0),
        );
        diesel::insert_into(outbox::table).values(row).execute(self.0)?;
        Ok(())
    }
}

impl WriteTx<'_> {
    /// Takes the message of a kind that has been due for longest. Until the given time no other instance takes it.
    pub(crate) fn take_message(
        &mut self,
        kind: &'static str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Taken>, Error> {
        let statement = format!(
            "with due as materialized (select id from outbox where kind = $1 and due_at <= $2 and expires_at > $2 \
             order by due_at limit 1{}) \
             update outbox set due_at = $3, attempts = attempts + 1 where id in (select id from due) \
             returning id, payload, created_at, expires_at, attempts",
            self.skip_locked()
        );
        let taken = diesel::sql_query(statement)
            .bind::<Text, _>(kind)
            .bind::<SqlTime, _>(now)
            .bind::<SqlTime, _>(until)
            .get_result::<TakenRow>(self.0)
            .optional()?;
        Ok(taken.map(|row| {
            let TakenRow { id, payload, created_at, expires_at, attempts } = row;
            Taken { message: Message { id, kind, payload, created_at, expires_at }, attempts }
        }))
    }

    /// Deletes a message that was sent, even if another instance has taken it meanwhile.
    pub(crate) fn delete_message(&mut self, id: MessageId) -> Result<(), Error> {
        diesel::delete(outbox::table.find(Bind(id))).execute(self.0)?;
        Ok(())
    }

    /// Deletes all messages.
    pub(crate) fn delete_messages(&mut self) -> Result<(), Error> {
        diesel::delete(outbox::table).execute(self.0)?;
        Ok(())
    }

    /// Puts a message back that could not be sent, unless another instance has taken it meanwhile.
    pub(crate) fn put_back(&mut self, taken: &Taken, due_at: Timestamp) -> Result<(), Error> {
        let message = outbox::table.find(Bind(taken.message.id));
        diesel::update(message.filter(outbox::attempts.eq(taken.attempts)))
            .set(outbox::due_at.eq(Bind(due_at.min(taken.message.expires_at))))
            .execute(self.0)?;
        Ok(())
    }

    /// Deletes at most `batch` expired messages that are not being sent.
    pub(crate) fn give_up_messages(&mut self, batch: i64, now: Timestamp) -> Result<Vec<GivenUp>, Error> {
        let statement = format!(
            "with over as materialized (select id from outbox where expires_at <= $1 and due_at <= $1 \
             order by expires_at limit $2{}) \
             delete from outbox where id in (select id from over) returning id, kind, attempts",
            self.skip_locked()
        );
        let over = diesel::sql_query(statement).bind::<SqlTime, _>(now).bind::<BigInt, _>(batch);
        Ok(over.load(self.0)?)
    }

    /// Skips locked rows. SQLite needs nothing, since a write transaction locks the whole database.
    fn skip_locked(&self) -> &'static str {
        match &self.0 {
            DbConnection::Sqlite(_) => "",
            DbConnection::Postgres(_) => " for update skip locked",
        }
    }
}
