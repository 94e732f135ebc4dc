//! The first start, as a newcomer sees it, and the stop.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::{Serving, Tokensmith};
use crate::support::{PASSWORD, postgres};

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
    let file = printed_line(&serving, "Password: in data/first-admin-password");
    let curl = printed_line(&serving, "curl");
    assert!(curl.starts_with("curl -s http://") && !curl.contains('|'), "{curl}");
    let docs = printed_line(&serving, "/docs");
    let docs = docs.strip_prefix(&serving.base).and_then(|rest| rest.split_once(' ')).expect("the page comes first");
    assert_eq!(serving.client().get(docs.0).status, 302);
    let [create, help] = [" users create NAME ", " help "].map(|marker| printed_line(&serving, marker));
    assert!(create.starts_with('/') && help.starts_with('/'), "they can be pasted: {create} {help}");
    let issuer = printed_line(&serving, "Issuer for OpenID Connect clients: ");
    let discovered = serving.client().get("/.well-known/openid-configuration").ok();
    assert_eq!(issuer.rsplit(' ').next(), discovered["issuer"].as_str());
    let pair = paste(&command, &curl);
    let path = command.dir.path().join("data/first-admin-password");
    let password = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!file.contains(password.trim()) && !curl.contains(password.trim()), "it is in the file alone");
    assert_eq!(serving.client().login("admin", password.trim_end()).status, 200);
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
    assert_eq!(again.printed.iter().collect::<Vec<_>>(), Vec::<String>::new(), "there is one first start");
    assert!(serving.logged.iter().all(|line| !line.contains(password.trim())), "the log is no place for it");
}

/// The output of a printed command when it is pasted.
fn paste(command: &Tokensmith, line: &str) -> Value {
    let output = Command::new("sh").args(["-c", line]).current_dir(command.dir.path()).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn on_a_terminal_the_password_is_shown_there_and_in_no_file() {
    let command = Tokensmith::new().env("RUST_LOG", "off");
    let mut child = command.on_terminal(&["serve"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap().trim().to_owned());
    let password =
        lines.find_map(|line| line.strip_prefix("Password (shown this once): ").map(ToOwned::to_owned)).unwrap();
    let curl = lines.find(|line| line.contains("curl")).unwrap();
    assert!(curl.starts_with("curl -s ") && curl.contains(&password), "{curl}");
    assert_eq!(paste(&command, &curl)["user"]["username"], "admin");
    assert!(!command.dir.path().join("data/first-admin-password").exists());
    // Control-C.
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_password_goes_to_the_file_that_is_named_whatever_its_name() {
    for name in ["secret", "a folder/it's $HOME.txt", "-n"] {
        let command = Tokensmith::new().env("FIRST_ADMIN_PASSWORD_FILE", name);
        let serving = command.serve();
        let curl = printed_line(&serving, "curl");
        assert_eq!(paste(&command, &curl)["user"]["username"], "admin", "{curl}");
        assert!(command.dir.path().join(name).exists());
        let log = serving.stop();
        assert!(log.iter().any(|line| line.contains("first admin created") && line.contains("\"file\"")), "{log:?}");
    }
}

#[test]
fn the_password_is_written_beside_a_database_elsewhere() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}", folder.path().join("t.db").display());
    let command = Tokensmith::new().env("DATABASE_URL", &url);
    let serving = command.serve();
    let curl = printed_line(&serving, "curl");
    assert_eq!(paste(&command, &curl)["user"]["username"], "admin");
    assert!(folder.path().join("first-admin-password").exists());
}

#[test]
fn on_postgres_the_password_is_written_to_the_folder_data() {
    if !postgres::is_available() {
        return;
    }
    let command = Tokensmith::new().env("DATABASE_URL", &postgres::new_empty_database());
    let serving = command.serve();
    let curl = printed_line(&serving, "curl");
    assert_eq!(paste(&command, &curl)["user"]["username"], "admin");
    assert!(command.dir.path().join("data/first-admin-password").exists());
}

/// Without a readable password the account would be useless.
#[test]
fn without_a_place_for_the_password_there_is_no_admin() {
    for (name, content, why) in [
        ("kept", Some("old"), "File exists"),
        ("/proc/tokensmith", None, "No such file"),
        ("/dev/full/x", None, "Not a directory"),
    ] {
        let command = Tokensmith::new().env("FIRST_ADMIN_PASSWORD_FILE", name);
        if let Some(content) = content {
            std::fs::write(command.dir.path().join(name), content).unwrap();
        }
        let refused = command.run(&["serve"]);
        assert_eq!(refused.status.code(), Some(1));
        let expected = format!("tokensmith: cannot write the first admin's password to {name}: {why}");
        assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
        assert_eq!(command.list(&["users", "list"]), Vec::<Value>::new());
        if let Some(content) = content {
            assert_eq!(std::fs::read_to_string(command.dir.path().join(name)).unwrap(), content);
        }
    }
}

#[test]
fn a_closed_or_full_standard_output_does_not_lose_the_password() {
    for stdout in ["/dev/full", "/dev/null"] {
        let command = Tokensmith::new();
        let mut serving = command.serve_into(File::options().write(true).open(stdout).unwrap());
        let password = std::fs::read_to_string(command.dir.path().join("data/first-admin-password")).unwrap();
        assert_eq!(serving.client().login("admin", password.trim_end()).status, 200);
        serving.terminate();
        assert!(serving.wait().success());
    }
}

#[test]
fn the_log_has_no_empty_fields_and_nothing_of_the_runtime() {
    for format in ["json", "text"] {
        let command = Tokensmith::new().env("LOG_FORMAT", format);
        let serving = command.serve();
        serving.client().login("nobody", PASSWORD).problem(401, "bad_credentials");
        serving.client().get("/healthz");
        let log = serving.stop();
        assert!(log.iter().any(|line| line.contains("login_failed")) && log.len() > 4, "{log:?}");
        for line in &log {
            for empty in [r#":"""#, r#"="""#, "= ", "actix"] {
                assert!(!line.contains(empty) && !line.ends_with('='), "{line}");
            }
        }
    }
}

#[test]
fn the_runtime_is_logged_on_request() {
    let command = Tokensmith::new().env("RUST_LOG", "info,actix_server=info");
    let serving = command.serve();
    assert!(serving.stop().iter().any(|line| line.contains("actix_server") && line.contains("workers")));
}

#[test]
fn what_is_risky_is_said_at_each_start_and_at_no_other_command() {
    let command = Tokensmith::new().env("LISTEN", "0.0.0.0:0").env("CORS_ORIGINS", "*");
    for _ in 0..2 {
        let serving = command.serve();
        let log = serving.stop();
        let warnings: Vec<&String> = log.iter().filter(|line| line.contains(r#""level":"warn""#)).collect();
        assert_eq!(warnings.len(), 2, "{log:?}");
        assert!(
            warnings[0].contains("ISSUER: is reachable from this machine only")
                && warnings[1].contains("CORS_ORIGINS: any web")
        );
    }
    assert_eq!(command.run(&["users", "list"]).stderr, "");
    let command = Tokensmith::new();
    let safe = command.serve().stop();
    assert!(safe.iter().all(|line| !line.contains(r#""level":"warn""#)), "{safe:?}");
}

/// The warnings that a start logs.
fn warnings(command: &Tokensmith) -> Vec<String> {
    command.serve().stop().into_iter().filter(|line| line.contains(r#""level":"warn""#)).collect()
}

#[test]
fn a_start_without_an_active_admin_says_how_to_make_one() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let expected = "no active user has the role admin: run `tokensmith users set-roles NAME admin`";
    for (args, is_warned) in
        [(["users", "set-roles", "ada", "Admin"].as_slice(), true), (&["users", "set-roles", "ada", "admin"], false)]
    {
        assert!(command.run(args).success(), "{args:?}");
        let warned = warnings(&command);
        assert_eq!(warned.len(), usize::from(is_warned), "{args:?}: {warned:?}");
        assert!(warned.iter().all(|line| line.contains(expected)), "{warned:?}");
    }
}

#[test]
fn an_audience_that_is_a_registered_application_is_warned_of() {
    let command = Tokensmith::new();
    let create = ["clients", "create", "Notes", "--id", "notes", "--grant-type", "client_credentials"];
    assert!(command.run(&create).success());
    assert_eq!(warnings(&command), Vec::<String>::new());
    let warned = warnings(&command.env("AUDIENCE", "notes"));
    assert!(warned.iter().any(|line| line.contains("AUDIENCE names a registered application")), "{warned:?}");
}

#[test]
fn missing_keys_are_warned_of_only_if_there_were_sessions() {
    let command = Tokensmith::new();
    let create = ["users", "create", "ada", "--role", "admin", "--password-stdin"];
    assert!(command.run_with_input(&create, PASSWORD).success());
    assert_eq!(warnings(&command), Vec::<String>::new(), "the first keys");
    std::fs::remove_dir_all(command.dir.path().join("keys")).unwrap();
    let serving = command.serve();
    serving.client().login("ada", PASSWORD).ok();
    assert!(!serving.stop().iter().any(|line| line.contains("there were no signing keys")));
    std::fs::remove_dir_all(command.dir.path().join("keys")).unwrap();
    assert!(warnings(&command).iter().any(|line| line.contains("there were no signing keys")));
}

#[test]
fn an_odd_proxy_is_warned_of_once() {
    let odd = |trusted: &str, headers: &[(&str, &str)]| {
        let command = Tokensmith::new().env("TRUSTED_PROXIES", trusted);
        let serving = command.serve();
        for _ in 0..3 {
            serving.client().send("GET", "/healthz", headers, b"");
        }
        let log = serving.stop();
        log.into_iter().filter(|line| line.contains(r#""level":"warn""#)).collect::<Vec<_>>()
    };
    for (trusted, headers, expected) in [
        ("", [("x-forwarded-for", "192.0.2.7")].as_slice(), "is not in TRUSTED_PROXIES"),
        ("10.0.0.1", &[("forwarded", "for=192.0.2.7")], "is not in TRUSTED_PROXIES"),
        ("127.0.0.1", &[("x-forwarded-for", "somebody")], "sends no readable client address"),
        ("127.0.0.1", &[("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.8")], "with different addresses"),
    ] {
        let said = odd(trusted, headers);
        assert!(said.len() == 1 && said[0].contains(expected), "{headers:?}: {said:?}");
    }
    assert_eq!(odd("127.0.0.1", &[("x-forwarded-for", "192.0.2.7:80")]), Vec::<String>::new());
    assert_eq!(odd("127.0.0.1", &[]), Vec::<String>::new());
}

/// ISSUER once lost its trailing slash.
#[test]
fn a_trailing_slash_of_the_issuer_is_kept_and_ends_no_session() {
    let command = Tokensmith::new().env("ISSUER", "http://id.example");
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = command.serve();
    let before = serving.client().login("ada", PASSWORD).ok();
    serving.stop();
    let command = command.env("ISSUER", "http://id.example/");
    assert!(command.run(&["config"]).stdout.contains("\nISSUER=http://id.example/\n"));
    let serving = command.serve();
    let client = serving.client();
    let after = client.refresh(&before["refresh_token"]).ok();
    assert_eq!(client.me(&after).status, 200);
    let claims = &client.verify(&after["access_token"]).ok()["claims"];
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("http://id.example/"), &json!("http://id.example/")));
    client.verify(&before["refresh_token"]).ok();
    let next = client.refresh(&after["refresh_token"]).ok();
    assert_eq!(client.revoke(&next["refresh_token"]).status, 204);
    client.refresh(&next["refresh_token"]).problem(401, "session_ended");
    serving.stop();
    let command = command.env("ISSUER", "http://other.example/");
    let serving = command.serve();
    serving.client().refresh(&before["refresh_token"]).problem(401, "token_wrong_issuer");
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
        serving.wait_for_log("stopping: the requests in progress are finished first");
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
fn a_key_removed_from_the_folder_no_longer_verifies() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let mut serving = command.serve();
    let old = serving.client().login("ada", PASSWORD).ok();
    serving.terminate();
    assert!(serving.wait().success());
    let retired = command.list(&["keys", "list"])[0]["file"].as_str().unwrap().to_owned();
    // Under a name without an instant it is older than any other.
    let keys = command.dir.path().join("keys");
    std::fs::rename(command.dir.path().join(retired), keys.join("old.pem")).unwrap();
    let next = command.run(&["keys", "rotate"]).stdout;
    let next = next.lines().find_map(|line| line.strip_prefix("made ")).unwrap();
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
