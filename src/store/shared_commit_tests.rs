//! Units that share a commit: what each is told, and what the database holds.

use std::fs;
use std::path::Path;
use std::thread::{ScopedJoinHandle, scope, yield_now};

use diesel::prelude::*;
use diesel::sql_types::BigInt;
use tempfile::TempDir;

use super::*;
use crate::config::Config;
use crate::store::IfMissing;

/// A store with an empty table.
fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("test.db").display());
    let config = Config::from_lookup(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
    let store = Store::open(&config, IfMissing::Create).unwrap();
    store.write(|tx| tx.execute("create table units (number integer)")).unwrap();
    (dir, store)
}

/// The numbers that units have written.
fn written(store: &Store) -> Vec<i64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        number: i64,
    }
    let rows = store.read(|tx| Ok(diesel::sql_query("select number from units order by number").load::<Row>(tx.0)?));
    rows.unwrap().into_iter().map(|row| row.number).collect()
}

/// How many commits the log of the database holds: those of its frames that have the size of the database
/// (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>).
fn commits(dir: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = fs::read(dir.join("test.db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page_size = usize::try_from(number(8)).unwrap();
    log[HEADER..].chunks(FRAME_HEADER + page_size).filter(|frame| frame[4..8] != [0; 4]).count()
}

fn insert(tx: &mut UnitTx<'_>, number: i64) -> Result<i64, Error> {
    tx.execute(&format!("insert into units values ({number})"))?;
    Ok(number)
}

/// Starts threads while the writer is taken, and frees it when all of them wait.
fn at_once<'scope, T>(
    store: &Store,
    count: usize,
    start: impl FnOnce() -> Vec<ScopedJoinHandle<'scope, T>>,
) -> Vec<ScopedJoinHandle<'scope, T>> {
    let waiting = || store.shared_commit.as_ref().unwrap().lock().waiting.len();
    let all_wait = |_: &mut WriteTx<'_>| {
        let started = start();
        while waiting() < count {
            yield_now();
        }
        Ok(started)
    };
    store.write(all_wait).unwrap()
}

#[test]
fn units_that_wait_for_the_writer_share_a_commit_and_one_that_fails_undoes_only_its_own_work() {
    let (dir, store) = store();
    let before = commits(dir.path());
    let unit = |number: i64| {
        store.write_shared(move |tx| {
            insert(tx, number)?;
            if number % 3 == 0 { Err(Error::SessionNotFound) } else { Ok(number) }
        })
    };
    scope(|scope| {
        let units = at_once(&store, 9, || (0..9).map(|number| scope.spawn(move || unit(number))).collect());
        for (number, unit) in units.into_iter().enumerate() {
            match unit.join().unwrap() {
                Ok((value, _no_effects)) => assert_eq!(usize::try_from(value).unwrap(), number),
                Err(error) => assert!(number % 3 == 0 && matches!(error, Error::SessionNotFound), "{number}: {error}"),
            }
        }
    });
    assert_eq!(written(&store), [1, 2, 4, 5, 7, 8]);
    assert_eq!(commits(dir.path()), before + 1);
}

#[test]
fn a_unit_that_panics_undoes_the_whole_commit_and_the_next_unit_is_written() {
    let (_dir, store) = store();
    let unit = |number: i64| {
        store.write_shared(move |tx| {
            insert(tx, number)?;
            assert_ne!(number, 2, "a panic");
            Ok(number)
        })
    };
    scope(|scope| {
        let units = at_once(&store, 4, || (0..4).map(|number| scope.spawn(move || unit(number))).collect());
        let outcomes: Vec<_> = units.into_iter().map(ScopedJoinHandle::join).collect();
        // The thread of the first one has run all of them.
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1);
        for outcome in outcomes.into_iter().flatten() {
            assert!(matches!(outcome, Err(Error::Internal(_))));
        }
    });
    assert!(written(&store).is_empty());
    assert_eq!(store.write_shared(|tx| insert(tx, 5)).unwrap().0, 5);
    assert_eq!(written(&store), [5]);
}

#[test]
fn a_unit_whose_time_is_over_is_not_written_and_stops_no_other() {
    let (_dir, store) = store();
    let unit = |number: i64, patience: Patience| {
        Arc::new(patience).spend_on(|| store.write_shared(move |tx| insert(tx, number)).map(|(number, _)| number))
    };
    scope(|scope| {
        let units = at_once(&store, 2, || {
            let first = scope.spawn(move || unit(0, Patience::default()));
            while store.shared_commit.as_ref().unwrap().lock().waiting.is_empty() {
                yield_now();
            }
            let late = unit(1, Patience::almost_over());
            assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
            vec![first, scope.spawn(move || unit(2, Patience::default()))]
        });
        for unit in units {
            unit.join().unwrap().unwrap();
        }
    });
    assert_eq!(written(&store), [0, 2]);
}
