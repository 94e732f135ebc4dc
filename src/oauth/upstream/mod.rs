//! The words of the protocol where this service is the client: at a provider, another service that its users sign in at
//! ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749),
//! [OpenID Connect Core](https://openid.net/specs/openid-connect-core-1_0.html)).

mod endpoints;
mod issuer;
mod messages;

pub(crate) use endpoints::{Endpoints, discovery_url};
pub(crate) use issuer::{check_issuer, is_microsoft};
pub(crate) use messages::{AuthenticationRequest, CodeRequest, Tokens, read_callback, read_error, read_tokens};
