//! The client: its address and device.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header::{ACCEPT_LANGUAGE, USER_AGENT};
use actix_web::{HttpMessage as _, HttpRequest};
use ipnet::IpNet;

use super::forwarded::{Found, Oddity, find};
use crate::app::App;
use crate::error::Error;
use crate::http::cookies::Cookies;
use crate::model::audit::Origin;
use crate::model::language::Language;
use crate::model::session::Device;
use crate::model::text::is_readable_line;
use crate::secret::digest_of;

const LOG_TARGET: &str = "tokensmith::http";
const MAX_USER_AGENT_CHARS: usize = 512;
const MAX_LABEL_CHARS: usize = 100;

/// The client's address, as reported by trusted proxies.
fn client_ip(request: &HttpRequest, trusted: &[IpNet]) -> Option<String> {
    Some(find(request.peer_addr()?.ip(), request.headers(), trusted).ip.to_string())
}

/// The id of a request, which is also the `X-Request-Id` of its response. The layer around the request stores it.
pub(in crate::http) struct RequestId(pub(in crate::http) String);

/// The origin of a request whose user is not known yet.
pub(in crate::http) fn origin(request: &HttpRequest, app: &App) -> Origin {
    let ip = client_ip(request, &app.config.trusted_proxies);
    let request_id = request.extensions().get::<RequestId>().map(|RequestId(id)| id.clone());
    let browser = Cookies::of(app).device(request).map(|text| digest_of(&text).0);
    let language = language(request, &[]);
    Origin { actor: None, session: None, ip, request_id, browser, next_browser: None, language }
}

/// The language of a request: one that the application asks for, or one of the browser.
pub(in crate::http) fn language(request: &HttpRequest, ui_locales: &[String]) -> Language {
    let accepted = request.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::best(ui_locales, accepted.unwrap_or_default())
}

/// Which warnings about proxies were logged. Each is logged once, since every request may cause it.
#[derive(Default)]
pub(in crate::http) struct ProxyWarnings {
    untrusted: AtomicBool,
    unreadable: AtomicBool,
    contradiction: AtomicBool,
}

impl ProxyWarnings {
    /// The client's address, as [`client_ip`] returns it. Problems with proxies' headers are logged.
    pub(in crate::http) fn check(&self, request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
        let Found { ip, oddity } = find(request.peer_addr()?.ip(), request.headers(), trusted);
        let (said, message) = match oddity {
            None => return Some(ip),
            Some(Oddity::Untrusted) => (
                &self.untrusted,
                "a request has X-Forwarded-For or Forwarded from an address that is not in TRUSTED_PROXIES: they are \
             ignored; if it is your proxy, add it",
            ),
            Some(Oddity::Unreadable) => (
                &self.unreadable,
                "a trusted proxy sends no readable client address in X-Forwarded-For or Forwarded: the address of the \
             proxy is used",
            ),
            Some(Oddity::Contradiction) => (
                &self.contradiction,
                "a request has X-Forwarded-For and Forwarded with different addresses: X-Forwarded-For is used; let the \
             proxy remove the header that it does not write",
            ),
        };
        if !said.swap(true, Ordering::Relaxed) {
            log::warn!(target: LOG_TARGET, ip:% = ip; "{message}");
        }
        Some(ip)
    }
}

/// What a session stores about the device.
pub(in crate::http) fn device(request: &HttpRequest, app: &App, label: Option<String>) -> Result<Device, Error> {
    let label = label.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
    if label.as_ref().is_some_and(|label| label.chars().count() > MAX_LABEL_CHARS || !is_readable_line(label)) {
        let message = format!("must have at most {MAX_LABEL_CHARS} readable characters and no control characters");
        return Err(Error::invalid("label", "invalid", message));
    }
    let user_agent = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Ok(Device {
        label,
        // NUL is the only character that PostgreSQL's text cannot hold; HTTP does not allow it in headers.
        user_agent: user_agent.map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect()),
        ip: client_ip(request, &app.config.trusted_proxies),
    })
}
