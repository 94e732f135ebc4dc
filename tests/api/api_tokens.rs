//! `/v1/api-tokens` and `/v1/api-tokens/exchange`: keys for scripts.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::entropy::SeededEntropy;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::secret::ApiKey;
use tokensmith::internals::service::{purge, users};
use tokensmith_verifier::Verifier;

use crate::support::backend::Backend;
use crate::support::postgres::{self, Cluster};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_key_is_shown_once_and_only_its_digest_is_kept,
    a_token_has_scopes_of_the_service_roles_of_its_owner_and_an_end_within_bounds,
    a_user_has_a_hundred_that_are_accepted_at_most,
    creating_and_rotating_need_a_recent_password_and_revoking_does_not,
    a_key_is_accepted_under_both_schemes_for_who_its_owner_is,
    a_script_cannot_manage_its_owners_account_even_with_an_exchanged_token,
    an_api_token_administrates_only_with_the_role_and_while_its_owner_has_it,
    a_scope_that_the_service_has_given_up_is_not_granted_any_more,
    a_typing_mistake_in_a_key_costs_no_query,
    a_refused_key_says_why_wherever_it_is_shown,
    other_services_take_what_a_key_is_exchanged_for_offline,
    what_a_key_is_exchanged_for_does_not_outlive_it,
    only_a_key_can_be_exchanged,
    revoking_a_token_denies_everything_it_was_exchanged_for,
    rotating_replaces_the_key_and_denies_what_the_old_one_was_exchanged_for,
    the_last_use_is_recorded_to_the_minute_and_not_by_the_request,
    anyone_who_finds_a_key_can_verify_and_revoke_it,
    verifying_a_key_returns_its_current_state,
    a_key_that_is_reported_while_its_owner_is_disabled_stays_revoked,
    the_token_of_another_user_is_not_found,
    revoked_and_expired_tokens_are_deleted_after_the_retention_and_live_ones_stay,
);

const SCOPES: (&str, &str) = ("SCOPES", "notes:read notes:write");
const DAY: i64 = 86_400;

/// A new API token of the logged-in user, with its key.
#[track_caller]
pub fn make(app: &TestApp, pair: &Value, body: &Value) -> Value {
    let answer = app.ask_as("POST", "/v1/api-tokens", pair, Some(body));
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

/// The same without any scope, role or end.
fn plain(app: &TestApp, pair: &Value) -> Value {
    make(app, pair, &json!({"name": "backup"}))
}

/// The key in a header.
pub fn header(made: &Value) -> String {
    format!("Token {}", made["key"].as_str().unwrap())
}

fn me(app: &TestApp, made: &Value) -> Answer {
    app.ask("GET", "/v1/me", &header(made), None)
}

/// What the key is exchanged for.
#[track_caller]
pub fn exchange(app: &TestApp, made: &Value) -> Value {
    app.ask("POST", "/v1/api-tokens/exchange", &header(made), None).ok()
}

fn of(made: &Value) -> String {
    format!("/v1/api-tokens/{}", made["id"].as_str().unwrap())
}

#[track_caller]
fn revoke(app: &TestApp, pair: &Value, made: &Value) {
    assert_eq!(app.ask_as("DELETE", &of(made), pair, None).status, 204);
}

fn a_key_is_shown_once_and_only_its_digest_is_kept(engine: Engine) {
    let app = TestApp::start_with(engine, &[SCOPES]);
    app.create_user("ada", &["editor"]);
    let pair = app.login("ada", PASSWORD).ok();
    let body = json!({"name": " nightly backup ", "scopes": ["notes:read"], "roles": ["editor"], "expires_in": 3_600});
    let answer = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&body));
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let mut shown = answer.json();
    let (key, id) = (shown["key"].as_str().unwrap().to_owned(), shown["id"].clone());
    let random = key.strip_prefix("tks_").unwrap();
    assert_eq!(random.len(), 47);
    assert!(random.chars().all(|c| matches!(c, 'a'..='k' | 'm' | 'n' | 'p'..='z' | '2'..='9')), "{key}");
    shown.as_object_mut().unwrap().remove("key");
    let expected = json!({
        "id": id, "name": "nightly backup", "session_id": shown["session_id"], "scopes": ["notes:read"], "roles": ["editor"], "state": "active",
        "created_at": "2027-01-15T08:00:00Z", "expires_at": "2027-01-15T09:00:00Z",
        "last_used_at": null, "revoked_at": null,
    });
    assert_eq!(shown, expected);
    assert_eq!(app.ask_as("GET", "/v1/api-tokens", &pair, None).ok(), json!({"api_tokens": [expected]}));

    let mut hex = String::new();
    digest(&SHA256, key.as_bytes()).as_ref().iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
    let (literal, holds_it) = match engine {
        Engine::Sqlite => {
            let file = app.database_url.strip_prefix("sqlite://").unwrap();
            let files = [file.to_owned(), format!("{file}-wal")].map(|file| std::fs::read(file).unwrap_or_default());
            assert!(files.concat().windows(14).any(|bytes| bytes == b"nightly backup"), "it is in these files");
            (format!("x'{hex}'"), files.concat().windows(random.len()).any(|bytes| bytes == random.as_bytes()))
        }
        Engine::Postgres => {
            let rows = "select t::text as row from api_tokens t union select e::text from audit_events e";
            let bytea = format!("encode('{random}', 'hex')");
            let holds = format!(
                "select count(*) from ({rows}) r where row like '%{random}%' or row like '%' || {bytea} || '%'"
            );
            (format!("'\\x{hex}'"), app.number(&holds) > 0)
        }
    };
    assert_eq!(app.number(&format!("select count(*) from api_tokens where digest = {literal}")), 1);
    assert!(!holds_it, "the key itself is nowhere");
}

fn a_token_has_scopes_of_the_service_roles_of_its_owner_and_an_end_within_bounds(engine: Engine) {
    let app = TestApp::start_with(engine, &[SCOPES]);
    app.create_user("ada", &["editor"]);
    let pair = app.login("ada", PASSWORD).ok();
    let longest = 3_650 * DAY;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("scopes", json!(["notes:read", "notes:delete"])),
        ("scopes", json!(["notes:read notes:write"])),
        ("roles", json!(["admin"])),
        ("expires_in", json!(0)),
        ("expires_in", json!(-1)),
        ("expires_in", json!(longest + 1)),
        ("expires_in", json!(i64::MAX)),
    ] {
        let mut body = json!({"name": "backup"});
        body[field] = value;
        let problem = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&body)).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    let unknown = json!({"name": "backup", "scope": "notes:read"});
    app.ask_as("POST", "/v1/api-tokens", &pair, Some(&unknown)).problem(400, "malformed_json");
    assert_eq!(app.number("select count(*) from api_tokens"), 0);
    for seconds in [1, longest] {
        make(&app, &pair, &json!({"name": "x".repeat(100), "expires_in": seconds}));
    }
    assert_eq!(plain(&app, &pair)["expires_at"], Value::Null);
}

fn a_user_has_a_hundred_that_are_accepted_at_most(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    make(&app, &pair, &json!({"name": "brief", "expires_in": 1}));
    app.advance(1);
    let first = plain(&app, &pair);
    for _ in 1..100 {
        plain(&app, &pair);
    }
    let one_more = || app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "one more"})));
    one_more().problem(409, "too_many_api_tokens");
    assert_eq!(app.number("select count(*) from api_tokens"), 101);
    revoke(&app, &pair, &first);
    assert_eq!(one_more().status, 201);
    one_more().problem(409, "too_many_api_tokens");
}

fn creating_and_rotating_need_a_recent_password_and_revoking_does_not(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.advance(599);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    let made = plain(&app, &pair);
    app.advance(1);
    for (path, body) in [("/v1/api-tokens".to_owned(), Some(json!({"name": "x"}))), (of(&made) + "/rotate", None)] {
        let answer = app.ask_as("POST", &path, &pair, body.as_ref());
        answer.problem(401, "reauthentication_required");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains(r#"error="insufficient_user_authentication", max_age="600""#), "{challenge}");
    }
    assert_eq!(me(&app, &made).status, 200, "the key is as it was");
    revoke(&app, &pair, &made);
}

fn a_key_is_accepted_under_both_schemes_for_who_its_owner_is(engine: Engine) {
    let app = TestApp::start_with(engine, &[SCOPES]);
    let user = app.create_user("ada", &["editor", "poet"]);
    let pair = app.login("ada", PASSWORD).ok();
    let made =
        make(&app, &pair, &json!({"name": "backup", "scopes": ["notes:read"], "roles": ["poet"], "expires_in": 1_000}));
    app.advance(900);
    for scheme in ["Token", "Bearer", "tOKEN  "] {
        let authorization = format!("{scheme} {}", made["key"].as_str().unwrap());
        let answer = app.ask("GET", "/v1/me", &authorization, None);
        let me = answer.ok();
        let expected = json!({
            "id": user.id.to_string(), "roles": ["poet"], "scope": "notes:read", "client_id": "api-token",
            "session_id": me["session_id"],
            "authenticated_at": "2027-01-15T08:00:00Z", "expires_at": "2027-01-15T08:16:40Z",
        });
        assert_eq!((&me, answer.header("x-user-id")), (&expected, user.id.to_string().as_str()), "{scheme}");
        assert_ne!(me["session_id"], pair["session_id"]);
        assert_eq!(app.ask("GET", "/v1/me/profile", &authorization, None).ok()["username"], "ada");
    }
    for twice in [["Token a", "Token b"], ["Token a", "Bearer b"]] {
        let headers = twice.map(|header| ("authorization", header));
        app.send("GET", "/v1/me", &headers, b"").problem(400, "invalid_request");
    }
}

fn a_script_cannot_manage_its_owners_account_even_with_an_exchanged_token(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let made = plain(&app, &pair);
    let session = format!("/v1/sessions/{}", pair["session_id"].as_str().unwrap());
    let exchanged = exchange(&app, &made);
    let as_jwt = format!("Bearer {}", exchanged["access_token"].as_str().unwrap());
    let passwords = json!({"current_password": PASSWORD, "new_password": "a long and unusual sentence"});
    for authorization in [header(&made), as_jwt] {
        for (method, path, body) in [
            ("POST", "/v1/logout", None),
            ("POST", "/v1/logout/all", None),
            ("GET", "/v1/sessions", None),
            ("DELETE", session.as_str(), None),
            ("PATCH", "/v1/me/profile", Some(json!({"name": "Ada"}))),
            ("POST", "/v1/me/password", Some(passwords.clone())),
            ("POST", "/v1/me/reauthenticate", Some(json!({"password": PASSWORD}))),
            ("GET", "/v1/api-tokens", None),
            ("POST", "/v1/api-tokens", Some(json!({"name": "another"}))),
            ("POST", &(of(&made) + "/rotate"), None),
            ("DELETE", &of(&made), None),
        ] {
            let answer = app.ask(method, path, &authorization, body.as_ref());
            answer.problem(403, "session_required");
            assert!(answer.header("www-authenticate").contains(r#"error="insufficient_scope""#), "{answer:?}");
        }
    }
    assert_eq!((app.me(&pair).status, me(&app, &made).status), (200, 200));
    assert_eq!(app.login("ada", PASSWORD).ok()["user"], pair["user"]);
}

fn an_api_token_administrates_only_with_the_role_and_while_its_owner_has_it(engine: Engine) {
    let app = TestApp::start(engine);
    let ada = app.create_user("ada", &["admin"]);
    app.create_user("eve", &["admin"]);
    let pair = app.login("ada", PASSWORD).ok();
    let [without, with] =
        [json!([]), json!(["admin"])].map(|roles| make(&app, &pair, &json!({"name": "x", "roles": roles})));
    let list = |authorization: &str| app.ask("GET", "/v1/admin/users", authorization, None);
    let jwt = |made: &Value| format!("Bearer {}", exchange(&app, made)["access_token"].as_str().unwrap());
    for authorization in [header(&without), jwt(&without)] {
        list(&authorization).problem(403, "role_missing");
    }
    for authorization in [header(&with), jwt(&with)] {
        list(&authorization).ok();
    }
    // The password was given when the token was made.
    app.advance(DAY);
    let new = json!({"username": "bob", "password": "a long and unusual sentence", "roles": []});
    let created = app.ask("POST", "/v1/admin/users", &header(&with), Some(&new));
    assert_eq!(created.status, 201, "{created:?}");

    users::set_roles(&app.inside, ada.id, &[], &Origin::default()).unwrap();
    for authorization in [header(&with), jwt(&with)] {
        list(&authorization).problem(403, "role_missing");
    }
    users::set_roles(&app.inside, ada.id, &["admin".to_owned()], &Origin::default()).unwrap();
    list(&header(&with)).ok();
}

fn a_scope_that_the_service_has_given_up_is_not_granted_any_more(engine: Engine) {
    let app = TestApp::start_with(engine, &[SCOPES]);
    let pair = app.logged_in("ada");
    let made = make(&app, &pair, &json!({"name": "backup", "scopes": ["notes:read", "notes:write"]}));
    assert_eq!(exchange(&app, &made)["scope"], "notes:read notes:write");
    let later = TestApp::start_on(TempDir::new().unwrap(), app.database_url.clone(), &[("SCOPES", "notes:read")]);
    assert_eq!(me(&later, &made).ok()["scope"], "notes:read");
    assert_eq!(exchange(&later, &made)["scope"], "notes:read");
}

fn a_typing_mistake_in_a_key_costs_no_query(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let made = plain(&app, &pair);
    let key = made["key"].as_str().unwrap();
    let last = if key.ends_with('a') { "b" } else { "a" };
    let mistyped = format!("{}{last}", &key[..key.len() - 1]);
    app.execute("alter table api_tokens rename to gone_api_tokens");
    assert!(me(&app, &made).status >= 500, "the real one is looked up");
    for text in
        [mistyped.as_str(), &key[..key.len() - 1], &format!("{key}a"), &key.to_uppercase(), "tks_", "Bearer", ""]
    {
        for path in ["GET /v1/me", "GET /v1/me/profile", "POST /v1/api-tokens/exchange"] {
            let (method, path) = path.split_once(' ').unwrap();
            app.ask(method, path, &format!("Token {text}"), None).problem(401, "api_token_malformed");
        }
    }
    app.ask("GET", "/v1/me", &format!("Bearer {mistyped}"), None).problem(401, "api_token_malformed");
    app.ask("GET", "/v1/me", &format!("Token {}", pair["access_token"].as_str().unwrap()), None)
        .problem(401, "api_token_malformed");
    app.verify(&json!(mistyped)).problem(401, "api_token_malformed");
    assert_eq!(app.revoke(&json!(mistyped)).status, 204);
}

fn a_refused_key_says_why_wherever_it_is_shown(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let never_made = json!({"key": ApiKey::generate(&SeededEntropy::new(8)).unwrap().expose()});
    let revoked = plain(&app, &pair);
    revoke(&app, &pair, &revoked);
    revoke(&app, &pair, &revoked);
    let brief = make(&app, &pair, &json!({"name": "brief", "expires_in": 60}));
    let refused = |made: &Value, status: u16, code: &str| {
        let as_bearer = header(made).replace("Token", "Bearer");
        let answers = [
            me(&app, made),
            app.ask("GET", "/v1/me", &as_bearer, None),
            app.ask("POST", "/v1/api-tokens/exchange", &header(made), None),
            app.ask("POST", "/v1/api-tokens/exchange", &as_bearer, None),
        ];
        for answer in answers {
            answer.problem(status, code);
            // RFC 6750 section 3.1: that error is for a 401.
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge.contains(r#"error="invalid_token""#), status == 401, "{answer:?}");
        }
        app.verify(&made["key"]).problem(status, code);
    };
    refused(&never_made, 401, "api_token_unknown");
    refused(&revoked, 401, "api_token_revoked");
    app.advance(59);
    assert_eq!(me(&app, &brief).status, 200);
    app.advance(1);
    refused(&brief, 401, "api_token_expired");
    let list = app.ask_as("GET", "/v1/api-tokens", &pair, None).ok();
    let states: Vec<_> = list["api_tokens"].as_array().unwrap().iter().map(|token| token["state"].clone()).collect();
    assert_eq!(states, ["expired", "revoked"], "the newest first");
    let live = plain(&app, &pair);
    let ada = pair["user"]["id"].as_str().unwrap().parse().unwrap();
    users::disable(&app.inside, ada, &Origin::default()).unwrap();
    refused(&live, 403, "account_disabled");
}

fn other_services_take_what_a_key_is_exchanged_for_offline(engine: Engine) {
    let (issuer, one, other) = ("http://127.0.0.1:8080", "https://one.example.com", "https://other.example.com");
    let audiences = format!("{one}, {other}");
    let app = TestApp::start_with(engine, &[("AUDIENCE", &audiences), ("SCOPES", "reports:read notes:read")]);
    app.create_user("ada", &["admin", "editor"]);
    let pair = app.login("ada", PASSWORD).ok();
    let made = make(&app, &pair, &json!({"name": "x", "scopes": ["reports:read"], "roles": ["admin"]}));
    let jwks = app.get("/.well-known/jwks.json").body;
    let [one_service, other_service] = [one, other].map(|audience| {
        Backend::start(Verifier::from_jwks(&jwks, issuer, audience).clock(app.clock.clone()).build().unwrap())
    });
    let to = |body: Option<&Value>| app.ask("POST", "/v1/api-tokens/exchange", &header(&made), body);
    let answer = to(None);
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    let [for_one, for_other] = [answer.ok(), to(Some(&json!({"audience": other}))).ok()];
    let token = &for_one["access_token"];
    let expected = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "reports:read"});
    assert_eq!(for_one, expected, "no refresh token");
    to(Some(&json!({"audience": "https://third.example.com"}))).problem(400, "invalid_fields");

    for (service, exchanged, wrong) in [(&one_service, &for_one, &for_other), (&other_service, &for_other, &for_one)] {
        let get = |path: &str| service.get_as(path, exchanged["access_token"].as_str().unwrap());
        assert_eq!(get("/mine").body, "api-token 1800000000");
        for path in ["/me", "/admins", "/reports"] {
            assert_eq!(get(path).body, pair["user"]["id"].as_str().unwrap());
        }
        let refused = service.get_as("/me", wrong["access_token"].as_str().unwrap());
        assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("token_wrong_audience")));
        // The key itself means nothing there.
        let by_key = service.get_as("/me", made["key"].as_str().unwrap());
        assert_eq!((by_key.status, &by_key.json()["code"]), (401, &json!("token_malformed")));
    }
    let claims = app.verify(token).ok()["claims"].clone();
    assert_eq!((&claims["roles"], &claims["scope"]), (&json!(["admin"]), &json!("reports:read")));
    assert_ne!(claims["jti"], app.verify(&for_other["access_token"]).ok()["claims"]["jti"]);
}

fn what_a_key_is_exchanged_for_does_not_outlive_it(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let made = make(&app, &pair, &json!({"name": "brief", "expires_in": 400}));
    assert_eq!(exchange(&app, &made)["expires_in"], 300);
    app.advance(201);
    let exchanged = exchange(&app, &made);
    assert_eq!(exchanged["expires_in"], 199);
    app.advance(198);
    assert_eq!(app.me(&exchanged).status, 200);
    app.advance(1);
    app.me(&exchanged).problem(401, "token_expired");
}

fn only_a_key_can_be_exchanged(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let exchanged = exchange(&app, &plain(&app, &pair));
    for token in [&pair["access_token"], &pair["refresh_token"], &exchanged["access_token"]] {
        for scheme in ["Bearer", "Token"] {
            let authorization = format!("{scheme} {}", token.as_str().unwrap());
            app.ask("POST", "/v1/api-tokens/exchange", &authorization, None).problem(401, "api_token_malformed");
        }
    }
    app.ask("POST", "/v1/api-tokens/exchange", "Basic YWRhOng=", None).problem(401, "access_token_missing");
    app.post("/v1/api-tokens/exchange", &json!({})).problem(401, "access_token_missing");
}

fn revoking_a_token_denies_everything_it_was_exchanged_for(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let (made, other) = (plain(&app, &pair), plain(&app, &pair));
    let mut exchanged = Vec::new();
    for _ in 0..3 {
        exchanged.push(exchange(&app, &made));
        let ends_at = app.clock.now().0 + 300;
        let promised = format!("select count(*) from api_tokens where access_expires_by >= {ends_at}");
        assert_eq!(app.number(&promised), 1, "the row promises no less than was signed");
        app.advance(149);
    }
    let (of_other, login) = (exchange(&app, &other), app.login("ada", PASSWORD).ok());
    let last = exchange(&app, &made);
    revoke(&app, &login, &made);
    for token in [&exchanged[2], &last] {
        app.me(token).problem(401, "token_revoked");
        app.verify(&token["access_token"]).problem(401, "token_revoked");
    }
    assert_eq!((app.me(&of_other).status, app.me(&login).status), (200, 200));
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 1);
    app.advance(299);
    purge::all(&app.inside).unwrap();
    app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
    app.me(&last).problem(401, "token_revoked");
}

fn rotating_replaces_the_key_and_denies_what_the_old_one_was_exchanged_for(engine: Engine) {
    let app = TestApp::start_with(engine, &[SCOPES]);
    let pair = app.logged_in("ada");
    let made = make(&app, &pair, &json!({"name": "backup", "scopes": ["notes:read"], "expires_in": 3_600}));
    let from_old = exchange(&app, &made);
    let answer = app.ask_as("POST", &(of(&made) + "/rotate"), &pair, None);
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut rotated = answer.ok();
    let from_new = exchange(&app, &rotated);
    me(&app, &made).problem(401, "api_token_unknown");
    app.ask("POST", "/v1/api-tokens/exchange", &header(&made), None).problem(401, "api_token_unknown");
    app.me(&from_old).problem(401, "token_revoked");
    assert_eq!((me(&app, &rotated).status, app.me(&from_new).status), (200, 200));
    assert_eq!(from_new["scope"], "notes:read");
    assert_ne!(rotated["session_id"], made["session_id"]);
    for replaced in ["key", "session_id"] {
        rotated[replaced] = made[replaced].clone();
    }
    assert_eq!(rotated, made, "all else is as it was");
    let brief = make(&app, &pair, &json!({"name": "brief", "expires_in": 1}));
    app.advance(1);
    revoke(&app, &pair, &made);
    for over in [&made, &brief] {
        app.ask_as("POST", &(of(over) + "/rotate"), &pair, None).problem(404, "api_token_not_found");
    }
}

fn the_last_use_is_recorded_to_the_minute_and_not_by_the_request(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let made = plain(&app, &pair);
    let last_used_at = || app.number("select coalesce(last_used_at, 0) from api_tokens");
    let record = || app.inside.api_tokens.record_uses().unwrap();
    record();
    assert_eq!(last_used_at(), 0);
    let at = |seconds: i64| 1_800_000_000 + seconds;
    for (wait, before, after) in
        [(0, 0, at(0)), (30, at(0), at(0)), (31, at(0), at(61)), (59, at(61), at(61)), (1, at(61), at(121))]
    {
        app.advance(wait);
        assert_eq!(me(&app, &made).status, 200);
        assert_eq!(last_used_at(), before, "after {wait} s");
        record();
        assert_eq!(last_used_at(), after, "after {wait} s");
    }
    app.advance(60);
    exchange(&app, &made);
    record();
    let list = app.ask_as("GET", "/v1/api-tokens", &pair, None).ok();
    assert_eq!(list["api_tokens"][0]["last_used_at"], "2027-01-15T08:03:01Z");
}

fn anyone_who_finds_a_key_can_verify_and_revoke_it(engine: Engine) {
    let app = TestApp::start_with(engine, &[SCOPES]);
    app.create_user("ada", &["editor"]);
    let pair = app.login("ada", PASSWORD).ok();
    let made =
        make(&app, &pair, &json!({"name": "x", "scopes": ["notes:read"], "roles": ["editor"], "expires_in": 60}));
    let claims = json!({"id": made["id"], "sub": pair["user"]["id"], "scope": "notes:read", "roles": ["editor"]});
    let expected = json!({"kind": "api_token", "expires_at": "2027-01-15T08:01:00Z", "claims": claims});
    assert_eq!(app.verify(&made["key"]).ok(), expected);
    let exchanged = exchange(&app, &made);
    let unknown = ApiKey::generate(&SeededEntropy::new(8)).unwrap();
    assert_eq!(app.revoke(&json!(unknown.expose())).status, 204);
    assert_eq!(me(&app, &made).status, 200);
    for _ in 0..2 {
        assert_eq!(app.revoke(&made["key"]).status, 204);
        me(&app, &made).problem(401, "api_token_revoked");
    }
    app.me(&exchanged).problem(401, "token_revoked");
    assert_eq!(app.me(&pair).status, 200);
}

fn verifying_a_key_returns_its_current_state(engine: Engine) {
    let app = TestApp::start_with(engine, &[SCOPES]);
    let ada = app.create_user("ada", &["editor", "poet"]);
    let pair = app.login("ada", PASSWORD).ok();
    let body = json!({"name": "x", "scopes": ["notes:read", "notes:write"], "roles": ["editor", "poet"]});
    let made = make(&app, &pair, &body);
    users::set_roles(&app.inside, ada.id, &["poet".to_owned()], &Origin::default()).unwrap();
    let later = TestApp::start_on(TempDir::new().unwrap(), app.database_url.clone(), &[("SCOPES", "notes:read")]);
    let claims = later.verify(&made["key"]).ok()["claims"].clone();
    assert_eq!((&claims["roles"], &claims["scope"]), (&json!(["poet"]), &json!("notes:read")));
}

fn a_key_that_is_reported_while_its_owner_is_disabled_stays_revoked(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let made = plain(&app, &pair);
    let ada = pair["user"]["id"].as_str().unwrap().parse().unwrap();
    users::disable(&app.inside, ada, &Origin::default()).unwrap();
    assert_eq!(app.revoke(&made["key"]).status, 204);
    users::enable(&app.inside, ada, &Origin::default()).unwrap();
    me(&app, &made).problem(401, "api_token_revoked");
}

fn the_token_of_another_user_is_not_found(engine: Engine) {
    let app = TestApp::start(engine);
    let (ada, bob) = (app.logged_in("ada"), app.logged_in("bob"));
    let made = plain(&app, &ada);
    let nobodys = json!({"id": ada["session_id"]});
    for token in [&made, &nobodys] {
        app.ask_as("DELETE", &of(token), &bob, None).problem(404, "api_token_not_found");
        app.ask_as("POST", &(of(token) + "/rotate"), &bob, None).problem(404, "api_token_not_found");
    }
    app.ask_as("DELETE", "/v1/api-tokens/1", &bob, None).problem(400, "invalid_fields");
    assert_eq!(app.ask_as("GET", "/v1/api-tokens", &bob, None).ok(), json!({"api_tokens": []}));
    assert_eq!(me(&app, &made).status, 200);
}

fn revoked_and_expired_tokens_are_deleted_after_the_retention_and_live_ones_stay(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let [revoked, live] = [plain(&app, &pair), plain(&app, &pair)];
    revoke(&app, &pair, &revoked);
    make(&app, &pair, &json!({"name": "brief", "expires_in": 60}));
    make(&app, &pair, &json!({"name": "long", "expires_in": 31 * DAY}));
    let purged = || purge::all(&app.inside).unwrap().api_tokens;
    for (wait, gone) in [(30 * DAY - 1, 0), (1, 1), (59, 0), (1, 1)] {
        app.advance(wait);
        assert_eq!(purged(), gone, "{wait} s later");
    }
    me(&app, &revoked).problem(401, "api_token_unknown");
    assert_eq!(me(&app, &live).status, 200);
    assert_eq!(app.number("select count(*) from api_tokens"), 2);
}

#[test]
fn without_its_database_a_key_is_503_and_what_it_was_exchanged_for_goes_on() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let pair = app.logged_in("ada");
    let made = plain(&app, &pair);
    let exchanged = exchange(&app, &made);
    cluster.tell("stop", "stopped");
    for answer in [me(&app, &made), app.ask("POST", "/v1/api-tokens/exchange", &header(&made), None)] {
        answer.problem(503, "database_unavailable");
        assert_ne!(answer.header("retry-after"), "", "{answer:?}");
    }
    assert_eq!((app.me(&pair).status, app.me(&exchanged).status), (200, 200));
    cluster.tell("start", "started");
    assert_eq!(me(&app, &made).status, 200);
}
