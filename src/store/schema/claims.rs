//! The tables of claims.

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::SqlUuid;

    /// What the hook for claims has last answered.
    session_claims (session_id) {
        session_id -> SqlUuid,
        claims -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::Text;

    /// Claims of the operator's own.
    custom_claims (name) {
        name -> Text,
        mapping -> Text,
    }
}
