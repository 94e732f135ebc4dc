//! The signing keys: rotating them, dropping a leaked one, and what the service does in the background.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::engine::known_keys::report;
use crate::error::Error;
use crate::jwt::{Due, KeyFileError, KeyPolicy, KeyState, Keys, RingEntry, SigningAlg};
use crate::model::audit::{EventName, Origin};
use crate::store::Store;

/// Other processes lock the folder only for a moment.
const RETRY_AFTER: Seconds = Seconds(1);

/// What an emergency rotation did.
pub struct Dropped {
    /// The key that was dropped.
    pub dropped: RingEntry,
    /// The file of the key that replaces it, if it was active.
    pub(crate) made: Option<PathBuf>,
}

/// Creates the next key of an algorithm. It signs when every cached copy of the published keys has it. Returns its file
/// and that time.
pub fn rotate(keys: &Keys, alg: SigningAlg, now: Timestamp) -> Result<(PathBuf, Timestamp), KeyFileError> {
    let lock = keys.folder().lock()?;
    keys.reload()?;
    let active_from = next_active_from(keys, alg, now);
    let is_next = |entry: &RingEntry| entry.alg == alg && entry.active_from.is_some_and(|at| at > now);
    if let Some(RingEntry { path, active_from: Some(at), .. }) = keys.ring().entries(now).into_iter().find(is_next) {
        return Err(KeyFileError::NextExists { path, alg, active_from: at.to_rfc3339() });
    }
    let path = keys.folder().add(&lock, alg, active_from, now)?;
    keys.reload()?;
    Ok((path, active_from))
}

/// The same, requested by an administrator over HTTP.
pub(crate) fn rotate_by(app: &App, alg: SigningAlg, origin: &Origin) -> Result<(), Error> {
    let now = app.clock.now();
    let (_, active_from) = rotate(&app.keys, alg, now).map_err(refused)?;
    app.denylist.tell();
    let event = origin.event(now, EventName::KeyRotated);
    app.units.record_best_effort(event.with(format_args!("{alg} from {}", active_from.to_rfc3339())));
    Ok(())
}

/// When the next key starts to sign. The first key of an algorithm signs at once.
fn next_active_from(keys: &Keys, alg: SigningAlg, now: Timestamp) -> Timestamp {
    let ring = keys.ring();
    let is_first = ring.entries(now).iter().all(|entry| entry.alg != alg);
    if is_first && ring.policy().all_algs().any(|used| used == alg) {
        now
    } else {
        now + ring.policy().publication_lead()
    }
}

/// Imports the private key of a PEM file as the next key of its algorithm; returns its new file, the algorithm, and
/// when it starts to sign.
pub(crate) fn import(
    keys: &Keys,
    file: &Path,
    now: Timestamp,
) -> Result<(PathBuf, SigningAlg, Timestamp), KeyFileError> {
    let key = keys.folder().read_foreign(file)?;
    let lock = keys.folder().lock()?;
    keys.reload()?;
    if let Some(other) = keys.ring().entries(now).into_iter().find(|entry| entry.kid == key.kid) {
        return Err(KeyFileError::Twice { path: file.to_owned(), other: other.path });
    }
    let active_from = next_active_from(keys, key.alg, now);
    let path = keys.folder().import(&lock, &key, active_from, now)?;
    keys.reload()?;
    Ok((path, key.alg, active_from))
}

/// Drops a leaked key: no token that it signed is accepted any more. If it is the active key, a new key signs from now
/// on; the next key stays the next. Without a `kid`, the active key of `alg` is dropped.
pub fn drop_leaked(keys: &Keys, alg: SigningAlg, kid: Option<&str>, now: Timestamp) -> Result<Dropped, KeyFileError> {
    let folder = keys.folder();
    let lock = folder.lock()?;
    keys.reload()?;
    let is_meant = |entry: &RingEntry| match kid {
        Some(kid) => entry.kid == kid,
        None => entry.alg == alg && entry.state == KeyState::Active,
    };
    let unknown = || {
        let wanted = kid.map_or_else(|| format!("that signs with {alg}"), ToOwned::to_owned);
        KeyFileError::Unknown { dir: folder.dir.clone(), kid: wanted }
    };
    let dropped = keys.ring().entries(now).into_iter().find(is_meant).ok_or_else(unknown)?;
    let made = match dropped.state {
        // In one step, so that an interruption leaves either the leaked key or the new one active, and no older key
        // signs.
        KeyState::Active => Some(folder.replace(&lock, &dropped.path, dropped.alg, now)?),
        KeyState::Next | KeyState::Retired | KeyState::Unused => {
            folder.remove(&lock, &dropped.path)?;
            None
        }
    };
    keys.reload()?;
    // The same key may exist under another file name.
    while let Some(copy) = keys.ring().entries(now).into_iter().find(|entry| entry.kid == dropped.kid) {
        folder.remove(&lock, &copy.path)?;
        keys.reload()?;
    }
    Ok(Dropped { dropped, made })
}

/// The same, requested by an administrator over HTTP; also returns how many sessions end. If the database is down, that
/// is not known, but the key is dropped.
pub(crate) fn drop_leaked_by(
    app: &App,
    alg: SigningAlg,
    kid: Option<&str>,
    origin: &Origin,
) -> Result<Option<i64>, Error> {
    let App { store, units, clock, keys, denylist, .. } = app;
    let now = clock.now();
    let dropped = drop_leaked(keys, alg, kid, now).map_err(refused)?.dropped;
    denylist.tell();
    let event = origin.event(now, EventName::KeyDropped);
    units.record_best_effort(event.with(format_args!("{} {}", dropped.alg, dropped.kid)));
    Ok(count_sessions_of(store, keys.ring().policy(), &dropped, now).ok())
}

/// The error that an administrator gets.
fn refused(error: KeyFileError) -> Error {
    match error {
        KeyFileError::NextExists { active_from, .. } => {
            Error::KeyConflict(format!("the next key already exists and signs from {active_from} on"))
        }
        KeyFileError::Unknown { .. } => Error::KeyUnknown,
        // Another process has locked the folder.
        KeyFileError::Io { cause, .. } if cause.kind() == ErrorKind::TimedOut => {
            Error::Overloaded { retry_after: RETRY_AFTER }
        }
        other => Error::internal(other),
    }
}

/// How many sessions a dropped key ends: live ones whose refresh token it signed. Sessions that were refreshed in the
/// retry window after it was retired are also counted, although they continue. A key that has not signed yet, or whose
/// algorithm is only used for an audience, has signed no refresh tokens.
pub fn count_sessions_of(store: &Store, policy: &KeyPolicy, key: &RingEntry, now: Timestamp) -> Result<i64, Error> {
    let of_an_audience = policy.algs.first() != Some(&key.alg) && key.state != KeyState::Unused;
    if of_an_audience || key.state == KeyState::Next {
        return Ok(0);
    }
    let from = key.active_from.unwrap_or(Timestamp(0));
    let until = key.retired_at.filter(|at| *at <= now).unwrap_or(now + Seconds(1));
    store.read(|tx| tx.count_live_sessions_rotated(from, until, now))
}

/// Reads what has changed in the folder.
///
/// After an error the known keys stay in force.
pub fn follow(app: &App) -> Result<(), Error> {
    report(&app.denylist, app.keys.follow())
}

/// Creates the next key of each algorithm in time; does nothing if `KEY_ROTATION_PERIOD=off`.
pub fn make_next(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut due = app.keys.ring().due(now);
    due.retain(|due| matches!(due, Due::Make { .. }));
    do_what_is_due(app, now, &due)
}

/// Removes each key whose last token has expired; does nothing if `KEY_ROTATION_PERIOD=off`.
pub fn remove_retired(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let mut agreed = Vec::new();
    for due in app.keys.ring().due(now) {
        // Also waits for tokens that were issued with a longer lifetime than the current one.
        if let Due::Remove { retired_at, .. } = due
            && !app.store.read(|tx| tx.has_live_session_rotated_by(retired_at, now))?
        {
            agreed.push(due);
        }
    }
    do_what_is_due(app, now, &agreed)
}

fn do_what_is_due(app: &App, now: Timestamp, agreed: &[Due]) -> Result<(), Error> {
    let done = app.keys.do_what_is_due(now, agreed).map_err(Error::internal)?;
    if !done.is_empty() {
        app.denylist.tell();
    }
    for done in done {
        match done {
            Due::Make { alg, active_from } => {
                log::info!(alg:% = alg, active_from = active_from.to_rfc3339(); "next signing key created");
            }
            Due::Remove { kid, path, .. } => log::info!(kid, file:% = path.display(); "retired signing key removed"),
        }
    }
    Ok(())
}

/// Reads the whole folder again at an operator's request.
pub fn reload(app: &App) -> Result<(), Error> {
    report(&app.denylist, app.keys.follow_all())
}
