//! Registered applications: `tokensmith clients` and `/v1/admin/clients`.

use std::fs;

use serde_json::{Value, json};

use crate::admin_users::administrator;
use crate::cli::fails_with;
use crate::support::oauth::{ALL, As, NOTES};
use crate::support::process::Tokensmith;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    an_application_is_registered_listed_shown_and_changed_on_the_command_line,
    an_application_has_what_its_options_say,
    a_secret_is_printed_once_and_only_its_digest_is_kept,
    an_application_is_disabled_enabled_and_deleted_on_the_command_line,
    an_administrator_registers_shows_changes_and_deletes_applications,
    what_is_not_said_is_as_it_is_by_default,
    everything_that_is_wrong_is_refused_by_name,
    what_does_not_go_together_is_refused,
    a_change_leaves_alone_what_it_does_not_name,
    keys_are_in_one_place_and_are_public_ones,
    a_secret_is_replaced_and_the_one_before_is_valid_for_a_day,
    what_an_application_was_issued_is_denied_when_it_is_disabled_or_deleted,
    codes_and_grants_are_of_no_use_while_an_application_is_disabled_and_once_it_is_deleted,
    deleting_an_application_ends_its_grants_in_batches_and_leaves_those_of_others,
    only_administrators_may_and_what_is_sensitive_needs_a_password_given_lately,
    what_happens_to_an_application_is_on_record_without_secrets,
);

pub const CLIENTS: &str = "/v1/admin/clients";
const CALLBACK: &str = "https://notes.example.com/callback";

fn on(engine: Engine) -> Tokensmith {
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    command.env("DATABASE_URL", &url)
}

#[track_caller]
fn object(command: &Tokensmith, args: &[&str]) -> Value {
    let finished = command.run(&[&["clients"], args, &["--json"]].concat());
    assert!(finished.success());
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {}", finished.stdout))
}

pub fn ask(app: &TestApp, root: &Value, method: &str, rest: &str, body: &Value) -> Answer {
    app.ask_as(method, &format!("{CLIENTS}{rest}"), root, (!body.is_null()).then_some(body))
}

/// A new application, as its administrator is shown it.
#[track_caller]
pub fn create(app: &TestApp, root: &Value, body: &Value) -> Value {
    let created = ask(app, root, "POST", "", body);
    assert_eq!(created.status, 201, "{created:?}");
    created.json()
}

fn an_application_is_registered_listed_shown_and_changed_on_the_command_line(engine: Engine) {
    let command = on(engine);
    let create = ["clients", "create", "Notes", "--id", "notes-app", "--redirect-uri", CALLBACK];
    let created = command.run(&create);
    assert!(created.success());
    let lines: Vec<_> = created.stdout.lines().collect();
    assert_eq!(lines[0], "created Notes (notes-app)");
    assert_eq!(lines[1], "client_id: notes-app");
    assert!(lines[2].starts_with("client_secret: tkc_") && lines.len() == 4, "{lines:?}");
    fails_with(&command.run(&create), "this client_id is taken");
    let listed = command.list(&["clients", "list"]);
    assert_eq!((listed.len(), &listed[0]["client_id"]), (1, &json!("notes-app")));
    assert!(listed[0].get("client_secret").is_none());
    let table = command.run(&["clients", "list"]).stdout;
    assert!(table.contains("notes-app") && table.contains("active"), "{table}");
    let shown = command.run(&["clients", "show", "notes-app"]).stdout;
    assert!(shown.contains(&format!("redirect_uris: {CALLBACK}\n")) && !shown.contains("tkc_"), "{shown}");
    let changed =
        object(&command, &["update", "notes-app", "--name", "Our notes", "--skip-consent", "--scope", "openid"]);
    assert_eq!((&changed["client_name"], &changed["skip_consent"]), (&json!("Our notes"), &json!(true)));
    assert_eq!((&changed["scopes"], &changed["redirect_uris"]), (&json!(["openid"]), &json!([CALLBACK])));
    let changed = object(&command, &["update", "notes-app", "--skip-consent=false", "--scope", ""]);
    assert_eq!((&changed["skip_consent"], &changed["scopes"]), (&json!(false), &json!([])));
    assert_eq!(object(&command, &["show", "notes-app"]), changed);
    for rest in [["show", "nothing"].as_slice(), &["update", "nothing"], &["rotate-secret", "a b"]] {
        fails_with(&command.run(&[&["clients"], rest].concat()), "there is no such client");
    }
}

fn an_application_has_what_its_options_say(engine: Engine) {
    let command = on(engine).env("AUDIENCE", "https://notes.example.com,https://mail.example.com");
    let command = command.env("ID_TOKEN_SIGNING_ALGS", "ES256,RS256");
    let keys = command.dir.path().join("keys.json");
    fs::write(&keys, json!({"keys": [public_key()]}).to_string()).unwrap();
    let created = object(
        &command,
        &[
            "create",
            "Notes",
            "--redirect-uri",
            CALLBACK,
            "--redirect-uri",
            "http://127.0.0.1/callback",
            "--grant-type",
            "authorization_code",
            "--grant-type",
            "client_credentials",
            "--scope",
            "openid",
            "--scope",
            "notes:read",
            "--audience",
            "https://mail.example.com",
            "--resource-server",
            "https://notes.example.com",
            "--token-endpoint-auth-method",
            "private_key_jwt",
            "--jwks-file",
            keys.to_str().unwrap(),
            "--post-logout-redirect-uri",
            "https://notes.example.com/",
            "--id-token-signed-response-alg",
            "RS256",
            "--skip-consent",
        ],
    );
    let expected = json!({
        "client_id": created["client_id"],
        "client_name": "Notes",
        "redirect_uris": [CALLBACK, "http://127.0.0.1/callback"],
        "post_logout_redirect_uris": ["https://notes.example.com/"],
        "grant_types": ["authorization_code", "client_credentials"],
        "scopes": ["notes:read", "openid"],
        "audiences": ["https://mail.example.com"],
        "resource_servers": ["https://notes.example.com"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [public_key()]},
        "jwks_uri": null,
        "id_token_signed_response_alg": "RS256",
        "skip_consent": true,
        "attributes": {},
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
        "disabled_at": null,
    });
    assert_eq!(created, expected, "nor a secret, which it has not");
    let id = created["client_id"].as_str().unwrap();
    assert_eq!(id.len(), 20);
    let public = object(
        &command,
        &["create", "App", "--redirect-uri", "com.example.app:/cb", "--token-endpoint-auth-method", "none"],
    );
    assert!(public.get("client_secret").is_none(), "{public}");
    let elsewhere = object(&command, &["update", id, "--jwks-uri", "https://notes.example.com/jwks.json"]);
    assert_eq!(
        (&elsewhere["jwks"], &elsewhere["jwks_uri"]),
        (&Value::Null, &json!("https://notes.example.com/jwks.json"))
    );
    for (options, expected) in [
        (["--jwks-file", "missing.json"].as_slice(), "missing.json"),
        (
            &["--redirect-uri", "https://a.example/#x"],
            "redirect_uris \"https://a.example/#x\" must not have a fragment",
        ),
        (&["--grant-type", "password"], "grant_types \"password\" must be authorization_code"),
        (&["--token-endpoint-auth-method", "tls"], "token_endpoint_auth_method must be"),
        (&["--audience", "https://other.example.com"], "audiences \"https://other.example.com\" is not an audience"),
    ] {
        fails_with(&command.run(&[&["clients", "create", "X"], options].concat()), expected);
    }
    let both = command.run(&["clients", "create", "X", "--jwks-file", "a", "--jwks-uri", "https://a.example/"]);
    assert_eq!(both.status.code(), Some(2), "{}", both.stderr);
}

fn a_secret_is_printed_once_and_only_its_digest_is_kept(engine: Engine) {
    let command = on(engine);
    let created = object(&command, &["create", "Notes", "--redirect-uri", CALLBACK]);
    let (id, first) = (created["client_id"].as_str().unwrap(), created["client_secret"].as_str().unwrap());
    assert!(first.starts_with("tkc_") && first.len() == 63, "{first}");
    let rotated = object(&command, &["rotate-secret", id]);
    let second = rotated["client_secret"].as_str().unwrap();
    assert!(second != first && rotated["old_secret_expires_at"].is_string(), "{rotated}");
    let ended = object(&command, &["rotate-secret", id, "--end-old"]);
    assert_eq!(ended["old_secret_expires_at"], Value::Null);
    let printed = command.run(&["clients", "rotate-secret", id]).stdout;
    assert!(printed.starts_with("client_secret: tkc_") && printed.contains("valid until"), "{printed}");
    let shown = command.run(&["clients", "show", id, "--json"]).stdout + &command.run(&["clients", "list"]).stdout;
    assert!(!shown.contains("tkc_"), "{shown}");
    assert!(object(&command, &["show", id]).get("client_secret").is_none());
    if engine == Engine::Sqlite {
        for name in ["test.db", "test.db-wal"] {
            let bytes = fs::read(command.dir.path().join(name)).unwrap_or_default();
            assert!(!bytes.windows(4).any(|window| window == b"tkc_"), "{name}");
        }
    }
}

fn an_application_is_disabled_enabled_and_deleted_on_the_command_line(engine: Engine) {
    let command = on(engine);
    let created = object(&command, &["create", "Notes", "--redirect-uri", CALLBACK]);
    let id = created["client_id"].as_str().unwrap();
    assert_eq!(command.run(&["clients", "disable", id]).stdout, format!("disabled {id}\n"));
    let disabled = object(&command, &["show", id]);
    assert!(disabled["disabled_at"].is_string() && command.run(&["clients", "list"]).stdout.contains("disabled"));
    assert_eq!(command.run(&["clients", "enable", id]).stdout, format!("enabled {id}\n"));
    assert_eq!(object(&command, &["show", id])["disabled_at"], Value::Null);
    let unasked = command.run(&["clients", "delete", id]);
    assert_eq!(unasked.status.code(), Some(2), "{}", unasked.stderr);
    assert_eq!(command.run(&["clients", "delete", id, "--yes"]).stdout, format!("deleted {id}; 0 sessions ended\n"));
    fails_with(&command.run(&["clients", "show", id]), "there is no such client");
    fails_with(&command.run(&["clients", "delete", id, "--yes"]), "there is no such client");
}

fn an_administrator_registers_shows_changes_and_deletes_applications(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    assert_eq!(ask(&app, &root, "GET", "", &Value::Null).ok(), json!({"clients": []}));
    let body = json!({"client_id": "notes", "client_name": "Notes", "redirect_uris": [CALLBACK]});
    let answer = ask(&app, &root, "POST", "", &body);
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let created = answer.json();
    assert!(created["client_secret"].as_str().unwrap().starts_with("tkc_"));
    ask(&app, &root, "POST", "", &body).problem(409, "client_id_taken");
    let shown = ask(&app, &root, "GET", "/notes", &Value::Null).ok();
    assert!(shown.get("client_secret").is_none(), "{shown}");
    assert_eq!(ask(&app, &root, "GET", "", &Value::Null).ok(), json!({"clients": [shown]}));
    app.advance(10);
    let changed = ask(&app, &root, "PATCH", "/notes", &json!({"client_name": "Our notes"})).ok();
    assert_eq!(changed["client_name"], "Our notes");
    assert_ne!(changed["updated_at"], changed["created_at"]);
    app.advance(10);
    assert_eq!(ask(&app, &root, "PATCH", "/notes", &json!({})).ok(), changed, "nothing to change is no change");
    let deleted = ask(&app, &root, "DELETE", "/notes", &Value::Null).ok();
    assert_eq!(deleted, json!({"sessions_ended": 0}));
    for (method, rest, body) in [
        ("GET", "/notes", Value::Null),
        ("PATCH", "/notes", json!({})),
        ("DELETE", "/notes", Value::Null),
        ("POST", "/notes/rotate-secret", Value::Null),
        ("POST", "/notes/disable", Value::Null),
        ("POST", "/notes/enable", Value::Null),
        ("GET", "/a%20b", Value::Null),
    ] {
        ask(&app, &root, method, rest, &body).problem(404, "client_unknown");
    }
}

fn what_is_not_said_is_as_it_is_by_default(engine: Engine) {
    let app = TestApp::start_with(engine, &[("AUDIENCE", "https://api.example.com")]);
    let root = administrator(&app);
    let some =
        |client: &Value| ["grant_types", "scopes", "token_endpoint_auth_method"].map(|name| client[name].clone());
    let web = create(&app, &root, &json!({"client_name": "Web", "redirect_uris": [CALLBACK]}));
    let scopes = json!(["email", "offline_access", "openid", "profile"]);
    let code = json!(["authorization_code", "refresh_token"]);
    assert_eq!(some(&web), [code, scopes, json!("client_secret_basic")]);
    assert_eq!(
        (&web["audiences"], &web["resource_servers"], &web["skip_consent"]),
        (&json!([]), &json!([]), &json!(false))
    );
    let script = create(&app, &root, &json!({"client_name": "Script", "grant_types": ["client_credentials"]}));
    assert_eq!(some(&script), [json!(["client_credentials"]), json!([]), json!("client_secret_basic")]);
    let server = json!({"client_name": "API", "resource_servers": ["https://api.example.com"]});
    assert_eq!(some(&create(&app, &root, &server)), [json!([]), json!([]), json!("client_secret_basic")]);
}

fn everything_that_is_wrong_is_refused_by_name(engine: Engine) {
    let app = TestApp::start_with(engine, &[("AUDIENCE", "https://api.example.com, notes")]);
    let root = administrator(&app);
    let refused = |body: &Value| -> Vec<String> {
        let problem = ask(&app, &root, "POST", "", body).problem(400, "invalid_fields");
        let errors = problem["errors"].as_array().unwrap();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    };
    let with = |field: &str, value: Value| {
        let mut body = json!({"client_name": "Notes", "redirect_uris": [CALLBACK]});
        body[field] = value;
        body
    };
    for id in
        ["", "a b", "0190f5a8-7b1c-7d7e-8f90-123456789abc", "0190F5A87B1C7D7E8F90123456789ABC", "first-party", "notes"]
    {
        assert_eq!(refused(&with("client_id", json!(id))), ["client_id"], "{id}");
    }
    for uri in
        ["", "/cb", "https://a.example/#", "https://*.example/", "http://a.example/", "https://u@a.example/", "app:/cb"]
    {
        for field in ["redirect_uris", "post_logout_redirect_uris"] {
            assert_eq!(refused(&with(field, json!([uri]))), [field], "{uri}");
        }
    }
    for (field, value) in [
        ("client_name", json!("\u{202e}")),
        ("grant_types", json!(["implicit"])),
        ("redirect_uris", json!(vec![CALLBACK; 101])),
        ("scopes", json!(["a b"])),
        ("scopes", json!(["\""])),
        ("audiences", json!(["https://other.example.com"])),
        ("resource_servers", json!(["https://other.example.com"])),
        ("token_endpoint_auth_method", json!("client_secret_jwt")),
        ("jwks", json!({"keys": []})),
        ("jwks_uri", json!("http://notes.example.com/jwks.json")),
        ("id_token_signed_response_alg", json!("none")),
        ("id_token_signed_response_alg", json!("HS256")),
        ("id_token_signed_response_alg", json!("EdDSA")),
        ("jwks_uri", json!("com.example.app:/jwks.json")),
    ] {
        assert_eq!(refused(&with(field, value)), [field]);
    }
    let several = json!({"client_name": "", "redirect_uris": ["x"], "grant_types": ["y"], "audiences": ["z"]});
    assert_eq!(refused(&several), ["redirect_uris", "grant_types", "audiences", "client_name"]);
    ask(&app, &root, "POST", "", &with("logo_uri", json!("x"))).problem(400, "malformed_json");
    ask(&app, &root, "POST", "", &json!({"redirect_uris": [CALLBACK]})).problem(400, "malformed_json");
    assert_eq!(app.number("select count(*) from clients"), 0);
}

fn what_does_not_go_together_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &[("AUDIENCE", "https://api.example.com")]);
    let root = administrator(&app);
    for (body, field) in [
        (json!({}), "redirect_uris"),
        (json!({"grant_types": ["authorization_code"]}), "redirect_uris"),
        (json!({"grant_types": ["refresh_token", "client_credentials"]}), "grant_types"),
        (json!({"grant_types": []}), "grant_types"),
        (json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}), "grant_types"),
        (
            json!({
                "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
                "resource_servers": ["https://api.example.com"],
            }),
            "resource_servers",
        ),
        (json!({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt"}), "jwks"),
    ] {
        let mut body = body;
        body["client_name"] = json!("Notes");
        let problem = ask(&app, &root, "POST", "", &body).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    create(&app, &root, &json!({"client_id": "n", "client_name": "Notes", "redirect_uris": [CALLBACK]}));
    for change in [json!({"redirect_uris": []}), json!({"token_endpoint_auth_method": "private_key_jwt"})] {
        ask(&app, &root, "PATCH", "/n", &change).problem(400, "invalid_fields");
    }
}

fn a_change_leaves_alone_what_it_does_not_name(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let body = json!({
        "client_id": "n", "client_name": "Notes", "redirect_uris": [CALLBACK], "id_token_signed_response_alg": "ES256",
    });
    let mut expected = create(&app, &root, &body);
    expected.as_object_mut().unwrap().remove("client_secret");
    for (change, field, value) in [
        (json!({"client_name": "New"}), "client_name", json!("New")),
        (json!({"redirect_uris": ["https://b.example/"]}), "redirect_uris", json!(["https://b.example/"])),
        (json!({"scopes": []}), "scopes", json!([])),
        (json!({"id_token_signed_response_alg": null}), "id_token_signed_response_alg", Value::Null),
        (json!({"skip_consent": true}), "skip_consent", json!(true)),
        (json!({"token_endpoint_auth_method": "none"}), "token_endpoint_auth_method", json!("none")),
    ] {
        expected[field] = value;
        assert_eq!(ask(&app, &root, "PATCH", "/n", &change).ok(), expected);
    }
    assert_eq!(app.number("select count(*) from clients where secret_digest is null"), 1, "it has no secret any more");
    ask(&app, &root, "POST", "/n/rotate-secret", &Value::Null).problem(409, "client_without_secret");
    ask(&app, &root, "PATCH", "/n", &json!({"client_name": null})).problem(400, "malformed_json");
    ask(&app, &root, "PATCH", "/n", &json!({"client_id": "m"})).problem(400, "malformed_json");
    ask(&app, &root, "PATCH", "/n", &json!({"token_endpoint_auth_method": "client_secret_post"})).ok();
    let rotated = ask(&app, &root, "POST", "/n/rotate-secret", &Value::Null).ok();
    assert!(rotated["client_secret"].is_string() && rotated["old_secret_expires_at"].is_null(), "{rotated}");
}

/// The example of RFC 7517 appendix A.1, without its name, algorithm and use.
fn public_key() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    })
}

fn keys_are_in_one_place_and_are_public_ones(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let body = |jwks: Value| {
        json!({
            "client_id": "n", "client_name": "N", "redirect_uris": [CALLBACK],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks,
        })
    };
    let changed = |field: &str, value: Value| {
        let mut key = public_key();
        key[field] = value;
        json!({"keys": [key]})
    };
    for (jwks, why) in [
        (public_key(), "must be a JWK Set"),
        (json!({"keys": []}), "1 to 16 keys"),
        (json!({"keys": vec![public_key(); 17]}), "1 to 16 keys"),
        (json!({"keys": [public_key(), 1]}), "key 1 cannot be used"),
        (changed("d", json!("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE")), "its private half"),
        (changed("crv", json!("P-384")), "its kty or crv"),
        (changed("kty", json!("oct")), "its kty is not known"),
        (changed("alg", json!("HS256")), "its alg is not known"),
        (changed("use", json!("enc")), "its use"),
        (changed("x", json!("AAAA")), "another length"),
    ] {
        let problem = ask(&app, &root, "POST", "", &body(jwks)).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "jwks");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains(why), "{problem}");
    }
    let mut both = body(json!({"keys": [public_key()]}));
    both["jwks_uri"] = json!("https://notes.example.com/jwks.json");
    let problem = ask(&app, &root, "POST", "", &both).problem(400, "invalid_fields");
    assert_eq!(problem["errors"][0]["field"], "jwks_uri");
    create(&app, &root, &body(json!({"keys": [public_key()]})));
    let moved = ask(&app, &root, "PATCH", "/n", &json!({"jwks_uri": "https://notes.example.com/jwks.json"})).ok();
    assert_eq!(moved["jwks"], Value::Null);
    ask(&app, &root, "PATCH", "/n", &json!({"jwks_uri": null})).problem(400, "invalid_fields");
}

fn a_secret_is_replaced_and_the_one_before_is_valid_for_a_day(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    create(&app, &root, &json!({"client_id": "n", "client_name": "N", "redirect_uris": [CALLBACK]}));
    let rotate = |body: Value| ask(&app, &root, "POST", "/n/rotate-secret", &body);
    let digests = || app.number("select count(secret_digest) + count(old_secret_digest) from clients");
    assert_eq!(digests(), 1);
    let answer = rotate(Value::Null);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.ok()["old_secret_expires_at"], "2027-01-16T08:00:00Z");
    assert_eq!(digests(), 2);
    assert_eq!(rotate(json!({"end_old_secret": true})).ok()["old_secret_expires_at"], Value::Null);
    assert_eq!(digests(), 1);
    rotate(json!({"end_old_secret": 1})).problem(400, "malformed_json");
}

/// A session of this user, as one that an application has opened: from here on it is a grant.
fn grant(app: &TestApp, username: &str, client: &str) -> Value {
    let pair = app.login(username, PASSWORD).ok();
    let id = pair["session_id"].as_str().unwrap();
    let is_sqlite = app.database_url.starts_with("sqlite");
    let id = if is_sqlite { format!("x'{}'", id.replace('-', "")) } else { format!("'{id}'") };
    app.execute(&format!("update sessions set client_id = '{client}' where id = {id}"));
    app.refresh(&pair["refresh_token"]).ok()
}

fn what_an_application_was_issued_is_denied_when_it_is_disabled_or_deleted(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let ada = app.logged_in("ada");
    for id in ["notes", "mail"] {
        create(&app, &root, &json!({"client_id": id, "client_name": id, "redirect_uris": [CALLBACK]}));
    }
    let [notes, mail] = ["notes", "mail"].map(|id| grant(&app, "ada", id));
    let disabled = ask(&app, &root, "POST", "/notes/disable", &Value::Null);
    assert_eq!(disabled.status, 204);
    app.verify(&notes["access_token"]).problem(401, "token_revoked");
    app.verify(&mail["access_token"]).ok();
    app.me(&ada).ok();
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 0, "its grants go on");
    let since = ask(&app, &root, "GET", "/notes", &Value::Null).ok()["disabled_at"].clone();
    app.advance(61);
    ask(&app, &root, "POST", "/notes/disable", &Value::Null);
    assert_eq!(ask(&app, &root, "GET", "/notes", &Value::Null).ok()["disabled_at"], since);
    assert_eq!(ask(&app, &root, "POST", "/notes/enable", &Value::Null).status, 204);
    assert_eq!(ask(&app, &root, "GET", "/notes", &Value::Null).ok()["disabled_at"], Value::Null);
    let other = app.another_instance(0, &[]);
    other.verify(&mail["access_token"]).ok();
    ask(&app, &root, "DELETE", "/mail", &Value::Null).ok();
    app.verify(&mail["access_token"]).problem(401, "token_revoked");
    other.follow_denylist();
    other.verify(&mail["access_token"]).problem(401, "token_revoked");
    app.me(&ada).ok();
}

fn codes_and_grants_are_of_no_use_while_an_application_is_disabled_and_once_it_is_deleted(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    let ada = app.logged_in("ada");
    app.insert_client(&NOTES);
    let notes = As(NOTES.id);
    let tokens = app.granted(&ada, &ALL);
    let code = app.allow(&ada, &ALL);
    ask(&app, &root, "POST", "/notes/disable", &Value::Null);
    app.redeem(notes, &code).oauth_error(401, "invalid_client");
    app.refresh_of(notes, &tokens["refresh_token"]).oauth_error(401, "invalid_client");
    ask(&app, &root, "POST", "/notes/enable", &Value::Null);
    // What was issued within the minute could not be told from what was issued before.
    app.advance(61);
    let tokens = app.refresh_of(notes, &tokens["refresh_token"]).ok();
    app.verify(&tokens["access_token"]).ok();
    app.redeem(notes, &code).oauth_error(400, "invalid_grant");

    let code = app.allow(&ada, &ALL);
    let deleted = ask(&app, &root, "DELETE", "/notes", &Value::Null).ok();
    assert_eq!(deleted, json!({"sessions_ended": 1}));
    app.refresh_of(notes, &tokens["refresh_token"]).oauth_error(401, "invalid_client");
    app.verify(&tokens["access_token"]).problem(401, "token_revoked");
    // Another application of the same name takes over nothing.
    app.insert_client(&NOTES);
    app.redeem(notes, &code).oauth_error(400, "invalid_grant");
    app.refresh_of(notes, &tokens["refresh_token"]).oauth_error(400, "invalid_grant");
    app.me(&ada).ok();
}

fn deleting_an_application_ends_its_grants_in_batches_and_leaves_those_of_others(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    app.create_user("ada", &[]);
    for id in ["notes", "mail"] {
        create(&app, &root, &json!({"client_id": id, "client_name": id, "redirect_uris": [CALLBACK]}));
        grant(&app, "ada", id);
    }
    // More of them than one transaction ends.
    let id = match engine {
        Engine::Sqlite => "unhex(printf('%032x', n))",
        Engine::Postgres => "lpad(to_hex(n), 32, '0')::uuid",
    };
    let columns: Vec<_> = columns(&app);
    let values: Vec<_> = columns.iter().map(|column| if column == "id" { id } else { column.as_str() }).collect();
    app.execute(&format!(
        "insert into sessions ({}) select {} from sessions, \
         (with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 1100) select n from numbers) \
         as copies where client_id = 'notes'",
        columns.join(", "),
        values.join(", ")
    ));
    let user = "(select id from users where username = 'ada')";
    app.execute(&format!(
        "insert into consents values ({user}, 'notes', 'openid', 1, 1), ({user}, 'mail', 'openid', 1, 1)"
    ));
    assert_eq!(ask(&app, &root, "DELETE", "/notes", &Value::Null).ok(), json!({"sessions_ended": 1101}));
    let live = |client: &str| {
        app.number(&format!("select count(*) from sessions where ended_at is null and client_id = '{client}'"))
    };
    assert_eq!((live("notes"), live("mail"), live("first-party")), (0, 1, 1));
    assert_eq!(app.number("select count(*) from sessions where client_id = 'notes' and end_reason = 'admin'"), 1101);
    assert_eq!(app.number("select count(*) from consents"), 1);
    assert_eq!(app.number("select count(*) from denylist"), 0, "they are denied by their client");
}

/// The names of the columns of `sessions`.
fn columns(app: &TestApp) -> Vec<String> {
    use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};

    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let of_sqlite = "select name from pragma_table_info('sessions')";
    let of_postgres = "select column_name::text as name from information_schema.columns where table_name = 'sessions'";
    let found: Vec<Column> = match app.database_url.strip_prefix("sqlite://") {
        Some(path) => diesel::sql_query(of_sqlite).load(&mut SqliteConnection::establish(path).unwrap()).unwrap(),
        None => diesel::sql_query(of_postgres).load(&mut PgConnection::establish(&app.database_url).unwrap()).unwrap(),
    };
    found.into_iter().map(|column| column.name).collect()
}

fn only_administrators_may_and_what_is_sensitive_needs_a_password_given_lately(engine: Engine) {
    let app = TestApp::start(engine);
    let (root, ada) = (administrator(&app), app.logged_in("ada"));
    let body = json!({"client_id": "n", "client_name": "N", "redirect_uris": [CALLBACK]});
    create(&app, &root, &body);
    let all = [
        ("GET", "", Value::Null, false),
        ("POST", "", body, true),
        ("GET", "/n", Value::Null, false),
        ("PATCH", "/n", json!({"client_name": "M"}), true),
        ("POST", "/n/rotate-secret", Value::Null, true),
        ("POST", "/n/enable", Value::Null, true),
        ("DELETE", "/n", Value::Null, true),
        ("POST", "/n/disable", Value::Null, false),
    ];
    for (method, rest, body, _) in &all {
        ask(&app, &ada, method, rest, body).problem(403, "role_missing");
    }
    app.send("GET", CLIENTS, &[], b"").problem(401, "access_token_missing");
    // The password was given too long ago, and the access token is a new one.
    app.advance(601);
    let root = app.refresh(&root["refresh_token"]).ok();
    for (method, rest, body, is_sensitive) in &all {
        let answer = ask(&app, &root, method, rest, body);
        if *is_sensitive {
            answer.problem(401, "reauthentication_required");
        } else {
            assert!(answer.status < 300, "{answer:?}");
        }
    }
}

fn what_happens_to_an_application_is_on_record_without_secrets(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    create(&app, &root, &json!({"client_id": "n", "client_name": "Notes", "redirect_uris": [CALLBACK]}));
    for (method, rest, body) in [
        ("PATCH", "/n", json!({"client_name": "M"})),
        ("PATCH", "/n", json!({"client_name": "M"})),
        ("POST", "/n/rotate-secret", Value::Null),
        ("POST", "/n/disable", Value::Null),
        ("POST", "/n/disable", Value::Null),
        ("POST", "/n/enable", Value::Null),
        ("POST", "/n/enable", Value::Null),
        ("DELETE", "/n", Value::Null),
    ] {
        assert!(ask(&app, &root, method, rest, &body).status < 300, "{method} {rest}");
    }
    let events = app.ask_as("GET", "/v1/admin/audit?limit=9", &root, None).ok();
    let events = events["events"].as_array().unwrap();
    let of_clients = events.iter().filter(|event| event["name"].as_str().unwrap().starts_with("client_"));
    let names: Vec<_> = of_clients.clone().map(|event| event["name"].as_str().unwrap()).collect();
    let expected = [
        "client_deleted",
        "client_disabled",
        "client_enabled",
        "client_disabled",
        "client_secret_rotated",
        "client_updated",
        "client_created",
    ];
    assert_eq!(names, expected);
    for event in of_clients {
        assert_eq!((&event["detail"], &event["actor_id"]), (&json!("n"), &root["user"]["id"]), "{event}");
    }
}
