//! The file with custom claims.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tokensmith_verifier::issuing::read_object;

use super::Audiences;
use crate::model::claim_name::ClaimName;
use crate::model::custom_claim::{CustomClaim, Mapping};
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
        let claim = CustomClaim { name: parsed, mapping };
        if let Some(audiences) = audiences {
            claim.check(audiences.names()).map_err(|(member, bad)| of_claim(format!("{member} {bad}")))?;
        }
        Ok(claim)
    };
    claims.into_iter().map(claim).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::jwt::SigningAlg;

    /// What the file with this content is read as.
    fn read_text(text: &str) -> Result<Vec<CustomClaim>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claims.json");
        fs::write(&path, text).unwrap();
        let audiences = Audiences::parse("https://api.example.com", "https://id.example.com", SigningAlg::Es256);
        read(path.to_str().unwrap(), Some(&audiences.unwrap()))
    }

    #[test]
    fn a_file_names_each_claim_once_and_no_file_none() {
        let text = r#"{"plan": {"source": {"app_attribute": "/plan"}, "in": ["userinfo"]},
                       "https://example.com/x": {"source": {"constant": 1}, "in": ["id_token"], "scopes": ["a"]}}"#;
        let names: Vec<String> = read_text(text).unwrap().iter().map(|claim| claim.name.to_string()).collect();
        assert_eq!(names, ["https://example.com/x", "plan"]);
        assert_eq!(read("", None), Ok(Vec::new()));
    }

    #[test]
    fn a_file_that_cannot_be_meant_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "EOF"),
            ("[]", "invalid type"),
            (r#"{"plan": {"in": ["userinfo"]}}"#, "missing field `source`"),
            (r#"{"plan": {"source": {"constant": 1}, "in": ["userinfo"], "scope": "a"}}"#, "unknown field `scope`"),
            (r#"{"plan": {"source": {"constant": 1}, "in": []}}"#, "plan: in must name"),
            (r#"{"sub": {"source": {"constant": 1}, "in": ["userinfo"]}}"#, "sub: the name is a registered claim"),
            (r#"{"Roles": {"source": {"constant": 1}, "in": ["userinfo"]}}"#, "Roles: the name is a registered claim"),
            (
                r#"{"role": {"source": {"public_attribute": "/a"}, "in": ["userinfo"]}}"#,
                "role: source must not be a public",
            ),
            (r#"{"a b": {"source": {"constant": 1}, "in": ["userinfo"]}}"#, "a b: the name must be"),
            (
                r#"{"a": {"source": {"constant": 1}, "in": ["userinfo"], "audiences": ["https://other.example.com"]}}"#,
                "a: audiences must be audiences of this service",
            ),
            (
                r#"{"a": {"source": {"constant": 1}, "in": ["userinfo"]}, "a": {"source": {"constant": 2}, "in": ["userinfo"]}}"#,
                "a member is there twice",
            ),
        ] {
            let problem = read_text(text).unwrap_err();
            assert!(problem.contains("claims.json: ") && problem.contains(why), "{text}: {problem}");
        }
        let problem = read("/nowhere/claims.json", None).unwrap_err();
        assert!(problem.starts_with("/nowhere/claims.json: No such file"), "{problem}");
    }
}
