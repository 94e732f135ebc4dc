//! Panics of the service's own threads: waiting requests get a response, and the thread is restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokensmith::internals::clock::{Clock, ManualClock, Timestamp};

use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(a_refresh_whose_batch_panics_is_answered_and_the_token_is_good_for_the_next_one);

/// A clock that breaks as often as it is told to, on the threads that write refreshes.
struct Breaks {
    clock: Arc<ManualClock>,
    times: Arc<AtomicU32>,
}

impl Clock for Breaks {
    fn now(&self) -> Timestamp {
        if std::thread::current().name() == Some("refresh batches") {
            let left = self.times.load(Ordering::SeqCst);
            self.times.store(left.saturating_sub(1), Ordering::SeqCst);
            assert!(left == 0, "this panic is part of the test");
        }
        self.clock.now()
    }
}

fn a_refresh_whose_batch_panics_is_answered_and_the_token_is_good_for_the_next_one(engine: Engine) {
    let times = Arc::new(AtomicU32::new(0));
    let breaks = Arc::clone(&times);
    let app = TestApp::start_with_clock(engine, |clock| Arc::new(Breaks { clock, times: breaks }));
    let ada = app.logged_in("ada");
    // More than there are threads.
    times.store(5, Ordering::SeqCst);
    for _ in 0..5 {
        app.refresh(&ada["refresh_token"]).problem(500, "internal_error");
    }
    assert_eq!(app.refresh(&ada["refresh_token"]).ok()["refresh_generation"], 2);
    assert_eq!(app.login("ada", PASSWORD).status, 200);
}
