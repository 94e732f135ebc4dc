//! The machines: what lives as long as the process and keeps something in memory or a thread of its own. They are given
//! what they work with, and know no use case.

pub(crate) mod api_tokens;
pub(crate) mod background;
pub(crate) mod deadline;
pub(crate) mod denylist;
pub(crate) mod feed;
pub(crate) mod known_clients;
pub(crate) mod known_keys;
pub(crate) mod limiter;
pub(crate) mod outbox;
pub(crate) mod rotator;
pub(crate) mod turns;
pub(crate) mod unit;
