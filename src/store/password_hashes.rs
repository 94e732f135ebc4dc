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
    /// How many accounts have a hash of another system, and of what scheme most of these are, with their number. This reads an index
    /// that has only such accounts.
    pub(crate) fn count_foreign_hashes(&mut self) -> Result<(i64, Option<(String, i64)>), Error> {
        let schemes = format!(
            "select {SCHEME} as scheme, count(*) as accounts from users where {IS_FOREIGN} \
             group by {SCHEME} order by accounts desc, scheme"
        );
        let schemes: Vec<Scheme> = diesel::sql_query(schemes).load(self.0)?;
        let all = schemes.iter().map(|scheme| scheme.accounts).sum();
        Ok((all, schemes.into_iter().next().map(|Scheme { scheme, accounts }| (scheme, accounts))))
    }

    /// The hash in the middle of those of the scheme that most accounts with a hash of another system have, unless more have ours. Those
    /// with the same parameters are beside each other.
    pub(crate) fn find_typical_foreign_hash(&mut self, most: (String, i64)) -> Result<Option<String>, Error> {
        let (scheme, accounts) = most;
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
