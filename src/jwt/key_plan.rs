//! When a key is created, signs, and is removed. This is a pure function of the files and the time, so that instances
//! that share the folder agree without communication.

use std::path::PathBuf;
use std::sync::Arc;

use super::SigningAlg;
use super::key_file::KeyFile;
use crate::clock::{Seconds, Timestamp};

/// The most by which clocks of instances and operators may differ.
const CLOCK_SKEW: Seconds = Seconds(60);

/// After this time every instance has read a change of the folder.
const TAKE_UP: Seconds = Seconds(10);

/// The rules of the ring.
#[derive(Clone, Debug)]
pub struct KeyPolicy {
    /// Every algorithm that access tokens are signed with. The first one is for tokens whose audience has no algorithm of its
    /// own.
    pub(crate) algs: Vec<SigningAlg>,
    /// The algorithms that ID tokens may be signed with. One that has no key is left out, since another program may manage
    /// the folder.
    pub(crate) id_token_algs: Vec<SigningAlg>,
    /// How long a key signs; `None`: until an operator replaces it.
    pub(crate) rotation_period: Option<Seconds>,
    /// How long verifiers may cache the published keys.
    pub(crate) jwks_max_age: Seconds,
    /// The longest lifetime of a token, including refresh tokens.
    pub(crate) token_lifetime: Seconds,
}

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    /// Published, but does not sign yet.
    Next,
    /// Signs.
    Active,
    /// No longer signs; tokens that it signed are still valid.
    Retired,
    /// Its algorithm is not used to sign (any more). It stays until an operator removes it.
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

/// A change of the folder that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A key must be created.
    Make {
        /// Its algorithm.
        alg: SigningAlg,
        /// When it starts to sign.
        active_from: Timestamp,
    },
    /// A key must be removed, because its last token has expired.
    Remove {
        /// Its file.
        path: PathBuf,
        /// Its `kid`.
        kid: String,
        /// When it stopped signing.
        retired_at: Timestamp,
    },
}

impl KeyPolicy {
    /// Every algorithm that is used to sign.
    pub(crate) fn all_algs(&self) -> impl Iterator<Item = SigningAlg> {
        let others = self.id_token_algs.iter().filter(|alg| !self.algs.contains(alg));
        self.algs.iter().chain(others).copied()
    }

    /// How long a key is published before it signs: until every cached copy without it has expired.
    pub(crate) fn publication_lead(&self) -> Seconds {
        self.jwks_max_age + CLOCK_SKEW + TAKE_UP
    }

    /// How long a key is kept after it has stopped signing.
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

    /// The key that signs: the newest one whose time has come. If there is none, because this clock is behind the clock
    /// of the first key, it is the oldest.
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

    /// When the next key replaces this one, if there is a next one. It is never before the next key's file was written.
    pub(super) fn successor_at(&self, file: &KeyFile) -> Option<Timestamp> {
        let at = self.0.iter().position(|other| other.path == file.path)?;
        self.0.get(at + 1).map(|next| next.active_from.max(next.written_at))
    }

    /// When the newest key has signed for its period and must be replaced.
    fn ends_at(&self, policy: &KeyPolicy) -> Option<Timestamp> {
        let newest = self.0.last()?;
        Some(newest.active_from.max(newest.written_at) + policy.rotation_period?)
    }

    /// When a retired key is removed. A key whose file an operator has named is never removed.
    pub(super) fn removed_at(&self, file: &KeyFile, policy: &KeyPolicy) -> Option<Timestamp> {
        let ours = policy.rotation_period.is_some() && file.active_from != Timestamp(0);
        self.successor_at(file).filter(|_| ours).map(|at| at + policy.retention())
    }

    /// The changes that are due now.
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

    /// Times at which the published keys change: a key appears, starts to sign, or is removed. A cached copy should
    /// expire soon after that.
    pub(super) fn events(&self, policy: &KeyPolicy) -> impl Iterator<Item = Timestamp> {
        let published_at = self.ends_at(policy).map(|ends_at| ends_at - policy.publication_lead());
        let of_files = self.0.iter().flat_map(|file| [Some(file.active_from), self.removed_at(file, policy)]).flatten();
        of_files.chain(published_at)
    }
}

#[cfg(test)]
#[path = "key_plan_tests.rs"]
mod tests;
