//! What a provider says of a user.

use serde_json::{Map, Value};

use crate::model::provider::{Action, ClaimMap, EMAIL_VERIFIED};

/// The claims of an ID token, and those of the userinfo endpoint if it was asked.
pub(super) struct Claims {
    /// The first ones count.
    pub(super) first: Map<String, Value>,
    /// What the first ones lack.
    pub(super) more: Map<String, Value>,
}

impl Claims {
    /// The claim with this name, or at this JSON pointer.
    pub(super) fn get(&self, claim: &str) -> Option<&Value> {
        find(&self.first, claim).or_else(|| find(&self.more, claim))
    }

    /// Its text.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.get(claim).and_then(Value::as_str)
    }

    /// Whether the provider says that it has verified this address, which is in this claim. Only a boolean says so: `"true"`
    /// is not what OpenID Connect Core section 5.1 defines, and a provider that sends it may mean anything. What the userinfo
    /// endpoint says counts only for the address that it has itself.
    pub(super) fn is_verified(&self, claim: &str, email: &str) -> bool {
        if claim != "email" {
            return false;
        }
        let is_about = |claims: &Map<String, Value>| claims.get(claim).is_some_and(|other| other == email);
        let said = match self.first.get(EMAIL_VERIFIED) {
            Some(said) => is_about(&self.first).then_some(said),
            None if is_about(&self.more) => self.more.get(EMAIL_VERIFIED),
            None => None,
        };
        said == Some(&Value::Bool(true))
    }

    /// Whether the ID token is one of Microsoft's, whatever the domain of its issuer: it names a tenant and its version, or a policy.
    pub(super) fn are_of_microsoft(&self) -> bool {
        let has = |claim: &str| self.first.get(claim).is_some_and(Value::is_string);
        has("tid") && has("ver") || has("tfp")
    }

    /// Whether the first claims have all that a claim map wants.
    pub(super) fn are_enough(&self, map: &ClaimMap) -> bool {
        let ClaimMap { username, email, name, roles } = map;
        let has = |action: Action, claim: &str| action == Action::Ignore || find(&self.first, claim).is_some();
        let has_all = [username, email, name].iter().all(|rule| has(rule.action, &rule.claim));
        has_all && has(roles.action, &roles.claim) && has(email.action, EMAIL_VERIFIED)
    }
}

fn find<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    let found = match claim.strip_prefix('/') {
        None => claims.get(claim),
        Some(path) => {
            let (first, rest) = path.split_once('/').map_or((path, ""), |(first, rest)| (first, rest));
            let member = claims.get(&first.replace("~1", "/").replace("~0", "~"));
            if rest.is_empty() { member } else { member.and_then(|member| member.pointer(&format!("/{rest}"))) }
        }
    };
    found.filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(first: &Value, more: &Value) -> Claims {
        Claims { first: first.as_object().unwrap().clone(), more: more.as_object().unwrap().clone() }
    }

    #[test]
    fn a_claim_has_a_name_or_a_place() {
        let claims = claims(&json!({"https://a/b": "1", "a": {"b": ["2"], "c/d": "3"}, "e": null}), &json!({"e": "4"}));
        assert_eq!(claims.text("https://a/b"), Some("1"));
        assert_eq!(claims.get("/a/b"), Some(&json!(["2"])));
        assert_eq!(claims.text("/a/b/0"), Some("2"));
        assert_eq!(claims.text("/a/c~1d"), Some("3"));
        assert_eq!(claims.text("e"), Some("4"), "null is nothing");
        for nothing in ["", "/", "b", "/b", "/a/b/1", "/a/b/c"] {
            assert_eq!(claims.get(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn only_the_boolean_true_beside_the_same_address_says_that_it_is_verified() {
        let ada = "ada@example.com";
        for (first, more, expected) in [
            (json!({"email": ada, "email_verified": true}), json!({}), true),
            (json!({"email": ada, "email_verified": "true"}), json!({}), false),
            (json!({"email": ada, "email_verified": 1}), json!({}), false),
            (json!({"email": ada, "email_verified": false}), json!({}), false),
            (json!({"email": ada}), json!({}), false),
            (json!({"email": ada, "email_verified": "true"}), json!({"email": ada, "email_verified": true}), false),
            (json!({"email": ada}), json!({"email": ada, "email_verified": true}), true),
            (json!({"email": ada}), json!({"email": "bob@example.com", "email_verified": true}), false),
            (json!({"email": ada}), json!({"email_verified": true}), false),
            (json!({"email_verified": true}), json!({"email": ada}), false),
            (json!({}), json!({"email": ada, "email_verified": true}), true),
        ] {
            assert_eq!(claims(&first, &more).is_verified("email", ada), expected, "{first} {more}");
        }
        let other = claims(&json!({"mail": ada, "email": ada, "email_verified": true}), &json!({}));
        assert!(!other.is_verified("mail", ada), "nothing is said of another claim");
    }
}
