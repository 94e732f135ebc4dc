//! The table `allowances`: the time until which each allowance is used. Writes here may be lost if the machine loses
//! power, so they do not wait for a disk.

use std::collections::BTreeMap;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt};

use super::connection::DbConnection;
use super::pool::Held;
use super::schema::allowances;
use super::{Patience, ReadTx, Store, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;

/// The most rows. Beyond that, those that are used the least are deleted.
const MAX_ROWS: i64 = 500_000;

/// A request to use one allowance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reservation {
    /// The key of its subject.
    pub(crate) subject: i64,
    /// By how much its use is extended.
    pub(crate) cost: Seconds,
    /// The allowance is used up if it is used for longer than this from now.
    pub(crate) room: Seconds,
    /// If it is used for longer than this from now, a wrong clock has written that, and it is ignored.
    pub(crate) longest: Seconds,
}

/// Takes one round trip and locks rows in order. The setting only applies to this statement.
const RESERVE_POSTGRES: &str = "\
    with quick as materialized (select set_config('synchronous_commit', 'off', true) as is_set), \
    wanted as materialized (select * from unnest(?, ?, ?, ?, ?) as wanted (subject, cost, latest, fresh, wrong)) \
    insert into allowances as known (subject, used_until) \
    select subject, fresh from wanted, quick where is_set is not null order by subject \
    on conflict (subject) do update set used_until = (select case when known.used_until > wrong then fresh \
    else greatest(known.used_until + cost, fresh) end from wanted where wanted.subject = known.subject) \
    where (select known.used_until <= latest or known.used_until > wrong from wanted \
    where wanted.subject = known.subject) \
    returning subject";

const RESERVE_SQLITE: &str = "\
    insert into allowances (subject, used_until) values (?1, ?2) \
    on conflict (subject) do update \
    set used_until = case when used_until > ?5 then ?2 else max(used_until + ?3, ?2) end \
    where used_until <= ?4 or used_until > ?5";

const GIVE_BACK_POSTGRES: &str = "\
    with quick as materialized (select set_config('synchronous_commit', 'off', true) as is_set), \
    given as materialized (select * from unnest(?, ?) as given (subject, cost)), \
    locked as materialized (select known.subject, given.cost from allowances as known join given using (subject), quick \
    where is_set is not null order by known.subject for no key update of known) \
    update allowances as known set used_until = known.used_until - locked.cost \
    from locked where known.subject = locked.subject";

const GIVE_BACK_SQLITE: &str = "update allowances set used_until = used_until - $1 where subject = $2";

/// Rows that have expired, or that only a wrong clock can have written; found with the existing index.
const OF_NO_USE: &str =
    "select subject from allowances where used_until <= $1 or used_until > $2 order by subject limit $3";

/// The other rows that are used the least.
const LEAST_USED: &str =
    "select subject from allowances where used_until > $1 and used_until <= $2 order by used_until limit $3";

/// A statement that each connection prepares once; each `?` is one of the columns that it is given.
struct Statement {
    text: &'static str,
    columns: Vec<Vec<i64>>,
}

impl QueryId for Statement {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = BigInt;
}

impl RunQueryDsl<PgConnection> for Statement {}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut parts = self.text.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        for (column, part) in self.columns.iter().zip(parts) {
            out.push_bind_param::<Array<BigInt>, _>(column)?;
            out.push_sql(part);
        }
        Ok(())
    }
}

impl Store {
    /// Reserves everything or nothing; returns whether it did.
    pub(crate) fn reserve(&self, wanted: &[Reservation], now: Timestamp) -> Result<bool, Error> {
        let reserved = self.write_quickly(|connection| reserve(connection, wanted, now))?;
        if reserved.len() == wanted.len() {
            return Ok(true);
        }
        self.give_back(wanted.iter().filter(|one| reserved.contains(&one.subject)))?;
        Ok(false)
    }

    /// Gives back what was reserved.
    pub(crate) fn give_back<'a>(&self, reserved: impl Iterator<Item = &'a Reservation>) -> Result<(), Error> {
        // In order, each once.
        let mut costs = BTreeMap::<i64, i64>::new();
        for Reservation { subject, cost, .. } in reserved {
            *costs.entry(*subject).or_default() += cost.0;
        }
        // In a transaction, so that nothing is given back twice if the connection dies.
        if costs.is_empty() { Ok(()) } else { self.write_unsynced(|tx| Ok(give_back(tx.0, &costs)?)) }
    }

    /// Runs `work`, which is one statement on PostgreSQL and so its own transaction. If the connection dies, it may run
    /// twice. Behind a pooler, and on SQLite, it runs in an explicit transaction with our settings.
    fn write_quickly<T>(&self, work: impl Fn(&mut DbConnection) -> QueryResult<T>) -> Result<T, Error> {
        if self.batches.is_none() {
            return self.write_unsynced(|tx| Ok(work(tx.0)?));
        }
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let work = |held: &mut Held| Ok(work(held.connection())?);
        Self::with_open(&self.writers, &patience, work).map(|(value, _)| value)
    }
}

/// Returns those that were reserved.
fn reserve(connection: &mut DbConnection, wanted: &[Reservation], now: Timestamp) -> QueryResult<Vec<i64>> {
    let latest = |one: &Reservation| (now + one.room).0;
    let fresh = |one: &Reservation| (now + one.cost).0;
    let wrong = |one: &Reservation| (now + one.longest).0;
    match connection {
        DbConnection::Sqlite(connection) => {
            let mut reserved = Vec::new();
            for one in wanted {
                let rows = diesel::sql_query(RESERVE_SQLITE)
                    .bind::<BigInt, _>(one.subject)
                    .bind::<BigInt, _>(fresh(one))
                    .bind::<BigInt, _>(one.cost.0)
                    .bind::<BigInt, _>(latest(one))
                    .bind::<BigInt, _>(wrong(one))
                    .execute(connection)?;
                reserved.extend((rows > 0).then_some(one.subject));
            }
            Ok(reserved)
        }
        DbConnection::Postgres(connection) => {
            let each = |value: &dyn Fn(&Reservation) -> i64| wanted.iter().map(value).collect();
            let columns =
                vec![each(&|one| one.subject), each(&|one| one.cost.0), each(&latest), each(&fresh), each(&wrong)];
            Statement { text: RESERVE_POSTGRES, columns }.load(connection)
        }
    }
}

fn give_back(connection: &mut DbConnection, costs: &BTreeMap<i64, i64>) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(connection) => {
            for (subject, cost) in costs {
                // SQLite numbers parameters by their first appearance.
                let give = diesel::sql_query(GIVE_BACK_SQLITE).bind::<BigInt, _>(cost);
                give.bind::<BigInt, _>(subject).execute(connection)?;
            }
        }
        DbConnection::Postgres(connection) => {
            let columns = vec![costs.keys().copied().collect(), costs.values().copied().collect()];
            Statement { text: GIVE_BACK_POSTGRES, columns }.execute(connection)?;
        }
    }
    Ok(())
}

impl ReadTx<'_> {
    /// Up to when each is used.
    pub(crate) fn list_used(&mut self, wanted: &[Reservation]) -> Result<BTreeMap<i64, Timestamp>, Error> {
        let mut used = BTreeMap::new();
        for Reservation { subject, .. } in wanted {
            let found = allowances::table.find(subject).select(allowances::used_until);
            used.extend(found.get_result::<i64>(self.0).optional()?.map(|until| (*subject, Timestamp(until))));
        }
        Ok(used)
    }
}

impl WriteTx<'_> {
    /// Deletes up to `batch` rows that expired by `from` or lie after `until`. If too many rows are left, also deletes
    /// up to `batch` of those that expire soonest. Returns how many.
    pub(crate) fn purge_allowances(&mut self, batch: i64, from: Timestamp, until: Timestamp) -> Result<usize, Error> {
        let deleted = self.delete_allowances(OF_NO_USE, from, until, batch)?;
        let excess = allowances::table.count().get_result::<i64>(self.0)? - MAX_ROWS;
        let forgotten =
            if excess > 0 { self.delete_allowances(LEAST_USED, from, until, excess.min(batch))? } else { 0 };
        Ok(deleted + forgotten)
    }

    /// On PostgreSQL rows that are locked by others are skipped.
    fn delete_allowances(
        &mut self,
        which: &str,
        from: Timestamp,
        until: Timestamp,
        limit: i64,
    ) -> Result<usize, Error> {
        let delete = match self.0 {
            DbConnection::Sqlite(_) => format!("delete from allowances where subject in ({which})"),
            DbConnection::Postgres(_) => format!(
                "with gone as materialized ({which} for no key update skip locked) \
                 delete from allowances using gone where allowances.subject = gone.subject"
            ),
        };
        let delete = diesel::sql_query(delete).bind::<BigInt, _>(from.0).bind::<BigInt, _>(until.0);
        Ok(delete.bind::<BigInt, _>(limit).execute(self.0)?)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::config::Config;
    use crate::store::IfMissing;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn store() -> (TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        let config = Config::from_lookup(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let store = Store::open(&config, IfMissing::Create).unwrap();
        store.migrate().unwrap();
        (dir, store)
    }

    /// A use of an allowance of three per minute.
    fn one(subject: i64) -> Reservation {
        Reservation { subject, cost: Seconds(20), room: Seconds(40), longest: Seconds(120) }
    }

    #[test]
    fn all_is_reserved_or_nothing() {
        let (_dir, store) = store();
        for _ in 0..3 {
            assert!(store.reserve(&[one(1), one(2)], NOW).unwrap());
        }
        assert!(!store.reserve(&[one(1), one(3)], NOW).unwrap());
        let used = |subjects: &[i64]| {
            let wanted: Vec<_> = subjects.iter().map(|subject| one(*subject)).collect();
            store.read(|tx| tx.list_used(&wanted)).unwrap()
        };
        assert_eq!(used(&[1, 2, 3, 4]), [(1, NOW + Seconds(60)), (2, NOW + Seconds(60)), (3, NOW)].into());
        store.give_back([one(2), one(1), one(2)].iter()).unwrap();
        assert_eq!(used(&[1, 2]), [(1, NOW + Seconds(40)), (2, NOW + Seconds(20))].into());
        assert!(store.reserve(&[one(1), one(3)], NOW).unwrap());
        assert!(!store.reserve(&[one(1)], NOW + Seconds(19)).unwrap());
        assert!(store.reserve(&[one(1)], NOW + Seconds(20)).unwrap());
    }

    /// Both share a connection and its durability setting.
    #[test]
    fn what_is_written_after_a_reservation_is_durable() {
        #[derive(QueryableByName)]
        struct Synchronous {
            #[diesel(sql_type = BigInt)]
            synchronous: i64,
        }
        let (_dir, store) = store();
        let level = |tx: &mut WriteTx<'_>| {
            let level = diesel::sql_query("pragma synchronous").get_result::<Synchronous>(tx.0)?;
            Ok(level.synchronous)
        };
        let (normal, full) = (1, 2);
        for _ in 0..2 {
            assert_eq!(store.write(level).unwrap(), full);
            assert_eq!(store.write_unsynced(level).unwrap(), normal);
        }
    }
}
