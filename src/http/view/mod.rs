//! Request and response bodies that several handlers share. The command line uses them, too.

pub(crate) mod api_token;
pub(crate) mod attributes;
pub(crate) mod claim;
pub(crate) mod client;
pub(crate) mod event;
pub(crate) mod identity;
pub(crate) mod invitation;
pub(crate) mod key;
pub(crate) mod pair;
pub(crate) mod passkey;
pub(crate) mod profile;
pub(crate) mod session;
pub(crate) mod totp;
pub(crate) mod user;

use crate::clock::Timestamp;

pub(crate) fn rfc3339(at: Option<Timestamp>) -> Option<String> {
    at.map(Timestamp::to_rfc3339)
}
