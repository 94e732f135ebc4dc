//! Decisions that can be replayed: each is drawn from the seed and from what it is about, so that the timing of one
//! answer does not shift the decisions after it.

#[derive(Clone, Copy)]
pub struct Dice(u64);

impl Dice {
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for one subject of many.
    pub fn about(self, subject: &[u64]) -> Self {
        Self(subject.iter().fold(self.0, |state, word| mixed(state ^ mixed(*word))))
    }

    /// `SplitMix64`.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    pub fn chance(&mut self, permille: u64) -> bool {
        self.number() % 1_000 < permille
    }

    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        let part = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        least + part * (most - least)
    }
}

fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
