//! The pages of the feed, at one instance and across two.

use super::*;
use crate::model::denied_set::DeniedSubject;
use crate::model::id::Jti;

fn denial(name: u16, denied_at: i64) -> Denial {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&name.to_be_bytes());
    let subject = DeniedSubject::AccessToken(Jti::from_bytes(bytes));
    Denial { subject, denied_at: Timestamp(denied_at), expires_at: Timestamp(denied_at + 300) }
}

/// Everything that a reader is told who goes on until there is no more.
fn read_all(denylist: &Denylist, mut since: Option<Cursor>) -> (Vec<Denial>, Cursor) {
    let mut read = Vec::new();
    loop {
        let page = denylist.page(since);
        read.extend(page.denied);
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
    denylist.add([first, first]);
    let (read, cursor) = read_all(&denylist, None);
    assert_eq!(read, [first]);
    assert!(denylist.page(Some(cursor)).no_news);
    denylist.add([second, first]);
    let (read, cursor) = read_all(&denylist, Some(cursor));
    assert_eq!(read, [second]);
    assert!(denylist.page(Some(cursor)).no_news);
}

#[test]
fn more_than_a_page_is_read_to_its_end() {
    let denylist = Denylist::new([1; 8]);
    let denials: Vec<Denial> = (0..12_001).map(|name| denial(name, 1_000)).collect();
    denylist.add(denials.clone());
    assert_eq!(denylist.page(None).denied.len(), PAGE);
    assert_eq!(read_all(&denylist, None).0, denials);
}

#[test]
fn at_another_instance_a_reader_goes_on_by_time_and_misses_nothing() {
    let [one, other] = [[1; 8], [2; 8]].map(Denylist::new);
    one.log().as_of = Some(Timestamp(2_000));
    other.log().as_of = Some(Timestamp(2_001));
    let old = denial(1, 1_900);
    // Recorded by an instance with a slow clock, and not yet known at the first.
    let late = denial(2, 1_941);
    one.add([old]);
    other.add([old, late]);
    let (_, cursor) = read_all(&one, None);
    let page = other.page(Some(cursor));
    assert_eq!(page.denied, [late]);
    assert!(!page.no_news, "the reader needs a cursor of this instance");
    assert!(other.page(Some(page.cursor)).no_news);
}

#[test]
fn a_reader_who_changes_the_instance_between_two_pages_misses_nothing() {
    let [one, other] = [[1; 8], [2; 8]].map(Denylist::new);
    let denials: Vec<Denial> = (0..6_000).map(|name| denial(name, 1_000)).collect();
    for denylist in [&one, &other] {
        denylist.add(denials.clone());
        denylist.log().as_of = Some(Timestamp(5_000));
    }
    let first_page = one.page(None);
    assert!(first_page.more);
    assert_eq!(read_all(&other, Some(first_page.cursor)).0, denials);
}

#[test]
fn a_cursor_reads_as_it_prints_and_nothing_else_is_one() {
    let cursor = Cursor { epoch: u64::MAX, number: 7, as_of: Timestamp(1_800_000_000) };
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for text in ["", "1", "1.2", "1.2.3.4", "x.2.3", "1.2.ffffffffffffffff", "-1.2.3", "1..3", "1.2.3 "] {
        assert_eq!(text.parse::<Cursor>(), Err(BadCursor), "{text:?}");
    }
}
