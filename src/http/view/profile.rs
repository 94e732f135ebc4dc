//! A change of a user's record.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::http::words::{EmailAddress, Name, NewUsername};
use crate::service::users::NewProfile;

/// A change of a user's record. A missing field is not changed; null removes the e-mail address or the name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileChange, example = json!({"name": "Ada Lovelace"}))]
pub(crate) struct ProfileBody {
    /// The name to log in with.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<NewUsername>, nullable = false)]
    pub(crate) username: Option<String>,
    /// E-mail address of the user; null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<EmailAddress>)]
    pub(crate) email: Option<Option<String>>,
    /// Full name of the user; null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Name>)]
    name: Option<Option<String>>,
}

impl From<ProfileBody> for NewProfile {
    fn from(ProfileBody { username, email, name }: ProfileBody) -> Self {
        Self { username, email, by_administrator: false, name }
    }
}

/// Reads null and a missing field as different values ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads a field that cannot be removed.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}
