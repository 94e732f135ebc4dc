//! `requests.json`: requests to a protected endpoint, and the responses.

use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, ISSUER, Issuer, NOW, SESSION, changed};
use crate::merged;

pub(crate) fn file(issuer: &Issuer) -> Value {
    let cases = [headers(issuer), refusals(issuer), guards(issuer), settings(issuer)].concat();
    json!({
        "description": "Requests to a protected endpoint, and how they are answered.",
        "issuer": ISSUER, "audiences": [AUDIENCE], "now": NOW, "jwks": issuer.jwks(), "cases": cases,
    })
}

/// The parameters of a challenge behind the realm.
fn response(name: &str, headers: &Value, status: u16, code: Option<&str>, parameters: Option<&str>) -> Value {
    let challenge = parameters.map(|parameters| format!(r#"Bearer realm="{AUDIENCE}"{parameters}"#));
    json!({"name": name, "headers": headers, "status": status, "code": code, "www_authenticate": challenge})
}

fn bearer(token: &str) -> Value {
    json!([["Authorization", format!("Bearer {token}")]])
}

fn let_in(name: &str, headers: &Value) -> Value {
    response(name, headers, 200, None, None)
}

fn missing(name: &str, headers: &Value) -> Value {
    response(name, headers, 401, Some("access_token_missing"), Some(""))
}

fn invalid(name: &str, headers: &Value) -> Value {
    let description = if headers.as_array().unwrap().len() > 1 {
        "there is more than one Authorization header"
    } else if headers[0][1].as_str().unwrap().is_ascii() {
        "expected Authorization: Bearer and one token"
    } else {
        "the Authorization header is not ASCII"
    };
    let parameters = format!(r#", error="invalid_request", error_description="{description}""#);
    response(name, headers, 400, Some("invalid_request"), Some(&parameters))
}

fn refused(name: &str, token: &str, code: &str, description: &str) -> Value {
    let parameters = format!(r#", error="invalid_token", error_description="{description}""#);
    response(name, &bearer(token), 401, Some(code), Some(&parameters))
}

fn headers(issuer: &Issuer) -> Vec<Value> {
    let token = issuer.with_claims(&json!({}));
    let authorization = |value: String| json!([["Authorization", value]]);
    let expired = issuer.with_claims(&json!({"exp": NOW}));
    vec![
        let_in("a token", &bearer(&token)),
        let_in("the name of the header in lower case", &json!([["authorization", format!("Bearer {token}")]])),
        let_in("the scheme in lower case", &authorization(format!("bearer {token}"))),
        let_in("the scheme in capitals", &authorization(format!("BEARER {token}"))),
        let_in("two spaces behind the scheme", &authorization(format!("Bearer  {token}"))),
        let_in(
            "other headers beside it",
            &json!([["Accept", "*/*"], ["Authorization", format!("Bearer {token}")], ["Cookie", "a=b"]]),
        ),
        missing("no header", &json!([])),
        missing("a token in another header", &json!([["X-Authorization", format!("Bearer {token}")]])),
        missing("a token in a cookie", &json!([["Cookie", format!("access_token={token}; __Host-ts_access={token}")]])),
        missing("an empty header", &authorization(String::new())),
        missing("Basic", &authorization("Basic YWRhOnNlY3JldA==".to_owned())),
        missing("Basic with a token", &authorization(format!("Basic {token}"))),
        missing("another scheme", &authorization(format!("Token {token}"))),
        missing("DPoP", &authorization(format!("DPoP {token}"))),
        missing("a token without a scheme", &authorization(token.clone())),
        missing("a scheme that begins like ours", &authorization(format!("Bearers {token}"))),
        missing("a scheme with a colon", &authorization(format!("Bearer: {token}"))),
        missing("a scheme and a token without space", &authorization(format!("Bearer{token}"))),
        invalid("a scheme alone", &authorization("Bearer".to_owned())),
        invalid("a scheme and a space", &authorization("Bearer ".to_owned())),
        invalid("two tokens", &authorization(format!("Bearer {token} {token}"))),
        invalid("two tokens with a comma", &authorization(format!("Bearer {token}, Bearer {token}"))),
        invalid("a token and a comma", &authorization(format!("Bearer {token},"))),
        invalid("a token in quotes", &authorization(format!("Bearer \"{token}\""))),
        invalid("a token as a parameter", &authorization(format!("Bearer token=\"{token}\""))),
        invalid("a word in brackets", &authorization("Bearer {token}".to_owned())),
        invalid("a token beyond ASCII", &authorization(format!("Bearer \u{e9}{token}"))),
        invalid("an expired token and a comma", &authorization(format!("Bearer {expired},"))),
        invalid(
            "two headers",
            &json!([["Authorization", format!("Bearer {token}")], ["Authorization", format!("Bearer {token}")]]),
        ),
        invalid(
            "two headers, the second of another scheme",
            &json!([["Authorization", format!("Bearer {token}")], ["authorization", "Basic YWRhOnNlY3JldA=="]]),
        ),
        invalid(
            "two headers without a token",
            &json!([["Authorization", "Basic YTpi"], ["Authorization", "Basic YTpi"]]),
        ),
    ]
}

/// One for each code of a refused token.
fn refusals(issuer: &Issuer) -> Vec<Value> {
    let header = |changes: Value| issuer.with_header(&changes);
    let claims = |changes: Value| issuer.with_claims(&changes);
    let foreign = {
        let message = issuer.with_claims(&json!({}));
        issuer.signer.sign(&issuer.foreign, message.rsplit_once('.').unwrap().0)
    };
    let cases = [
        ("a word", "garbage".to_owned(), "token_malformed", "the token is malformed"),
        ("claims of another type", claims(json!({"exp": "x"})), "token_malformed", "the token is malformed"),
        (
            "an ID token",
            header(json!({"typ": "JWT"})),
            "token_wrong_type",
            "the token is of another type than the one expected here",
        ),
        (
            "a key that is not known",
            header(json!({"kid": "x"})),
            "token_unknown_key",
            "the token is signed with a key that is not known here",
        ),
        (
            "another algorithm",
            header(json!({"alg": "none"})),
            "token_wrong_algorithm",
            "the token's algorithm is not the one of its key",
        ),
        ("a foreign signature", foreign, "token_bad_signature", "the token's signature is not valid"),
        (
            "another issuer",
            claims(json!({"iss": "x"})),
            "token_wrong_issuer",
            "the token was issued by another service",
        ),
        (
            "another audience",
            claims(json!({"aud": "x"})),
            "token_wrong_audience",
            "the token is meant for another audience",
        ),
        (
            "a token of tomorrow",
            claims(json!({"iat": NOW + 86_400})),
            "token_not_yet_valid",
            "the token is not valid yet",
        ),
        ("an expired token", claims(json!({"exp": NOW})), "token_expired", "the token has expired"),
    ];
    let mut cases: Vec<Value> =
        cases.map(|(name, token, code, description)| refused(name, &token, code, description)).into();
    let revoked = refused("a revoked token", &claims(json!({})), "token_revoked", "the token was revoked");
    let challenge = revoked["www_authenticate"].as_str().unwrap().replace(AUDIENCE, ISSUER);
    let denied = json!({"sid": [SESSION], "jti": [], "kinds": []});
    cases.push(merged(&revoked, &json!({"denied": denied, "realm": ISSUER, "www_authenticate": challenge})));
    cases
}

/// The roles and scopes that a request needs.
fn guards(issuer: &Issuer) -> Vec<Value> {
    let by = |claims: Value| bearer(&issuer.with_claims(&claims));
    let program = json!({"sub": "job", "client_id": "job", "credential": "client", "sid": null, "scope": "notes:read"});
    let of_api_token = json!({"client_id": "api-token", "credential": "api_token", "sid": null, "roles": ["editor"]});
    let forbidden = |name: &str, headers: Value, code: &str, parameters: &str| {
        let parameters = format!(r#", error="insufficient_scope"{parameters}"#);
        response(name, &headers, 403, Some(code), Some(&parameters))
    };
    let role = |case: Value| merged(&case, &json!({"role": "editor"}));
    let scope = |case: Value| merged(&case, &json!({"scope": "notes:read"}));
    let login = |case: Value| merged(&case, &json!({"login": true}));
    let no_role = |name, claims| {
        forbidden(name, by(claims), "role_missing", r#", error_description="the role 'editor' is needed""#)
    };
    let no_scope = |name, claims| {
        forbidden(
            name,
            by(claims),
            "scope_missing",
            r#", scope="notes:read", error_description="the scope 'notes:read' is needed""#,
        )
    };
    let no_login = |name, claims| {
        forbidden(
            name,
            by(claims),
            "session_required",
            r#", error_description="this needs a login; an API token may not do it""#,
        )
    };
    vec![
        role(let_in("the role", &by(json!({"roles": ["editor"]})))),
        role(let_in("the role among others", &by(json!({"roles": ["admin", "editor"]})))),
        role(let_in("the role from an API token", &by(of_api_token.clone()))),
        role(no_role("no role", json!({}))),
        role(no_role("the role of administrators", json!({"roles": ["admin"]}))),
        role(no_role("the role in other case", json!({"roles": ["Editor"]}))),
        role(no_role("a role that contains it", json!({"roles": ["editors", "an editor"]}))),
        role(no_role("the role as a scope", json!({"scope": "editor"}))),
        role(missing("no token where a role is needed", &json!([]))),
        role(refused(
            "an expired token with the role",
            &issuer.with_claims(&json!({"roles": ["editor"], "exp": NOW})),
            "token_expired",
            "the token has expired",
        )),
        scope(let_in("the scope", &by(json!({"scope": "notes:read"})))),
        scope(let_in("the scope among others", &by(json!({"scope": "openid notes:read notes:write"})))),
        scope(let_in("the scope of a program", &by(program.clone()))),
        scope(no_scope("no scope", json!({}))),
        scope(no_scope("an empty scope", json!({"scope": ""}))),
        scope(no_scope("another scope", json!({"scope": "notes:write"}))),
        scope(no_scope("a scope that contains it", json!({"scope": "notes:readwrite my-notes:read notes:read:all"}))),
        scope(no_scope("the scope in other case", json!({"scope": "Notes:Read"}))),
        scope(no_scope("scopes that are separated by commas", json!({"scope": "notes:write,notes:read"}))),
        scope(no_scope("the scope as a role", json!({"roles": ["notes:read"]}))),
        login(let_in("a login", &by(json!({})))),
        login(let_in(
            "a login through an application",
            &by(json!({"client_id": "notes-app", "credential": "application"})),
        )),
        login(no_login("an API token where a login is needed", of_api_token)),
        login(no_login("a program where a login is needed", program.clone())),
        login(no_login("a credential that is not known where a login is needed", json!({"credential": "device"}))),
        login(no_login("a client of before the claim where a login is needed", json!({"client_id": "notes-app"}))),
        let_in(
            "a program where any token will do",
            &bearer(&issuer.with_claims(&changed(&program, &json!({"scope": null})))),
        ),
    ]
}

/// The realm, and the metadata of the resource (RFC 9728 section 5.1).
fn settings(issuer: &Issuer) -> Vec<Value> {
    let with_realm = |case: Value| {
        let challenge = case["www_authenticate"].as_str().unwrap().replace(AUDIENCE, r#"the \"notes\" \\ and more"#);
        merged(&case, &json!({"realm": r#"the "notes" \ and more"#, "www_authenticate": challenge}))
    };
    let with_resource = |resource: &str, path: &str, case: Value| {
        let url = format!("{AUDIENCE}/.well-known/oauth-protected-resource{path}");
        let challenge = case["www_authenticate"].as_str().map(|told| format!(r#"{told}, resource_metadata="{url}""#));
        merged(&case, &json!({"resource": resource, "www_authenticate": challenge}))
    };
    let of = |case: Value| with_resource(AUDIENCE, "", case);
    let expired = issuer.with_claims(&json!({"exp": NOW}));
    let no_role = r#", error="insufficient_scope", error_description="the role 'editor' is needed""#;
    let no_role =
        |name| response(name, &bearer(&issuer.with_claims(&json!({}))), 403, Some("role_missing"), Some(no_role));
    vec![
        with_realm(missing("a realm with quotes", &json!([]))),
        with_realm(refused("a realm with quotes, and a bad token", &expired, "token_expired", "the token has expired")),
        of(missing("a resource, and no token", &json!([]))),
        of(refused("a resource, and a bad token", &expired, "token_expired", "the token has expired")),
        of(merged(&no_role("a resource, and no role"), &json!({"role": "editor"}))),
        of(let_in("a resource, and a good token", &bearer(&issuer.with_claims(&json!({}))))),
        with_resource("https://api.example.com/notes", "/notes", missing("a resource with a path", &json!([]))),
    ]
}
