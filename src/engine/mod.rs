//! The machines: what lives as long as the process and keeps something in memory or a thread of its own. They are given
//! what they work with, and know no use case.

pub mod api_tokens;
pub mod background;
pub mod deadline;
pub mod denylist;
pub mod feed;
pub mod known_keys;
pub mod login_limit;
pub mod rotator;
pub mod turns;
pub mod unit;
