//! An error code, and how the table of all of them is written.

use actix_web::http::StatusCode;

use super::failure::Failure;

/// What a client learns about a failure, apart from its detail. The meaning of a code never changes.
pub struct Code {
    /// The code, for programs.
    pub name: &'static str,
    /// The HTTP status of the response.
    pub status: u16,
    /// The meaning of the code in a few words.
    pub(crate) title: &'static str,
    /// OAuth's `error` for it ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2),
    /// [RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    pub oauth: Option<&'static str>,
    /// What the reference says about it.
    pub meaning: &'static str,
    /// A failure with this code.
    pub(super) example: fn() -> Failure,
}

/// A row is `NAME: status "code" "title", OAuth's error, its failures => an example, "meaning";`. A row without
/// failures is found by its code from `tokensmith_verifier`.
macro_rules! codes {
    ($(
        $name:ident: $status:literal $code:literal $title:literal, $oauth:expr,
        $($failure:pat)? => $example:expr, $meaning:literal;
    )+) => {
        $(pub(super) const $name: &Code = &Code {
            name: $code,
            status: $status,
            title: $title,
            oauth: $oauth,
            meaning: $meaning,
            example: || $example,
        };)+

        /// All codes, sorted by status.
        pub const CODES: &[&Code] = &[$($name),+];

        impl Failure {
            /// The code of this failure.
            pub(super) fn code(&self) -> &'static Code {
                match self {
                    $($($failure => $name,)?)+
                    Bearer(why) => named(why.code()),
                    Domain(Error::TokenRefused(why)) => named(why.code()),
                    Domain(Error::ApiTokenRefused(why)) => named(why.code()),
                }
            }
        }
    };
}
pub(super) use codes;

impl Code {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}
