//! Names of custom claims, and those that are not free.

use std::fmt;
use std::str::FromStr;

const MAX_NAME_CHARS: usize = 100;

/// Names that mean something to verifiers, clients or this service already: those that these documents register, and our
/// own.
pub(super) const LOCKED: &[&str] = &[
    // RFC 7519 section 4.1.
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    // RFC 9068 section 2.2.
    "client_id",
    "auth_time",
    "acr",
    "amr",
    "scope",
    "roles",
    "groups",
    "entitlements",
    // OpenID Connect Core sections 2, 3.3.2.11, 5.1, 5.6.2 and 7.4.
    "nonce",
    "azp",
    "at_hash",
    "c_hash",
    "s_hash",
    "sub_jwk",
    "_claim_names",
    "_claim_sources",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
    // OpenID Connect Front-Channel and Back-Channel Logout, RFC 8417 section 2.2.
    "sid",
    "events",
    "toe",
    "txn",
    // RFC 7662 section 2.2.
    "active",
    "username",
    "token_type",
    // RFC 7800, RFC 8693 section 4, RFC 9396 section 2, RFC 9449 section 4.2, RFC 8485 section 3.1.
    "cnf",
    "act",
    "may_act",
    "authorization_details",
    "ath",
    "htm",
    "htu",
    "vot",
    "vtm",
    // This service's own.
    "credential",
    "idp",
    "gen",
];

/// Names by which services commonly know what a user may do, or who that is. An operator may give them a value, a user not.
const TRUSTED: &[&str] = &[
    "role",
    "group",
    "permission",
    "permissions",
    "privileges",
    "authorities",
    "scp",
    "scopes",
    "realm_access",
    "resource_access",
    "cognito:groups",
    "admin",
    "is_admin",
    "is_staff",
    "is_superuser",
    "user_id",
    "uid",
];

/// Why a text is no name for a custom claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadClaimName {
    /// Its form.
    #[error("must be 1 to 100 letters, digits or any of _ - . : /, and begin with a letter or _")]
    Form,
    /// It has a meaning already.
    #[error("is a registered claim, or one of this service's own")]
    Locked,
}

/// The name of a custom claim, such as `plan` or `https://example.com/plan`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClaimName(String);

impl ClaimName {
    /// As it is stored.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Whether services may take it for who a user is or what that user may do.
    pub(super) fn is_trusted(&self) -> bool {
        TRUSTED.iter().any(|trusted| trusted.eq_ignore_ascii_case(&self.0))
    }
}

impl FromStr for ClaimName {
    type Err = BadClaimName;

    fn from_str(text: &str) -> Result<Self, BadClaimName> {
        let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b));
        let is_begun = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !is_plain || !is_begun || text.len() > MAX_NAME_CHARS {
            return Err(BadClaimName::Form);
        }
        // Some services look for claims in any case.
        let is_locked = LOCKED.iter().any(|locked| locked.eq_ignore_ascii_case(text));
        if is_locked { Err(BadClaimName::Locked) } else { Ok(Self(text.to_owned())) }
    }
}

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
