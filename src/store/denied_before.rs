//! The table `denied_before`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::schema::denied_before;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::denial::Denial;
use tokensmith_verifier::issuing::DeniedSubject;

const CLIENT: &str = "client";
const USER: &str = "user";

impl ReadTx<'_> {
    /// What was denied since an instant and is not over yet, also of kinds that a newer version has added.
    pub(super) fn list_denied_before(&mut self, since: Timestamp, now: Timestamp) -> Result<Vec<Denial>, Error> {
        let rows = denied_before::table
            .filter(denied_before::denied_at.ge(since.0))
            .filter(denied_before::expires_at.gt(now.0))
            .load::<(String, String, i64, i64, i64)>(self.0)?;
        let denial = |(kind, subject, before, denied_at, expires_at): (String, String, i64, i64, i64)| {
            let subject = match kind.as_str() {
                CLIENT => DeniedSubject::Client(subject.into(), Timestamp(before)),
                USER => DeniedSubject::User(subject.into(), Timestamp(before)),
                _ => DeniedSubject::Unknown {
                    kind: kind.into(),
                    subject: subject.into(),
                    issued_before: Timestamp(before),
                },
            };
            Denial { subject, denied_at: Timestamp(denied_at), expires_at: Timestamp(expires_at) }
        };
        Ok(rows.into_iter().map(denial).collect())
    }
}

impl WriteTx<'_> {
    /// Adds those of the denials that belong here; returns how many were new.
    pub(super) fn insert_denied_before(&mut self, denials: &[Denial]) -> Result<usize, Error> {
        let mut inserted = 0;
        for denial in denials {
            let (kind, subject, before) = match &denial.subject {
                // What is not known is only passed on.
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
            .bind::<BigInt, _>(before.0)
            .bind::<BigInt, _>(denial.denied_at.0)
            .bind::<BigInt, _>(denial.expires_at.0)
            .execute(self.0)?;
        }
        Ok(inserted)
    }

    /// Deletes at most `batch` that are over; returns how many.
    pub(super) fn purge_denied_before(&mut self, batch: i64, now: Timestamp) -> Result<usize, Error> {
        let deleted = diesel::sql_query(
            "delete from denied_before where (kind, subject, issued_before) in \
             (select kind, subject, issued_before from denied_before where expires_at <= $1 order by expires_at limit $2)",
        )
        .bind::<BigInt, _>(now.0)
        .bind::<BigInt, _>(batch)
        .execute(self.0)?;
        Ok(deleted)
    }
}
