//! Tests of custom claims.

use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::model::claim_name::{BadClaimName, LOCKED};
use crate::model::id::Id;
use crate::model::user::{Email, Username};

fn user(public: &Value, app: &Value) -> User {
    let attributes = |value: &Value| Attributes::of(value.as_object().unwrap()).unwrap();
    User {
        id: Id::from_bytes([1; 16]),
        username: Username::from_stored("ada".to_owned()),
        email: Some(Email::from_stored("ada@example.com".to_owned())),
        email_verified_at: None,
        verified_email: None,
        name: None,
        roles: Names::default(),
        disabled_at: None,
        created_at: Timestamp(0),
        external_id: None,
        public_attributes: attributes(public),
        app_attributes: attributes(app),
    }
}

fn mapping(json: Value) -> Mapping {
    serde_json::from_value(json).unwrap()
}

fn of(mappings: &[Value], place: Place, scope: &str, audience: &str) -> Value {
    let user = user(&json!({"theme": "dark"}), &json!({"billing": {"plan": "pro", "seats": [1, null]}, "a/b": 1}));
    let claim = |(at, json): (usize, &Value)| CustomClaim {
        name: format!("c{at}").parse().unwrap(),
        mapping: mapping(json.clone()),
    };
    let claims = CustomClaims::from(mappings.iter().enumerate().map(claim).collect::<Vec<_>>());
    let about = About { user: Some(&user), ..About::default() };
    Value::Object(claims.of(place, about, scope, &Audience::One(audience.to_owned())).choices().swap_remove(0))
}

#[test]
fn each_source_gives_its_value_and_what_is_missing_is_left_out() {
    for (source, expected) in [
        (json!({"public_attribute": "/theme"}), json!({"c0": "dark"})),
        (json!({"public_attribute": ""}), json!({"c0": {"theme": "dark"}})),
        (json!({"app_attribute": "/billing/plan"}), json!({"c0": "pro"})),
        (json!({"app_attribute": "/billing/seats/0"}), json!({"c0": 1})),
        (json!({"app_attribute": "/a~1b"}), json!({"c0": 1})),
        (json!({"app_attribute": "/billing/seats/1"}), json!({})),
        (json!({"app_attribute": "/theme"}), json!({})),
        (json!({"client_attribute": "/tier"}), json!({})),
        (json!({"client_attribute": ""}), json!({})),
        (json!({"profile": "username"}), json!({"c0": "ada"})),
        (json!({"profile": "email"}), json!({"c0": "ada@example.com"})),
        (json!({"profile": "email_verified"}), json!({"c0": false})),
        (json!({"profile": "name"}), json!({})),
        (json!({"profile": "external_id"}), json!({})),
        (json!({"constant": [1, {"a": "b"}]}), json!({"c0": [1, {"a": "b"}]})),
    ] {
        let mapping = json!({"source": source, "in": ["access_token"]});
        assert_eq!(of(&[mapping], Place::AccessToken, "", "api"), expected, "{source}");
    }
}

#[test]
fn a_claim_is_where_its_places_scopes_and_audiences_say() {
    let claim = |members: Value| {
        let mut mapping = json!({"source": {"constant": 1}, "in": ["access_token", "id_token", "userinfo"]});
        mapping.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        mapping
    };
    let all = [
        claim(json!({})),
        claim(json!({"in": ["id_token"]})),
        claim(json!({"scopes": ["billing", "admin"]})),
        claim(json!({"audiences": ["api"]})),
    ];
    for (place, scope, audience, expected) in [
        (Place::AccessToken, "", "api", json!({"c0": 1, "c3": 1})),
        (Place::IdToken, "", "api", json!({"c0": 1, "c1": 1, "c3": 1})),
        (Place::Userinfo, "openid billing", "other", json!({"c0": 1, "c2": 1})),
        (Place::AccessToken, "billing:read", "apis", json!({"c0": 1})),
    ] {
        assert_eq!(of(&all, place, scope, audience), expected, "{} {scope} {audience}", place.name());
    }
}

#[test]
fn a_mapping_that_cannot_be_meant_is_refused() {
    let good = json!({"source": {"app_attribute": "/a"}, "scopes": ["s"], "audiences": ["api"], "in": ["userinfo"]});
    assert_eq!(mapping(good.clone()).check(&["api".to_owned()]), Ok(()));
    assert_eq!(serde_json::from_str::<Mapping>(&mapping(good.clone()).to_string()).unwrap(), mapping(good.clone()));
    for (member, value, field) in [
        ("source", json!({"app_attribute": "a"}), "source"),
        ("source", json!({"public_attribute": "/a~2"}), "source"),
        ("source", json!({"client_attribute": format!("/{}", "a".repeat(200))}), "source"),
        ("source", json!({"constant": null}), "source"),
        ("source", json!({"constant": "a".repeat(1_023)}), "source"),
        ("scopes", json!(["a b"]), "scopes"),
        ("audiences", json!(["other"]), "audiences"),
        ("in", json!([]), "in"),
        ("in", json!(["userinfo", "userinfo"]), "in"),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        assert_eq!(mapping(bad.clone()).check(&["api".to_owned()]).unwrap_err().0, field, "{bad}");
    }
    for (member, value) in [
        ("source", json!({"profile": "password"})),
        ("source", json!({"app_attribute": "/a", "constant": 1})),
        ("in", json!(["refresh_token"])),
        ("also", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        assert!(serde_json::from_value::<Mapping>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn names_that_mean_something_already_are_locked() {
    for good in ["plan", "_plan", "https://example.com/plan", "urn:example:plan", "cognito:groups", "user_id"] {
        assert!(good.parse::<ClaimName>().is_ok(), "{good}");
    }
    for bad in ["", "1a", ".", "..", "/plan", "a b", "a\"b", "\u{e4}", &"a".repeat(101)] {
        assert_eq!(bad.parse::<ClaimName>(), Err(BadClaimName::Form), "{bad}");
    }
    for locked in LOCKED {
        for name in
            [(*locked).to_owned(), locked.to_uppercase(), format!("{}{}", locked[..1].to_uppercase(), &locked[1..])]
        {
            assert_eq!(name.parse::<ClaimName>(), Err(BadClaimName::Locked), "{name}");
        }
    }
}

#[test]
fn users_do_not_write_what_services_take_for_a_permission() {
    for (name, source, is_good) in [
        ("role", json!({"public_attribute": "/a"}), false),
        ("Permissions", json!({"public_attribute": ""}), false),
        ("scp", json!({"public_attribute": "/scp"}), false),
        ("role", json!({"app_attribute": "/a"}), true),
        ("role", json!({"constant": "user"}), true),
        ("user_id", json!({"profile": "external_id"}), true),
        ("theme", json!({"public_attribute": "/theme"}), true),
    ] {
        let mapping = mapping(json!({"source": source, "in": ["access_token"]}));
        let claim = CustomClaim { name: name.parse().unwrap(), mapping };
        assert_eq!(
            claim.check(&[]).map_err(|(field, _)| field),
            if is_good { Ok(()) } else { Err("source") },
            "{name}"
        );
    }
}

#[test]
fn what_users_write_is_left_out_first() {
    let claim = |name: &str, source: Value| CustomClaim {
        name: name.parse().unwrap(),
        mapping: mapping(json!({"source": source, "in": ["access_token"]})),
    };
    let user = user(&json!({"theme": "dark", "plan": "mine"}), &json!({"ban": true}));
    let hooked = Attributes::of(json!({"plan": "pro"}).as_object().unwrap()).unwrap();
    let choices = |claims: Vec<CustomClaim>, hooked: Option<&Attributes>| {
        let about = About { user: Some(&user), hooked, client: None };
        let custom = CustomClaims::from(claims).of(Place::AccessToken, about, "", &Audience::One("api".to_owned()));
        custom.choices().into_iter().map(Value::Object).collect::<Vec<_>>()
    };
    let (theme, plan) =
        (claim("theme", json!({"public_attribute": "/theme"})), claim("plan", json!({"public_attribute": "/plan"})));
    let ban = claim("ban", json!({"app_attribute": "/ban"}));
    let all = vec![theme.clone(), plan.clone(), ban.clone()];
    let own = json!({"ban": true, "plan": "pro"});
    assert_eq!(choices(all, hooked.as_ref()), [json!({"ban": true, "plan": "pro", "theme": "dark"}), own, json!({})]);
    assert_eq!(choices(vec![ban], None), [json!({"ban": true}), json!({})]);
    assert_eq!(choices(vec![theme], None), [json!({"theme": "dark"}), json!({})]);
    // The claim of the hook is not one that users write.
    assert_eq!(choices(vec![plan], hooked.as_ref()), [json!({"plan": "pro"}), json!({})]);
    assert_eq!(choices(Vec::new(), None), [json!({})]);
}

/// Otherwise a claim of our own could be set by a mapping.
#[test]
fn every_claim_that_this_service_issues_is_locked() {
    use tokensmith_verifier::issuing::{IdTokenClaims, RefreshClaims};
    use tokensmith_verifier::{AccessClaims, Credential, Jti, RequiredClaims, Subject};

    let (aud, at, id) = (Audience::One("a".to_owned()), Timestamp(1), Id::from_bytes([1; 16]));
    let mut access = AccessClaims::new(RequiredClaims {
        iss: "i".to_owned(),
        sub: Subject::new("s"),
        aud: aud.clone(),
        exp: at,
        iat: at,
        jti: Jti::from_bytes([1; 16]),
        client_id: "c".to_owned(),
        credential: Credential::Client,
    });
    (access.sid, access.auth_time, access.nbf) = (Some(Id::from_bytes([1; 16])), Some(at), Some(at));
    (access.amr, access.roles) = (Some(Vec::new()), vec!["r".to_owned()]);
    (access.scope, access.acr, access.idp) = (Some("s".to_owned()), Some("a".to_owned()), Some("i".to_owned()));
    (access.cnf, access.act) = (Some(Map::new()), Some(Map::new()));
    let id_token = IdTokenClaims {
        iss: "i".to_owned(),
        sub: Subject::new("s"),
        aud: aud.clone(),
        exp: at,
        iat: at,
        auth_time: at,
        nonce: Some("n".to_owned()),
        acr: Some("a".to_owned()),
        idp: Some("i".to_owned()),
        amr: Vec::new(),
        azp: "a".to_owned(),
        sid: Id::from_bytes([1; 16]),
        at_hash: "h".to_owned(),
        extra: Map::new(),
    };
    let refresh = RefreshClaims {
        iss: "i".to_owned(),
        sub: id,
        aud,
        iat: at,
        exp: at,
        sid: Id::from_bytes([1; 16]),
        generation: 1,
        jti: "j".to_owned(),
        client_id: "c".to_owned(),
        token_type: Some("refresh".to_owned()),
    };
    for claims in [serde_json::to_value(access), serde_json::to_value(id_token), serde_json::to_value(refresh)] {
        for name in claims.unwrap().as_object().unwrap().keys() {
            assert!(LOCKED.contains(&name.as_str()), "{name}");
        }
    }
}
