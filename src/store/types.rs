//! SQL types that the engines do not share or that say more than theirs, and how a value gets into a query.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::internal::derives::as_expression::Bound;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Binary, HasSqlType, SqlType};
use diesel::sqlite::{Sqlite, SqliteValue};

use super::connection::MultiBackend;

/// The SQL type of identifiers, the only type that differs between the engines: 16 bytes, `uuid` on PostgreSQL and a
/// blob on SQLite. It is given by its numbers, which are the same in every PostgreSQL, since looking up a name takes a
/// query on each connection.
#[derive(Clone, Copy, Debug, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Binary"))]
pub struct SqlUuid;

/// The SQL type of times: `bigint`, seconds since 1970.
#[derive(Clone, Copy, Debug, Default, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 20, array_oid = 1016), sqlite_type(name = "Long"))]
pub struct SqlTime;

/// The bytes of an identifier. Unlike a `Vec`, they need no memory of their own where they are read, or written to PostgreSQL.
#[derive(Debug)]
pub(super) struct UuidBytes(pub(super) [u8; 16]);

impl FromSql<Binary, Pg> for UuidBytes {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes().try_into()?))
    }
}

impl FromSql<Binary, Sqlite> for UuidBytes {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        Ok(Self(value.read_blob().try_into()?))
    }
}

impl FromSql<Binary, MultiBackend> for UuidBytes {
    fn from_sql(value: <MultiBackend as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, Binary>()
    }
}

impl ToSql<Binary, Pg> for UuidBytes {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <[u8; 16] as ToSql<Binary, Pg>>::to_sql(&self.0, out)
    }
}

impl From<UuidBytes> for Vec<u8> {
    fn from(bytes: UuidBytes) -> Self {
        bytes.0.into()
    }
}

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

/// A value in a query, with the SQL type of its column. It is needed because diesel's traits can only be implemented
/// for types of this crate.
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
