//! Each guard for routes with each kind of token, for reading and for changing.

use actix_web::web::{self, Data, ServiceConfig};
use serde_json::{Value, json};
use tokensmith::internals::clock::{Clock as _, Seconds};
use tokensmith::internals::jwt::SigningAlg;
use tokensmith::internals::model::id::Jti;
use tokensmith_verifier::{
    AccessClaims, Admin, Audience, Bearer, BearerOrReadOnly, Credential, LoggedIn, MaybeBearer, RequiredClaims, Role,
    Scope, Subject, WithRole, WithScope,
};

use crate::api_tokens::{exchange, make};
use crate::support::oauth::{As, NOTES};
use crate::support::running::Running;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

both_engines!(
    each_permission_lets_in_the_right_callers_and_no_others,
    a_login_counts_wherever_it_was_made_and_manages_accounts_only_where_the_issuer_saw_it,
    a_client_passes_for_itself_with_the_scopes_that_it_was_granted,
    roles_and_scopes_are_those_of_the_token_that_is_shown,
    a_token_that_is_refused_is_told_so_with_a_challenge,
);

/// Returns only who was let in.
fn who(claims: Option<&AccessClaims>) -> String {
    claims.map_or_else(|| "anonymous".to_owned(), |claims| claims.client_id.clone())
}

async fn anyone(MaybeBearer(claims): MaybeBearer) -> String {
    who(claims.as_deref())
}

async fn readers(BearerOrReadOnly(claims): BearerOrReadOnly) -> String {
    who(claims.as_deref())
}

async fn authenticated(Bearer(claims): Bearer) -> String {
    who(Some(&claims))
}

async fn logged_in(LoggedIn(claims): LoggedIn) -> String {
    who(Some(&claims))
}

async fn admin(token: WithRole<Admin>) -> String {
    who(Some(&token.0))
}

struct Editor;
impl Role for Editor {
    const NAME: &'static str = "editor";
}

struct ReadNotes;
impl Scope for ReadNotes {
    const NAME: &'static str = "notes:read";
}

struct WriteNotes;
impl Scope for WriteNotes {
    const NAME: &'static str = "notes:write";
}

async fn editor(token: WithRole<Editor>) -> String {
    who(Some(&token.0))
}

async fn read(token: WithScope<ReadNotes>) -> String {
    who(Some(&token.0))
}

async fn write(token: WithScope<WriteNotes>) -> String {
    who(Some(&token.0))
}

/// A service whose routes are guarded with the issuer's own verifier.
fn guarded(app: &TestApp) -> Running {
    let verifier = Data::new(app.inside.verifier.clone());
    Running::start(move |config: &mut ServiceConfig| {
        config
            .app_data(verifier.clone())
            .service(web::resource("/anyone").get(anyone).post(anyone))
            .service(web::resource("/read-only").get(readers).post(readers))
            .service(web::resource("/authenticated").get(authenticated).post(authenticated))
            .service(web::resource("/logged-in").get(logged_in))
            .service(web::resource("/admin").get(admin).post(admin))
            .service(web::resource("/editor").get(editor))
            .service(web::resource("/notes/read").get(read))
            .service(web::resource("/notes/write").get(write));
    })
}

/// Who was let in, or the status and the code of the refusal.
fn outcome(answer: &Answer) -> String {
    if answer.status == 200 {
        return answer.body.clone();
    }
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    format!("{} {}", answer.status, answer.json()["code"].as_str().unwrap())
}

fn send(client: &Client, method: &str, path: &str, authorization: Option<&str>) -> Answer {
    let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
    client.send(method, path, &headers, b"")
}

fn bearer(pair: &Value) -> String {
    format!("Bearer {}", pair["access_token"].as_str().unwrap())
}

fn key(made: &Value) -> String {
    format!("Token {}", made["key"].as_str().unwrap())
}

const ANYBODY: &str = "anonymous";
const LOGIN: &str = "first-party";
const SCRIPT: &str = "api-token";
const NO_TOKEN: &str = "401 access_token_missing";
const NO_LOGIN: &str = "403 session_required";
const NO_USER: &str = "403 application_token";
const NO_ROLE: &str = "403 role_missing";
const NO_SCOPE: &str = "403 scope_missing";
const EXPIRED: &str = "401 token_expired";
const REVOKED: &str = "401 token_revoked";

/// What each caller gets: an anonymous one, a user, an administrator, a user's API token, and users whose access token
/// has expired or was revoked.
#[rustfmt::skip]
const MATRIX: [(&str, &str, [&str; 6]); 8] = [
    //                          anonymous user     admin  API token expired  revoked
    ("GET",  "/anyone",        [ANYBODY,  LOGIN,   LOGIN, SCRIPT,   EXPIRED, REVOKED]),
    ("POST", "/anyone",        [ANYBODY,  LOGIN,   LOGIN, SCRIPT,   EXPIRED, REVOKED]),
    ("GET",  "/read-only",     [ANYBODY,  LOGIN,   LOGIN, SCRIPT,   EXPIRED, REVOKED]),
    ("POST", "/read-only",     [NO_TOKEN, LOGIN,   LOGIN, SCRIPT,   EXPIRED, REVOKED]),
    ("GET",  "/authenticated", [NO_TOKEN, LOGIN,   LOGIN, SCRIPT,   EXPIRED, REVOKED]),
    ("POST", "/authenticated", [NO_TOKEN, LOGIN,   LOGIN, SCRIPT,   EXPIRED, REVOKED]),
    ("GET",  "/admin",         [NO_TOKEN, NO_ROLE, LOGIN, NO_ROLE,  EXPIRED, REVOKED]),
    ("POST", "/admin",         [NO_TOKEN, NO_ROLE, LOGIN, NO_ROLE,  EXPIRED, REVOKED]),
];

fn each_permission_lets_in_the_right_callers_and_no_others(engine: Engine) {
    let app = TestApp::start(engine);
    let service = guarded(&app);
    app.create_user("ada", &["admin"]);
    let expired = app.logged_in("bob");
    app.advance(300);
    let [user, revoked] = [(), ()].map(|()| app.login("bob", PASSWORD).ok());
    let admin = app.login("ada", PASSWORD).ok();
    let script = make(&app, &user, &json!({"name": "backup"}));
    app.revoke(&revoked["refresh_token"]);

    let tokens = [
        None,
        Some(bearer(&user)),
        Some(bearer(&admin)),
        Some(key(&script)),
        Some(bearer(&expired)),
        Some(bearer(&revoked)),
    ];
    let client = Client::new(&service.base);
    for (method, path, expected) in MATRIX {
        let seen = tokens.each_ref().map(|token| outcome(&send(&client, method, path, token.as_deref())));
        assert_eq!(seen, expected, "{method} {path}");
    }
}

/// A token as the issuer will write it for other clients.
fn issued(app: &TestApp, credential: Credential, pair: &Value) -> String {
    let user = pair["user"]["id"].as_str().unwrap();
    let (now, is_user) = (app.clock.now(), credential != Credential::Client);
    let mut claims = AccessClaims::new(RequiredClaims {
        iss: "http://127.0.0.1:8080".to_owned(),
        sub: Subject::new(if is_user { user } else { "notes-app" }),
        aud: Audience::One("http://127.0.0.1:8080".to_owned()),
        exp: now + Seconds(300),
        iat: now,
        jti: Jti::from_bytes([7; 16]),
        client_id: "notes-app".to_owned(),
        credential,
    });
    claims.sid = pair["session_id"].as_str().and_then(|sid| sid.parse().ok()).filter(|_| is_user);
    claims.auth_time = is_user.then_some(now);
    claims.roles = vec!["admin".to_owned()];
    format!("Bearer {}", app.inside.keys.ring().sign(&claims, Some(SigningAlg::Es256), now).unwrap())
}

/// Who is let in elsewhere, then at this service's own account and administration.
fn a_login_counts_wherever_it_was_made_and_manages_accounts_only_where_the_issuer_saw_it(engine: Engine) {
    let app = TestApp::start(engine);
    let service = guarded(&app);
    app.create_user("ada", &["admin"]);
    let pair = app.login("ada", PASSWORD).ok();
    let script = make(&app, &pair, &json!({"name": "backup", "roles": ["admin"]}));
    let application = issued(&app, Credential::Application, &pair);
    let client = issued(&app, Credential::Client, &pair);
    let service = Client::new(&service.base);
    let seen = |client: &Client, path: &str, token: &str| {
        let answer = send(client, "GET", path, Some(token));
        if answer.status == 200 && answer.body.starts_with('{') { "in".to_owned() } else { outcome(&answer) }
    };
    for (token, logged_in, sessions, users) in [
        (&bearer(&pair), LOGIN, "in", "in"),
        (&application, "notes-app", NO_USER, NO_USER),
        (&client, NO_LOGIN, NO_USER, NO_USER),
        (&key(&script), NO_LOGIN, NO_LOGIN, "in"),
        (&bearer(&exchange(&app, &script)), NO_LOGIN, NO_LOGIN, "in"),
    ] {
        assert_eq!(seen(&service, "/logged-in", token), logged_in, "{token}");
        assert_eq!(seen(&app, "/v1/sessions", token), sessions, "{token}");
        assert_eq!(seen(&app, "/v1/admin/users", token), users, "{token}");
    }
    for token in [&application, &client] {
        for path in ["/v1/me", "/v1/me/profile"] {
            send(&app, "GET", path, Some(token)).problem(403, "application_token");
        }
    }
}

/// RFC 9068 section 2.2: it is the subject; no user takes part.
fn a_client_passes_for_itself_with_the_scopes_that_it_was_granted(engine: Engine) {
    let app = TestApp::start(engine);
    let service = guarded(&app);
    app.insert_client(&NOTES);
    let asked = [("grant_type", "client_credentials"), ("scope", "notes:read")];
    let tokens = app.token(As("notes"), &asked).ok();
    let client = Client::new(&service.base);
    for (path, expected) in [
        ("/anyone", "notes"),
        ("/authenticated", "notes"),
        ("/notes/read", "notes"),
        ("/notes/write", NO_SCOPE),
        ("/logged-in", NO_LOGIN),
        ("/admin", NO_ROLE),
    ] {
        assert_eq!(outcome(&send(&client, "GET", path, Some(&bearer(&tokens)))), expected, "{path}");
    }
    let refused = send(&client, "GET", "/notes/write", Some(&bearer(&tokens)));
    let challenge = refused.header("www-authenticate");
    // RFC 6750 section 3.
    assert!(challenge.contains(r#"error="insufficient_scope", scope="notes:write""#), "{challenge}");

    let claims = app.inside.verifier.verify(tokens["access_token"].as_str().unwrap()).unwrap();
    assert_eq!((claims.client_id.as_str(), claims.scope.as_deref()), ("notes", Some("notes:read")));
    assert_eq!((claims.user_id(), claims.credential()), (None, Credential::Client));
}

/// What is asked for, and what each gets: an anonymous caller, an editor and another user who have logged in, API tokens
/// of the editor with one scope and with the role alone, and what those are exchanged for.
#[rustfmt::skip]
const GUARDS: [(&str, [&str; 7]); 3] = [
    //               nobody    editor  user     scope     role      exchanged scope and role
    ("/editor",      [NO_TOKEN, LOGIN, NO_ROLE, NO_ROLE,  SCRIPT,   NO_ROLE,  SCRIPT]),
    ("/notes/read",  [NO_TOKEN, LOGIN, LOGIN,   SCRIPT,   NO_SCOPE, SCRIPT,   NO_SCOPE]),
    ("/notes/write", [NO_TOKEN, LOGIN, LOGIN,   NO_SCOPE, NO_SCOPE, NO_SCOPE, NO_SCOPE]),
];

fn roles_and_scopes_are_those_of_the_token_that_is_shown(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SCOPES", "notes:read notes:write")]);
    let service = guarded(&app);
    app.create_user("ada", &["editor"]);
    let [ada, bob] = [app.login("ada", PASSWORD).ok(), app.logged_in("bob")];
    assert_eq!(ada["scope"], "notes:read notes:write", "a login may do everything");
    let scope = make(&app, &ada, &json!({"name": "reader", "scopes": ["notes:read"]}));
    let role = make(&app, &ada, &json!({"name": "editor", "roles": ["editor"]}));
    let exchanged = [&scope, &role].map(|made| bearer(&exchange(&app, made)));
    let [with_scope, with_role] = exchanged.map(Some);
    let tokens =
        [None, Some(bearer(&ada)), Some(bearer(&bob)), Some(key(&scope)), Some(key(&role)), with_scope, with_role];
    let client = Client::new(&service.base);
    for (path, expected) in GUARDS {
        let seen = tokens.each_ref().map(|token| outcome(&send(&client, "GET", path, token.as_deref())));
        assert_eq!(seen, expected, "{path}");
    }
}

/// Even where a token is optional, a bad one is refused.
fn a_token_that_is_refused_is_told_so_with_a_challenge(engine: Engine) {
    let app = TestApp::start(engine);
    let service = guarded(&app);
    let client = Client::new(&service.base);
    let pair = app.logged_in("ada");
    let [expired, revoked] =
        [json!({"name": "brief", "expires_in": 1}), json!({"name": "x"})].map(|body| make(&app, &pair, &body));
    app.advance(1);
    app.revoke(&revoked["key"]);
    for (authorization, code, error) in [
        (key(&expired), "401 api_token_expired", "invalid_token"),
        (key(&revoked), "401 api_token_revoked", "invalid_token"),
        ("Token garbage".to_owned(), "401 api_token_malformed", "invalid_token"),
        ("Bearer tks_garbage".to_owned(), "401 api_token_malformed", "invalid_token"),
        ("Bearer garbage".to_owned(), "401 token_malformed", "invalid_token"),
        (format!("Bearer {}", pair["refresh_token"].as_str().unwrap()), "401 token_wrong_type", "invalid_token"),
        ("Bearer two tokens".to_owned(), "400 invalid_request", "invalid_request"),
    ] {
        for (method, path) in [("GET", "/anyone"), ("GET", "/read-only"), ("POST", "/read-only"), ("GET", "/admin")] {
            let answer = send(&client, method, path, Some(&authorization));
            assert_eq!(outcome(&answer), code, "{method} {path}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains(&format!(r#"error="{error}""#)), "{method} {path}: {challenge}");
        }
    }
}
