//! A change of a user's record.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::http::words::{EmailAddress, Name, NewUsername};
use crate::service::users::NewProfile;

/// What is to be changed; what is missing stays, null takes e-mail address or name away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileChange, example = json!({"name": "Ada Lovelace"}))]
pub(crate) struct ProfileBody {
    /// The name to log in with.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<NewUsername>, nullable = false)]
    pub(crate) username: Option<String>,
    /// Where to write to.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<EmailAddress>)]
    pub(crate) email: Option<Option<String>>,
    /// What people call the user.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Name>)]
    name: Option<Option<String>>,
}

impl From<ProfileBody> for NewProfile {
    fn from(ProfileBody { username, email, name }: ProfileBody) -> Self {
        Self { username, email, name }
    }
}

/// Null is something else than nothing ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What cannot be taken away.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}
