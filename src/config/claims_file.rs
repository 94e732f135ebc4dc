//! The file with custom claims.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tokensmith_verifier::issuing::read_object;

use super::Audiences;
use crate::model::custom_claim::{ClaimName, CustomClaim, Mapping};
use crate::secret::file;

/// The claims of the file at this path; none if there is no path. Without audiences, which are wrong then, those of the
/// claims are not checked.
pub(super) fn read(path: &str, audiences: Option<&Audiences>) -> Result<Vec<CustomClaim>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let of_file = |problem: String| format!("{path}: {problem}");
    let (content, _) = file::read(Path::new(path)).map_err(|problem| of_file(problem.to_string()))?;
    let claims: BTreeMap<String, Mapping> =
        serde_json::from_slice(&content).map_err(|problem| of_file(problem.to_string()))?;
    if read_object::<Value>(content.trim_ascii()).is_none() {
        return Err(of_file("a member is there twice".to_owned()));
    }
    let claim = |(name, mapping): (String, Mapping)| {
        let of_claim = |problem: String| of_file(format!("{name}: {problem}"));
        let parsed: ClaimName =
            name.parse().map_err(|bad| of_claim(format!("the name {}", ToString::to_string(&bad))))?;
        if let Some(audiences) = audiences {
            mapping.check(audiences.names()).map_err(|(member, bad)| of_claim(format!("{member} {bad}")))?;
        }
        Ok(CustomClaim { name: parsed, mapping })
    };
    claims.into_iter().map(claim).collect()
}
