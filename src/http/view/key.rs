//! Signing keys.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::words::{SigningAlgorithm, SigningKeyState};
use crate::jwt::RingEntry;

/// A signing key, without its private part and its file.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct KeyView {
    /// Key id: the thumbprint of RFC 7638.
    kid: String,
    /// Signing algorithm of the key.
    #[schema(value_type = SigningAlgorithm)]
    alg: &'static str,
    /// Current state of the key.
    #[schema(value_type = SigningKeyState)]
    state: &'static str,
    /// When it starts to sign; null if that is not known.
    #[schema(required, format = "date-time")]
    active_from: Option<String>,
    /// When it stops signing; null if that is not known.
    #[schema(required, format = "date-time")]
    retired_at: Option<String>,
    /// When it is removed; null if that is not known.
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
