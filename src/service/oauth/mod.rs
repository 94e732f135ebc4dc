//! What registered applications are given by way of a browser: authorization, consent, and the end of it.

pub(crate) mod applications;
pub(crate) mod authorize;
pub(crate) mod browser;
pub(crate) mod interaction;
pub(crate) mod logout;
