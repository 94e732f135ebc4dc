//! The first start, as a newcomer sees it, and the stop.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::process::{Serving, Tokensmith};

fn printed_line(serving: &Serving, marker: &str) -> String {
    loop {
        let line = serving.printed.recv_timeout(Duration::from_secs(30)).expect("it is printed");
        if line.contains(marker) {
            return line.trim().to_owned();
        }
    }
}

#[test]
fn the_first_start_makes_everything_and_prints_a_curl_that_gets_a_token_pair() {
    let command = Tokensmith::new();
    let mut serving = command.serve();
    let curl = printed_line(&serving, "curl");
    let output = Command::new("sh").args(["-c", &curl]).output().unwrap();
    let pair: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(pair["user"]["username"], "admin");
    assert_eq!(pair["user"]["roles"], json!(["admin"]));
    assert_eq!(serving.client().me(&pair).status, 200);
    assert!(command.dir.path().join("data/tokensmith.db").exists());
    assert_eq!(
        std::fs::read_dir(command.dir.path().join("keys"))
            .unwrap()
            .filter(|e| { e.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "pem") })
            .count(),
        1
    );
    serving.terminate();
    assert!(serving.wait().success());

    let mut again = command.serve();
    let refreshed = again.client().refresh(&pair["refresh_token"]).ok();
    assert_eq!(again.client().me(&refreshed).status, 200, "tokens survive a restart");
    again.terminate();
    assert!(again.wait().success());
    assert_eq!(again.printed.iter().collect::<Vec<_>>(), Vec::<String>::new(), "the password is shown once");
}

#[test]
fn a_database_with_users_gets_no_admin() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let mut serving = command.serve();
    serving.client().login("admin", PASSWORD).problem(401, "bad_credentials");
    serving.terminate();
    assert!(serving.wait().success());
    assert_eq!(serving.printed.iter().count(), 0);
    assert!(command.run(&["users", "list"]).stdout.contains("ada"));
    assert!(!command.run(&["users", "list"]).stdout.contains("admin"));
}

#[test]
fn a_request_under_way_is_answered_before_the_service_stops() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let mut serving = command.serve();
    let body = json!({"username": "ada", "password": PASSWORD}).to_string();
    let mut stream = TcpStream::connect(serving.base.trim_start_matches("http://")).unwrap();
    let length = body.len();
    let (first, rest) = body.split_at(10);
    let head = format!(
        "POST /v1/tokens HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{first}").as_bytes()).unwrap();
    // The request is being read as soon as another one on a later connection is answered.
    assert_eq!(serving.client().get("/healthz").status, 200);
    serving.terminate();
    serving.wait_for_log("SIGTERM received; starting graceful shutdown");
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(serving.wait().success());
}

#[test]
fn an_acknowledged_rotation_survives_a_kill() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let mut serving = command.serve();
    let first = serving.client().login("ada", PASSWORD).ok();
    let second = serving.client().refresh(&first["refresh_token"]).ok();
    serving.kill();
    let serving = command.serve();
    let retried = serving.client().refresh(&first["refresh_token"]).ok();
    assert_eq!(retried["refresh_token"], second["refresh_token"]);
}
