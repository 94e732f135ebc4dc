//! What every page shows: the operator's name, logo and links, in the user's language.

use actix_web::HttpRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::texts::{LANGUAGES, Texts};
use crate::app::App;
use crate::http::extract::language;
use crate::jwt::issuer_url;
use crate::model::mail::LINK_LIFETIME;
use crate::model::registration::MayRegister;
use crate::oauth::redirect_uri::origin;
use crate::service::mail::is_on;

/// What of a token is escaped: nothing of a valid one.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// What every page shows.
pub(super) struct Site<'a> {
    pub(super) app: &'a App,
    pub(super) texts: &'static Texts,
    /// The path under which the service is reached, without a slash at its end.
    pub(super) base: String,
}

impl<'a> Site<'a> {
    /// For this request, in the languages that the application asks for, or in those of the browser.
    pub(super) fn new(request: &HttpRequest, app: &'a App, ui_locales: &[String]) -> Self {
        let texts = language(request, ui_locales).of(&LANGUAGES);
        Self { app, texts, base: base(app) }
    }

    /// What the operator calls the service.
    pub(super) fn name(&self) -> &str {
        &self.app.config.page_name
    }

    pub(super) fn logo(&self) -> Option<&str> {
        self.app.config.page_logo_url.as_deref()
    }

    /// The origin of the logo, for the policy.
    pub(super) fn logo_origin(&self) -> Option<String> {
        self.logo().and_then(origin)
    }

    /// The page of the link with this token, and where its forms go.
    pub(super) fn page_of(&self, folder: &str, token: &str) -> String {
        format!("{}/{folder}/{}", self.base, utf8_percent_encode(token, ESCAPED))
    }

    /// Whether a password can be reset by mail.
    pub(super) fn sends_mail(&self) -> bool {
        is_on(self.app)
    }

    /// Whether everybody may register.
    pub(super) fn is_open(&self) -> bool {
        self.app.config.registration == MayRegister::Open
    }

    /// That a mail to register is on its way.
    pub(super) fn sent(&self) -> String {
        self.texts.register_sent.replace("{minutes}", &(LINK_LIFETIME.0 / 60).to_string())
    }

    /// Where the terms are.
    pub(super) fn terms_url(&self) -> Option<&str> {
        self.app.config.terms_url.as_deref()
    }

    /// Whether browsers have passkeys on the pages.
    pub(super) fn has_passkeys(&self) -> bool {
        let config = &self.app.config;
        let here = origin(&config.issuer);
        config.relying_party.as_ref().is_some_and(|rp| here.is_some_and(|here| rp.origins.contains(&here)))
    }

    /// Whether no other service has passkeys for the same domain: then one that is unknown here may be forgotten.
    pub(super) fn owns_domain(&self) -> bool {
        let address = self.app.config.issuer.split_once("://").map(|(_, address)| address.trim_end_matches('/'));
        let has_path = address.is_none_or(|address| address.contains('/'));
        let host = address.and_then(|address| address.split(':').next());
        !has_path && host == Some(self.passkeys_of())
    }

    /// The domain that passkeys are for.
    pub(super) fn passkeys_of(&self) -> &str {
        self.app.config.relying_party.as_ref().map(|rp| rp.id.as_str()).unwrap_or_default()
    }

    pub(super) fn has_links(&self) -> bool {
        !self.app.config.page_links.is_empty()
    }

    pub(super) fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        self.app.config.page_links.iter().map(|link| (link.text.as_str(), link.url.as_str()))
    }

    /// What a scope means, in the operator's words, or in ours for those of OpenID Connect.
    pub(super) fn scope(&self, name: &str) -> Option<&str> {
        let described = self.app.config.scope_descriptions.iter().filter(|described| described.scope == name);
        let of_language = |language: Option<&str>| {
            described.clone().find(|described| described.language.as_deref() == language).map(|known| &*known.text)
        };
        let own = of_language(Some(self.texts.language)).or_else(|| of_language(None));
        own.or(match name {
            "openid" => Some(self.texts.scope_openid),
            "profile" => Some(self.texts.scope_profile),
            "email" => Some(self.texts.scope_email),
            "roles" => Some(self.texts.scope_roles),
            "offline_access" => Some(self.texts.scope_offline_access),
            _ => None,
        })
    }
}

/// The path of the issuer: what proxies put before ours.
pub(super) fn base(app: &App) -> String {
    let url = issuer_url(&app.config.issuer, "");
    let after_scheme = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or_default().to_owned()
}
