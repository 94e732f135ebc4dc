//! Targets at forbidden addresses, or behind names that resolve to them.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::http::Uri;
use ureq::unversioned::resolver::ResolvedSocketAddrs;
use ureq::unversioned::transport::NextTimeout;

use super::*;

const LIMITS: Limits = Limits { time: Duration::from_secs(20), bytes: 1024 };

/// Represents the Internet: the settings allow it.
const PUBLIC: &str = "127.0.0.2";

fn read_head(stream: &TcpStream) {
    let lines = BufReader::new(stream).lines();
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
}

/// A server that counts connections.
struct Target {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Target {
    fn new(ip: &str, answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let (address, answer) = (listener.local_addr().unwrap(), answer.into());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                read_head(&stream);
                let _gone = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Resolves names as the test says: one answer after the other; the last one is repeated.
#[derive(Clone, Debug)]
struct Names {
    answers: Arc<Mutex<VecDeque<Vec<SocketAddr>>>>,
    lookups: Arc<AtomicUsize>,
}

impl Names {
    fn new(answers: &[&[SocketAddr]]) -> Self {
        let answers = answers.iter().map(|addresses| addresses.to_vec()).collect();
        Self { answers: Arc::new(Mutex::new(answers)), lookups: Arc::default() }
    }
}

impl Resolver for Names {
    fn resolve(&self, _: &Uri, _: &ureq::config::Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        let mut addresses = self.empty();
        for address in answer {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

fn config(vars: &[(&str, &str)]) -> Config {
    let value = |name: &str| vars.iter().find(|(var, _)| *var == name).map(|(_, value)| (*value).to_owned());
    Config::from_lookup(value).unwrap()
}

fn ask(outbound: &Outbound, url: &str) -> Result<String, HttpError> {
    outbound.get(url, &[], LIMITS)?.text()
}

fn forbidden(host: &str, address: &str) -> Result<String, HttpError> {
    Err(HttpError::Address { host: host.to_owned(), address: address.parse::<IpAddr>().unwrap() })
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn an_address_that_is_not_public_is_not_called_whether_it_has_a_name_or_not() {
    let (allowed, private) = (Target::new(PUBLIC, OK), Target::new("127.0.0.1", OK));
    let outbound = Outbound::new(&config(&[("OUTBOUND_ALLOW", PUBLIC)])).unwrap();
    assert_eq!(ask(&outbound, &format!("http://{}/", allowed.address)).as_deref(), Ok("ok"));
    let port = private.address.port();
    assert_eq!(ask(&outbound, &format!("http://127.0.0.1:{port}/")), forbidden("127.0.0.1", "127.0.0.1"));
    let by_name = ask(&outbound, &format!("http://localhost:{port}/")).unwrap_err();
    assert!(matches!(&by_name, HttpError::Address { host, address } if host == "localhost" && address.is_loopback()));
    for (host, address) in [
        ("10.0.0.1", "10.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("[::1]", "::1"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ("[64:ff9b::a00:1]", "64:ff9b::a00:1"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
    ] {
        let posted = outbound.post(&format!("https://{host}:{port}/"), &[], b"{}", LIMITS);
        assert_eq!(posted.map(|_| String::new()), forbidden(host, address));
    }
    for host in ["127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "127.0.0.1.", "0177.0.0.1"] {
        assert_eq!(ask(&outbound, &format!("https://{host}:{port}/")), Err(HttpError::Url), "{host}");
    }
    assert_eq!(private.connections(), 0);
}

#[test]
fn a_name_with_one_forbidden_address_among_others_is_not_called() {
    let (allowed, private) = (Target::new(PUBLIC, OK), Target::new("127.0.0.1", OK));
    let config = config(&[("OUTBOUND_ALLOW", PUBLIC)]);
    for both in [[allowed.address, private.address], [private.address, allowed.address]] {
        let outbound = Outbound::with_resolver(&config, Names::new(&[&both])).unwrap();
        assert_eq!(ask(&outbound, "https://two.test/"), forbidden("two.test", "127.0.0.1"));
    }
    assert_eq!((allowed.connections(), private.connections()), (0, 0));
}

#[test]
fn a_name_is_resolved_once_for_each_call_and_its_address_is_checked_each_time() {
    let (allowed, private) = (Target::new(PUBLIC, OK), Target::new("127.0.0.1", OK));
    let names = Names::new(&[&[allowed.address], &[private.address]]);
    let outbound = Outbound::with_resolver(&config(&[("OUTBOUND_ALLOW", PUBLIC)]), names.clone()).unwrap();
    // The target does not speak TLS; only the connection matters.
    let first = ask(&outbound, "https://rebinding.test/").unwrap_err();
    assert!(!matches!(first, HttpError::Address { .. }), "{first:?}");
    assert_eq!((names.lookups.load(Ordering::SeqCst), allowed.connections()), (1, 1));
    assert_eq!(ask(&outbound, "https://rebinding.test/"), forbidden("rebinding.test", "127.0.0.1"));
    assert_eq!((names.lookups.load(Ordering::SeqCst), private.connections()), (2, 0));
}

#[test]
fn a_target_that_redirects_to_this_machine_is_refused_and_this_machine_is_not_asked() {
    let private = Target::new("127.0.0.1", OK);
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", private.address);
    let target = Target::new(PUBLIC, redirect);
    // Even if both are allowed, a redirect is not followed.
    for allowed in [PUBLIC, "127.0.0.0/8"] {
        let outbound = Outbound::new(&config(&[("OUTBOUND_ALLOW", allowed)])).unwrap();
        assert_eq!(ask(&outbound, &format!("http://{}/", target.address)), Err(HttpError::Redirect(302)));
    }
    assert_eq!((target.connections(), private.connections()), (2, 0));
}

#[test]
fn without_tls_no_other_machine_is_called() {
    let outbound = Outbound::new(&config(&[])).unwrap();
    assert_eq!(ask(&outbound, "http://example.com/"), Err(HttpError::PlainHttp));
}

#[test]
fn the_proxy_may_be_private_and_is_asked_for_names_and_not_for_addresses_that_are_private() {
    let proxy = Target::new("127.0.0.1", "HTTP/1.1 403 Forbidden\r\n\r\n");
    let url = format!("http://{}", proxy.address);
    let outbound = Outbound::new(&config(&[("OUTBOUND_PROXY", &url)])).unwrap();
    let refused = ask(&outbound, "https://far.test/").unwrap_err().to_string();
    assert!(refused.contains("403"), "{refused}");
    assert_eq!(proxy.connections(), 1);
    for (host, address) in [("10.0.0.1", "10.0.0.1"), ("[::1]", "::1")] {
        assert_eq!(ask(&outbound, &format!("https://{host}/")), forbidden(host, address));
    }
    assert_eq!(ask(&outbound, "https://127.1/"), Err(HttpError::Url));
    let local = ask(&outbound, "https://localhost/").unwrap_err();
    assert!(matches!(local, HttpError::Address { .. }), "{local:?}");
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn certificate_authorities_that_cannot_be_used_are_noticed_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let path = path.to_str().unwrap();
    let problem = || Outbound::new(&config(&[("OUTBOUND_CA_FILE", path)])).err().unwrap();
    assert!(problem().contains("No such file"), "{}", problem());
    for content in ["", "garbage", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"] {
        std::fs::write(path, content).unwrap();
        assert!(!problem().is_empty());
    }
}
