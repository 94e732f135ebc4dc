//! A browser with an authenticator of its own: it makes passkeys and signs with them, also what no browser would sign.

use std::rc::Rc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Answer, Client, PASSWORD, TestApp};

pub const ISSUER: (&str, &str) = ("ISSUER", "http://localhost:8080");
const ORIGIN: &str = "http://localhost:8080";

pub const PRESENT: u8 = 1;
pub const VERIFIED: u8 = 1 << 2;
/// There may be copies of it, as in a password manager.
pub const SYNCED: u8 = 1 << 3;
const HAS_CREDENTIAL: u8 = 1 << 6;

/// An algorithm, by its number in COSE.
pub const ES256: i64 = -7;
pub const EDDSA: i64 = -8;
pub const RS256: i64 = -257;

pub enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// A passkey, and what its browser and authenticator say.
#[derive(Clone)]
pub struct Passkey {
    pub key: Rc<Key>,
    pub id: Vec<u8>,
    pub user_handle: Option<Vec<u8>>,
    pub sign_count: u32,
    pub flags: u8,
    pub rp_id: String,
    pub origin: String,
    /// Instead of the usual type.
    pub kind: Option<&'static str>,
    pub is_cross_origin: bool,
}

pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// The head of an item of CBOR.
fn head(major: u8, length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short @ 0..24) => vec![major << 5 | short],
        Ok(byte) => vec![major << 5 | 0x18, byte],
        Err(_) => [vec![major << 5 | 0x19], u16::try_from(length).unwrap().to_be_bytes().to_vec()].concat(),
    }
}

fn number(value: i64) -> Vec<u8> {
    if value < 0 { head(1, usize::try_from(-1 - value).unwrap()) } else { head(0, usize::try_from(value).unwrap()) }
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, value.len()), value.to_vec()].concat()
}

fn text(value: &str) -> Vec<u8> {
    [head(3, value.len()), value.as_bytes().to_vec()].concat()
}

impl Passkey {
    /// Makes a passkey as these options ask for it.
    pub fn make(algorithm: i64, options: &Value) -> Self {
        let key = match algorithm {
            ES256 => Key::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
            EDDSA => Key::EdDsa(Ed25519KeyPair::generate().unwrap()),
            RS256 => Key::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            _ => panic!("{algorithm}"),
        };
        let options = &options["publicKey"];
        let offered = options["pubKeyCredParams"].as_array().unwrap();
        assert!(offered.iter().any(|one| *one == json!({"type": "public-key", "alg": algorithm})), "{options}");
        let mut id = [0; 32];
        aws_lc_rs::rand::fill(&mut id).unwrap();
        Self {
            key: Rc::new(key),
            id: id.to_vec(),
            user_handle: Some(decoded(&options["user"]["id"])),
            sign_count: 0,
            flags: PRESENT | VERIFIED,
            rp_id: options["rp"]["id"].as_str().unwrap().to_owned(),
            origin: ORIGIN.to_owned(),
            kind: None,
            is_cross_origin: false,
        }
    }

    /// The response to options for a registration.
    pub fn registration(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.create", &options["publicKey"]["challenge"]);
        let id_length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let credential = [&[0; 16][..], &id_length, &self.id, &self.public_key()].concat();
        let data = [self.authenticator_data(HAS_CREDENTIAL), credential].concat();
        let members = [text("fmt"), text("none"), text("attStmt"), head(5, 0), text("authData"), bytes(&data)];
        let object = [head(5, 3), members.concat()].concat();
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(&client_data), "attestationObject": encoded(&object),
                "transports": ["internal", "hybrid"], "publicKeyAlgorithm": -7,
            },
        })
    }

    /// The response to options for an authentication.
    pub fn assertion(&self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", &options["publicKey"]["challenge"]);
        let data = self.authenticator_data(0);
        let signature = self.sign(&[data.as_slice(), digest(&SHA256, &client_data).as_ref()].concat());
        json!({
            "id": encoded(&self.id), "rawId": encoded(&self.id), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encoded(&client_data), "authenticatorData": encoded(&data),
                "signature": encoded(&signature), "userHandle": self.user_handle.as_deref().map(encoded),
            },
        })
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let kind = self.kind.unwrap_or(kind);
        let data = json!({
            "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.is_cross_origin,
            "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
        });
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let rp_id_hash = digest(&SHA256, self.rp_id.as_bytes());
        [rp_id_hash.as_ref(), &[self.flags | flags], &self.sign_count.to_be_bytes()].concat()
    }

    /// As COSE has it.
    fn public_key(&self) -> Vec<u8> {
        let members = match &*self.key {
            Key::Es256(key) => {
                let point = key.public_key().as_ref();
                vec![
                    (1, number(2)),
                    (3, number(ES256)),
                    (-1, number(1)),
                    (-2, bytes(&point[1..33])),
                    (-3, bytes(&point[33..])),
                ]
            }
            Key::EdDsa(key) => {
                vec![(1, number(1)), (3, number(EDDSA)), (-1, number(6)), (-2, bytes(key.public_key().as_ref()))]
            }
            Key::Rs256(key) => {
                let components = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                vec![(1, number(3)), (3, number(RS256)), (-1, bytes(&components.n)), (-2, bytes(&components.e))]
            }
        };
        let named = members.iter().map(|(label, value)| [number(*label), value.clone()].concat());
        [head(5, members.len()), named.collect::<Vec<_>>().concat()].concat()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &*self.key {
            Key::Es256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Key::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Key::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// What a browser needs to make a passkey in this session.
pub fn creation_options(app: &TestApp, pair: &Value) -> Value {
    app.ask_as("POST", "/v1/me/passkeys/options", pair, Some(&json!({}))).ok()
}

/// Registers a passkey in a session; returns it, and what the service says.
pub fn register(app: &TestApp, pair: &Value, algorithm: i64) -> (Passkey, Value) {
    let options = creation_options(app, pair);
    let passkey = Passkey::make(algorithm, &options);
    let body = json!({"credential": passkey.registration(&options), "name": "my laptop"});
    let answer = app.ask_as("POST", "/v1/me/passkeys", pair, Some(&body));
    assert_eq!(answer.status, 201, "{answer:?}");
    (passkey, answer.json())
}

/// A new user with a passkey, the pair of the session in which it was registered, and what the service said.
pub fn owner(app: &TestApp, username: &str) -> (Passkey, Value, Value) {
    app.create_user(username, &[]);
    let pair = app.login(username, PASSWORD).ok();
    let (passkey, added) = register(app, &pair, ES256);
    (passkey, pair, added)
}

/// What a browser needs to use a passkey.
pub fn request_options(client: &Client) -> Value {
    client.post("/v1/tokens/passkey/options", &json!({})).ok()
}

/// A login by a passkey.
pub fn log_in(client: &Client, passkey: &Passkey) -> Answer {
    let assertion = passkey.assertion(&request_options(client));
    client.post("/v1/tokens/passkey", &json!({"assertion": assertion}))
}

/// The second step of a login, by a passkey.
pub fn go_on(client: &Client, challenge: &str, passkey: &Passkey) -> Answer {
    let options = client.post("/v1/tokens/passkey/options", &json!({"challenge": challenge})).ok();
    let assertion = passkey.assertion(&options);
    client.post("/v1/tokens/continue", &json!({"challenge": challenge, "assertion": assertion}))
}
