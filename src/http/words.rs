//! Schemas of the `OpenAPI` description for words and short texts of bodies and queries: exactly which values are
//! allowed.

use std::borrow::Cow;

use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::codes::{CODES, OF_VERIFIERS};
use crate::jwt::{KeyState, SigningAlg};
use crate::model::api_token::ApiTokenState;
use crate::model::audit::EVENT_NAMES;
use crate::model::client::{AuthMethod, GrantType};
use crate::model::session::END_REASONS;

/// Control characters, which no text may have.
macro_rules! controls {
    () => {
        r"\u0000-\u001f\u007f-\u009f"
    };
}

/// A part of an e-mail address before the `@`, between dots.
macro_rules! atom {
    () => {
        r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    };
}

/// A part of a domain, between dots.
macro_rules! label {
    () => {
        r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    };
}

/// Characters that change the direction of the following text.
macro_rules! turns {
    () => {
        r"\u202a-\u202e\u2066-\u2069"
    };
}

/// Characters that a username must not have: all of the above, white space, invisible characters, and characters that
/// become a space and a mark when the name is folded.
macro_rules! unusable {
    () => {
        concat!(
            r"\u0000-\u0020\u007f-\u00a0\u00a8\u00ad\u00af\u00b4\u00b8\u02d8-\u02dd\u034f\u037a\u0384\u0385\u061c\u115f",
            r"\u1160\u1680\u17b4\u17b5\u180b-\u180f\u1fbd\u1fbf-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf\u1fed\u1fee\u1ffd\u1ffe",
            r"\u2000-\u200f\u2017\u2028-\u202f\u203e\u205f-\u206f\u2800\u3000\u309b\u309c\u3164\ufc5e-\ufc63\ufdfa\ufdfb",
            r"\ufe00-\ufe0f\ufe49-\ufe4c\ufe70\ufe72\ufe74\ufe76\ufe78\ufe7a\ufe7c\ufe7e\ufeff\uffa0\uffe3\ufff0-\ufffd",
        )
    };
}

/// Named schemas for `value_type`. These types are never constructed: the values are strings.
macro_rules! schemas {
    ($($(#[doc = $about:literal])+ $name:ident = $schema:expr;)+) => {$(
        $(#[doc = $about])+
        pub(super) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.description(Some(concat!($($about),+).trim())).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )+};
}

schemas! {
    /// What is wrong with a request. The meaning of a code never changes.
    ProblemCode = one_of(codes());
    /// What is wrong with a field.
    FieldCode = one_of(["invalid", "password_too_short", "password_too_long", "password_too_common"]);
    /// Why a session ended.
    EndReason = one_of(END_REASONS.map(|(_, name)| name));
    /// What happened. The meaning of a name never changes.
    EventName = one_of(EVENT_NAMES.map(|(_, name)| name));
    /// An algorithm that access tokens are signed with.
    SigningAlgorithm = one_of(SigningAlg::ALL.map(SigningAlg::name));
    /// State of a signing key.
    SigningKeyState = one_of(KeyState::ALL.map(KeyState::name));
    /// Whether an API token is accepted.
    ApiTokenStatus = one_of(ApiTokenState::ALL.map(ApiTokenState::text));
    /// Kind of a token.
    TokenKind = one_of(["access_token", "refresh_token", "api_token"]);
    /// What a user may show besides the password.
    SecondFactor = one_of(["otp", "recovery_code"]);
    /// How an access token is sent.
    TokenType = one_of(["Bearer"]);
    /// How an application proves who it is.
    AuthenticationMethod = one_of(AuthMethod::ALL.iter().map(|method| method.name()));
    /// Where a custom claim is.
    ClaimPlace = one_of(["access_token", "id_token", "userinfo"]);
    /// A grant that an application may use.
    GrantTypeName = one_of(GrantType::ALL.iter().map(|grant| grant.name()));
    /// What an application is called: not like a user or an audience.
    ChosenClientId = text(1, 100, "^[A-Za-z0-9._~-]+$").examples(["notes-app"]);
    /// A whole URI, without a fragment and without a user.
    RedirectUri = text(1, 2_000, "^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?@!$&'()+,;=%\\[\\]-]*$")
        .examples(["https://notes.example.com/callback"]);
    /// Bytes in base64url without padding.
    Base64Url = text(0, 16_384, "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$")
        .examples(["AaITdr0h"]);
    /// The name of a role.
    RoleName = text(1, 64, "^[A-Za-z0-9_.:/-]+$").examples(["editor"]);
    /// A path of this host, without a backslash; a second slash would be another host.
    ReturnAddress = text(1, 2_048, r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$").examples(["/notes"]);
    /// A scope of an application: one of OpenID Connect, or any other.
    ClientScopeName = text(1, 64, "^[A-Za-z0-9_.:/-]+$").examples(["openid"]);
    /// The name of a scope.
    ScopeName = text(1, 64, "^[A-Za-z0-9_.:/-]+$").examples(["notes:read"]);
    /// A name to log in with: 1 to 128 characters, without white space, control characters or invisible characters.
    /// Case and Unicode width do not matter.
    NewUsername = text(1, 128, concat!("^[^", unusable!(), "]+$")).examples(["grace"]);
    /// An e-mail address. A domain in other characters is accepted too, and turned into its ASCII form.
    EmailAddress = text(3, 254, concat!("^", atom!(), r"(\.", atom!(), ")*@", label!(), r"(\.", label!(), ")*$"))
        .examples(["grace@example.com"]);
    /// A name for people: 1 to 100 characters, at least one of them visible.
    Name = text(1, 100, concat!("^[^", controls!(), turns!(), r"]*[^\s", controls!(), turns!(), "][^", controls!(), turns!(), "]*$"));
    /// The user's name for a device: at most 100 characters.
    DeviceLabel = text(0, 100, concat!("^[^", controls!(), "]*$")).examples(["my laptop"]);
    /// A password: 8 to 1024 characters (15 or more are recommended), not easy to guess.
    NewPassword = text(8, 1_024, "").examples(["a long and unusual sentence"]);
}

fn one_of(words: impl IntoIterator<Item = impl Into<Value>>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.into_iter().map(Into::into)))
}

fn text(least: usize, most: usize, pattern: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(most));
    let text = if least > 0 { text.min_length(Some(least)) } else { text };
    if pattern.is_empty() { text } else { text.pattern(Some(pattern)) }
}

/// The codes that this service returns.
fn codes() -> Vec<&'static str> {
    let mut codes: Vec<_> = CODES.iter().map(|code| code.name).filter(|name| !OF_VERIFIERS.contains(name)).collect();
    codes.sort_unstable();
    codes
}
