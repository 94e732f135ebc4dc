//! Security events: who did what to which account, from where. The meaning of a name never changes.

use std::fmt;
use std::str::FromStr;

use super::id::{SessionId, UserId};
use super::language::Language;
use crate::clock::Timestamp;

/// Who makes a request, and from where. There is no actor on the command line and before a login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The user.
    pub(crate) actor: Option<UserId>,
    /// The session (or the API token's).
    pub(crate) session: Option<SessionId>,
    /// The network address.
    pub(crate) ip: Option<String>,
    /// The id of the request, as in the `X-Request-Id` of its response.
    pub(crate) request_id: Option<String>,
    /// The digest of the cookie by which the browser may be known; not recorded.
    pub(crate) browser: Option<[u8; 32]>,
    /// The digest of the cookie that replaces it after a second factor.
    pub(crate) next_browser: Option<[u8; 32]>,
    /// The language of the mails that the request causes.
    pub language: Language,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<N = EventName> {
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) name: N,
    /// The user that it concerns.
    pub(crate) user: Option<UserId>,
    /// Who did it.
    pub(crate) actor: Option<UserId>,
    /// Which session it concerns.
    pub(crate) session: Option<SessionId>,
    /// From where.
    pub(crate) ip: Option<String>,
    /// By which request.
    pub(crate) request_id: Option<String>,
    /// More details; never a secret, a name or an address of a user.
    pub(crate) detail: Option<String>,
}

/// A recorded event. A newer version may have written a name that this one does not know.
pub(crate) type Recorded = Event<String>;

/// Which events to find.
#[derive(Clone, Debug, Default)]
pub(crate) struct EventFilter {
    /// With this name.
    pub(crate) name: Option<EventName>,
    /// About this user.
    pub(crate) user: Option<UserId>,
    /// By this user.
    pub(crate) actor: Option<UserId>,
    /// At or after this time.
    pub(crate) since: Option<Timestamp>,
    /// Before this time.
    pub(crate) until: Option<Timestamp>,
    /// Older than the event with this number.
    pub(crate) before: Option<i64>,
}

impl Origin {
    /// An event that this origin has caused.
    pub(crate) fn event(&self, at: Timestamp, name: EventName) -> Event {
        let Self { actor, session, ip, request_id, .. } = self.clone();
        Event { at, name, user: None, actor, session, ip, request_id, detail: None }
    }
}

impl Event {
    /// The same, about a user.
    pub(crate) fn about(self, user: UserId) -> Self {
        Self { user: Some(user), ..self }
    }

    /// The same, about another session than that of the request.
    pub(crate) fn of_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    /// The same with details.
    pub(crate) fn with(self, detail: impl fmt::Display) -> Self {
        Self { detail: Some(detail.to_string()), ..self }
    }
}

/// All kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventName {
    /// A login.
    Login,
    /// A wrong password, a refused passkey, a disabled account, or a sign-in at a provider that leads to no account.
    LoginFailed,
    /// A registered application has redeemed a code: a grant of its user has begun.
    GrantOpened,
    /// A registered application has presented a code a second time, and the grant that the first one made was ended.
    CodeReused,
    /// A refresh token of the issuer before this service was presented and has become a session.
    LegacyTokenTaken,
    /// A refresh token of the issuer before this service was blacklisted, and the session that it had become was ended.
    LegacyTokenDenied,
    /// A user gave the password again.
    Reauthenticated,
    /// A wrong password was given for an open session.
    ReauthenticationFailed,
    /// A user logged out.
    Logout,
    /// One session was ended by its owner from another one, by an administrator, or with a revoked refresh token.
    SessionEnded,
    /// All sessions of a user were ended, or all except one.
    SessionsEnded,
    /// An invalidated refresh token was presented, and its session was ended.
    RefreshTokenReused,
    /// A refresh token was presented that the database did not know, because it had lost writes.
    SessionHealed,
    /// A session is used from two networks or with two user agents, or late retries are frequent.
    SessionShared,
    /// One access token was revoked.
    AccessTokenRevoked,
    /// A user changed the password.
    PasswordChanged,
    /// Another person set a user's password.
    PasswordReset,
    /// A mail to reset a password was asked for, also for an address that no account has.
    PasswordResetRequested,
    /// A user has set a new password by a link or a code that was mailed.
    PasswordRecovered,
    /// A user was mailed a link to confirm an e-mail address: that of the account, or a new one.
    AddressVerificationSent,
    /// A user has confirmed an e-mail address, which is that of the account from then on.
    AddressVerified,
    /// Username, e-mail address or name were changed.
    ProfileChanged,
    /// Attributes of a user were changed; `detail` is `public`, `app` or both.
    AttributesChanged,
    /// An account was created.
    UserCreated,
    /// Somebody asked to register an e-mail address, also one that has an account; or began to register after a sign-in at a
    /// provider, whose id is the detail.
    RegistrationRequested,
    /// An administrator has withdrawn a registration that was not finished.
    RegistrationWithdrawn,
    /// An invitation to register was made.
    InvitationCreated,
    /// An account was opened with an invitation; `detail` is its id.
    InvitationUsed,
    /// An invitation was withdrawn.
    InvitationWithdrawn,
    /// An account was disabled.
    UserDisabled,
    /// An account was enabled again.
    UserEnabled,
    /// An account was deleted.
    UserDeleted,
    /// Accounts were imported from a file, or an import was tried.
    UsersImported,
    /// A user's roles were changed.
    RolesChanged,
    /// A user has allowed a client what it asked for.
    ConsentGiven,
    /// A user has taken back what a client was allowed.
    ConsentRevoked,
    /// A user has confirmed an authenticator app or registered a passkey.
    FactorAdded,
    /// A user has removed their authenticator app or a passkey.
    FactorRemoved,
    /// An administrator has removed the second factors of a user.
    FactorsReset,
    /// An identity at a provider was linked to an account.
    IdentityAdded,
    /// An identity at a provider was unlinked from an account, by its user or by an administrator.
    IdentityRemoved,
    /// A user has new recovery codes; older ones are void.
    RecoveryCodesMade,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// A password was right, and the login waits for a second factor.
    SecondFactorAsked,
    /// A one-time code, a recovery code or a passkey was wrong, after a right password, or after a link or a code that was
    /// mailed.
    SecondFactorFailed,
    /// The counter of a passkey was not above the last one, so that there may be a copy of it; it was refused.
    PasskeyCounterBack,
    /// An API token was created.
    ApiTokenCreated,
    /// An API token got a new key.
    ApiTokenRotated,
    /// An API token was revoked.
    ApiTokenRevoked,
    /// An application was registered.
    ClientCreated,
    /// What is registered of an application was changed.
    ClientUpdated,
    /// An application got another secret.
    ClientSecretRotated,
    /// An application was disabled.
    ClientDisabled,
    /// An application was enabled again.
    ClientEnabled,
    /// An application was deleted.
    ClientDeleted,
    /// A custom claim was defined, or defined anew; `detail` is its name.
    ClaimDefined,
    /// A custom claim was deleted.
    ClaimDeleted,
    /// A provider at which users may sign in was configured.
    ProviderCreated,
    /// The configuration of a provider was changed.
    ProviderUpdated,
    /// A provider was disabled.
    ProviderDisabled,
    /// A provider was enabled again.
    ProviderEnabled,
    /// A provider was deleted.
    ProviderDeleted,
    /// The next signing key was created.
    KeyRotated,
    /// A signing key was dropped.
    KeyDropped,
    /// The database was restored from a backup.
    DatabaseRestored,
}

/// Every event with its name.
pub const EVENT_NAMES: [(EventName, &str); 65] = [
    (EventName::Login, "login"),
    (EventName::LoginFailed, "login_failed"),
    (EventName::GrantOpened, "grant_opened"),
    (EventName::CodeReused, "code_reused"),
    (EventName::LegacyTokenTaken, "legacy_token_taken"),
    (EventName::LegacyTokenDenied, "legacy_token_denied"),
    (EventName::Reauthenticated, "reauthenticated"),
    (EventName::ReauthenticationFailed, "reauthentication_failed"),
    (EventName::Logout, "logout"),
    (EventName::SessionEnded, "session_ended"),
    (EventName::SessionsEnded, "sessions_ended"),
    (EventName::RefreshTokenReused, "refresh_token_reused"),
    (EventName::SessionHealed, "session_healed"),
    (EventName::SessionShared, "session_shared"),
    (EventName::AccessTokenRevoked, "access_token_revoked"),
    (EventName::PasswordChanged, "password_changed"),
    (EventName::PasswordReset, "password_reset"),
    (EventName::PasswordResetRequested, "password_reset_requested"),
    (EventName::PasswordRecovered, "password_recovered"),
    (EventName::AddressVerificationSent, "address_verification_sent"),
    (EventName::AddressVerified, "address_verified"),
    (EventName::ProfileChanged, "profile_changed"),
    (EventName::AttributesChanged, "attributes_changed"),
    (EventName::UserCreated, "user_created"),
    (EventName::RegistrationRequested, "registration_requested"),
    (EventName::RegistrationWithdrawn, "registration_withdrawn"),
    (EventName::InvitationCreated, "invitation_created"),
    (EventName::InvitationUsed, "invitation_used"),
    (EventName::InvitationWithdrawn, "invitation_withdrawn"),
    (EventName::UserDisabled, "user_disabled"),
    (EventName::UserEnabled, "user_enabled"),
    (EventName::UserDeleted, "user_deleted"),
    (EventName::UsersImported, "users_imported"),
    (EventName::RolesChanged, "roles_changed"),
    (EventName::ConsentGiven, "consent_given"),
    (EventName::ConsentRevoked, "consent_revoked"),
    (EventName::FactorAdded, "factor_added"),
    (EventName::FactorRemoved, "factor_removed"),
    (EventName::FactorsReset, "factors_reset"),
    (EventName::IdentityAdded, "identity_added"),
    (EventName::IdentityRemoved, "identity_removed"),
    (EventName::RecoveryCodesMade, "recovery_codes_made"),
    (EventName::RecoveryCodeUsed, "recovery_code_used"),
    (EventName::SecondFactorAsked, "second_factor_asked"),
    (EventName::SecondFactorFailed, "second_factor_failed"),
    (EventName::PasskeyCounterBack, "passkey_counter_back"),
    (EventName::ApiTokenCreated, "api_token_created"),
    (EventName::ApiTokenRotated, "api_token_rotated"),
    (EventName::ApiTokenRevoked, "api_token_revoked"),
    (EventName::ClientCreated, "client_created"),
    (EventName::ClientUpdated, "client_updated"),
    (EventName::ClientSecretRotated, "client_secret_rotated"),
    (EventName::ClientDisabled, "client_disabled"),
    (EventName::ClientEnabled, "client_enabled"),
    (EventName::ClientDeleted, "client_deleted"),
    (EventName::ClaimDefined, "claim_defined"),
    (EventName::ClaimDeleted, "claim_deleted"),
    (EventName::ProviderCreated, "provider_created"),
    (EventName::ProviderUpdated, "provider_updated"),
    (EventName::ProviderDisabled, "provider_disabled"),
    (EventName::ProviderEnabled, "provider_enabled"),
    (EventName::ProviderDeleted, "provider_deleted"),
    (EventName::KeyRotated, "key_rotated"),
    (EventName::KeyDropped, "key_dropped"),
    (EventName::DatabaseRestored, "database_restored"),
];

impl EventName {
    /// The name.
    pub(crate) fn text(self) -> &'static str {
        EVENT_NAMES.iter().find(|(name, _)| *name == self).map_or("", |(_, text)| text)
    }
}

/// A name that no event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the name of an event")]
pub struct UnknownEvent;

impl FromStr for EventName {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        EVENT_NAMES.iter().find(|(_, name)| *name == text).map(|(name, _)| *name).ok_or(UnknownEvent)
    }
}
