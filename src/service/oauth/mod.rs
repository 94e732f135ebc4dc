//! What registered applications do: get tokens, ask about them, revoke them; and what their users do in a browser: log in,
//! allow, log out.

pub(crate) mod applications;
pub(crate) mod authorize;
pub(crate) mod browser;
pub(crate) mod client_auth;
pub(crate) mod code;
pub(crate) mod entitled;
pub(crate) mod hint;
pub(crate) mod interaction;
pub(crate) mod introspect;
pub(crate) mod logout;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod userinfo;
