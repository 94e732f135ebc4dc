//! How the values of settings are read from text and displayed.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

use crate::clock::Seconds;
use crate::jwt::Passphrase;
use crate::model::names::Scopes;
use crate::model::text::BadText;
use crate::secret::Secret;

/// Ten years: a longer value is more likely a typing mistake.
const MAX_DURATION: Seconds = Seconds(3_650 * 86_400);

/// A value of a type that implements `FromStr`.
pub(super) fn parsed<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

#[expect(clippy::unnecessary_wraps, reason = "the other readers can fail")]
pub(super) fn any_text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// The name of a strength of authentication. In `acr_values` spaces separate names, and in a header they are quoted.
pub(super) fn acr(text: &str) -> Result<Option<String>, String> {
    if text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte)) {
        Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
    } else {
        Err("expected a name without spaces, commas, quotes and backslashes".to_owned())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the other readers can fail")]
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    Ok(text.into())
}

pub(super) fn number(range: RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
    }
}

pub(super) fn duration(text: &str) -> Result<Seconds, String> {
    match text.parse::<Seconds>() {
        Ok(span) if span > MAX_DURATION => Err(format!("must be at most {MAX_DURATION}")),
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}

pub(super) fn longer_than(limit: Seconds) -> impl Fn(&Seconds) -> Result<(), String> {
    move |span| if *span > limit { Ok(()) } else { Err(format!("must be longer than {limit}")) }
}

pub(super) fn within(range: RangeInclusive<Seconds>) -> impl Fn(&Seconds) -> Result<(), String> {
    move |span| {
        if range.contains(span) { Ok(()) } else { Err(format!("must be from {} to {}", range.start(), range.end())) }
    }
}

pub(super) fn duration_or_off(text: &str) -> Result<Option<Seconds>, String> {
    if text == "off" { Ok(None) } else { duration(text).map(Some) }
}

/// `None` for an empty text.
pub(super) fn optional<T>(parse: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// Items that are separated by commas.
pub(super) fn list<T>(parse: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Vec<T>, String> {
    move |text| text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(&parse).collect()
}

pub(super) fn scopes(text: &str) -> Result<Scopes, String> {
    text.replace(',', " ").parse().map_err(|bad: BadText| bad.to_string())
}

/// Turns a network of IPv4-mapped addresses into an IPv4 network, because clients' addresses are compared as IPv4.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    let network = address
        .or_else(|_not_an_address| text.parse())
        .map_err(|_bad| "expected addresses or networks, as in 10.0.0.0/8".to_owned())?;
    let prefix_len = network.prefix_len().checked_sub(96);
    Ok(match (network.addr().to_canonical(), prefix_len) {
        (IpAddr::V4(ip), Some(prefix_len)) if network.addr().is_ipv6() => {
            Ipv4Net::new(ip, prefix_len).map_or(network, IpNet::V4)
        }
        _ => network,
    })
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_bad| "expected an IP address and a port, as in 0.0.0.0:8080".to_owned())
}

pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

/// Refuses white space around a passphrase: earlier versions removed it, so it cannot be part of the passphrase.
pub(super) fn passphrase(text: &str) -> Result<Passphrase, String> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim() == text {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err("begins or ends with white space, which cannot be part of a passphrase".to_owned())
    }
}

pub(super) fn show_path(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}

pub(super) fn show_list<T: ToString>(items: impl AsRef<[T]>) -> String {
    items.as_ref().iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Shows the value, or `word` if there is none.
pub(super) fn show_optional<T: ToString>(word: &'static str) -> impl Fn(&Option<T>) -> String {
    move |value| value.as_ref().map_or(word.to_owned(), ToString::to_string)
}

/// If the folder of the path does not exist, the value may be the passphrase itself, set here by mistake.
pub(super) fn shown_path(path: &Path) -> String {
    let in_a_folder = path.parent().is_some_and(|folder| folder.file_name().is_some() && folder.is_dir());
    if in_a_folder { path.display().to_string() } else { "the file that it names".to_owned() }
}
