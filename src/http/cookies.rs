//! The cookies of a browser: the tokens of its session, and which browser began an interaction
//! ([RFC 6265bis section 4.1](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1)). They are
//! the same for the JSON API and for the pages.

use std::cmp::Reverse;

use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderValue, SET_COOKIE};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};

use super::failure::Failure;
use crate::app::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::authorization::InteractionId;
use crate::model::mail::LINK_LIFETIME;
use crate::model::registration::CHOICE_LIFETIME;
use crate::model::upstream::{LIFETIME, LoginId};
use crate::secret::Opaque;
use crate::service::pair::Pair;

const REFRESH: &str = "ts_refresh";
const ACCESS: &str = "ts_access";
const INTERACTION: &str = "ts_interaction_";
const DEVICE: &str = "ts_device";
const UPSTREAM: &str = "ts_upstream_";
const REGISTERING: &str = "ts_registering";
const ASKED: &str = "ts_registration";

/// Browsers drop a cookie that is larger, and some count its attributes.
const MAX_COOKIE_BYTES: usize = 4_096;

/// Longer than an interaction lasts: who comes late is told so.
const INTERACTION_MAX_AGE: Seconds = Seconds(3_600);

/// A browser in which a user shows a second factor more rarely is known by its address, if at all.
const DEVICE_MAX_AGE: Seconds = Seconds(365 * 86_400);

/// The length of its text: 256 bits in base64url.
const DEVICE_CHARS: usize = 43;

/// A browser keeps some hundred cookies for a site, and a server takes so much in a request's headers.
const MAX_INTERACTIONS: usize = 8;

/// The names and attributes of the cookies of a service.
pub(super) struct Cookies {
    /// Browsers keep no other cookies of a site with TLS, and none of these of a loopback address without TLS.
    is_secure: bool,
    /// `SESSION_COOKIES`.
    is_on: bool,
}

/// The cookies with tokens that were signed for a request. They go with the response, whatever that is.
struct Fresh(Vec<HeaderValue>);

/// The cookie that a browser is to be known by. It goes with the cookies of a pair.
struct ToBeKnown(HeaderValue);

impl Cookies {
    /// Those of this service.
    pub(super) fn of(app: &App) -> Self {
        Self { is_secure: app.has_secure_cookies, is_on: app.config.session_cookies }
    }

    fn prefix(&self) -> &'static str {
        if self.is_secure { "__Host-" } else { "" }
    }

    /// Whether the JSON API uses cookies.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether a request of the JSON API is authenticated by its cookies: a header always wins, even a bad one.
    pub(super) fn authenticate(app: &App, request: &HttpRequest) -> bool {
        let is_asked = app.config.session_cookies && !request.headers().contains_key(AUTHORIZATION);
        is_asked && Self::of(app).are_there(request)
    }

    /// Whether a request has a token in a cookie.
    pub(super) fn are_there(&self, request: &HttpRequest) -> bool {
        self.access(request).is_some() || self.session(request).is_some()
    }

    /// The refresh token of the browser's session.
    pub(super) fn session(&self, request: &HttpRequest) -> Option<String> {
        self.find(request, REFRESH)
    }

    /// The access token of the browser's session.
    pub(super) fn access(&self, request: &HttpRequest) -> Option<String> {
        self.find(request, ACCESS)
    }

    /// What shows that the browser has begun an interaction.
    pub(super) fn binding(&self, request: &HttpRequest, id: InteractionId) -> Option<String> {
        self.find(request, &format!("{INTERACTION}{id}"))
    }

    /// What the browser is known by. It is no credential: it only spares its users the failures of others.
    pub(super) fn device(&self, request: &HttpRequest) -> Option<String> {
        self.find(request, DEVICE).filter(|text| text.len() == DEVICE_CHARS)
    }

    /// The origin of a request whose pair goes into cookies: the browser will be known by a new cookie if its user shows a
    /// second factor. The one that it has may be known to others, who have put it there.
    pub(super) fn make_known(&self, app: &App, request: &HttpRequest, origin: Origin) -> Result<Origin, Error> {
        let text = Opaque::generate(&*app.entropy)?;
        let header = self.set(DEVICE, text.expose(), DEVICE_MAX_AGE).parse().map_err(Error::internal)?;
        request.extensions_mut().insert(ToBeKnown(header));
        Ok(Origin { next_browser: Some(text.digest().0), ..origin })
    }

    fn find(&self, request: &HttpRequest, name: &str) -> Option<String> {
        let is_it = |known: &str| known.strip_prefix(self.prefix()) == Some(name);
        all(request).find(|(known, _)| is_it(known)).map(|(_, value)| value.to_owned())
    }

    /// The headers that keep a pair: both of its tokens, or the refresh token alone. An older access token is never left,
    /// since it may belong to another session.
    pub(super) fn keep(&self, pair: &Pair, with_access: bool) -> Vec<String> {
        let access = self.fitting(&pair.access_token, pair.expires_in).filter(|_| with_access && self.is_on);
        let refresh = self.set(REFRESH, &pair.refresh_token, pair.refresh_expires_in);
        vec![refresh, access.unwrap_or_else(|| self.set(ACCESS, "", Seconds::ZERO))]
    }

    /// The headers that clear both tokens at a logout, and what the next user of the browser must not go on with.
    pub(super) fn forget(&self) -> Vec<String> {
        [REFRESH, ACCESS, REGISTERING].map(|name| self.set(name, "", Seconds::ZERO)).to_vec()
    }

    /// The header that keeps an access token, if browsers keep one of that size.
    fn fitting(&self, access_token: &str, lifetime: Seconds) -> Option<String> {
        Some(self.set(ACCESS, access_token, lifetime)).filter(|header| header.len() <= MAX_COOKIE_BYTES)
    }

    /// Has an access token kept that was signed for a request.
    pub(super) fn keep_fresh(&self, request: &HttpRequest, access_token: &str, lifetime: Seconds) {
        let header = self.fitting(access_token, lifetime).and_then(|header| header.parse().ok());
        if let Some(header) = header {
            request.extensions_mut().insert(Fresh(vec![header]));
        }
    }

    /// Has a pair kept, and what the browser is known by, whatever comes of the request.
    pub(super) fn keep_renewed(&self, request: &HttpRequest, pair: &Pair) -> Result<(), Error> {
        let headers = self.keep(pair, true).into_iter().map(|header| header.parse().map_err(Error::internal));
        let mut headers: Vec<HeaderValue> = headers.collect::<Result<_, _>>()?;
        let mut extensions = request.extensions_mut();
        headers.extend(extensions.remove().map(|ToBeKnown(header)| header));
        extensions.insert(Fresh(headers));
        Ok(())
    }

    /// What shows that the browser has begun a sign-in at a provider.
    pub(super) fn upstream(&self, request: &HttpRequest, id: LoginId) -> Option<String> {
        self.find(request, &format!("{UPSTREAM}{id}"))
    }

    /// The headers that have the cookie of a sign-in at a provider kept: each tab has its own.
    pub(super) fn keep_upstream(&self, request: &HttpRequest, id: LoginId, secret: &str) -> Vec<String> {
        self.keep_one_more(request, UPSTREAM, &id.to_string(), (secret, LIFETIME))
    }

    /// The header that has it forgotten.
    pub(super) fn forget_upstream(&self, id: LoginId) -> Vec<String> {
        vec![self.set(&format!("{UPSTREAM}{id}"), "", Seconds::ZERO)]
    }

    /// What shows that a provider has said in this browser who its user is, who registers now.
    pub(super) fn registering(&self, request: &HttpRequest) -> Option<String> {
        self.find(request, REGISTERING)
    }

    /// The header that has its cookie kept.
    pub(super) fn keep_registering(&self, secret: &str) -> Vec<String> {
        vec![self.set(REGISTERING, secret, CHOICE_LIFETIME)]
    }

    /// The header that has it forgotten.
    pub(super) fn forget_registering(&self) -> Vec<String> {
        vec![self.set(REGISTERING, "", Seconds::ZERO)]
    }

    /// What the browser holds that has asked to register an address.
    pub(super) fn asked(&self, request: &HttpRequest) -> Option<String> {
        self.find(request, ASKED)
    }

    /// The header that has its cookie kept.
    pub(super) fn keep_asked(&self, secret: &str) -> Vec<String> {
        vec![self.set(ASKED, secret, LINK_LIFETIME + CHOICE_LIFETIME)]
    }

    /// The header that has it forgotten.
    pub(super) fn forget_asked(&self) -> Vec<String> {
        vec![self.set(ASKED, "", Seconds::ZERO)]
    }

    /// The interactions that the browser has begun, the newest first, with what shows that.
    pub(super) fn bindings(&self, request: &HttpRequest) -> Vec<(InteractionId, String)> {
        let prefix = format!("{}{INTERACTION}", self.prefix());
        let read = |(name, value): (&str, &str)| Some((name.strip_prefix(&prefix)?.parse().ok()?, value.to_owned()));
        let mut found: Vec<(InteractionId, String)> = all(request).filter_map(read).collect();
        found.sort_unstable_by_key(|(id, _)| Reverse(*id.as_bytes()));
        found.truncate(MAX_INTERACTIONS);
        found
    }

    /// The headers that have an interaction's cookie kept.
    pub(super) fn keep_binding(&self, request: &HttpRequest, id: InteractionId, secret: &str) -> Vec<String> {
        self.keep_one_more(request, INTERACTION, &id.to_string(), (secret, INTERACTION_MAX_AGE))
    }

    /// The headers that have one more cookie of a kind kept, and the oldest forgotten when there are too many. Ids begin with
    /// the time at which they were made.
    fn keep_one_more(&self, request: &HttpRequest, kind: &str, id: &str, (value, age): (&str, Seconds)) -> Vec<String> {
        let prefix = format!("{}{kind}", self.prefix());
        let mut others: Vec<&str> = all(request).filter_map(|(name, _)| name.strip_prefix(&prefix)).collect();
        others.sort_unstable();
        let surplus = (others.len() + 1).saturating_sub(MAX_INTERACTIONS);
        let forget = |id: &&str| self.set(&format!("{kind}{id}"), "", Seconds::ZERO);
        let mut headers: Vec<String> = others.iter().take(surplus).map(forget).collect();
        headers.push(self.set(&format!("{kind}{id}"), value, age));
        headers
    }

    fn set(&self, name: &str, value: &str, Seconds(max_age): Seconds) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{}{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}", self.prefix())
    }
}

/// Sets these cookies with the response to a request, and none that was signed for the request.
pub(super) fn put(request: &HttpRequest, response: &mut HttpResponse, headers: Vec<String>) -> Result<(), Failure> {
    take_fresh(request);
    for header in headers {
        response.headers_mut().append(SET_COOKIE, header.parse().map_err(Error::internal)?);
    }
    if let Some(ToBeKnown(header)) = request.extensions_mut().remove() {
        response.headers_mut().append(SET_COOKIE, header);
    }
    Ok(())
}

/// The cookies with tokens that were signed for a request.
pub(super) fn take_fresh(request: &HttpRequest) -> Vec<HeaderValue> {
    request.extensions_mut().remove::<Fresh>().map(|Fresh(headers)| headers).unwrap_or_default()
}

/// The cookies of a request. Another app on the host, or on a sibling of it, may have set one that is not ASCII; that one is
/// left out, and no other.
fn all(request: &HttpRequest) -> impl Iterator<Item = (&str, &str)> {
    let pairs = request.headers().get_all(COOKIE).flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    let texts = pairs.filter_map(|pair| str::from_utf8(pair).ok()).filter(|pair| pair.is_ascii());
    texts.filter_map(|pair| pair.trim_ascii().split_once('='))
}
