//! Hashes that other systems have made: `tests/vectors/hashes.py` makes them.

use std::sync::Arc;

use super::hasher::Hasher;
use super::stored::is_of_this_service;
use super::{Password, Priority, UnusableHash};
use crate::config::Argon2Cost;
use crate::entropy::SeededEntropy;
use crate::secret::Secret;

/// Name, password and hash.
fn vectors() -> Vec<(String, String, String)> {
    let lines = include_str!("../../tests/vectors/hashes.txt").lines();
    let split = lines.map(|line| line.split('\t').collect::<Vec<_>>());
    split.map(|line| (line[0].to_owned(), serde_json::from_str(line[1]).unwrap(), line[2].to_owned())).collect()
}

/// With memory for Django's argon2, which needs 100 MiB.
fn hasher(budget_kib: u32) -> Hasher {
    let cost = Argon2Cost { memory_kib: 64, iterations: 2, threads: 1, budget_kib };
    Hasher::start(cost, Arc::new(SeededEntropy::new(1)), Arc::default()).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(&Secret::new(text.to_owned())).unwrap()
}

fn matches(hasher: &Hasher, text: &str, stored: &str) -> bool {
    let check = hasher.verify(&password(text), Some(&hasher.read(stored).unwrap()), Priority::Usual).unwrap();
    let is_cut = (stored.starts_with("bcrypt$") || stored.starts_with("$2")) && text.len() > 72;
    assert_eq!(check.outdated, !is_cut, "it becomes ours at a login, if it says something of the whole password");
    check.matches
}

#[test]
fn each_password_matches_its_hash_another_does_not_and_it_becomes_ours() {
    let hasher = hasher(128 * 1_024);
    for (name, right, hash) in vectors() {
        let stored = hasher.adopt(&hash, false).unwrap().unwrap();
        assert!(!is_of_this_service(&stored) && stored.ends_with(hash.trim_start_matches("argon2$")), "{name}");
        assert!(matches(&hasher, &right, &stored), "{name}");
        assert!(!matches(&hasher, &format!("x{right}"), &stored), "{name}");
        let [renewed, again] = [(), ()].map(|()| hasher.renew(&password(&right), &stored).unwrap());
        assert!(is_of_this_service(&renewed), "{name}");
        assert_eq!(renewed, again, "two logins at once: {name}");
        let check = hasher.verify(&password(&right), Some(&hasher.read(&renewed).unwrap()), Priority::Usual).unwrap();
        assert!(check.matches && !check.outdated, "{name}");
    }
}

#[test]
fn a_password_is_taken_as_its_system_has_taken_it() {
    let hasher = hasher(8_192);
    let find = |name: &str| vectors().into_iter().find(|(known, ..)| known == name).unwrap();
    // Django normalises nothing; what becomes ours is normalised.
    let (_, right, hash) = find("django, decomposed characters");
    let composed = "pässwörd, long enough";
    assert!(composed != right && !matches(&hasher, composed, &hash) && matches(&hasher, &right, &hash));
    let renewed = hasher.read(&hasher.renew(&password(&right), &hash).unwrap()).unwrap();
    assert!(hasher.verify(&password(composed), Some(&renewed), Priority::Usual).unwrap().matches);
    // bcrypt ends after 72 bytes; Django's second scheme does not.
    let (_, right, hash) = find("django bcrypt, over 72 bytes");
    assert!(matches(&hasher, &right[..72], &hash) && !matches(&hasher, &right[..71], &hash));
    let (_, right, hash) = find("django bcrypt_sha256, over 72 bytes");
    assert!(!matches(&hasher, &right[..72], &hash));
    let (_, right, hash) = find("django bcrypt, with NUL");
    assert!(!matches(&hasher, right.split('\0').next().unwrap(), &hash));
}

#[test]
fn bits_after_the_end_of_a_salt_mean_nothing() {
    let (_, right, hash) = vectors().into_iter().find(|(name, ..)| name == "bcrypt 2b").unwrap();
    let (before, after) = (&hash[..28], &hash[29..]);
    let marked = match &hash[28..29] {
        "." => "/",
        "O" => "P",
        "e" => "f",
        _ => "v",
    };
    assert!(matches(&hasher(8_192), &right, &format!("{before}{marked}{after}")));
}

#[test]
fn no_password_is_none() {
    let hasher = hasher(8_192);
    for none in ["", "!", "!3fdOnaBHTRYWqFjZ1KDBGj2UkDFnM3uJ9iY8nxqt"] {
        assert_eq!(hasher.adopt(none, false), Ok(None), "{none}");
    }
}

#[test]
fn parameters_that_would_hold_up_others_are_refused() {
    let hasher = hasher(64 * 1_024);
    let digest = "qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls";
    for hash in [
        format!("pbkdf2_sha256$5000001$salt${digest}="),
        format!("$pbkdf2-sha256$i=4000000000,l=32$c2FsdHNhbHQ${digest}"),
        "$2b$15$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        format!("scrypt$33554432$salt$8$1${digest}="),
        format!("$scrypt$ln=63,r=8,p=1$c2FsdHNhbHQ${digest}"),
        format!("$pbkdf2-sha512$i=1600000,l=32$c2FsdHNhbHQ${digest}"),
        format!("$pbkdf2$i=1000000,l=64$c2FsdHNhbHQ${}", "A".repeat(86)),
        format!("$scrypt$ln=14,r=8,p=400$c2FsdHNhbHQ${digest}"),
        format!("$scrypt$ln=1,r=1,p=400000$c2FsdHNhbHQ${digest}"),
        format!("$scrypt$ln=1,r=8,p=50000$c2FsdHNhbHQ${digest}"),
        format!("scrypt$8$salt$1$250000${digest}="),
        format!("argon2$argon2id$v=19$m=65536,t=65,p=1$c2FsdHNhbHQ${digest}"),
    ] {
        let refused = hasher.adopt(&hash, false).unwrap_err();
        assert!(matches!(refused, UnusableHash::TooMuchWork), "{hash}: {refused:?}");
    }
    for hash in [
        format!("$scrypt$ln=16,r=8,p=1$c2FsdHNhbHQ${digest}"),
        format!("argon2$argon2id$v=19$m=65540,t=2,p=1$c2FsdHNhbHQ${digest}"),
    ] {
        let refused = hasher.adopt(&hash, false).unwrap_err();
        assert!(matches!(refused, UnusableHash::TooMuchMemory(_)), "{hash}: {refused:?}");
    }
    assert!(hasher.adopt(&format!("pbkdf2_sha256$1000000$salt${digest}="), false).is_ok());
    assert_eq!(hasher.hashed(), 0);
}

/// A file may say of any hash that this service has made it.
#[test]
fn a_hash_that_is_said_to_be_ours_costs_no_more_than_one_of_another_system_or_of_today() {
    let ours = |memory: u32, passes: u32| {
        format!(
            "$argon2id$v=19$m={memory},t={passes},p=1$c2FsdHNhbHRzYWx0c2FsdA$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls"
        )
    };
    let usual = hasher(64 * 1_024);
    assert_eq!(usual.adopt(&ours(16_000, 94), true), Err(UnusableHash::TooMuchWork));
    for (memory, passes) in [(16_000, 93), (64, 100)] {
        assert_eq!(usual.adopt(&ours(memory, passes), true), Ok(Some(ours(memory, passes))));
    }
    let cost = Argon2Cost { memory_kib: 16_000, iterations: 98, threads: 1, budget_kib: 64 * 1_024 };
    let strict = Hasher::start(cost, Arc::new(SeededEntropy::new(1)), Arc::default()).unwrap();
    assert!(strict.adopt(&ours(16_000, 98), true).unwrap().is_some());
    assert_eq!(strict.adopt(&ours(16_000, 99), true), Err(UnusableHash::TooMuchWork));
    // What is stored is of an earlier setting.
    assert!(usual.read(&ours(16_000, 99)).is_ok());
}

#[test]
fn what_has_not_the_form_of_its_scheme_is_refused() {
    let hasher = hasher(8_192);
    for hash in [
        "pbkdf2_sha256$",
        "pbkdf2_sha256$+1000$salt$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls=",
        "pbkdf2_sha256$0$salt$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls=",
        "pbkdf2_sha256$1000$salt$cXp",
        "pbkdf2_sha256$1000$salt$c2hvcnQ=",
        "pbkdf2_sha256$1000$salt$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls=$more",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMU",
        "$2b$03$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "bcrypt$$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jW\u{e9}",
        "scrypt$16383$salt$8$1$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls=",
        "scrypt$0$salt$8$1$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls=",
        "scrypt$16384$salt$0$1$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls=",
        "$scrypt$r=8,p=1$c2FsdHNhbHQ$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls",
        "argon2$argon2id$v=18$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg",
        "argon2$scrypt$ln=14,r=8,p=1$c2FsdHNhbHQ$qzpmDlJzGVStIegAVIj0v",
    ] {
        let refused = hasher.adopt(hash, false).unwrap_err();
        assert!(matches!(refused, UnusableHash::Malformed(_)), "{hash}: {refused:?}");
    }
}

#[test]
fn an_unknown_name_costs_what_the_decoy_costs_and_no_known_one_less() {
    let hasher = hasher(8_192);
    let work = |stored: Option<&str>| {
        let before = hasher.worked();
        let stored = stored.map(|stored| hasher.read(stored).unwrap());
        assert!(!hasher.verify(&password("another password"), stored.as_ref(), Priority::Usual).unwrap().matches);
        hasher.worked() - before
    };
    let ours = hasher.hash(&password("a long enough secret")).unwrap();
    let today = work(None);
    let foreign = "pbkdf2_sha256$20000$salt$qzpmDlJzGVStIegAVIj0v/zQ2PLU51hdf6WoSTrrHls=";
    let cost = work(Some(foreign));
    assert!(cost > today && work(Some(&ours)) == today);
    hasher.set_decoy(Some(hasher.read(foreign).unwrap()));
    assert_eq!((work(None), work(Some(foreign))), (cost, cost));
    // Its own work and the rest, by blocks.
    let filled = work(Some(&ours));
    assert!((cost..cost + 256).contains(&filled), "{filled} of {cost}");
    hasher.set_decoy(None);
    assert_eq!(work(None), today);
}
