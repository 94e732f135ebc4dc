//! How a client gets a pair: in the body, or in cookies that no script can read.

use actix_web::{HttpRequest, HttpResponse, web};

use super::cookies::{Cookies, put};
use super::csrf;
use super::extract::{device, origin};
use super::failure::Failure;
use super::view::pair::{InBody, answer};
use crate::app::App;
use crate::error::Error;
use crate::service::oauth::browser;
use crate::service::pair::Pair;

/// How a client gets a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Both tokens in the body.
    Body,
    /// The refresh token in a cookie; the access token, too, or in the body.
    Cookies {
        /// Whether the access token is in a cookie.
        with_access: bool,
    },
}

impl Delivery {
    /// As a body asks for it, by its members `cookies` and `access_cookie`. A request of another site may not set cookies:
    /// it would log its victim in as somebody else.
    pub(super) fn asked(
        request: &HttpRequest,
        app: &App,
        cookies: bool,
        access_cookie: Option<bool>,
    ) -> Result<Self, Failure> {
        match access_cookie {
            Some(_) if !cookies => {
                let message = "is only allowed together with \"cookies\": true";
                Err(Error::invalid("access_cookie", "invalid", message).into())
            }
            _ if !cookies => Ok(Self::Body),
            _ if !app.config.session_cookies => Err(Failure::SessionCookiesOff),
            access_cookie => {
                csrf::check_origin(request, app)?;
                Ok(Self::Cookies { with_access: access_cookie != Some(false) })
            }
        }
    }

    /// The response with a pair. If its cookies overwrite those of another session, that session ends.
    pub(super) async fn answer(
        self,
        request: &HttpRequest,
        app: &web::Data<App>,
        pair: &Pair,
    ) -> Result<HttpResponse, Failure> {
        let Self::Cookies { with_access } = self else { return Ok(answer(pair, InBody::Both)) };
        let cookies = Cookies::of(app);
        if let Some(held) = cookies.session(request) {
            let (device, origin) = (device(request, app, None)?, origin(request, app));
            browser::leave(app, &held, pair.session_id, &device, &origin).await?;
        }
        let mut response = answer(pair, if with_access { InBody::None } else { InBody::Access });
        put(request, &mut response, cookies.keep(pair, with_access))?;
        Ok(response)
    }
}
