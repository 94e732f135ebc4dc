//! Password hashes that other systems have made, until logins replace them: which kind is the most common.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::ReadTx;
use crate::error::Error;

/// The condition of the index.
const IS_FOREIGN: &str = "substr(password_hash, 1, 10) <> '$argon2id$' and password_hash <> '!'";

/// By so many characters schemes are told apart, and those of bcrypt with their cost.
const SCHEME: &str = "substr(password_hash, 1, 7)";

#[derive(QueryableByName)]
struct Scheme {
    #[diesel(sql_type = Text)]
    scheme: String,
    #[diesel(sql_type = BigInt)]
    accounts: i64,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    accounts: i64,
}

#[derive(QueryableByName)]
struct Hash {
    #[diesel(sql_type = Text)]
    password_hash: String,
}

impl ReadTx<'_> {
    /// The hash in the middle of those of the scheme that most accounts have, unless that is ours. Those with the same parameters are
    /// beside each other.
    pub(crate) fn find_typical_foreign_hash(&mut self) -> Result<Option<String>, Error> {
        let most = format!(
            "select {SCHEME} as scheme, count(*) as accounts from users where {IS_FOREIGN} \
             group by {SCHEME} order by accounts desc, scheme limit 1"
        );
        let most: Option<Scheme> = diesel::sql_query(most).get_result(self.0).optional()?;
        let Some(Scheme { scheme, accounts }) = most else { return Ok(None) };
        let ours = "select count(*) as accounts from users where substr(password_hash, 1, 10) = '$argon2id$'";
        let ours: Count = diesel::sql_query(ours).get_result(self.0)?;
        if ours.accounts > accounts {
            return Ok(None);
        }
        let middle = format!(
            "select password_hash from users where {IS_FOREIGN} and {SCHEME} = $1 order by password_hash limit 1 offset $2"
        );
        let middle = diesel::sql_query(middle).bind::<Text, _>(scheme).bind::<BigInt, _>(accounts / 2);
        let middle: Option<Hash> = middle.get_result(self.0).optional()?;
        Ok(middle.map(|hash| hash.password_hash))
    }
}
