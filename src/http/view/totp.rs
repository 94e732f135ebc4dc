//! A secret for an authenticator app, as text, link and picture.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Error;
use crate::service::totp::Enrolled;

/// What stands as it is in a part of a URI
/// ([RFC 3986 section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The side of the picture, in pixels of CSS.
const SIDE: u32 = 200;

/// A secret for an authenticator app.
#[derive(Serialize, ToSchema)]
#[schema(as = TotpSecret)]
pub(crate) struct EnrolledView {
    /// The secret in base32, for people who type it.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    pub(in crate::http) secret: String,
    /// The same for apps on this device
    /// ([Key Uri Format](https://github.com/google/google-authenticator/wiki/Key-Uri-Format)).
    #[schema(example = "otpauth://totp/tokensmith:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=tokensmith")]
    pub(in crate::http) uri: String,
    /// A picture of it in SVG, for apps with a camera.
    pub(in crate::http) qr_svg: String,
}

impl EnrolledView {
    pub(in crate::http) fn new(app: &App, enrolled: &Enrolled) -> Result<Self, Error> {
        let secret = enrolled.secret.base32().to_string();
        let encoded = |text: &str| utf8_percent_encode(text, KEPT).to_string();
        let issuer = encoded(&app.config.page_name);
        let account = encoded(&enrolled.user.username.to_string());
        // SHA1, six digits and thirty seconds are what apps take if nothing else is said.
        let uri = format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}");
        let code = QrCode::new(uri.as_bytes()).map_err(Error::internal)?;
        let picture = code.render::<svg::Color<'_>>().min_dimensions(SIDE, SIDE).build();
        // Without what comes before it, since it also stands in pages.
        let start = picture.find("<svg").unwrap_or_default();
        let qr_svg = picture.get(start..).unwrap_or_default().to_owned();
        Ok(Self { secret, uri, qr_svg })
    }
}
