//! The table `denylist`.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::connection::DbConnection;
use super::schema::denylist;
use super::types::{DbUuid, SqlUuid};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::id::{Id, Jti};
use tokensmith_verifier::issuing::DeniedSubject;

const SESSION: &str = "sid";
const ACCESS_TOKEN: &str = "jti";

/// Subject, kind and times of a denial that belongs into this table.
fn row(denial: &Denial) -> Option<(DbUuid, &'static str, i64, i64)> {
    let (subject, kind) = match &denial.subject {
        DeniedSubject::Session(id) => (DbUuid(*id.as_bytes()), SESSION),
        DeniedSubject::AccessToken(jti) => (DbUuid(*jti.as_bytes()), ACCESS_TOKEN),
        DeniedSubject::Client(..) | DeniedSubject::User(..) | DeniedSubject::Unknown { .. } => return None,
    };
    Some((subject, kind, denial.denied_at.0, denial.expires_at.0))
}

impl ReadTx<'_> {
    /// What was denied since an instant and is not over yet.
    pub(crate) fn list_denials(&mut self, since: Timestamp, now: Timestamp) -> Result<Vec<Denial>, Error> {
        let rows = denylist::table
            .filter(denylist::denied_at.ge(since.0))
            .filter(denylist::expires_at.gt(now.0))
            .select((denylist::subject, denylist::kind, denylist::denied_at, denylist::expires_at))
            .load::<(DbUuid, String, i64, i64)>(self.0)?;
        let denial = |(subject, kind, denied_at, expires_at): (DbUuid, String, i64, i64)| {
            let subject = match kind.as_str() {
                SESSION => DeniedSubject::Session(Id::from_bytes(subject.0)),
                ACCESS_TOKEN => DeniedSubject::AccessToken(Jti::from_bytes(subject.0)),
                _ => return Err(Error::internal(format!("unknown kind of denial {kind:?}"))),
            };
            Ok(Denial { subject, denied_at: Timestamp(denied_at), expires_at: Timestamp(expires_at) })
        };
        let mut denials: Vec<Denial> = rows.into_iter().map(denial).collect::<Result<_, Error>>()?;
        denials.extend(self.list_denied_before(since, now)?);
        Ok(denials)
    }
}

impl WriteTx<'_> {
    /// Adds denials; returns how many. One that is there already stays as it is. On PostgreSQL in one round trip: a user's
    /// sessions are locked meanwhile.
    pub(super) fn insert_denials(&mut self, denials: &[Denial]) -> Result<usize, Error> {
        let mut inserted = self.insert_denied_before(denials)?;
        let rows: Vec<_> = denials.iter().filter_map(row).collect();
        match self.0 {
            _ if rows.is_empty() => {}
            DbConnection::Sqlite(connection) => {
                for (subject, kind, denied_at, expires_at) in rows {
                    inserted += diesel::sql_query(
                        "insert into denylist (subject, kind, denied_at, expires_at) values ($1, $2, $3, $4) \
                         on conflict do nothing",
                    )
                    .bind::<SqlUuid, _>(subject)
                    .bind::<Text, _>(kind)
                    .bind::<BigInt, _>(denied_at)
                    .bind::<BigInt, _>(expires_at)
                    .execute(connection)?;
                }
            }
            DbConnection::Postgres(connection) => {
                let (subjects, kinds): (Vec<_>, Vec<_>) =
                    rows.iter().map(|(subject, kind, ..)| (*subject, *kind)).unzip();
                inserted += diesel::sql_query(
                    "insert into denylist (subject, kind, denied_at, expires_at) \
                     select * from unnest($1, $2, $3, $4) on conflict do nothing",
                )
                .bind::<Array<SqlUuid>, _>(subjects)
                .bind::<Array<Text>, _>(kinds)
                .bind::<Array<BigInt>, _>(rows.iter().map(|(_, _, denied_at, _)| *denied_at).collect::<Vec<_>>())
                .bind::<Array<BigInt>, _>(rows.iter().map(|(.., expires_at)| *expires_at).collect::<Vec<_>>())
                .execute(connection)?;
            }
        }
        self.1 |= inserted > 0;
        Ok(inserted)
    }

    /// Deletes at most `batch` denials of each table that are over; answers how many.
    pub(crate) fn purge_denials(&mut self, batch: i64, now: Timestamp) -> Result<usize, Error> {
        let deleted = diesel::sql_query(
            "delete from denylist where (subject, kind) in \
             (select subject, kind from denylist where expires_at <= $1 order by expires_at limit $2)",
        )
        .bind::<BigInt, _>(now.0)
        .bind::<BigInt, _>(batch)
        .execute(self.0)?;
        Ok(deleted + self.purge_denied_before(batch, now)?)
    }
}
