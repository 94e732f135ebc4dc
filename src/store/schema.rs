//! The tables for diesel; one description for both engines.

mod claims;
mod joining;

use super::types::{SqlTime, SqlUuid};

pub(super) use claims::{custom_claims, session_claims};
pub(super) use joining::{
    deleted_imports, identities, invitations, legacy_tokens, providers, registrations, upstream_logins,
};

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Accounts.
    users (id) {
        id -> SqlUuid,
        username -> Text,
        email -> Nullable<Text>,
        name -> Nullable<Text>,
        roles -> Text,
        password_hash -> Text,
        disabled_at -> Nullable<SqlTime>,
        created_at -> SqlTime,
        last_login_at -> Nullable<SqlTime>,
        username_fold -> Nullable<Text>,
        email_verified_at -> Nullable<SqlTime>,
        verified_email -> Nullable<Text>,
        username_skeleton -> Nullable<Text>,
        skeleton_of -> Nullable<Text>,
        external_id -> Nullable<Text>,
        legacy_ended_at -> Nullable<SqlTime>,
        public_attributes -> Nullable<Text>,
        app_attributes -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};
    use super::{SqlTime, SqlUuid};

    /// One login on one device.
    sessions (id) {
        id -> SqlUuid,
        user_id -> SqlUuid,
        label -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        ip -> Nullable<Text>,
        created_at -> SqlTime,
        expires_at -> SqlTime,
        denied_through -> BigInt,
        rotated_at -> SqlTime,
        refresh_expires_at -> SqlTime,
        access_expires_by -> SqlTime,
        ended_at -> Nullable<SqlTime>,
        end_reason -> Nullable<Text>,
        authenticated_at -> Nullable<SqlTime>,
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
        browser_session_id -> Nullable<SqlUuid>,
        idp -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::{SqlTime, SqlUuid};

    /// Sessions and access tokens that verifiers must refuse although the signature is valid.
    denylist (subject, kind) {
        subject -> SqlUuid,
        kind -> Text,
        denied_at -> SqlTime,
        expires_at -> SqlTime,
    }
}

diesel::table! {
    use super::SqlTime;
    use diesel::sql_types::Text;

    /// Clients and users whose tokens issued before a time must be refused.
    denied_before (kind, subject, issued_before) {
        kind -> Text,
        subject -> Text,
        issued_before -> SqlTime,
        denied_at -> SqlTime,
        expires_at -> SqlTime,
    }
}

diesel::table! {
    /// How much of each allowance for wrong guesses is used.
    allowances (subject) {
        subject -> BigInt,
        used_until -> BigInt,
        failed_until -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Long-lived keys of users' scripts.
    api_tokens (id) {
        id -> SqlUuid,
        user_id -> SqlUuid,
        name -> Text,
        digest -> Binary,
        sid -> SqlUuid,
        scopes -> Text,
        roles -> Text,
        created_at -> SqlTime,
        expires_at -> Nullable<SqlTime>,
        last_used_at -> Nullable<SqlTime>,
        access_expires_by -> SqlTime,
        revoked_at -> Nullable<SqlTime>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Security events.
    audit_events (id) {
        id -> BigInt,
        at -> SqlTime,
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
    use super::{SqlTime, SqlUuid};

    /// Messages to other servers that are not sent yet.
    outbox (id) {
        id -> SqlUuid,
        kind -> Text,
        payload -> Text,
        created_at -> SqlTime,
        expires_at -> SqlTime,
        due_at -> SqlTime,
        attempts -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use super::SqlTime;

    /// Registered applications.
    clients (id) {
        id -> Text,
        name -> Text,
        redirect_uris -> Text,
        post_logout_redirect_uris -> Text,
        grant_types -> Text,
        scopes -> Text,
        audiences -> Text,
        resource_servers -> Text,
        auth_method -> Text,
        jwks -> Nullable<Text>,
        jwks_uri -> Nullable<Text>,
        id_token_alg -> Nullable<Text>,
        skip_consent -> Bool,
        secret_digest -> Nullable<Binary>,
        old_secret_digest -> Nullable<Binary>,
        old_secret_expires_at -> Nullable<SqlTime>,
        created_at -> SqlTime,
        updated_at -> SqlTime,
        disabled_at -> Nullable<SqlTime>,
        attributes -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Authorization requests that a browser is working on.
    interactions (id) {
        id -> SqlUuid,
        browser_digest -> Binary,
        client_id -> Text,
        request -> Text,
        chosen -> Bool,
        created_at -> SqlTime,
        expires_at -> SqlTime,
        finished_at -> Nullable<SqlTime>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use super::{SqlTime, SqlUuid};

    /// What users have allowed to clients.
    consents (user_id, client_id) {
        user_id -> SqlUuid,
        client_id -> Text,
        scopes -> Text,
        created_at -> SqlTime,
        updated_at -> SqlTime,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Authorization codes, also those that were redeemed.
    authorization_codes (digest) {
        digest -> Binary,
        client_id -> Text,
        user_id -> SqlUuid,
        browser_session_id -> SqlUuid,
        redirect_uri -> Text,
        code_challenge -> Text,
        scope -> Text,
        audience -> Nullable<Text>,
        nonce -> Nullable<Text>,
        auth_time -> SqlTime,
        amr -> Text,
        acr -> Nullable<Text>,
        expires_at -> SqlTime,
        session_id -> Nullable<SqlUuid>,
        idp -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use super::SqlTime;

    /// Assertions by which clients have authenticated.
    client_assertions (digest) {
        digest -> Binary,
        expires_at -> SqlTime,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Authenticator apps of users.
    totp_factors (user_id) {
        user_id -> SqlUuid,
        secret -> Nullable<Text>,
        pending_secret -> Nullable<Text>,
        confirmed_at -> Nullable<SqlTime>,
        confirmed_in -> Nullable<SqlUuid>,
        last_step -> BigInt,
        failures -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use super::{SqlTime, SqlUuid};

    /// Recovery codes of users.
    recovery_codes (user_id, digest) {
        user_id -> SqlUuid,
        digest -> Binary,
        used_at -> Nullable<SqlTime>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Logins that wait for their next step.
    login_challenges (digest) {
        digest -> Binary,
        user_id -> SqlUuid,
        session_id -> Nullable<SqlUuid>,
        password_digest -> Binary,
        proved_at -> SqlTime,
        is_enrolment -> Bool,
        audience -> Nullable<Text>,
        label -> Nullable<Text>,
        by_cookie -> Bool,
        expires_at -> SqlTime,
        used_at -> Nullable<SqlTime>,
        identity_id -> Nullable<SqlUuid>,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use super::{SqlTime, SqlUuid};

    /// Browsers in which users have shown a second factor.
    known_devices (user_id, digest) {
        user_id -> SqlUuid,
        digest -> Binary,
        seen_at -> SqlTime,
    }
}

diesel::table! {
    use super::{SqlTime, SqlUuid};
    use diesel::sql_types::{BigInt, Binary, Nullable, Text};

    /// What is in mails that confirm an address or reset a password.
    mail_tokens (digest) {
        digest -> Binary,
        purpose -> Text,
        user_id -> SqlUuid,
        email -> Text,
        code_hash -> BigInt,
        password_digest -> Binary,
        expires_at -> SqlTime,
        used_at -> Nullable<SqlTime>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use super::{SqlTime, SqlUuid};

    /// Passkeys of users.
    passkeys (id) {
        id -> SqlUuid,
        user_id -> SqlUuid,
        credential_id -> Binary,
        public_key -> Binary,
        sign_count -> BigInt,
        is_backed_up -> Bool,
        transports -> Text,
        name -> Text,
        created_at -> SqlTime,
        created_in -> Nullable<SqlUuid>,
        last_used_at -> Nullable<SqlTime>,
        is_backup_eligible -> Nullable<Bool>,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use super::SqlTime;

    /// Challenges that passkeys have answered.
    used_passkey_challenges (digest) {
        digest -> Binary,
        expires_at -> SqlTime,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(passkeys, sessions, totp_factors, users);
diesel::allow_tables_to_appear_in_same_query!(api_tokens, users);
