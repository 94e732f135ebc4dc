//! The log as its reader sees it: whole lines, none lost when the service stops, and a reader that stops holds up nothing.

use std::io::BufRead as _;
use std::time::Duration;

use serde_json::Value;

use crate::support::PASSWORD;
use crate::support::process::Tokensmith;

/// Its line is so long that some hundred of them are more than a log keeps for its reader.
fn long_path() -> String {
    format!("/v1/{}", "x".repeat(8_000))
}

const MANY: usize = 300;

fn are_requests(lines: &[Value], path: &str) -> usize {
    lines.iter().filter(|line| line["message"] == "request" && line["path"] == path).count()
}

#[test]
fn the_lines_of_requests_are_there_when_the_service_has_stopped() {
    let serving = Tokensmith::new().serve();
    let client = serving.client();
    for _ in 0..20 {
        client.get("/v1/me").problem(401, "access_token_missing");
    }
    let lines: Vec<Value> = serving.stop().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(are_requests(&lines, "/v1/me"), 20);
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

#[test]
fn requests_are_answered_while_the_log_is_not_read_and_what_was_left_out_is_told() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let (mut serving, mut log) = command.serve_unheard();
    let client = serving.client();
    for _ in 0..MANY {
        client.get(&long_path()).problem(404, "not_found");
    }
    for _ in 0..3 {
        client.login("ada", "the-wrong-password").problem(401, "bad_credentials");
    }
    // Reads the log again.
    let mut lines: Vec<Value> = Vec::new();
    let mut line = String::new();
    let mut left_out = 0;
    while left_out == 0 {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it is told");
        lines.push(serde_json::from_str(&line).unwrap());
        left_out = lines.last().unwrap()["lines"].as_u64().unwrap_or(0);
    }
    assert_eq!(lines.last().unwrap()["level"], "error");
    serving.terminate();
    let rest = log.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
    lines.extend(rest);
    assert!(serving.wait_for(Duration::from_secs(30)).success());
    let requests = are_requests(&lines, &long_path()) + are_requests(&lines, "/v1/tokens");
    assert_eq!(requests + usize::try_from(left_out).unwrap(), MANY + 3);
    assert!(requests < MANY);
    assert_eq!(lines.iter().filter(|line| line["event"] == "login_failed").count(), 3, "no event is left out");
    assert_eq!(lines.last().unwrap()["message"], "stopped");
}

#[test]
fn the_service_stops_even_if_its_log_is_not_read() {
    for signals in [1, 2] {
        let (mut serving, log) = Tokensmith::new().env("SHUTDOWN_TIMEOUT", "1s").serve_unheard();
        let client = serving.client();
        for _ in 0..MANY {
            client.get(&long_path()).problem(404, "not_found");
        }
        for _ in 0..signals {
            serving.terminate();
        }
        serving.wait_for(Duration::from_secs(30));
        drop(log);
    }
}
