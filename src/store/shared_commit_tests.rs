//! Units that share a commit: what each is told, and what the database holds.

use std::fs;
use std::path::Path;
use std::thread::{ScopedJoinHandle, scope, yield_now};
use std::time::Duration;

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
    // The first one is not in the queue any more.
    let waiting = || {
        let queue = store.shared_commit.as_ref().unwrap().lock();
        usize::from(queue.led_since.is_some()) + queue.waiting.len()
    };
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
            until_one_leads(&store);
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

fn until_one_leads(store: &Store) {
    loop {
        let queue = store.shared_commit.as_ref().unwrap().lock();
        if queue.led_since.is_some() && queue.waiting.is_empty() {
            return;
        }
        drop(queue);
        yield_now();
    }
}

#[test]
fn a_unit_whose_time_ends_while_it_is_written_learns_what_became_of_it() {
    let (_dir, store) = store();
    let late = Arc::new(Patience::almost_over());
    let (store, late) = (&store, &late);
    scope(|scope| {
        let units = at_once(store, 3, || {
            let first = scope.spawn(|| store.write_shared(|tx| insert(tx, 0)).map(|(number, _)| number));
            until_one_leads(store);
            let late_one = scope.spawn(|| {
                let write = || store.write_shared(|tx| insert(tx, 1)).map(|(number, _)| number);
                Arc::clone(late).spend_on(write)
            });
            while store.shared_commit.as_ref().unwrap().lock().waiting.is_empty() {
                yield_now();
            }
            let time = Arc::clone(late);
            let last = scope.spawn(move || {
                let work = move |tx: &mut UnitTx<'_>| {
                    while !time.left().is_zero() {
                        yield_now();
                    }
                    insert(tx, 2)
                };
                store.write_shared(work).map(|(number, _)| number)
            });
            vec![first, late_one, last]
        });
        let answered: Vec<i64> = units.into_iter().filter_map(|unit| unit.join().unwrap().ok()).collect();
        assert_eq!(answered, written(store));
        assert!(answered.contains(&0) && answered.contains(&2));
    });
}

#[test]
fn the_time_that_the_first_unit_has_waited_does_not_count_for_those_that_have_just_come() {
    let (_dir, store) = store();
    let store = &store;
    scope(|scope| {
        let long = store.write(|_| {
            let started_at = Instant::now();
            let first = scope.spawn(|| store.write_shared(|tx| insert(tx, 0)));
            until_one_leads(store);
            // Almost the whole of its time, which is DEADLINE.
            std::thread::sleep(Duration::from_millis(2_600).saturating_sub(started_at.elapsed()));
            let last = scope.spawn(|| {
                store.write_shared(|tx| {
                    std::thread::sleep(Duration::from_millis(500));
                    insert(tx, 1)
                })
            });
            while store.shared_commit.as_ref().unwrap().lock().waiting.is_empty() {
                yield_now();
            }
            Ok((first, last))
        });
        let (first, last) = long.unwrap();
        // Its own time may be over.
        let _either_way = first.join().unwrap();
        assert_eq!(last.join().unwrap().unwrap().0, 1);
    });
    assert!(written(store).contains(&1));
}

#[test]
fn when_the_thread_that_leads_panics_before_it_has_the_writer_the_next_one_leads() {
    let shared = SharedCommit::default();
    let unit = || {
        let (turns, told) = sync_channel(2);
        let work = |tx: &mut UnitTx<'_>| insert(tx, 1);
        (Box::new(Unit { work: Some(work), outcome: None, patience: Arc::default(), turns }), told)
    };
    let ((first, first_told), (second, second_told)) = (unit(), unit());
    for unit in [first, second] {
        shared.join(unit).unwrap();
    }
    assert!(matches!(first_told.try_recv(), Ok(Turn::Lead)));
    let led = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _leading = Leading::of(&shared);
        panic!("before the writer is free");
    }));
    assert!(led.is_err());
    assert!(matches!(second_told.try_recv(), Ok(Turn::Lead)));
}
