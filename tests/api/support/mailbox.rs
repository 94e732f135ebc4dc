//! A service that writes its mails into a folder, and who reads them there.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::{Engine, TestApp, mail};
use crate::verifier::wait_until;

/// Where links begin.
pub const ISSUER: &str = "https://id.example.com";

/// The folder.
pub struct Mailbox(TempDir);

/// A mail that has arrived.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// A service that sends mail, and its mails.
pub fn start(engine: Engine, vars: &[(&str, &str)]) -> (TestApp, Mailbox) {
    let dir = TempDir::new().unwrap();
    let database_url = engine.new_database(&dir);
    start_on(dir, database_url, vars)
}

/// The same, on a database of its own.
pub fn start_on(dir: TempDir, database_url: String, vars: &[(&str, &str)]) -> (TestApp, Mailbox) {
    let mailbox = Mailbox(TempDir::new().unwrap());
    let url = format!("file://{}", mailbox.0.path().display());
    let ours = [("MAIL_URL", url.as_str()), ("MAIL_FROM", "id@example.com"), ("ISSUER", ISSUER)];
    (TestApp::start_on(dir, database_url, &[vars, &ours].concat()), mailbox)
}

/// Asks for a mail to reset a password, and waits until it is known what has come of that.
pub fn ask(app: &TestApp, email: &str) {
    let before = asked(app);
    let answer = app.post("/v1/password-resets", &json!({"email": email}));
    assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{answer:?}");
    wait_until("somebody looked for the address", || asked(app) > before);
}

fn asked(app: &TestApp) -> i64 {
    app.number("select count(*) from audit_events where name = 'password_reset_requested'")
}

impl Mailbox {
    /// Sends what waits, and takes out what has arrived.
    pub fn take(&self, app: &TestApp) -> Vec<Mail> {
        app.inside.outbox.send_due("mail").unwrap();
        let mut files: Vec<_> = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let take = |path| {
            let mail = Mail::read(&fs::read_to_string(&path).unwrap());
            fs::remove_file(path).unwrap();
            mail
        };
        files.into_iter().map(take).collect()
    }

    /// The only one that has arrived.
    #[track_caller]
    pub fn only(&self, app: &TestApp) -> Mail {
        let mails = self.take(app);
        assert_eq!(mails.len(), 1, "{mails:?}");
        mails[0].clone()
    }
}

impl Mail {
    fn read(eml: &str) -> Self {
        let mail = mail::Mail::parse(eml);
        Self { to: mail.to().to_owned(), subject: mail.subject().to_owned(), text: mail.text }
    }

    /// The path of the link below the issuer, and its last part.
    #[track_caller]
    pub fn link(&self, folder: &str) -> (String, String) {
        let begin = format!("{ISSUER}/{folder}/");
        let rest = self.text.split(&begin).nth(1).unwrap_or_else(|| panic!("no link: {self:?}"));
        let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        (format!("/{folder}/{token}"), token)
    }

    /// The token of a link that resets a password.
    #[track_caller]
    pub fn reset_token(&self) -> String {
        self.link("password-reset").1
    }

    /// The code.
    #[track_caller]
    pub fn code(&self) -> String {
        let is_code = |word: &&str| word.len() == 8 && word.bytes().all(|b| b.is_ascii_digit());
        self.text.split_whitespace().find(is_code).unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }
}
