//! The macro that maps a type to a row: its fields are columns, so that each is named once beside the schema.

/// A part of a row that may be missing, when it is inserted.
pub struct Optional<'a, T>(pub(super) &'a T);

/// Selects, reads and inserts the type by the listed fields with their types. A field is the column of its name, and never
/// null unless it is an `Option`, or what follows `=`:
///
/// - `column(name)`: the column of that name.
/// - `key(name)`: one that is null where the row has no such part: an `Option` of the type is then `None`.
/// - `or_empty(name)`: one that may be null, which reads as the empty value.
/// - `part`: another row of the same table; `optional`: one that may be missing.
macro_rules! row {
    ($type:ident in $table:ident { $($field:ident: $of:ty $(= $kind:ident $(($column:ident))?)?,)+ }) => {
        impl<DB: diesel::backend::Backend> diesel::Selectable<DB> for $type {
            type SelectExpression = ($($crate::store::row::row!(
                @selected $table $field, $of $(, $kind $($column)?)?
            ),)+);

            fn construct_selection() -> Self::SelectExpression {
                ($($crate::store::row::row!(@selection $table $field, $of $(, $kind $($column)?)?),)+)
            }
        }

        impl<DB: diesel::backend::Backend> diesel::Queryable<
            diesel::dsl::SqlTypeOf<<Self as diesel::Selectable<DB>>::SelectExpression>, DB
        > for $type
        where
            ($($crate::store::row::row!(@read $of $(, $kind)?),)+): diesel::deserialize::FromStaticSqlRow<
                diesel::dsl::SqlTypeOf<<Self as diesel::Selectable<DB>>::SelectExpression>, DB
            >,
        {
            type Row = ($($crate::store::row::row!(@read $of $(, $kind)?),)+);

            fn build(($($field,)+): Self::Row) -> diesel::deserialize::Result<Self> {
                Ok(Self { $($field: $crate::store::row::row!(@built $field $(, $kind)?)),+ })
            }
        }

        impl diesel::internal::derives::insertable::UndecoratedInsertRecord<$table::table> for $type {}

        impl<'a> diesel::Insertable<$table::table> for &'a $type {
            type Values = <($($crate::store::row::row!(
                @inserted $table $field, $of $(, $kind $($column)?)?
            ),)+) as diesel::Insertable<$table::table>>::Values;

            fn values(self) -> Self::Values {
                diesel::Insertable::values(($(
                    $crate::store::row::row!(@insertion $table $field, &self.$field $(, $kind $($column)?)?),
                )+))
            }
        }
    };

    // What is selected of a field: its type, and the value.
    (@selected $table:ident $field:ident, $of:ty) => { $table::$field };
    (@selected $table:ident $field:ident, $of:ty, key $column:ident) => { diesel::dsl::AssumeNotNull<$table::$column> };
    (@selected $table:ident $field:ident, $of:ty, $kind:ident $column:ident) => { $table::$column };
    (@selected $table:ident $field:ident, $of:ty, $part:ident) => { <$of as diesel::Selectable<DB>>::SelectExpression };
    (@selection $table:ident $field:ident, $of:ty) => { $table::$field };
    (@selection $table:ident $field:ident, $of:ty, key $column:ident) => {
        diesel::NullableExpressionMethods::assume_not_null($table::$column)
    };
    (@selection $table:ident $field:ident, $of:ty, $kind:ident $column:ident) => { $table::$column };
    (@selection $table:ident $field:ident, $of:ty, $part:ident) => {
        <$of as diesel::Selectable<DB>>::construct_selection()
    };

    // As what it is read, and what becomes of that.
    (@read $of:ty, or_empty) => { Option<$of> };
    (@read $of:ty $(, $kind:ident)?) => { $of };
    (@built $field:ident, or_empty) => { $field.unwrap_or_default() };
    (@built $field:ident $(, $kind:ident)?) => { $field };

    // What is inserted of it: its type, and the value.
    (@inserted $table:ident $field:ident, $of:ty) => {
        diesel::dsl::Eq<$table::$field, $crate::store::types::Bind<&'a $of>>
    };
    (@inserted $table:ident $field:ident, $of:ty, column $column:ident) => {
        diesel::dsl::Eq<$table::$column, $crate::store::types::Bind<&'a $of>>
    };
    (@inserted $table:ident $field:ident, $of:ty, $kind:ident $column:ident) => {
        diesel::dsl::Eq<$table::$column, $crate::store::types::Bind<Option<&'a $of>>>
    };
    (@inserted $table:ident $field:ident, $of:ty, part) => { &'a $of };
    (@inserted $table:ident $field:ident, $of:ty, optional) => { $crate::store::row::Optional<'a, $of> };
    (@insertion $table:ident $field:ident, $value:expr) => {
        diesel::ExpressionMethods::eq($table::$field, $crate::store::types::Bind($value))
    };
    (@insertion $table:ident $field:ident, $value:expr, column $column:ident) => {
        diesel::ExpressionMethods::eq($table::$column, $crate::store::types::Bind($value))
    };
    (@insertion $table:ident $field:ident, $value:expr, $kind:ident $column:ident) => {
        diesel::ExpressionMethods::eq($table::$column, $crate::store::types::Bind(Some($value)))
    };
    (@insertion $table:ident $field:ident, $value:expr, part) => { $value };
    (@insertion $table:ident $field:ident, $value:expr, optional) => { $crate::store::row::Optional($value) };
}

/// Inserts all rows of an iterator: on PostgreSQL with one statement, and on SQLite, where statements need no round trips, one by one.
macro_rules! insert_all {
    ($tx:ident, $table:ident, $rows:expr) => {
        match $tx.0 {
            $crate::store::connection::DbConnection::Sqlite(connection) => $rows.try_fold(0, |inserted, row| {
                let one = diesel::insert_into($table::table).values(row).execute(connection)?;
                diesel::QueryResult::Ok(inserted + one)
            }),
            $crate::store::connection::DbConnection::Postgres(connection) => {
                diesel::insert_into($table::table).values($rows.collect::<Vec<_>>()).execute(connection)
            }
        }
    };
}

pub(super) use {insert_all, row};
