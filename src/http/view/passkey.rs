//! Passkeys, and what browsers need to make and use them
//! ([WebAuthn level 3 section 5.4](https://www.w3.org/TR/webauthn-3/#dictdef-publickeycredentialcreationoptionsjson)).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::rfc3339;
use crate::app::App;
use crate::model::passkey::{PASSKEY_CHALLENGE_LIFETIME, Passkey, PasskeyId};
use crate::service::passkey_login::Question;
use crate::service::passkeys::{Added, Offer};
use crate::webauthn::ALGORITHMS;

/// A passkey.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkey)]
pub(crate) struct PasskeyView {
    /// Id of the passkey.
    #[schema(value_type = String, format = "uuid")]
    id: PasskeyId,
    /// The owner's name for it.
    #[schema(example = "my laptop")]
    name: String,
    /// Id of the credential, as browsers know it, in base64url without padding.
    credential_id: String,
    /// Whether there are copies, as on all devices of its owner.
    synced: bool,
    /// When it was registered.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last used; null if never.
    #[schema(required, format = "date-time")]
    last_used_at: Option<String>,
}

/// A passkey that is registered now.
#[derive(Serialize, ToSchema)]
#[schema(as = NewPasskey)]
pub(crate) struct AddedView {
    #[serde(flatten)]
    passkey: PasskeyView,
    /// Ten codes. Each works once, in place of another second factor. They come only with the first second factor of an account,
    /// and are shown only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["abcd-efgh-jkmn-pqrs"]))]
    recovery_codes: Option<Vec<String>>,
}

/// Passkeys, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Passkeys)]
pub(crate) struct PasskeysView {
    pub(crate) passkeys: Vec<PasskeyView>,
}

/// What a browser needs to make a passkey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeyCreation)]
pub(crate) struct CreationView {
    /// For `PublicKeyCredential.parseCreationOptionsFromJSON`.
    #[schema(value_type = Object)]
    public_key: Value,
}

/// What a browser needs to use a passkey.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeyRequest)]
pub(crate) struct RequestView {
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON`.
    #[schema(value_type = Object)]
    public_key: Value,
}

impl From<&Passkey> for PasskeyView {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name.to_string(),
            credential_id: URL_SAFE_NO_PAD.encode(&passkey.credential_id),
            synced: passkey.is_backed_up,
            created_at: passkey.created_at.to_rfc3339(),
            last_used_at: rfc3339(passkey.last_used_at),
        }
    }
}

impl From<Added> for AddedView {
    fn from(added: Added) -> Self {
        Self { passkey: PasskeyView::from(&added.passkey), recovery_codes: added.recovery_codes }
    }
}

impl CreationView {
    pub(in crate::http) fn new(app: &App, offer: &Offer) -> Self {
        let username = offer.user.username.to_string();
        let display_name = offer.user.name.as_ref().map_or(username.clone(), ToString::to_string);
        let verification = verification(offer.needs_verification);
        let public_key = json!({
            "rp": {"id": offer.rp_id, "name": app.config.page_name},
            // Never a name: it stays in the authenticator.
            "user": {
                "id": URL_SAFE_NO_PAD.encode(offer.user.id.as_bytes()), "name": username, "displayName": display_name,
            },
            "challenge": URL_SAFE_NO_PAD.encode(&offer.challenge),
            "pubKeyCredParams": ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg})),
            "timeout": TIMEOUT,
            "excludeCredentials": named(&offer.others),
            "authenticatorSelection": {
                "residentKey": "required", "requireResidentKey": true, "userVerification": verification,
            },
            "attestation": "none",
        });
        Self { public_key }
    }

    /// What a script gets from a page.
    pub(in crate::http) fn json(&self) -> String {
        self.public_key.to_string()
    }
}

impl From<&Question> for RequestView {
    fn from(question: &Question) -> Self {
        let public_key = json!({
            "challenge": URL_SAFE_NO_PAD.encode(&question.challenge),
            "timeout": TIMEOUT,
            "rpId": question.rp_id,
            "allowCredentials": named(&question.allowed),
            "userVerification": verification(question.needs_verification),
        });
        Self { public_key }
    }
}

/// In milliseconds.
const TIMEOUT: i64 = PASSKEY_CHALLENGE_LIFETIME.0 * 1_000;

fn verification(is_needed: bool) -> &'static str {
    if is_needed { "required" } else { "preferred" }
}

fn named(passkeys: &[Passkey]) -> Vec<Value> {
    let named = |passkey: &Passkey| {
        let id = URL_SAFE_NO_PAD.encode(&passkey.credential_id);
        json!({"type": "public-key", "id": id, "transports": passkey.transports.names()})
    };
    passkeys.iter().map(named).collect()
}
