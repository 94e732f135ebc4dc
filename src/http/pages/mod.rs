//! Pages for users: they log in, allow, log out, and look after their account. What they do is decided in `service`.

mod choosing;
mod offered;
mod on_the_way;
mod posted;
mod reply;
mod return_to;
mod second_step;
mod signing_in;
mod site;
mod templates;
mod texts;

pub(super) mod account;
pub(super) mod assets;
pub(super) mod authorize;
pub(super) mod email_verification;
pub(super) mod from_provider;
pub(super) mod interactions;
pub(super) mod login;
pub(super) mod logout;
pub(super) mod password_reset;
pub(super) mod registration;
pub(super) mod upstream;

pub(super) use reply::{add_headers, add_headers_of_links, render};
