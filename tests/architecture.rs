//! The rules of the code: which room may use which, and that generated documents are current.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/documents.rs"]
mod documents;
#[path = "architecture/pages.rs"]
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use circles::{circles, production};
use documents::{made_parts, with_part};
use tokensmith::internals::config::env_example;
use tokensmith::internals::http::CODES;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file of the service.
fn sources() -> BTreeMap<String, String> {
    sources_of("src")
}

/// Every source file of the verifier.
fn verifier() -> BTreeMap<String, String> {
    sources_of("clients/rust/src")
}

/// Every source file, by its path below a folder.
fn sources_of(folder: &str) -> BTreeMap<String, String> {
    let folder = root().join(folder);
    let (mut folders, mut files) = (vec![folder.clone()], BTreeMap::new());
    while let Some(subfolder) = folders.pop() {
        for path in fs::read_dir(subfolder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

/// The room that a file is in: its folder, or its own name.
fn room(file: &str) -> &str {
    file.split_once('/').map_or(file, |(folder, _)| folder).trim_end_matches(".rs")
}

/// The names that follow `prefix` in code, comments left out.
fn names_after<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let after = code.flat_map(|line| line.match_indices(prefix).map(move |(at, _)| &line[at + prefix.len()..]));
    after.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()).collect()
}

#[test]
fn each_crate_is_known_in_its_room_only() {
    let law: [(&str, &[&str]); 47] = [
        ("actix_multipart", &["http"]),
        ("actix_web", &["http"]),
        ("argon2", &["password"]),
        ("askama", &["http", "service"]),
        ("aws_lc_rs", &["entropy", "jwt", "password", "secret", "webauthn"]),
        ("bcrypt", &["password"]),
        ("clap", &["cli"]),
        ("clap_complete", &["cli"]),
        ("clap_mangen", &["cli"]),
        ("comfy_table", &["cli"]),
        ("crc32fast", &["secret"]),
        ("csv", &["service"]),
        ("diesel", &["store"]),
        ("diesel_migrations", &["store"]),
        ("dotenvy", &["config"]),
        ("env_logger", &["cli"]),
        ("futures_util", &["http"]),
        ("getrandom", &["entropy"]),
        ("icu_casemap", &["model"]),
        ("icu_normalizer", &["model"]),
        ("icu_properties", &["model"]),
        ("idna", &["model"]),
        ("indicatif", &["cli"]),
        ("ipnet", &["config", "http", "outbound"]),
        ("jsonwebtoken", &["jwt"]),
        ("lettre", &["outbound"]),
        ("minicbor", &["webauthn"]),
        ("percent_encoding", &["config", "http", "store"]),
        ("pkcs8", &["jwt"]),
        ("procfs", &["config", "password"]),
        ("prometheus_client", &["metrics"]),
        ("qrcode", &["http"]),
        ("r2d2", &["store"]),
        ("rpassword", &["cli"]),
        ("rustix", &["http", "password", "secret", "store"]),
        ("scrypt", &["password"]),
        ("sd_notify", &["cli"]),
        ("tempfile", &["secret"]),
        ("time", &["jwt"]),
        ("tokio", &["engine", "password"]),
        ("unicode_normalization", &["model", "password"]),
        ("unicode_security", &["model"]),
        ("ureq", &["outbound"]),
        ("url", &["config", "oauth"]),
        ("utoipa", &["http"]),
        ("utoipa_swagger_ui", &["http"]),
        ("zxcvbn", &["password"]),
    ];
    check_crates(&sources(), &law);
}

#[test]
fn each_crate_is_known_in_its_room_of_the_verifier_only() {
    let law: [(&str, &[&str]); 7] = [
        ("actix_web", &["actix"]),
        ("aws_lc_rs", &["jwt", "testing"]),
        ("jsonwebtoken", &["jwt"]),
        ("quick_cache", &["jwt"]),
        ("rustls", &["remote"]),
        ("tokio", &["remote"]),
        ("ureq", &["remote"]),
    ];
    check_crates(&verifier(), &law);
}

fn check_crates(sources: &BTreeMap<String, String>, law: &[(&str, &[&str])]) {
    // Unit tests may reach further: they build what they need.
    for (file, text) in sources.iter().filter(|(file, _)| !file.contains("tests")) {
        let text = production(text);
        for (name, rooms) in law {
            let path = format!("{name}::");
            let named = text.lines().any(|line| {
                line.match_indices(&path).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '{')
                })
            });
            assert!(!named || rooms.contains(&room(file)), "{file} names {name}");
        }
    }
}

#[test]
fn knowledge_flows_one_way() {
    // From the bottom up: a room may use only rooms above it in this list.
    let law: [(&str, &[&str]); 20] = [
        ("clock", &[]),
        ("entropy", &[]),
        ("metrics", &[]),
        ("threads", &["metrics"]),
        ("webauthn", &[]),
        ("secret", &["entropy"]),
        ("model", &["clock", "entropy"]),
        ("oauth", &["clock", "model", "secret"]),
        ("jwt", &["clock", "model", "secret"]),
        ("config", &["clock", "jwt", "model", "secret", "webauthn"]),
        ("error", &["clock", "entropy", "jwt", "model", "oauth", "secret", "webauthn"]),
        ("password", &["config", "entropy", "metrics", "model", "secret", "threads"]),
        ("outbound", &["clock", "config", "model", "secret"]),
        ("store", &["clock", "config", "error", "model", "secret"]),
        (
            "engine",
            &[
                "clock", "config", "entropy", "error", "jwt", "metrics", "model", "oauth", "outbound", "secret",
                "store", "threads",
            ],
        ),
        (
            "app",
            &[
                "clock", "config", "engine", "entropy", "error", "jwt", "metrics", "oauth", "outbound", "password",
                "store",
            ],
        ),
        (
            "service",
            &[
                "app", "clock", "config", "engine", "entropy", "error", "jwt", "metrics", "model", "oauth", "outbound",
                "password", "secret", "store", "webauthn",
            ],
        ),
        (
            "http",
            &["app", "clock", "engine", "error", "jwt", "metrics", "model", "oauth", "secret", "service", "webauthn"],
        ),
        (
            "cli",
            &[
                "app", "clock", "config", "entropy", "error", "http", "jwt", "model", "outbound", "password", "secret",
                "service", "store",
            ],
        ),
        (
            "internals",
            &[
                "app", "cli", "config", "engine", "entropy", "error", "http", "metrics", "model", "password", "secret",
                "service", "store",
            ],
        ),
    ];
    check_rooms(&sources(), &law);
}

#[test]
fn knowledge_flows_one_way_in_the_verifier() {
    let law: [(&str, &[&str]); 12] = [
        ("clock", &[]),
        ("id", &["clock"]),
        ("denied_set", &["clock", "id"]),
        ("jwt", &["clock", "denied_set", "id"]),
        ("api_token", &["jwt"]),
        ("remote", &["clock", "denied_set", "jwt"]),
        ("resource", &["remote"]),
        ("rendering", &["resource"]),
        ("verifier", &["api_token", "clock", "denied_set", "jwt", "remote", "rendering"]),
        ("builder", &["clock", "denied_set", "jwt", "remote", "rendering", "resource", "verifier"]),
        ("actix", &["api_token", "jwt", "rendering", "verifier"]),
        ("testing", &["builder", "clock", "id", "jwt", "verifier"]),
    ];
    check_rooms(&verifier(), &law);
}

fn check_rooms(sources: &BTreeMap<String, String>, law: &[(&str, &[&str])]) {
    for (at, (room, known)) in law.iter().enumerate() {
        let below: Vec<&str> = law.iter().take(at).map(|(room, _)| *room).collect();
        assert!(known.iter().all(|known| below.contains(known)), "{room} knows a room that is not below it");
    }
    let law: BTreeMap<&str, &[&str]> = law.iter().copied().collect();
    for (file, text) in sources {
        let room = room(file);
        if ["lib", "main"].contains(&room) {
            continue;
        }
        // Unit tests may reach further: they build what they need.
        let text = production(text);
        if file.contains("tests") {
            continue;
        }
        let allowed = law.get(room).unwrap_or_else(|| panic!("{file}: the law does not know this room"));
        for known in names_after(&text, "crate::") {
            assert!(known == room || allowed.contains(&known), "{file} knows of {known}");
        }
    }
}

/// Elsewhere a part could be forgotten: the records, the denylist in memory, the metrics and the log would not agree.
#[test]
fn only_the_unit_of_work_records_and_tells_of_events_and_denials() {
    let unit = "engine/unit.rs";
    let law = [
        ("insert_event(", "store"),
        ("insert_denials(", "store"),
        ("write_unit(", "store"),
        ("write_shared(", "store"),
        ("store.compare_and_set(", "store"),
        ("denylist.add(", ""),
        ("metrics.event(", ""),
        ("\"security event\"", ""),
    ];
    let sources = sources();
    assert!(sources.contains_key(unit));
    for (file, text) in sources.iter().filter(|(file, _)| *file != unit && !file.contains("tests")) {
        let code = production(text);
        for (call, room_of_it) in law {
            assert!(room(file) == room_of_it || !code.contains(call), "{file} has {call}: that is for {unit}");
        }
        // The actor, the address and the request's id are determined once for each request.
        let may = ["service/bootstrap.rs"].contains(&file.as_str());
        assert!(may || !code.contains("Origin::default()"), "{file} makes up an origin");
    }
}

/// Elsewhere it would take a commit of its own, and could end a session without the grants that end with it.
#[test]
fn one_session_is_ended_by_the_rotator() {
    // The same transaction denies the token that has opened it.
    let with_its_token = "service/legacy.rs";
    for (file, text) in sources().iter().filter(|(file, _)| *file != with_its_token && !file.contains("tests")) {
        let code = production(text);
        assert!(!code.contains(".end_session_of("), "{file} ends a session alone: that is for `sessions::end`");
        assert!(file == "service/sessions.rs" || !code.contains("rotator.end("), "{file}: that is for `sessions::end`");
    }
}

/// Connections made elsewhere would not be limited or checked.
#[test]
fn only_the_outbound_client_connects_to_others() {
    for (file, text) in sources().into_iter().chain(verifier()).filter(|(file, _)| !file.contains("tests")) {
        let code = production(&text);
        assert!(!code.contains("TcpStream") && !code.contains("ToSocketAddrs"), "{file} connects by itself");
    }
}

/// There the order is one list: two orders are a deadlock. Statements that skip locked rows never wait, and allowances are
/// changed by single statements that lock nothing else.
#[test]
fn rows_are_locked_in_one_file() {
    let files = ["store/allowances.rs", "store/locks.rs"];
    for (file, text) in sources().iter().filter(|(file, _)| !files.contains(&file.as_str())) {
        let code = production(text).replace("update skip locked", "");
        for lock in ["for_no_key_update", "for_update", "for no key update", "for update", "pg_advisory"] {
            assert!(!code.contains(lock), "{file} has {lock}: that is for store/locks.rs");
        }
    }
}

/// An event loop must stay free for other requests.
#[test]
fn what_signs_in_an_event_loop_leaves_it_for_what_is_slow() {
    let sources = sources();
    let signing = sources.iter().filter_map(|(file, text)| {
        let code = production(text);
        let signs = [".sign(", "mint("].iter().any(|call| code.contains(call));
        (room(file) != "jwt" && signs && code.contains("async fn")).then_some((file, code))
    });
    let signing: Vec<_> = signing.collect();
    assert!(signing.len() >= 2, "{signing:?}");
    for (file, code) in signing {
        let leaves = ["deadline::signing(", "deadline::on_a_thread(sign)"].iter().any(|call| code.contains(call));
        assert!(leaves, "{file} signs in the event loop");
    }
}

/// Threads that are started elsewhere must end by themselves; only that of the log, to which supervisors write, lives as long
/// as the process.
#[test]
fn threads_that_go_on_are_supervised() {
    let end_by_themselves = ["cli/logger.rs", "engine/background.rs", "http/server.rs", "jwt/keys.rs", "store/mod.rs"];
    for (file, text) in sources().iter().filter(|(file, _)| !file.contains("tests") && *file != "threads.rs") {
        let code = production(text);
        let starts = ["thread::spawn", "thread::Builder"].iter().any(|call| code.contains(call));
        assert!(
            !starts || end_by_themselves.contains(&file.as_str()),
            "{file} starts a thread: that is for threads.rs"
        );
    }
}

/// For every kind of proof: what a session records of it, and whether it is still valid, is decided in one place.
#[test]
fn sessions_are_opened_in_one_place() {
    let opens = |text: &str| production(text).contains("insert_session(");
    let files: BTreeSet<_> =
        sources().into_iter().filter(|(file, text)| !file.contains("tests") && opens(text)).collect();
    let files: Vec<_> = files.iter().map(|(file, _)| file.as_str()).collect();
    assert_eq!(files, ["service/sessions.rs", "store/sessions.rs"]);
}

/// Handlers and commands call a use case, even when they only read.
#[test]
fn rooms_above_the_use_cases_do_not_use_the_store() {
    for (file, text) in sources() {
        let code: String = production(&text).split_whitespace().collect();
        assert!(!["http", "cli"].contains(&room(&file)) || !code.contains(".store."), "{file} asks the store");
    }
}

#[test]
fn there_are_no_circles_between_files() {
    let is_of_the_house = |file: &str| !file.contains("tests") && !["lib.rs", "main.rs"].contains(&file);
    let production_of = |sources: BTreeMap<String, String>| -> BTreeMap<String, String> {
        let files = sources.into_iter().filter(|(file, _)| is_of_the_house(file));
        files.map(|(file, text)| (file, production(&text))).collect()
    };
    assert_eq!(circles(&production_of(verifier())), BTreeSet::new());
    assert_eq!(circles(&production_of(sources())), BTreeSet::new());
}

/// The domain's errors may name why a token is refused: nothing of the verifier's extractors, no status, no header.
#[test]
fn the_errors_of_the_domain_know_nothing_of_http() {
    let sources = sources();
    let error = sources.get("error.rs").unwrap();
    assert!(names_after(error, "tokensmith_verifier::").is_subset(&BTreeSet::from(["TokenError"])));
    for word in ["BearerError", "StatusCode", "actix", "header"] {
        assert!(!error.contains(word), "error.rs names {word}");
    }
}

/// What two of them need is in `http/view` or `http/api/lists.rs`. The tables name them, and not the reverse.
#[test]
fn handlers_do_not_name_each_other() {
    let sources = sources();
    let is_handler = |(file, text): &(&String, &String)| file.starts_with("http/") && text.contains("#[utoipa::path(");
    let handlers: BTreeMap<_, _> = sources.iter().filter(is_handler).collect();
    assert!(handlers.len() > 8);
    let names: BTreeSet<_> = handlers.keys().filter_map(|file| file.rsplit('/').next()?.strip_suffix(".rs")).collect();
    for (file, text) in handlers {
        for uses in text.split("use super::").skip(1).filter_map(|rest| rest.split(';').next()) {
            let words: BTreeSet<_> = uses.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            assert!(words.is_disjoint(&names), "{file} names {uses}");
        }
        let known = names_after(text, "crate::http::");
        let allowed = BTreeSet::from([
            "confirming",
            "cookies",
            "csrf",
            "delivery",
            "extract",
            "failure",
            "proving",
            "recovering",
            "registering",
            "shared_body",
            "view",
            "words",
        ]);
        assert!(known.is_subset(&allowed), "{file} knows of {known:?}");
    }
}

/// What users read is in the tables of texts, in every language; what fills the templates of a folder is in one file.
#[test]
fn templates_have_no_text_of_their_own() {
    let mut seen = 0;
    let folders = ["templates", "templates/account", "templates/mail"];
    let files = folders.into_iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    for path in files.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "html" || extension == "txt") {
            let mut text = fs::read_to_string(&path).unwrap();
            for (opening, closing) in [("{#", "#}"), ("{%", "%}"), ("{{", "}}"), ("<", ">")] {
                while let Some((before, rest)) = text.split_once(opening) {
                    text = format!("{before}{}", rest.split_once(closing).unwrap().1);
                }
            }
            assert!(!text.contains(char::is_alphanumeric), "{path:?} says {:?}", text.trim());
            seen += 1;
        }
    }
    assert!(seen > 20);
    let fillers = ["http/pages/templates.rs", "http/pages/account/templates.rs", "service/mail/letter.rs"];
    for (file, text) in sources() {
        assert!(fillers.contains(&file.as_str()) || !text.contains("template(path"), "{file} fills a template");
    }
}

#[test]
fn every_file_says_what_it_holds_and_is_short() {
    // One table each, with a row for each code or setting: there is nothing to take apart.
    let tables = ["http/codes.rs", "config/settings.rs"];
    for (file, text) in sources().into_iter().chain(verifier()) {
        assert!(text.starts_with("//! "), "{file} must open with //!");
        let longest = if tables.contains(&file.as_str()) { 600 } else { 400 };
        assert!(text.lines().count() <= longest, "{file} is too long");
    }
    assert!(fs::read_to_string(root().join("src/main.rs")).unwrap().lines().count() <= 40);
}

#[test]
fn the_two_migration_folders_are_twins() {
    let names = |engine: &str| -> BTreeSet<PathBuf> {
        let folder = root().join("migrations").join(engine);
        let migrations = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let files = migrations.flat_map(|path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        files.map(|path| path.strip_prefix(&folder).unwrap().to_owned()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert_eq!(names("sqlite").len() % 2, 0, "each has an up.sql and a down.sql");
}

/// An outdated document is rewritten before the test fails, so the next run passes.
#[test]
fn generated_documents_are_current() {
    let mut documents = vec![(".env.example", env_example())];
    for (file, name, part) in made_parts(sources().get("model/audit.rs").unwrap()) {
        let page = fs::read_to_string(root().join(file)).unwrap();
        documents.push((file, with_part(&page, name, &part)));
    }
    let mut stale = Vec::new();
    for (file, expected) in documents {
        let path = root().join(file);
        if fs::read_to_string(&path).unwrap() != expected {
            fs::write(&path, expected).unwrap();
            stale.push(file);
        }
    }
    assert!(stale.is_empty(), "{stale:?} were out of date and are written anew: look at the changes and commit them");
}

/// Codes of tokens come from the verifier, those of fields and reasons are words of a row.
#[test]
fn every_error_code_is_documented() {
    let sources = sources();
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let is_code = |name: &String| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let named = |line: &&str| line.trim().starts_with("Self::") && line.contains("=> \"") && line.ends_with("\",");
    let verifier = verifier();
    let of_tokens =
        ["jwt/verify.rs", "api_token.rs", "actix/bearer.rs"].map(|file| verifier.get(file).unwrap().as_str());
    let of_tokens = of_tokens.into_iter().flat_map(|text| text.lines().filter(named).filter_map(quoted));
    let of_tokens: BTreeSet<_> = of_tokens.filter(is_code).collect();
    assert!(of_tokens.len() > 20, "{of_tokens:?}");
    for code in of_tokens {
        assert!(CODES.iter().any(|known| known.name == code), "the table of codes lacks {code}");
    }
    let policy = sources.get("password/policy.rs").unwrap();
    for code in policy.lines().filter(|line| line.contains("=> \"password_")).filter_map(quoted) {
        assert!(CODES.iter().any(|known| known.meaning.contains(&format!("`{code}`"))), "no meaning names {code}");
    }
    let reasons = sources.get("model/session.rs").unwrap();
    let page = fs::read_to_string(root().join("docs/src/concepts/sessions.md")).unwrap();
    for reason in reasons.lines().filter(|line| line.trim().starts_with("(EndReason::")).filter_map(quoted) {
        assert!(page.contains(&format!("| `{reason}` |")), "the page on sessions lacks the reason {reason}");
    }
}
