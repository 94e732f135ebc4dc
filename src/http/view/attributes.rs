//! Attributes of a user, as far as their reader may see them.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::model::attributes::Attributes;
use crate::model::user::User;

/// The attributes that users see and change themselves.
#[derive(Serialize, ToSchema)]
#[schema(as = OwnAttributes, example = json!({"public": {"theme": "dark"}}))]
pub(crate) struct PublicAttributesView {
    /// The public attributes.
    #[schema(value_type = Object)]
    public: Map<String, Value>,
}

impl From<&User> for PublicAttributesView {
    fn from(user: &User) -> Self {
        Self { public: Attributes::object_of(user.public_attributes.as_ref()) }
    }
}

/// All attributes of a user.
#[derive(Serialize, ToSchema)]
#[schema(as = Attributes, example = json!({"public": {"theme": "dark"}, "app": {"billing": {"plan": "pro"}}}))]
pub(crate) struct AttributesView {
    /// The public attributes: the user sees and changes them, too.
    #[schema(value_type = Object)]
    public: Map<String, Value>,
    /// Those that only administrators see and change.
    #[schema(value_type = Object)]
    app: Map<String, Value>,
}

impl From<&User> for AttributesView {
    fn from(user: &User) -> Self {
        let PublicAttributesView { public } = user.into();
        Self { public, app: Attributes::object_of(user.app_attributes.as_ref()) }
    }
}
