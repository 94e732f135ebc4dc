//! Bringing in accounts of another system, from a file, with what they need to go on: their passwords and roles, and the tokens
//! that they hold. Rows are written in batches, so that a service may run meanwhile. A second run changes what has changed.

mod accounts;
mod applying;
mod django;
mod known;
mod options;
mod plain;
mod reading;
mod roles;
mod subject;
mod tokens;
mod user;

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use applying::{Applying, Done, Outcome, is_of_the_service};
use django::{Dump, Found};
use known::{Added, Refused};
use plain::{Lines, Numbered, Table};
use reading::skip_mark;
use subject::Subject;
use user::ImportedUser;

use super::{legacy, users};
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};

pub use options::Options;
pub use reading::{Broken, Input};
pub(crate) use roles::Mapping;
pub use roles::RoleMap;

/// So many rows are read at a time.
const BATCH: usize = 500;

/// So many rows are written by the same statements. More would hardly be faster, and would take more than a [`TURN`] on a slow machine.
pub(crate) const AT_ONCE: usize = 100;

/// How long rows are written in one transaction. On SQLite others cannot write meanwhile; then it is their turn for as long.
const TURN: Duration = Duration::from_millis(50);

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Django's `dumpdata`, as JSON.
    Django,
    /// CSV.
    Csv,
    /// JSON lines.
    Jsonl,
}

/// A row that is left out.
#[derive(Debug, serde::Serialize)]
pub struct Refusal {
    /// Its number in the file, from 1; in CSV the first line is 1.
    pub row: u64,
    /// Its model in a dump.
    pub model: String,
    /// Its primary key in the other system.
    pub key: String,
    /// Why.
    pub reason: String,
}

/// What an import has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New accounts.
    pub created: u64,
    /// Of them, those with the role `admin`.
    pub admins: u64,
    /// Changed accounts.
    pub changed: u64,
    /// Rows that say what is stored already.
    pub unchanged: u64,
    /// Tokens of accounts.
    pub tokens: u64,
    /// Rows that are not needed: tokens that have expired, and other models.
    pub left: u64,
    /// Rows that were refused.
    pub refused: u64,
}

impl Counts {
    /// The accounts that were not refused.
    pub(crate) fn accounts(&self) -> u64 {
        self.created + self.changed + self.unchanged
    }
}

/// Why an import has stopped before its end. What came before is stored.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The file.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The service.
    #[error(transparent)]
    Service(#[from] Error),
}

/// A text of the file, which may be long, as it is reported.
fn cut(text: String) -> String {
    const MAX_REPORTED_CHARS: usize = 400;
    match text.char_indices().nth(MAX_REPORTED_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

enum Source {
    Dump(Dump),
    Lines(Lines),
    Table(Box<Table>),
}

/// An import that is under way.
pub struct Import<'a> {
    app: &'a App,
    source: Source,
    options: Options,
    added: Added,
    refused: Refused,
    /// The accounts that the file has named so far, by id and by what the other system calls them.
    seen: HashSet<(bool, String)>,
    counts: Counts,
    broken: Option<Broken>,
}

/// A row that can be written, and what to call it.
struct Row {
    refusal: Refusal,
    subject: Subject,
}

/// The first rows that are of one kind, at most so many.
fn alike(rows: &[Row], at_once: usize) -> Vec<&Subject> {
    let kind = rows.first().map(|row| mem::discriminant(&row.subject));
    let subjects = rows.iter().take(at_once).map(|row| &row.subject);
    subjects.take_while(|subject| Some(mem::discriminant(*subject)) == kind).collect()
}

/// What became of a row.
type Written = (Refusal, Outcome);

impl<'a> Import<'a> {
    /// Begins to read a file.
    pub fn new(app: &'a App, mut input: Input, format: Format, options: Options) -> Result<Self, Broken> {
        skip_mark(&mut input)?;
        let source = match format {
            Format::Django => Source::Dump(Dump::new(input)),
            Format::Csv => Source::Table(Box::new(Table::new(input)?)),
            Format::Jsonl => Source::Lines(Lines::new(input)),
        };
        let (added, refused, counts) = (Added::default(), Refused::default(), Counts::default());
        let (seen, broken) = (HashSet::new(), None);
        Ok(Self { app, source, options, added, refused, seen, counts, broken })
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the file has had a row of an account or of a token; in CSV and JSON lines there are no others.
    pub(crate) fn has_known_rows(&self) -> bool {
        match &self.source {
            Source::Dump(dump) => dump.has_known_rows,
            Source::Lines(_) | Source::Table(_) => true,
        }
    }

    /// Writes the next rows; returns those that were refused, or `None` at the end of the file.
    pub fn next(&mut self, origin: &Origin) -> Result<Option<Vec<Refusal>>, Stopped> {
        if let Some(broken) = self.broken.take() {
            return Err(broken.into());
        }
        let (mut rows, mut refused, mut has_more) = (Vec::new(), Vec::new(), false);
        while rows.len() < BATCH && refused.len() < BATCH {
            match self.read() {
                Ok(None) => break,
                Ok(Some(Found { number, model, key, subject })) => {
                    let (is_account, its_key) = (model == self.options.model, key.clone());
                    let refusal =
                        |reason| Refusal { row: number, model: cut(model), key: cut(key), reason: cut(reason) };
                    match subject.and_then(|subject| self.unless_seen(subject)) {
                        Ok(Some(subject)) => rows.push(Row { refusal: refusal(String::new()), subject }),
                        Ok(None) => self.counts.left += 1,
                        Err(reason) => {
                            if is_account {
                                self.refused.add_key(&its_key);
                            }
                            refused.push(refusal(reason));
                        }
                    }
                }
                Err(broken) => {
                    // After what comes before it.
                    self.broken = Some(broken);
                    has_more = true;
                    break;
                }
            }
        }
        if rows.is_empty() && refused.is_empty() && !has_more {
            return Ok(None);
        }
        refused.extend(self.write(rows, origin)?);
        refused.sort_by_key(|refusal| refusal.row);
        self.counts.refused += u64::try_from(refused.len()).unwrap_or(u64::MAX);
        Ok(Some(refused))
    }

    fn read(&mut self) -> Result<Option<Found>, Broken> {
        let hasher = &self.app.hasher;
        let next: Option<Numbered> = match &mut self.source {
            Source::Dump(dump) => return dump.next(&mut self.options, hasher),
            Source::Lines(lines) => lines.next()?,
            Source::Table(table) => table.next()?,
        };
        let Some((number, fields)) = next else { return Ok(None) };
        let name = |name: &str| fields.as_ref().ok().and_then(|fields| user::text(fields.get(name)).ok().flatten());
        let key = name("external_id").or_else(|| name("id")).unwrap_or_default();
        let user = fields.and_then(|fields| ImportedUser::new(&fields, &mut self.options, hasher));
        let subject = user.map(|user| Some(Subject::User(Box::new(user))));
        Ok(Some(Found { number, model: String::new(), key, subject }))
    }

    /// Refuses an account that the file has named before: only one of the two can be meant.
    fn unless_seen(&mut self, subject: Option<Subject>) -> Result<Option<Subject>, String> {
        if let Some(Subject::User(user)) = &subject {
            let names =
                [(true, user.id.map(|id| id.to_string())), (false, user.external_id.as_ref().map(ToString::to_string))];
            for (is_id, name) in names {
                if name.is_some_and(|name| !self.seen.insert((is_id, name))) {
                    return Err("the file has an account with this key before".to_owned());
                }
            }
        }
        Ok(subject)
    }

    /// Writes rows; returns those that are refused.
    fn write(&mut self, rows: Vec<Row>, origin: &Origin) -> Result<Vec<Refusal>, Error> {
        let (mut rows, mut refused) = (rows.into_iter(), Vec::new());
        while !rows.as_slice().is_empty() {
            let begun = Instant::now();
            let done;
            (done, rows) = self.write_some(rows)?;
            // Others that wait to write come now.
            thread::sleep(begun.elapsed());
            for (refusal, done) in done {
                match self.finished(done, origin) {
                    Ok(done) => self.count(&done),
                    Err(error) if is_of_the_service(&error) => return Err(error),
                    Err(error) => refused.push(Refusal { reason: error.in_words(), ..refusal }),
                }
            }
        }
        Ok(refused)
    }

    /// Writes the first rows in one transaction; returns what became of them, and the rest.
    fn write_some(
        &mut self,
        mut rows: std::vec::IntoIter<Row>,
    ) -> Result<(Vec<Written>, std::vec::IntoIter<Row>), Error> {
        let app = self.app;
        let applying = Applying {
            now: app.clock.now(),
            entropy: Arc::clone(&app.entropy),
            scopes: app.config.scopes.clone(),
            is_rehearsal: self.options.is_rehearsal,
            renames: self.options.renames,
        };
        let (mut added, mut refused) = (mem::take(&mut self.added), mem::take(&mut self.refused));
        let at_once = self.options.at_once;
        let (done, rest, added, refused) = app.units.run(move |tx| {
            // In the common order of locks, whatever the rows need.
            tx.lock_addresses()?;
            let (begun, mut done) = (Instant::now(), Vec::new());
            while !rows.as_slice().is_empty() && (done.is_empty() || begun.elapsed() < TURN) {
                let subjects = alike(rows.as_slice(), at_once);
                let outcomes = applying.apply(tx, &subjects, (&mut added, &refused))?;
                refused.add(&subjects, &outcomes);
                let refusals = rows.by_ref().take(outcomes.len()).map(|row| row.refusal);
                done.extend(refusals.zip(outcomes));
            }
            Ok((done, rows, added, refused))
        })?;
        (self.added, self.refused) = (added, refused);
        Ok((done, rest))
    }

    /// Does what a row needs after it is written, in a transaction of its own.
    fn finished(&self, outcome: Outcome, origin: &Origin) -> Outcome {
        match outcome? {
            Done::Changed { disable: Some(id) } if !self.options.is_rehearsal => {
                users::disable(self.app, id, origin).map(|_ended| Done::Changed { disable: None })
            }
            Done::Exchanged(token) if !self.options.is_rehearsal => {
                legacy::deny_known(self.app, token, origin).map(|()| Done::Kept)
            }
            done => Ok(done),
        }
    }

    fn count(&mut self, done: &Done) {
        let counts = &mut self.counts;
        match done {
            Done::Created { is_admin } => {
                counts.created += 1;
                counts.admins += u64::from(*is_admin);
            }
            Done::Changed { .. } => counts.changed += 1,
            Done::Unchanged => counts.unchanged += 1,
            Done::Kept | Done::Exchanged(_) => counts.tokens += 1,
            Done::Over => counts.left += 1,
        }
    }

    /// Records what was done, unless it was a rehearsal.
    pub(crate) fn finish(self, origin: &Origin) -> Result<Counts, Error> {
        let Counts { created, admins, changed, unchanged, tokens, left: _, refused } = self.counts;
        if !self.options.is_rehearsal {
            let detail = format!(
                "created {created} with {admins} administrators, changed {changed}, unchanged {unchanged}, \
                 tokens {tokens}, refused {refused}"
            );
            let event = origin.event(self.app.clock.now(), EventName::UsersImported).with(detail);
            self.app.units.run(move |tx| tx.record(event))?;
        }
        Ok(self.counts)
    }
}
