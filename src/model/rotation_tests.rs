//! The judge's table row by row, and then every schedule of a small model world.

use std::collections::{HashSet, VecDeque};

use super::*;
use crate::model::id::Id;
use crate::model::session::End;

const WINDOWS: Windows = Windows { settle: Seconds(10), retry: Seconds(90) };
const STRICT: Windows = Windows { settle: Seconds::ZERO, retry: Seconds::ZERO };
const LIMITS: Limits = Limits { strange: 3, shared: 0 };

/// The context of requests, unless a test says otherwise.
const HOME: Context = Context::of_number(1);

/// From home, for an active user.
fn judge_at_home(generation: i64, session: Option<&Session>, windows: Windows, now: Timestamp) -> Judgement {
    judge(
        Presented { generation, context: Some(HOME), is_bound: false },
        session,
        true,
        Rules { windows, limits: LIMITS, rotates: true },
        now,
    )
}

pub(super) fn session(denied_through: i64, rotated_at: i64) -> Session {
    Session {
        id: Id::from_bytes([1; 16]),
        user_id: Id::from_bytes([2; 16]),
        created_at: Timestamp(0),
        authenticated_at: None,
        expires_at: Timestamp(10_000_000),
        denied_through,
        rotated_at: Timestamp(rotated_at),
        refresh_expires_at: Timestamp(1_000_000),
        access_expires_by: Timestamp(1_000_000),
        sharing: Sharing::default(),
        end: None,
    }
}

fn verdict(presented: i64, denied_through: i64, age: i64) -> Verdict {
    judge_at_home(presented, Some(&session(denied_through, 1_000)), WINDOWS, Timestamp(1_000 + age)).verdict
}

#[test]
fn the_first_token_rotates_at_once() {
    assert_eq!(verdict(1, 0, 0), Verdict::Rotate);
}

#[test]
fn the_live_token_repeats_until_it_has_settled_then_rotates() {
    assert_eq!(verdict(6, 5, 0), Verdict::Repeat);
    assert_eq!(verdict(6, 5, 9), Verdict::Repeat);
    assert_eq!(verdict(6, 5, 10), Verdict::Rotate);
    assert_eq!(verdict(6, 5, 1_000_000), Verdict::Rotate);
}

#[test]
fn the_previous_token_is_answered_until_its_retry_window_ends() {
    assert_eq!(verdict(5, 5, 0), Verdict::Retry);
    assert_eq!(verdict(5, 5, 30), Verdict::Retry, "FAPI 2.0: the previous token works 30 seconds later");
    assert_eq!(verdict(5, 5, 89), Verdict::Retry);
    assert_eq!(verdict(5, 5, 90), Verdict::Reused(EndReason::Reuse));
}

#[test]
fn an_older_token_is_reuse_at_any_age() {
    assert_eq!(verdict(4, 5, 0), Verdict::Reused(EndReason::Reuse));
    assert_eq!(verdict(1, 5, 0), Verdict::Reused(EndReason::Reuse));
    assert_eq!(verdict(0, 5, 0), Verdict::Reused(EndReason::Reuse));
    assert_eq!(verdict(-1, 0, 0), Verdict::Reused(EndReason::Reuse));
}

#[test]
fn where_tokens_are_kept_the_live_one_repeats_at_any_age_and_all_others_are_judged_as_always() {
    let kept = |presented: i64, denied_through: i64, age: i64| {
        let presented = Presented { generation: presented, context: Some(HOME), is_bound: false };
        let rules = Rules { windows: WINDOWS, limits: LIMITS, rotates: false };
        let row = session(denied_through, 1_000);
        judge(presented, Some(&row), true, rules, Timestamp(1_000 + age))
    };
    for age in [0, 10, 90, 100_000] {
        for live in [1, 6] {
            let judgement = kept(live, live - 1, age);
            assert_eq!(judgement.verdict, Verdict::Repeat);
            assert_eq!((judgement.verdict.new_mark(live), judgement.sharing), (None, Sharing::default()), "no write");
        }
        for (presented, denied_through) in [(5, 5), (4, 5), (0, 0), (7, 5)] {
            assert_eq!(kept(presented, denied_through, age).verdict, verdict(presented, denied_through, age));
        }
    }
    let ended = Session { end: Some(End { at: Timestamp(1), reason: EndReason::Logout }), ..session(0, 1_000) };
    let presented = Presented { generation: 1, context: None, is_bound: false };
    let rules = Rules { windows: WINDOWS, limits: LIMITS, rotates: false };
    let judgement = judge(presented, Some(&ended), true, rules, Timestamp(1_000));
    assert_eq!(judgement.verdict, Verdict::Refused(Refusal::Ended(EndReason::Logout)));
}

#[test]
fn a_generation_the_database_forgot_heals_the_mark() {
    assert_eq!(verdict(8, 5, 0), Verdict::Heal);
    assert_eq!(Verdict::Heal.new_mark(8), Some(8));
    assert_eq!(verdict(7, 8, 90), Verdict::Reused(EndReason::Reuse), "a thief's older token after the heal");
}

#[test]
fn strict_windows_forgive_nothing() {
    let session = session(5, 1_000);
    let strict = |presented| judge_at_home(presented, Some(&session), STRICT, Timestamp(1_000)).verdict;
    assert_eq!(strict(6), Verdict::Rotate);
    assert_eq!(strict(5), Verdict::Reused(EndReason::Reuse));
}

#[test]
fn a_rotation_by_an_instance_whose_clock_is_ahead_still_counts_as_young() {
    assert_eq!(verdict(6, 5, -3), Verdict::Repeat);
    assert_eq!(verdict(5, 5, -3), Verdict::Retry);
}

#[test]
fn a_session_that_is_over_refuses_every_generation_and_says_why() {
    let (live, ended) = (
        session(5, 1_000),
        Session { end: Some(End { at: Timestamp(9), reason: EndReason::Logout }), ..session(5, 1_000) },
    );
    for presented in 1..9 {
        let judged = |session, active, now| {
            let presented = Presented { generation: presented, context: Some(HOME), is_bound: false };
            judge(presented, session, active, Rules { windows: WINDOWS, limits: LIMITS, rotates: true }, Timestamp(now))
                .verdict
        };
        assert_eq!(judged(None, true, 1_000), Verdict::Refused(Refusal::UnknownSession));
        assert_eq!(judged(Some(&ended), true, 1_000), Verdict::Refused(Refusal::Ended(EndReason::Logout)));
        assert_eq!(judged(Some(&live), false, 1_000), Verdict::Refused(Refusal::UserDisabled));
        let past_the_end = judged(Some(&live), true, 10_000_000);
        assert_eq!(past_the_end, Verdict::Refused(Refusal::Ended(EndReason::AbsoluteEnd)));
    }
}

/// A small world: tabs of one honest client, in one context, that share the newest token that any of them has received.
/// A request takes at most `SLOWEST` seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    denied_through: i64,
    rotated_at: i64,
    held: i64,
    held_since: i64,
    under_way: [Option<(i64, i64)>; 3],
}

/// What may happen in this world.
#[derive(Clone, Copy)]
struct Conduct {
    /// How long the client waits before it refreshes: at least the `refresh_after` of its pair, or 0 for tabs that
    /// refresh whenever they are opened.
    pause: i64,
    /// Whether answers get lost.
    loses_answers: bool,
}

const SLOWEST: i64 = 8;
const STEP: i64 = 2;

impl World {
    /// The worst case: one more stranger would end the session.
    fn sharing(self) -> Sharing {
        let (generation, context) = (self.denied_through, Some(HOME));
        Sharing { generation, context, mark: Mark::Unmarked, strange: i16::MAX, shared: i16::MAX }
    }
}

/// What the client must do after a lost response: retry soon enough for the request to arrive within the window.
fn asks_again_in_time(world: World, windows: Windows) -> bool {
    world.held > world.denied_through || world.now - world.rotated_at + SLOWEST < windows.retry.0
}

fn arrives_in_time(world: World) -> bool {
    world.under_way.iter().flatten().all(|(_, sent_at)| world.now - sent_at <= SLOWEST)
}

/// The possible next states, or `None` if a presentation was judged an attack.
fn steps(world: World, conduct: Conduct, windows: Windows) -> Option<Vec<World>> {
    let mut next = vec![World { now: world.now + STEP, ..world }];
    for tab in 0..world.under_way.len() {
        let mut after = world;
        let Some((presented, _)) = world.under_way[tab] else {
            let lost = world.held == world.denied_through;
            if lost || world.now - world.held_since >= conduct.pause {
                after.under_way[tab] = Some((world.held, world.now));
                next.push(after);
            }
            continue;
        };
        let row = Session { sharing: world.sharing(), ..session(world.denied_through, world.rotated_at) };
        let verdict = judge_at_home(presented, Some(&row), windows, Timestamp(world.now)).verdict;
        if matches!(verdict, Verdict::Reused(_) | Verdict::Heal) {
            return None;
        }
        if let Some(mark) = verdict.new_mark(presented) {
            (after.denied_through, after.rotated_at) = (mark, world.now);
        }
        after.under_way[tab] = None;
        let live = after.denied_through + 1;
        let held_since = if live > after.held { world.now } else { after.held_since };
        next.push(World { held: live, held_since, ..after });
        if conduct.loses_answers {
            next.push(after);
        }
    }
    Some(next)
}

/// Walks through every schedule; returns how many states it saw, or `None` if one was judged an attack.
fn explore(conduct: Conduct, windows: Windows) -> Option<usize> {
    let start = World { now: 0, denied_through: 0, rotated_at: 0, held: 1, held_since: -SLOWEST, under_way: [None; 3] };
    let (mut seen, mut queue) = (HashSet::from([start]), VecDeque::from([start]));
    while let Some(world) = queue.pop_front() {
        for world in steps(world, conduct, windows)? {
            let honest = asks_again_in_time(world, windows) && arrives_in_time(world);
            if world.now <= 50 && honest && seen.insert(world) {
                queue.push_back(world);
            }
        }
    }
    Some(seen.len())
}

/// Tabs that refresh at any time, as when a browser restores them; every response arrives.
const RESTORED_TABS: Conduct = Conduct { pause: 0, loses_answers: false };

/// Tabs that refresh after `refresh_after`; any response may be lost.
const BAD_NETWORK: Conduct = Conduct { pause: SLOWEST + STEP, loses_answers: true };

#[test]
fn no_schedule_of_restored_tabs_ends_the_session_because_of_the_settle_window() {
    let windows = Windows { settle: Seconds(10), retry: Seconds(24) };
    assert!(explore(RESTORED_TABS, windows).is_some_and(|worlds| worlds > 10_000));
    assert_eq!(explore(RESTORED_TABS, Windows { settle: Seconds::ZERO, ..windows }), None);
}

#[test]
fn no_schedule_with_lost_answers_ends_the_session_because_of_the_retry_window() {
    let windows = Windows { settle: Seconds(10), retry: Seconds(24) };
    assert!(explore(BAD_NETWORK, windows).is_some_and(|worlds| worlds > 10_000));
    assert_eq!(explore(BAD_NETWORK, STRICT), None);
}

#[test]
fn a_copied_token_is_found_once_its_successor_has_rotated_however_short_the_waits() {
    for waits in [[10, 10], [30, 90], [300, 300]] {
        let mut row = session(0, 0);
        let mut now = Timestamp(0);
        for (presented, wait) in (1..).zip(waits) {
            now = now + Seconds(wait);
            assert_eq!(judge_at_home(presented, Some(&row), WINDOWS, now).verdict, Verdict::Rotate);
            row = session(presented, now.0);
        }
        assert_eq!(judge_at_home(1, Some(&row), WINDOWS, now).verdict, Verdict::Reused(EndReason::Reuse));
    }
}
