//! An authenticator app.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use super::{Answer, Client, PASSWORD, TestApp};

/// A user with an authenticator app that is set up.
pub struct Enrolled {
    /// The pair of the session in which that was.
    pub pair: Value,
    pub secret: String,
    pub recovery_codes: Vec<String>,
}

/// A new user who has set up an app. The code of the current time was not used.
pub fn enrolled(app: &TestApp, username: &str, roles: &[&str]) -> Enrolled {
    app.create_user(username, roles);
    let pair = app.login(username, PASSWORD).ok();
    let (secret, recovery_codes) = enrol(app, &pair);
    app.advance(60);
    Enrolled { pair, secret, recovery_codes }
}

/// Sets up an app in a session; returns its secret and the recovery codes.
pub fn enrol(app: &TestApp, pair: &Value) -> (String, Vec<String>) {
    let begun = app.ask_as("POST", "/v1/me/totp", pair, Some(&json!({}))).ok();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let body = json!({"code": code(app, &secret)});
    let confirmed = app.ask_as("POST", "/v1/me/totp/confirm", pair, Some(&body)).ok();
    (secret, texts(&confirmed["recovery_codes"]))
}

pub fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What the app shows now.
pub fn code(app: &TestApp, secret: &str) -> String {
    code_at(secret, app.clock.now().0)
}

pub fn code_at(secret: &str, at: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &decoded(secret));
    let mac = hmac::sign(&key, &(at / 30).to_be_bytes());
    let mac = mac.as_ref();
    let start = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes(mac[start..start + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// The bytes of a text in base32.
pub fn decoded(base32: &str) -> Vec<u8> {
    let digits = base32.bytes().map(|byte| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|one| *one == byte));
    let bits: Vec<String> = digits.map(|digit| format!("{:05b}", digit.unwrap())).collect();
    let bits = bits.concat();
    let bytes = bits.as_bytes().chunks_exact(8).map(|byte| std::str::from_utf8(byte).unwrap());
    bytes.map(|byte| u8::from_str_radix(byte, 2).unwrap()).collect()
}

/// The challenge of a login that needs a second factor.
pub fn challenge(client: &Client, username: &str) -> String {
    let refused = client.login(username, PASSWORD).problem(401, "second_factor_required");
    refused["challenge"].as_str().unwrap().to_owned()
}

/// The second step, with a code of the app.
pub fn go_on(client: &Client, challenge: &str, otp: &str) -> Answer {
    client.post("/v1/tokens/continue", &json!({"challenge": challenge, "otp": otp}))
}

/// The same from an address, as a trusted proxy tells it.
pub fn go_on_from(client: &Client, ip: &str, challenge: &str, otp: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("x-forwarded-for", ip)];
    let body = json!({"challenge": challenge, "otp": otp}).to_string();
    client.send("POST", "/v1/tokens/continue", &headers, body.as_bytes())
}

/// Both steps.
pub fn login(app: &TestApp, username: &str, secret: &str) -> Value {
    go_on(app, &challenge(app, username), &code(app, secret)).ok()
}
