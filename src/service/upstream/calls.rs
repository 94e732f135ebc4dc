//! The calls to a provider, by the one outbound client, within one limit of time for all of them.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokensmith_verifier::issuing::{HttpAnswer, HttpError, Limits};

use crate::app::App;
use crate::error::Error;
use crate::model::provider::Provider;
use crate::model::upstream::Refusal;
use crate::oauth::upstream::{CodeRequest, Endpoints, Tokens, discovery_url, read_error, read_tokens};
use crate::outbound::{Age, DocumentError};
use crate::secret::Secret;

/// All calls of one step of a sign-in together.
const LONGEST: Duration = Duration::from_secs(9);

/// One call.
const LONGEST_CALL: Duration = Duration::from_secs(5);

const MAX_BYTES: u64 = 64 * 1024;

/// The calls of one step of a sign-in.
pub(super) struct Calls<'a> {
    pub(super) app: &'a App,
    pub(super) provider: &'a Provider,
    until: Instant,
}

impl<'a> Calls<'a> {
    /// The time begins now.
    pub(super) fn begin(app: &'a App, provider: &'a Provider) -> Self {
        Self { app, provider, until: Instant::now() + LONGEST }
    }

    /// The provider's endpoints.
    pub(super) fn endpoints(&self) -> Result<Endpoints, Error> {
        let issuer = &self.provider.issuer;
        if !self.provider.preset.is_openid() {
            return Ok(Endpoints::of_github(issuer));
        }
        let text = self.document("metadata", &discovery_url(issuer), Age::Any)?;
        Endpoints::read(&text, issuer).map_err(|why| self.failed("metadata", &why))
    }

    /// What it publishes at a URL, as it was a while ago or as it is now.
    pub(super) fn document(&self, what: &'static str, url: &str, age: Age) -> Result<Arc<str>, Error> {
        let (limits, now) = (self.limits(what)?, self.app.clock.now());
        match self.app.documents.get_within(limits, url, age, now) {
            Ok(text) => Ok(text),
            Err(error @ DocumentError::Unreachable) => Err(self.failed(what, &error)),
            // Another user's sign-in fetches it for the first time; this one does not wait for that.
            Err(DocumentError::Busy) => {
                let answer = self.app.outbound.get(url, &[("accept", "application/json")], limits);
                Ok(self.text(what, answer)?.into())
            }
        }
    }

    /// Redeems a code for tokens.
    pub(super) fn redeem(&self, endpoints: &Endpoints, request: &CodeRequest<'_>) -> Result<Tokens, Error> {
        const WHAT: &str = "token endpoint";
        let form = request.form(endpoints);
        let mut headers = vec![("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
        headers.extend(form.authorization.as_ref().map(|value| ("authorization", value.expose().as_str())));
        let body = form.body.expose().as_bytes();
        let answer = self.app.outbound.post(&endpoints.token, &headers, body, self.limits(WHAT)?);
        let answer = answer.map_err(|error| self.failed(WHAT, &error))?;
        let status = answer.status();
        let text = Secret::new(answer.text().map_err(|error| self.failed(WHAT, &error))?);
        if let Some(code) = read_error(text.expose()) {
            return Err(Error::UpstreamRefused(Refusal::CodeRefused(code)));
        }
        let tokens = read_tokens(text.expose()).filter(|_| status == 200);
        tokens.ok_or_else(|| self.failed(WHAT, &format_args!("no tokens in an answer with the status {status}")))
    }

    /// Gets what an access token opens.
    pub(super) fn get(
        &self,
        what: &'static str,
        url: &str,
        access_token: &Secret<String>,
        headers: &[(&str, &str)],
    ) -> Result<String, Error> {
        let authorization = Secret::new(format!("Bearer {}", access_token.expose()));
        let headers = [headers, &[("authorization", authorization.expose().as_str())]].concat();
        self.text(what, self.app.outbound.get(url, &headers, self.limits(what)?))
    }

    fn text(&self, what: &'static str, answer: Result<HttpAnswer, HttpError>) -> Result<String, Error> {
        let answer = answer.map_err(|error| self.failed(what, &error))?;
        match answer.status() {
            200 => answer.text().map_err(|error| self.failed(what, &error)),
            status => Err(self.failed(what, &format_args!("it is answered with {status}"))),
        }
    }

    /// The limits of the next call.
    fn limits(&self, what: &'static str) -> Result<Limits, Error> {
        let time = self.until.saturating_duration_since(Instant::now()).min(LONGEST_CALL);
        if time.is_zero() {
            return Err(self.failed(what, &"all calls together took too long"));
        }
        Ok(Limits { time, bytes: MAX_BYTES })
    }

    /// The refusal of a sign-in whose provider does not answer as it must, which is logged with its cause.
    pub(super) fn failed(&self, what: &'static str, cause: &dyn Display) -> Error {
        log::warn!(provider:% = self.provider.id, what, cause:%; "a provider does not answer as it must");
        Error::UpstreamRefused(Refusal::Unreachable(what))
    }
}
