//! What handlers take out of a request.

mod basic;
mod caller;
mod client;
mod cookie;
mod credentials;
mod form;
mod forwarded;
mod json;
mod owner;
mod query;

pub(super) use basic::basic;
pub(super) use caller::{
    Administrator, AdministratorRecently, Caller, LoggedIn, LoggedInRecently, Protecting, User, lasting, may_protect,
};
pub(super) use client::{ProxyWarnings, RequestId, device, language, origin};
pub(super) use credentials::{AssertionBody, RegistrationBody};
pub(super) use form::{Form, FormOrNothing, OwnForm};
pub(super) use json::{Json, JsonOrNothing, MAX_BODY_BYTES, read_bytes};
pub(super) use owner::owner;
pub(super) use query::{PathId, Query, cut, instant, page_size, parameter};
