//! The responses of the conformance corpus (`clients/corpus/denylist.json`).

use serde_json::{Value, from_str, from_value};

use super::*;
use crate::clock::ManualClock;
use crate::id::{Jti, SessionId};
use crate::jwt::{AccessKeys, verification_keys_of_jwks};
use crate::remote::Fixed;

const NAMES: [&str; 2] = ["019a0000-0000-7000-8000-000000000001", "notes-app"];

fn follower(file: &Value, issuer: &str) -> Follower {
    let keys = verification_keys_of_jwks(&file["jwks"].to_string()).unwrap();
    Follower {
        client: IssuerClient::new(false, None).unwrap(),
        issuer: issuer.to_owned(),
        keys: Arc::new(Fixed(Arc::new(AccessKeys::new(keys, 0)))),
        denied: Arc::default(),
        clock: Arc::new(ManualClock::new(Timestamp(file["now"].as_i64().unwrap()))),
        known: Arc::new(Known { at: Mutex::default(), settled: watch::Sender::new(false) }),
        url: None,
        cursor: None,
        incomplete_until: None,
    }
}

/// The code, and how old the copy is if it is complete.
fn read(follower: &mut Follower, documents: &Value) -> (&'static str, Option<u64>) {
    let (asked_at, mut is_last) = (Instant::now(), false);
    for document in documents.as_array().unwrap() {
        is_last = match follower.read(document.as_str().unwrap(), asked_at) {
            Ok(more) => !more,
            Err(PollError::UnknownKind) => false,
            Err(PollError::Refused(why)) => return (why.code(), None),
            Err(other) => panic!("{other}"),
        }
    }
    let known_at = *follower.known.at.lock().unwrap();
    ("ok", is_last.then(|| asked_at.duration_since(known_at.unwrap()).as_secs()))
}

/// Of the names of the corpus, those that are denied: sessions, tokens, and the first instant of each user and client that
/// is not denied.
fn denied(set: &DeniedSet) -> Value {
    let session = |last: &str| format!("019a0000-0000-7000-8000-00000000{last}");
    let sids = ["0001", "0002", "000a", "000b"].map(session);
    let sids =
        sids.into_iter().filter(|sid| set.denies(Some(sid.parse::<SessionId>().unwrap()), Jti::from_bytes([0; 16])));
    let jtis = ["AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0OEA"].into_iter();
    let jtis = jtis.filter(|jti| set.denies(None, from_value(Value::from(*jti)).unwrap()));
    let instant = |kind: &str, id: &str| {
        let denies = |second: i64| match kind {
            "user" => set.denies_issued("", id, Timestamp(second)),
            _ => set.denies_issued(id, "", Timestamp(second)),
        };
        let before = (1_799_999_000..1_800_000_600).find(|second| !denies(*second)).unwrap();
        (before > 1_799_999_000).then(|| serde_json::json!({"kind": kind, "id": id, "before": before}))
    };
    let kinds = [
        instant("user", NAMES[0]),
        instant("user", NAMES[1]),
        instant("client", NAMES[0]),
        instant("client", NAMES[1]),
    ];
    serde_json::json!({
        "sid": sids.collect::<Vec<_>>(), "jti": jtis.collect::<Vec<_>>(), "kinds": kinds.into_iter().flatten().collect::<Vec<_>>(),
    })
}

#[test]
fn pages_are_read_as_the_corpus_says() {
    let file: Value = from_str(include_str!("../../../corpus/denylist.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let issuer = case.get("issuer").unwrap_or(&file["issuer"]).as_str().unwrap();
        let mut follower = follower(&file, issuer);
        let name = &case["name"];
        let (code, lag) = read(&mut follower, &case["documents"]);
        assert_eq!((code, lag), (case["expected"].as_str().unwrap(), case["lag"].as_u64()), "{name}");
        assert_eq!(lag.is_some(), case["complete"].as_bool().unwrap(), "{name}");
        assert_eq!(denied(&follower.denied), case["denied"], "{name}");
        assert_eq!(follower.cursor.as_deref(), case["cursor"].as_str(), "{name}");
    }
}
