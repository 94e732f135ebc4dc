//! The hook for claims: another service of the operator that is asked for claims at each login and refresh. It may be slow,
//! away or wrong: a call has little time, few calls run at once, and while it does not answer it is left alone. No user
//! takes it from others: what it says of one user does not count against it, and one user's calls are few.

mod shared;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokensmith_verifier::issuing::{HttpError, Limits};

pub(crate) use shared::Answer;
use shared::Shared;
use turns::Turns;

use crate::clock::{Clock, Seconds, Timestamp};
use crate::config::ClaimsHook as Settings;
use crate::entropy::Entropy;
use crate::error::{Error, root_cause};
use crate::metrics::Metrics;
use crate::model::attributes::Attributes;
use crate::model::custom_claim::read_claims;
use crate::model::id::{SessionId, UserId};
use crate::outbound::Outbound;

/// From resolving its name to the last byte of its answer.
const LONGEST: Duration = Duration::from_secs(1);

/// Its claims have at most 4 KiB as compact JSON.
const MAX_ANSWER_BYTES: u64 = 8 * 1024;

/// So many calls in a row without an answer mean that it is away.
const MAX_FAILURES: u32 = 5;

/// How long it is left alone then, before one call tries whether it is back.
const REST: Seconds = Seconds(10);

/// From one warning that it does not answer to the next.
const BETWEEN_WARNINGS: Seconds = Seconds(60);

/// When to come back, for clients whose tokens must have its claims.
pub(crate) const RETRY_AFTER: Seconds = Seconds(5);

/// What it is asked. It holds no secret.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    /// `login` or `refresh`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The user.
    pub(crate) user_id: UserId,
    /// What another system called the user.
    pub(crate) external_id: Option<String>,
    /// The client that the token is for.
    pub(crate) client_id: &'a str,
    /// The session; a login opens it after the answer.
    pub(crate) session_id: Option<SessionId>,
    /// The audience of the token.
    pub(crate) audience: &'a str,
    /// The scopes of the session.
    pub(crate) scope: &'a str,
}

/// Why there are no claims.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The call.
    #[error(transparent)]
    Call(#[from] HttpError),
    /// The status of the answer.
    #[error("it is answered with {0}")]
    Status(u16),
    /// What the answer says.
    #[error("its answer {0}")]
    Answer(&'static str),
}

impl Failure {
    /// Whether the hook is away for all users. Anything else is what it says of one.
    fn is_of_all(&self) -> bool {
        match self {
            Self::Call(HttpError::Redirect(_) | HttpError::TooLarge(_) | HttpError::Encoded) | Self::Answer(_) => false,
            Self::Call(_) => true,
            Self::Status(status) => *status == 429 || *status >= 500,
        }
    }
}

/// The hook.
pub(crate) struct ClaimsHook {
    settings: Settings,
    outbound: Outbound,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Arc<Metrics>,
    turns: Turns,
    shared: Shared,
    health: Mutex<Health>,
}

/// Whether it has answered lately.
#[derive(Default)]
struct Health {
    /// In a row.
    failures: u32,
    rests_until: Option<Timestamp>,
    warned_at: Option<Timestamp>,
}

impl ClaimsHook {
    /// The hook of these settings.
    pub(crate) fn new(
        settings: Settings,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (turns, shared, health) = (Turns::default(), Shared::default(), Mutex::default());
        Self { settings, outbound, clock, entropy, metrics, turns, shared, health }
    }

    /// Asks it for claims; blocks its thread for at most a second. `None` if it does not answer as it must, which is logged
    /// at most once a minute.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Answer, Error> {
        let Some(_turn) = self.turns.turn(question.user_id) else {
            self.metrics.claims_hook("busy", None);
            return Ok(None);
        };
        let now = self.clock.now();
        if !self.may_be_called(now) {
            self.metrics.claims_hook("resting", None);
            return Ok(None);
        }
        let id = format!("msg_{}", crate::secret::readable(&self.entropy.bytes::<24>()?));
        let began = Instant::now();
        let answered = self.call(&id, question, now);
        self.metrics.claims_hook(if answered.is_ok() { "answered" } else { "failed" }, Some(began.elapsed()));
        self.note(answered.as_ref().err(), now);
        Ok(answered.ok())
    }

    /// The answer of a call that is under way for a refresh of this session and audience, or else of `call`, which asks.
    pub(crate) async fn ask_once(
        &self,
        subject: (SessionId, String),
        call: impl Future<Output = Result<Answer, Error>>,
    ) -> Answer {
        let call = async {
            call.await.unwrap_or_else(|error| {
                log::warn!(cause = root_cause(&error); "the hook for claims cannot be asked");
                None
            })
        };
        self.shared.answer(subject, call).await
    }

    fn call(&self, id: &str, question: &Question<'_>, now: Timestamp) -> Result<Option<Attributes>, Failure> {
        let body = serde_json::to_string(question).map_err(|_never| Failure::Answer("cannot be asked for"))?;
        let (timestamp, signature) = (now.0.to_string(), self.settings.secret.signature(id, now.0, &body));
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let limits = Limits { time: LONGEST, bytes: MAX_ANSWER_BYTES };
        let answer = self.outbound.post(&self.settings.url, &headers, body.as_bytes(), limits)?;
        match answer.status() {
            200 => read_claims(&answer.text()?).map_err(|bad| Failure::Answer(bad.0)),
            status => Err(Failure::Status(status)),
        }
    }

    /// Whether it is not left alone now. After a rest one call tries whether it is back; others wait for that.
    fn may_be_called(&self, now: Timestamp) -> bool {
        let mut health = self.health();
        let may = health.rests_until.is_none_or(|until| now >= until);
        if may && health.rests_until.is_some() {
            health.rests_until = Some(now + REST);
        }
        may
    }

    fn note(&self, failure: Option<&Failure>, now: Timestamp) {
        let mut health = self.health();
        if let Some(cause) = failure
            && health.warned_at.is_none_or(|at| now - at >= BETWEEN_WARNINGS)
        {
            health.warned_at = Some(now);
            log::warn!(cause:%; "the hook for claims does not answer as it must");
        }
        if failure.is_some_and(Failure::is_of_all) {
            health.failures = health.failures.saturating_add(1);
            if health.failures >= MAX_FAILURES {
                health.rests_until = Some(now + REST);
            }
            return;
        }
        health.failures = 0;
        if health.rests_until.take().is_some() {
            log::info!("the hook for claims answers again");
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
