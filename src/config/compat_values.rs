//! What the settings of another issuer's endpoints may be.

/// Below these are paths of this service's own.
const OWN: [&str; 13] = [
    ".well-known",
    "account",
    "docs",
    "email-verification",
    "healthz",
    "invitation",
    "login",
    "oauth",
    "openapi.json",
    "password-reset",
    "readyz",
    "registration",
    "v1",
];

/// The names of username fields that Django's users have.
pub(super) fn username_field(text: &str) -> Result<&'static str, String> {
    let known = ["username", "email"].into_iter().find(|name| *name == text);
    known.ok_or_else(|| "expected username or email".to_owned())
}

/// A path without a slash at its end: empty for the root.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix('/').ok_or("expected a path as in /api")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let is_segment =
        |segment: &str| !segment.is_empty() && segment != "." && segment != ".." && segment.chars().all(is_plain);
    if text == "/" {
        return Ok(String::new());
    }
    if !rest.split('/').all(is_segment) {
        return Err("expected a path of letters, digits and - . _ ~, as in /api".to_owned());
    }
    match rest.split('/').next().filter(|first| OWN.contains(first)) {
        Some(own) => Err(format!("/{own} has paths of this service's own")),
        None => Ok(format!("/{rest}")),
    }
}
