//! The pages: what each template is filled with.

use askama::Template;

use super::posted::By;
use super::site::Site;
use crate::error::Challenged;
use crate::http::view::totp::EnrolledView;

/// Where the forms of a login lead to.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) site: &'a Site<'a>,
    /// The application that the user continues to, which may be told that they do not want to.
    pub(super) client: Option<&'a str>,
    pub(super) action: &'a str,
    pub(super) form_token: Option<&'a str>,
    /// What the forms post besides.
    pub(super) kept: &'a [(String, String)],
    /// Where users may log in instead.
    pub(super) providers: &'a [Offered],
}

/// A provider that a page offers.
pub(super) struct Offered {
    pub(super) name: String,
    /// The page that sends users there.
    pub(super) address: String,
}

/// The login form.
#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct Login<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) place: Place<'a>,
    /// What was typed, or what the application expects.
    pub(super) username: &'a str,
    pub(super) problem: Option<String>,
    /// The id of a passkey that is not registered here any more.
    pub(super) unknown: Option<String>,
}

/// What is asked for after the password.
#[derive(Template)]
#[template(path = "second_step.html")]
pub(super) struct SecondStep<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) place: Place<'a>,
    pub(super) waiting: &'a Challenged,
    pub(super) by: By,
    /// Those that were made just now.
    pub(super) recovery_codes: &'a [String],
    pub(super) problem: Option<String>,
}

impl SecondStep<'_> {
    /// Whether the page asks for this.
    fn is_by(&self, method: &str) -> bool {
        self.by.name() == method
    }

    fn has(&self, method: &str) -> bool {
        self.waiting.methods.contains(&method) && (method != By::Passkey.name() || self.site.has_passkeys())
    }

    fn passkey_class(&self) -> &'static str {
        if self.is_by(By::Passkey.name()) { "" } else { "secondary" }
    }

    /// Whether the page offers this, too.
    fn offers(&self, method: &str) -> bool {
        self.has(method) && !self.is_by(method)
    }
}

/// A second factor that must be set up: an authenticator app, or a passkey.
#[derive(Template)]
#[template(path = "enrol.html")]
pub(super) struct Enrol<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) place: Place<'a>,
    pub(super) waiting: &'a Challenged,
    /// The secret, which is shown once.
    pub(super) shown: Option<&'a EnrolledView>,
    /// What the script needs to make a passkey, where there are any.
    pub(super) options: Option<String>,
    pub(super) problem: Option<String>,
}

/// Who has forgotten the password.
#[derive(Template)]
#[template(path = "password_reset.html")]
pub(super) struct PasswordReset<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) email: &'a str,
    pub(super) problem: Option<String>,
}

/// A new password, by a link or by a code.
#[derive(Template)]
#[template(path = "new_password.html")]
pub(super) struct NewPassword<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) action: &'a str,
    /// The address that the code was sent to; none with a link.
    pub(super) email: Option<&'a str>,
    pub(super) code: &'a str,
    /// How a second factor may be shown, if one is needed.
    pub(super) methods: &'a [&'a str],
    pub(super) notice: Option<String>,
    pub(super) problem: Option<String>,
}

/// Who wants to register.
#[derive(Template)]
#[template(path = "register.html")]
pub(super) struct Register<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) action: &'a str,
    pub(super) is_invited: bool,
    /// Where users may register instead.
    pub(super) providers: &'a [Offered],
    pub(super) email: &'a str,
    pub(super) problem: Option<String>,
}

/// A registration that goes on: by the code that was sent, or by a link, which has to be confirmed.
#[derive(Template)]
#[template(path = "prove_address.html")]
pub(super) struct ProveAddress<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) action: &'a str,
    pub(super) email: &'a str,
    /// Whether the code is asked for.
    pub(super) by_code: bool,
    pub(super) problem: Option<String>,
}

/// What a new user chooses.
#[derive(Template)]
#[template(path = "choose.html")]
pub(super) struct Choose<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) action: &'a str,
    /// The address; none if there is no mail.
    pub(super) email: Option<&'a str>,
    pub(super) username: &'a str,
    pub(super) name: &'a str,
    pub(super) has_accepted: bool,
    /// Whether a password is chosen.
    pub(super) has_password: bool,
    /// Whether the provider decides the username, and the name.
    pub(super) is_decided: (bool, bool),
    pub(super) problem: Option<String>,
}

/// What a user can do who is known to a provider, and has no account that is linked to that.
#[derive(Template)]
#[template(path = "not_linked.html")]
pub(super) struct NotLinked<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    pub(super) register: &'a str,
    pub(super) login: Option<String>,
}

/// Whether an address is the user's.
#[derive(Template)]
#[template(path = "verify_address.html")]
pub(super) struct VerifyAddress<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) action: &'a str,
    pub(super) email: &'a str,
    pub(super) user: &'a str,
}

/// Which account to use.
#[derive(Template)]
#[template(path = "account.html")]
pub(super) struct Account<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) client: &'a str,
    pub(super) action: &'a str,
    pub(super) form_token: &'a str,
    pub(super) user: &'a str,
}

/// What an application may do.
#[derive(Template)]
#[template(path = "consent.html")]
pub(super) struct Consent<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) client: &'a str,
    pub(super) action: &'a str,
    pub(super) form_token: &'a str,
    pub(super) user: &'a str,
    /// Where the answer goes: another one than the name says would be noticed.
    pub(super) host: &'a str,
    /// It goes to a program on the user's device.
    pub(super) is_program: bool,
    pub(super) scopes: &'a [String],
    /// What is allowed is not asked for again.
    pub(super) is_remembered: bool,
}

/// A message, and a way on.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    pub(super) link: Option<(String, String)>,
    pub(super) request_id: Option<&'a str>,
}

/// On to another site, which a form of ours must not redirect to.
#[derive(Template)]
#[template(path = "go.html")]
pub(super) struct Go<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) location: &'a str,
    pub(super) host: &'a str,
}

/// An answer that the browser posts.
#[derive(Template)]
#[template(path = "post.html")]
pub(super) struct Post<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) redirect_uri: &'a str,
    pub(super) host: &'a str,
    pub(super) params: &'a [(&'static str, String)],
    pub(super) script: &'static str,
}

/// Whether to log out.
#[derive(Template)]
#[template(path = "logout.html")]
pub(super) struct Logout<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) action: &'a str,
    pub(super) form_token: &'a str,
    pub(super) user: &'a str,
    pub(super) params: Vec<(&'static str, &'a str)>,
}
