//! How mail is sent (`MAIL_URL`), and its sender (`MAIL_FROM`).

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::model::text::is_readable_line;
use crate::model::user::Email;
use crate::secret::Secret;

const EXPECTED: &str = "expected smtp://USER:PASSWORD@HOST:PORT, smtps://.., file:///FOLDER or log:";

/// Where mail goes. Displays no password.
#[derive(Clone, Debug)]
pub(crate) enum MailUrl {
    /// A mail server.
    Smtp(MailServer),
    /// Files in a folder.
    Folder(PathBuf),
    /// The log.
    Log,
}

/// A mail server.
#[derive(Clone, Debug)]
pub(crate) struct MailServer {
    /// Its name or address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret<String>>,
}

/// How a connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From the beginning.
    Tls,
    /// From STARTTLS on; a server without it is refused.
    StartTls,
    /// From STARTTLS on if the server offers it, on this machine only.
    IfOffered,
}

impl MailServer {
    fn parse(url: &Url) -> Result<Self, String> {
        let host = url.host_str().ok_or(EXPECTED)?;
        let host = match Host::parse(host).map_err(|error| format!("its host: {error}"))? {
            Host::Domain(name) => name,
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let is_bare = ["", "/"].contains(&url.path()) && url.fragment().is_none();
        let encryption = match (url.scheme(), url.query()) {
            _ if !is_bare => return Err(EXPECTED.to_owned()),
            ("smtps", None) => Encryption::Tls,
            ("smtp", None) if is_this_machine(&host) => Encryption::IfOffered,
            ("smtp", None) => Encryption::StartTls,
            _ => return Err(EXPECTED.to_owned()),
        };
        // RFC 8314 section 3.3, and RFC 6409 section 3.1.
        let port = url.port().unwrap_or(if encryption == Encryption::Tls { 465 } else { 587 });
        let user = Some(url.username()).filter(|user| !user.is_empty()).map(decoded).transpose()?;
        let password = url.password().map(decoded).transpose()?.map(Secret::new);
        if user.is_none() && password.is_some() {
            return Err("has a password but no user".to_owned());
        }
        Ok(Self { host, port, encryption, user, password })
    }
}

/// NUL separates user and password ([RFC 4616 section 2](https://www.rfc-editor.org/rfc/rfc4616#section-2)).
fn decoded(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_other| "user and password must be UTF-8")?;
    if text.chars().any(char::is_control) {
        Err("user and password must not have control characters".to_owned())
    } else {
        Ok(text.into_owned())
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

impl FromStr for MailUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "log:" {
            return Ok(Self::Log);
        }
        let url = Url::parse(text).map_err(|_bad| EXPECTED)?;
        match url.scheme() {
            "smtp" | "smtps" => MailServer::parse(&url).map(Self::Smtp),
            "file" if text.starts_with("file:///") && url.query().is_none() && url.fragment().is_none() => {
                let folder = url.to_file_path().map_err(|()| EXPECTED)?;
                Ok(Self::Folder(folder))
            }
            "file" => Err("expected the whole path of a folder, as in file:///var/mail/tokensmith".to_owned()),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl fmt::Display for MailUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MailServer { host, port, encryption, user, password } = match self {
            Self::Log => return f.write_str("log:"),
            Self::Folder(folder) => return write!(f, "file://{}", folder.display()),
            Self::Smtp(server) => server,
        };
        f.write_str(if *encryption == Encryption::Tls { "smtps://" } else { "smtp://" })?;
        if let Some(user) = user {
            write!(f, "{user}{}@", if password.is_some() { ":***" } else { "" })?;
        }
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The sender of every mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailFrom {
    /// The name that readers see.
    pub(crate) name: Option<String>,
    /// The address.
    pub(crate) address: Email,
}

impl FromStr for MailFrom {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an address, as in id@example.com or Example <id@example.com>";
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (Some(name.trim().trim_matches('"')), address),
            None => (None, text),
        };
        let name = name.filter(|name| !name.is_empty()).map(ToOwned::to_owned);
        let address: Email = address.parse().map_err(|_bad| EXPECTED)?;
        let is_plain = !address.to_string().contains(['<', '>', '(', ')', '"', ',', ';', ':', '\\', '[', ']']);
        if is_plain && name.as_deref().is_none_or(is_readable_line) {
            Ok(Self { name, address })
        } else {
            Err(EXPECTED)
        }
    }
}

impl fmt::Display for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_for_mail_is_shown_without_its_password() {
        for (text, shown) in [
            ("smtp://mail.example.com", "smtp://mail.example.com:587"),
            ("smtp://mail.example.com:25", "smtp://mail.example.com:25"),
            ("smtps://mail.example.com/", "smtps://mail.example.com:465"),
            ("smtp://ada:hunter2@mail.example.com", "smtp://ada:***@mail.example.com:587"),
            (
                "smtps://ada%40example.com:hunter2%2F@[2001:db8::1]:2465",
                "smtps://ada@example.com:***@[2001:db8::1]:2465",
            ),
            ("smtp://ada@127.0.0.1:2525", "smtp://ada@127.0.0.1:2525"),
            ("smtp://localhost", "smtp://localhost:587"),
            ("smtp://[::1]:25", "smtp://[::1]:25"),
            ("file:///var/mail/out", "file:///var/mail/out"),
            ("log:", "log:"),
        ] {
            let url: MailUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
        }
        let Ok(MailUrl::Smtp(server)) = "smtp://ada%40example.com:%2F%3a@mail.example.com".parse() else { panic!() };
        assert_eq!(
            (server.user.unwrap().as_str(), server.password.unwrap().expose().as_str()),
            ("ada@example.com", "/:")
        );
    }

    #[test]
    fn what_is_no_place_for_mail_is_refused() {
        for text in [
            "mail.example.com",
            "mail.example.com:25",
            "http://mail.example.com",
            "smtp://",
            "smtp:mail.example.com",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com?tls=off",
            "smtp://127.0.0.1?tls=on",
            "smtp://mail.example.com#x",
            "smtp://:secret@mail.example.com",
            "smtp://ada:a%00b@mail.example.com",
            "smtp://ada:%ff@mail.example.com",
            "smtp://mail example.com",
            "file:",
            "file://folder",
            "file:folder",
            "log:x",
            "log",
        ] {
            assert!(text.parse::<MailUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sender_has_an_address_and_may_have_a_name() {
        for (text, shown) in [
            ("id@example.com", "id@example.com"),
            ("Example GmbH <id@example.com>", "Example GmbH <id@example.com>"),
            ("\"Müller, Söhne\" <id@example.com>", "Müller, Söhne <id@example.com>"),
            ("<id@example.com>", "id@example.com"),
        ] {
            assert_eq!(text.parse::<MailFrom>().unwrap().to_string(), shown);
        }
        for text in
            ["", "Example", "Example <id>", "a\nb <id@example.com>", "Example <id@example.com", "a@b, c@d", "a@b>"]
        {
            assert!(text.parse::<MailFrom>().is_err(), "{text}");
        }
    }
}
