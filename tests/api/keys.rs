//! The ring of signing keys: rotation in order and in an emergency, the folder, `/v1/admin/keys`, `tokensmith keys`.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::service::keys;
use tokensmith_verifier::{TokenError, Verifier, VerifyError};

use crate::support::front::Front;
use crate::support::process::Tokensmith;
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_verifier_with_a_full_age_copy_refuses_nothing_across_an_orderly_rotation_of_two_instances,
    an_emergency_rotation_drops_the_key_everywhere_and_its_sessions_log_in_again,
    a_retired_key_is_removed_with_the_last_token_that_it_signed,
    administrators_list_and_rotate_keys,
);

const ISSUER: &str = "http://127.0.0.1:8080";
const DAY: i64 = 86_400;
/// `JWKS_MAX_AGE`, and the lead that follows from it.
const MAX_AGE: i64 = 300;
const LEAD: i64 = MAX_AGE + 70;

fn kid(token: &Value) -> String {
    let header = token.as_str().unwrap().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn published(app: &TestApp) -> HashSet<String> {
    let keys = app.get("/.well-known/jwks.json").ok()["keys"].as_array().unwrap().clone();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// What the service does by itself every second and every minute.
fn care(app: &TestApp) {
    keys::follow(&app.inside).unwrap();
    keys::make_next(&app.inside).unwrap();
    keys::remove_retired(&app.inside).unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|found| found == "pem")).collect();
    paths.sort();
    paths
}

/// Two instances on one database and one folder of keys, with the same time.
fn two_instances(engine: Engine, vars: &[(&str, &str)]) -> (TempDir, [TestApp; 2]) {
    let shared = TempDir::new().unwrap();
    let (url, keys_dir) = (engine.new_database(&shared), shared.path().join("keys").display().to_string());
    let mut all = vec![("KEYS_DIR", keys_dir.as_str())];
    all.extend(vars);
    let apps = [(), ()].map(|()| TestApp::start_on(TempDir::new().unwrap(), url.clone(), &all));
    (shared, apps)
}

/// Time passes for both.
fn advance(apps: &[TestApp; 2], seconds: i64) {
    for app in apps {
        app.advance(seconds);
        care(app);
    }
}

fn a_verifier_with_a_full_age_copy_refuses_nothing_across_an_orderly_rotation_of_two_instances(engine: Engine) {
    let (shared, apps) = two_instances(engine, &[]);
    let [one, other] = &apps;
    one.create_user("ada", &[]);
    let mut pair = one.login("ada", PASSWORD).ok();
    let front = Front::of(one.another_client());
    let verifier = Verifier::from_jwks_url(&format!("{}/jwks", front.base), ISSUER, ISSUER).clock(one.clock.clone());
    let client = one.another_client();
    front.now_answers(move |_| Some(client.get("/.well-known/jwks.json")));
    let verifier = verifier.build().unwrap();
    // It fetches nothing here, so a key that is not in its copy would be refused.
    let accept = |token: &Value| {
        let accepted = verifier.verify(token.as_str().unwrap());
        assert!(accepted.is_ok(), "{accepted:?}");
    };
    // An expired copy is fetched again.
    let keep_the_copy_fresh = |pair: &Value| {
        assert!(block_on(verifier.authenticate(pair["access_token"].as_str().unwrap())).is_ok());
    };
    keep_the_copy_fresh(&pair);
    assert_eq!(front.count("/jwks"), 1);
    let first = kid(&pair["access_token"]);

    // The copy is as old as can be when the next key appears: it was fetched the moment before.
    let (_, active_from) = keys::rotate(&other.inside.keys, "ES256".parse().unwrap(), other.clock.now()).unwrap();
    assert_eq!(active_from, other.clock.now() + tokensmith::internals::clock::Seconds(LEAD));
    care(one);
    let mut signed_by = HashSet::new();
    for second in 1..=LEAD + 30 {
        // Each instance in turn takes up the changes and the time first.
        let (early, late) = if second % 2 == 0 { (one, other) } else { (other, one) };
        early.advance(1);
        care(early);
        for app in [early, late] {
            let refreshed = app.refresh(&pair["refresh_token"]).ok();
            let logged_in = app.login("ada", PASSWORD).ok();
            keep_the_copy_fresh(&pair);
            std::thread::scope(|scope| {
                for token in [&refreshed, &logged_in, &pair, &refreshed].map(|pair| &pair["access_token"]) {
                    scope.spawn(|| accept(token));
                }
            });
            signed_by.extend([kid(&refreshed["access_token"]), kid(&logged_in["access_token"])]);
            pair = refreshed;
        }
        late.advance(1);
        care(late);
        if second < MAX_AGE * 4 / 5 {
            assert_eq!(front.count("/jwks"), 1, "the verifier lives on its copy");
        }
    }
    assert_eq!(signed_by.len(), 2, "the next key has taken over");
    assert_ne!(kid(&pair["access_token"]), first);
    assert_eq!(kid(&pair["refresh_token"]), kid(&pair["access_token"]));
    assert_eq!(files(&shared.path().join("keys")).len(), 2);
}

/// Verification waits only for the verifier's own thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn an_emergency_rotation_drops_the_key_everywhere_and_its_sessions_log_in_again(engine: Engine) {
    let (_shared, apps) = two_instances(engine, &[("JWKS_MAX_AGE", "60s")]);
    let [one, other] = &apps;
    one.create_user("ada", &[]);
    let old = one.login("ada", PASSWORD).ok();
    assert_eq!(other.me(&old).status, 200);
    // A copy that lives for as long as it may.
    let client = one.another_client();
    let front = Front::start(move |_| Some(client.get("/.well-known/jwks.json")));
    let verifier = Verifier::from_jwks_url(&front.base, ISSUER, ISSUER).clock(one.clock.clone()).build().unwrap();
    let verify = |pair: &Value| block_on(verifier.authenticate(pair["access_token"].as_str().unwrap()));
    assert!(verify(&old).is_ok());

    let now = one.clock.now();
    let dropped = keys::drop_leaked(&one.inside.keys, "ES256".parse().unwrap(), None, now).unwrap();
    assert_eq!(dropped.dropped.kid, kid(&old["access_token"]));
    let policy = &one.inside.config.key_policy;
    let count = keys::count_sessions_of(&one.inside.store, policy, &dropped.dropped, now);
    assert_eq!(count.unwrap(), 1);
    care(other);
    for app in &apps {
        app.me(&old).problem(401, "token_unknown_key");
        app.refresh(&old["refresh_token"]).problem(401, "token_unknown_key");
    }
    let new = other.login("ada", PASSWORD).ok();
    assert_ne!(kid(&new["access_token"]), kid(&old["access_token"]));
    assert_eq!(one.me(&new).status, 200);
    one.refresh(&new["refresh_token"]).ok();

    // A verifier that never sees a token of the new key accepts the old one until its copy expires.
    one.advance(59);
    assert!(verify(&old).is_ok());
    one.advance(1);
    assert_eq!(verify(&old).unwrap_err(), VerifyError::Refused(TokenError::UnknownKey));
    assert!(verify(&one.login("ada", PASSWORD).ok()).is_ok());
}

fn a_retired_key_is_removed_with_the_last_token_that_it_signed(engine: Engine) {
    let app = TestApp::start_with(engine, &[("KEY_ROTATION_PERIOD", "30d")]);
    let pair = app.logged_in("ada");
    let first = kid(&pair["access_token"]);
    app.advance(30 * DAY - LEAD - 1);
    care(&app);
    assert_eq!(published(&app), HashSet::from([first.clone()]));
    app.advance(1);
    care(&app);
    assert_eq!(published(&app).len(), 2, "the next key is published in time");
    app.advance(LEAD - 1);
    let last = app.login("ada", PASSWORD).ok();
    assert_eq!(kid(&last["access_token"]), first);
    app.advance(1);
    care(&app);
    let newer = app.login("ada", PASSWORD).ok();
    assert_ne!(kid(&newer["access_token"]), first, "it has taken over");

    // Its refresh token lives for 14 days, and a margin for clocks that differ.
    app.advance(14 * DAY - 2);
    care(&app);
    assert!(published(&app).contains(&first));
    app.refresh(&last["refresh_token"]).ok();
    app.advance(61);
    care(&app);
    assert!(published(&app).contains(&first));
    app.advance(1);
    care(&app);
    assert!(!published(&app).contains(&first));
    assert_eq!(files(&app.keys_dir()).len(), 1);
}

fn administrators_list_and_rotate_keys(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("root", &["admin"]);
    app.create_user("ada", &["editor"]);
    let [root, ada] = ["root", "ada"].map(|name| app.login(name, PASSWORD).ok());
    let bearer = |pair: &Value| format!("Bearer {}", pair["access_token"].as_str().unwrap());
    let rotate = |pair: &Value, body: &Value| {
        let headers = [("content-type", "application/json"), ("authorization", &bearer(pair))];
        app.send("POST", "/v1/admin/keys/rotate", &headers, body.to_string().as_bytes())
    };
    let list = |pair: &Value| app.get_as("/v1/admin/keys", pair["access_token"].as_str().unwrap());
    app.get("/v1/admin/keys").problem(401, "access_token_missing");
    list(&ada).problem(403, "role_missing");
    rotate(&ada, &json!({"emergency": true})).problem(403, "role_missing");

    let keys = list(&root).ok()["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1);
    assert_eq!((&keys[0]["state"], &keys[0]["alg"]), (&json!("active"), &json!("ES256")));
    assert_eq!(keys[0]["kid"], kid(&root["access_token"]));
    let after = rotate(&root, &json!({})).ok()["keys"].clone();
    assert_eq!((&after[0]["state"], &after[1]["state"]), (&json!("active"), &json!("next")));
    rotate(&root, &json!({})).problem(409, "key_conflict");
    rotate(&root, &json!({"alg": "HS256"})).problem(400, "invalid_fields");
    rotate(&root, &json!({"kid": keys[0]["kid"]})).problem(400, "invalid_fields");
    rotate(&root, &json!({"emergency": true, "kid": "nobody"})).problem(404, "key_unknown");

    let dropped = rotate(&root, &json!({"emergency": true})).ok();
    assert_eq!(dropped["sessions_ended"], 2);
    assert_eq!(dropped["keys"].as_array().unwrap().len(), 2, "the next stays the next");
    rotate(&root, &json!({})).problem(401, "token_unknown_key");
}

#[test]
fn a_key_that_tokens_of_a_longer_lifetime_need_is_kept_for_them() {
    let shared = TempDir::new().unwrap();
    let url = Engine::Sqlite.new_database(&shared);
    let keys_dir = shared.path().join("keys").display().to_string();
    let with = |idle: &str| {
        let vars = [("KEYS_DIR", keys_dir.as_str()), ("REFRESH_IDLE_LIFETIME", idle), ("KEY_ROTATION_PERIOD", "1d")];
        TestApp::start_on(TempDir::new().unwrap(), url.clone(), &vars)
    };
    let before = with("14d");
    let pair = before.logged_in("ada");
    // The operator shortens the lifetime; ada's token keeps the old one.
    let app = with("1d");
    for hour in 0..(13 * 24) {
        app.advance(3_600);
        care(&app);
        assert!(published(&app).contains(&kid(&pair["refresh_token"])), "hour {hour}");
    }
    app.refresh(&pair["refresh_token"]).ok();
    app.advance(2 * DAY);
    care(&app);
    assert!(!published(&app).contains(&kid(&pair["refresh_token"])));
}

#[test]
fn instances_that_rotate_at_the_same_moment_make_one_key() {
    let (shared, apps) = two_instances(Engine::Sqlite, &[]);
    for app in &apps {
        app.advance(30 * DAY - LEAD);
    }
    std::thread::scope(|scope| {
        for app in apps.iter().cycle().take(8) {
            scope.spawn(|| keys::make_next(&app.inside).unwrap());
        }
    });
    assert_eq!(files(&shared.path().join("keys")).len(), 2);
    advance(&apps, 0);
    assert_eq!(published(&apps[0]), published(&apps[1]));
}

#[test]
fn with_the_rotation_off_the_folder_is_left_alone() {
    let app = TestApp::start_with(Engine::Sqlite, &[("KEY_ROTATION_PERIOD", "off")]);
    app.advance(400 * DAY);
    care(&app);
    assert_eq!(files(&app.keys_dir()).len(), 1);
}

#[test]
fn copies_of_the_keys_expire_soon_after_a_change() {
    let app = TestApp::start(Engine::Sqlite);
    let max_age = || {
        let header = app.get("/.well-known/jwks.json").header("cache-control").to_owned();
        header.strip_prefix("public, max-age=").unwrap().parse::<i64>().unwrap()
    };
    assert_eq!(max_age(), MAX_AGE);
    app.advance(30 * DAY - LEAD - 100);
    assert_eq!(max_age(), 100, "then the next key is published");
    app.advance(90);
    assert_eq!(max_age(), MAX_AGE / 5, "but not all copies are fetched in one moment");
    app.advance(10);
    care(&app);
    assert_eq!(max_age(), MAX_AGE);
    app.advance(LEAD - 100);
    assert_eq!(max_age(), 100, "then it takes over");
}

#[test]
fn each_audience_has_the_algorithm_that_its_verifiers_understand() {
    let audiences = "https://api.example.com, https://old.example.com RS256, https://edge.example.com EdDSA";
    let app = TestApp::start_with(Engine::Sqlite, &[("AUDIENCE", audiences)]);
    app.create_user("ada", &[]);
    let jwks = app.get("/.well-known/jwks.json").body;
    let login = |audience: &str| {
        app.post("/v1/tokens", &json!({"username": "ada", "password": PASSWORD, "audience": audience}))
    };
    let alg = |token: &Value| {
        let kid = kid(token);
        let keys: Value = serde_json::from_str(&jwks).unwrap();
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap().clone();
        key["alg"].as_str().unwrap().to_owned()
    };
    let mut pair = app.login("ada", PASSWORD).ok();
    assert_eq!(alg(&pair["access_token"]), "ES256");
    for (audience, expected) in [("https://old.example.com", "RS256"), ("https://edge.example.com", "EdDSA")] {
        assert_eq!(alg(&login(audience).ok()["access_token"]), expected);
        // One session gets tokens for each service, one at a time.
        pair =
            app.post("/v1/tokens/refresh", &json!({"refresh_token": pair["refresh_token"], "audience": audience})).ok();
        assert_eq!(alg(&pair["access_token"]), expected);
        let verifier =
            |audience: &str| Verifier::from_jwks(&jwks, ISSUER, audience).clock(app.clock.clone()).build().unwrap();
        let token = pair["access_token"].as_str().unwrap();
        assert!(verifier(audience).verify(token).is_ok());
        assert!(verifier("https://api.example.com").verify(token).is_err());
        app.me(&pair).problem(401, "token_wrong_audience");
        assert_eq!(app.verify(&pair["access_token"]).ok()["claims"]["aud"], audience);
    }
    assert_eq!(app.revoke(&pair["access_token"]).status, 204);
    app.verify(&pair["access_token"]).problem(401, "token_revoked");
    let refused = login("https://other.example.com").problem(400, "invalid_fields");
    assert_eq!(refused["errors"][0]["field"], "audience");
    let refused = app.post("/v1/tokens/refresh", &json!({"refresh_token": pair["refresh_token"], "audience": "x"}));
    assert_eq!(refused.problem(400, "invalid_fields")["errors"][0]["field"], "audience");
}

#[test]
fn a_running_service_takes_up_what_happens_in_the_folder() {
    let command = Tokensmith::new();
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    let count = || client.get("/.well-known/jwks.json").ok()["keys"].as_array().unwrap().len();
    assert_eq!(count(), 1);
    assert!(command.run(&["keys", "rotate"]).success());
    serving.wait_for_log("signing keys read again");
    assert_eq!(count(), 2);
    let again = command.run(&["keys", "rotate"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(again.stderr.contains("the next ES256 key already exists"), "{}", again.stderr);

    let keys = command.dir.path().join("keys");
    fs::write(keys.join("broken.pem"), "garbage").unwrap();
    fs::set_permissions(keys.join("broken.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let problem = serving.wait_for_log("cannot read a signing key");
    assert!(problem["cause"].as_str().unwrap().contains("broken.pem: not a PEM file"), "{problem}");
    assert_eq!((count(), client.me(&pair).status), (2, 200), "the others are in force");
    fs::remove_file(keys.join("broken.pem")).unwrap();

    // Keys stay in use while the folder is missing.
    fs::rename(&keys, command.dir.path().join("away")).unwrap();
    serving.wait_for_log("a background task failed and will be tried again");
    fs::create_dir(&keys).unwrap();
    serving.signal("-HUP");
    let problem = serving.wait_for_log("cannot reload the signing keys");
    assert!(problem["cause"].as_str().unwrap().contains("no ES256 key to sign with"), "{problem}");
    assert_eq!((count(), client.me(&pair).status), (2, 200));
    fs::remove_dir(&keys).unwrap();
    fs::rename(command.dir.path().join("away"), &keys).unwrap();
    serving.signal("-HUP");
    serving.wait_for_log("signing keys read again");

    let dropped = command.run(&["keys", "rotate", "--emergency", "--yes"]);
    assert!(dropped.success());
    assert!(dropped.stdout.contains("1 session ended: "), "{}", dropped.stdout);
    assert!(dropped.stdout.contains("still listed as live until they expire"), "{}", dropped.stdout);
    assert!(dropped.stdout.contains("after 5m at most"), "{}", dropped.stdout);
    let dropped_at = Instant::now();
    while client.me(&pair).status == 200 {
        assert!(dropped_at.elapsed() < Duration::from_secs(30), "it is never taken up");
    }
    client.me(&pair).problem(401, "token_unknown_key");
    assert_eq!(client.me(&client.login("ada", PASSWORD).ok()).status, 200);
}

#[test]
fn an_emergency_needs_no_database() {
    let command = Tokensmith::new().env("DATABASE_URL", "sqlite:///proc/tokensmith/x.db");
    assert!(command.run(&["keys", "rotate"]).success());
    let active = || command.list(&["keys", "list"]).into_iter().find(|key| key["state"] == "active").unwrap();
    let before = active();
    let dropped = command.run(&["keys", "rotate", "--emergency", "--yes"]);
    assert!(dropped.success());
    assert!(dropped.stdout.contains("how many is not known"), "{}", dropped.stdout);
    assert_ne!(before["kid"], active()["kid"]);
}

#[test]
fn keys_are_encrypted_at_rest_with_a_passphrase() {
    let command = Tokensmith::new().env("KEYS_PASSPHRASE", "a long passphrase of many words");
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let mut serving = command.serve();
    let pair = serving.client().login("ada", PASSWORD).ok();
    serving.terminate();
    assert!(serving.wait().success());
    let keys = command.dir.path().join("keys");
    let file = files(&keys).remove(0);
    assert!(fs::read_to_string(&file).unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    // Other tools read it.
    let passphrase = "pass:a long passphrase of many words";
    let read =
        Command::new("openssl").args(["pkey", "-noout", "-text", "-passin", passphrase, "-in"]).arg(&file).output();
    let read = read.expect("openssl is installed");
    assert!(read.status.success() && String::from_utf8_lossy(&read.stdout).contains("P-256"), "{read:?}");

    let dir = command.dir.path().to_owned();
    let elsewhere = |vars: &[(&str, &str)]| {
        let mut other = Tokensmith::new().env("KEYS_DIR", &keys.display().to_string());
        for (name, value) in vars {
            other = other.env(name, value);
        }
        other.run(&["keys", "list", "--json"])
    };
    let failed = elsewhere(&[]);
    assert!(failed.stderr.contains("encrypted; set KEYS_PASSPHRASE or KEYS_PASSPHRASE_FILE"), "{}", failed.stderr);
    let failed = elsewhere(&[("KEYS_PASSPHRASE", "another")]);
    assert!(failed.stderr.contains("the passphrase does not decrypt it"), "{}", failed.stderr);
    let secret = dir.join("passphrase");
    fs::write(&secret, "a long passphrase of many words\n").unwrap();
    let listed = elsewhere(&[("KEYS_PASSPHRASE_FILE", &secret.display().to_string())]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!((&listed[0]["state"], &listed[0]["encrypted"]), (&json!("active"), &json!(true)), "{listed}");
    let serving = command.serve();
    assert_eq!(serving.client().me(&pair).status, 200);
}

#[test]
fn an_imported_key_is_the_next_one() {
    let command = Tokensmith::new();
    let file = command.dir.path().join("mine.pem");
    let options = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    assert!(Command::new("openssl").args(options).arg(&file).output().expect("openssl is installed").status.success());
    assert!(command.run(&["keys", "rotate"]).success());
    let imported = command.run(&["keys", "import", "mine.pem"]);
    assert!(imported.success());
    assert!(imported.stdout.contains("It signs from "), "{}", imported.stdout);
    let states = |command: &Tokensmith| {
        let listed = command.list(&["keys", "list"]);
        listed.iter().map(|key| format!("{} {}", key["state"], key["alg"])).collect::<Vec<_>>()
    };
    let listed = states(&command);
    assert_eq!(listed, [r#""active" "ES256""#, r#""next" "ES256""#]);
    assert!(file.exists());
    let again = command.run(&["keys", "import", "mine.pem"]);
    assert!(again.stderr.contains("the same key as"), "{}", again.stderr);
    assert_eq!(states(&command), listed);
    let elsewhere = Tokensmith::new().env("KEYS_DIR", "fresh");
    fs::copy(&file, elsewhere.dir.path().join("mine.pem")).unwrap();
    assert!(elsewhere.run(&["keys", "import", "mine.pem"]).success());
    assert_eq!(states(&elsewhere), listed[..1], "the first signs at once");
    let none = command.run(&["keys", "import", "nothing.pem"]);
    assert!(none.stderr.contains("nothing.pem: No such file"), "{}", none.stderr);
}

#[test]
fn keys_put_there_by_hand_are_not_removed() {
    let app = TestApp::start(Engine::Sqlite);
    let dir = app.keys_dir();
    fs::rename(files(&dir).remove(0), dir.join("mine.pem")).unwrap();
    care(&app);
    let pair = app.logged_in("ada");
    // A key whose name says that it is old, but that was added today.
    let (path, _) = keys::rotate(&app.inside.keys, "ES256".parse().unwrap(), app.clock.now()).unwrap();
    fs::rename(path, dir.join("20200101T000000Z-ES256-restored.pem")).unwrap();
    care(&app);
    assert_ne!(kid(&app.login("ada", PASSWORD).ok()["access_token"]), kid(&pair["access_token"]));
    app.advance(13 * DAY);
    care(&app);
    app.refresh(&pair["refresh_token"]).ok();
    app.advance(400 * DAY);
    care(&app);
    assert!(dir.join("mine.pem").exists(), "who put it there takes it away");
}

#[test]
fn a_key_that_others_could_read_is_taken_up_once_they_cannot() {
    let app = TestApp::start(Engine::Sqlite);
    let (path, _) = keys::rotate(&app.inside.keys, "ES256".parse().unwrap(), app.clock.now()).unwrap();
    let other = TestApp::start(Engine::Sqlite);
    let copy = other.keys_dir().join(path.file_name().unwrap());
    fs::copy(&path, &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644)).unwrap();
    keys::follow(&other.inside).unwrap();
    assert_eq!(published(&other).len(), 1);
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
    keys::follow(&other.inside).unwrap();
    assert_eq!(published(&other).len(), 2);
    // The same key under two names is published once.
    fs::copy(&copy, other.keys_dir().join("twice.pem")).unwrap();
    keys::follow(&other.inside).unwrap();
    assert_eq!(published(&other).len(), 2);
}

#[test]
fn a_key_that_is_removed_verifies_nothing_although_no_other_can_sign_and_a_new_one_is_made() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    let key = files(&app.keys_dir()).remove(0);
    let unreadable = app.keys_dir().join("of-another-passphrase.pem");
    fs::write(&unreadable, "garbage").unwrap();
    fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(key).unwrap();
    keys::follow(&app.inside).unwrap();
    app.me(&pair).problem(401, "token_unknown_key");
    app.login("ada", PASSWORD).problem(500, "internal_error");
    keys::make_next(&app.inside).unwrap();
    let new = app.login("ada", PASSWORD).ok();
    assert_eq!(app.me(&new).status, 200);
}

#[test]
fn an_emergency_is_not_held_up_by_another_key_that_is_broken() {
    let command = Tokensmith::new();
    assert!(command.run(&["keys", "rotate"]).success());
    let broken = command.dir.path().join("keys/broken.pem");
    fs::write(&broken, "garbage").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(command.run(&["keys", "rotate"]).stderr.contains("broken.pem: not a PEM file"));
    // The broken key may be the one that should sign.
    let refused = command.run(&["keys", "rotate", "--emergency", "--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stderr.contains("name the one to drop with --kid"), "{}", refused.stderr);
    let listed = command.run(&["keys", "list"]);
    assert!(listed.stderr.contains("left out: keys/broken.pem: not a PEM file"), "{}", listed.stderr);
    let key = command.list(&["keys", "list"]).remove(0);
    let kid = key["kid"].as_str().unwrap();
    // Under another name too.
    let file = command.dir.path().join(key["file"].as_str().unwrap());
    fs::copy(&file, command.dir.path().join("keys/backup.pem")).unwrap();
    let dropped = command.run(&["keys", "rotate", "--emergency", "--yes", "--kid", kid]);
    assert!(dropped.success() && dropped.stdout.starts_with(&format!("dropped ES256 key {kid}")), "{}", dropped.stdout);
    assert!(!command.run(&["keys", "list"]).stdout.contains(kid), "no copy of it is left");
}

#[test]
fn a_dropped_key_that_made_no_refresh_token_ends_no_session() {
    let app = TestApp::start_with(Engine::Sqlite, &[("AUDIENCE", "one, two EdDSA")]);
    app.create_user("root", &["admin"]);
    let root = app.login("root", PASSWORD).ok();
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &format!("Bearer {}", root["access_token"].as_str().unwrap())),
    ];
    let body = json!({"emergency": true, "alg": "EdDSA"}).to_string();
    let dropped = app.send("POST", "/v1/admin/keys/rotate", &headers, body.as_bytes()).ok();
    assert_eq!(dropped["sessions_ended"], 0);
    app.refresh(&root["refresh_token"]).ok();
}
