//! Connections that stay open between requests. A client or a proxy must be the one that closes them: what it sends while
//! the service closes is lost, and a `POST` is not sent again.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::process::Tokensmith;
use crate::support::tcp::server_end;
use crate::support::{Engine, TestApp};

/// How long a service may take that does the right thing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection on which one request was answered.
fn connection(base: &str) -> TcpStream {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).unwrap();
    ask(&mut stream);
    stream
}

fn ask(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"{\"status\":\"alive\"}") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// Whether the service closes it within this time.
fn is_closed_within(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    match stream.read(&mut [0]) {
        Ok(0) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_that_is_idle_for_longer_than_a_client_keeps_it_can_still_be_used() {
    let app = TestApp::start(Engine::Sqlite);
    let mut stream = connection(&app.base());
    // Node's fetch keeps idle connections for 4 to 5 seconds.
    assert!(!is_closed_within(&mut stream, Duration::from_secs(7)));
    ask(&mut stream);
}

#[test]
fn an_idle_connection_is_closed_after_the_time_that_is_set() {
    let [patient, hurried] =
        ["1h", "1s"].map(|time| TestApp::start_with(Engine::Sqlite, &[("KEEP_ALIVE_TIMEOUT", time)]));
    let mut older = connection(&patient.base());
    let mut younger = connection(&hurried.base());
    assert!(is_closed_within(&mut younger, PATIENCE));
    assert!(!is_closed_within(&mut older, Duration::from_millis(1)));
}

/// Waits until the kernel will ask whether the client is still there; first the client may have to confirm a response.
fn wait_until_probed(stream: &TcpStream) {
    let deadline = Instant::now() + PATIENCE;
    while !server_end(stream).unwrap().is_probed {
        assert!(Instant::now() < deadline, "nobody asks");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_kernel_asks_whether_a_silent_client_is_still_there() {
    let app = TestApp::start(Engine::Sqlite);
    let mut stream = connection(&app.base());
    wait_until_probed(&stream);
    // The head of another request, whose time is not limited.
    stream.write_all(b"GET /").unwrap();
    wait_until_probed(&stream);
}

#[test]
fn idle_connections_do_not_delay_the_stop() {
    // Both of the limits that would delay it are longer than this test waits.
    let command = Tokensmith::new().env("KEEP_ALIVE_TIMEOUT", "1h").env("SHUTDOWN_TIMEOUT", "1h");
    let mut serving = command.serve();
    let mut stream = connection(&serving.base);
    serving.terminate();
    assert!(is_closed_within(&mut stream, PATIENCE));
    assert!(serving.wait_for(PATIENCE).success());
}
