//! Which attempts are allowed, wait or are refused, with a clock that stands still.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::clock::ManualClock;
use crate::engine::limiter::attempt::Account;
use crate::engine::limiter::kinds::{Allowance, Kind, PASSWORD};
use crate::model::id::UserId;

const NOW: Timestamp = Timestamp(1_000_000);

fn unknown(name: &str) -> Account {
    Account::Unknown(name.to_owned())
}

fn attempt(name: &str, ip: &str) -> Attempt {
    Attempt::new(&PASSWORD, Some(&unknown(name)), Some(ip))
}

/// How long the attempt would have to wait. If it is allowed, its charge is given back.
fn wait(limit: &Memory, attempt: &Attempt, now: Timestamp) -> Option<i64> {
    match limit.admit_now(attempt, now) {
        Admission::Charged(_) => None,
        Admission::Refused(Refusal::UsedUp(wait)) => Some(wait.0),
        Admission::Refused(Refusal::Busy) | Admission::Waiting(_) => panic!("others are being looked at"),
    }
}

#[track_caller]
fn admitted(limit: &Memory, attempt: &Attempt, now: Timestamp) -> Charge {
    match limit.admit_now(attempt, now) {
        Admission::Charged(charge) => charge,
        Admission::Waiting(..) => panic!("it waits"),
        Admission::Refused(refusal) => panic!("it is refused: {refusal:?}"),
    }
}

fn fail(limit: &Memory, attempt: &Attempt) {
    admitted(limit, attempt, NOW).failed();
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(3)
}

/// Runs futures that end within seconds.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn ten_failures_in_a_row_then_one_each_30_seconds_for_an_account_from_one_network() {
    let limit = Memory::default();
    for _ in 0..10 {
        fail(&limit, &attempt("ada", "192.0.2.1"));
    }
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW), Some(30));
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1").sparing_the_account(), NOW), Some(30), "also the owner");
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW + Seconds(30)), None);
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.2"), NOW), None, "another network");
    assert_eq!(wait(&limit, &attempt("bob", "192.0.2.1"), NOW), None, "another account");
}

#[test]
fn failures_from_everywhere_stop_strangers_but_not_the_owner() {
    let limit = Memory::default();
    for host in 0..100 {
        assert_eq!(wait(&limit, &attempt("ada", "203.0.113.1"), NOW), None);
        fail(&limit, &attempt("ada", &format!("198.51.100.{host}")));
    }
    let stranger = attempt("ada", "203.0.113.1");
    assert_eq!(wait(&limit, &stranger, NOW), Some(36));
    for _ in 0..10 {
        fail(&limit, &stranger.clone().sparing_the_account());
    }
    assert_eq!(
        wait(&limit, &attempt("ada", "203.0.113.2"), NOW + Seconds(36)),
        None,
        "the owner's mistakes count separately"
    );
}

#[test]
fn one_network_that_tries_many_names_is_stopped() {
    let limit = Memory::default();
    for account in 0..300 {
        fail(&limit, &attempt(&format!("user{account}"), "2001:db8::1"));
    }
    assert_eq!(wait(&limit, &attempt("ada", "2001:db8::ffff"), NOW), Some(2), "its neighbours too");
    assert_eq!(wait(&limit, &attempt("ada", "2001:db8:0:1::1"), NOW), None);
}

#[test]
fn an_account_and_a_name_that_looks_like_its_id_have_nothing_in_common() {
    let limit = Memory::default();
    let id: UserId = "018f3c6e-7d2a-7b11-8c11-5d3f8e2a9b01".parse().unwrap();
    let (account, name) = (Account::Known(id), unknown(&id.to_string()));
    for _ in 0..10 {
        fail(&limit, &Attempt::new(&PASSWORD, Some(&name), Some("192.0.2.1")));
    }
    assert_eq!(wait(&limit, &Attempt::new(&PASSWORD, Some(&name), Some("192.0.2.1")), NOW), Some(30));
    assert_eq!(wait(&limit, &Attempt::new(&PASSWORD, Some(&account), Some("192.0.2.1")), NOW), None);
}

/// For example six digits.
const CODE: Kind = Kind {
    name: "code",
    account_from_network: Allowance::new(3, 60),
    network: Allowance::new(30, 60),
    account: Allowance::new(5, 600),
};

#[test]
fn another_kind_is_counted_apart_and_by_its_own_allowances() {
    let limit = Memory::default();
    let code = |ip: &str| Attempt::new(&CODE, Some(&unknown("ada")), Some(ip));
    for _ in 0..10 {
        fail(&limit, &attempt("ada", "192.0.2.1"));
    }
    for _ in 0..3 {
        fail(&limit, &code("192.0.2.1"));
    }
    assert_eq!(wait(&limit, &code("192.0.2.1"), NOW), Some(60));
    fail(&limit, &code("192.0.2.2"));
    fail(&limit, &code("192.0.2.3"));
    assert_eq!(wait(&limit, &code("192.0.2.4"), NOW), Some(600), "from anywhere");
    assert_eq!(wait(&limit, &code("192.0.2.4").sparing_the_account(), NOW), None);
    fail(&limit, &attempt("ada", "192.0.2.4"));
}

#[test]
fn what_was_used_elsewhere_is_learned() {
    let limit = Memory::default();
    let ada = attempt("ada", "192.0.2.1");
    limit.learn(&ada.subjects()[0], NOW + Seconds(299), NOW);
    assert_eq!(wait(&limit, &ada, NOW), Some(29));
    limit.learn(&ada.subjects()[0], NOW, NOW);
    assert_eq!(wait(&limit, &ada, NOW), Some(29), "what is known here stays");
    limit.learn(&ada.subjects()[0], NOW + Seconds(1_000_000), NOW);
    assert_eq!(wait(&limit, &ada, NOW), Some(30), "by a clock that was wrong");
}

#[test]
fn what_was_no_wrong_guess_costs_nothing() {
    let limit = Memory::default();
    for _ in 0..9 {
        fail(&limit, &attempt("ada", "192.0.2.1"));
    }
    for _ in 0..1_000 {
        drop(admitted(&limit, &attempt("ada", "192.0.2.1"), NOW));
    }
    fail(&limit, &attempt("ada", "192.0.2.1"));
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW), Some(30));
    assert!(limit.locked().pending.is_empty());
}

#[test]
fn those_beyond_the_allowance_wait_only_while_others_are_looked_at() {
    let limit = Memory::default();
    let ada = attempt("ada", "192.0.2.1");
    let mut charges: Vec<Charge> = (0..10).map(|_| admitted(&limit, &ada, NOW)).collect();
    let waiting = |limit: &Memory| matches!(limit.admit_now(&ada, NOW), Admission::Waiting(..));
    assert!(waiting(&limit));
    charges.drain(..9).for_each(Charge::failed);
    assert!(waiting(&limit), "the last one may be right");
    charges.into_iter().for_each(Charge::failed);
    assert!(matches!(limit.admit_now(&ada, NOW), Admission::Refused(Refusal::UsedUp(Seconds(30)))));
}

#[test]
fn one_that_waits_is_let_in_by_a_success_and_refused_after_the_last_failure() {
    let (limit, clock) = (Memory::default(), ManualClock::new(NOW));
    let ada = attempt("ada", "192.0.2.1");
    for succeeds in [true, false] {
        let mut charges: Vec<Charge> = (0..10).map(|_| admitted(&limit, &ada, NOW)).collect();
        let last = charges.pop().unwrap();
        let outcome = run(async {
            let finish = async {
                charges.into_iter().for_each(Charge::failed);
                tokio::time::sleep(Duration::from_millis(20)).await;
                if succeeds { drop(last) } else { last.failed() }
            };
            // Polled first, so that it waits when the others finish.
            tokio::join!(limit.admit(&ada, &clock, deadline()), finish).0.map(drop)
        });
        assert_eq!(outcome, if succeeds { Ok(()) } else { Err(Refusal::UsedUp(Seconds(30))) });
        limit.locked().used.clear();
    }
}

#[test]
fn a_wait_ends_and_one_that_is_given_up_leaves_nothing() {
    let (limit, clock) = (Memory::default(), ManualClock::new(NOW));
    let ada = attempt("ada", "192.0.2.1");
    let charges: Vec<Charge> = (0..10).map(|_| admitted(&limit, &ada, NOW)).collect();
    let waiting = || limit.locked().pending.values().map(|pending| pending.over.receiver_count()).sum::<usize>();
    run(async {
        let given_up = tokio::time::timeout(Duration::from_millis(20), limit.admit(&ada, &clock, deadline())).await;
        assert!(given_up.is_err(), "the client has gone");
        assert_eq!(waiting(), 0);
        assert_eq!(
            limit.admit(&ada, &clock, deadline()).await.map(|_| ()),
            Err(Refusal::Busy),
            "it has not waited for what has failed"
        );
    });
    let receivers: Vec<Admission> = (0..MAX_WAITING).map(|_| limit.admit_now(&ada, NOW)).collect();
    assert!(receivers.iter().all(|one| matches!(one, Admission::Waiting(..))));
    assert!(matches!(limit.admit_now(&ada, NOW), Admission::Refused(Refusal::Busy)), "so many and no more");
    assert!(matches!(limit.admit_now(&attempt("bob", "192.0.2.1"), NOW), Admission::Charged(_)));
    drop((receivers, charges));
    assert_eq!(wait(&limit, &ada, NOW), None, "all was given back");
    assert!(limit.locked().pending.is_empty());
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out_for_as_long() {
    let limit = Memory::default();
    for _ in 0..10 {
        fail(&limit, &attempt("ada", "192.0.2.1"));
    }
    let yesterday = NOW - Seconds(86_400);
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), yesterday), Some(36));
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), yesterday + Seconds(36)), None);
}

/// An attacker with a large network has as many subjects as there is memory.
#[test]
fn a_full_table_forgets_those_who_failed_least() {
    let limit = Memory::default();
    for _ in 0..10 {
        fail(&limit, &attempt("ada", "192.0.2.1"));
    }
    let under_way = admitted(&limit, &attempt("bob", "192.0.2.2"), NOW);
    let mut number = 0_u128;
    while limit.locked().used.len() < MAX_SUBJECTS {
        let network = IpAddr::V6((number << 64).into());
        let one_failure = NOW + Seconds(30);
        let subject = attempt("ada", &network.to_string()).subjects()[0].clone();
        limit.locked().used.insert(subject, one_failure);
        number += 1;
    }
    for number in 0..100 {
        fail(&limit, &attempt(&format!("user{number}"), "192.0.2.4"));
        assert!(limit.locked().used.len() <= MAX_SUBJECTS);
    }
    assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW), Some(30), "the one who was guessed at");
    for _ in 0..10 {
        fail(&limit, &attempt("eve", "192.0.2.3"));
    }
    assert_eq!(wait(&limit, &attempt("eve", "192.0.2.3"), NOW), Some(30), "new ones are counted as well");
    drop(under_way);
    assert!(limit.locked().pending.is_empty());
}
