//! The SQL types that the engines do not share or that say more than theirs, and how a value gets into a query.

use diesel::backend::Backend;
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::internal::derives::as_expression::Bound;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{HasSqlType, SqlType};

use super::connection::MultiBackend;

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
