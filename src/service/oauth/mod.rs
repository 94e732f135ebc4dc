//! What registered applications do: get tokens, ask about them, revoke them.

pub(crate) mod client_auth;
pub(crate) mod code;
pub(crate) mod hint;
pub(crate) mod introspect;
pub(crate) mod revoke;
pub(crate) mod token;
pub(crate) mod userinfo;
