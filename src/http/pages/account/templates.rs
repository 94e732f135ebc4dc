//! The account pages: what each template is filled with.

use std::fmt;

use askama::Template;

use super::section::Section;
use super::visit::Visit;
use crate::clock::Timestamp;
use crate::http::pages::site::Site;
use crate::http::pages::templates::Place;
use crate::http::view::totp::EnrolledView;
use crate::model::api_token::ApiTokenState;

/// A time as it is shown: a server does not know the time zone of a user.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    pub(super) fn iso(self) -> String {
        self.0.to_rfc3339()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iso = self.iso();
        let (day, time) = iso.split_once('T').unwrap_or((&iso, ""));
        write!(f, "{day} {} UTC", time.get(..5).unwrap_or_default())
    }
}

/// Asks for the password, before something sensitive.
#[derive(Template)]
#[template(path = "account/confirm.html")]
pub(super) struct Confirm<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) place: Place<'a>,
    pub(super) problem: Option<String>,
    /// Whether there is one to type.
    pub(super) has_password: bool,
    /// One of them is as good as the password.
    pub(super) has_passkeys: bool,
}

/// Who the user is.
#[derive(Template)]
#[template(path = "account/profile.html")]
pub(super) struct Profile<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) username: &'a str,
    pub(super) name: &'a str,
    pub(super) email: EmailForm,
    /// What the browser needs to make a passkey by itself, as JSON.
    pub(super) upgrade: Option<String>,
}

/// The e-mail address, and the form for another one.
pub(super) struct EmailForm {
    pub(super) current: Option<String>,
    pub(super) is_verified: bool,
    /// The address that waits to be confirmed.
    pub(super) pending: Option<String>,
    /// What is in the form.
    pub(super) typed: String,
    pub(super) is_refused: bool,
}

/// The form for a new password.
#[derive(Template)]
#[template(path = "account/password.html")]
pub(super) struct NewPassword<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    /// Without one there is no form.
    pub(super) has_password: bool,
    pub(super) problem: Option<String>,
}

/// Passkeys, newest first.
#[derive(Template)]
#[template(path = "account/passkeys.html")]
pub(super) struct Passkeys<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) rows: Vec<PasskeyRow>,
    /// The user's id, as passkeys have it.
    pub(super) user_handle: String,
    /// The ids of these passkeys, as browsers have them: they need not offer others.
    pub(super) accepted: String,
}

pub(super) struct PasskeyRow {
    pub(super) id: String,
    pub(super) name: String,
    /// What was typed as its name and is none.
    pub(super) refused_name: Option<String>,
    pub(super) is_synced: bool,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
}

/// A passkey that is to be made.
#[derive(Template)]
#[template(path = "account/add_passkey.html")]
pub(super) struct AddPasskey<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    /// What the browser needs, as JSON.
    pub(super) options: String,
}

/// The second factors that there are.
#[derive(Template)]
#[template(path = "account/second_factors.html")]
pub(super) struct SecondFactors<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    /// When the authenticator app was set up.
    pub(super) since: Option<Moment>,
    pub(super) codes_left: i64,
    /// There is none, and there must be one.
    pub(super) must_have_one: bool,
    pub(super) has_passkeys: bool,
}

/// An authenticator app that waits for its first code.
#[derive(Template)]
#[template(path = "account/set_up.html")]
pub(super) struct SetUp<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    /// The secret, which is shown once.
    pub(super) shown: Option<&'a EnrolledView>,
}

/// New recovery codes, which are shown once.
#[derive(Template)]
#[template(path = "account/recovery_codes.html")]
pub(super) struct RecoveryCodes<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) codes: &'a [String],
}

/// Sessions, newest first.
#[derive(Template)]
#[template(path = "account/sessions.html")]
pub(super) struct Sessions<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) live: Vec<SessionRow>,
    pub(super) ended: Vec<SessionRow>,
    /// Whether a live one, on whatever page, is not the one that asks.
    pub(super) has_others: bool,
    pub(super) older: Option<String>,
}

pub(super) struct SessionRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) application: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) started: Moment,
    pub(super) last_used: Moment,
    pub(super) is_current: bool,
    /// When it ended, and why.
    pub(super) ended: Option<(Moment, &'static str)>,
}

/// API tokens, newest first, and the form for one more.
#[derive(Template)]
#[template(path = "account/api_tokens.html")]
pub(super) struct ApiTokens<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) tokens: Vec<TokenRow>,
    pub(super) form: TokenForm,
}

pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    pub(super) roles: Vec<String>,
    pub(super) created: Moment,
    pub(super) expires: Option<Moment>,
    pub(super) last_used: Option<Moment>,
    pub(super) state: ApiTokenState,
}

pub(super) struct TokenForm {
    pub(super) name: String,
    pub(super) days: String,
    pub(super) scopes: Vec<Choice>,
    pub(super) roles: Vec<Choice>,
}

pub(super) struct Choice {
    pub(super) name: String,
    pub(super) is_chosen: bool,
}

/// A new API token, which is shown once.
#[derive(Template)]
#[template(path = "account/new_token.html")]
pub(super) struct NewToken<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) name: &'a str,
    pub(super) key: &'a str,
}

/// Identities at providers, and the providers at which there may be more.
#[derive(Template)]
#[template(path = "account/identities.html")]
pub(super) struct Identities<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) rows: Vec<IdentityRow>,
    /// The id and the name of each.
    pub(super) providers: Vec<(String, String)>,
}

pub(super) struct IdentityRow {
    pub(super) id: String,
    pub(super) provider: String,
    /// What tells it from others: the address, the name, or what the provider calls the user.
    pub(super) who: String,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
}

/// Applications with access.
#[derive(Template)]
#[template(path = "account/applications.html")]
pub(super) struct Applications<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) problem: Option<String>,
    pub(super) listed: Vec<ApplicationRow>,
}

pub(super) struct ApplicationRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scopes: Vec<String>,
    /// `None`: it is the operator's own, and does not ask.
    pub(super) allowed_at: Option<Moment>,
}
