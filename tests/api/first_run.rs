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
    for signal in ["-TERM", "-INT"] {
        let command = Tokensmith::new();
        assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
        let mut serving = command.serve();
        let body = json!({"username": "ada", "password": PASSWORD}).to_string();
        let mut stream = TcpStream::connect(serving.base.trim_start_matches("http://")).unwrap();
        let head = "POST /v1/tokens HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue";
        stream.write_all(format!("{head}\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
        // Its handler has asked for the body: the request is under way.
        let mut interim = [0; 25];
        stream.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        serving.signal(signal);
        serving.wait_for_log("stopping: the requests under way are answered first");
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(serving.wait().success());
    }
}

#[test]
fn no_secret_and_no_address_of_a_user_is_ever_logged() {
    let command = Tokensmith::new().env("RUST_LOG", "debug");
    let create = ["users", "create", "ada", "--email", "ada@example.com", "--password-stdin"];
    let created = command.run_with_input(&create, PASSWORD);
    let mut serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    client.login("ada", "the-wrong-password").problem(401, "bad_credentials");
    client.me(&pair).ok();
    let next = client.refresh(&pair["refresh_token"]).ok();
    client.get(&format!("/v1/me?access_token={}", next["access_token"].as_str().unwrap()));
    client.verify(&next["access_token"]).ok();
    client.revoke(&next["refresh_token"]);
    client.refresh(&next["refresh_token"]).problem(401, "session_ended");
    serving.terminate();
    assert!(serving.wait().success());
    let log: Vec<String> = serving.logged.iter().collect();
    assert!(log.iter().any(|line| line.contains("/v1/tokens/refresh")), "it logs at all");
    let mut secrets = vec![PASSWORD, "the-wrong-password", "ada@example.com"];
    secrets.extend(
        [&pair, &next].into_iter().flat_map(|p| [p["access_token"].as_str(), p["refresh_token"].as_str()]).flatten(),
    );
    for line in log.iter().map(String::as_str).chain(created.stderr.lines()) {
        assert!(secrets.iter().all(|secret| !line.contains(secret)), "{line}");
    }
}

#[test]
fn a_key_that_was_taken_out_of_the_folder_verifies_nothing_any_more() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let mut serving = command.serve();
    let old = serving.client().login("ada", PASSWORD).ok();
    serving.terminate();
    assert!(serving.wait().success());
    let retired = command.run(&["keys", "list"]).stdout.trim_end().rsplit('\t').next().unwrap().to_owned();
    // Under a name without an instant it is older than any other.
    let keys = command.dir.path().join("keys");
    std::fs::rename(command.dir.path().join(retired), keys.join("old.pem")).unwrap();
    let next = command.run(&["keys", "rotate"]).stdout;
    let next = next.lines().find_map(|line| line.strip_prefix("made\t")).unwrap();
    // One whose time has come.
    let kid = next.rsplit('-').next().unwrap();
    std::fs::rename(command.dir.path().join(next), keys.join(format!("20260101T000000Z-ES256-{kid}"))).unwrap();

    let mut serving = command.serve();
    let new = serving.client().refresh(&old["refresh_token"]).ok();
    assert_eq!(serving.client().me(&old).status, 200, "both keys are in the folder");
    serving.terminate();
    assert!(serving.wait().success());
    std::fs::remove_file(keys.join("old.pem")).unwrap();

    let serving = command.serve();
    serving.client().me(&old).problem(401, "token_unknown_key");
    serving.client().refresh(&old["refresh_token"]).problem(401, "token_unknown_key");
    assert_eq!(serving.client().me(&new).status, 200);
    serving.client().refresh(&new["refresh_token"]).ok();
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
