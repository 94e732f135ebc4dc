//! Authenticator apps: setting one up, removing it, who may, and what the database holds of it.

use std::fs;

use serde_json::{Value, json};

use crate::api_tokens::{header, make};
use crate::support::cluster::bin_dir;
use crate::support::process::Tokensmith;
use crate::support::totp::{Enrolled, challenge, code, decoded, enrol, enrolled, go_on, login, texts};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    an_app_is_set_up_when_a_code_of_it_was_shown,
    wrong_codes_are_limited_and_recorded_when_an_app_is_confirmed_as_well,
    an_app_that_is_set_up_works_until_another_one_is_confirmed,
    a_user_removes_the_app_and_logs_in_with_the_password_alone,
    new_recovery_codes_void_the_old_ones,
    a_session_without_the_second_factor_changes_nothing_of_it,
    an_api_token_changes_nothing_of_it,
    an_administrator_resets_the_second_factors_of_a_user,
    the_command_line_resets_the_second_factors_of_a_user,
    the_database_holds_no_secret_in_clear,
    a_secret_that_was_moved_to_another_user_does_not_open,
    without_the_data_key_codes_cannot_be_checked_and_recovery_codes_can,
    with_another_data_key_a_secret_is_encrypted_anew_when_it_is_used,
    an_emergency_rotation_leaves_second_factors_as_they_are,
);

/// The access token of a session that has authenticated just now, with the second factor.
fn fresh(app: &TestApp, secret: &str) -> Value {
    app.advance(30);
    login(app, "ada", secret)
}

fn an_app_is_set_up_when_a_code_of_it_was_shown(engine: Engine) {
    let app = TestApp::start_with(engine, &[("PAGE_NAME", "Notes & more")]);
    let pair = app.logged_in("ada");
    let begun = app.ask_as("POST", "/v1/me/totp", &pair, Some(&json!({}))).ok();
    let secret = begun["secret"].as_str().unwrap();
    assert_eq!(decoded(secret).len(), 20);
    let uri = format!("otpauth://totp/Notes%20%26%20more:ada?secret={secret}&issuer=Notes%20%26%20more");
    assert_eq!(begun["uri"], uri);
    assert!(begun["qr_svg"].as_str().unwrap().starts_with("<svg"));
    app.login("ada", PASSWORD).ok();
    let confirm = |code: &str| app.ask_as("POST", "/v1/me/totp/confirm", &pair, Some(&json!({"code": code})));
    confirm("000000").problem(401, "wrong_otp");
    app.login("ada", PASSWORD).ok();
    let codes = texts(&confirm(&code(&app, secret)).ok()["recovery_codes"]);
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| code.len() == 19), "{codes:?}");
    app.login("ada", PASSWORD).problem(401, "second_factor_required");
    // Nothing waits any more.
    confirm(&code(&app, secret)).problem(401, "wrong_otp");
    for name in ["factor_added", "recovery_codes_made"] {
        assert_eq!(app.number(&format!("select count(*) from audit_events where name = '{name}'")), 1, "{name}");
    }
    // The session in which it was goes on.
    assert_eq!(app.refresh(&pair["refresh_token"]).status, 200);
}

fn wrong_codes_are_limited_and_recorded_when_an_app_is_confirmed_as_well(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let begun = app.ask_as("POST", "/v1/me/totp", &pair, Some(&json!({}))).ok();
    let secret = begun["secret"].as_str().unwrap();
    let confirm = |code: &str| app.ask_as("POST", "/v1/me/totp/confirm", &pair, Some(&json!({"code": code})));
    for _ in 0..5 {
        confirm("12345").problem(401, "wrong_otp");
    }
    let refused = confirm(&code(&app, secret));
    refused.problem(429, "too_many_failures");
    assert!(!refused.header("retry-after").is_empty());
    let recorded = "select count(*) from audit_events where name = 'second_factor_failed' and user_id is not null";
    assert_eq!(app.number(recorded), 5);
    app.advance(300);
    let pair = app.login("ada", PASSWORD).ok();
    let confirmed = app.ask_as("POST", "/v1/me/totp/confirm", &pair, Some(&json!({"code": code(&app, secret)})));
    assert_eq!(texts(&confirmed.ok()["recovery_codes"]).len(), 10);
}

fn an_app_that_is_set_up_works_until_another_one_is_confirmed(engine: Engine) {
    let app = TestApp::start(engine);
    let old = enrolled(&app, "ada", &[]);
    let pair = fresh(&app, &old.secret);
    let begun = app.ask_as("POST", "/v1/me/totp", &pair, Some(&json!({}))).ok();
    let pair = fresh(&app, &old.secret);
    let new = begun["secret"].as_str().unwrap();
    let body = json!({"code": code(&app, new)});
    app.ask_as("POST", "/v1/me/totp/confirm", &pair, Some(&body)).ok();
    app.advance(30);
    go_on(&app, &challenge(&app, "ada"), &code(&app, &old.secret)).problem(401, "wrong_otp");
    go_on(&app, &challenge(&app, "ada"), &code(&app, new)).ok();
    let body = json!({"challenge": challenge(&app, "ada"), "recovery_code": old.recovery_codes[0]});
    app.post("/v1/tokens/continue", &body).problem(401, "wrong_recovery_code");
}

fn a_user_removes_the_app_and_logs_in_with_the_password_alone(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, pair, .. } = enrolled(&app, "ada", &[]);
    // In the session in which it was set up, it was shown.
    assert_eq!(app.ask_as("DELETE", "/v1/me/totp", &pair, None).status, 204);
    let pair = app.login("ada", PASSWORD).ok();
    app.ask_as("DELETE", "/v1/me/totp", &pair, None).problem(404, "factor_not_found");
    app.ask_as("POST", "/v1/me/recovery-codes", &pair, None).problem(404, "factor_not_found");
    assert_eq!(app.number("select count(*) from audit_events where name = 'factor_removed'"), 1);
    assert_eq!(app.number("select count(*) from recovery_codes"), 0);
    let (again, _) = enrol(&app, &pair);
    assert_ne!(again, secret);
    let pair = fresh(&app, &again);
    app.advance(601);
    app.ask_as("DELETE", "/v1/me/totp", &app.refresh(&pair["refresh_token"]).ok(), None)
        .problem(401, "reauthentication_required");
}

fn new_recovery_codes_void_the_old_ones(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, recovery_codes: old, .. } = enrolled(&app, "ada", &[]);
    let pair = fresh(&app, &secret);
    let new = texts(&app.ask_as("POST", "/v1/me/recovery-codes", &pair, None).ok()["recovery_codes"]);
    assert_eq!(new.len(), 10);
    let recover = |code: &str| {
        app.post("/v1/tokens/continue", &json!({"challenge": challenge(&app, "ada"), "recovery_code": code}))
    };
    recover(&old[0]).problem(401, "wrong_recovery_code");
    recover(&new[0]).ok();
}

/// One that was opened before, by the password alone, and has it given again just now.
fn a_session_without_the_second_factor_changes_nothing_of_it(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let before = app.login("ada", PASSWORD).ok();
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    for (method, path) in [("DELETE", "/v1/me/totp"), ("POST", "/v1/me/totp"), ("POST", "/v1/me/recovery-codes")] {
        let refused = app.ask_as(method, path, &before, None);
        refused.problem(401, "reauthentication_required");
        assert!(refused.header("www-authenticate").contains("insufficient_user_authentication"));
    }
    // With it, it may.
    app.advance(30);
    let body = json!({"password": PASSWORD});
    let problem =
        app.ask_as("POST", "/v1/me/reauthenticate", &before, Some(&body)).problem(401, "second_factor_required");
    let again = go_on(&app, problem["challenge"].as_str().unwrap(), &code(&app, &secret)).ok();
    assert_eq!(app.ask_as("DELETE", "/v1/me/totp", &again, None).status, 204);
}

fn an_api_token_changes_nothing_of_it(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { pair, .. } = enrolled(&app, "ada", &[]);
    let key = header(&make(&app, &pair, &json!({"name": "backup"})));
    for (method, path, body) in [
        ("POST", "/v1/me/totp", Some(json!({}))),
        ("POST", "/v1/me/totp/confirm", Some(json!({"code": "123456"}))),
        ("DELETE", "/v1/me/totp", None),
        ("POST", "/v1/me/recovery-codes", None),
    ] {
        app.ask(method, path, &key, body.as_ref()).problem(403, "session_required");
    }
}

fn an_administrator_resets_the_second_factors_of_a_user(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { pair, .. } = enrolled(&app, "ada", &[]);
    app.create_user("operator", &["admin"]);
    let admin = app.login("operator", PASSWORD).ok();
    let path = format!("/v1/admin/users/{}/totp", pair["user"]["id"].as_str().unwrap());
    app.ask_as("DELETE", &path, &pair, None).problem(403, "role_missing");
    app.login("ada", PASSWORD).problem(401, "second_factor_required");
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    app.ask_as("DELETE", &path, &admin, None).problem(404, "factor_not_found");
    app.login("ada", PASSWORD).ok();
    assert_eq!(
        app.number("select count(*) from audit_events where name = 'factors_reset' and actor_id is not null"),
        1
    );
    assert_eq!(app.refresh(&pair["refresh_token"]).status, 200, "sessions go on");
}

fn the_command_line_resets_the_second_factors_of_a_user(engine: Engine) {
    let app = TestApp::start(engine);
    enrolled(&app, "ada", &[]);
    let reset = || {
        let command = Tokensmith::new().set("DATABASE_URL", &app.database_url);
        command.run(&["users", "reset-second-factor", "ada"])
    };
    let done = reset();
    assert!(done.success(), "{}", done.stdout);
    assert!(done.stdout.contains("second factors of ada removed"), "{}", done.stdout);
    app.login("ada", PASSWORD).ok();
    assert!(!reset().success(), "there is nothing left");
    assert_eq!(app.number("select count(*) from audit_events where name = 'factors_reset' and actor_id is null"), 1);
}

/// Everything that is stored, as text.
fn dump(app: &TestApp, dir: &std::path::Path) -> String {
    if let Some(path) = app.database_url.strip_prefix("sqlite://") {
        let files = ["", "-wal"].map(|suffix| fs::read(format!("{path}{suffix}")).unwrap_or_default());
        return files.iter().map(|file| String::from_utf8_lossy(file).into_owned()).collect();
    }
    let file = dir.join("dump");
    let dumped = std::process::Command::new(bin_dir().unwrap().join("pg_dump"))
        .args(["--inserts", "-f"])
        .arg(&file)
        .arg(&app.database_url)
        .status();
    assert!(dumped.unwrap().success());
    fs::read_to_string(file).unwrap()
}

fn the_database_holds_no_secret_in_clear(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, recovery_codes, .. } = enrolled(&app, "ada", &[]);
    let waiting = challenge(&app, "ada");
    let dir = tempfile::tempdir().unwrap();
    let dump = dump(&app, dir.path());
    assert!(dump.contains("ada"), "it is the right one");
    let bytes = decoded(&secret);
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let plain: Vec<String> = recovery_codes.iter().map(|code| code.replace('-', "")).collect();
    for kept in [&secret, &hex, &waiting, &String::from_utf8_lossy(&bytes).into_owned()] {
        assert!(!dump.contains(kept.as_str()), "{kept}");
    }
    for code in recovery_codes.iter().chain(&plain) {
        assert!(!dump.contains(code), "{code}");
    }
}

fn a_secret_that_was_moved_to_another_user_does_not_open(engine: Engine) {
    let app = TestApp::start(engine);
    let ada = enrolled(&app, "ada", &[]);
    enrolled(&app, "bob", &[]);
    let of = |name: &str| format!("(select id from users where username = '{name}')");
    let (of_ada, of_bob) = (of("ada"), of("bob"));
    app.execute(&format!(
        "update totp_factors set secret = (select secret from totp_factors where user_id = {of_ada}) where user_id = {of_bob}"
    ));
    go_on(&app, &challenge(&app, "bob"), &code(&app, &ada.secret)).problem(503, "data_key_unavailable");
    go_on(&app, &challenge(&app, "ada"), &code(&app, &ada.secret)).ok();
}

/// The files of the data keys.
fn data_keys(app: &TestApp) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(app.keys_dir()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "key")).collect()
}

fn without_the_data_key_codes_cannot_be_checked_and_recovery_codes_can(engine: Engine) {
    use std::os::unix::fs::PermissionsExt as _;

    let app = TestApp::start(engine);
    app.logged_in("bob");
    assert!(data_keys(&app).is_empty(), "it is made when it is needed");
    let Enrolled { secret, recovery_codes, .. } = enrolled(&app, "ada", &[]);
    let [file] = &data_keys(&app)[..] else { panic!("one") };
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let away = file.with_extension("away");
    fs::rename(file, &away).unwrap();
    // One that has not read it yet.
    let other = app.another_instance(0, &[]);
    let refused = go_on(&other, &challenge(&other, "ada"), &code(&app, &secret));
    refused.problem(503, "data_key_unavailable");
    assert!(!refused.header("retry-after").is_empty());
    let body = json!({"challenge": challenge(&other, "ada"), "recovery_code": recovery_codes[0]});
    other.post("/v1/tokens/continue", &body).ok();
    // A first one of its own would be one that no other instance has.
    let bob = other.login("bob", PASSWORD).ok();
    other.ask_as("POST", "/v1/me/totp", &bob, Some(&json!({}))).problem(503, "data_key_unavailable");
    assert!(data_keys(&app).is_empty());
    fs::rename(&away, file).unwrap();
    go_on(&other, &challenge(&other, "ada"), &code(&app, &secret)).ok();
    assert_eq!(app.number("select max(failures) from totp_factors"), 0, "it was no guess");
}

fn with_another_data_key_a_secret_is_encrypted_anew_when_it_is_used(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let first = data_keys(&app);
    let dir = app.keys_dir().display().to_string();
    assert!(Tokensmith::new().set("KEYS_DIR", &dir).run(&["keys", "add-data-key"]).success());
    let second = data_keys(&app).into_iter().find(|file| !first.contains(file)).unwrap();
    let id = second.file_stem().unwrap().to_str().unwrap().trim_start_matches("data-").to_owned();
    let with_it = format!("select count(*) from totp_factors where secret like '{id}.%'");
    // Its name is of today; the clock of the test is ahead of it.
    let today = second.with_file_name(second.file_name().unwrap().to_str().unwrap().replacen("data-2", "data-3", 1));
    fs::rename(&second, &today).unwrap();
    let with_it = with_it.replacen("like '2", "like '3", 1);
    assert_eq!(app.number(&with_it), 0);
    go_on(&app, &challenge(&app, "ada"), &code(&app, &secret)).ok();
    assert_eq!(app.number(&with_it), 1);
    app.advance(30);
    go_on(&app, &challenge(&app, "ada"), &code(&app, &secret)).ok();
}

fn an_emergency_rotation_leaves_second_factors_as_they_are(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    app.create_user("operator", &["admin"]);
    let admin = app.login("operator", PASSWORD).ok();
    let body = json!({"emergency": true});
    let rotated = app.ask_as("POST", "/v1/admin/keys/rotate", &admin, Some(&body));
    assert!((200..300).contains(&rotated.status), "{rotated:?}");
    assert_eq!(data_keys(&app).len(), 1);
    go_on(&app, &challenge(&app, "ada"), &code(&app, &secret)).ok();
}
