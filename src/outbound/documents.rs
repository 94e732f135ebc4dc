//! Documents of others that are wanted again and again: what is at a URL, remembered for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tokensmith_verifier::issuing::Limits;

use super::Outbound;
use crate::clock::{Seconds, Timestamp};

/// For so long it is taken to be what it was.
const FRESH: Seconds = Seconds(300);

/// For so long it is good for something when it cannot be fetched anew.
const KEPT: Seconds = Seconds(3_600);

/// A document is fetched at most this often, since strangers can cause fetches.
const COOLDOWN: Seconds = Seconds(60);

const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 64 * 1024 };

/// How new a document has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// As it was a while ago.
    Any,
    /// As it is now, unless it was asked for a moment ago.
    Newest,
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    /// It is being fetched; who waits for that would hold a thread.
    #[error("it is being fetched")]
    Busy,
    /// It could not be fetched.
    #[error("it cannot be fetched")]
    Unreachable,
}

/// The documents.
pub(crate) struct Documents {
    outbound: Outbound,
    known: Mutex<HashMap<String, Arc<Document>>>,
}

#[derive(Default)]
struct Document {
    /// Held by the one who fetches it.
    fetching: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked_at: Option<Timestamp>,
    fetched: Option<(Arc<str>, Timestamp)>,
}

impl Documents {
    /// Fetched by this client.
    pub(crate) fn new(outbound: Outbound) -> Self {
        Self { outbound, known: Mutex::default() }
    }

    /// What is at a URL. It may take as long as the call.
    pub(crate) fn get(&self, url: &str, age: Age, now: Timestamp) -> Result<Arc<str>, DocumentError> {
        self.get_within(LIMITS, url, age, now)
    }

    /// The same with other limits of the call.
    pub(crate) fn get_within(
        &self,
        limits: Limits,
        url: &str,
        age: Age,
        now: Timestamp,
    ) -> Result<Arc<str>, DocumentError> {
        let document = Arc::clone(lock(&self.known).entry(url.to_owned()).or_default());
        let is_busy = match document.fetching.try_lock() {
            Err(TryLockError::WouldBlock) => true,
            Ok(_) | Err(TryLockError::Poisoned(_)) => {
                if document.is_due(age, now) {
                    self.fetch(limits, url, &document, now);
                }
                false
            }
        };
        let fetched = lock(&document.state).fetched.clone();
        match fetched.filter(|(_, at)| now - *at < KEPT) {
            Some((text, _)) => Ok(text),
            None if is_busy => Err(DocumentError::Busy),
            None => Err(DocumentError::Unreachable),
        }
    }

    fn fetch(&self, limits: Limits, url: &str, document: &Document, now: Timestamp) {
        lock(&document.state).asked_at = Some(now);
        match self.ask(limits, url) {
            Ok(text) => lock(&document.state).fetched = Some((text.into(), now)),
            Err(error) => log::warn!(url, cause:% = error; "a document cannot be fetched"),
        }
    }

    fn ask(&self, limits: Limits, url: &str) -> Result<String, String> {
        let answer = self.outbound.get(url, &[("accept", "application/json")], limits);
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.status() {
            200 => answer.text().map_err(|error| error.to_string()),
            status => Err(format!("it is answered with {status}")),
        }
    }
}

impl Document {
    fn is_due(&self, age: Age, now: Timestamp) -> bool {
        let State { asked_at, fetched } = &*lock(&self.state);
        let is_fresh = fetched.as_ref().is_some_and(|(_, at)| now - *at < FRESH);
        let wait = if age == Age::Any && is_fresh { FRESH } else { COOLDOWN };
        // A clock that was put back must not keep it for long.
        asked_at.is_none_or(|at| !(Seconds::ZERO..wait).contains(&(now - at)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::config::Config;

    #[test]
    fn whoever_wants_what_is_being_fetched_is_not_kept_waiting() {
        let config = Config::from_lookup(|name| (name == "OUTBOUND_ALLOW").then(|| "127.0.0.1".to_owned())).unwrap();
        let documents = Arc::new(Documents::new(Outbound::new(&config).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (asks, now) = (Arc::clone(&documents), Timestamp(0));
        let asked = url.clone();
        let first = std::thread::spawn(move || asks.get(&asked, Age::Any, now).unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
        for now in [now, now + COOLDOWN] {
            assert!(matches!(documents.get(&url, Age::Newest, now), Err(DocumentError::Busy)));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        assert_eq!(&*first.join().unwrap(), "{}");
        assert_eq!(&*documents.get(&url, Age::Any, now).unwrap(), "{}");
    }
}
