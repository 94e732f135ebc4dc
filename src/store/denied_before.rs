//! The table `denied_before`.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::schema::denied_before;
use super::types::{Bind, SqlTime};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::denial::Denial;
use tokensmith_verifier::issuing::DeniedSubject;

const CLIENT: &str = "client";
const USER: &str = "user";

impl ReadTx<'_> {
    /// Denials since a time that have not expired, including kinds that a newer version has added.
    pub(super) fn list_denied_before(&mut self, since: Timestamp, now: Timestamp) -> Result<Vec<Denial>, Error> {
        let rows = denied_before::table
            .filter(denied_before::denied_at.ge(Bind(since)))
            .filter(denied_before::expires_at.gt(Bind(now)))
            .load(self.0)?;
        let denial =
            |(kind, subject, before, denied_at, expires_at): (String, String, Timestamp, Timestamp, Timestamp)| {
                let subject = match kind.as_str() {
                    CLIENT => DeniedSubject::Client(subject.into(), before),
                    USER => DeniedSubject::User(subject.into(), before),
                    _ => DeniedSubject::Unknown { kind: kind.into(), subject: subject.into(), issued_before: before },
                };
                Denial { subject, denied_at, expires_at }
            };
        Ok(rows.into_iter().map(denial).collect())
    }
}

impl WriteTx<'_> {
    /// Adds the denials that belong in this table; returns how many were new.
    pub(super) fn insert_denied_before(&mut self, denials: &[Denial]) -> Result<usize, Error> {
        let mut inserted = 0;
        for denial in denials {
            let (kind, subject, before) = match &denial.subject {
                // Unknown kinds are only passed on to verifiers.
                DeniedSubject::Session(_) | DeniedSubject::AccessToken(_) | DeniedSubject::Unknown { .. } => continue,
                DeniedSubject::Client(name, before) => (CLIENT, name, before),
                DeniedSubject::User(name, before) => (USER, name, before),
            };
            inserted += diesel::sql_query(
                "insert into denied_before (kind, subject, issued_before, denied_at, expires_at) \
                 values ($1, $2, $3, $4, $5) on conflict do nothing",
            )
            .bind::<Text, _>(kind)
            .bind::<Text, _>(&**subject)
            .bind::<SqlTime, _>(before)
            .bind::<SqlTime, _>(denial.denied_at)
            .bind::<SqlTime, _>(denial.expires_at)
            .execute(self.0)?;
        }
        Ok(inserted)
    }
}
