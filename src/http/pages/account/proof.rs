//! What is sensitive asks for the password, and for the second factor, as the JSON API does; then it goes on to what was
//! asked for.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::section::Section;
use super::templates::Confirm;
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::error::{Challenged, Error};
use crate::http::cookies::Cookies;
use crate::http::extract::{device, lasting, may_protect};
use crate::http::failure::Failure;
use crate::http::pages::offered::links;
use crate::http::pages::posted::{By, Step, assertion, next_step};
use crate::http::pages::reply::{page_with_passkeys, see_other};
use crate::http::pages::second_step::{ask, ask_again};
use crate::http::pages::templates::Place;
use crate::http::proving::{self, asserting, reauthenticate};
use crate::jwt::AccessClaims;
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::email::own_account;
use crate::service::oauth::browser;
use crate::service::pair::Pair;
use crate::service::shown::{self, Shown};
use crate::service::{identities, login, me, passkey_login, passkeys, protection};
use crate::webauthn::Assertion;

/// What of a form goes through the question: nothing that is secret.
const KEPT: [&str; 8] = ["do", "id", "username", "name", "email", "scope", "role", "days"];

impl Visit<'_> {
    /// Goes on if the user may change what protects the account. Where the account has a login of its own, the question offers no
    /// provider: a sign-in there is not enough.
    pub(super) async fn protecting(&mut self, params: &Params) -> Result<(), Instead> {
        let claims = self.own_claims(params).await?;
        self.or_ask(params, may_protect(self.app, &claims).await).await
    }

    /// Goes on if the user may do what is sensitive and outlasts the session.
    pub(super) async fn lasting(&mut self, params: &Params) -> Result<(), Instead> {
        let claims = self.own_claims(params).await?;
        self.or_ask(params, lasting(self.app, &claims).await).await
    }

    async fn own_claims(&mut self, params: &Params) -> Result<AccessClaims, Instead> {
        self.needs_own = self.run(|app, user, _| protection::has_own_login(app, user)).await?;
        self.claims(params).await
    }

    /// What an access token of the session says, after what was shown just now.
    async fn claims(&mut self, params: &Params) -> Result<AccessClaims, Instead> {
        self.authenticate_again(params).await?;
        Ok(browser::authenticate(self.app, &self.cookie).await?.claims)
    }

    async fn or_ask(&self, params: &Params, may: Result<(), Failure>) -> Result<(), Instead> {
        match may {
            Ok(()) => Ok(()),
            Err(
                Failure::ReauthenticationRequired(_)
                | Failure::Domain(Error::SecondFactorNotShown { .. } | Error::SignedInElsewhere { .. }),
            ) => Err(self.ask_password(params, HttpResponse::Ok(), None).await),
            Err(Failure::Domain(Error::SecondFactorEnrolmentRequired(_))) => {
                Err(Instead::answer(see_other(&self.address(Section::SecondFactors))))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Takes the password, the code or the passkey that the question has got.
    async fn authenticate_again(&mut self, params: &Params) -> Result<(), Instead> {
        let renewed = match (next_step(params), assertion(params), params.get("password")) {
            (Some((waiting, Some(step))), ..) => self.by_step(params, waiting, step).await?,
            (None, Some(assertion), _) => self.by_passkey(params, assertion).await?,
            (None, None, Some(password)) => self.by_password(params, Secret::new(password.to_owned())).await?,
            (Some((_, None)), ..) | (None, None, None) => return Ok(()),
        };
        Cookies::of(self.app).keep_renewed(self.request, &renewed)?;
        Ok(())
    }

    async fn by_password(&self, params: &Params, password: Secret<String>) -> Result<Pair, Instead> {
        match reauthenticate(self.app, self.user(), self.session(), password, (self.origin(), true)).await {
            Ok(pair) => Ok(pair),
            Err(Error::SecondFactorRequired(Some(waiting))) => {
                let asked = (&waiting, By::first(&waiting));
                Err(self.answer(params, |place| ask(place, HttpResponse::Ok(), asked, None)))
            }
            Err(error) => Err(self.ask_password_again(params, error).await),
        }
    }

    async fn by_passkey(&self, params: &Params, assertion: Box<Assertion>) -> Result<Pair, Instead> {
        let (user, session, origin) = (self.user(), self.session(), self.origin());
        let ip = origin.ip.clone();
        let record =
            move |app: &_, charge| passkey_login::reauthenticate(app, (&assertion, charge), user, session, &origin);
        match asserting(self.app, ip.as_deref(), record).await {
            Ok(pair) => Ok(pair),
            Err(error) => Err(self.ask_password_again(params, error).await),
        }
    }

    async fn by_step(&self, params: &Params, waiting: Challenged, step: Step) -> Result<Pair, Instead> {
        match step {
            Step::Ask(by) => Err(self.answer(params, |place| ask(place, HttpResponse::Ok(), (&waiting, by), None))),
            Step::Shown(shown) => {
                let by = By::of(&shown);
                match self.show(waiting.challenge.clone(), shown).await {
                    Ok(pair) => Ok(pair),
                    Err(error @ (Error::BadChallenge | Error::AccountDisabled)) => {
                        Err(self.ask_password_again(params, error).await)
                    }
                    Err(error) => Err(self.answer(params, |place| ask_again(place, (&waiting, by), error))),
                }
            }
            // Who authenticates again has a second factor already.
            Step::Confirm(_) | Step::Enrol | Step::Register(_) => {
                Err(self.ask_password_again(params, Error::BadChallenge).await)
            }
        }
    }

    async fn show(&self, challenge: Secret<String>, typed: Shown) -> Result<Pair, Error> {
        let (device, origin, session) = (device(self.request, self.app, None)?, self.origin(), self.session());
        let origin = Cookies::of(self.app).make_known(self.app, self.request, origin)?;
        let its_origin = origin.clone();
        let claim = move |app: &_| shown::claim(app, &challenge, typed, &its_origin);
        let finish = move |app: &_, claim, charge| me::go_on(app, session, (claim, charge), &device, &origin);
        let pair = proving::next_step(self.app, claim, finish).await;
        login::count(self.app, pair.as_ref().map(|_| ()));
        pair
    }

    async fn ask_password_again(&self, params: &Params, error: Error) -> Instead {
        match refused(self, error) {
            Ok((response, problem)) => self.ask_password(params, response, Some(problem)).await,
            Err(failure) => failure.into(),
        }
    }

    async fn ask_password(&self, params: &Params, response: HttpResponseBuilder, problem: Option<String>) -> Instead {
        let needs_own = self.needs_own;
        let look = move |app: &_, user, _: &_| {
            let providers = if needs_own { Vec::new() } else { identities::list_providers(app, user)? };
            Ok((own_account(app, user)?.has_password, passkeys::list(app, user)?, providers))
        };
        let (has_password, has_passkeys, providers) = match self.run(look).await {
            Ok((has_password, found, providers)) => {
                (has_password, !found.is_empty() && self.site.has_passkeys(), providers)
            }
            Err(error) => return error.into(),
        };
        let providers = links(&self.site.base, providers, &self.action());
        self.answer(params, |place| {
            let place = Place { providers: &providers, ..place };
            let template = Confirm { site: &self.site, visit: self, place, problem, has_password, has_passkeys };
            page_with_passkeys(&self.site, response, &template, has_passkeys)
        })
    }

    /// A page whose forms keep what was asked for.
    fn answer(&self, params: &Params, page: impl FnOnce(Place<'_>) -> Result<HttpResponse, Failure>) -> Instead {
        let kept = params.only(&KEPT);
        let (action, token) = (self.action(), self.form_token());
        let place = Place {
            site: &self.site,
            client: None,
            action: &action,
            form_token: Some(token),
            kept: kept.pairs(),
            providers: &[],
        };
        page(place).map_or_else(Instead::Failure, Instead::answer)
    }
}
