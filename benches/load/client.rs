//! The load generator: virtual users on one thread, each with a connection of its own that it keeps.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::http::Connection;

/// A virtual user: its requests, and how it handles responses.
pub trait VirtualUser: Send {
    /// The next request, as it goes over the wire.
    fn request(&mut self) -> &[u8];
    /// Takes the answer.
    fn answered(&mut self, status: u16, body: &[u8]);
}

/// When requests are sent.
#[derive(Clone, Copy)]
pub enum Pace {
    /// Closed loop: each user asks again as soon as it is answered.
    Closed,
    /// Open loop: this many requests per second, however long responses take. Latency counts from when a request was
    /// due.
    Open(f64),
}

/// The results of a load.
#[derive(Default)]
pub struct Seen {
    /// Latencies of the requests that returned 2xx, in microseconds.
    pub latencies: Vec<u32>,
    /// The numbers of other responses, by status; 0 if there was none.
    pub failures: BTreeMap<u16, u64>,
}

impl Seen {
    /// The latencies that these parts of the requests stay below, in milliseconds.
    pub fn percentiles<const N: usize>(&mut self, parts: [f64; N]) -> [f64; N] {
        self.latencies.sort_unstable();
        parts.map(|part| self.percentile(part))
    }

    fn percentile(&self, part: f64) -> f64 {
        let rank = (self.latencies.len() as f64 * part) as usize;
        self.latencies.get(rank.min(self.latencies.len().saturating_sub(1))).map_or(0.0, |us| f64::from(*us) / 1_000.0)
    }

    pub fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        for (status, count) in other.failures {
            *self.failures.entry(status).or_default() += count;
        }
    }

    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}

/// Lets the users send requests for `length`; each finishes its last one.
pub async fn drive(
    address: SocketAddr,
    pace: Pace,
    length: Duration,
    users: Vec<Box<dyn VirtualUser>>,
) -> (Seen, Vec<Box<dyn VirtualUser>>) {
    let started_at = Instant::now();
    let count = users.len();
    let tasks: Vec<_> = users
        .into_iter()
        .enumerate()
        .map(|(number, mut user)| {
            tokio::spawn(async move {
                let mut seen = Seen::default();
                let mut connection = None;
                for turn in 0_u32.. {
                    let due_at = match pace {
                        Pace::Closed => Instant::now(),
                        Pace::Open(rate) => {
                            let position = number as f64 + f64::from(turn) * count as f64;
                            started_at + Duration::from_secs_f64(position / rate)
                        }
                    };
                    if due_at >= started_at + length {
                        break;
                    }
                    if due_at > Instant::now() {
                        tokio::time::sleep_until(due_at.into()).await;
                    }
                    let status = ask(address, &mut connection, &mut *user).await.unwrap_or(0);
                    if (200..300).contains(&status) {
                        seen.latencies.push(u32::try_from(due_at.elapsed().as_micros()).unwrap_or(u32::MAX));
                    } else {
                        *seen.failures.entry(status).or_default() += 1;
                    }
                    if status == 0 {
                        connection = None;
                    }
                }
                (seen, user)
            })
        })
        .collect();
    let (mut all, mut users) = (Seen::default(), Vec::new());
    for task in tasks {
        let (seen, user) = task.await.unwrap();
        all.add(seen);
        users.push(user);
    }
    (all, users)
}

async fn ask(address: SocketAddr, kept: &mut Option<Connection>, user: &mut dyn VirtualUser) -> io::Result<u16> {
    let connection = match kept {
        Some(connection) => connection,
        None => kept.insert(Connection::open(address).await?),
    };
    let (status, body) = connection.exchange(user.request()).await?;
    user.answered(status, body);
    Ok(status)
}
