//! The mail server: one connection for each mail, by the rules of submission
//! ([RFC 6409](https://www.rfc-editor.org/rfc/rfc6409), [RFC 8314](https://www.rfc-editor.org/rfc/rfc8314)).

use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::error::MailError;
use crate::config::{Encryption, MailServer};

/// How long the mail server may take for each step until it lets the service in.
const STEP: Duration = Duration::from_secs(5);

/// How long all these steps may take before the mail is put back.
const ENTRY: Duration = Duration::from_secs(20);

/// How long it may take for each of the four steps of taking a mail. All together is less than the lease of a message.
const TAKING: Duration = Duration::from_secs(8);

/// A mail server, and how the service is let in.
pub(super) struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    /// What the service calls itself.
    name: ClientId,
}

impl Server {
    /// Trusts these certificate authorities, or those of the machine.
    pub(super) fn new(server: &MailServer, certificates: Option<&str>, domain: &str) -> Result<Self, Error> {
        let mut tls = TlsParameters::builder(server.host.clone());
        if let Some(pem) = certificates {
            let certificate = Certificate::from_pem(pem.as_bytes())?;
            tls = tls.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        let password = server.password.as_ref().map(|password| password.expose().clone());
        let credentials = server.user.clone().map(|user| Credentials::new(user, password.unwrap_or_default()));
        Ok(Self {
            host: server.host.clone(),
            port: server.port,
            encryption: server.encryption,
            tls: tls.build()?,
            credentials,
            name: ClientId::Domain(domain.to_owned()),
        })
    }

    /// Sends a mail. Only a mail that the server refuses for good after it has let the service in is given up: everything
    /// else may be mended without it.
    pub(super) fn send(&self, mail: &Message) -> Result<(), MailError> {
        let mut connection = self.enter()?;
        let timeout = connection.set_timeout(Some(TAKING));
        timeout.map_err(|error| MailError::NotNow(error.to_string()))?;
        let sent = connection.send(mail.envelope(), &mail.formatted());
        let sent = sent.map_err(|error| refusal(&error));
        if sent.is_ok() {
            let _taken_all_the_same = connection.quit();
        }
        sent.map(|_answer| ())
    }

    fn enter(&self) -> Result<SmtpConnection, MailError> {
        let begun_at = Instant::now();
        let in_time = || {
            let is_in_time = begun_at.elapsed() <= ENTRY;
            is_in_time.then_some(()).ok_or_else(|| MailError::NotNow("it is too slow".to_owned()))
        };
        let tls = Some(&self.tls).filter(|_| self.encryption == Encryption::Tls);
        let address = (self.host.as_str(), self.port);
        let mut connection = SmtpConnection::connect(address, Some(STEP), &self.name, tls, None)?;
        in_time()?;
        let is_wanted = self.encryption == Encryption::StartTls
            || (self.encryption == Encryption::IfOffered && connection.can_starttls());
        if is_wanted {
            // Fails if the server does not offer it.
            connection.starttls(&self.tls, &self.name)?;
            in_time()?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials)?;
            in_time()?;
        }
        Ok(connection)
    }
}

/// The reply codes of a refusal, without its text, which often holds the address
/// ([RFC 3463](https://www.rfc-editor.org/rfc/rfc3463)).
fn refusal(error: &Error) -> MailError {
    let text = error.to_string();
    let is_enhanced = |word: &&str| {
        word.split('.').count() == 3
            && word.split('.').all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let enhanced = text.split_whitespace().find(is_enhanced).map(|code| format!(" {code}")).unwrap_or_default();
    match error.status() {
        Some(code) if error.is_permanent() => MailError::Refused(format!("{code}{enhanced}")),
        Some(code) => MailError::NotNow(format!("{code}{enhanced}")),
        None => MailError::NotNow(text),
    }
}
