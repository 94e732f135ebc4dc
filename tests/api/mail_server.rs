//! Mail servers: one that is away or refuses for now gets the mail later, one that refuses it for good does not.

use serde_json::json;

use crate::support::mail::StandIn;
use crate::support::ports::free_port;
use crate::support::{Engine, PASSWORD, TestApp};
use tokensmith::internals::metrics::Present;

both_engines!(
    a_mail_server_gets_each_mail_once,
    requests_succeed_while_the_mail_server_is_away_and_the_mail_arrives_later,
    a_mail_that_is_refused_for_now_is_sent_again_under_the_same_id,
    a_mail_that_is_refused_for_good_is_given_up,
    a_mail_server_that_does_not_let_the_service_in_gets_the_mail_later,
    a_mail_server_without_starttls_learns_nothing,
);

const USER: &str = "smtp://id:hunter2@";

fn start(engine: Engine, url: &str) -> TestApp {
    TestApp::start_with(engine, &[("MAIL_URL", url), ("MAIL_FROM", "Example <id@example.org>")])
}

fn plain(server: &StandIn) -> String {
    server.url.replace("smtp://", USER)
}

/// Changes the password of a new user, which causes a mail.
fn cause_a_mail(app: &TestApp) {
    let pair = app.logged_in("ada");
    let body = json!({"current_password": PASSWORD, "new_password": "another horse battery staple"});
    let changed = app.ask_as("POST", "/v1/me/password", &pair, Some(&body));
    assert!((200..300).contains(&changed.status), "{changed:?}");
}

fn send(app: &TestApp) -> usize {
    app.inside.outbox.send_due("mail").unwrap()
}

fn waiting(app: &TestApp) -> i64 {
    app.number("select count(*) from outbox")
}

fn assert_counted(app: &TestApp, outcome: &str) {
    let counted = app.inside.metrics.encode(Present::default()).unwrap();
    assert!(counted.contains(&format!("tokensmith_outbox_messages_total{{name=\"{outcome}\"}} 1")), "{counted}");
}

fn a_mail_server_gets_each_mail_once(engine: Engine) {
    let server = StandIn::start(&[]);
    let app = start(engine, &plain(&server));
    cause_a_mail(&app);
    assert_eq!((send(&app), send(&app), waiting(&app)), (1, 0, 0));
    let said = server.said();
    for expected in [
        "EHLO example.org",
        "AUTH PLAIN AGlkAGh1bnRlcjI=",
        "MAIL FROM:<id@example.org>",
        "RCPT TO:<ada@example.com>",
        "From: Example <id@example.org>",
        "To: ada@example.com",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "QUIT",
    ] {
        assert_eq!(said.iter().filter(|line| line.starts_with(expected)).count(), 1, "{expected}: {said:?}");
    }
}

fn requests_succeed_while_the_mail_server_is_away_and_the_mail_arrives_later(engine: Engine) {
    let app = start(engine, &format!("smtp://127.0.0.1:{}", free_port()));
    cause_a_mail(&app);
    assert_eq!((send(&app), waiting(&app)), (1, 1));
    assert_counted(&app, "failed");
    let server = StandIn::start(&[]);
    let other = app.another_instance(60, &[("MAIL_URL", &plain(&server)), ("MAIL_FROM", "id@example.org")]);
    assert_eq!((send(&other), waiting(&app)), (1, 0));
    assert!(server.said().iter().any(|line| line == "RCPT TO:<ada@example.com>"));
}

fn a_mail_that_is_refused_for_now_is_sent_again_under_the_same_id(engine: Engine) {
    let server = StandIn::start(&[(".", "451 4.3.0 later")]);
    let app = start(engine, &plain(&server));
    cause_a_mail(&app);
    for _ in 0..2 {
        assert_eq!((send(&app), waiting(&app)), (1, 1));
        app.advance(60);
    }
    let mut ids: Vec<String> = server.said().into_iter().filter(|line| line.starts_with("Message-ID: <")).collect();
    assert_eq!(ids.len(), 2);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert!(ids[0].ends_with("@example.org>"), "{ids:?}");
}

fn a_mail_that_is_refused_for_good_is_given_up(engine: Engine) {
    for answers in [&[("RCPT", "550 5.1.1 <ada@example.com> is unknown")], &[(".", "554 5.7.1 no spam")]] {
        let server = StandIn::start(answers);
        let app = start(engine, &plain(&server));
        cause_a_mail(&app);
        assert_eq!((send(&app), waiting(&app)), (1, 0), "{answers:?}");
        assert_counted(&app, "refused");
    }
}

fn a_mail_server_that_does_not_let_the_service_in_gets_the_mail_later(engine: Engine) {
    for answers in [&[("AUTH", "535 5.7.8 wrong password")], &[("CONNECT", "554 5.3.2 not today")]] {
        let server = StandIn::start(answers);
        let app = start(engine, &plain(&server));
        cause_a_mail(&app);
        assert_eq!((send(&app), waiting(&app)), (1, 1), "{answers:?}: its operator may mend that");
    }
}

fn a_mail_server_without_starttls_learns_nothing(engine: Engine) {
    let server = StandIn::start(&[]);
    // An address that does not count as this machine's own, and leads there.
    let elsewhere = plain(&server).replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let app = start(engine, &elsewhere);
    cause_a_mail(&app);
    assert_eq!((send(&app), waiting(&app)), (1, 1));
    let said = server.said();
    assert!(
        !said.is_empty() && said.iter().all(|line| ["EHLO example.org", "QUIT"].contains(&line.as_str())),
        "{said:?}"
    );
}
