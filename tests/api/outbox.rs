//! The outbox: a message is added together with the change it reports, and sent by one instance at a time until it arrives
//! or expires.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use tokensmith::internals::clock::{Clock as _, Seconds};
use tokensmith::internals::engine::outbox::{Deliver, Outbox};
use tokensmith::internals::error::Error;
use tokensmith::internals::metrics::Present;
use tokensmith::internals::model::message::{Message, MessageId};
use tokensmith::internals::outbound::Limits;
use tokensmith::internals::service::purge;

use crate::support::{Engine, TestApp, execute, number};

both_engines!(
    two_instances_send_each_of_a_hundred_messages_once,
    a_message_whose_sender_dies_is_sent_again_when_its_time_is_over,
    a_message_of_a_change_that_is_undone_is_not_sent,
    failed_messages_are_retried_with_growing_delays_and_then_given_up,
    a_sender_that_panics_does_not_hold_up_the_others,
    a_message_is_sent_by_those_that_know_its_kind,
    an_instance_that_was_too_slow_neither_takes_a_message_from_another_nor_leaves_it_to_be_sent_again,
    a_message_that_is_too_large_and_one_too_many_are_refused,
    a_webhook_is_called_again_until_it_answers,
);

const KIND: &str = "webhook";
const DAY: Seconds = Seconds(86_400);
const LEASE: i64 = 60;

/// What was sent, in the order in which it was.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<(MessageId, String)>>>);

impl Sent {
    fn deliver(&self) -> Deliver {
        let sent = self.clone();
        Box::new(move |message| {
            sent.0.lock().unwrap().push((message.id, message.payload.clone()));
            Ok(())
        })
    }

    fn payloads(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, payload)| payload.clone()).collect()
    }
}

fn outbox(app: &TestApp, kind: &'static str, deliver: Deliver) -> Outbox {
    let inside = &app.inside;
    let (store, entropy, metrics) =
        (Arc::clone(&inside.store), Arc::clone(&inside.entropy), Arc::clone(&inside.metrics));
    Outbox::new(store, app.clock.clone(), entropy, metrics, vec![(kind, deliver)])
}

fn message(app: &TestApp, payload: &str) -> Message {
    Message::new(KIND, payload.to_owned(), DAY, app.clock.now(), &*app.inside.entropy).unwrap()
}

fn enqueue(app: &TestApp, payload: &str) -> MessageId {
    let message = message(app, payload);
    let ((), _no_effects) = app.inside.store.write_unit(|tx| tx.enqueue(&message)).unwrap();
    message.id
}

fn waiting(app: &TestApp) -> i64 {
    app.number("select count(*) from outbox")
}

fn two_instances_send_each_of_a_hundred_messages_once(engine: Engine) {
    let app = TestApp::start(engine);
    let other = app.another_instance(0, &[]);
    let mut expected: Vec<String> = (0..100).map(|i| i.to_string()).collect();
    for payload in &expected {
        enqueue(&app, payload);
    }
    let sent = [Sent::default(), Sent::default()];
    // Both are at it at the same time: the first message of each is under way until that of the other is, too.
    let both = Arc::new(Barrier::new(2));
    let sender = |sent: &Sent| -> Deliver {
        let (deliver, both, is_first) = (sent.deliver(), Arc::clone(&both), AtomicBool::new(true));
        Box::new(move |message| {
            if is_first.swap(false, Ordering::SeqCst) {
                both.wait();
            }
            deliver(message)
        })
    };
    let outboxes = [outbox(&app, KIND, sender(&sent[0])), outbox(&other, KIND, sender(&sent[1]))];
    let threads = outboxes.map(|outbox| std::thread::spawn(move || outbox.send_due(KIND).unwrap()));
    assert_eq!(threads.map(|thread| thread.join().unwrap()).iter().sum::<usize>(), 100);
    let mut arrived = [sent[0].payloads(), sent[1].payloads()].concat();
    arrived.sort_unstable();
    expected.sort_unstable();
    assert_eq!(arrived, expected);
    assert_eq!(waiting(&app), 0);
}

fn a_message_whose_sender_dies_is_sent_again_when_its_time_is_over(engine: Engine) {
    let app = TestApp::start(engine);
    let id = enqueue(&app, "hello");
    let sent = Sent::default();
    let (deliver, database_url) = (sent.deliver(), app.database_url.clone());
    let dies = outbox(
        &app,
        KIND,
        Box::new(move |message| {
            deliver(message)?;
            // From now on it can change nothing.
            execute(&database_url, "alter table outbox rename to out_of_reach");
            Ok(())
        }),
    );
    assert!(dies.send_due(KIND).is_err());
    app.execute("alter table out_of_reach rename to outbox");

    let lives = outbox(&app, KIND, sent.deliver());
    app.advance(LEASE - 1);
    assert_eq!(lives.send_due(KIND).unwrap(), 0, "it may still be under way");
    app.advance(1);
    assert_eq!(lives.send_due(KIND).unwrap(), 1);
    let hello = (id, "hello".to_owned());
    assert_eq!(*sent.0.lock().unwrap(), [hello.clone(), hello], "under the same id");
    assert_eq!(waiting(&app), 0);
}

fn a_message_of_a_change_that_is_undone_is_not_sent(engine: Engine) {
    let app = TestApp::start(engine);
    let message = message(&app, "hello");
    let undone = app.inside.store.write_unit(|tx| {
        tx.enqueue(&message)?;
        Err::<(), _>(Error::UserUnknown)
    });
    assert!(matches!(undone, Err(Error::UserUnknown)));
    assert_eq!(waiting(&app), 0);
    assert_eq!(outbox(&app, KIND, Sent::default().deliver()).send_due(KIND).unwrap(), 0);
}

fn failed_messages_are_retried_with_growing_delays_and_then_given_up(engine: Engine) {
    let app = TestApp::start(engine);
    enqueue(&app, "hello");
    let fails = outbox(&app, KIND, Box::new(|_| Err("it is out of reach".into())));
    let started_at = app.clock.now();
    let mut longest = 10;
    let mut attempts = 0;
    while app.clock.now() - started_at < DAY {
        assert_eq!(fails.send_due(KIND).unwrap(), 1, "attempt {attempts}");
        attempts += 1;
        assert_eq!(app.number("select attempts from outbox"), attempts);
        let due_at = app.number("select due_at from outbox");
        let is_last = due_at == (started_at + DAY).0;
        let pause = due_at - app.clock.now().0;
        assert!(is_last || (longest / 2..=longest).contains(&pause), "{pause} of {longest} s");
        longest = (longest * 2).min(3_600);
        app.advance(pause - 1);
        assert_eq!((fails.send_due(KIND).unwrap(), fails.give_up().unwrap()), (0, 0), "too early");
        app.advance(1);
    }
    assert!((25..60).contains(&attempts), "{attempts} attempts in a day");
    assert_eq!(fails.send_due(KIND).unwrap(), 0, "it is of no use any more");
    purge::all(&app.inside).unwrap();
    assert_eq!(waiting(&app), 1, "at another instance it may be earlier");
    app.advance(60);
    purge::all(&app.inside).unwrap();
    assert_eq!(waiting(&app), 0);
    let counted = app.inside.metrics.encode(Present::default()).unwrap();
    assert!(counted.contains("tokensmith_outbox_messages_total{name=\"given_up\"} 1"), "{counted}");
    assert!(counted.contains(&format!("tokensmith_outbox_messages_total{{name=\"failed\"}} {attempts}")), "{counted}");
}

fn a_sender_that_panics_does_not_hold_up_the_others(engine: Engine) {
    let app = TestApp::start(engine);
    for payload in ["poison", "hello"] {
        enqueue(&app, payload);
    }
    let sent = Sent::default();
    let deliver = sent.deliver();
    let outbox = outbox(
        &app,
        KIND,
        Box::new(move |message| {
            assert_ne!(message.payload, "poison");
            deliver(message)
        }),
    );
    assert_eq!(outbox.send_due(KIND).unwrap(), 2);
    assert_eq!((sent.payloads(), waiting(&app)), (vec!["hello".to_owned()], 1));
    let counted = app.inside.metrics.encode(Present::default()).unwrap();
    assert!(counted.contains("tokensmith_task_panics_total{name=\"webhook\"} 1"), "{counted}");
}

fn a_message_is_sent_by_those_that_know_its_kind(engine: Engine) {
    let app = TestApp::start(engine);
    enqueue(&app, "hello");
    // As an older version that runs beside.
    let older = outbox(&app, "mail", Sent::default().deliver());
    assert_eq!((older.send_due("mail").unwrap(), older.send_due(KIND).unwrap()), (0, 0));
    let sent = Sent::default();
    assert_eq!(outbox(&app, KIND, sent.deliver()).send_due(KIND).unwrap(), 1);
    assert_eq!(sent.payloads(), ["hello"]);
}

fn an_instance_that_was_too_slow_neither_takes_a_message_from_another_nor_leaves_it_to_be_sent_again(engine: Engine) {
    let app = TestApp::start(engine);
    // While the slow one is at it, its time ends and another instance takes the message.
    for slow_succeeds in [false, true] {
        enqueue(&app, "hello");
        let inner = outbox(&app, KIND, Box::new(|_| Err("it is out of reach".into())));
        let (clock, failed) = (app.clock.clone(), Arc::new(Mutex::new(None)));
        let (database_url, seen) = (app.database_url.clone(), Arc::clone(&failed));
        let slow = outbox(
            &app,
            KIND,
            Box::new(move |_| {
                clock.advance(Seconds(LEASE));
                assert_eq!(inner.send_due(KIND).unwrap(), 1);
                *seen.lock().unwrap() = Some(number(&database_url, "select due_at from outbox"));
                if slow_succeeds { Ok(()) } else { Err("it is out of reach".into()) }
            }),
        );
        assert_eq!(slow.send_due(KIND).unwrap(), 1);
        if slow_succeeds {
            assert_eq!(waiting(&app), 0, "it arrived");
        } else {
            let due_at = failed.lock().unwrap().unwrap();
            assert_eq!(app.number("select due_at from outbox"), due_at, "as the other has put it back");
            app.execute("delete from outbox");
        }
    }
}

fn a_message_that_is_too_large_and_one_too_many_are_refused(engine: Engine) {
    let app = TestApp::start(engine);
    let add = |payload: &str| {
        let message = message(&app, payload);
        app.inside.store.write_unit(|tx| tx.enqueue(&message)).map(|((), _no_effects)| ())
    };
    add(&"x".repeat(64 * 1024)).unwrap();
    assert!(matches!(add(&"x".repeat(64 * 1024 + 1)), Err(Error::Internal(_))));
    let id = match engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    app.execute(&format!(
        "insert into outbox (id, kind, payload, created_at, expires_at, due_at, attempts) \
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 9999) \
         select {id}, '{KIND}', '', 0, 0, 0, 0 from n"
    ));
    assert_eq!(waiting(&app), 10_000);
    assert!(matches!(add("one too many"), Err(Error::Overloaded { .. })));
    app.execute("delete from outbox where payload <> ''");
    add("another").unwrap();
}

fn a_webhook_is_called_again_until_it_answers(engine: Engine) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = TestApp::start_with(engine, &[("OUTBOUND_ALLOW", "127.0.0.1")]);
    let (outbound, limits) = (app.inside.outbound.clone(), Limits { time: Duration::from_secs(20), bytes: 1024 });
    let outbox = outbox(
        &app,
        KIND,
        Box::new(move |message| {
            let id = message.id.to_string();
            match outbound.post(&url, &[("idempotency-key", &id)], message.payload.as_bytes(), limits)?.status() {
                204 => Ok(()),
                status => Err(format!("it answers {status}").into()),
            }
        }),
    );
    let id = enqueue(&app, "{}");
    for (answer, left) in [("503 Service Unavailable", 1), ("302 Found", 1), ("204 No Content", 0)] {
        let asked = std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(&stream).lines().map(Result::unwrap);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).unwrap();
                head
            });
            assert_eq!(outbox.send_due(KIND).unwrap(), 1);
            asked.join().unwrap()
        });
        assert_eq!(asked[0], "POST /hook HTTP/1.1");
        assert!(asked.contains(&format!("idempotency-key: {id}")), "{asked:?}");
        assert_eq!(waiting(&app), left, "{answer}");
        app.advance(60);
    }
}
