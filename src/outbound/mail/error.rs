//! Why a mail was not sent.

use std::io;
use std::path::PathBuf;

/// Why a mail was not sent. No text of it has an address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// It has no valid form, as with an address that only looks like one.
    #[error("it cannot be written as a mail")]
    Unwritable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The mail server will not take it, now or later.
    #[error("the mail server refuses it: {0}")]
    Refused(String),
    /// The mail server does not take it now.
    #[error("the mail server does not take it: {0}")]
    NotNow(String),
    /// The mail server could not be reached, or does not let the service in.
    #[error("the mail server: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
    /// The folder.
    #[error("{}: {error}", path.display())]
    Folder {
        /// Its path, or that of a file in it.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
}

impl MailError {
    /// Whether another attempt would fail, too.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Unwritable(_) | Self::Refused(_))
    }
}
