//! The words of the protocol: parameters and error codes of OAuth 2.1 and OpenID Connect, as they are on the wire. No
//! storage and no HTTP.

pub(crate) mod answer;
pub(crate) mod authorization;
pub(crate) mod client_auth;
pub(crate) mod error;
pub(crate) mod metadata;
pub(crate) mod params;
pub(crate) mod pkce;
pub(crate) mod redirect_uri;
pub(crate) mod steps;
pub(crate) mod token;
pub(crate) mod upstream;
