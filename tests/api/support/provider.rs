//! A provider that users sign in at, with keys of its own, which lies as a test tells it to.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Value, json};

use super::browser::decoded;

pub const CLIENT_ID: &str = "tokensmith at the provider";
pub const CLIENT_SECRET: &str = "a secret: 100%";

/// A key of the provider.
pub enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// What is published of it, without `alg`.
    pub fn jwk(&self, kid: &str) -> Value {
        let key = match self {
            Self::Es256(key) => DecodingKey::from_ec_der(key.public_key().as_ref()),
            Self::EdDsa(key) => DecodingKey::from_ed_der(key.public_key().as_ref()),
            Self::Rsa(key) => DecodingKey::from_rsa_der(key.public_key().as_ref()),
        };
        let jwk = serde_json::to_value(Jwk::from_decoding_key(&key, None).unwrap()).unwrap();
        let mut jwk: Value = jwk
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(a, b)| (a.clone(), b.clone()))
            .collect();
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// Signs with the algorithm in the header, if it is one of the key's; without a signature for `none`.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match (self, header["alg"].as_str().unwrap()) {
            (_, "none") => Vec::new(),
            (_, "HS256") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
                hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
            (Self::Es256(key), _) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            (Self::EdDsa(key), _) => key.sign(message.as_bytes()).as_ref().to_vec(),
            (Self::Rsa(key), alg) => {
                let padding = if alg == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What the provider says and does.
pub struct Says {
    /// Now, for its tokens.
    pub now: i64,
    pub key: Key,
    /// Its JWK Set.
    pub keys: Vec<Value>,
    /// Changes to the header of the ID token, to its claims and to the metadata; null takes a member away.
    pub header: Value,
    pub claims: Value,
    pub metadata: Value,
    /// Answers at other paths, or instead of its own: headers and body, or the status alone.
    pub answers: HashMap<String, (u16, String, String)>,
    /// Where it takes its time.
    pub slow: Option<(String, Duration)>,
    /// Codes that it has issued, with the parameters of their requests.
    codes: HashMap<String, BTreeMap<String, String>>,
    /// Every request: its first line, and its body.
    pub asked: Vec<(String, String)>,
}

/// The provider.
#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    says: Arc<Mutex<Says>>,
}

impl Provider {
    pub fn start(now: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = Key::es256();
        let says = Says {
            now,
            keys: vec![key.jwk("one")],
            key,
            header: json!({}),
            claims: json!({}),
            metadata: json!({}),
            answers: HashMap::new(),
            slow: None,
            codes: HashMap::new(),
            asked: Vec::new(),
        };
        let provider = Self { issuer, says: Arc::new(Mutex::new(says)) };
        let serving = provider.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (serving, stream) = (serving.clone(), stream.unwrap());
                std::thread::spawn(move || serving.serve(&stream));
            }
        });
        provider
    }

    /// What it says and does, to be changed.
    pub fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.says().asked.iter().filter(|(line, _)| line.split(' ').nth(1) == Some(path)).count()
    }

    /// Has a user agree to the request at this URL; returns the code.
    pub fn agree(&self, url: &str) -> String {
        let (endpoint, query) = url.split_once('?').unwrap();
        assert!(endpoint.starts_with(&self.issuer), "{url}");
        let mut says = self.says();
        let code = format!("code {}", says.codes.len());
        says.codes.insert(code.clone(), decoded(query));
        code
    }

    /// The answer at a path has this status and body.
    pub fn answers(&self, path: &str, status: u16, body: &str) {
        self.says().answers.insert(path.to_owned(), (status, String::new(), body.to_owned()));
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
        let (body, path) = (String::from_utf8(body).unwrap(), line.split(' ').nth(1).unwrap().to_owned());
        let slow = {
            let mut says = self.says();
            says.asked.push((line, body.clone()));
            says.slow.clone().filter(|(at, _)| *at == path)
        };
        if let Some((_, time)) = slow {
            std::thread::sleep(time);
        }
        let (status, more, body) = self.answer(&path, &headers, &body);
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}");
        let _gone = stream.write_all(answer.as_bytes());
    }

    fn answer(&self, path: &str, headers: &HashMap<String, String>, body: &str) -> (u16, String, String) {
        if let Some(answer) = self.says().answers.get(path) {
            return answer.clone();
        }
        let ok = |body: Value| (200, String::new(), body.to_string());
        match path {
            "/.well-known/openid-configuration" => ok(self.metadata()),
            "/jwks" => ok(json!({"keys": self.says().keys})),
            "/token" => match self.redeem(headers, &decoded(body)) {
                Ok(tokens) => ok(tokens),
                Err(error) => (400, String::new(), json!({"error": error}).to_string()),
            },
            _ => (404, String::new(), String::new()),
        }
    }

    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        let metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        });
        changed(metadata, &self.says().metadata)
    }

    /// What an honest token endpoint checks, and what a lying one says.
    fn redeem(
        &self,
        headers: &HashMap<String, String>,
        form: &BTreeMap<String, String>,
    ) -> Result<Value, &'static str> {
        let mut says = self.says();
        let pair = STANDARD.encode("tokensmith+at+the+provider:a+secret%3A+100%25");
        if headers.get("authorization") != Some(&format!("Basic {pair}")) {
            return Err("invalid_client");
        }
        let asked = says.codes.remove(&form["code"]).ok_or("invalid_grant")?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
        if form["grant_type"] != "authorization_code"
            || asked["code_challenge"] != challenge
            || asked["redirect_uri"] != form["redirect_uri"]
        {
            return Err("invalid_grant");
        }
        let access_token = "an access token";
        let hash = digest(&SHA256, access_token.as_bytes());
        let claims = json!({
            "iss": self.issuer, "sub": "subject-1", "aud": CLIENT_ID, "exp": says.now + 300, "iat": says.now,
            "nonce": asked["nonce"], "at_hash": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]),
            "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
            "preferred_username": "ada", "amr": ["pwd", "mfa"], "acr": "2", "auth_time": says.now - 10,
        });
        let header = changed(json!({"alg": "ES256", "kid": "one", "typ": "JWT"}), &says.header);
        let id_token = says.key.sign(&header, &changed(claims, &says.claims));
        Ok(json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 60, "id_token": id_token}))
    }
}

fn changed(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    value
}
