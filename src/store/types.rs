//! SQL types that the engines do not share or that say more than theirs, and how a value gets into a query.

use diesel::backend::Backend;
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::internal::derives::as_expression::Bound;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{HasSqlType, SqlType};

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
