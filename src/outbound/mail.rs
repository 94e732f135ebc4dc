//! Sending mail: a letter becomes a mail ([RFC 5322](https://www.rfc-editor.org/rfc/rfc5322)) that goes to a mail server, a
//! folder or the log.

mod error;
mod smtp;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};

use self::error::MailError;
use self::smtp::Server;
use super::read_certificates;
use crate::clock::Timestamp;
use crate::config::{Config, MailUrl};
use crate::model::mail::Letter;
use crate::model::message::MessageId;
use crate::secret::{Draft, create_folders};

/// Sends mail.
pub(crate) struct Mailer {
    from: Mailbox,
    sink: Sink,
}

enum Sink {
    Server(Box<Server>),
    Folder(PathBuf),
    Log,
}

impl Mailer {
    /// By the settings, if they want mail. Fails if they cannot be used, and says why.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, String> {
        let (Some(url), Some(from)) = (&config.mail_url, &config.mail_from) else { return Ok(None) };
        let address = from.address.to_string().parse().map_err(|error| format!("MAIL_FROM: {error}"))?;
        let name = from.name.clone().unwrap_or_else(|| one_line(&config.page_name));
        let from = Mailbox::new(Some(name), address);
        let sink = match url {
            MailUrl::Smtp(server) => {
                let certificates = read_certificates(config)?;
                let server = Server::new(server, certificates.as_deref(), from.email.domain());
                Sink::Server(Box::new(server.map_err(|error| format!("MAIL_URL: {error}"))?))
            }
            MailUrl::Folder(folder) => {
                create_folders(folder).map_err(|error| format!("MAIL_URL: {}: {error}", folder.display()))?;
                Sink::Folder(folder.clone())
            }
            MailUrl::Log => Sink::Log,
        };
        Ok(Some(Self { from, sink }))
    }

    /// Sends a letter. What it is known by is the same each time, so that a mail that is sent twice is recognised.
    pub(crate) fn send(&self, id: MessageId, written_at: Timestamp, letter: &Letter) -> Result<(), MailError> {
        let mail = self.compose(id, written_at, letter)?;
        match &self.sink {
            Sink::Server(server) => server.send(&mail),
            Sink::Folder(folder) => {
                write(folder, id, &mail.formatted()).map_err(|error| MailError::Folder { path: folder.clone(), error })
            }
            Sink::Log => {
                let Letter { subject, text, .. } = letter;
                log::info!(mail:% = id, subject, text; "mail");
                Ok(())
            }
        }
    }

    fn compose(&self, id: MessageId, written_at: Timestamp, letter: &Letter) -> Result<Message, MailError> {
        let unwritable = |error: Box<dyn std::error::Error + Send + Sync>| MailError::Unwritable(error);
        let to = letter.to.parse().map_err(|error| unwritable(Box::new(error)))?;
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(written_at.0.unsigned_abs());
        let body = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(id.to_string())
            .singlepart(SinglePart::plain(letter.text.clone()))
            .singlepart(SinglePart::html(letter.html.clone()));
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&letter.subject))
            .date(date)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            // RFC 3834 section 5: no vacation notice answers it.
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .multipart(body)
            .map_err(|error| unwritable(Box::new(error)))
    }
}

/// A text for a header: what could end the line becomes a space.
fn one_line(text: &str) -> String {
    let text: String =
        text.chars().map(|c| if c.is_control() || "\u{2028}\u{2029}".contains(c) { ' ' } else { c }).collect();
    text.trim().to_owned()
}

/// Writes a file that is whole as soon as it is there, and that only its owner can read.
fn write(folder: &Path, id: MessageId, mail: &[u8]) -> io::Result<()> {
    let draft_path = folder.join(format!(".{id}.draft"));
    let mut draft = match Draft::create(&draft_path) {
        // Of an instance that was killed.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&draft_path)?;
            Draft::create(&draft_path)?
        }
        draft => draft?,
    };
    draft.file().write_all(mail)?;
    draft.replace(&folder.join(format!("{id}.eml")))
}
