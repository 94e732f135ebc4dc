//! Targets that redirect, that respond with too much or too slowly, or whose certificates are not trusted.

#[path = "../../tests/support/tls_server.rs"]
mod tls_server;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;

use super::*;
use tls_server::TlsServer;

/// Far more time than a target needs that responds at once.
const PATIENT: Limits = Limits { time: Duration::from_secs(20), bytes: 1024 };

/// The pace of slow targets.
const PACE: Duration = Duration::from_millis(5);

/// Too little time for slow targets.
const HURRIED: Limits = Limits { time: Duration::from_millis(200), bytes: 1024 * 1024 };

const GIBIBYTE: usize = 1024 * 1024 * 1024;

fn client(root_certificates: Option<&str>, proxy: HttpProxy<'_>) -> HttpClient {
    let settings = HttpSettings { user_agent: "test", allows_http: true, root_certificates, proxy };
    HttpClient::new(&settings, Agent::from).unwrap()
}

fn get(url: &str, limits: Limits) -> Result<String, HttpError> {
    client(None, HttpProxy::Direct).get(url, &[], limits)?.text()
}

/// Serves each connection until the test ends; returns the address.
fn serve(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
    address
}

fn read_head(stream: &mut impl Read) -> String {
    let (mut reader, mut head) = (BufReader::with_capacity(1, stream), String::new());
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|bytes| bytes > 0) {}
    head
}

/// Sends the same text on each connection and closes it.
fn serve_text(text: impl Into<Vec<u8>>) -> String {
    let text = text.into();
    serve(move |mut stream| {
        read_head(&mut stream);
        let _gone = stream.write_all(&text);
    })
}

/// Repeats `unit` until the client disconnects or a gibibyte was sent; returns how many bytes were sent.
fn flood(stream: &mut TcpStream, unit: &str) -> usize {
    let block = unit.repeat(64 * 1024 / unit.len());
    let mut sent = 0;
    while sent < GIBIBYTE && stream.write_all(block.as_bytes()).is_ok() {
        sent += block.len();
    }
    sent
}

/// Sends byte after byte at [`PACE`] until the client disconnects.
fn trickle(stream: &mut TcpStream, mut bytes: impl Iterator<Item = u8>) {
    stream.set_read_timeout(Some(PACE)).unwrap();
    let is_there = |stream: &mut TcpStream| !matches!(stream.read(&mut [0; 1024]), Ok(0));
    while is_there(stream) && bytes.next().is_some_and(|byte| stream.write_all(&[byte]).is_ok()) {}
}

#[test]
fn no_redirect_is_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let redirect =
            format!("HTTP/1.1 {status} Elsewhere\r\nlocation: http://{address}/\r\ncontent-length: 0\r\n\r\n");
        let url = format!("http://{}/", serve_text(redirect.clone()));
        assert_eq!(get(&url, PATIENT), Err(HttpError::Redirect(status)));
        let posted = client(None, HttpProxy::Direct).post(&url, &[], b"{}", PATIENT);
        assert_eq!(posted.err(), Some(HttpError::Redirect(status)));

        let server = TlsServer::start(redirect);
        let over_tls = client(Some(&server.authority), HttpProxy::Direct);
        let answer = over_tls.get(&format!("https://{}/", server.address), &[], PATIENT);
        assert_eq!(answer.err(), Some(HttpError::Redirect(status)), "from TLS to none");
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody has asked there");
}

#[test]
fn an_answer_that_is_too_large_is_not_read_to_its_end() {
    for (head, unit) in [
        (format!("content-length: {GIBIBYTE}\r\n\r\n"), "x"),
        ("\r\n".to_owned(), "x"),
        ("transfer-encoding: chunked\r\n\r\n".to_owned(), "1\r\nx\r\n"),
    ] {
        let (done, sent) = channel();
        let address = serve(move |mut stream| {
            read_head(&mut stream);
            let _gone = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes());
            done.send(flood(&mut stream, unit)).unwrap();
        });
        assert_eq!(get(&format!("http://{address}/"), PATIENT), Err(HttpError::TooLarge(1024)));
        assert!(sent.recv().unwrap() < GIBIBYTE / 16, "only what fits into the buffers on the way");
    }
}

#[test]
fn a_head_without_end_is_not_read_to_its_end() {
    for (unit, too) in [("x-more: and more\r\n", "header"), ("x-long-without-end", "longer than 65536 bytes")] {
        let (done, sent) = channel();
        let address = serve(move |mut stream| {
            let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\nx-first: ");
            done.send(flood(&mut stream, unit)).unwrap();
        });
        let refused = get(&format!("http://{address}/"), PATIENT).unwrap_err().to_string();
        assert!(refused.contains(too), "{refused}");
        assert!(sent.recv().unwrap() < GIBIBYTE / 16);
    }
}

#[test]
fn an_answer_may_have_as_many_bytes_as_allowed_and_not_one_more() {
    for (bytes, is_read) in [(0, true), (1024, true), (1025, false)] {
        let body = "x".repeat(bytes);
        for length in [format!("content-length: {bytes}\r\n"), String::new()] {
            let address = serve_text(format!("HTTP/1.1 200 OK\r\n{length}connection: close\r\n\r\n{body}"));
            let expected = if is_read { Ok(body.clone()) } else { Err(HttpError::TooLarge(1024)) };
            assert_eq!(get(&format!("http://{address}/"), PATIENT), expected, "{bytes} bytes, {length:?}");
        }
    }
}

#[test]
fn an_answer_that_is_compressed_is_refused_however_small_it_is() {
    for coding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: 4\r\n\r\nbomb");
        assert_eq!(get(&format!("http://{}/", serve_text(head)), PATIENT), Err(HttpError::Encoded), "{coding}");
    }
}

#[test]
fn whoever_answers_slowly_or_not_at_all_has_no_more_than_the_whole_time() {
    let late = Err(HttpError::TimedOut(HURRIED.time));
    let silent = serve(|mut stream| while stream.read(&mut [0; 1024]).is_ok_and(|bytes| bytes > 0) {});
    assert_eq!(get(&format!("http://{silent}/"), HURRIED), late);
    assert_eq!(get(&format!("https://{silent}/"), HURRIED), late, "the handshake");

    let endless_head = || b"HTTP/1.1 200 OK\r\nx-slow: ".iter().copied().chain(std::iter::repeat(b'x'));
    let slow_head = serve(move |mut stream| trickle(&mut stream, endless_head()));
    assert_eq!(get(&format!("http://{slow_head}/"), HURRIED), late);

    for head in ["content-length: 1000000", "transfer-encoding: chunked", "connection: close"] {
        let slow_body = serve(move |mut stream| {
            let _gone = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes());
            trickle(&mut stream, std::iter::repeat_n(*b"1\r\nx\r\n", usize::MAX).flatten());
        });
        assert_eq!(get(&format!("http://{slow_body}/"), HURRIED), late, "{head}");
    }

    // The head of a handshake record, and then one byte after the other.
    let endless_record = || [22, 3, 3, 64, 0, 2, 0, 63].into_iter().chain(std::iter::repeat(0));
    let slow_handshake = serve(move |mut stream| trickle(&mut stream, endless_record()));
    assert_eq!(get(&format!("https://{slow_handshake}/"), HURRIED), late);
}

#[test]
fn a_target_is_who_it_should_be_by_an_authority_that_is_trusted() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned();
    let (server, other) = (TlsServer::start(answer.clone()), TlsServer::start(answer));
    let url = format!("https://{}/", server.address);
    let ask = |roots: Option<&str>, url: &str| client(roots, HttpProxy::Direct).get(url, &[], PATIENT)?.text();
    assert_eq!(ask(Some(&server.authority), &url).as_deref(), Ok("ok"));
    for (roots, url, why) in [
        (None, url.clone(), "UnknownIssuer"),
        // Of the same name.
        (Some(other.authority.as_str()), url.clone(), "BadSignature"),
        (Some(server.authority.as_str()), url.replace("localhost", "127.0.0.1"), "not valid for name"),
    ] {
        let refused = ask(roots, &url).unwrap_err();
        assert!(matches!(&refused, HttpError::Tls(text) if text.contains(why)), "{refused:?}");
    }
}

#[test]
fn what_is_no_whole_answer_of_http_is_refused_with_a_reason() {
    for text in [
        b"SSH-2.0-OpenSSH\r\n".as_slice(),
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut off",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe",
    ] {
        let refused = get(&format!("http://{}/", serve_text(text)), PATIENT).unwrap_err();
        assert!(matches!(&refused, HttpError::Protocol(why) if !why.is_empty()), "{text:?}: {refused:?}");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = get(&format!("http://{free}/"), PATIENT).unwrap_err();
    assert!(refused.to_string().contains("refused"), "{refused}");
    for url in ["", "localhost", "ftp://localhost/", "http:///"] {
        assert_eq!(get(url, PATIENT), Err(HttpError::Url), "{url:?}");
    }
}

#[test]
fn a_connection_that_its_server_may_be_closing_is_not_used_again() {
    let (opened, connections) = channel();
    let address = serve(move |mut stream| {
        opened.send(()).unwrap();
        std::thread::spawn(move || {
            // It stays open: only its age tells.
            while read_head(&mut stream).ends_with("\r\n\r\n") {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
            }
        });
    });
    let client = client(None, HttpProxy::Direct);
    let opened_by_a_post = || {
        let answer = client.post(&format!("http://{address}/"), &[], b"", PATIENT).unwrap().text();
        assert_eq!(answer.as_deref(), Ok("ok"));
        connections.try_iter().count()
    };
    assert_eq!(opened_by_a_post(), 1);
    assert!((0..10).any(|_| opened_by_a_post() == 0), "a young one is used again");
    std::thread::sleep(MAX_IDLE_TIME);
    assert_eq!(opened_by_a_post(), 1);
}

#[test]
fn without_tls_only_this_machine_is_asked_unless_that_is_allowed() {
    let settings =
        HttpSettings { user_agent: "test", allows_http: false, root_certificates: None, proxy: HttpProxy::Direct };
    let client = HttpClient::new(&settings, Agent::from).unwrap();
    let answer = serve_text("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(client.get(&format!("http://{answer}/"), &[], PATIENT).unwrap().text().as_deref(), Ok("ok"));
    let refused = client.get("http://192.0.2.1/", &[], PATIENT);
    assert_eq!(refused.err(), Some(HttpError::PlainHttp));
}

#[test]
fn other_machines_are_reached_through_the_proxy_and_this_one_is_not() {
    let (heads, asked) = channel();
    let proxy = serve(move |mut stream| {
        heads.send(read_head(&mut stream)).unwrap();
        let _gone = stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    let url = format!("http://ada:secret@{proxy}");
    let client = client(None, HttpProxy::Url(&url));
    for (url, connect) in
        [("https://far.test/x", "CONNECT far.test:443 "), ("http://far.test:81/x", "CONNECT far.test:81 ")]
    {
        let refused = client.get(url, &[], PATIENT).err();
        assert!(matches!(&refused, Some(HttpError::Failed(why)) if why.contains("403")), "{refused:?}");
        let head = asked.recv().unwrap();
        assert!(head.starts_with(connect) && head.contains("Basic YWRhOnNlY3JldA=="), "{head}");
    }
    let tls = TlsServer::start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned());
    let refused = client.get(&format!("https://{}/", tls.address), &[], PATIENT).err();
    assert!(matches!(refused, Some(HttpError::Tls(_))), "it was asked itself: {refused:?}");
    let near = serve_text("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    for url in [format!("http://{near}/"), format!("http://{}/", near.replace("127.0.0.1", "localhost"))] {
        assert_eq!(client.get(&url, &[], PATIENT).unwrap().text().as_deref(), Ok("ok"));
    }
    assert!(asked.try_recv().is_err());
}

#[test]
fn a_proxy_is_one_that_knows_connect() {
    for (url, is_usable) in [
        ("http://10.0.0.1:3128", true),
        ("https://proxy.example.com", true),
        ("socks5://10.0.0.1", false),
        ("ftp://10.0.0.1", false),
        ("http://", false),
    ] {
        let settings =
            HttpSettings { user_agent: "", allows_http: false, root_certificates: None, proxy: HttpProxy::Url(url) };
        assert_eq!(HttpClient::new(&settings, Agent::from).is_ok(), is_usable, "{url}");
    }
}
