//! The rule on strangers: its cases one by one, and then every schedule of a small model world with several contexts.

use std::collections::{HashSet, VecDeque};

use super::tests::session;
use super::*;

const WINDOWS: Windows = Windows { settle: Seconds(10), retry: Seconds(90) };
const LIMITS: Limits = Limits { strange: 3, shared: 0 };

/// Two contexts of one key.
const HOME: Context = Context::of_number(1);
const AWAY: Context = Context::of_number(2);

/// Another context, of another key.
const OTHER_KEY: Context = Context::of_number(3 << 48);

/// A row that an instance of this version has written: generation 5 was rotated from home.
fn shared_before(strange: i16, shared: i16) -> Session {
    let sharing = Sharing { generation: 5, context: Some(HOME), mark: Mark::Unmarked, strange, shared };
    Session { sharing, ..session(5, 1_000) }
}

fn judge_with(limits: Limits, row: &Session, generation: i64, context: Option<Context>, age: i64) -> Judgement {
    let rules = Rules { windows: WINDOWS, limits, rotates: true };
    judge(Presented { generation, context, is_bound: false }, Some(row), true, rules, row.rotated_at + Seconds(age))
}

fn retry(row: &Session, context: Context, age: i64) -> Judgement {
    judge_with(LIMITS, row, 5, Some(context), age)
}

/// FAPI 2.0 section 5.3.2.1 item 9: such a client may always ask again.
#[test]
fn no_generation_of_a_client_that_authenticates_is_marked() {
    let row = Session { sharing: Sharing { strange: 3, shared: 30, ..session(4, 0).sharing }, ..session(4, 0) };
    let limits = Limits { strange: 1, shared: 1 };
    let presented = Presented { generation: 4, context: Some(AWAY), is_bound: true };
    let late = row.rotated_at + Seconds(WINDOWS.retry.0 - 1);
    let judged = judge(presented, Some(&row), true, Rules { windows: WINDOWS, limits, rotates: true }, late);
    assert_eq!((judged.verdict, judged.raised), (Verdict::Retry, None));
}

#[test]
fn a_retry_is_late_from_a_ninth_of_the_window_on_or_from_its_settling() {
    for (settle, retry, late) in
        [(10, 90, 10), (0, 90, 10), (0, 91, 11), (0, 1, 1), (30, 90, 30), (7, 54, 7), (0, 0, 0)]
    {
        assert_eq!(
            Windows { settle: Seconds(settle), retry: Seconds(retry) }.late(),
            Seconds(late),
            "{settle} {retry}"
        );
    }
    let row = shared_before(0, 0);
    for (age, raised) in [(0, None), (9, None), (10, Some(Mark::Strange)), (89, Some(Mark::Strange))] {
        let judged = retry(&row, AWAY, age);
        assert_eq!((judged.verdict, judged.raised), (Verdict::Retry, raised), "{age}");
        assert_eq!(judged.sharing == row.sharing, raised.is_none(), "what is not late is not written");
    }
}

#[test]
fn a_late_retry_from_where_the_rotation_came_from_or_from_nowhere_known_is_shared_and_from_elsewhere_strange() {
    let known = shared_before(0, 0);
    let unknown = Session { sharing: Sharing { context: None, ..known.sharing }, ..known };
    let stale = Session { sharing: Sharing { generation: 4, ..known.sharing }, ..known };
    for (row, context, mark) in [
        (&known, Some(HOME), Mark::Shared),
        (&known, Some(AWAY), Mark::Strange),
        (&known, Some(OTHER_KEY), Mark::Shared),
        (&known, None, Mark::Shared),
        (&unknown, Some(AWAY), Mark::Shared),
        (&stale, Some(AWAY), Mark::Shared),
    ] {
        let judged = judge_with(LIMITS, row, 5, context, 30);
        assert_eq!((judged.verdict, judged.raised), (Verdict::Retry, Some(mark)), "{row:?} {context:?}");
        assert_eq!((judged.sharing.generation, judged.sharing.mark), (5, mark));
    }
}

#[test]
fn a_mark_is_raised_once_and_never_goes_down() {
    let mut row = shared_before(0, 0);
    for (context, raised, mark) in [
        (HOME, Some(Mark::Shared), Mark::Shared),
        (HOME, None, Mark::Shared),
        (AWAY, Some(Mark::Strange), Mark::Strange),
        (AWAY, None, Mark::Strange),
        (HOME, None, Mark::Strange),
    ] {
        let judged = retry(&row, context, 30);
        assert_eq!((judged.raised, judged.sharing.mark), (raised, mark));
        row.sharing = judged.sharing;
    }
}

#[test]
fn a_rotation_counts_the_mark_of_the_generation_that_ends_and_no_stale_one() {
    let row = shared_before(1, 7);
    for (generation, mark, counted) in
        [(5, Mark::Strange, (2, 8)), (5, Mark::Shared, (1, 8)), (5, Mark::Unmarked, (0, 2)), (4, Mark::Strange, (0, 2))]
    {
        let row = Session { sharing: Sharing { generation, mark, ..row.sharing }, ..row };
        let judged = judge_with(LIMITS, &row, 6, Some(AWAY), 200);
        let (strange, shared) = counted;
        let expected = Sharing { generation: 6, context: Some(AWAY), mark: Mark::Unmarked, strange, shared };
        assert_eq!((judged.verdict, judged.sharing, judged.raised), (Verdict::Rotate, expected, None));
        let healed = judge_with(LIMITS, &row, 9, Some(AWAY), 0);
        let expected = Sharing { generation: 9, context: Some(AWAY), ..Sharing::default() };
        assert_eq!((healed.verdict, healed.sharing), (Verdict::Heal, expected));
    }
}

#[test]
fn a_session_ends_when_a_limit_is_passed_and_by_that_limit_alone() {
    let [strange_only, shared_only, both, neither] =
        [(3, 0), (0, 3), (3, 3), (0, 0)].map(|(strange, shared)| Limits { strange, shared });
    let ended = Verdict::Reused(EndReason::Shared);
    for (limits, strange, shared, context, verdict) in [
        (strange_only, 2, 9, AWAY, Verdict::Retry),
        (strange_only, 3, 3, AWAY, ended),
        (strange_only, 3, 3, HOME, Verdict::Retry),
        (strange_only, 3, 3, OTHER_KEY, Verdict::Retry),
        (shared_only, 9, 2, AWAY, Verdict::Retry),
        (shared_only, 0, 3, HOME, ended),
        (shared_only, 0, 3, AWAY, ended),
        (shared_only, 0, 3, OTHER_KEY, ended),
        (both, 2, 2, AWAY, Verdict::Retry),
        (both, 0, 3, HOME, ended),
        (neither, i16::MAX, i16::MAX, AWAY, Verdict::Retry),
    ] {
        let row = shared_before(strange, shared);
        assert_eq!(judge_with(limits, &row, 5, Some(context), 30).verdict, verdict, "{limits:?} {strange} {shared}");
        assert_eq!(judge_with(limits, &row, 5, Some(context), 9).verdict, Verdict::Retry, "an early one never ends it");
    }
}

#[test]
fn the_first_stranger_and_the_tenth_shared_generation_are_worth_an_event() {
    for (strange, shared, marked, context, alarming) in [
        (0, 0, Mark::Unmarked, AWAY, true),
        (0, 1, Mark::Shared, AWAY, true),
        (0, 1, Mark::Strange, AWAY, false),
        (1, 1, Mark::Unmarked, AWAY, false),
        (0, 8, Mark::Unmarked, HOME, false),
        (0, 9, Mark::Unmarked, HOME, true),
        (1, 9, Mark::Unmarked, AWAY, true),
        (1, 9, Mark::Shared, AWAY, false),
        (0, 10, Mark::Unmarked, HOME, false),
    ] {
        let mut row = shared_before(strange, shared);
        row.sharing.mark = marked;
        assert_eq!(retry(&row, context, 30).is_alarming, alarming, "{strange} {shared} {marked:?}");
    }
}

/// A session in a small world, with its true history, which is stored independently of the judge.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    /// The index in `AGES` of the live token's age.
    age: usize,
    denied_through: i64,
    sharing: Sharing,
    /// The context that rotated the last generation; `None` if an instance of an older version did.
    rotated_by: Option<Context>,
    /// Whether the last generation has had a late retry, and one from another place.
    is_marked: bool,
    is_strange: bool,
    /// How many earlier generations had one.
    marked: usize,
    strange: usize,
    /// Whether all generations before were strange, and counted.
    only_strange: bool,
}

/// Windows of 1 and 18 seconds: two ages that are early, two that are late, and past the window.
const AGES: [i64; 5] = [0, 1, 2, 17, 18];
const LATE: usize = 2;
const SMALL: Windows = Windows { settle: Seconds(1), retry: Seconds(18) };
const GENERATIONS: i64 = 6;

/// A request, reduced to what matters.
#[derive(Clone, Copy)]
struct Request {
    /// How many generations it is behind the live one.
    behind: i64,
    context: Context,
    /// Whether an instance of an older version handles it.
    old_instance: bool,
}

fn requests() -> impl Iterator<Item = Request> {
    let places = [HOME, AWAY, OTHER_KEY].into_iter();
    let each = |context| {
        // The live one, the previous one, and one that the database does not know.
        [0, 1, -1]
            .into_iter()
            .flat_map(move |behind| [false, true].map(|old_instance| Request { behind, context, old_instance }))
    };
    places.flat_map(each)
}

/// The world after the request, or the reason why the session ended.
fn step(world: World, request: Request, limits: Limits) -> Result<World, EndReason> {
    let now = Timestamp(AGES[world.age]);
    let row = Session { sharing: world.sharing, ..session(world.denied_through, 0) };
    let generation = row.live_generation() - request.behind;
    let presented = Presented { generation, context: Some(request.context), is_bound: false };
    let limits = if request.old_instance { Limits { strange: 0, shared: 0 } } else { limits };
    let judged = judge(presented, Some(&row), true, Rules { windows: SMALL, limits, rotates: true }, now);
    let mut after = world;
    if !request.old_instance {
        after.sharing = judged.sharing;
    }
    let differs = |by: Context| by != request.context && ![by, request.context].contains(&OTHER_KEY);
    match judged.verdict {
        Verdict::Rotate | Verdict::Heal => {
            after.age = 0;
            after.denied_through = presented.generation;
            after.rotated_by = (!request.old_instance).then_some(request.context);
            // The first one has no predecessor that could be retried; a heal forgets, and an older version does not count.
            let is_counted = judged.verdict == Verdict::Rotate && !request.old_instance;
            after.only_strange = world.only_strange && is_counted && (world.is_strange || world.denied_through == 0);
            after.marked += usize::from(world.is_marked);
            after.strange += usize::from(world.is_strange);
            (after.is_marked, after.is_strange) = (false, false);
        }
        Verdict::Retry if world.age >= LATE && !request.old_instance => {
            after.is_marked = true;
            after.is_strange |= world.rotated_by.is_some_and(differs);
        }
        Verdict::Retry | Verdict::Repeat => assert_eq!(after.sharing, world.sharing, "nothing to write"),
        Verdict::Reused(EndReason::Shared) => {
            assert!(!request.old_instance && request.behind == 1 && (LATE..4).contains(&world.age));
            let is_strange = world.rotated_by.is_some_and(differs);
            let [strange, marked] = [world.strange, world.marked].map(|before| before + 1);
            let by_strange = limits.strange > 0 && is_strange && strange > limits.strange as usize;
            let by_shared = limits.shared > 0 && marked > limits.shared as usize;
            assert!(by_strange || by_shared, "{strange} strange, {marked} marked, of {limits:?}");
            return Err(EndReason::Shared);
        }
        Verdict::Reused(reason) => return Err(reason),
        Verdict::Refused(refusal) => panic!("{refusal:?}"),
    }
    if limits.strange > 0 && after.only_strange && after.is_strange {
        assert!(after.strange < limits.strange as usize, "a stranger in every generation is found in time");
    }
    Ok(after)
}

/// Walks through every schedule; returns how many worlds it saw, and how many ends by the rule.
fn explore(limits: Limits) -> (usize, usize) {
    let start = World {
        age: AGES.len() - 1,
        denied_through: 0,
        sharing: Sharing::default(),
        rotated_by: None,
        is_marked: false,
        is_strange: false,
        marked: 0,
        strange: 0,
        only_strange: true,
    };
    let (mut seen, mut queue, mut ends) = (HashSet::from([start]), VecDeque::from([start]), 0);
    while let Some(world) = queue.pop_front() {
        let later = (world.age + 1 < AGES.len()).then_some(Ok(World { age: world.age + 1, ..world }));
        for next in requests().map(|request| step(world, request, limits)).chain(later) {
            match next {
                Ok(next) if next.denied_through <= GENERATIONS && seen.insert(next) => queue.push_back(next),
                Ok(_) => {}
                Err(reason) => ends += usize::from(reason == EndReason::Shared),
            }
        }
    }
    (seen.len(), ends)
}

#[test]
fn no_schedule_ends_a_session_by_a_limit_before_it_is_passed_and_a_constant_stranger_is_found_when_it_is() {
    for (strange, shared) in [(1, 0), (2, 0), (3, 0), (0, 1), (0, 3), (2, 3), (3, 2)] {
        let (worlds, ends) = explore(Limits { strange, shared });
        assert!(worlds > 1_000 && ends > 10, "{strange} {shared}: {worlds} worlds, {ends} ends");
    }
    assert_eq!(explore(Limits { strange: 0, shared: 0 }).1, 0, "off is off");
}
