//! How the values of the domain are stored: the one place that turns them into what a column holds, and back.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::internal::derives::as_expression::Bound;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, HasSqlType, SmallInt, SqlType, Text};
use diesel::sqlite::Sqlite;

use super::connection::MultiBackend;
use crate::clock::Timestamp;
use crate::model::audit::EventName;
use crate::model::grant::Amr;
use crate::model::id::Id;
use crate::model::names::Names;
use crate::model::session::EndReason;
use crate::model::sharing::{Context, Mark};
use crate::model::user::{DisplayName, Email, Username};
use crate::secret::KeyDigest;

/// The SQL type of identifiers, the one that the engines do not share: 16 bytes, `uuid` on PostgreSQL and a blob on SQLite.
/// By its numbers, which are the same in every PostgreSQL: its name would be looked up with a query, once on each
/// connection.
#[derive(Clone, Copy, Debug, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct SqlUuid;

/// The SQL type of instants: `bigint`, the seconds since 1970.
#[derive(Clone, Copy, Debug, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 20, array_oid = 1016), sqlite_type(name = "Long"))]
pub struct SqlTime;

macro_rules! sql_type {
    ($type:ident) => {
        impl HasSqlType<$type> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                Self::lookup_sql_type::<$type>(lookup)
            }
        }
    };
}

sql_type!(SqlUuid);
sql_type!(SqlTime);

/// A value in a query, of whatever SQL type the column has that it is compared with or stored in. Only a type of this crate
/// can be that by itself.
#[derive(Clone, Copy, Debug)]
pub struct Bind<T>(pub(super) T);

impl<T, ST: SqlType + TypedExpressionType> AsExpression<ST> for Bind<T> {
    type Expression = Bound<ST, Self>;

    fn as_expression(self) -> Self::Expression {
        Bound::new(self)
    }
}

impl<T: ToSql<ST, DB>, ST, DB: Backend> ToSql<ST, DB> for Bind<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

/// A value in a column of an SQL type, as another type has it in a column of its own (SQLite is given it as a third, where
/// it wants that); how it is read, and written.
macro_rules! column {
    ($type:ty $(, $tag:ident: $life:lifetime)?: $sql:ident as $carrier:ty $(=> $sqlite:ty)?: $carrier_sql:ident, $read:expr, $write:expr) => {
        impl<$($tag: $life,)? DB: Backend> FromSql<$sql, DB> for $type
        where
            $carrier: FromSql<$carrier_sql, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                let read: fn($carrier) -> deserialize::Result<Self> = $read;
                read(<$carrier>::from_sql(bytes)?)
            }
        }

        impl<$($tag: $life,)? DB: Backend> Queryable<$sql, DB> for $type
        where
            Self: FromSql<$sql, DB>,
        {
            type Row = Self;

            fn build(row: Self) -> deserialize::Result<Self> {
                Ok(row)
            }
        }

        impl$(<$tag: $life>)? ToSql<$sql, Pg> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                let write: fn(&Self) -> $carrier = $write;
                <$carrier as ToSql<$carrier_sql, Pg>>::to_sql(&write(self), &mut out.reborrow())
            }
        }

        impl$(<$tag: $life>)? ToSql<$sql, Sqlite> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                let write: fn(&Self) -> $carrier = $write;
                out.set_value($(<$sqlite>::from)?(write(self)));
                Ok(IsNull::No)
            }
        }

        impl$(<$tag: $life>)? ToSql<$sql, MultiBackend> for $type {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql, self));
                Ok(IsNull::No)
            }
        }
    };
}

column!(Id<T>, T: 'static: SqlUuid as Vec<u8>: Binary, |b| Ok(Id::from_bytes(b.as_slice().try_into()?)), |id| id.as_bytes().to_vec());
column!([u8; 16]: SqlUuid as Vec<u8>: Binary, |b| Ok(b.as_slice().try_into()?), |bytes| bytes.to_vec());
column!(KeyDigest: Binary as Vec<u8>: Binary, |b| Ok(KeyDigest(b.as_slice().try_into()?)), |digest| digest.0.to_vec());
column!(Timestamp: SqlTime as i64: BigInt, |seconds| Ok(Timestamp(seconds)), |at| at.0);
column!(Username: Text as String: Text, |text| Ok(Username::from_stored(text)), ToString::to_string);
column!(Email: Text as String: Text, |text| Ok(Email::from_stored(text)), ToString::to_string);
column!(DisplayName: Text as String: Text, |text| Ok(DisplayName::from_stored(text)), ToString::to_string);
column!(Names: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(EndReason: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(Amr: Text as String: Text, |text| Ok(text.parse()?), ToString::to_string);
column!(Context: BigInt as i64: BigInt, |number| Ok(Context::of_number(number)), |context| context.number());
column!(Mark: SmallInt as i16 => i32: SmallInt, |number| Ok(Mark::of_number(number)), |mark| mark.number());
column!(EventName: Text as String: Text, |text| Ok(text.parse()?), |name| name.text().to_owned());
