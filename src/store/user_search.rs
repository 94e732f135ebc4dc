//! Users who are looked for: by what they are called, by role, by whether they are disabled.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::ReadTx;
use super::schema::users;
use super::types::Bind;
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::text::fold;
use crate::model::user::User;
use crate::model::user_search::UserSearch;

impl ReadTx<'_> {
    /// At most `limit` users by username, those that follow `after`, and of them those that `search` asks for.
    pub(crate) fn list_users(
        &mut self,
        search: &UserSearch,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<User>, Error> {
        let mut query = users::table.order(users::username).limit(limit).select(User::as_select()).into_boxed();
        if let Some(after) = after {
            query = query.filter(users::username.gt(after));
        }
        if let Some(text) = &search.text {
            let pattern = |text: &str| format!("%{}%", literally(text));
            // Usernames are folded, or were by an earlier version; of the rest each engine folds what it can, on both
            // sides alike, and what is written as it is folded is found by every spelling.
            let folded = pattern(&fold(text));
            let found = sql::<Bool>("(users.username like ").bind::<Text, _>(folded.clone());
            let found = found.sql(" escape '!' or users.username like ").bind::<Text, _>(pattern(&text.to_lowercase()));
            let found = found.sql(" escape '!' or lower(users.email) like lower(").bind::<Text, _>(pattern(text));
            let found = found.sql(") escape '!' or lower(users.email) like ").bind::<Text, _>(folded.clone());
            let found = found.sql(" escape '!' or lower(users.name) like lower(").bind::<Text, _>(pattern(text));
            let found = found.sql(") escape '!' or lower(users.name) like ").bind::<Text, _>(folded);
            query = query.filter(found.sql(" escape '!')"));
        }
        query = match search.disabled {
            Some(true) => query.filter(users::disabled_at.is_not_null()),
            Some(false) => query.filter(users::disabled_at.is_null()),
            None => query,
        };
        if let Some(role) = &search.role {
            query = query.filter(sql::<Bool>(HAS_ROLE).bind::<Text, _>(format!(" {role} ")).sql(HAS_ROLE_END));
        }
        Ok(query.load(self.0)?)
    }

    /// Whether somebody else than `user` is active and has the role.
    pub(crate) fn has_another_active_user_with(&mut self, role: &str, user: UserId) -> Result<bool, Error> {
        let others = users::table.filter(users::id.ne(Bind(user))).filter(users::disabled_at.is_null());
        let one = others
            .filter(sql::<Bool>(HAS_ROLE).bind::<Text, _>(format!(" {role} ")).sql(HAS_ROLE_END))
            .select(users::id)
            .first::<UserId>(self.0)
            .optional()?;
        Ok(one.is_some())
    }
}

/// Roles are stored with spaces between them. Not by `like`, for which SQLite takes `Admin` for `admin`.
const HAS_ROLE: &str = "replace(' ' || users.roles || ' ', ";

const HAS_ROLE_END: &str = ", '') <> ' ' || users.roles || ' '";

/// For `like .. escape '!'`.
fn literally(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
