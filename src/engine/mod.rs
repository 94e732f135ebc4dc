//! The machines: parts that live as long as the process and keep state in memory or a thread of their own. They get
//! what they work with, and know no use cases.

pub(crate) mod api_tokens;
pub(crate) mod background;
pub(crate) mod claims_hook;
pub(crate) mod deadline;
mod denial_log;
pub(crate) mod denylist;
pub(crate) mod feed;
pub(crate) mod known_claims;
pub(crate) mod known_clients;
pub(crate) mod known_keys;
pub(crate) mod limiter;
pub(crate) mod mail;
pub(crate) mod outbox;
pub(crate) mod provider_turns;
pub(crate) mod rotator;
pub(crate) mod turns;
pub(crate) mod unit;
