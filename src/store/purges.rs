//! Deleting expired rows. Sessions are deleted elsewhere, by a sweep along their primary key.

use diesel::RunQueryDsl as _;
use diesel::sql_types::BigInt;

use super::WriteTx;
use super::connection::DbConnection;
use super::types::SqlTime;
use crate::clock::Timestamp;
use crate::error::Error;

/// Rows that can expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Denials of tokens that have expired.
    Denials,
    /// API tokens that were revoked or have expired.
    ApiTokens,
    /// Events of the audit log.
    Events,
    /// Logins that wait for their next step, and challenges that passkeys have answered.
    Challenges,
    /// Tokens in mails.
    MailTokens,
    /// Registrations, invitations, and what is known of accounts that were imported and deleted here.
    Registrations,
    /// Requests for authorization, codes, sign-ins at providers, the assertions of clients, and tokens of an earlier issuer.
    Authorizations,
}

/// For each kind: the table, its primary key, and the time that is compared, which has an index.
const TABLES: [(Over, &str, &str, &str); 16] = [
    (Over::Denials, "denylist", "subject, kind", "expires_at"),
    (Over::Denials, "denied_before", "kind, subject, issued_before", "expires_at"),
    (Over::ApiTokens, "api_tokens", "id", "revoked_at"),
    (Over::ApiTokens, "api_tokens", "id", "expires_at"),
    (Over::Events, "audit_events", "id", "at"),
    (Over::Challenges, "login_challenges", "digest", "expires_at"),
    (Over::MailTokens, "mail_tokens", "digest", "expires_at"),
    (Over::Registrations, "registrations", "id", "expires_at"),
    (Over::Registrations, "invitations", "id", "expires_at"),
    (Over::Challenges, "used_passkey_challenges", "digest", "expires_at"),
    (Over::Authorizations, "interactions", "id", "expires_at"),
    (Over::Authorizations, "authorization_codes", "digest", "expires_at"),
    (Over::Authorizations, "upstream_logins", "digest", "expires_at"),
    (Over::Authorizations, "client_assertions", "digest", "expires_at"),
    (Over::Authorizations, "legacy_tokens", "jti", "expires_at"),
    (Over::Registrations, "deleted_imports", "name", "expires_at"),
];

impl WriteTx<'_> {
    /// Deletes at most `batch` rows that expired by then; returns how many. Locked rows are skipped until the next
    /// time.
    pub(crate) fn purge(&mut self, over: Over, batch: i64, by: Timestamp) -> Result<usize, Error> {
        let pass_by = match self.0 {
            DbConnection::Sqlite(_) => "",
            DbConnection::Postgres(_) => " for no key update skip locked",
        };
        let mut deleted = 0;
        for (_, table, key, column) in TABLES.iter().filter(|(kind, ..)| *kind == over) {
            let statement = format!(
                "delete from {table} where ({key}) in \
                 (select {key} from {table} where {column} <= $1 order by {column} limit $2{pass_by})"
            );
            deleted += diesel::sql_query(statement).bind::<SqlTime, _>(by).bind::<BigInt, _>(batch).execute(self.0)?;
        }
        Ok(deleted)
    }
}
