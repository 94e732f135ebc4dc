//! Invitations, and registrations that are not finished.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::http::words::RoleName;
use crate::model::id::UserId;
use crate::model::invitation::{Invitation, InvitationId};
use crate::model::registration::{Registration, RegistrationId};
use crate::service::invitations::Made;

/// An invitation. Its link is not stored.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationView<'a> {
    /// Id of the invitation.
    #[schema(value_type = String, format = "uuid")]
    id: InvitationId,
    /// Roles of the account.
    #[schema(value_type = Vec<RoleName>)]
    roles: &'a [String],
    /// The only address that may be registered with it; null if it may be any.
    #[schema(required)]
    email: Option<String>,
    /// Id of the administrator who made it; null if it was made on the command line.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    created_by: Option<UserId>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it expires.
    #[schema(format = "date-time")]
    expires_at: String,
    /// When it was used; null if it was not.
    #[schema(required, format = "date-time")]
    used_at: Option<String>,
    /// Id of the account that was opened with it; null if it was not used.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    used_by: Option<UserId>,
}

/// An invitation with its link, which is shown only now.
#[derive(Serialize, ToSchema)]
#[schema(as = NewInvitation)]
pub(crate) struct NewInvitationView<'a> {
    #[serde(flatten)]
    invitation: InvitationView<'a>,
    /// The page that its holder opens.
    link: &'a str,
    /// The last part of the link.
    token: &'a str,
    /// Whether the address gets a mail, with a link of its own.
    mailed: bool,
}

/// A registration that is not finished.
#[derive(Serialize, ToSchema)]
#[schema(as = Registration)]
pub(crate) struct RegistrationView<'a> {
    /// Id of the registration.
    #[schema(value_type = String, format = "uuid")]
    id: RegistrationId,
    /// The address; null if there is none.
    #[schema(required)]
    email: Option<String>,
    /// The provider who knows the user; null if the user registers by an address.
    #[schema(required)]
    provider: Option<&'a str>,
    /// Id of the invitation that it relies on; null if there is none.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    invitation_id: Option<InvitationId>,
    /// When it began.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it expires.
    #[schema(format = "date-time")]
    expires_at: String,
    /// When the address was proved; null if it is not.
    #[schema(required, format = "date-time")]
    proved_at: Option<String>,
}

impl<'a> From<&'a Invitation> for InvitationView<'a> {
    fn from(invitation: &'a Invitation) -> Self {
        Self {
            id: invitation.id,
            roles: invitation.roles.names(),
            email: invitation.email.as_ref().map(ToString::to_string),
            created_by: invitation.created_by,
            created_at: invitation.created_at.to_rfc3339(),
            expires_at: invitation.expires_at.to_rfc3339(),
            used_at: rfc3339(invitation.used_at),
            used_by: invitation.used_by,
        }
    }
}

impl<'a> From<&'a Made> for NewInvitationView<'a> {
    fn from(made: &'a Made) -> Self {
        let (link, token) = (&*made.link, made.token.expose().as_str());
        Self { invitation: InvitationView::from(&made.invitation), link, token, mailed: made.is_mailed }
    }
}

impl<'a> From<&'a Registration> for RegistrationView<'a> {
    fn from(registration: &'a Registration) -> Self {
        Self {
            id: registration.id,
            email: registration.email.as_ref().map(ToString::to_string),
            provider: registration.provider.as_deref(),
            invitation_id: registration.invitation_id,
            created_at: registration.created_at.to_rfc3339(),
            expires_at: registration.expires_at.to_rfc3339(),
            proved_at: rfc3339(registration.proved_at),
        }
    }
}
