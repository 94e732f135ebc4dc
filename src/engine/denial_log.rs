//! The denials that this instance knows, in the order in which it learned them, and by the second in which they were
//! recorded. Each takes 24 bytes: what those of one second have in common is stored once.

use std::collections::BTreeMap;

use crate::clock::{Seconds, Timestamp};
use crate::model::denial::Denial;
use crate::model::id::{Id, Jti};
use tokensmith_verifier::issuing::DeniedSubject;

/// The number of denials that are told or removed at once, and the most in a block.
pub(super) const AT_ONCE: usize = 1_000;

/// A block: the second of its denials, and the number of its first one.
pub(super) type Place = (Timestamp, u64);

#[derive(Default)]
pub(super) struct DenialLog {
    /// Denials of the same second, with rising numbers.
    blocks: BTreeMap<Place, Block>,
    /// The second of each block, by the number of its first denial.
    seconds: BTreeMap<u64, Timestamp>,
    /// What is denied by more than an id, by number.
    others: BTreeMap<u64, DeniedSubject>,
    /// The block of the last denial.
    open: Option<Place>,
    last: u64,
}

struct Block {
    entries: Vec<Entry>,
    /// No denial of the block expires earlier.
    first_end: Timestamp,
}

struct Entry {
    id: [u8; 16],
    /// The time from the record to the end, in seconds.
    lifetime: u32,
    /// The number, counted from that of the block.
    offset: u16,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Session,
    AccessToken,
    Other,
}

/// A denial's number, its second, and the rest.
type Numbered<'a> = (u64, Timestamp, &'a Entry);

impl Block {
    fn numbered(&self, (at, first): Place) -> impl Iterator<Item = Numbered<'_>> {
        self.entries.iter().map(move |entry| (first + u64::from(entry.offset), at, entry))
    }
}

impl DenialLog {
    /// The number of the last denial.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Adds a denial, with the next number.
    pub(super) fn add(&mut self, denial: Denial) {
        self.last += 1;
        let Denial { subject, denied_at, expires_at } = denial;
        let (kind, id) = match &subject {
            DeniedSubject::Session(id) => (Kind::Session, *id.as_bytes()),
            DeniedSubject::AccessToken(jti) => (Kind::AccessToken, *jti.as_bytes()),
            DeniedSubject::Client(..) | DeniedSubject::User(..) | DeniedSubject::Unknown { .. } => {
                self.others.insert(self.last, subject);
                (Kind::Other, [0; 16])
            }
        };
        let lifetime = u32::try_from((expires_at - denied_at).0.max(0)).unwrap_or(u32::MAX);
        let (place, offset) = self.place(denied_at);
        let block = self.blocks.entry(place).or_insert(Block { entries: Vec::new(), first_end: expires_at });
        block.first_end = block.first_end.min(expires_at);
        block.entries.push(Entry { id, lifetime, offset, kind });
    }

    /// Where the last number belongs: to the open block if that is of the same second and not full, or to a new one.
    fn place(&mut self, at: Timestamp) -> (Place, u16) {
        if let Some(open) = self.open.filter(|open| open.0 == at)
            && let Some(offset) = u16::try_from(self.last - open.1).ok().filter(|offset| usize::from(*offset) < AT_ONCE)
            && self.blocks.contains_key(&open)
        {
            return (open, offset);
        }
        let place = (at, self.last);
        if let Some(full) = self.open.replace(place).and_then(|full| self.blocks.get_mut(&full)) {
            full.entries.shrink_to_fit();
        }
        self.seconds.insert(self.last, at);
        (place, 0)
    }

    /// Removes what has expired from some blocks; returns where to go on, if there are more.
    pub(super) fn forget(&mut self, from: Place, now: Timestamp) -> Option<Place> {
        let (mut seen, mut emptied, mut next) = (0, Vec::new(), None);
        for (place, block) in self.blocks.range_mut(from..) {
            if seen >= AT_ONCE {
                next = Some(*place);
                break;
            }
            seen += 1;
            if block.first_end > now {
                continue;
            }
            seen += block.entries.len();
            let (at, first) = *place;
            let end = |entry: &Entry| at + Seconds(entry.lifetime.into());
            for over in block.entries.iter().filter(|entry| matches!(entry.kind, Kind::Other) && end(entry) <= now) {
                self.others.remove(&(first + u64::from(over.offset)));
            }
            block.entries.retain(|entry| end(entry) > now);
            match block.entries.iter().map(end).min() {
                Some(end) => block.first_end = end,
                None => emptied.push(*place),
            }
            if block.entries.capacity() > 2 * block.entries.len() {
                block.entries.shrink_to_fit();
            }
        }
        for place in emptied {
            self.blocks.remove(&place);
            self.seconds.remove(&place.1);
        }
        next
    }

    /// The first second from a time on in which something was recorded.
    pub(super) fn first(&self, from: Timestamp) -> Option<Timestamp> {
        self.blocks.range((from, 0)..).next().map(|((at, _), _)| *at)
    }

    /// The second of the first denial that is too much, if this many from a time on are told.
    pub(super) fn cut(&self, from: Timestamp, most: usize) -> Option<Timestamp> {
        let mut count = 0;
        self.blocks.range((from, 0)..).find_map(|((at, _), block)| {
            count += block.entries.len();
            (count > most).then_some(*at)
        })
    }

    /// Denials with a higher number, in their order.
    fn after(&self, number: u64) -> impl Iterator<Item = Numbered<'_>> {
        let first = self.seconds.range(..=number).next_back().map_or(0, |(first, _)| *first);
        let places = self.seconds.range(first..).map(|(first, at)| (*at, *first));
        let blocks = places.filter_map(|place| self.blocks.get(&place).map(|block| block.numbered(place)));
        blocks.flatten().skip_while(move |(found, ..)| *found <= number)
    }

    /// Of those with a higher number, the number of the last one if this many are told, and whether there are more.
    pub(super) fn last_after(&self, number: u64, most: usize) -> Option<(u64, bool)> {
        let mut new = self.after(number).map(|(found, ..)| found);
        let last = new.by_ref().take(most).last()?;
        Some((last, new.next().is_some()))
    }

    /// Tells some denials with higher numbers, up to the last one; returns the number after which it goes on.
    pub(super) fn tell_after(&self, number: u64, last: u64, told: &mut Vec<Denial>) -> Option<u64> {
        let mut reached = None;
        for found in self.after(number).take_while(|(found, ..)| *found <= last).take(AT_ONCE) {
            told.extend(self.denial(found));
            reached = Some(found.0);
        }
        reached.filter(|reached| *reached < last)
    }

    /// Tells some denials of a period without its end, except those with a higher number than the last one; returns where
    /// it goes on.
    pub(super) fn tell_of_time(
        &self,
        from: Place,
        until: Timestamp,
        last: u64,
        told: &mut Vec<Denial>,
    ) -> Option<Place> {
        let mut seen = 0;
        for (place, block) in self.blocks.range(from..(until, 0)) {
            if seen >= AT_ONCE {
                return Some(*place);
            }
            seen += block.entries.len();
            let known = block.numbered(*place).take_while(|(number, ..)| *number <= last);
            told.extend(known.filter_map(|found| self.denial(found)));
        }
        None
    }

    fn denial(&self, (number, denied_at, entry): Numbered<'_>) -> Option<Denial> {
        let subject = match entry.kind {
            Kind::Session => DeniedSubject::Session(Id::from_bytes(entry.id)),
            Kind::AccessToken => DeniedSubject::AccessToken(Jti::from_bytes(entry.id)),
            Kind::Other => self.others.get(&number)?.clone(),
        };
        Some(Denial { subject, denied_at, expires_at: denied_at + Seconds(entry.lifetime.into()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_takes_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    fn session(number: u64, denied_at: i64, lifetime: i64) -> Denial {
        let mut id = [0; 16];
        id[8..].copy_from_slice(&number.to_be_bytes());
        let subject = DeniedSubject::Session(Id::from_bytes(id));
        Denial { subject, denied_at: Timestamp(denied_at), expires_at: Timestamp(denied_at + lifetime) }
    }

    fn client(name: &str, denied_at: i64) -> Denial {
        let subject = DeniedSubject::Client(name.into(), Timestamp(denied_at + 61));
        Denial { subject, denied_at: Timestamp(denied_at), expires_at: Timestamp(denied_at + 421) }
    }

    /// Everything with a higher number.
    fn all_after(log: &DenialLog, mut number: u64) -> Vec<Denial> {
        let mut told = Vec::new();
        while let Some(next) = log.tell_after(number, log.last(), &mut told) {
            number = next;
        }
        told
    }

    #[test]
    fn whatever_the_seconds_they_are_told_in_the_order_of_their_numbers_and_by_time() {
        let mut log = DenialLog::default();
        // Each second in turn: a block for each.
        let mixed: Vec<Denial> = (0..2_500)
            .map(|n| {
                if n % 7 == 0 { client(&n.to_string(), 1_000) } else { session(n, 1_000 + (n % 3).cast_signed(), 360) }
            })
            .collect();
        for denial in &mixed {
            log.add(denial.clone());
        }
        assert_eq!(all_after(&log, 0), mixed);
        assert_eq!(all_after(&log, 1_234), mixed[1_234..]);
        assert_eq!((log.last_after(0, 10), log.last_after(2_490, 10)), (Some((10, true)), Some((2_500, false))));
        assert_eq!((log.last_after(2_500, 10), log.first(Timestamp(1_003))), (None, None));
        let mut of_1001 = Vec::new();
        let mut place = Some((Timestamp(1_001), 0));
        while let Some(from) = place {
            place = log.tell_of_time(from, Timestamp(1_002), log.last(), &mut of_1001);
        }
        let expected: Vec<_> = mixed.iter().filter(|denial| denial.denied_at == Timestamp(1_001)).cloned().collect();
        assert_eq!(of_1001, expected);
    }

    #[test]
    fn what_expires_first_goes_first_and_the_numbers_of_the_rest_stay() {
        let mut log = DenialLog::default();
        (0..3_000).for_each(|n| log.add(session(n, 1_000, 100 + (n % 2).cast_signed() * 100)));
        log.add(client("notes-app", 1_000));
        let forget = |log: &mut DenialLog, now| {
            let (mut place, mut rounds) = (Some((Timestamp(0), 0)), 0);
            while let Some(from) = place {
                place = log.forget(from, Timestamp(now));
                rounds += 1;
            }
            rounds
        };
        assert!(forget(&mut log, 1_100) > 1, "not all at once");
        assert_eq!(all_after(&log, 0).len(), 1_501);
        assert_eq!(all_after(&log, 2_998).len(), 2, "the last session, and the client");
        assert_eq!(log.last_after(2_000, 1), Some((2_002, true)));
        forget(&mut log, 1_200);
        assert_eq!(all_after(&log, 0), [client("notes-app", 1_000)]);
        forget(&mut log, 1_421);
        assert!(log.blocks.is_empty() && log.seconds.is_empty() && log.others.is_empty());
        log.add(session(1, 1_000, 500));
        assert_eq!(log.last_after(0, 1), Some((3_002, false)));
    }
}
