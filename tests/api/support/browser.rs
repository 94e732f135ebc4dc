//! A browser as a user has it: it keeps cookies, follows redirects within the service, and fills in forms.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::app::PASSWORD;
use super::client::{Answer, Client};

/// The browser. Another one knows nothing of its cookies.
pub struct Browser {
    client: Client,
    pub cookies: RefCell<BTreeMap<String, String>>,
    pub language: String,
}

/// Where a browser has got to.
#[derive(Clone, Debug)]
pub struct Page {
    pub path: String,
    pub answer: Answer,
}

/// A form of a page.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    pub fields: Vec<(String, String)>,
    /// Names and values of its buttons.
    pub buttons: Vec<(String, String)>,
}

impl Browser {
    pub fn new(client: Client) -> Self {
        Self { client, cookies: RefCell::default(), language: "en".to_owned() }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let cookies: Vec<_> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = [headers, &[("accept-language", self.language.as_str())]].concat();
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        let answer = self.client.send(method, path, &headers, body.as_bytes());
        for header in answer.headers.get_all("set-cookie") {
            self.keep(header.to_str().unwrap());
        }
        answer
    }

    fn keep(&self, header: &str) {
        let (name, value) = header.split(';').next().unwrap().split_once('=').unwrap();
        let attributes: Vec<_> = header.split("; ").skip(1).collect();
        assert!(["Path=/", "HttpOnly", "SameSite=Lax"].iter().all(|one| attributes.contains(one)), "{header}");
        if attributes.contains(&"Max-Age=0") {
            self.cookies.borrow_mut().remove(name);
        } else {
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
    }

    /// Asks for a path, without following where that leads.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], "")
    }

    /// Opens a path, and follows redirects within the service.
    pub fn open(&self, path: &str) -> Page {
        self.follow(path, self.get(path))
    }

    fn follow(&self, path: &str, mut answer: Answer) -> Page {
        let mut path = path.to_owned();
        for _ in 0..5 {
            if answer.status != 303 || !answer.header("location").starts_with('/') {
                break;
            }
            answer.header("location").clone_into(&mut path);
            answer = self.get(&path);
        }
        Page { path, answer }
    }

    /// Posts a form of our own pages, as browsers do; follows redirects within the service.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.follow(path, self.post_from("same-origin", path, fields))
    }

    /// Posts a form of a page of some site, without following where that leads.
    pub fn post_from(&self, site: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", site)];
        self.send("POST", path, &headers, &encoded(fields))
    }

    /// Sends what a script of a page of our own origin does, with JSON if there is some.
    pub fn fetch(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.fetch_with(method, path, &[("sec-fetch-site", "same-origin")], body)
    }

    /// As [`Browser::fetch`], with these headers.
    pub fn fetch_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let mut headers = headers.to_vec();
        headers.extend(body.map(|_| ("content-type", "application/json")));
        self.send(method, path, &headers, &body.map(Value::to_string).unwrap_or_default())
    }

    /// A login of a script whose tokens are in cookies.
    #[track_caller]
    pub fn log_in_with_cookies(&self, username: &str) -> Value {
        let body = json!({"username": username, "password": PASSWORD, "cookies": true});
        self.fetch("POST", "/v1/tokens", Some(&body)).ok()
    }

    /// A cookie that it keeps.
    #[track_caller]
    pub fn cookie(&self, name: &str) -> String {
        self.cookies.borrow().get(name).unwrap_or_else(|| panic!("there is no {name}")).clone()
    }

    /// Has it keep another value.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// The cookie expires.
    pub fn drop_cookie(&self, name: &str) {
        self.cookies.borrow_mut().remove(name);
    }

    /// Fills in the form of a page that has these fields (or this button), and posts it.
    pub fn submit(&self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let form = page.form_with(fields[0].0);
        let mut all: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        all.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
        all.extend(fields);
        self.post(&form.action, &all)
    }

    pub fn log_in(&self, page: &Page, username: &str, password: &str) -> Page {
        self.submit(page, &[("username", username), ("password", password)])
    }
}

impl Page {
    /// Every form of the page.
    pub fn forms(&self) -> Vec<Form> {
        let forms = self.answer.body.split("<form ").skip(1).map(|text| text.split("</form>").next().unwrap());
        forms.map(Form::read).collect()
    }

    /// The form that has a field or a button of this name.
    #[track_caller]
    pub fn form_with(&self, name: &str) -> Form {
        let has = |form: &Form| form.fields.iter().chain(&form.buttons).any(|(other, _)| other == name);
        self.forms().into_iter().find(has).unwrap_or_else(|| panic!("no form has {name}: {self:?}"))
    }

    /// What the page says, without what sets off names.
    pub fn text(&self) -> String {
        unescaped(&self.answer.body.replace("<strong><bdi>", "").replace("</bdi></strong>", ""))
    }

    /// Asserts a page with this title.
    #[track_caller]
    pub fn shows(&self, status: u16, title: &str) {
        assert_eq!(self.answer.status, status, "{self:?}");
        assert!(self.text().contains(&format!("<h1>{title}</h1>")), "{title}: {self:?}");
        assert_eq!(self.answer.header("content-type"), "text/html; charset=utf-8");
    }

    /// Where the page, or the redirect, goes on to: the parameters of the answer by name.
    #[track_caller]
    pub fn answer_to(&self, redirect_uri: &str) -> BTreeMap<String, String> {
        let refresh = || self.text().split("0; url=").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        let location = match self.answer.status {
            303 => self.answer.header("location").to_owned(),
            _ => refresh().unwrap_or_else(|| panic!("goes nowhere: {self:?}")),
        };
        let query = location.strip_prefix(redirect_uri).unwrap_or_else(|| panic!("goes to {location}"));
        decoded(query.trim_start_matches(['?', '&']))
    }
}

impl Form {
    fn read(text: &str) -> Self {
        let attribute = |tag: &str, name: &str| {
            tag.split(&format!(" {name}=\"")).nth(1).map(|rest| unescaped(rest.split('"').next().unwrap()))
        };
        let named = |tag: &str| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()));
        let tags = |name: &str| -> Vec<(String, String)> {
            text.split(&format!("<{name}")).skip(1).filter_map(|tag| named(tag.split('>').next().unwrap())).collect()
        };
        let opening = format!(" {}", text.split('>').next().unwrap());
        Self { action: attribute(&opening, "action").unwrap(), fields: tags("input"), buttons: tags("button") }
    }
}

/// As a form posts it, and as a query has it.
pub fn encoded(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let byte = |b: u8| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

pub fn decoded(query: &str) -> BTreeMap<String, String> {
    let unescape = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    query.split('&').filter_map(|pair| pair.split_once('=')).map(|(a, b)| (unescape(a), unescape(b))).collect()
}

fn unescaped(html: &str) -> String {
    let named = [("&#38;", "&"), ("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&amp;", "&")];
    named.iter().fold(html.to_owned(), |text, (code, plain)| text.replace(code, plain))
}
