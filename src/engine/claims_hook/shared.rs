//! One call of the hook for all refreshes of a session that come while it is under way: many tabs, or an attacker with one
//! refresh token, are no more work than one.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::model::attributes::Attributes;
use crate::model::id::SessionId;

/// The claims of the hook, if it answers as it must.
pub(crate) type Answer = Option<Option<Attributes>>;

/// The session, and the audience that is asked about.
pub(super) type Subject = (SessionId, String);

/// The calls that are under way.
#[derive(Default)]
pub(super) struct Shared(Mutex<HashMap<Subject, Arc<OnceCell<Answer>>>>);

/// Who waits for a call.
struct Waiting<'a> {
    shared: &'a Shared,
    subject: Subject,
    call: Arc<OnceCell<Answer>>,
}

impl Shared {
    /// The answer of the call that is under way, or else of `call`. If who makes it goes away, another makes their own.
    pub(super) async fn answer(&self, subject: Subject, call: impl Future<Output = Answer>) -> Answer {
        let under_way = Arc::clone(self.calls().entry(subject.clone()).or_default());
        let waiting = Waiting { shared: self, subject, call: under_way };
        waiting.call.get_or_init(|| call).await.clone()
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<Subject, Arc<OnceCell<Answer>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer of a call is only for those who waited for it. A call is given up when no request waits for it any more.
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut calls = self.shared.calls();
        drop(mem::take(&mut self.call));
        if calls.get(&self.subject).is_some_and(|call| call.initialized() || Arc::strong_count(call) == 1) {
            calls.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::model::id::Id;

    fn subject(audience: &str) -> Subject {
        (Id::from_bytes([1; 16]), audience.to_owned())
    }

    fn said(text: &str) -> Attributes {
        Attributes::from_stored(text.to_owned())
    }

    fn polled(future: impl Future<Output = Answer>) -> Poll<Answer> {
        pin!(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_comes_while_a_call_is_under_way_gets_its_answer_and_who_comes_later_another_one() {
        let (shared, is_over, calls) = (Shared::default(), Cell::new(false), Cell::new(0));
        let call = async |text: &str| {
            calls.set(calls.get() + 1);
            std::future::poll_fn(|_| if is_over.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            Some(Some(said(text)))
        };
        let mut context = Context::from_waker(Waker::noop());
        {
            let (mut first, mut second) =
                (pin!(shared.answer(subject("a"), call("1"))), pin!(shared.answer(subject("a"), call("2"))));
            let mut of_another = pin!(shared.answer(subject("b"), call("3")));
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert!(second.as_mut().poll(&mut context).is_pending());
            assert!(of_another.as_mut().poll(&mut context).is_pending());
            is_over.set(true);
            assert_eq!(first.as_mut().poll(&mut context), Poll::Ready(Some(Some(said("1")))));
            assert_eq!(
                polled(shared.answer(subject("a"), call("4"))),
                Poll::Ready(Some(Some(said("4")))),
                "it comes later"
            );
            assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(Some(Some(said("1")))));
            assert_eq!(of_another.as_mut().poll(&mut context), Poll::Ready(Some(Some(said("3")))));
        }
        assert_eq!(calls.get(), 3);
        assert!(shared.calls().is_empty(), "nothing of them is kept");
    }

    #[test]
    fn a_call_whose_client_goes_away_is_made_by_the_next_one() {
        let shared = Shared::default();
        assert!(polled(shared.answer(subject("a"), pending())).is_pending());
        assert!(shared.calls().is_empty());
        let mut context = Context::from_waker(Waker::noop());
        let mut next = pin!(shared.answer(subject("a"), ready(None)));
        {
            let mut first = pin!(shared.answer(subject("a"), pending()));
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert!(next.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(next.as_mut().poll(&mut context), Poll::Ready(None));
    }
}
