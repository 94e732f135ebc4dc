//! What waits for a batch, and which thread takes it when.

use super::*;
use crate::clock::Timestamp;
use crate::model::audit::{EventName, Origin};
use crate::model::id::Jti;

const NOW: Timestamp = Timestamp(1_800_000_000);

/// An access token that is to be denied, and where the result goes.
fn job() -> (Waits, oneshot::Receiver<Result<(), Error>>) {
    let denial = Denial::of_access_token(Jti::from_bytes([1; 16]), NOW, NOW + Seconds(60));
    let event = Origin::default().event(NOW, EventName::AccessTokenRevoked);
    let (reply, answer) = oneshot::channel();
    (Waits::Token(Job { asked: (denial, event), queued_at: Instant::now(), reply }), answer)
}

#[test]
fn what_waits_is_taken_together_up_to_a_bound_and_beyond_the_queue_is_refused() {
    let waiting = Waiting::default();
    let _answers: Vec<_> = (0..MAX_WAITING)
        .map(|_| {
            let (job, answer) = job();
            waiting.add(job).unwrap();
            answer
        })
        .collect();
    assert!(matches!(waiting.add(job().0), Err(Error::Overloaded { retry_after: BUSY_RETRY_AFTER })));
    assert_eq!(waiting.take(0).unwrap().len(), MAX_BATCH_SIZE);
    waiting.add(job().0).unwrap();
}

#[test]
fn while_every_batch_is_stuck_nobody_waits_for_it_and_once_one_is_back_all_are_taken_up() {
    let waiting = Waiting::new(2);
    let (ours, _answers): (Vec<_>, Vec<_>) = (0..2).map(|_| job()).unzip();
    for (thread, job) in (0..).zip(ours) {
        waiting.add(job).unwrap();
        assert_eq!(waiting.take(thread).unwrap().len(), 1);
    }
    let stuck_since = Instant::now().checked_sub(DEADLINE * 2).unwrap();
    waiting.lock().under_way.insert(0, stuck_since);
    waiting.add(job().0).unwrap();
    waiting.lock().under_way.insert(1, stuck_since);
    assert!(matches!(waiting.add(job().0), Err(Error::Unavailable(_))));
    assert_eq!(waiting.take(0).unwrap().len(), 1);
    waiting.add(job().0).unwrap();
}

#[test]
fn what_arrives_while_a_batch_is_written_waits_for_its_thread_unless_that_takes_longer_than_usual() {
    let waiting = Waiting::new(2);
    let add = || waiting.lock().push(job().0);
    assert!(add(), "nothing is under way");
    assert!(!add(), "the thread that was woken takes both");
    assert_eq!(waiting.take(0).unwrap().len(), 2);
    // However slow this machine is.
    waiting.lock().under_way.insert(0, Instant::now() + DEADLINE);
    assert!(!add() && !add());
    assert_eq!(waiting.take(0).unwrap().len(), 2);
    waiting.lock().under_way.insert(0, Instant::now().checked_sub(USUAL).unwrap());
    assert!(add(), "another thread takes it");
    assert_eq!(waiting.take(1).unwrap().len(), 1);
}
