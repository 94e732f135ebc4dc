//! The tables of registrations and invitations, of providers and who users are there, and of what an earlier issuer has left.

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::types::{SqlTime, SqlUuid};

    /// Links by which their holders may register, once.
    invitations (id) {
        id -> SqlUuid,
        digest -> Binary,
        roles -> Text,
        email -> Nullable<Text>,
        created_by -> Nullable<SqlUuid>,
        created_at -> SqlTime,
        expires_at -> SqlTime,
        used_at -> Nullable<SqlTime>,
        used_by -> Nullable<SqlUuid>,
        email_fold -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::store::types::{SqlTime, SqlUuid};

    /// Registrations that are not finished.
    registrations (id) {
        id -> SqlUuid,
        digest -> Binary,
        email -> Nullable<Text>,
        email_fold -> Nullable<Text>,
        email_verified -> Bool,
        code_hash -> Nullable<BigInt>,
        provider -> Nullable<Text>,
        subject -> Nullable<Text>,
        name -> Nullable<Text>,
        invitation_id -> Nullable<SqlUuid>,
        created_at -> SqlTime,
        expires_at -> SqlTime,
        proved_at -> Nullable<SqlTime>,
        used_at -> Nullable<SqlTime>,
        username -> Nullable<Text>,
        roles -> Text,
        client_digest -> Nullable<Binary>,
        code_shown_at -> Nullable<SqlTime>,
        forced -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::store::types::SqlTime;

    /// Other services at which users may sign in.
    providers (id) {
        id -> Text,
        preset -> Text,
        name -> Text,
        issuer -> Text,
        client_id -> Text,
        secret -> Text,
        scopes -> Text,
        claim_map -> Text,
        trust_email -> Bool,
        factor_amr -> Text,
        factor_acr -> Text,
        created_at -> SqlTime,
        updated_at -> SqlTime,
        disabled_at -> Nullable<SqlTime>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::types::{SqlTime, SqlUuid};

    /// Sign-ins at providers that are under way.
    upstream_logins (digest) {
        digest -> Binary,
        provider_id -> Text,
        browser_digest -> Binary,
        purpose -> Text,
        user_id -> Nullable<SqlUuid>,
        session_id -> Nullable<SqlUuid>,
        return_to -> Text,
        expires_at -> SqlTime,
        used_at -> Nullable<SqlTime>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::types::{SqlTime, SqlUuid};

    /// Who users are at providers.
    identities (id) {
        id -> SqlUuid,
        provider_id -> Text,
        subject -> Text,
        user_id -> SqlUuid,
        email -> Nullable<Text>,
        name -> Nullable<Text>,
        told_roles -> Nullable<Text>,
        created_at -> SqlTime,
        last_used_at -> Nullable<SqlTime>,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::store::types::{SqlTime, SqlUuid};

    /// Refresh tokens of the issuer before this one.
    legacy_tokens (jti) {
        jti -> Text,
        user_id -> Nullable<SqlUuid>,
        expires_at -> SqlTime,
        is_denied -> Bool,
        session_id -> Nullable<SqlUuid>,
        /// Was written by an earlier version, and is not read.
        external_id -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::types::SqlTime;

    /// What was imported and deleted here since.
    deleted_imports (name) {
        name -> Text,
        expires_at -> SqlTime,
    }
}
