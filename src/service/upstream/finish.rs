//! What follows from a sign-in at a provider.

use crate::app::App;
use crate::error::Error;
use crate::model::upstream::{Refusal, Verified};

/// Nobody can link an identity to an account yet.
pub(crate) fn finish(_app: &App, verified: &Verified) -> Result<(), Error> {
    log::info!(provider:% = verified.provider.id; "an identity of a provider is not linked to an account");
    Err(Error::UpstreamRefused(Refusal::NotLinked))
}
