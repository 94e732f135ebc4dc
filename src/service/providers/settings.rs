//! What is configured of a provider: what may be, and what is when nothing is said.

use crate::clock::Timestamp;
use crate::error::{Error, FieldProblem};
use crate::model::client::Words;
use crate::model::provider::{ClaimMap, Preset, Provider, ProviderId};
use crate::model::text::BadText;
use crate::model::user::DisplayName;
use crate::oauth::upstream::{check_issuer, is_microsoft};
use crate::secret::Secret;
use crate::service::fields::{collect, invalid};

const MAX_CLIENT_ID_BYTES: usize = 255;
const MAX_WORDS: usize = 32;
const MAX_WORD_BYTES: usize = 200;

/// What is configured of a provider, as it was typed. What is not there stays as it is, and for a new provider as it is by
/// default.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProviderSettings {
    /// What users see.
    pub(crate) name: Option<String>,
    /// Its issuer. That of a provider stays as it is: the subjects of another one are other people.
    pub(crate) issuer: Option<String>,
    /// What this service is called there.
    pub(crate) client_id: Option<String>,
    /// The secret of this service there.
    pub(crate) secret: Option<Secret<String>>,
    /// The scopes that are asked for.
    pub(crate) scopes: Option<Vec<String>>,
    /// Which claims the fields of an account come from: JSON.
    pub(crate) claim_map: Option<String>,
    /// Whether its verified addresses prove whose account it is.
    pub(crate) trust_email: Option<bool>,
    /// Values in `amr` that count as a second factor here.
    pub(crate) factor_amr: Option<Vec<String>>,
    /// Values of `acr` that count as a second factor here.
    pub(crate) factor_acr: Option<Vec<String>>,
}

/// The same, each valid by itself.
pub(super) struct Changes {
    name: Option<DisplayName>,
    client_id: Option<String>,
    scopes: Option<Words>,
    claim_map: Option<ClaimMap>,
    trust_email: Option<bool>,
    /// By `amr`, and by `acr`.
    factors: (Option<Words>, Option<Words>),
}

impl ProviderSettings {
    /// Checks each by itself.
    pub(super) fn checked(&self, preset: Preset) -> Result<Changes, Error> {
        let mut problems = Vec::new();
        let name = self.name.as_deref().map(str::parse).transpose().map_err(invalid("name"));
        let name = collect(&mut problems, name).flatten();
        let client_id = self.client_id.as_deref().map(client_id).transpose().map_err(invalid("client_id"));
        let client_id = collect(&mut problems, client_id).flatten();
        let read = |json: &String| {
            ClaimMap::read(json, preset)
                .map_err(|why| Error::invalid("claim_map", "invalid", format!("cannot be used: {why}")))
        };
        let claim_map = collect(&mut problems, self.claim_map.as_ref().map(read).transpose()).flatten();
        let mut list = |field, typed: &Option<Vec<String>>| {
            let words = typed.as_deref().map(words).transpose().map_err(invalid(field));
            collect(&mut problems, words).flatten()
        };
        let scopes = list("scopes", &self.scopes);
        let factors = (list("second_factor_amr", &self.factor_amr), list("second_factor_acr", &self.factor_acr));
        if self.secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
            problems.push(problem("client_secret", "must not be empty"));
        }
        if problems.is_empty() {
            let trust_email = self.trust_email;
            Ok(Changes { name, client_id, scopes, claim_map, trust_email, factors })
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// A new provider of this.
    pub(super) fn new_provider(&self, id: ProviderId, preset: Preset, now: Timestamp) -> Result<Provider, Error> {
        let mut changes = self.checked(preset)?;
        let missing = |field| Error::invalid(field, "invalid", "is missing");
        let issuer = self.issuer.as_deref().or(preset.issuer()).ok_or_else(|| missing("issuer"))?;
        check_issuer(issuer).map_err(invalid("issuer"))?;
        let client_id = changes.client_id.take().ok_or_else(|| missing("client_id"))?;
        let name = preset.label().unwrap_or(id.as_str()).parse().map_err(invalid("name"))?;
        changes.of(Provider {
            id,
            preset,
            name,
            issuer: issuer.to_owned(),
            client_id,
            scopes: preset.scopes(),
            claim_map: ClaimMap::of(preset),
            trust_email: false,
            factor_amr: Words::default(),
            factor_acr: Words::default(),
            created_at: now,
            updated_at: now,
            disabled_at: None,
        })
    }
}

impl Changes {
    /// The provider with these changes, if it makes sense.
    pub(super) fn of(self, before: Provider) -> Result<Provider, Error> {
        let (methods, classes) = self.factors;
        let provider = Provider {
            name: self.name.unwrap_or(before.name),
            client_id: self.client_id.unwrap_or(before.client_id),
            scopes: self.scopes.unwrap_or(before.scopes),
            claim_map: self.claim_map.unwrap_or(before.claim_map),
            trust_email: self.trust_email.unwrap_or(before.trust_email),
            factor_amr: methods.unwrap_or(before.factor_amr),
            factor_acr: classes.unwrap_or(before.factor_acr),
            ..before
        };
        let mut problems = Vec::new();
        if provider.trust_email && is_microsoft(&provider.issuer) {
            let why =
                "cannot be on for Microsoft: there an administrator of a tenant can give a user any e-mail address";
            problems.push(problem("trust_email", why));
        }
        // OpenID Connect Core section 3.1.2.1.
        if provider.preset.is_openid() && !provider.scopes.contains("openid") {
            problems.push(problem("scopes", "must contain openid"));
        }
        if problems.is_empty() { Ok(provider) } else { Err(Error::Invalid(problems)) }
    }
}

fn problem(field: &'static str, message: &str) -> FieldProblem {
    FieldProblem { field, code: "invalid", message: message.to_owned() }
}

fn client_id(text: &str) -> Result<String, BadText> {
    // RFC 6749 appendix A.1.
    let is_visible = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if text.is_empty() || text.len() > MAX_CLIENT_ID_BYTES || !is_visible {
        return Err(BadText("must be 1 to 255 ASCII characters"));
    }
    Ok(text.to_owned())
}

fn words(typed: &[String]) -> Result<Words, BadText> {
    // RFC 6749 section 3.3.
    let is_word = |word: &String| {
        (1..=MAX_WORD_BYTES).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b))
    };
    if typed.len() > MAX_WORDS || !typed.iter().all(is_word) {
        return Err(BadText("must be at most 32 texts of 1 to 200 ASCII characters without spaces"));
    }
    Ok(typed.iter().collect())
}
