//! Writes the lines of the log on a thread of its own, many with one system call.
//!
//! - A line that comes alone is written at once; requests that follow within a moment are written together. Any other
//!   line is written at once, with all before it. Lines stay in their order.
//! - Requests wait for a reader that is slower than they are, and no line is lost. If it takes nothing for a second, lines
//!   of requests are left out until it has read most of what waits; their number is logged. All other lines are kept for
//!   it.

use std::io::{ErrorKind, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a pipe takes as a whole (`PIPE_BUF` of Linux): other processes that write to the same pipe cannot break a line.
const MAX_PIECE_BYTES: usize = 4_096;

/// The end of a line.
const END: u8 = b'\n';

/// How long lines are collected after others were written.
const PAUSE: Duration = Duration::from_millis(100);

/// So much is written before the pause is over.
const ENOUGH_BYTES: usize = 64 * 1_024;

/// If so much is not written yet, requests wait.
const MAX_WAITING_BYTES: u64 = 1_024 * 1_024;

/// If so much is not written yet, every line is left out, since memory has an end.
const MAX_KEPT_BYTES: u64 = 16 * 1_024 * 1_024;

/// The pause before another try to write where nothing may be waited for: another process has made the file so.
const POLL: Duration = Duration::from_millis(5);

/// When a line is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// With others of the same moment.
    Soon,
    /// At once.
    Now,
}

/// The lines that wait for the thread that writes them.
#[derive(Default)]
pub(super) struct Lines {
    waiting: Mutex<Waiting>,
    /// Tells the thread that there is something to write.
    added: Condvar,
    /// Tells others that something was written.
    written: Condvar,
    /// How long others wait for a reader that takes nothing.
    patience: Duration,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// The bytes of all lines so far, and of those that were written.
    added: u64,
    written: u64,
    /// Whether the thread waits for the first line.
    is_idle: bool,
    /// Whether the thread should not wait for more lines.
    is_urgent: bool,
    /// Whether the reader took nothing for too long, and still has much to read.
    has_stopped: bool,
    left_out: usize,
}

impl Lines {
    /// No lines yet.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, ..Self::default() }
    }

    /// Adds a whole line.
    pub(super) fn add(&self, line: &[u8], urgency: Urgency) {
        let mut waiting = self.locked();
        let most = match urgency {
            Urgency::Soon => MAX_WAITING_BYTES,
            Urgency::Now => MAX_KEPT_BYTES,
        };
        if urgency == Urgency::Soon && waiting.has(most) {
            let waits = |waiting: &mut Waiting| waiting.has(most) && !waiting.has_stopped;
            let waited = self.written.wait_timeout_while(waiting, self.patience, waits);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            waiting.has_stopped = waiting.has(most);
        }
        if waiting.has(most) {
            waiting.left_out += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        waiting.added += length(line);
        let is_urgent = urgency == Urgency::Now || waiting.lines.len() >= ENOUGH_BYTES;
        self.tell(waiting, is_urgent);
    }

    /// Waits until all lines so far are written, or until the reader has taken nothing for too long.
    pub(super) fn flush(&self) {
        let mut waiting = self.locked();
        let (all, mut before) = (waiting.added, waiting.written);
        if before == all {
            return;
        }
        self.tell(waiting, true);
        waiting = self.locked();
        loop {
            let waits = |waiting: &mut Waiting| waiting.written == before;
            let waited = self.written.wait_timeout_while(waiting, self.patience, waits);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            if waiting.written == before || waiting.written >= all {
                return;
            }
            before = waiting.written;
        }
    }

    /// Wakes the thread, but only once: that costs more than all else here.
    fn tell(&self, mut waiting: MutexGuard<'_, Waiting>, is_urgent: bool) {
        let wakes = waiting.is_idle || is_urgent && !waiting.is_urgent;
        waiting.is_idle = false;
        waiting.is_urgent |= is_urgent;
        drop(waiting);
        if wakes {
            self.added.notify_one();
        }
    }

    /// Writes the lines as they come, for ever. `say` logs how many were left out.
    pub(super) fn write_to(&self, mut out: impl Write, say: impl Fn(usize)) {
        let mut taken = Vec::new();
        loop {
            self.take(&mut taken);
            for piece in pieces(&taken) {
                let left_out = self.over(piece, write(&mut out, piece));
                if left_out > 0 {
                    say(left_out);
                }
            }
            let collected = self.added.wait_timeout_while(self.locked(), PAUSE, |waiting| !waiting.is_urgent);
            drop(collected);
        }
    }

    /// Waits for the next lines and takes all.
    fn take(&self, taken: &mut Vec<u8>) {
        taken.clear();
        // What was needed for a reader that had stopped.
        taken.shrink_to(4 * ENOUGH_BYTES);
        let waiting = self.added.wait_while(self.locked(), |waiting| {
            waiting.is_idle = waiting.lines.is_empty();
            waiting.is_idle
        });
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.is_urgent = false;
        std::mem::swap(taken, &mut waiting.lines);
    }

    /// A piece was written, or cannot be; returns how many lines were left out before one that was written.
    fn over(&self, piece: &[u8], is_written: bool) -> usize {
        let mut waiting = self.locked();
        waiting.written += length(piece);
        waiting.has_stopped &= waiting.has(MAX_WAITING_BYTES);
        if !is_written {
            waiting.left_out += piece.split_inclusive(|byte| *byte == END).count();
        }
        let left_out = if is_written { std::mem::take(&mut waiting.left_out) } else { 0 };
        drop(waiting);
        self.written.notify_all();
        left_out
    }

    fn locked(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether so much is not written yet.
    fn has(&self, bytes: u64) -> bool {
        self.added - self.written >= bytes
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Whole lines: as many as a pipe takes as a whole, or one that is longer.
fn pieces(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let is_end = |byte: &u8| *byte == END;
        let most = lines.get(..MAX_PIECE_BYTES).unwrap_or(lines);
        let end = most.iter().rposition(is_end).or_else(|| lines.iter().position(is_end));
        let (piece, rest) = lines.split_at_checked(end? + 1)?;
        lines = rest;
        Some(piece)
    })
}

/// Writes a piece; returns whether that is done.
fn write(out: &mut impl Write, mut piece: &[u8]) -> bool {
    while !piece.is_empty() {
        match out.write(piece) {
            Ok(0) => return false,
            Ok(count) => piece = piece.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(POLL),
            Err(_) => return false,
        }
    }
    true
}

#[cfg(test)]
#[path = "log_lines_tests.rs"]
mod tests;
