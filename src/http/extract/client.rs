//! Who is at the other end: address and device.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{USER_AGENT, X_FORWARDED_FOR};
use ipnet::IpNet;

use crate::app::Issuer;
use crate::error::Error;
use crate::model::session::Device;

const MOST_USER_AGENT_CHARS: usize = 512;
const MOST_LABEL_CHARS: usize = 100;

/// The client's address. `X-Forwarded-For` is believed from the right, as long as the one who wrote it is a trusted
/// proxy: what a client puts there itself counts for nothing.
pub(in crate::http) fn client_ip(request: &HttpRequest, trusted: &[IpNet]) -> Option<String> {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut client = request.peer_addr()?.ip().to_canonical();
    let headers = request.headers().get_all(X_FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = headers.flat_map(|value| value.split(',')).collect();
    for hop in hops.iter().rev() {
        let Some(ip) = hop.trim().parse::<IpAddr>().ok().filter(|_| is_trusted(&client)) else { break };
        client = ip.to_canonical();
    }
    Some(client.to_string())
}

/// What a session remembers of the device.
pub(in crate::http) fn device(request: &HttpRequest, issuer: &Issuer, label: Option<String>) -> Result<Device, Error> {
    let label = label.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
    if label
        .as_ref()
        .is_some_and(|label| label.chars().count() > MOST_LABEL_CHARS || label.chars().any(char::is_control))
    {
        let message = format!("must have at most {MOST_LABEL_CHARS} characters and no control characters");
        return Err(Error::invalid("label", "invalid", message));
    }
    let user_agent = request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    Ok(Device {
        label,
        // NUL is the one character that PostgreSQL's text cannot hold; HTTP does not let it through.
        user_agent: user_agent.map(|text| text.chars().take(MOST_USER_AGENT_CHARS).collect()),
        ip: client_ip(request, &issuer.app.config.trusted_proxies),
    })
}
