//! Registration: people open accounts for themselves.

pub(crate) use super::new_account::{NewAccount, open_account};
