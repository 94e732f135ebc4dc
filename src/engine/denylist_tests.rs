//! The pages of the feed, at one instance and across two.

use std::slice;

use super::*;
use crate::model::id::Jti;
use tokensmith_verifier::issuing::DeniedSubject;

fn denial(name: u16, denied_at: i64) -> Denial {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&name.to_be_bytes());
    let subject = DeniedSubject::AccessToken(Jti::from_bytes(bytes));
    Denial { subject, denied_at: Timestamp(denied_at), expires_at: Timestamp(denied_at + 300) }
}

/// Everything that a reader gets who reads to the last page.
fn read_all(denylist: &Denylist, mut since: Option<Cursor>) -> (Vec<Denial>, Cursor) {
    let mut read = Vec::new();
    loop {
        let page = denylist.page(since);
        read.extend(denylist.denied(&page));
        since = Some(page.cursor);
        if !page.more {
            return (read, page.cursor);
        }
    }
}

#[test]
fn a_reader_is_told_each_denial_once_and_in_order() {
    let denylist = Denylist::new([1; 8]);
    let (first, second) = (denial(1, 1_000), denial(2, 1_000));
    denylist.add([first.clone(), first.clone()]);
    let (read, cursor) = read_all(&denylist, None);
    assert_eq!(read, slice::from_ref(&first));
    assert!(denylist.page(Some(cursor)).no_news);
    denylist.add([second.clone(), first]);
    let (read, cursor) = read_all(&denylist, Some(cursor));
    assert_eq!(read, [second]);
    assert!(denylist.page(Some(cursor)).no_news);
}

#[test]
fn more_than_a_page_is_read_to_its_end() {
    let denylist = Denylist::new([1; 8]);
    // The same number in each second.
    let denials: Vec<Denial> = (0..50_001).map(|name| denial(name, 1_000 + i64::from(name) / 7_000)).collect();
    denylist.add(denials.iter().rev().cloned());
    denylist.log().as_of = Some(Timestamp(2_000));
    let first = denylist.page(None);
    assert!(first.more && denylist.denied(&first).len() == 14_000, "whole seconds");
    let (read, cursor) = read_all(&denylist, None);
    assert_eq!(read.len(), denials.len());
    assert_eq!(names(&read), names(&denials));
    assert!(denylist.page(Some(cursor)).no_news);
    // A reader that was up to date then gets this many at once.
    denylist.add((50_001..65_000).map(|name| denial(name, 1_900)));
    denylist.add([denial(65_001, 1_901)]);
    assert_eq!(read_all(&denylist, Some(cursor)).0.len(), 15_000);
}

fn names(denials: &[Denial]) -> std::collections::HashSet<DeniedSubject> {
    denials.iter().map(|denial| denial.subject.clone()).collect()
}

#[test]
fn one_second_with_more_than_a_page_is_still_read_to_its_end() {
    let denylist = Denylist::new([1; 8]);
    denylist.log().as_of = Some(Timestamp(2_000));
    let denials: Vec<Denial> = (0..30_000).map(|name| denial(name, 1_000)).chain([denial(30_000, 1_001)]).collect();
    denylist.add(denials.clone());
    assert_eq!(names(&read_all(&denylist, None).0), names(&denials));
}

#[test]
fn at_another_instance_a_reader_goes_on_by_time_and_misses_nothing() {
    let [one, other] = [[1; 8], [2; 8]].map(Denylist::new);
    one.log().as_of = Some(Timestamp(2_000));
    other.log().as_of = Some(Timestamp(2_001));
    let old = denial(1, 1_900);
    // Recorded by an instance with a slow clock, and not yet known at the first instance.
    let late = denial(2, 1_941);
    one.add([old.clone()]);
    other.add([old, late.clone()]);
    let (_, cursor) = read_all(&one, None);
    let page = other.page(Some(cursor));
    assert_eq!(other.denied(&page), [late]);
    assert!(!page.no_news, "the reader needs a cursor of this instance");
    assert!(other.page(Some(page.cursor)).no_news);
}

#[test]
fn a_reader_who_changes_the_instance_with_every_page_comes_to_the_end_and_misses_nothing() {
    let instances = [[1; 8], [2; 8]].map(Denylist::new);
    let denials: Vec<Denial> = (0..60_000).map(|name| denial(name, 1_000 + i64::from(name) / 1_000)).collect();
    for (denylist, as_of) in instances.iter().zip([5_000, 5_001]) {
        denylist.add(denials.clone());
        denylist.log().as_of = Some(Timestamp(as_of));
    }
    // Known to one instance only: another one has just recorded it with a slow clock.
    let late = denial(60_001, 4_945);
    instances[1].add([late.clone()]);
    let (mut read, mut since) = (Vec::new(), None);
    for turn in 0..20 {
        let denylist = &instances[turn % 2];
        let page = denylist.page(since);
        read.extend(denylist.denied(&page));
        since = Some(page.cursor);
        if !page.more && turn % 2 == 1 {
            break;
        }
    }
    let all = denials.into_iter().chain([late]).collect::<Vec<_>>();
    assert_eq!(names(&read), names(&all));
}

#[test]
fn a_cursor_reads_as_it_prints_and_nothing_else_is_one() {
    let end = Cursor::End { epoch: u64::MAX, number: 7, as_of: Timestamp(1_800_000_000) };
    for cursor in [end, Cursor::From(Timestamp(1_800_000_000))] {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    for text in ["", "g", "1.2", "1.2.3.4", "x.2.3", "1.2.ffffffffffffffff", "-1.2.3", "1..3", "1.2.3 "] {
        assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text:?}");
    }
}

#[test]
fn what_is_over_is_let_go_of_bit_by_bit_and_the_rest_is_still_told() {
    let denylist = Denylist::new([1; 8]);
    denylist.log().as_of = Some(Timestamp(2_000));
    // Expired from 1300 on, and from 1301 on.
    denylist.add((0..5_000).map(|name| denial(name, 1_000 + i64::from(name % 2))));
    assert!(!denylist.log().forget(Timestamp(1_299)));
    assert!(denylist.log().forget(Timestamp(1_300)), "there are more than are removed at once");
    assert_eq!(read_all(&denylist, None).0.len(), 4_000);
    while denylist.log().forget(Timestamp(1_300)) {}
    let (read, _) = read_all(&denylist, None);
    assert_eq!(read.len(), 2_500);
    assert!(read.iter().all(|denial| denial.denied_at == Timestamp(1_001)));
    while denylist.log().forget(Timestamp(1_301)) {}
    let log = denylist.log();
    assert!(log.by_number.is_empty() && log.by_time.is_empty() && log.by_end.is_empty());
}
