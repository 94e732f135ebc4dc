//! The cookies of the pages: the browser's session, and which browser began an interaction
//! ([RFC 6265bis section 4.1](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1)).

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;

use crate::app::App;
use crate::clock::Seconds;
use crate::model::authorization::InteractionId;
use crate::oauth::redirect_uri::check;

const SESSION: &str = "ts_refresh";
const INTERACTION: &str = "ts_interaction_";

/// Longer than an interaction lasts: who comes late is told so.
const INTERACTION_MAX_AGE: Seconds = Seconds(3_600);

/// A browser keeps some hundred cookies for a site, and a server takes so much in a request's headers.
const MAX_INTERACTIONS: usize = 8;

/// The names and attributes that the cookies of a service have.
pub(super) struct Cookies {
    /// Only on a loopback address without TLS a browser would not keep cookies that are otherwise.
    is_secure: bool,
}

impl Cookies {
    /// Those of this service.
    pub(super) fn of(app: &App) -> Self {
        let issuer = &app.config.issuer;
        let is_loopback = issuer.starts_with("http://") && check(issuer).is_ok();
        Self { is_secure: !is_loopback }
    }

    fn prefix(&self) -> &'static str {
        if self.is_secure { "__Host-" } else { "" }
    }

    /// The refresh token of the browser's session.
    pub(super) fn session(&self, request: &HttpRequest) -> Option<String> {
        let name = format!("{}{SESSION}", self.prefix());
        all(request).find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    }

    /// What shows that the browser has begun an interaction.
    pub(super) fn binding(&self, request: &HttpRequest, id: InteractionId) -> Option<String> {
        let name = format!("{}{INTERACTION}{id}", self.prefix());
        all(request).find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    }

    /// The header that has the session's cookie kept.
    pub(super) fn keep_session(&self, refresh_token: &str, lifetime: Seconds) -> String {
        self.set(SESSION, refresh_token, lifetime)
    }

    /// The header that has it forgotten.
    pub(super) fn forget_session(&self) -> String {
        self.set(SESSION, "", Seconds::ZERO)
    }

    /// The headers that have an interaction's cookie kept, and those of the oldest forgotten when there are too many. Ids
    /// begin with the time at which they were made.
    pub(super) fn keep_binding(&self, request: &HttpRequest, id: InteractionId, secret: &str) -> Vec<String> {
        let prefix = format!("{}{INTERACTION}", self.prefix());
        let mut others: Vec<&str> = all(request).filter_map(|(name, _)| name.strip_prefix(&prefix)).collect();
        others.sort_unstable();
        let surplus = (others.len() + 1).saturating_sub(MAX_INTERACTIONS);
        let forget = |id: &&str| self.set(&format!("{INTERACTION}{id}"), "", Seconds::ZERO);
        let mut headers: Vec<String> = others.iter().take(surplus).map(forget).collect();
        headers.push(self.set(&format!("{INTERACTION}{id}"), secret, INTERACTION_MAX_AGE));
        headers
    }

    fn set(&self, name: &str, value: &str, Seconds(max_age): Seconds) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{}{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", self.prefix())
    }
}

fn all(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let headers = request.headers().get_all(COOKIE).filter_map(|value| value.to_str().ok());
    headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='))
}
