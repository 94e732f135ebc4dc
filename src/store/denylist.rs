//! The table `denylist`.

use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text};

use super::connection::DbConnection;
use super::schema::denylist;
use super::types::{Bind, SqlTime, SqlUuid};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::id::{Id, Jti};
use tokensmith_verifier::issuing::DeniedSubject;

const SESSION: &str = "sid";
const ACCESS_TOKEN: &str = "jti";

/// Subject, kind and times of a denial that belongs in this table.
fn row(denial: &Denial) -> Option<([u8; 16], &'static str, Timestamp, Timestamp)> {
    let (subject, kind) = match &denial.subject {
        DeniedSubject::Session(id) => (*id.as_bytes(), SESSION),
        DeniedSubject::AccessToken(jti) => (*jti.as_bytes(), ACCESS_TOKEN),
        DeniedSubject::Client(..) | DeniedSubject::User(..) | DeniedSubject::Unknown { .. } => return None,
    };
    Some((subject, kind, denial.denied_at, denial.expires_at))
}

impl ReadTx<'_> {
    /// Calls `each` with the denials since a time that have not expired, in the order of the times. It holds one row at a
    /// time: there may be a million.
    pub(crate) fn each_denial(
        &mut self,
        since: Timestamp,
        now: Timestamp,
        mut each: impl FnMut(Denial),
    ) -> Result<(), Error> {
        let rows = denylist::table
            .filter(denylist::denied_at.ge(Bind(since)))
            .filter(denylist::expires_at.gt(Bind(now)))
            .select((denylist::subject, denylist::kind, denylist::denied_at, denylist::expires_at))
            .order(denylist::denied_at);
        match self.0 {
            DbConnection::Sqlite(connection) => {
                for row in rows.load_iter::<Row, DefaultLoadingMode>(connection)? {
                    each(denial(row?)?);
                }
            }
            DbConnection::Postgres(connection) => {
                for row in rows.load_iter::<Row, PgRowByRowLoadingMode>(connection)? {
                    each(denial(row?)?);
                }
            }
        }
        self.list_denied_before(since, now)?.into_iter().for_each(each);
        Ok(())
    }
}

type Row = ([u8; 16], String, Timestamp, Timestamp);

fn denial((subject, kind, denied_at, expires_at): Row) -> Result<Denial, Error> {
    let subject = match kind.as_str() {
        SESSION => DeniedSubject::Session(Id::from_bytes(subject)),
        ACCESS_TOKEN => DeniedSubject::AccessToken(Jti::from_bytes(subject)),
        _ => return Err(Error::internal(format!("unknown kind of denial {kind:?}"))),
    };
    Ok(Denial { subject, denied_at, expires_at })
}

impl WriteTx<'_> {
    /// Adds denials; returns how many were new. Existing ones are not changed. On PostgreSQL it takes one round trip,
    /// because a user's sessions are locked meanwhile.
    pub(super) fn insert_denials(&mut self, denials: &[Denial]) -> Result<usize, Error> {
        let mut inserted = self.insert_denied_before(denials)?;
        let mut rows: Vec<_> = denials.iter().filter_map(row).collect();
        // Transactions that add the same denial wait for each other. With one common order there is no deadlock.
        rows.sort_unstable();
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
                    .bind::<SqlTime, _>(denied_at)
                    .bind::<SqlTime, _>(expires_at)
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
                .bind::<Array<SqlTime>, _>(rows.iter().map(|(_, _, denied_at, _)| *denied_at).collect::<Vec<_>>())
                .bind::<Array<SqlTime>, _>(rows.iter().map(|(.., expires_at)| *expires_at).collect::<Vec<_>>())
                .execute(connection)?;
            }
        }
        self.1 |= inserted > 0;
        Ok(inserted)
    }
}
