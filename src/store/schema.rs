//! The tables, as diesel sees them; one description for both engines.

use super::types::SqlUuid;

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::SqlUuid;

    /// Who can log in.
    users (id) {
        id -> SqlUuid,
        username -> Text,
        email -> Nullable<Text>,
        roles -> Text,
        password_hash -> Text,
        disabled_at -> Nullable<BigInt>,
        created_at -> BigInt,
        last_login_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::SqlUuid;

    /// One login on one device.
    sessions (id) {
        id -> SqlUuid,
        user_id -> SqlUuid,
        label -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        ip -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        denied_through -> BigInt,
        rotated_at -> BigInt,
        refresh_expires_at -> BigInt,
        access_expires_by -> BigInt,
        ended_at -> Nullable<BigInt>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::SqlUuid;

    /// What verifiers must refuse although its signature is good.
    denylist (subject, kind) {
        subject -> SqlUuid,
        kind -> Text,
        denied_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(sessions, users);
