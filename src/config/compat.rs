//! The settings of the issuer that this service stands in for.

use std::path::Path;

use super::reader::Reader;
use super::settings::{COMPAT, Draft, LEGACY_JWT_SECRET_FILE, LEGACY_JWT_UNTIL};
use super::values::shown_path;
use crate::jwt::LegacyIssuer;
use crate::model::compat::Compat;
use crate::secret::file;

/// The issuer before this service, if its tokens are accepted. `None`: there is a problem.
pub(super) fn legacy(draft: &Draft, reader: &mut Reader<'_>) -> Option<Option<LegacyIssuer>> {
    let file = draft.legacy_jwt_secret_file.as_ref()?;
    let (until, compat) = (draft.legacy_jwt_until?, draft.compat?);
    if file.is_empty() {
        if until.is_some() {
            reader.problem(&LEGACY_JWT_UNTIL, "needs LEGACY_JWT_SECRET_FILE");
        }
        return Some(None);
    }
    if compat == Compat::None {
        reader.problem(&LEGACY_JWT_SECRET_FILE, format!("needs {}=simplejwt", COMPAT.name));
    }
    if until.is_none() {
        let example = "must be set with LEGACY_JWT_SECRET_FILE, as in 2027-01-31T00:00:00Z";
        reader.problem(&LEGACY_JWT_UNTIL, example);
    }
    let read = |path: &str| {
        let path = Path::new(path);
        let named = |problem: String| format!("{}: {problem}", shown_path(path));
        let (content, _) = file::read(path).map_err(|problem| named(problem.to_string()))?;
        LegacyIssuer::new(&content).map_err(|problem| named(problem.to_owned()))
    };
    let mut legacy = reader.read(&LEGACY_JWT_SECRET_FILE, read)?;
    legacy.until = until?;
    legacy.issuer.clone_from(draft.legacy_jwt_issuer.as_ref()?);
    legacy.audience.clone_from(draft.legacy_jwt_audience.as_ref()?);
    legacy.user_claim.clone_from(draft.legacy_jwt_user_claim.as_ref()?);
    legacy.only_outstanding = draft.legacy_jwt_only_outstanding?;
    Some(Some(legacy))
}
