//! What the command line prints and where it goes: tables, JSON, questions, pipes that are closed and disks that are full.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::json;

use crate::cli::{fails_with, with_ada};
use crate::support::ports::free_port;
use crate::support::process::Tokensmith;
use crate::support::{Engine, PASSWORD};

both_engines!(lists_are_tables_with_headers, json_is_what_the_api_shows, a_delete_is_confirmed_or_not_done);

fn lists_are_tables_with_headers(engine: Engine) {
    let command = with_ada(engine);
    let serving = command.serve();
    let client = serving.client();
    let headers = [("content-type", "application/json"), ("user-agent", "Téléphone \u{9b}2J")];
    let body = json!({"username": "ada", "password": PASSWORD, "label": "my laptop"}).to_string();
    let pair = client.send("POST", "/v1/tokens", &headers, body.as_bytes()).ok();
    client.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "nightly backup"})));
    let tables: [(&[&str], &str); 5] = [
        (&["users", "list"], "ID USERNAME STATE E-MAIL NAME ROLES CREATED"),
        (&["users", "sessions", "ada"], "ID STATE WHY ENDED OPENED REFRESHED APPLICATION FROM LABEL USER AGENT"),
        (&["users", "api-tokens", "ada"], "ID STATE NAME SCOPES ROLES CREATED EXPIRES USED"),
        (&["keys", "list"], "STATE ALG KID SIGNS FROM UNTIL REMOVED ENCRYPTED FILE"),
        (&["audit"], "TIME EVENT USER USER ID BY SESSION FROM REQUEST DETAIL"),
    ];
    for (args, expected) in tables {
        let shown = command.run(args).stdout;
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>().join(" "), expected);
        assert!(lines.len() > 1, "{shown}");
        assert!(lines.iter().all(|line| line.trim_end() == *line), "{shown}");
        // Each column begins where its header does.
        let starts = lines[0].match_indices("  ").map(|(at, gap)| at + gap.len());
        let starts = starts.filter(|at| lines[0].as_bytes().get(*at).is_some_and(|b| *b != b' '));
        for (at, line) in starts.flat_map(|at| lines[1..].iter().map(move |line| (at, line))) {
            let around: Vec<char> = line.chars().skip(at - 2).take(3).collect();
            assert!(matches!(around.as_slice(), [' ', ' ', after] if *after != ' '), "column {at}: {shown}");
        }
        assert!(!shown.contains('\u{9b}'), "{shown}");
    }
}

#[test]
fn an_empty_list_is_its_header_or_an_empty_array() {
    let command = Tokensmith::new();
    assert!(command.run(&["migrate"]).success());
    fs::create_dir(command.dir.path().join("keys")).unwrap();
    for (args, first) in [(["users", "list"], "ID "), (["keys", "list"], "STATE "), (["audit", "--limit=9"], "TIME ")] {
        let shown = command.run(&args).stdout;
        assert!(shown.starts_with(first) && shown.lines().count() == 1, "{shown}");
        assert!(command.list(&args).is_empty());
    }
}

#[test]
fn wrong_usage_says_what_is_right() {
    let command = Tokensmith::new();
    for (args, expected) in [
        (["audit", "--event", "nope"].as_slice(), "login_failed"),
        (&["hash", "calibrate", "--milliseconds", "0"], "expected a whole number from 1 to 65535"),
        (&["hash", "calibrate", "--milliseconds", "65536"], "expected a whole number from 1 to 65535"),
        (&["users", "create", "ada"], "use --password-stdin"),
    ] {
        let refused = command.run(args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
    fails_with(
        &command.run(&["keys", "list"]),
        "tokensmith: keys: there is no such folder; serve and keys rotate create it",
    );
}

#[test]
fn config_warns_as_a_start_does() {
    let command = Tokensmith::new().env("TRUSTED_PROXIES", "0.0.0.0/0").env("LISTEN", "127.0.0.1:9090");
    for args in [["config"].as_slice(), &["config", "--json"]] {
        let said = command.run(args).stderr;
        let starts =
            ["tokensmith: warning: ISSUER: is still http://127.0.0.1:8080", "tokensmith: warning: TRUSTED_PROXIES: "];
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.lines().zip(starts).all(|(line, start)| line.starts_with(start)), "{said}");
    }
}

fn json_is_what_the_api_shows(engine: Engine) {
    let command = with_ada(engine);
    assert!(command.run(&["users", "set-roles", "ada", "admin"]).success());
    let serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    client.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "nightly backup"})));
    let lists: [(&[&str], &str, &str, &[&str]); 5] = [
        (&["users", "list"], "/v1/admin/users", "users", &[]),
        (&["users", "sessions", "ada"], "/v1/sessions", "sessions", &["current"]),
        (&["users", "api-tokens", "ada"], "/v1/api-tokens", "api_tokens", &[]),
        (&["keys", "list"], "/v1/admin/keys", "keys", &["file"]),
        (&["audit"], "/v1/admin/audit", "events", &["username", "actor_username"]),
    ];
    for (args, path, member, apart) in lists {
        let mut shown = json!(command.list(args));
        let mut expected = client.ask_as("GET", path, &pair, None).ok()[member].take();
        for object in shown.as_array_mut().unwrap().iter_mut().chain(expected.as_array_mut().unwrap()) {
            object.as_object_mut().unwrap().retain(|name, _| !apart.contains(&name.as_str()));
        }
        assert_eq!(shown, expected, "{args:?}");
        assert!(!shown.as_array().unwrap().is_empty());
    }
}

fn a_delete_is_confirmed_or_not_done(engine: Engine) {
    let command = with_ada(engine);
    let unasked = command.run(&["users", "delete", "ada"]);
    assert_eq!((unasked.status.code(), unasked.stdout.as_str()), (Some(2), ""));
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    for no in ["n\n", "\n", "nay\n", "\u{4}"] {
        let declined = command.run_on_terminal(&["users", "delete", "ada"], no);
        assert_eq!(declined.status.code(), Some(1), "{no:?}");
        assert!(declined.stdout.contains("Delete ada with all sessions and API tokens? [y/N]"), "{}", declined.stdout);
        assert!(declined.stdout.contains("nothing was changed"), "{}", declined.stdout);
    }
    assert_eq!(command.list(&["users", "list"]).len(), 1);
    let deleted = command.run_on_terminal(&["users", "delete", "ada"], "y\n");
    assert!(deleted.success());
    assert!(deleted.stdout.ends_with("deleted ada; 0 sessions ended\n"), "{}", deleted.stdout);
    assert!(command.list(&["users", "list"]).is_empty());
}

#[test]
fn an_emergency_is_confirmed_or_not_done() {
    let command = Tokensmith::new();
    assert!(command.run(&["keys", "rotate"]).success());
    let kid = || command.list(&["keys", "list"])[0]["kid"].clone();
    let before = kid();
    let emergency = ["keys", "rotate", "--emergency"];
    let unasked = command.run(&emergency);
    assert_eq!((unasked.status.code(), unasked.stdout.as_str()), (Some(2), ""));
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(command.run_on_terminal(&emergency, "no\n").status.code(), Some(1));
    assert_eq!(kid(), before);
    assert!(command.run_on_terminal(&emergency, "YES\n").success());
    assert_ne!(kid(), before);
    assert_eq!(command.run(&["keys", "rotate", "--yes"]).status.code(), Some(2), "it means nothing there");
}

/// Commands that print something, one of each kind.
fn talkative() -> (Tokensmith, Vec<Vec<&'static str>>) {
    let command = with_ada(Engine::Sqlite);
    assert!(command.run(&["keys", "rotate"]).success());
    let commands: [&[&str]; 18] = [
        &["--help"],
        &["--version"],
        &["help", "users"],
        &["users", "list", "--help"],
        &["config"],
        &["config", "--json"],
        &["config", "--env-example"],
        &["users", "list"],
        &["users", "list", "--json"],
        &["users", "disable", "ada"],
        &["users", "set-roles", "ada"],
        &["keys", "list"],
        &["keys", "list", "--json"],
        &["keys", "rotate", "--alg", "EdDSA"],
        &["keys", "rotate", "--emergency", "--yes"],
        &["audit"],
        &["migrate"],
        &["purge"],
    ];
    (command, commands.map(<[_]>::to_vec).to_vec())
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let (command, commands) = talkative();
    for args in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let finished = command.run_into(&args, writer, Stdio::piped());
        let said: Vec<&str> = finished.stderr.lines().filter(|line| !line.starts_with('{')).collect();
        assert_eq!((finished.status.code(), said), (Some(0), Vec::new()), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure_with_a_reason() {
    let (command, commands) = talkative();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for args in commands {
        let finished = command.run_into(&args, full(), Stdio::piped());
        assert_eq!(finished.status.code(), Some(1), "{args:?}");
        let expected = "tokensmith: standard output: No space left on device";
        assert!(finished.stderr.lines().last().unwrap().starts_with(expected), "{args:?}: {}", finished.stderr);
    }
    // When the message cannot be written, only the exit code reports the failure.
    for (args, code) in [
        (["frobnicate"].as_slice(), 2),
        (&["users", "delete", "ada"], 2),
        (&["users", "disable", "nobody"], 1),
        (&["audit", "--event", "logon"], 2),
    ] {
        assert_eq!(command.run_into(args, full(), full()).status.code(), Some(code), "{args:?}");
    }
    fs::write(command.dir.path().join(".env"), "UNKNOWN=1\n").unwrap();
    assert_eq!(command.run_into(&["config"], Stdio::null(), full()).status.code(), Some(0));
}

/// A listener that sends this response, if there is one.
fn listener(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            if let Some(answer) = answer {
                let _gone = stream.read(&mut [0; 1_024]).and_then(|_| stream.write_all(answer.as_bytes()));
            } else {
                std::mem::forget(stream);
            }
        }
    });
    address
}

#[test]
fn healthcheck_tells_by_its_exit_code_whether_the_service_is_ready() {
    let port = free_port();
    let command = Tokensmith::new().env("LISTEN", &format!("0.0.0.0:{port}"));
    fails_with(&command.run(&["healthcheck"]), &format!("http://127.0.0.1:{port}/readyz: Connection refused"));
    let serving = command.serve();
    for (args, expected) in [(["healthcheck"].as_slice(), "ready\n"), (&["healthcheck", "--live"], "alive\n")] {
        let healthy = command.run(args);
        assert_eq!((healthy.status.code(), healthy.stdout.as_str()), (Some(0), expected), "{}", healthy.stderr);
    }
    drop(serving);
    for (answer, expected) in [
        (Some("HTTP/1.1 503 Service Unavailable\r\n\r\n"), "the answer is 503"),
        (
            Some("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"code\":\"database_unavailable\",\"detail\":\"gone\"}"),
            "the answer is 503 (database_unavailable: gone)",
        ),
        (Some("HTTP/1.1 302 Found\r\n\r\n"), "the answer is 302"),
        (Some("SSH-2.0-OpenSSH\r\n"), "does not speak HTTP"),
        (Some(""), "does not speak HTTP"),
        (None, "timed out"),
    ] {
        let command = Tokensmith::new().env("LISTEN", &listener(answer));
        fails_with(&command.run(&["healthcheck"]), expected);
    }
}
