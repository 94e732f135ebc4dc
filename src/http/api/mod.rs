//! Our own API, one file for each resource: from a request to a use case and back to a response.

pub(super) mod admin_claims;
pub(super) mod admin_clients;
pub(super) mod admin_invitations;
pub(super) mod admin_keys;
pub(super) mod admin_user_access;
pub(super) mod admin_users;
pub(super) mod api_tokens;
pub(super) mod applications;
pub(super) mod attributes;
pub(super) mod audit;
pub(super) mod authenticate;
pub(super) mod change_password;
pub(super) mod continuing;
pub(super) mod docs;
pub(super) mod email_verification;
pub(super) mod health;
pub(super) mod identities;
mod lists;
pub(super) mod me;
pub(super) mod passkey_tokens;
pub(super) mod passkeys;
pub(super) mod password_resets;
pub(super) mod problem;
pub(super) mod registrations;
pub(super) mod sessions;
pub(super) mod tokens;
pub(super) mod totp;
pub(super) mod well_known;

use super::proving::{asserting, checked, hashing, look_up, next_step, proving};
use crate::engine::deadline::on_a_thread as blocking;
