//! The rotator's batches, made by hand: unlike over HTTP, the tests decide which requests share a batch.

use tempfile::TempDir;

use super::queue::MAX_LOST;
use super::*;
use crate::app::App;
use crate::clock::{ManualClock, Seconds, Timestamp};
use crate::config::{Argon2Cost, Config};
use crate::entropy::SeededEntropy;
use crate::jwt::Audience;
use crate::model::audit::{EventFilter, EventName, Origin, Recorded};
use crate::model::denial::Denial;
use crate::model::id::{Jti, new_id};
use crate::model::session::{Device, End, EndReason, Session};
use crate::model::sharing::{Context, Mark, Sharing};
use crate::model::user::User;
use crate::secret::Secret;
use crate::service::users::{self, NewUser};
use crate::store::{DEADLINE, IfMissing, LOST_AFTER};

const NOW: Timestamp = Timestamp(1_800_000_000);

/// An empty database with two users.
struct House {
    _dir: TempDir,
    app: App,
    users: [User; 2],
}

impl House {
    fn new(vars: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let config = Config::from_lookup(|name| match name {
            "DATABASE_URL" => Some(format!("sqlite://{}", path("test.db"))),
            "KEYS_DIR" => Some(path("keys")),
            _ => vars.iter().find(|(var, _)| *var == name).map(|(_, value)| (*value).to_owned()),
        });
        let mut config = config.unwrap();
        config.argon2 = Argon2Cost { memory_kib: 64, iterations: 1, threads: 1, budget_kib: 64 };
        let app =
            App::build(config, IfMissing::Create, Arc::new(ManualClock::new(NOW)), Arc::new(SeededEntropy::new(1)))
                .unwrap();
        let password = Secret::new("correct horse battery staple".to_owned());
        let user = |username| {
            let new = NewUser { username, email: None, name: None, roles: &[], password: &password };
            users::create(&app, &new, &Origin::default()).unwrap()
        };
        let users = [user("ada"), user("bob")];
        Self { _dir: dir, app, users }
    }

    fn open(&self, user: &User) -> Session {
        let app = &self.app;
        let id = new_id(NOW, &*app.entropy).unwrap();
        let session = app.config.lifetimes.opened(id, user.id, NOW);
        app.store.write(|tx| tx.insert_session(&session, &app.config.grant(None), &Device::default())).unwrap();
        session
    }

    fn batches(&self) -> Batches {
        let App { config, store, units, clock, metrics, .. } = &self.app;
        let (store, clock, metrics) = (Arc::clone(store), Arc::clone(clock), Arc::clone(metrics));
        Batches::new(config, store, units.clone(), clock, metrics)
    }

    /// Handles these in one batch.
    fn answer(&self, batch: Vec<(Waits, Answer)>) -> Vec<Result<Live, Error>> {
        let (jobs, answers): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        self.batches().answer(jobs);
        answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect()
    }

    /// Refreshes with sessions' tokens, by generation, in one batch.
    fn refresh_together(&self, presented: &[(Session, i64)]) -> Vec<Result<Live, Error>> {
        self.answer(presented.iter().map(|(session, g)| job(session, *g)).collect())
    }

    fn denials(&self) -> Vec<Denial> {
        let mut denials = Vec::new();
        self.app.store.read(|tx| tx.each_denial(Timestamp(0), NOW, |denial| denials.push(denial))).unwrap();
        denials
    }

    /// The recorded events of this name.
    fn events(&self, name: &str) -> Vec<Recorded> {
        let recorded = self.app.store.read(|tx| tx.list_events(&EventFilter::default(), 100)).unwrap();
        recorded.into_iter().map(|(_, event)| event).filter(|event| event.name == name).collect()
    }

    fn row(&self, session: &Session) -> Session {
        self.app.store.read(|tx| tx.find_session(session.id)).unwrap().unwrap().0
    }

    fn execute(&self, statement: &str) {
        self.app.store.write(|tx| tx.execute(statement)).unwrap();
    }
}

type Answer = oneshot::Receiver<Result<Live, Error>>;

fn job(session: &Session, generation: i64) -> (Waits, Answer) {
    job_from(Context::of_number(1), session, generation)
}

fn job_from(context: Context, session: &Session, generation: i64) -> (Waits, Answer) {
    let claims = RefreshClaims {
        iss: String::new(),
        sub: session.user_id,
        aud: Audience::One(String::new()),
        iat: session.rotated_at,
        exp: session.refresh_expires_at,
        sid: session.id,
        generation,
        jti: String::new(),
        client_id: String::new(),
        token_type: None,
    };
    let (reply, answer) = oneshot::channel();
    let client = Client { origin: Origin::default(), context, is_bound: false };
    let asked = Asked::Refresh(Refresh { claims, client });
    (Waits::Session(Job { asked, queued_at: Instant::now(), reply }), answer)
}

#[test]
fn each_of_a_batch_is_judged_as_the_ones_before_it_have_left_the_row() {
    let house = House::new(&[]);
    let [ada, bob] = [house.open(&house.users[0]), house.open(&house.users[1])];
    let answers = house.refresh_together(&[(ada, 1), (bob, 1), (ada, 1), (ada, 2)]);
    let sessions: Vec<Session> = answers.iter().map(|answer| answer.as_ref().unwrap().session).collect();
    assert_eq!(sessions.iter().map(Session::live_generation).collect::<Vec<_>>(), [2, 2, 2, 2]);
    assert_eq!(answers[1].as_ref().unwrap().user.username, house.users[1].username);
    assert_eq!(house.row(&ada), sessions[0]);
    assert_eq!(house.row(&bob), sessions[1]);
}

#[test]
fn a_late_retry_counts_at_the_rotation_that_follows_in_its_batch() {
    let house = House::new(&[]);
    let ada = house.open(&house.users[0]);
    house.execute(&format!(
        "update sessions set denied_through = 1, rotated_at = {}, context_generation = 1, context = 1",
        NOW.0 - 30
    ));
    let (home, away) = (Context::of_number(1), Context::of_number(2));
    let presented = [(away, 1), (home, 1), (away, 1), (home, 2), (away, 2)];
    let jobs = presented.map(|(context, generation)| job_from(context, &ada, generation));
    let live = house.answer(jobs.into()).into_iter().map(|answer| answer.unwrap().session.live_generation());
    assert_eq!(live.collect::<Vec<_>>(), [2, 2, 2, 3, 3]);
    let expected = Sharing { generation: 2, context: Some(home), mark: Mark::Unmarked, strange: 1, shared: 1 };
    assert_eq!(house.row(&ada).sharing, expected);
    assert_eq!(house.events("session_shared").len(), 1);
}

#[test]
fn reuse_within_a_batch_ends_that_session_denies_it_and_leaves_the_others() {
    let house = House::new(&[("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "0s")]);
    let [ada, bob] = [house.open(&house.users[0]), house.open(&house.users[1])];
    let answers = house.refresh_together(&[(ada, 1), (ada, 1), (bob, 1), (ada, 2)]);
    assert_eq!(answers[0].as_ref().unwrap().session.live_generation(), 2);
    assert!(matches!(answers[1], Err(Error::RefreshTokenReused)), "{:?}", answers[1]);
    assert_eq!(answers[2].as_ref().unwrap().session.live_generation(), 2);
    assert!(matches!(answers[3], Err(Error::SessionEnded(EndReason::Reuse))), "{:?}", answers[3]);
    assert_eq!(house.row(&ada).end, Some(End { at: NOW, reason: EndReason::Reuse }));
    assert_eq!(house.row(&bob).end, None);
    assert_eq!(house.denials().len(), 1);
}

fn end_of(user: &User, session: &Session) -> (Waits, Answer) {
    let (reply, answer) = oneshot::channel();
    let origin = Origin { ip: Some("192.0.2.7".to_owned()), ..Origin::default() };
    let ending = Ending { user: user.id, session: session.id, reason: EndReason::Logout, origin };
    (Waits::Session(Job { asked: Asked::End(ending), queued_at: Instant::now(), reply }), answer)
}

#[test]
fn in_a_batch_a_refresh_before_an_end_gets_its_pair_and_one_after_it_is_refused() {
    let house = House::new(&[]);
    let [ada, bob] = [house.open(&house.users[0]), house.open(&house.users[1])];
    let answers =
        house.answer(vec![job(&ada, 1), end_of(&house.users[0], &ada), job(&ada, 1), job(&ada, 2), job(&bob, 1)]);
    let before = answers[1].as_ref().unwrap().session;
    assert_eq!((before.end, before.denied_through), (None, 1));
    assert_eq!(answers[0].as_ref().unwrap().session, before);
    for refused in [&answers[2], &answers[3]] {
        assert!(matches!(refused, Err(Error::SessionEnded(EndReason::Logout))), "{refused:?}");
    }
    assert_eq!(answers[4].as_ref().unwrap().session.end, None);
    let end = Some(End { at: NOW, reason: EndReason::Logout });
    assert_eq!(house.row(&ada), Session { end, ..before });
    let [denial] = house.denials().try_into().unwrap();
    assert!(denial.expires_at > before.access_expires_by);
}

#[test]
fn a_session_that_is_ended_twice_in_a_batch_ends_once() {
    let house = House::new(&[]);
    let [ada, bob] = [house.open(&house.users[0]), house.open(&house.users[1])];
    let ends = || end_of(&house.users[0], &ada);
    let answers = house.answer(vec![ends(), ends(), end_of(&house.users[0], &bob)]);
    let seen = [0, 1].map(|n: usize| answers[n].as_ref().unwrap().session.end);
    assert_eq!(seen, [None, house.row(&ada).end]);
    assert!(matches!(answers[2], Err(Error::SessionNotFound)), "that of another user: {:?}", answers[2]);
    assert_eq!(house.row(&bob).end, None);
    assert!(house.answer(vec![ends()]).pop().unwrap().is_ok());
    assert_eq!(house.denials().len(), 1);
    let recorded = house.events("logout");
    assert_eq!(recorded.len(), 1);
    assert_eq!((recorded[0].user, recorded[0].session), (Some(ada.user_id), Some(ada.id)));
    assert_eq!(recorded[0].ip.as_deref(), Some("192.0.2.7"));
}

#[test]
fn an_end_takes_the_grants_along_that_do_not_outlive_it_even_if_the_session_had_ended_before() {
    let house = House::new(&[]);
    let user = &house.users[0];
    let [ada, ends, goes_on, of_another] = [0; 4].map(|_| house.open(user));
    let grant = |session: &Session, scope: &str, browser: &Session| {
        house.execute(&format!(
            "update sessions set client_id = 'app', scope = '{scope}', browser_session_id = x'{}' where id = x'{}'",
            browser.id.to_string().replace('-', ""),
            session.id.to_string().replace('-', "")
        ));
    };
    grant(&ends, "openid", &ada);
    grant(&goes_on, "openid offline_access", &ada);
    grant(&of_another, "openid", &goes_on);
    let answers = house.answer(vec![end_of(user, &ada), job(&ends, 1)]);
    assert!(matches!(answers[1], Err(Error::SessionEnded(EndReason::Logout))), "{:?}", answers[1]);
    assert_eq!(house.events("logout")[0].detail.as_deref(), Some("1 grants"));
    let live = [&ada, &ends, &goes_on, &of_another].map(|session| house.row(session).end.is_none());
    assert_eq!(live, [false, false, true, true]);
    grant(&of_another, "openid", &ada);
    house.answer(vec![end_of(user, &ada)]).pop().unwrap().unwrap();
    assert!(house.row(&of_another).end.is_some());
    assert_eq!((house.denials().len(), house.events("logout").len()), (3, 1));
}

#[test]
fn a_damaged_row_and_an_unknown_session_fail_nobody_else() {
    let house = House::new(&[]);
    let [ada, bob] = [house.open(&house.users[0]), house.open(&house.users[1])];
    house.execute("update users set roles = 'no,role' where username = 'ada'");
    let gone = Session { id: SessionId::from_bytes([7; 16]), ..bob };
    let answers = house.refresh_together(&[(ada, 1), (gone, 1), (bob, 1)]);
    assert!(matches!(answers[0], Err(Error::Internal(_))), "{:?}", answers[0]);
    assert!(matches!(answers[1], Err(Error::SessionUnknown)), "{:?}", answers[1]);
    assert_eq!(answers[2].as_ref().unwrap().session.live_generation(), 2);
    assert_eq!(house.row(&bob).denied_through, 1);
}

/// SQLite's own message, by which an outage is distinguished from a refusal by a trigger.
const FULL: &str = "begin select raise(abort, 'database or disk is full'); end";

#[test]
fn a_batch_that_cannot_be_written_fails_each_of_its_members_and_writes_nothing() {
    let house = House::new(&[]);
    let [ada, bob] = [house.open(&house.users[0]), house.open(&house.users[1])];
    house.execute(&format!(
        "create trigger broken before update on sessions when new.user_id = \
         (select id from users where username = 'bob') {FULL}"
    ));
    for answer in house.refresh_together(&[(ada, 1), (bob, 1)]) {
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    assert_eq!([house.row(&ada), house.row(&bob)], [ada, bob]);
}

#[test]
fn who_has_waited_too_long_is_told_that_the_database_is_not_available_and_nothing_is_rotated() {
    let house = House::new(&[]);
    let ada = house.open(&house.users[0]);
    let (mut late, mut answer) = job(&ada, 1);
    let Waits::Session(job) = &mut late else { panic!() };
    job.queued_at = Instant::now().checked_sub(DEADLINE * 2).unwrap();
    house.batches().answer(vec![late]);
    assert!(matches!(answer.try_recv().unwrap(), Err(Error::Unavailable(_))));
    assert_eq!(house.row(&ada).denied_through, 0);
}

fn denial_of(token: u8) -> (Denial, Event) {
    let denial = Denial::of_access_token(Jti::from_bytes([token; 16]), NOW, NOW + Seconds(60));
    (denial, Origin::default().event(NOW, EventName::AccessTokenRevoked))
}

#[test]
fn access_tokens_of_a_batch_are_each_denied_and_recorded_once_and_a_refresh_beside_them_that_fails_changes_nothing_of_that()
 {
    let house = House::new(&[]);
    let ada = house.open(&house.users[0]);
    house.execute(&format!("create trigger full before update on sessions {FULL}"));
    let denial = |token| {
        let (reply, answer) = oneshot::channel();
        (Waits::Token(Job { asked: denial_of(token), queued_at: Instant::now(), reply }), answer)
    };
    let (mut batch, mut answers): (Vec<_>, Vec<_>) = [1, 2, 1, 3].map(denial).into_iter().unzip();
    let (refresh, mut refused) = job(&ada, 1);
    batch.insert(2, refresh);
    house.batches().answer(batch);
    assert!(answers.iter_mut().all(|answer| answer.try_recv().unwrap().is_ok()));
    assert!(matches!(refused.try_recv().unwrap(), Err(Error::Unavailable(_))));
    assert_eq!(house.denials(), [1, 2, 3].map(|token| denial_of(token).0));
    assert_eq!(house.events("access_token_revoked").len(), 3);
    assert!(house.app.denylist.set().denies(None, Jti::from_bytes([3; 16])));
}

#[tokio::test]
async fn an_end_beside_a_batch_that_hangs_is_answered() {
    let house = House::new(&[]);
    let [ada, other] = [house.open(&house.users[0]), house.open(&house.users[0])];
    let rotator = Rotator::start(house.batches()).unwrap();
    let (first, answered) = job(&other, 1);
    rotator.waiting.add(first).unwrap();
    answered.await.unwrap().unwrap();
    // Only a thread that waits has to be woken.
    while !rotator.waiting.lock().under_way.is_empty() {
        std::thread::yield_now();
    }
    rotator.waiting.lock().under_way.insert(1_000, Instant::now() + DEADLINE);
    let ending = Ending { user: ada.user_id, session: ada.id, reason: EndReason::Logout, origin: Origin::default() };
    assert_eq!(rotator.end(ending).await.unwrap().session, ada);
}

#[test]
fn a_thread_that_hangs_for_too_long_is_replaced_and_ends_when_it_comes_back() {
    let house = House::new(&[]);
    let ada = house.open(&house.users[0]);
    let rotator = Rotator::start(house.batches()).unwrap();
    let waiting = &rotator.waiting;
    let lost_since = Instant::now().checked_sub(LOST_AFTER * 2).unwrap();
    for number in (1_000..).take(MAX_LOST + 1) {
        waiting.lock().under_way.insert(number, lost_since);
        rotator.replace_lost();
    }
    assert_eq!(waiting.lock().lost.len(), MAX_LOST);
    let started = rotator.threads.lock().unwrap().count();
    assert_eq!(started, waiting.threads + MAX_LOST);
    assert_eq!(waiting.lock().under_way.values().filter(|since| **since == lost_since).count(), 1, "one too many");
    let back = *waiting.lock().lost.iter().next().unwrap();
    assert!(waiting.take(back).is_none());
    rotator.replace_lost();
    assert_eq!(waiting.lock().lost.len(), MAX_LOST, "there is room for one again");
    let (job, answered) = job(&ada, 1);
    waiting.add(job).unwrap();
    assert_eq!(answered.blocking_recv().unwrap().unwrap().session.live_generation(), 2);
}

#[test]
fn a_rotator_answers_what_still_waits_before_it_ends() {
    let house = House::new(&[]);
    let rotator = Rotator::start(house.batches()).unwrap();
    let (waiting, mut answer) = job(&house.open(&house.users[0]), 1);
    rotator.waiting.add(waiting).unwrap();
    drop(rotator);
    assert_eq!(answer.try_recv().unwrap().unwrap().session.live_generation(), 2);
}

/// A clock that breaks once.
struct BreaksOnce(std::sync::atomic::AtomicBool);

impl Clock for BreaksOnce {
    fn now(&self) -> Timestamp {
        assert!(self.0.swap(true, std::sync::atomic::Ordering::SeqCst), "this panic is part of the test");
        NOW
    }
}

#[test]
fn a_batch_that_panics_fails_its_members_and_the_next_one_is_answered() {
    let mut house = House::new(&[]);
    house.app.clock = Arc::new(BreaksOnce(false.into()));
    let rotator = Rotator::start(house.batches()).unwrap();
    let ada = house.open(&house.users[0]);
    let [(first, failed), (second, answered)] = [job(&ada, 1), job(&ada, 1)];
    rotator.waiting.add(first).unwrap();
    assert!(failed.blocking_recv().is_err());
    rotator.waiting.add(second).unwrap();
    assert_eq!(answered.blocking_recv().unwrap().unwrap().session.live_generation(), 2);
    assert_eq!(house.app.metrics.count_panics(NAME), 1);
}
