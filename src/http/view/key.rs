//! Signing keys.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::words::{SigningAlgorithm, SigningKeyState};
use crate::jwt::RingEntry;

/// A key as it is shown: nothing of its private half, and not where it lies.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct KeyView {
    /// Its name: the thumbprint of RFC 7638.
    kid: String,
    /// Its algorithm.
    #[schema(value_type = SigningAlgorithm)]
    alg: &'static str,
    /// What it does now.
    #[schema(value_type = SigningKeyState)]
    state: &'static str,
    /// From when on it signs.
    #[schema(required, format = "date-time")]
    active_from: Option<String>,
    /// From when on it does not sign any more.
    #[schema(required, format = "date-time")]
    retired_at: Option<String>,
    /// When it is removed.
    #[schema(required, format = "date-time")]
    removed_at: Option<String>,
    /// Whether its file is encrypted.
    encrypted: bool,
}

impl From<&RingEntry> for KeyView {
    fn from(entry: &RingEntry) -> Self {
        Self {
            kid: entry.kid.clone(),
            alg: entry.alg.name(),
            state: entry.state.name(),
            active_from: entry.active_from.map(|at| at.to_rfc3339()),
            retired_at: entry.retired_at.map(|at| at.to_rfc3339()),
            removed_at: entry.removed_at.map(|at| at.to_rfc3339()),
            encrypted: entry.encrypted,
        }
    }
}
