//! Clients that do not read the response: they are cut off, and use little memory until then.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokensmith::internals::clock::{Clock as _, Seconds};
use tokensmith::internals::model::denial::Denial;
use tokensmith::internals::model::id::Jti;
use tokensmith_verifier::issuing::DeniedSubject;

use crate::support::tcp::server_end;
use crate::support::{Engine, TestApp};

const FEED: &str = "/.well-known/denylist";

/// So many current denials, all on one page.
fn deny(app: &TestApp, count: u64) {
    let now = app.clock.now();
    let denial = |number: u64| {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&number.to_be_bytes());
        let subject = DeniedSubject::AccessToken(Jti::from_bytes(name));
        Denial { subject, denied_at: now, expires_at: now + Seconds(300) }
    };
    app.inside.denylist.add((0..count).map(denial));
}

fn ask(app: &TestApp) -> TcpStream {
    let mut stream = TcpStream::connect(app.base().trim_start_matches("http://")).unwrap();
    stream.write_all(format!("GET {FEED} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
    stream
}

#[test]
fn a_client_that_never_reads_its_answer_is_cut_off() {
    let app = TestApp::start_with(Engine::Sqlite, &[("REQUEST_TIMEOUT", "2s")]);
    // More than the buffers of both ends hold.
    deny(&app, 200_000);
    let mut stream = ask(&app);
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    assert!(server_end(&stream).is_some());
    let deadline = Instant::now() + Duration::from_secs(60);
    while server_end(&stream).is_some() {
        assert!(Instant::now() < deadline, "it is still held");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_client_that_reads_slowly_gets_all_of_its_answer() {
    let app = TestApp::start_with(Engine::Sqlite, &[("REQUEST_TIMEOUT", "1s")]);
    deny(&app, 50_000);
    let mut stream = ask(&app);
    let (mut answer, mut piece) = (Vec::new(), vec![0; 256 * 1024]);
    let is_complete = |answer: &[u8]| {
        let text = String::from_utf8_lossy(answer);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        body.len() == length.parse::<usize>().unwrap()
    };
    while answer.is_empty() || !is_complete(&answer) {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "cut off after {} bytes", answer.len());
        answer.extend_from_slice(&piece[..read]);
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Each signature of the same content is different.
#[test]
fn readers_that_ask_for_the_same_share_one_response_until_there_is_news() {
    let app = TestApp::start(Engine::Sqlite);
    deny(&app, 2_000);
    let all = app.get(FEED).body;
    // Others have asked for something else meanwhile.
    let cursors = ["1.2.3", "0", "5", "6b49d1ff"];
    let others: Vec<String> = cursors.iter().map(|cursor| app.get(&format!("{FEED}?since={cursor}")).body).collect();
    app.advance(5);
    let again: HashSet<String> = (0..3).map(|_| app.get(FEED).body).collect();
    assert_eq!(again, HashSet::from([all.clone()]));
    assert_eq!(others, vec![all.clone(); cursors.len()], "all of these have everything to read");
    app.advance(1);
    let later = app.get(FEED).body;
    assert_ne!(later, all);
    deny(&app, 2_001);
    assert_ne!(app.get(FEED).body, later, "news does not wait");
}
