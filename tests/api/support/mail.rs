//! Mail: a folder that the service writes to, and a mail server that stands in for real ones.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::{Engine, TestApp};

/// A service that writes mail to a folder.
pub struct Mailing {
    pub app: TestApp,
    folder: TempDir,
}

impl Mailing {
    pub fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    pub fn start_with(engine: Engine, vars: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("file://{}", folder.path().display());
        let vars = [&[("MAIL_URL", url.as_str()), ("MAIL_FROM", "id@example.org")], vars].concat();
        Self { app: TestApp::start_with(engine, &vars), folder }
    }

    /// The files of all mails so far, oldest first.
    pub fn files(&self) -> Vec<std::path::PathBuf> {
        self.app.inside.outbox.send_due("mail").unwrap();
        let mut files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort_unstable();
        files
    }

    /// Takes all mails that were written since the last call, oldest first.
    pub fn take(&self) -> Vec<Mail> {
        let read = |path: &std::path::PathBuf| {
            let mail = Mail::parse(&fs::read_to_string(path).unwrap());
            fs::remove_file(path).unwrap();
            mail
        };
        self.files().iter().map(read).collect()
    }
}

/// A mail as its reader gets it.
#[derive(Debug)]
pub struct Mail {
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub html: String,
}

impl Mail {
    /// Reads the form that the service writes: two parts, plain text and HTML.
    pub fn parse(mail: &str) -> Self {
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let headers = headers(head);
        let (_, boundary) = headers["content-type"].split_once("boundary=").unwrap();
        let separator = format!("--{}", boundary.trim_matches('"'));
        let parts: Vec<&str> = body.split(&separator).collect();
        assert_eq!(parts.len(), 4, "two parts between what is before and after: {mail}");
        Self { headers, text: part(parts[1], "text/plain"), html: part(parts[2], "text/html") }
    }

    pub fn to(&self) -> &str {
        &self.headers["to"]
    }

    pub fn subject(&self) -> &str {
        &self.headers["subject"]
    }
}

fn headers(head: &str) -> BTreeMap<String, String> {
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let lines = unfolded.split("\r\n").map(|line| line.split_once(": ").unwrap());
    let mut headers = BTreeMap::new();
    for (name, value) in lines {
        assert!(headers.insert(name.to_lowercase(), decoded_words(value)).is_none(), "{name} is there twice: {head}");
    }
    headers
}

/// The encoded words of RFC 2047.
fn decoded_words(value: &str) -> String {
    let words = value.replace("?= =?", "?==?");
    let mut decoded = String::new();
    let mut rest = words.as_str();
    while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
        let (word, after) = after.split_once("?=").unwrap();
        decoded.push_str(before);
        decoded.push_str(&String::from_utf8(STANDARD.decode(word).unwrap()).unwrap());
        rest = after;
    }
    decoded + rest
}

fn part(part: &str, expected: &str) -> String {
    let (head, body) = part.trim_start().split_once("\r\n\r\n").unwrap();
    let headers = headers(head);
    assert!(headers["content-type"].starts_with(expected), "{headers:?}");
    let bytes = match headers["content-transfer-encoding"].as_str() {
        "quoted-printable" => unquoted(body),
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

fn unquoted(body: &str) -> Vec<u8> {
    let joined = body.replace("=\r\n", "");
    let mut pieces = joined.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend(&piece.as_bytes()[2..]);
    }
    bytes
}

/// A mail server without TLS.
pub struct StandIn {
    pub url: String,
    said: Arc<Mutex<Vec<String>>>,
}

impl StandIn {
    /// Answers commands that begin with one of these words with these lines, and others as it should.
    pub fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let said = Arc::<Mutex<Vec<String>>>::default();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that is dissatisfied goes in the middle.
                let _gone = serve(&stream.unwrap(), answers, &heard);
            }
        });
        Self { url, said }
    }

    /// What clients have said, with the lines of mails.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, answers: &[(&str, &str)], heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut out = stream;
    let mut answer = |command: &str, usual: &str| {
        let line = answers.iter().find(|(word, _)| command.starts_with(word)).map_or(usual, |(_, line)| line);
        out.write_all(format!("{line}\r\n").as_bytes())
    };
    answer("CONNECT", "220 mail.example.net")?;
    let mut is_in_a_mail = false;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        heard.lock().unwrap().push(line.clone());
        match line.as_str() {
            "." if is_in_a_mail => {
                is_in_a_mail = false;
                answer(".", "250 2.0.0 taken")?;
            }
            _ if is_in_a_mail => {}
            "DATA" => {
                is_in_a_mail = true;
                answer("DATA", "354 go on")?;
            }
            command if command.starts_with("EHLO") => {
                answer("EHLO", "250-mail.example.net\r\n250-AUTH PLAIN\r\n250 8BITMIME")?;
            }
            command if command.starts_with("AUTH") => answer("AUTH", "235 2.7.0 welcome")?,
            command => answer(command, "250 2.0.0 ok")?,
        }
    }
    Ok(())
}
