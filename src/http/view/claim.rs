//! Custom claims.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::words::{ClaimPlace, ClientScopeName};
use crate::model::custom_claim::{Place, Source};
use crate::service::custom_claims::Defined;

/// A custom claim.
#[derive(Serialize, ToSchema)]
#[schema(as = Claim, example = json!({
    "name": "plan", "source": {"app_attribute": "/billing/plan"}, "scopes": [], "audiences": [], "in": ["access_token"],
    "read_only": false,
}))]
pub(crate) struct ClaimView<'a> {
    /// What it is called.
    name: String,
    /// Where its value comes from.
    #[schema(value_type = ClaimSource)]
    source: &'a Source,
    /// Only with one of these scopes; if there are none, with any.
    #[schema(value_type = Vec<ClientScopeName>)]
    scopes: &'a [String],
    /// Only with one of these audiences of the access token; if there are none, with any.
    audiences: &'a [String],
    /// Where it is.
    #[schema(value_type = Vec<ClaimPlace>)]
    r#in: &'a [Place],
    /// Whether it comes from `CLAIMS_FILE` and is changed only there.
    read_only: bool,
}

/// Custom claims, by name.
#[derive(Serialize, ToSchema)]
#[schema(as = Claims)]
pub(crate) struct ClaimsView<'a> {
    pub(crate) claims: Vec<ClaimView<'a>>,
}

/// Where the value of a claim comes from: exactly one of these. Attributes are found by a JSON pointer
/// ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), as in `/billing/plan`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the description of what the model reads and writes")]
#[schema(as = ClaimSource, rename_all = "snake_case")]
pub(crate) enum ClaimSource {
    /// A public attribute of the user, which the user may have set.
    PublicAttribute(String),
    /// An attribute of the user that administrators set.
    AppAttribute(String),
    /// An attribute of the registered application.
    ClientAttribute(String),
    /// A field of the user's record: `username`, `email`, `email_verified`, `name` or `external_id`.
    Profile(String),
    /// Always this value.
    Constant(Value),
}

impl<'a> From<&'a Defined> for ClaimView<'a> {
    fn from(Defined { claim, is_read_only }: &'a Defined) -> Self {
        let mapping = &claim.mapping;
        Self {
            name: claim.name.to_string(),
            source: &mapping.source,
            scopes: &mapping.scopes,
            audiences: &mapping.audiences,
            r#in: &mapping.places,
            read_only: *is_read_only,
        }
    }
}
