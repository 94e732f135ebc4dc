//! The table `allowances`: the time until which each allowance is used, by all attempts and by failed ones. Writes here may
//! be lost if the machine loses power, so they do not wait for a disk.

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

/// The use of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// Until when, by all attempts that were allowed and not given back.
    pub(crate) by_all: Timestamp,
    /// Until when, by failures: nothing of this is given back.
    pub(crate) by_failures: Timestamp,
}

/// The outcome of an attempt.
#[derive(Debug)]
pub(crate) struct Settlement {
    /// What was reserved for it.
    pub(crate) reserved: Vec<Reservation>,
    /// When.
    pub(crate) at: Timestamp,
    /// Whether that stays; otherwise it is given back.
    pub(crate) has_failed: bool,
}

/// The change of one row by settlements.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    given: i64,
    failed: i64,
    /// When the last of it was reserved.
    at: i64,
    /// Only a clock that was wrong can have it used for longer than this.
    wrong: i64,
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

/// What failed is used as if nothing else had been let in; what is given back takes nothing of that.
const SETTLE_POSTGRES: &str = "\
    with quick as materialized (select set_config('synchronous_commit', 'off', true) as is_set), \
    settled as materialized (select * from unnest(?, ?, ?, ?, ?) as settled (subject, given, failed, at, wrong)), \
    locked as materialized (select known.subject, settled.given, settled.failed + case when known.failed_until > wrong \
    then at else greatest(known.failed_until, at) end as failed_until \
    from allowances as known join settled using (subject), quick \
    where is_set is not null order by known.subject for no key update of known) \
    update allowances as known set failed_until = locked.failed_until, \
    used_until = greatest(known.used_until - locked.given, locked.failed_until) \
    from locked where known.subject = locked.subject";

const SETTLE_SQLITE: &str = "\
    update allowances set failed_until = settled.failed_until, \
    used_until = max(allowances.used_until - ?2, settled.failed_until) \
    from (select subject, ?3 + case when failed_until > ?5 then ?4 else max(failed_until, ?4) end as failed_until \
    from allowances where subject = ?1) as settled \
    where allowances.subject = settled.subject";

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
        let reserved = wanted.iter().filter(|one| reserved.contains(&one.subject)).copied().collect();
        self.settle([Settlement { reserved, at: now, has_failed: false }].iter())?;
        Ok(false)
    }

    /// Settles what was reserved.
    pub(crate) fn settle<'a>(&self, settlements: impl Iterator<Item = &'a Settlement>) -> Result<(), Error> {
        // In their order, each once.
        let mut changes = BTreeMap::<i64, Change>::new();
        for Settlement { reserved, at, has_failed } in settlements {
            for Reservation { subject, cost, longest, .. } in reserved {
                let change = changes.entry(*subject).or_default();
                let sum = if *has_failed { &mut change.failed } else { &mut change.given };
                *sum += cost.0;
                change.at = change.at.max(at.0);
                change.wrong = change.at + longest.0;
            }
        }
        // In a transaction: if the connection dies it is known whether anything was sent, and nothing is given back twice.
        if changes.is_empty() { Ok(()) } else { self.write_unsynced(|tx| Ok(settle(tx.0, &changes)?)) }
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

fn settle(connection: &mut DbConnection, changes: &BTreeMap<i64, Change>) -> QueryResult<()> {
    match connection {
        DbConnection::Sqlite(connection) => {
            for (subject, Change { given, failed, at, wrong }) in changes {
                diesel::sql_query(SETTLE_SQLITE)
                    .bind::<BigInt, _>(subject)
                    .bind::<BigInt, _>(given)
                    .bind::<BigInt, _>(failed)
                    .bind::<BigInt, _>(at)
                    .bind::<BigInt, _>(wrong)
                    .execute(connection)?;
            }
        }
        DbConnection::Postgres(connection) => {
            let each = |value: fn(&Change) -> i64| changes.values().map(value).collect();
            let subjects = changes.keys().copied().collect();
            let (given, failed) = (each(|one| one.given), each(|one| one.failed));
            let columns = vec![subjects, given, failed, each(|one| one.at), each(|one| one.wrong)];
            Statement { text: SETTLE_POSTGRES, columns }.execute(connection)?;
        }
    }
    Ok(())
}

impl ReadTx<'_> {
    /// What of each is used.
    pub(crate) fn list_used(&mut self, wanted: &[Reservation]) -> Result<BTreeMap<i64, Used>, Error> {
        let mut used = BTreeMap::new();
        for Reservation { subject, .. } in wanted {
            let found = allowances::table.find(subject).select((allowances::used_until, allowances::failed_until));
            let found = found.get_result::<(i64, i64)>(self.0).optional()?;
            used.extend(
                found.map(|(all, failures)| {
                    (*subject, Used { by_all: Timestamp(all), by_failures: Timestamp(failures) })
                }),
            );
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

    /// For how long each is used, by all and by failures.
    fn used(store: &Store, subjects: &[i64]) -> BTreeMap<i64, (i64, i64)> {
        let wanted: Vec<_> = subjects.iter().map(|subject| one(*subject)).collect();
        let used = store.read(|tx| tx.list_used(&wanted)).unwrap();
        let left = |until: Timestamp| (until - NOW).0.max(0);
        used.iter().map(|(subject, used)| (*subject, (left(used.by_all), left(used.by_failures)))).collect()
    }

    fn settle(store: &Store, subjects: &[i64], has_failed: bool) {
        let reserved = subjects.iter().map(|subject| one(*subject)).collect();
        store.settle([Settlement { reserved, at: NOW, has_failed }].iter()).unwrap();
    }

    #[test]
    fn what_is_given_back_takes_nothing_of_what_has_failed() {
        let (_dir, store) = store();
        for _ in 0..3 {
            assert!(store.reserve(&[one(1)], NOW).unwrap());
        }
        settle(&store, &[1, 1], true);
        assert_eq!(used(&store, &[1]), [(1, (60, 40))].into());
        // Also when it is told twice.
        for _ in 0..2 {
            settle(&store, &[1], false);
            assert_eq!(used(&store, &[1]), [(1, (40, 40))].into());
        }
        // By a clock that was wrong.
        store.write(|tx| tx.execute("update allowances set used_until = 2000000, failed_until = 2000000")).unwrap();
        assert!(store.reserve(&[one(1)], NOW).unwrap());
        settle(&store, &[1], true);
        assert_eq!(used(&store, &[1]), [(1, (20, 20))].into());
    }

    #[test]
    fn all_is_reserved_or_nothing() {
        let (_dir, store) = store();
        for _ in 0..3 {
            assert!(store.reserve(&[one(1), one(2)], NOW).unwrap());
        }
        assert!(!store.reserve(&[one(1), one(3)], NOW).unwrap());
        assert_eq!(used(&store, &[1, 2, 3, 4]), [(1, (60, 0)), (2, (60, 0)), (3, (0, 0))].into());
        settle(&store, &[2, 1, 2], false);
        assert_eq!(used(&store, &[1, 2]), [(1, (40, 0)), (2, (20, 0))].into());
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
