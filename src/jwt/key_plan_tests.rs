//! Forty days of several instances with different clocks on one folder.

use super::*;
use crate::jwt::private_key::{PrivateKey, generate};

const POLICY_PERIOD: Seconds = Seconds(5 * 86_400);
const MAX_AGE: Seconds = Seconds(300);
const TOKEN_LIFETIME: Seconds = Seconds(9 * 86_400);

/// The difference of each instance's clock from the true time, in seconds.
const SKEWS: [i64; 3] = [-30, 0, 30];

/// An instance reads a change of the folder this much later.
const RELOAD: Seconds = Seconds(10);

struct Folder {
    files: Vec<Arc<KeyFile>>,
    /// In true time, in the order of creation.
    made_at: Vec<(PathBuf, Timestamp)>,
    policy: KeyPolicy,
}

impl Folder {
    fn make(&mut self, active_from: Timestamp, now: Timestamp) {
        let key = PrivateKey::from_pkcs8(&generate(SigningAlg::EdDsa).unwrap()).unwrap();
        let path = PathBuf::from(format!("{}", self.made_at.len()));
        self.made_at.push((path.clone(), now));
        self.files.push(Arc::new(KeyFile {
            path,
            active_from,
            written_at: now,
            encrypted: false,
            is_shared: false,
            key,
        }));
        self.files.sort_by_key(|file| file.active_from);
    }

    fn maintain(&mut self, clock: Timestamp, now: Timestamp) {
        for due in Line::new(&self.files, SigningAlg::EdDsa).due(SigningAlg::EdDsa, &self.policy, clock) {
            match due {
                Due::Make { active_from, .. } => self.make(active_from, now),
                Due::Remove { path, .. } => self.files.retain(|file| file.path != path),
            }
        }
    }

    fn signs(&self, clock: Timestamp) -> PathBuf {
        Line::new(&self.files, SigningAlg::EdDsa).active(clock).unwrap().path.clone()
    }
}

#[test]
fn no_key_signs_before_every_copy_has_it_and_none_goes_before_its_last_token_however_the_clocks_differ() {
    let policy = KeyPolicy {
        algs: vec![SigningAlg::EdDsa],
        id_token_algs: Vec::new(),
        rotation_period: Some(POLICY_PERIOD),
        jwks_max_age: MAX_AGE,
        token_lifetime: TOKEN_LIFETIME,
    };
    let mut folder = Folder { files: Vec::new(), made_at: Vec::new(), policy };
    let start = Timestamp(1_800_000_000);
    folder.make(start, start);
    // When each key has last signed, in true time.
    let mut signed_at: Vec<(PathBuf, Timestamp)> = Vec::new();
    let mut max_files = 0;
    for step in 0..(40 * 86_400 / 20) {
        let now = start + Seconds(step * 20);
        for (index, skew) in SKEWS.into_iter().enumerate() {
            let clock = now + Seconds(skew);
            let signs = folder.signs(clock);
            let (first, _) = &folder.made_at[0];
            let (_, made_at) = folder.made_at.iter().find(|(path, _)| *path == signs).unwrap();
            let published_for = now - *made_at;
            assert!(signs == *first || published_for >= MAX_AGE + RELOAD, "{signs:?} after {published_for}");
            signed_at.retain(|(path, _)| *path != signs);
            signed_at.push((signs, now));
            // Each instance acts at another time of the minute.
            if step % 3 == i64::try_from(index).unwrap() {
                folder.maintain(clock, now);
            }
        }
        // Sometimes an operator rotates, on the machine with the slowest clock.
        let clock = now + Seconds(SKEWS[0]);
        let has_next = folder.files.iter().any(|file| file.active_from > clock);
        if step % 40_000 == 20_000 && !has_next {
            folder.make(clock + folder.policy.publication_lead(), now);
        }
        for (path, at) in &signed_at {
            let is_there = folder.files.iter().any(|file| file.path == *path);
            // Its last token may still be valid, by the clocks of verifiers.
            assert!(is_there || now >= *at + TOKEN_LIFETIME, "{path:?} is gone {} after it signed", now - *at);
        }
        max_files = max_files.max(folder.files.len());
    }
    let (by_hand, by_themselves) = (4, 4);
    assert_eq!(folder.made_at.len(), 1 + by_hand + by_themselves, "one for each period, whoever made it");
    assert!(max_files <= 4, "the active one, the next, and those whose tokens live");
}
