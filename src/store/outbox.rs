//! The table `outbox`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::connection::DbConnection;
use super::schema::outbox;
use super::types::{DbUuid, SqlUuid};
use super::{UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::id::Id;
use crate::model::message::{Message, MessageId};

/// Larger than a mail or the call of a webhook is.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// So many messages of a kind may wait. Then its target has been out of reach for long, or somebody floods it.
const MAX_WAITING: i64 = 10_000;

/// After this time some of them may be sent.
const FULL_RETRY_AFTER: Seconds = Seconds(60);

/// A message that is to be sent now.
pub(crate) struct Taken {
    pub(crate) message: Message,
    /// How often it has been taken, with this time.
    pub(crate) attempts: i64,
}

/// A message that was not sent in time.
#[derive(QueryableByName)]
pub(crate) struct GivenUp {
    #[diesel(sql_type = SqlUuid)]
    id: DbUuid,
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) attempts: i64,
}

impl GivenUp {
    pub(crate) fn id(&self) -> MessageId {
        Id::from_bytes(self.id.0)
    }
}

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = SqlUuid)]
    id: DbUuid,
    #[diesel(sql_type = Text)]
    payload: String,
    #[diesel(sql_type = BigInt)]
    created_at: i64,
    #[diesel(sql_type = BigInt)]
    expires_at: i64,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
}

impl UnitTx<'_> {
    /// Adds a message: it is sent if this unit becomes durable, and only then.
    pub fn enqueue(&mut self, message: &Message) -> Result<(), Error> {
        if message.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Error::internal(format!("a message of {} bytes is too large", message.payload.len())));
        }
        let waiting = outbox::table.filter(outbox::kind.eq(message.kind)).order(outbox::due_at).select(outbox::due_at);
        if waiting.offset(MAX_WAITING - 1).first::<i64>(self.0).optional()?.is_some() {
            return Err(Error::Overloaded { retry_after: FULL_RETRY_AFTER });
        }
        let row = (
            outbox::id.eq(DbUuid(*message.id.as_bytes())),
            outbox::kind.eq(message.kind),
            outbox::payload.eq(&message.payload),
            outbox::created_at.eq(message.created_at.0),
            outbox::expires_at.eq(message.expires_at.0),
            outbox::due_at.eq(message.created_at.0),
            outbox::attempts.eq(0),
        );
        diesel::insert_into(outbox::table).values(row).execute(self.0)?;
        Ok(())
    }
}

impl WriteTx<'_> {
    /// The message of a kind that has been due for longest, until an instant nobody else's.
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
            .bind::<BigInt, _>(now.0)
            .bind::<BigInt, _>(until.0)
            .get_result::<TakenRow>(self.0)
            .optional()?;
        Ok(taken.map(|row| {
            let (id, payload) = (Id::from_bytes(row.id.0), row.payload);
            let (created_at, expires_at) = (Timestamp(row.created_at), Timestamp(row.expires_at));
            Taken { message: Message { id, kind, payload, created_at, expires_at }, attempts: row.attempts }
        }))
    }

    /// Deletes a message, whoever has it now: it is sent.
    pub(crate) fn delete_message(&mut self, id: MessageId) -> Result<(), Error> {
        diesel::delete(outbox::table.find(DbUuid(*id.as_bytes()))).execute(self.0)?;
        Ok(())
    }

    /// Puts a message back that could not be sent, unless somebody else has taken it meanwhile.
    pub(crate) fn put_back(&mut self, taken: &Taken, due_at: Timestamp) -> Result<(), Error> {
        let message = outbox::table.find(DbUuid(*taken.message.id.as_bytes()));
        diesel::update(message.filter(outbox::attempts.eq(taken.attempts)))
            .set(outbox::due_at.eq(due_at.min(taken.message.expires_at).0))
            .execute(self.0)?;
        Ok(())
    }

    /// Deletes at most `batch` messages that are of no use any more and that nobody is sending.
    pub(crate) fn give_up_messages(&mut self, batch: i64, now: Timestamp) -> Result<Vec<GivenUp>, Error> {
        let statement = format!(
            "with over as materialized (select id from outbox where expires_at <= $1 and due_at <= $1 \
             order by expires_at limit $2{}) \
             delete from outbox where id in (select id from over) returning id, kind, attempts",
            self.skip_locked()
        );
        let over = diesel::sql_query(statement).bind::<BigInt, _>(now.0).bind::<BigInt, _>(batch);
        Ok(over.load(self.0)?)
    }

    /// On SQLite a write transaction has everything to itself.
    fn skip_locked(&self) -> &'static str {
        match &self.0 {
            DbConnection::Sqlite(_) => "",
            DbConnection::Postgres(_) => " for update skip locked",
        }
    }
}
