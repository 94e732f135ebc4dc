//! `GET /metrics`, on its separate address.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::ports::free_port;
use crate::support::process::{Serving, Tokensmith};
use crate::support::{Client, Engine, PASSWORD};
use crate::verifier::wait_until;

both_engines!(what_has_happened_is_counted_and_what_is_now_is_measured, metrics_contain_no_user_and_no_token);

/// A service process and its metrics.
struct Measured {
    _command: Tokensmith,
    serving: Serving,
    metrics: Client,
}

const USERNAME: &str = "lovelace";

fn measured(engine: Engine) -> Measured {
    let address = format!("127.0.0.1:{}", free_port());
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    let command = command.env("DATABASE_URL", &url).env("METRICS_LISTEN", &address).env("REFRESH_SETTLE_WINDOW", "0s");
    let create = ["users", "create", USERNAME, "--password-stdin"];
    assert!(command.run_with_input(&create, PASSWORD).success());
    let serving = command.serve();
    Measured { _command: command, serving, metrics: Client::new(&format!("http://{address}")) }
}

impl Measured {
    /// The value of the sample with this name and these labels.
    #[track_caller]
    fn value(&self, sample: &str) -> i64 {
        let text = self.text();
        let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{sample} is not in {text}")).parse().unwrap()
    }

    fn text(&self) -> String {
        let answer = self.metrics.get("/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{answer:?}");
        assert!(answer.body.ends_with("# EOF\n"), "{answer:?}");
        answer.body
    }
}

/// Status and body of a URL that is not in the description.
fn raw(base: &str, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// An API token of the logged-in user, and the token it is exchanged for.
fn script(client: &Client, pair: &Value) -> (Value, Value) {
    let answer = client.ask_as("POST", "/v1/api-tokens", pair, Some(&json!({"name": "backup"})));
    assert_eq!(answer.status, 201, "{answer:?}");
    let made = answer.json();
    let authorization = format!("Token {}", made["key"].as_str().unwrap());
    let exchanged = client.ask("POST", "/v1/api-tokens/exchange", &authorization, None).ok();
    (made, exchanged)
}

fn what_has_happened_is_counted_and_what_is_now_is_measured(engine: Engine) {
    let service = measured(engine);
    let client = service.serving.client();
    let first = client.login(USERNAME, PASSWORD).ok();
    client.login(USERNAME, "not her password").problem(401, "bad_credentials");
    let second = client.refresh(&first["refresh_token"]).ok();
    client.refresh(&first["refresh_token"]).ok();
    client.refresh(&second["refresh_token"]).ok();
    assert_eq!(service.value("tokensmith_denylist_entries"), 0);
    client.refresh(&first["refresh_token"]).problem(401, "refresh_token_reused");
    client.refresh(&first["refresh_token"]).problem(401, "session_ended");
    let other = client.login(USERNAME, PASSWORD).ok();
    script(&client, &other);
    let session = format!("/v1/sessions/{}", other["session_id"].as_str().unwrap());
    assert_eq!(client.ask_as("DELETE", &session, &other, None).status, 204);
    let last = client.login(USERNAME, PASSWORD).ok();
    assert_eq!(client.revoke(&last["refresh_token"]).status, 204);
    client.get("/healthz").ok();

    for (sample, expected) in [
        (r#"tokensmith_logins_total{name="succeeded"}"#, 3),
        (r#"tokensmith_logins_total{name="bad_credentials"}"#, 1),
        (r#"tokensmith_refreshes_total{name="rotated"}"#, 2),
        (r#"tokensmith_refreshes_total{name="retried"}"#, 1),
        (r#"tokensmith_refreshes_total{name="reused"}"#, 1),
        (r#"tokensmith_refreshes_total{name="refused"}"#, 1),
        ("tokensmith_api_token_exchanges_total", 1),
        (r#"tokensmith_security_events_total{name="login"}"#, 3),
        (r#"tokensmith_security_events_total{name="login_failed"}"#, 1),
        (r#"tokensmith_security_events_total{name="refresh_token_reused"}"#, 1),
        (r#"tokensmith_security_events_total{name="api_token_created"}"#, 1),
        (r#"tokensmith_http_requests_total{method="POST",route="/v1/tokens",status="200"}"#, 3),
        (r#"tokensmith_http_requests_total{method="POST",route="/v1/tokens",status="401"}"#, 1),
        (r#"tokensmith_http_requests_total{method="POST",route="/v1/tokens/refresh",status="200"}"#, 3),
        (r#"tokensmith_http_requests_total{method="POST",route="/v1/tokens/refresh",status="401"}"#, 2),
        (r#"tokensmith_http_requests_total{method="DELETE",route="/v1/sessions/{id}",status="204"}"#, 1),
        (r#"tokensmith_http_request_duration_seconds_count{method="POST",route="/v1/tokens"}"#, 4),
        ("tokensmith_denylist_entries", 3),
        ("tokensmith_denylist_readers", 0),
        ("tokensmith_password_hashes_under_way", 0),
        ("tokensmith_foreign_password_hashes", 0),
        ("tokensmith_refreshes_waiting", 0),
    ] {
        assert_eq!(service.value(sample), expected, "{sample}");
    }
    // Background tasks take one for a moment, and give it back.
    let connections = |which: &str| service.value(&format!("tokensmith_database_connections{{name=\"{which}\"}}"));
    wait_until("each connection is given back", || connections("busy") == 0);
    wait_until("those that were given back are kept", || connections("idle") >= 1);
    let jwks = client.get("/.well-known/jwks.json").ok();
    let kid = jwks["keys"][0]["kid"].as_str().unwrap();
    let age = service.text();
    let age = age.lines().find(|line| line.starts_with("tokensmith_signing_key_age_seconds{") && line.contains(kid));
    assert!(age.is_some_and(|line| line.contains(r#"alg="ES256""#) && line.contains(r#"state="active""#)), "{age:?}");
}

fn metrics_contain_no_user_and_no_token(engine: Engine) {
    let service = measured(engine);
    let client = service.serving.client();
    let pair = client.login(USERNAME, PASSWORD).ok();
    let (made, exchanged) = script(&client, &pair);
    let id = pair["user"]["id"].as_str().unwrap();
    client.ask_as("DELETE", &format!("/v1/sessions/{id}"), &pair, None).problem(404, "session_not_found");
    client.get_as(&format!("/v1/me?access_token={id}"), pair["access_token"].as_str().unwrap()).ok();
    client.get("/no-such-path").problem(404, "not_found");
    assert_eq!(raw(&service.serving.base, "NONSENSE", "/healthz").0, 405);
    let text = service.text();
    assert_eq!(service.value(r#"tokensmith_http_requests_total{method="other",route="/healthz",status="405"}"#), 1);
    assert_eq!(service.value(r#"tokensmith_http_requests_total{method="GET",route="unmatched",status="404"}"#), 1);
    let secrets = [&pair["access_token"], &pair["refresh_token"], &made["key"], &exchanged["access_token"]];
    let names = [&pair["user"]["id"], &pair["session_id"], &made["id"]];
    for value in secrets.into_iter().chain(names) {
        assert!(!text.contains(value.as_str().unwrap()), "{value} is in {text}");
    }
    for value in [USERNAME, "127.0.0.1", "no-such-path", "NONSENSE", "access_token=", "backup"] {
        assert!(!text.contains(value), "{value} is in {text}");
    }
}

#[test]
fn metrics_and_everything_else_are_at_different_addresses() {
    let service = measured(Engine::Sqlite);
    service.serving.client().get("/metrics").problem(404, "not_found");
    for path in ["/", "/healthz", "/readyz", "/v1/me", "/openapi.json", "/docs", "/.well-known/jwks.json", "/metrics/"]
    {
        assert_eq!(raw(service.metrics.base(), "GET", path), (404, String::new()), "{path}");
    }
    assert_eq!(raw(service.metrics.base(), "POST", "/v1/tokens"), (404, String::new()));
    assert_ne!(raw(service.metrics.base(), "POST", "/metrics").0, 200);
}

/// What the service logs until it serves.
fn log_of_the_start(vars: &[(&str, &str)]) -> Vec<Value> {
    let dir = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokensmith"));
    command.arg("serve").env_clear().env("LISTEN", "127.0.0.1:0").env("LOG_FORMAT", "json").envs(vars.iter().copied());
    let mut child = command.current_dir(dir.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        lines.push(serde_json::from_str::<Value>(&line.unwrap()).unwrap_or_default());
        if lines.last().is_some_and(|line| line["message"] == "serving") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

#[test]
fn metrics_are_served_only_where_they_are_asked_for_and_the_log_says_where() {
    let addresses = |vars: &[(&str, &str)]| {
        let lines = log_of_the_start(vars);
        assert!(lines.iter().any(|line| line["message"] == "serving"), "{lines:?}");
        let metrics = lines.into_iter().filter(|line| line["message"] == "serving metrics");
        metrics.map(|line| line["address"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(addresses(&[]).is_empty());
    let [one] = &addresses(&[("METRICS_LISTEN", "127.0.0.1:0")])[..] else { panic!("one line says where") };
    assert!(one.starts_with("127.0.0.1:") && one != "127.0.0.1:0", "{one}");
}

#[test]
fn an_address_that_is_taken_stops_the_start_and_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = Tokensmith::new().env("METRICS_LISTEN", &address).run(&["serve"]);
    assert_eq!(finished.status.code(), Some(1));
    assert!(finished.stderr.contains("METRICS_LISTEN") && finished.stderr.contains(&address), "{}", finished.stderr);
}
