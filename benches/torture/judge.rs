//! The judge of the stand-in: a short implementation of the rules in memory, with wrong variants that the torture test
//! must find.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::law::Law;
use crate::service::REUSED;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    Right,
    /// Every token works once.
    NoWindow,
    /// A live token rotates however young it is.
    NoSettle,
    /// A token that was used is refused, and nothing else happens.
    NoReuse,
    /// The retry window counts from the last retry.
    Sliding,
    /// A retry gets another token than the one before.
    Fork,
    /// A thief may wait inside the window.
    NoStrangers,
}

pub struct Judge {
    kind: Kind,
    law: Law,
    rows: HashMap<u64, Row>,
}

struct Row {
    denied_through: i64,
    rotated_at: i64,
    /// From when the retry window counts.
    window_from: i64,
    ended: bool,
    /// Of the last rotation.
    context: u64,
    mark: Mark,
    strange: i64,
    shared: i64,
    /// Different tokens that were handed out for one generation.
    forks: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Unmarked,
    Shared,
    Strange,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sid: u64,
    generation: i64,
    iat: i64,
    fork: u64,
}

impl Judge {
    pub fn new(kind: Kind, law: Law) -> Self {
        let law = match kind {
            Kind::NoWindow => Law { settle: 0, retry: 0, ..law },
            Kind::NoSettle => Law { settle: 0, ..law },
            Kind::NoStrangers => Law { strange_limit: 0, ..law },
            _ => law,
        };
        Self { kind, law, rows: HashMap::new() }
    }

    pub fn login(&mut self, context: u64, now: i64) -> Value {
        let sid = self.rows.len() as u64;
        let row = Row {
            denied_through: 0,
            rotated_at: now,
            window_from: now,
            ended: false,
            context,
            mark: Mark::Unmarked,
            strange: 0,
            shared: 0,
            forks: 0,
        };
        self.rows.insert(sid, row);
        self.pair(sid)
    }

    /// The pair, or the code of the refusal.
    pub fn refresh(&mut self, token: &str, context: u64, now: i64) -> Result<Value, &'static str> {
        let Some(Claims { sid, generation, .. }) = read(token) else { return Err("token_malformed") };
        let Some(row) = self.rows.get_mut(&sid) else { return Err("session_unknown") };
        if row.ended {
            return Err("session_ended");
        }
        let live = row.denied_through + 1;
        if generation == live {
            if row.denied_through == 0 || now - row.rotated_at >= self.law.settle {
                row.rotate(generation, context, now);
            }
        } else if generation == row.denied_through && now - row.window_from < self.law.retry {
            if row.is_shared(context, &self.law, now) {
                row.ended = true;
                return Err(REUSED);
            }
            match self.kind {
                Kind::Sliding => row.window_from = now,
                Kind::Fork => row.forks += 1,
                _ => {}
            }
        } else {
            row.ended = self.kind != Kind::NoReuse;
            return Err(REUSED);
        }
        Ok(self.pair(sid))
    }

    fn pair(&self, sid: u64) -> Value {
        let row = &self.rows[&sid];
        let generation = row.denied_through + 1;
        let claims = Claims { sid, generation, iat: row.rotated_at, fork: row.forks };
        let mut dice = Dice::of(sid).about(&[generation.cast_unsigned()]);
        let after = dice.between(0.6, 0.8) * self.law.access();
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).unwrap());
        json!({
            "refresh_token": format!("head.{payload}.signature"),
            "refresh_generation": generation,
            "refresh_after": after.floor(),
        })
    }
}

impl Row {
    fn rotate(&mut self, generation: i64, context: u64, now: i64) {
        let (strange, shared) = match self.mark {
            Mark::Strange => (1, 1),
            Mark::Shared => (0, 1),
            Mark::Unmarked => (-1, -5),
        };
        self.strange = (self.strange + strange).max(0);
        self.shared = (self.shared + shared).max(0);
        (self.denied_through, self.rotated_at, self.window_from) = (generation, now, now);
        (self.context, self.mark) = (context, Mark::Unmarked);
    }

    /// A retry: beyond the limits, or marked if it is late.
    fn is_shared(&mut self, context: u64, law: &Law, now: i64) -> bool {
        if now - self.rotated_at < law.late_from() {
            return false;
        }
        let stranger = context != self.context;
        let beyond = |count: i64, limit: i64| limit > 0 && count >= limit;
        if stranger && beyond(self.strange, law.strange_limit) || beyond(self.shared, law.shared_limit) {
            return true;
        }
        self.mark = self.mark.max(if stranger { Mark::Strange } else { Mark::Shared });
        false
    }
}

fn read(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
