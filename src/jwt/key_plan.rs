//! When a key is made, signs, and goes: a pure function of the files of the folder and the time, so that instances that
//! share the folder agree without talking to each other.

use std::path::PathBuf;
use std::sync::Arc;

use super::SigningAlg;
use super::key_file::KeyFile;
use crate::clock::{Seconds, Timestamp};

/// The clocks of instances and operators may differ by this much.
const CLOCK_SKEW: Seconds = Seconds(60);

/// Every instance has taken up a change of the folder after this time.
const TAKE_UP: Seconds = Seconds(10);

/// The rules of the ring.
#[derive(Clone, Debug)]
pub struct KeyPolicy {
    /// Every algorithm that access tokens are signed with; the first is that of tokens whose audience has none of its own.
    pub(crate) algs: Vec<SigningAlg>,
    /// What ID tokens may be signed with. One without a key is left out: the folder may be another program's.
    pub(crate) id_token_algs: Vec<SigningAlg>,
    /// How long a key signs; `None`: until somebody replaces it.
    pub(crate) rotation_period: Option<Seconds>,
    /// How long a copy of the published keys may be used.
    pub(crate) jwks_max_age: Seconds,
    /// How long a token lives at most, refresh tokens included.
    pub(crate) token_lifetime: Seconds,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// Published, but does not sign yet.
    Next,
    /// Signs.
    Active,
    /// Signs no more; what it has signed is still valid.
    Retired,
    /// Of an algorithm that nothing is signed with (any more); stays until somebody removes it.
    Unused,
}

impl KeyState {
    /// Every state.
    pub(crate) const ALL: [Self; 4] = [Self::Next, Self::Active, Self::Retired, Self::Unused];

    /// Its name, for people and programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Unused => "unused",
        }
    }
}

/// Something that is to be done to the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A key is to be made.
    Make {
        /// Its algorithm.
        alg: SigningAlg,
        /// From when on it is to sign.
        active_from: Timestamp,
    },
    /// The last token of a key is over.
    Remove {
        /// Its file.
        path: PathBuf,
        /// Its `kid`.
        kid: String,
        /// When it ceased to sign.
        retired_at: Timestamp,
    },
}

impl KeyPolicy {
    /// Every algorithm that anything is signed with.
    pub(crate) fn all_algs(&self) -> impl Iterator<Item = SigningAlg> {
        let others = self.id_token_algs.iter().filter(|alg| !self.algs.contains(alg));
        self.algs.iter().chain(others).copied()
    }

    /// How long a key is published before it signs: until every copy of the keys that lacks it is over.
    pub(crate) fn publication_lead(&self) -> Seconds {
        self.jwks_max_age + CLOCK_SKEW + TAKE_UP
    }

    /// How long a key is kept after it has ceased to sign.
    fn retention(&self) -> Seconds {
        self.token_lifetime + CLOCK_SKEW
    }
}

/// The keys of one algorithm, oldest first.
pub(super) struct Line<'a>(Vec<&'a Arc<KeyFile>>);

impl<'a> Line<'a> {
    pub(super) fn new(files: &'a [Arc<KeyFile>], alg: SigningAlg) -> Self {
        Self(files.iter().filter(|file| file.key.alg == alg).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that signs: the newest whose time has come. When that of none has, because this clock is behind the one
    /// that stamped the first key, the oldest.
    pub(super) fn active(&self, now: Timestamp) -> Option<&'a Arc<KeyFile>> {
        self.0.iter().rfind(|file| file.active_from <= now).or(self.0.first()).copied()
    }

    pub(super) fn state(&self, file: &KeyFile, now: Timestamp) -> KeyState {
        match self.active(now) {
            Some(active) if active.path == file.path => KeyState::Active,
            _ if file.active_from > now => KeyState::Next,
            _ => KeyState::Retired,
        }
    }

    /// When the next key takes over from this one, if it is there: not before it was, whatever its name says.
    pub(super) fn successor_at(&self, file: &KeyFile) -> Option<Timestamp> {
        let at = self.0.iter().position(|other| other.path == file.path)?;
        self.0.get(at + 1).map(|next| next.active_from.max(next.written_at))
    }

    /// When the newest key has signed for its period, and the one after it takes over.
    fn ends_at(&self, policy: &KeyPolicy) -> Option<Timestamp> {
        let newest = self.0.last()?;
        Some(newest.active_from.max(newest.written_at) + policy.rotation_period?)
    }

    /// When a retired key is removed: never, if somebody has put it there under a name of their own.
    pub(super) fn removed_at(&self, file: &KeyFile, policy: &KeyPolicy) -> Option<Timestamp> {
        let ours = policy.rotation_period.is_some() && file.active_from != Timestamp(0);
        self.successor_at(file).filter(|_| ours).map(|at| at + policy.retention())
    }

    /// What is to be done now.
    pub(super) fn due(&self, alg: SigningAlg, policy: &KeyPolicy, now: Timestamp) -> Vec<Due> {
        if self.is_empty() && policy.rotation_period.is_some() {
            return vec![Due::Make { alg, active_from: now }];
        }
        let Some(ends_at) = self.ends_at(policy) else { return Vec::new() };
        let mut due = Vec::new();
        if ends_at <= now + policy.publication_lead() {
            due.push(Due::Make { alg, active_from: ends_at.max(now + policy.publication_lead()) });
        }
        for file in &self.0 {
            if let (Some(retired_at), Some(removed_at)) = (self.successor_at(file), self.removed_at(file, policy))
                && removed_at <= now
            {
                due.push(Due::Remove { path: file.path.clone(), kid: file.key.kid.clone(), retired_at });
            }
        }
        due
    }

    /// What a copy of the published keys should not outlive by much: a key appears, takes over, or goes.
    pub(super) fn events(&self, policy: &KeyPolicy) -> impl Iterator<Item = Timestamp> {
        let published_at = self.ends_at(policy).map(|ends_at| ends_at - policy.publication_lead());
        let of_files = self.0.iter().flat_map(|file| [Some(file.active_from), self.removed_at(file, policy)]).flatten();
        of_files.chain(published_at)
    }
}

#[cfg(test)]
#[path = "key_plan_tests.rs"]
mod tests;
