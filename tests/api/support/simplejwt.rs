//! The endpoints of simplejwt, and tokens of the issuer that was there before.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use super::oauth::form;
use super::{Answer, Client, Engine, TestApp};

pub const SIMPLEJWT: (&str, &str) = ("COMPAT", "simplejwt");

/// A key of Django's, and its file.
pub const SECRET: &str = "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz0123456789";
pub const SECRET_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/legacy_hs256.txt");

/// Settings with which its tokens are accepted.
pub const LEGACY: [(&str, &str); 3] =
    [SIMPLEJWT, ("LEGACY_JWT_SECRET_FILE", SECRET_FILE), ("LEGACY_JWT_UNTIL", "2027-06-01T00:00:00Z")];

impl Client {
    /// Asks one of the endpoints: `""`, `refresh/`, `verify/` or `blacklist/`.
    pub fn simplejwt(&self, endpoint: &str, body: &Value) -> Answer {
        self.post(&format!("/api/token/{endpoint}"), body)
    }

    pub fn simplejwt_form(&self, endpoint: &str, fields: &[(&str, &str)]) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send("POST", &format!("/api/token/{endpoint}"), &headers, form(fields).as_bytes())
    }

    pub fn simplejwt_refresh(&self, token: &Value) -> Answer {
        self.simplejwt("refresh/", &json!({"refresh": token}))
    }
}

impl Answer {
    /// Asserts status and body of an error.
    #[track_caller]
    pub fn told(&self, status: u16, body: &Value) {
        assert_eq!((self.status, &self.json()), (status, body), "{self:?}");
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("www-authenticate") == r#"Bearer realm="api""#, status == 401, "{self:?}");
    }

    /// Asserts that a token is refused.
    #[track_caller]
    pub fn not_valid(&self, detail: &str) {
        self.told(401, &json!({"detail": detail, "code": "token_not_valid"}));
    }
}

/// The service, which accepts tokens of the issuer before it; its only user is `ada`, who is 42 there.
pub fn with_legacy(engine: Engine, settings: &[(&str, &str)]) -> TestApp {
    let app = TestApp::start_with(engine, &[settings, &LEGACY].concat());
    app.create_user("ada", &[]);
    app.execute("update users set external_id = '42' where username = 'ada'");
    app
}

/// A refresh token as simplejwt 5.5 makes it, for `ada`, with other values for some claims; null: without the claim.
pub fn old_token(app: &TestApp, jti: &str, others: &Value) -> Value {
    let now = app.clock.now().0;
    let mut claims = json!({
        "token_type": "refresh", "exp": now + 86_400, "iat": now - 3_600, "jti": jti, "user_id": "42",
    });
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256), &claims, &key).unwrap().into()
}
