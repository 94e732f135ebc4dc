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
    denylist.state().as_of = Some(Timestamp(2_000));
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
    denylist.state().as_of = Some(Timestamp(2_000));
    let denials: Vec<Denial> = (0..30_000).map(|name| denial(name, 1_000)).chain([denial(30_000, 1_001)]).collect();
    denylist.add(denials.clone());
    assert_eq!(names(&read_all(&denylist, None).0), names(&denials));
}

#[test]
fn at_another_instance_a_reader_goes_on_by_time_and_misses_nothing() {
    let [one, other] = [[1; 8], [2; 8]].map(Denylist::new);
    one.state().as_of = Some(Timestamp(2_000));
    other.state().as_of = Some(Timestamp(2_001));
    let old = denial(1, 1_900);
    // Recorded by an instance with a slow clock, and not yet known at the first instance.
    let late = denial(2, 1_921);
    one.add([old.clone()]);
    other.add([old, late.clone()]);
    let (_, cursor) = read_all(&one, None);
    let page = other.page(Some(cursor));
    assert_eq!(other.denied(&page), [late]);
    assert!(!page.no_news, "the reader needs a cursor of this instance");
    assert!(other.page(Some(page.cursor)).no_news);
    // The other clock was ahead, whatever that instance knew.
    let Cursor::End(known) = cursor else { panic!("{cursor:?}") };
    let from_ahead = Known { as_of: Timestamp(5_600), ..known };
    assert_eq!(other.denied(&other.page(Some(Cursor::End(from_ahead)))).len(), 1);
}

#[test]
fn a_reader_who_changes_the_instance_with_every_page_comes_to_the_end_and_misses_nothing() {
    let instances = [[1; 8], [2; 8]].map(Denylist::new);
    let denials: Vec<Denial> = (0..60_000).map(|name| denial(name, 1_000 + i64::from(name) / 1_000)).collect();
    for (denylist, as_of) in instances.iter().zip([5_000, 5_001]) {
        denylist.add(denials.clone());
        denylist.state().as_of = Some(Timestamp(as_of));
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
    let known = Known { epoch: u64::MAX, number: 7, as_of: Timestamp(1_800_000_000) };
    let from = |known| Cursor::From(Timestamp(1_800_000_000), known);
    for cursor in [Cursor::End(known), from(None), from(Some(known))] {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    for text in ["", "g", "1.2", "x.2.3", "1.2.ffffffffffffffff", "-1.2.3", "1..3", "1.2.3 ", "1.2.3.4.5"] {
        assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text:?}");
    }
}

#[test]
fn a_burst_of_the_last_minute_has_pages_and_what_becomes_known_meanwhile_is_not_missed() {
    let [one, other] = [[1; 8], [2; 8]].map(Denylist::new);
    // 2000 in each second, up to now.
    let denials: Vec<Denial> = (0..60_000).map(|name| denial(name, 1_970 + i64::from(name) / 2_000)).collect();
    for denylist in [&one, &other] {
        denylist.add(denials.clone());
        denylist.state().as_of = Some(Timestamp(2_000));
    }
    let first = one.page(None);
    assert!(first.more && one.denied(&first).len() == 20_000);
    // Recorded in a second of the first page.
    let late = denial(60_001, 1_971);
    one.add([late.clone()]);
    other.add([late.clone()]);
    let (rest, end) = read_all(&one, Some(first.cursor));
    assert_eq!(rest.len(), 40_000);
    assert_eq!(read_all(&one, Some(end)).0, slice::from_ref(&late));
    // A reader that gets each page from the other instance.
    let (mut read, mut cursor) = (one.denied(&first), first.cursor);
    for turn in 0..7 {
        let denylist = [&other, &one][turn % 2];
        let page = denylist.page(Some(cursor));
        assert_eq!(page.more, turn != 1 && turn < 5, "{turn}");
        assert!(page.as_of <= Timestamp(2_000));
        read.extend(denylist.denied(&page));
        cursor = page.cursor;
    }
    assert_eq!(names(&read), names(&[denials, vec![late]].concat()));
}

#[test]
fn a_reader_that_is_far_behind_gets_pages_and_nothing_twice() {
    let denylist = Denylist::new([1; 8]);
    denylist.state().as_of = Some(Timestamp(2_000));
    denylist.add([denial(1, 1_900)]);
    let (_, cursor) = read_all(&denylist, None);
    let denials: Vec<Denial> = (2..50_002).map(|name| denial(name, 1_990)).collect();
    denylist.add(denials.clone());
    let page = denylist.page(Some(cursor));
    assert!(page.more && denylist.denied(&page) == denials[..20_000]);
    assert_eq!(read_all(&denylist, Some(page.cursor)).0, denials[20_000..]);
}

#[test]
fn a_cache_may_keep_only_what_leads_its_readers_on() {
    let [one, other] = [[1; 8], [2; 8]].map(Denylist::new);
    for denylist in [&one, &other] {
        denylist.state().as_of = Some(Timestamp(2_000));
        denylist.add([denial(1, 1_900)]);
    }
    let first = one.page(None);
    assert!(first.leads_on && !one.page(Some(first.cursor)).leads_on, "that there is no news must not be kept");
    one.add([denial(2, 2_000)]);
    assert!(one.page(Some(first.cursor)).leads_on);
    // Two instances that take turns could send readers back and forth between two kept pages.
    assert!(!other.page(Some(first.cursor)).leads_on);
}

#[test]
fn pages_of_the_same_seconds_differ_for_readers_that_go_back_to_different_places() {
    let denylist = Denylist::new([1; 8]);
    let denials: Vec<Denial> = (0..50_000).map(|name| denial(name, 1_990 + i64::from(name) / 10_000)).collect();
    denylist.add(denials);
    denylist.state().as_of = Some(Timestamp(2_000));
    let first = denylist.page(None);
    denylist.add([denial(50_001, 1_994)]);
    let second = denylist.page(Some(first.cursor));
    // One that began only now.
    let second_of_another = denylist.page(Some(denylist.page(None).cursor));
    assert_eq!((second.range, second.last), (second_of_another.range, second_of_another.last));
    assert!(!second.tells_the_same_as(&second_of_another));
    assert!(second.tells_the_same_as(&denylist.page(Some(first.cursor))));
}
