//! Tokens that are denied, and tokens that other denials do not concern.

use serde_json::{Value, json};

use super::{accepted, refused};
use crate::issuer::{Issuer, NOW, SESSION, TOKEN, USER};
use crate::merged;

pub(super) fn cases(issuer: &Issuer) -> Vec<Value> {
    let other_session = SESSION.replace("00a", "00b");
    let of_login = json!({});
    let of_program = json!({"sub": "job", "client_id": "job", "credential": "client", "sid": null});
    let kind = |kind: &str, id: &str, before: i64| json!({"kinds": [{"kind": kind, "id": id, "before": before}]});
    let begin = NOW - 60;
    let revoked = "token_revoked";
    [
        ("its session is denied", &of_login, json!({"sid": [other_session, SESSION]}), revoked),
        ("another session is denied", &of_login, json!({"sid": [other_session]}), "ok"),
        ("it is denied itself", &of_login, json!({"jti": [TOKEN]}), revoked),
        ("another token is denied", &of_login, json!({"jti": ["AAECAwQFBgcICQoLDA0OEA"]}), "ok"),
        ("a token without a session is denied itself", &of_program, json!({"jti": [TOKEN]}), revoked),
        ("a token without a session, and a session is denied", &of_program, json!({"sid": [SESSION]}), "ok"),
        ("its user is denied from later on", &of_login, kind("user", USER, begin + 1), revoked),
        ("its user is denied up to its second", &of_login, kind("user", USER, begin), "ok"),
        ("its user is denied up to an earlier second", &of_login, kind("user", USER, begin - 1), "ok"),
        ("another user is denied", &of_login, kind("user", "somebody", NOW), "ok"),
        ("its client is denied", &of_login, kind("client", "first-party", NOW), revoked),
        ("its client is denied up to its second", &of_login, kind("client", "first-party", begin), "ok"),
        ("another client is denied", &of_login, kind("client", "notes-app", NOW), "ok"),
        ("a client has the name of its user", &of_login, kind("client", USER, NOW), "ok"),
        ("a user has the name of its client", &of_login, kind("user", "first-party", NOW), "ok"),
        ("the program that it belongs to is denied as a client", &of_program, kind("client", "job", NOW), revoked),
        ("the program that it belongs to is denied as a user", &of_program, kind("user", "job", NOW), revoked),
        ("a kind that is not known is denied", &of_login, kind("device", USER, NOW), "ok"),
        (
            "its user is denied twice, and the later instant counts",
            &of_login,
            json!({"kinds": [
                {"kind": "user", "id": USER, "before": NOW}, {"kind": "user", "id": USER, "before": begin - 100},
            ]}),
            revoked,
        ),
        ("it is denied and has expired", &json!({"exp": NOW}), json!({"jti": [TOKEN]}), "token_expired"),
        ("it is denied and for others", &json!({"aud": "a"}), json!({"jti": [TOKEN]}), "token_wrong_audience"),
    ]
    .map(|(name, changes, denied, code)| {
        let token = issuer.with_claims(changes);
        let case = if code == "ok" { accepted(name, token) } else { refused(name, token, code) };
        merged(&case, &json!({ "denied": denied }))
    })
    .into()
}
