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
        name -> Nullable<Text>,
        roles -> Text,
        password_hash -> Text,
        disabled_at -> Nullable<BigInt>,
        created_at -> BigInt,
        last_login_at -> Nullable<BigInt>,
        username_fold -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
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
        authenticated_at -> Nullable<BigInt>,
        context_generation -> BigInt,
        context -> Nullable<BigInt>,
        mark -> SmallInt,
        strange -> SmallInt,
        shared -> SmallInt,
        client_id -> Nullable<Text>,
        scope -> Nullable<Text>,
        audience -> Nullable<Text>,
        amr -> Nullable<Text>,
        acr -> Nullable<Text>,
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

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    /// The same, of whatever was issued before an instant.
    denied_before (kind, subject, issued_before) {
        kind -> Text,
        subject -> Text,
        issued_before -> BigInt,
        denied_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    /// What of the allowances of wrong guesses is used.
    allowances (subject) {
        subject -> BigInt,
        used_until -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use super::SqlUuid;

    /// Long-lived keys of users' scripts.
    api_tokens (id) {
        id -> SqlUuid,
        user_id -> SqlUuid,
        name -> Text,
        digest -> Binary,
        sid -> SqlUuid,
        scopes -> Text,
        roles -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        access_expires_by -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::SqlUuid;

    /// What happened that concerns security.
    audit_events (id) {
        id -> BigInt,
        at -> BigInt,
        name -> Text,
        user_id -> Nullable<SqlUuid>,
        actor_id -> Nullable<SqlUuid>,
        session_id -> Nullable<SqlUuid>,
        ip -> Nullable<Text>,
        detail -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::SqlUuid;

    /// Messages to others that are not sent yet.
    outbox (id) {
        id -> SqlUuid,
        kind -> Text,
        payload -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        due_at -> BigInt,
        attempts -> BigInt,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(sessions, users);
diesel::allow_tables_to_appear_in_same_query!(api_tokens, users);
