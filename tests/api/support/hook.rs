//! A hook for claims, which answers as a test tells it to.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// A request that it got.
#[derive(Clone, Debug)]
pub struct Asked {
    pub headers: HashMap<String, String>,
    pub text: String,
}

impl Asked {
    pub fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

/// What it does.
#[derive(Clone)]
pub enum Does {
    /// It answers with this status and body.
    Answers(u16, String),
    /// It sends its client elsewhere.
    Redirects(String),
    /// It reads the request and says nothing until the test lets it.
    Waits,
}

struct Says {
    does: Does,
    asked: Vec<Asked>,
}

/// The hook.
#[derive(Clone)]
pub struct Hook {
    pub url: String,
    says: Arc<(Mutex<Says>, Condvar)>,
}

impl Hook {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/claims", listener.local_addr().unwrap());
        let says = Says { does: Does::Answers(200, r#"{"claims":{}}"#.to_owned()), asked: Vec::new() };
        let hook = Self { url, says: Arc::new((Mutex::new(says), Condvar::new())) };
        let serving = hook.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (serving, stream) = (serving.clone(), stream.unwrap());
                std::thread::spawn(move || serving.serve(&stream));
            }
        });
        hook
    }

    fn says(&self) -> MutexGuard<'_, Says> {
        self.says.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it does from now on.
    pub fn does(&self, does: Does) {
        self.says().does = does;
        self.says.1.notify_all();
    }

    /// It answers with these claims from now on.
    pub fn claims(&self, claims: &Value) {
        self.does(Does::Answers(200, serde_json::json!({"claims": claims}).to_string()));
    }

    /// Waits until it is asked.
    pub fn wait_until_asked(&self) {
        let mut says = self.says();
        while says.asked.is_empty() {
            says = self.says.1.wait(says).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What it was asked since the last look.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.says().asked)
    }

    fn serve(&self, mut stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = HashMap::new();
        for header in reader.by_ref().lines().map_while(Result::ok).take_while(|header| !header.is_empty()) {
            let (name, value) = header.split_once(':').unwrap();
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
        reader.read_exact(&mut body).unwrap();
        let mut says = self.says();
        says.asked.push(Asked { headers, text: String::from_utf8(body).unwrap() });
        self.says.1.notify_all();
        while matches!(says.does, Does::Waits) {
            says = self.says.1.wait(says).unwrap_or_else(PoisonError::into_inner);
        }
        let (status, more, body) = match says.does.clone() {
            Does::Answers(status, body) => (status, String::new(), body),
            Does::Redirects(to) => (307, format!("location: {to}\r\n"), String::new()),
            Does::Waits => return,
        };
        drop(says);
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}");
        let _gone = stream.write_all(answer.as_bytes());
    }
}
