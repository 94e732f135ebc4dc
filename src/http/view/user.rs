//! A user, and a user's record.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::http::words::RoleName;
use crate::model::id::UserId;
use crate::model::user::User;
use crate::service::email::OwnAccount;

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView<'a> {
    /// Id of the user, which is the `sub` of the user's tokens.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// The name to log in with.
    #[schema(example = "ada")]
    username: String,
    /// E-mail address of the user; null if there is none.
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    /// Full name of the user; null if there is none.
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    /// Roles of the user.
    #[schema(value_type = Vec<RoleName>)]
    roles: &'a [String],
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            username: user.username.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            name: user.name.as_ref().map(ToString::to_string),
            roles: user.roles.names(),
        }
    }
}

/// A user's record.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountView<'a> {
    #[serde(flatten)]
    user: UserView<'a>,
    /// Whether the address is known to be the user's: they have confirmed it, or an administrator has set it. Only then may
    /// the user log in with it, and reset the password.
    email_verified: bool,
    /// When the account was created.
    #[schema(format = "date-time")]
    created_at: String,
    /// When the account was disabled; null if it is active.
    #[schema(required, format = "date-time")]
    disabled_at: Option<String>,
    /// What another system called the account before it was imported: there it is the primary key. Null if it was not.
    #[schema(required, example = "42")]
    external_id: Option<String>,
}

impl<'a> From<&'a User> for AccountView<'a> {
    fn from(user: &'a User) -> Self {
        let (created_at, disabled_at) = (user.created_at.to_rfc3339(), rfc3339(user.disabled_at));
        Self {
            user: user.into(),
            email_verified: user.verified_email().is_some(),
            created_at,
            disabled_at,
            external_id: user.external_id.as_ref().map(ToString::to_string),
        }
    }
}

/// A user's record, as they see it.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnAccount)]
pub(crate) struct OwnAccountView<'a> {
    #[serde(flatten)]
    account: AccountView<'a>,
    /// The address that waits to be confirmed, by a mail that was sent to it; null if there is none. The one in `email` stays
    /// in force until then.
    #[schema(required, example = "ada@example.org")]
    pending_email: Option<String>,
    /// Whether there is a password. A user without one, who logs in another way, sets it as one that was forgotten.
    has_password: bool,
}

impl<'a> From<&'a OwnAccount> for OwnAccountView<'a> {
    fn from(OwnAccount { user, pending, has_password }: &'a OwnAccount) -> Self {
        let pending_email = pending.as_ref().map(ToString::to_string);
        Self { account: user.into(), pending_email, has_password: *has_password }
    }
}
