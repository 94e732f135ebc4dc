//! What a session's row stores about clients that share its refresh token, for the rule on strangers in
//! [`super::rotation`].

use std::net::IpAddr;

/// Where a refresh comes from: a keyed hash of the client's network and user agent. Its first 16 bits identify the key
/// of the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Context(i64);

const BITS_OF_THE_HASH: u32 = 48;

impl Context {
    /// The context with this hash; `key` identifies its key in the ring.
    pub fn new(key: [u8; 2], hash: [u8; 6]) -> Self {
        let ([k0, k1], [h0, h1, h2, h3, h4, h5]) = (key, hash);
        Self(i64::from_be_bytes([k0, k1, h0, h1, h2, h3, h4, h5]))
    }

    /// Its number in the database.
    pub(crate) fn number(self) -> i64 {
        self.0
    }

    /// The context with this number.
    pub(crate) const fn of_number(number: i64) -> Self {
        Self(number)
    }

    /// Whether the two are known to differ. Contexts of different keys cannot be compared, so a key rotation does not
    /// make a client a stranger.
    pub fn differs_from(self, other: Self) -> bool {
        self != other && (self.0 ^ other.0) >> BITS_OF_THE_HASH == 0
    }
}

/// The input of a context's hash: the client's network (/24, or /48 of IPv6) and its user agent.
pub(crate) fn hashed_of_client(ip: Option<IpAddr>, user_agent: Option<&str>) -> Vec<u8> {
    let mut hashed = Vec::with_capacity(16 + user_agent.map_or(0, str::len));
    match ip.map(|ip| ip.to_canonical()) {
        None => hashed.push(0),
        Some(IpAddr::V4(ip)) => {
            hashed.push(4);
            hashed.extend(ip.octets().iter().take(3));
        }
        Some(IpAddr::V6(ip)) => {
            hashed.push(6);
            hashed.extend(ip.octets().iter().take(6));
        }
    }
    hashed.push(u8::from(user_agent.is_some()));
    hashed.extend(user_agent.unwrap_or_default().bytes());
    hashed
}

/// How a generation was shared after its rotation, according to its late retries. It never goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// There was no late retry.
    #[default]
    Unmarked,
    /// There was one from the context that rotated it, or from an unknown one.
    Shared,
    /// There was one from another context.
    Strange,
}

impl Mark {
    /// Its name in events and metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unmarked => "unmarked",
            Self::Shared => "shared",
            Self::Strange => "strange",
        }
    }

    /// Its number in the database.
    pub(crate) fn number(self) -> i16 {
        match self {
            Self::Unmarked => 0,
            Self::Shared => 1,
            Self::Strange => 2,
        }
    }

    /// The mark with this number.
    pub(crate) fn of_number(number: i16) -> Self {
        match number {
            ..=0 => Self::Unmarked,
            1 => Self::Shared,
            2.. => Self::Strange,
        }
    }
}

/// How a session's generations have been shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sharing {
    /// The generation that context and mark belong to. An instance of an older version rotates without changing it; at
    /// another generation both are ignored.
    pub(crate) generation: i64,
    /// The context that rotated it, if it is known.
    pub(crate) context: Option<Context>,
    /// How it was shared since.
    pub(crate) mark: Mark,
    /// Rises with each strange generation and falls with each that was not shared.
    pub(crate) strange: i16,
    /// Rises with each shared generation (including strange ones) and falls with each that was not shared.
    pub(crate) shared: i16,
}

/// How many shared generations are cancelled by one that was not shared.
const UNSHARED_OUTWEIGHS: i16 = 5;

impl Sharing {
    /// The part of it that counts at this generation.
    pub(crate) fn at(self, generation: i64) -> Self {
        if self.generation == generation {
            self
        } else {
            Self { generation, context: None, mark: Mark::Unmarked, ..self }
        }
    }

    /// The state after a rotation: the current generation ends, and `context` has rotated the next one.
    pub(crate) fn rotated(self, generation: i64, context: Option<Context>) -> Self {
        let (strange, shared) = match self.mark {
            Mark::Strange => (self.strange.saturating_add(1), self.shared.saturating_add(1)),
            Mark::Shared => (self.strange, self.shared.saturating_add(1)),
            Mark::Unmarked => {
                (self.strange.saturating_sub(1).max(0), self.shared.saturating_sub(UNSHARED_OUTWEIGHS).max(0))
            }
        };
        Self { generation, context, mark: Mark::Unmarked, strange, shared }
    }

    /// The state after a heal: the database has lost what happened, so the counters start again.
    pub(crate) fn healed(generation: i64, context: Option<Context>) -> Self {
        Self { generation, context, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(ip: &str) -> Vec<u8> {
        hashed_of_client(Some(ip.parse().unwrap()), Some("agent"))
    }

    #[test]
    fn a_client_is_its_network_and_its_user_agent() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.77", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.3.1", false),
            ("2001:db8:1::1", "2001:db8:1:ffff:1:2:3:4", true),
            ("2001:db8:1::1", "2001:db8:2::1", false),
            ("::1", "0.0.0.1", false),
        ] {
            assert_eq!(hashed(one) == hashed(other), same, "{one} {other}");
        }
        let ip = Some(IpAddr::from([192, 0, 2, 1]));
        let agents = [None, Some(""), Some("a"), Some("b")].map(|agent| hashed_of_client(ip, agent));
        let nowhere = [None, Some("")].map(|agent| hashed_of_client(None, agent));
        let all: std::collections::HashSet<_> = agents.into_iter().chain(nowhere).collect();
        assert_eq!(all.len(), 6);
    }

    #[test]
    fn contexts_of_different_keys_are_not_known_to_differ() {
        let [a, b] = [[0xff, 1], [0xff, 2]].map(|key| [[1; 6], [2; 6]].map(|hash| Context::new(key, hash)));
        assert!(a[0].differs_from(a[1]) && b[0].differs_from(b[1]));
        assert!(!a[0].differs_from(a[0]));
        for (one, other) in [(a[0], b[0]), (a[0], b[1]), (b[1], a[0])] {
            assert!(!one.differs_from(other), "{one:?} {other:?}");
        }
        assert_eq!(Context::of_number(a[1].number()), a[1]);
    }

    #[test]
    fn counters_rise_with_the_mark_and_fall_without_but_never_below_zero_nor_round() {
        let at = |mark, strange, shared| Sharing { generation: 7, mark, strange, shared, context: None };
        for (before, strange, shared) in [
            (at(Mark::Strange, 2, 3), 3, 4),
            (at(Mark::Shared, 2, 3), 2, 4),
            (at(Mark::Unmarked, 2, 13), 1, 8),
            (at(Mark::Unmarked, 0, 4), 0, 0),
            (at(Mark::Strange, i16::MAX, i16::MAX), i16::MAX, i16::MAX),
        ] {
            let after = before.rotated(8, None);
            assert_eq!(after, Sharing { generation: 8, mark: Mark::Unmarked, strange, shared, context: None });
        }
    }

    #[test]
    fn what_belongs_to_another_generation_counts_for_nothing_but_the_counters() {
        let context = Some(Context::of_number(5));
        let stale = Sharing { generation: 7, context, mark: Mark::Strange, strange: 2, shared: 3 };
        assert_eq!(stale.at(7), stale);
        let expected = Sharing { generation: 8, context: None, mark: Mark::Unmarked, strange: 2, shared: 3 };
        assert_eq!(stale.at(8), expected);
        assert_eq!(Sharing::healed(9, context), Sharing { generation: 9, context, ..Sharing::default() });
    }
}
