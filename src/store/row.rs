//! The macro that maps a type to a row: its fields are columns with the same names.

/// Selects, reads and inserts the type by the listed fields. With `struct` the macro also defines the type.
macro_rules! row {
    (struct $type:ident in $table:ident { $($field:ident: $of:ty,)+ }) => {
        pub(super) struct $type {
            $(pub(super) $field: $of,)+
        }

        $crate::store::row::row!($type in $table { $($field: $of,)+ });
    };
    ($type:ident in $table:ident { $($field:ident: $of:ty,)+ }) => {
        impl<DB: diesel::backend::Backend> diesel::Selectable<DB> for $type {
            type SelectExpression = ($($table::$field,)+);

            fn construct_selection() -> Self::SelectExpression {
                ($($table::$field,)+)
            }
        }

        impl<DB: diesel::backend::Backend>
            diesel::Queryable<diesel::dsl::SqlTypeOf<($($table::$field,)+)>, DB> for $type
        where
            ($($of,)+): diesel::deserialize::FromStaticSqlRow<diesel::dsl::SqlTypeOf<($($table::$field,)+)>, DB>,
        {
            type Row = ($($of,)+);

            fn build(($($field,)+): Self::Row) -> diesel::deserialize::Result<Self> {
                Ok(Self { $($field),+ })
            }
        }

        impl<'a> diesel::Insertable<$table::table> for &'a $type {
            type Values = <($(diesel::dsl::Eq<$table::$field, $crate::store::types::Bind<&'a $of>>,)+) as
                diesel::Insertable<$table::table>>::Values;

            fn values(self) -> Self::Values {
                diesel::Insertable::values(($(
                    diesel::ExpressionMethods::eq($table::$field, $crate::store::types::Bind(&self.$field)),
                )+))
            }
        }
    };
}

pub(super) use row;
