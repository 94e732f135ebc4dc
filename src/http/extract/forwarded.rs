//! What proxies say about the clients behind them: `X-Forwarded-For`, and `Forwarded`
//! ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)).

use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};
use ipnet::IpNet;

/// The client of a request, and what was unusual about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) ip: IpAddr,
    pub(super) oddity: Option<Oddity>,
}

/// A problem that an operator should know about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    /// A sender that is not trusted says where the request comes from.
    Untrusted,
    /// A trusted proxy names the client in an unknown form, or does not name it.
    Unreadable,
    /// `X-Forwarded-For` and `Forwarded` name different clients.
    Contradiction,
}

/// Finds the client. Hops are read from the right as long as the sender of each one is trusted, so entries that the
/// client wrote are ignored. `Forwarded` is only used if there is no `X-Forwarded-For`.
pub(super) fn find(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Found {
    let hops_of = |name: HeaderName, read: fn(&str) -> Vec<Option<IpAddr>>| -> Vec<Option<IpAddr>> {
        headers.get_all(name).flat_map(|value| value.to_str().map_or_else(|_not_ascii| vec![None], read)).collect()
    };
    let follow = |hops: &[Option<IpAddr>]| follow(peer.to_canonical(), hops, trusted);
    let (first, second) = (hops_of(X_FORWARDED_FOR, x_forwarded_for), hops_of(FORWARDED, forwarded));
    if first.is_empty() || second.is_empty() {
        return follow(if first.is_empty() { &second } else { &first });
    }
    let found = follow(&first);
    let contradicts = found.oddity.is_none() && follow(&second).ip != found.ip;
    Found { oddity: found.oddity.or(contradicts.then_some(Oddity::Contradiction)), ..found }
}

fn follow(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> Found {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !hops.is_empty() && !is_trusted(&peer) {
        return Found { ip: peer, oddity: Some(Oddity::Untrusted) };
    }
    let mut ip = peer;
    for hop in hops.iter().rev() {
        match hop {
            _ if !is_trusted(&ip) => break,
            Some(next) => ip = next.to_canonical(),
            None => return Found { ip, oddity: Some(Oddity::Unreadable) },
        }
    }
    Found { ip, oddity: None }
}

/// Reads `X-Forwarded-For`. `None` is a hop that cannot be read.
fn x_forwarded_for(value: &str) -> Vec<Option<IpAddr>> {
    let hops = value.split(',').map(str::trim).filter(|hop| !hop.is_empty());
    hops.map(|hop| node(hop.strip_prefix('"').and_then(|hop| hop.strip_suffix('"')).unwrap_or(hop))).collect()
}

/// Reads `Forwarded`. One bad element makes the whole value unreadable, because a client may use it to hide where its
/// own text ends.
fn forwarded(value: &str) -> Vec<Option<IpAddr>> {
    elements(value).map_or_else(|| vec![None], |hops| hops.iter().map(|hop| node(hop.as_deref()?)).collect())
}

/// The `for` of each element ([RFC 7239 section 4](https://www.rfc-editor.org/rfc/rfc7239#section-4)); `None` if this
/// is not a list of elements.
fn elements(value: &str) -> Option<Vec<Option<String>>> {
    let (mut elements, mut rest) = (Vec::new(), value);
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
            continue;
        }
        if rest.is_empty() {
            return Some(elements);
        }
        let (element, after) = element(rest)?;
        elements.push(element);
        rest = after;
    }
}

/// The `for` of the first element, and the text after the element.
fn element(mut rest: &str) -> Option<(Option<String>, &str)> {
    let mut found = None;
    loop {
        rest = rest.trim_start();
        match rest.chars().next() {
            None | Some(',') => return Some((found, rest)),
            Some(';') => {
                rest = rest.strip_prefix(';')?;
                continue;
            }
            Some(_) => {}
        }
        let (name, after) = token(rest);
        let (value, after) = parameter_value(after.strip_prefix('=').filter(|_| !name.is_empty())?)?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            return None;
        }
    }
}

/// A token or a quoted string ([RFC 9110 section 5.6](https://www.rfc-editor.org/rfc/rfc9110#section-5.6)).
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, after) = token(text);
        return Some((token.to_owned(), after));
    };
    let (mut value, mut chars) = (String::new(), quoted.chars());
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

/// Accepts, besides the standard's token, the characters of addresses, since many proxies leave out the quotes.
fn token(text: &str) -> (&str, &str) {
    let is_other = |c: char| !c.is_ascii_graphic() || ",;=\"\\".contains(c);
    text.split_at(text.find(is_other).unwrap_or(text.len()))
}

/// An address with or without brackets and port ([RFC 7239 section 6](https://www.rfc-editor.org/rfc/rfc7239#section-6)).
/// `unknown` and obfuscated names are not addresses.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        return if port.is_empty() {
            ipv6(address)
        } else {
            ipv6(address).filter(|_| port.strip_prefix(':').is_some_and(is_port))
        };
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => address.parse().ok().map(IpAddr::V4).filter(|_| is_port(port)),
        _ => text.parse().ok().or_else(|| ipv6(text)),
    }
}

/// A zone is only valid on the proxy's machine ([RFC 4007 section 11.2](https://www.rfc-editor.org/rfc/rfc4007)).
fn ipv6(text: &str) -> Option<IpAddr> {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(hidden) => !hidden.is_empty() && hidden.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)),
        None => text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    /// The client that is found with these headers, followed by the problem, if there is one.
    fn found(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                actix_web::http::header::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let Found { ip, oddity } =
            find(peer.parse().unwrap(), &map, &["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        oddity.map_or(ip.to_string(), |oddity| format!("{ip} {oddity:?}"))
    }

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (hop, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:5678", "192.0.2.7"),
            ("192.0.2.7:_port", "192.0.2.7"),
            ("\"192.0.2.7:5678\"", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("2001:DB8:0:0::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("\"[2001:db8::7]:443\"", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
            ("fe80::7%eth0", "fe80::7"),
            ("[fe80::7%25eth0]:80", "fe80::7"),
        ] {
            assert_eq!(found(PROXY, &[("x-forwarded-for", hop)]), expected, "{hop}");
            assert_eq!(found(PROXY, &[("forwarded", &format!("for={hop}"))]), expected, "{hop}");
        }
    }

    #[test]
    fn what_a_trusted_proxy_says_unreadably_ends_at_the_proxy() {
        for hop in [
            "unknown",
            "_hidden",
            "localhost",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.7:",
            "192.0.2.7:65536",
            "192.0.2.7:+80",
            "192.0.2.7:_",
            "192.0.2.7%eth0",
            "[192.0.2.7]",
            "[2001:db8::7",
            "[2001:db8::7]443",
            "[2001:db8::7]:",
            "2001:db8::7]:443",
            "2001:db8::7::1",
            "192.0.2.7 192.0.2.8",
            "192.0.2.7;192.0.2.8",
            "\"192.0.2.7",
            "\u{e9}",
        ] {
            for header in [("x-forwarded-for", hop.to_owned()), ("forwarded", format!("for={hop}"))] {
                let expected = "10.0.0.1 Unreadable";
                assert_eq!(found(PROXY, &[(header.0, &header.1)]), expected, "{header:?}");
                // Anyone may have written what is to the left of it.
                let longer = match header.0 {
                    "forwarded" => format!("for=198.51.100.9, {}", header.1),
                    _ => format!("198.51.100.9, {}", header.1),
                };
                assert_eq!(found(PROXY, &[(header.0, &longer)]), expected, "{longer}");
            }
        }
    }

    #[test]
    fn hops_are_believed_from_the_right_while_their_writer_is_trusted() {
        for (peer, value, expected) in [
            (PROXY, "198.51.100.1, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
            (PROXY, "198.51.100.1,192.0.2.7", "192.0.2.7"),
            (PROXY, "_hidden, 192.0.2.7", "192.0.2.7"),
            (PROXY, "10.9.9.9, 10.1.2.3", "10.9.9.9"),
            (PROXY, "192.0.2.7,, ,", "192.0.2.7"),
            (PROXY, "", PROXY),
            (PROXY, " , ", PROXY),
            ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
            ("fd00::1", "192.0.2.7, [fd00::2]:80", "192.0.2.7"),
            ("192.0.2.1", "", "192.0.2.1"),
            ("192.0.2.1", "198.51.100.1", "192.0.2.1 Untrusted"),
            ("192.0.2.1", "garbage", "192.0.2.1 Untrusted"),
        ] {
            assert_eq!(found(peer, &[("x-forwarded-for", value)]), expected, "{value}");
            let hops = value.split(',').map(str::trim);
            let hops = hops.map(|hop| if hop.is_empty() { String::new() } else { format!("for={hop}") });
            let forwarded = hops.collect::<Vec<_>>().join(", ");
            assert_eq!(found(peer, &[("forwarded", &forwarded)]), expected, "{forwarded}");
        }
        let lines = |name| [(name, "198.51.100.1"), (name, "192.0.2.7"), (name, "10.1.2.3")];
        assert_eq!(found(PROXY, &lines("x-forwarded-for")), "192.0.2.7");
        let lines = ["for=198.51.100.1", "for=192.0.2.7", "for=10.1.2.3"].map(|line| ("forwarded", line));
        assert_eq!(found(PROXY, &lines), "192.0.2.7");
    }

    #[test]
    fn the_grammar_of_forwarded_is_kept_strictly() {
        for (value, expected) in [
            ("For=192.0.2.7", "192.0.2.7"),
            ("FOR=\"192.0.2.7\"", "192.0.2.7"),
            ("proto=https;for=192.0.2.7;by=10.0.0.1", "192.0.2.7"),
            ("by=_x ; for=192.0.2.7 ; host=\"a,b;c=\\\"d\"", "192.0.2.7"),
            ("for=192.0.2.7;host=id.example.com:8443", "192.0.2.7"),
            ("for=\"192\\.0.2.7\"", "192.0.2.7"),
            ("for=192.0.2.7, proto=https", "10.0.0.1 Unreadable"),
            ("for=192.0.2.7;for=192.0.2.8", "10.0.0.1 Unreadable"),
            ("for = 192.0.2.7", "10.0.0.1 Unreadable"),
            ("for", "10.0.0.1 Unreadable"),
            ("for=", "10.0.0.1 Unreadable"),
            ("192.0.2.7", "10.0.0.1 Unreadable"),
            ("for=192.0.2.7 for=192.0.2.8", "10.0.0.1 Unreadable"),
            ("for=192.0.2.7;", "192.0.2.7"),
            (";;for=192.0.2.7", "192.0.2.7"),
            (";", "10.0.0.1 Unreadable"),
            // A quote that the client opens would include what the proxy appends.
            ("for=198.51.100.1;x=\", for=192.0.2.7", "10.0.0.1 Unreadable"),
            ("for=198.51.100.1;x=\", for=\"[2001:db8::7]\"", "10.0.0.1 Unreadable"),
            ("for=198.51.100.1;x=\"\\, for=\"192.0.2.7\"", "10.0.0.1 Unreadable"),
        ] {
            assert_eq!(found(PROXY, &[("forwarded", value)]), expected, "{value}");
        }
        // In a header line of its own the proxy's entry is read.
        assert_eq!(found(PROXY, &[("forwarded", "for=\"x"), ("forwarded", "for=192.0.2.7")]), "192.0.2.7");
    }

    #[test]
    fn x_forwarded_for_counts_where_both_are_there() {
        for (first, second, expected) in [
            ("192.0.2.7", "for=192.0.2.7", "192.0.2.7"),
            ("192.0.2.7", "for=\"192.0.2.7:80\"", "192.0.2.7"),
            ("192.0.2.7", "for=198.51.100.1", "192.0.2.7 Contradiction"),
            ("192.0.2.7", "garbage", "192.0.2.7 Contradiction"),
            ("garbage", "for=198.51.100.1", "10.0.0.1 Unreadable"),
            ("", "for=192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(
                found(PROXY, &[("x-forwarded-for", first), ("forwarded", second)]),
                expected,
                "{first} {second}"
            );
        }
        let both = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")];
        assert_eq!(found("192.0.2.1", &both), "192.0.2.1 Untrusted");
    }
}
