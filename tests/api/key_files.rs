//! Files in the key folder that are not keys: they are named, keys are still followed, rotated and reloaded, and the service
//! can be stopped.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::json;
use tokensmith::internals::service::keys;

use crate::support::process::{Finished, Tokensmith};
use crate::support::{Engine, PASSWORD, TestApp};

const PROMISED: Duration = Duration::from_secs(20);

/// Puts something at a path, and the message about it.
type Oddity = (&'static str, fn(&Path), &'static str);

const ODDITIES: [Oddity; 7] = [
    ("pipe.pem", make_pipe, "not a regular file"),
    ("folder.pem", |path| fs::create_dir(path).unwrap(), "not a regular file"),
    ("device.pem", |path| symlink("/dev/zero", path).unwrap(), "not a regular file"),
    ("link-to-pipe.pem", link_to_pipe, "not a regular file"),
    ("sparse.pem", |path| make_file(path, 3 << 30), "larger than 64 KiB"),
    ("large.pem", |path| make_file(path, 64 * 1024 + 1), "larger than 64 KiB"),
    ("loop.pem", |path| symlink(path, path).unwrap(), "symbolic links"),
];

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn link_to_pipe(path: &Path) {
    let pipe = path.with_file_name("elsewhere");
    make_pipe(&pipe);
    symlink(pipe, path).unwrap();
}

fn make_file(path: &Path, bytes: u64) {
    File::create(path).unwrap().set_len(bytes).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

/// Calls it, or fails when that takes too long: reading a pipe would wait for ever.
#[track_caller]
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = channel();
    std::thread::spawn(move || done.send(work()));
    ended.recv_timeout(PROMISED).unwrap_or_else(|_| panic!("{what} hangs"))
}

#[test]
fn files_that_are_not_keys_are_named_and_keys_still_rotate_and_reload() {
    for (name, make, said) in ODDITIES {
        let app = TestApp::start(Engine::Sqlite);
        app.create_user("root", &["admin"]);
        let admin = app.login("root", PASSWORD).ok();
        make(&app.keys_dir().join(name));
        let inside = app.inside.clone();
        let told = in_time(name, move || {
            let told = inside.keys.follow().unwrap().problems;
            keys::make_next(&inside).unwrap();
            keys::remove_retired(&inside).unwrap();
            keys::reload(&inside).unwrap();
            told
        });
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].contains(name) && told[0].contains(said), "{told:?}");
        let body = json!({"alg": "ES256"});
        let made = in_time(name, {
            let client = app.another_client();
            move || client.ask_as("POST", "/v1/admin/keys/rotate", &admin, Some(&body))
        });
        assert_eq!(made.status, 200, "{name}: {made:?}");
        assert_eq!(app.get("/.well-known/jwks.json").ok()["keys"].as_array().unwrap().len(), 2, "{name}");
    }
}

#[test]
fn something_in_place_of_the_lock_or_of_a_draft_does_not_hold_up_anything() {
    let app = TestApp::start(Engine::Sqlite);
    let lock = app.keys_dir().join(".lock");
    let rotate = |app: &TestApp| {
        let (inside, now) = (app.inside.clone(), tokensmith::internals::clock::Clock::now(&*app.clock));
        in_time("rotation", move || keys::rotate(&inside.keys, "EdDSA".parse().unwrap(), now).map(drop))
    };
    fs::remove_file(&lock).unwrap();
    make_pipe(&lock);
    let refused = rotate(&app).unwrap_err().to_string();
    assert!(refused.contains(".lock"), "{refused}");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(app.keys_dir().join("folder.draft")).unwrap();
    rotate(&app).unwrap();
}

fn fails(finished: &Finished, name: &str, said: &str) {
    assert_eq!(finished.status.code(), Some(1), "{name}: {}", finished.stderr);
    assert!(finished.stderr.contains(name) && finished.stderr.contains(said), "{name}: {}", finished.stderr);
}

#[test]
fn the_start_an_import_and_a_passphrase_wait_for_no_file_and_say_what_is_wrong_with_it() {
    for (name, make, said) in ODDITIES {
        let command = Tokensmith::new();
        let path = command.dir.path().join(name);
        make(&path);
        let with_passphrase = Tokensmith::new().env("KEYS_PASSPHRASE_FILE", path.to_str().unwrap());
        let started = Tokensmith::new();
        fs::create_dir(started.dir.path().join("keys")).unwrap();
        make(&started.dir.path().join("keys").join(name));
        let (imported, configured, started) = in_time(name, move || {
            let imported = command.run(&["keys", "import", path.to_str().unwrap()]);
            (imported, with_passphrase.run(&["config"]), started.run(&["serve"]))
        });
        fails(&imported, name, said);
        fails(&configured, "KEYS_PASSPHRASE_FILE", said);
        fails(&started, name, said);
    }
}

#[test]
fn a_service_with_a_pipe_among_its_keys_can_be_stopped() {
    let command = Tokensmith::new();
    let mut serving = command.serve();
    make_pipe(&command.dir.path().join("keys/pipe.pem"));
    serving.wait_for_log("cannot read a signing key");
    serving.signal("-HUP");
    serving.terminate();
    assert!(serving.wait_for(PROMISED).success());
}

/// Kubernetes gives the files of a volume to a group of the process.
#[test]
fn a_key_that_a_group_of_the_process_can_read_is_taken_with_a_warning_and_any_other_is_not() {
    let made = Tokensmith::new();
    assert!(made.run(&["keys", "rotate"]).success());
    let folder = made.dir.path().join("keys");
    let key = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let key = key.into_iter().find(|path| path.extension().is_some_and(|found| found == "pem")).unwrap();
    for mode in [0o640, 0o440, 0o660] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let mut serving = made.start();
        let warned = serving.wait_for_log("a group can read this signing key (with mode 600 only its owner can)");
        assert_eq!(warned["level"], "warn", "{warned}");
        serving.kill();
    }
    for mode in [0o604, 0o644, 0o666] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        fails(&made.run(&["serve"]), ".pem", "other users can read this private key");
    }
    if fs::metadata(&key).unwrap().uid() == 0 {
        fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
        chown(&key, None, Some(54_321)).unwrap();
        fails(&made.run(&["serve"]), ".pem", "other users can read this private key (mode 640)");
    }
}
