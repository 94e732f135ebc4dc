//! Custom claims: `/v1/admin/claims`, `CLAIMS_FILE`, `tokensmith claims`, and the tokens that have them.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api_tokens::{header, make};
use crate::support::oauth::{ALL, Allowed, As, NOTES, Registration, claims};
use crate::support::process::Tokensmith;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_claim_is_in_the_tokens_and_responses_that_its_mapping_names,
    each_source_is_in_an_applications_tokens,
    a_claim_depends_on_scope_and_audience,
    changed_attributes_and_mappings_are_in_the_next_refresh_also_of_other_instances,
    clients_and_api_tokens_have_the_claims_that_are_theirs,
    a_token_that_would_be_too_large_has_no_custom_claims_and_its_session_goes_on,
    what_stands_in_for_the_key_of_simplejwt_is_locked_while_tokens_have_it,
    what_a_user_writes_takes_no_other_claim_out_of_a_token,
    registered_names_are_locked_and_what_cannot_be_meant_is_refused,
    claims_are_changed_by_administrators_who_have_given_the_password_and_each_change_is_on_record,
    claims_of_the_file_win_and_are_read_only,
    the_command_line_defines_lists_and_deletes_claims,
    attributes_of_applications_are_replaced_as_a_whole_and_bounded,
);

const EVERYWHERE: [&str; 3] = ["access_token", "id_token", "userinfo"];

struct World {
    app: TestApp,
    admin: Value,
    ada: Value,
}

impl World {
    fn start(engine: Engine, vars: &[(&str, &str)]) -> Self {
        let app = TestApp::start_with(engine, vars);
        app.insert_client(&NOTES);
        app.create_user("root", &["admin"]);
        let (admin, ada) = (app.login("root", PASSWORD).ok(), app.logged_in("ada"));
        Self { app, admin, ada }
    }

    fn put(&self, name: &str, mapping: &Value) -> Answer {
        self.app.ask_as("PUT", &format!("/v1/admin/claims/{name}"), &self.admin, Some(mapping))
    }

    fn delete(&self, name: &str) -> Answer {
        self.app.ask_as("DELETE", &format!("/v1/admin/claims/{name}"), &self.admin, None)
    }

    fn list(&self) -> Value {
        self.app.ask_as("GET", "/v1/admin/claims", &self.admin, None).ok()["claims"].clone()
    }

    #[track_caller]
    fn give(&self, attributes: &Value) {
        let path = format!("/v1/admin/users/{}/attributes", self.ada["user"]["id"].as_str().unwrap());
        self.app.ask_as("PATCH", &path, &self.admin, Some(attributes)).ok();
    }

    /// How often claims were left out.
    fn left_out(&self) -> String {
        let metrics = self.app.inside.metrics.encode(tokensmith::internals::metrics::Present::default()).unwrap();
        let count = |place: &str| {
            let line = format!("tokensmith_custom_claims_left_out_total{{name=\"{place}\"}} ");
            metrics.lines().find_map(|found| found.strip_prefix(&line).map(ToOwned::to_owned)).unwrap_or_default()
        };
        EVERYWHERE.map(count).join(",")
    }

    fn userinfo(&self, tokens: &Value) -> Value {
        self.app.get_as("/oauth/userinfo", tokens["access_token"].as_str().unwrap()).ok()
    }
}

fn constant(value: &Value) -> Value {
    json!({"source": {"constant": value}, "in": EVERYWHERE})
}

/// The claims with these names.
fn picked(claims: &Value, names: &[&str]) -> Value {
    names.iter().filter_map(|name| Some(((*name).to_owned(), claims.get(*name)?.clone()))).collect()
}

fn a_claim_is_in_the_tokens_and_responses_that_its_mapping_names(engine: Engine) {
    let world = World::start(engine, &[]);
    for place in EVERYWHERE {
        world.put(&format!("in_{place}"), &json!({"source": {"constant": place}, "in": [place]})).ok();
    }
    world.put("https:%2F%2Fexample.com%2Fall", &constant(&json!({"x": [1]}))).ok();
    let tokens = world.app.granted(&world.ada, &ALL);
    let found = [claims(&tokens["access_token"]), claims(&tokens["id_token"]), world.userinfo(&tokens)];
    for (place, found) in EVERYWHERE.iter().zip(&found) {
        for other in EVERYWHERE {
            let expected = (*place == other).then(|| json!(place));
            assert_eq!(found.get(format!("in_{other}")), expected.as_ref(), "in_{other} in {place}");
        }
        assert_eq!(found["https://example.com/all"], json!({"x": [1]}));
    }
    // They are what a verifier reads, and what introspection and our own check tell.
    let introspected = world.app.introspect(As("notes"), &tokens["access_token"]);
    assert_eq!(introspected["in_access_token"], "access_token");
    let own = world.app.login("ada", PASSWORD).ok();
    assert_eq!(world.app.verify(&own["access_token"]).ok()["claims"]["in_access_token"], "access_token");
}

fn each_source_is_in_an_applications_tokens(engine: Engine) {
    let world = World::start(engine, &[]);
    world.app.execute("update users set external_id = '42', name = 'Ada' where username = 'ada'");
    world.app.execute(r#"update clients set attributes = '{"tier":{"name":"gold"}}'"#);
    world.app.follow_clients();
    world.give(&json!({"public": {"theme": "dark"}, "app": {"billing": {"plan": "pro"}}}));
    for (name, source) in [
        ("theme", json!({"public_attribute": "/theme"})),
        ("plan", json!({"app_attribute": "/billing/plan"})),
        ("tier", json!({"client_attribute": "/tier/name"})),
        ("login_name", json!({"profile": "username"})),
        ("mail", json!({"profile": "email"})),
        ("mail_ok", json!({"profile": "email_verified"})),
        ("full_name", json!({"profile": "name"})),
        ("user_id", json!({"profile": "external_id"})),
        ("missing", json!({"app_attribute": "/nothing"})),
    ] {
        world.put(name, &json!({"source": source, "in": EVERYWHERE})).ok();
    }
    let expected = json!({
        "theme": "dark", "plan": "pro", "tier": "gold", "login_name": "ada", "mail": "ada@example.com", "mail_ok": true,
        "full_name": "Ada", "user_id": "42",
    });
    let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).chain(["missing"]).collect();
    let tokens = world.app.granted(&world.ada, &ALL);
    for found in [claims(&tokens["access_token"]), claims(&tokens["id_token"]), world.userinfo(&tokens)] {
        assert_eq!(picked(&found, &names), expected);
    }
    // No application, no attribute of it.
    let own = claims(&world.app.login("ada", PASSWORD).ok()["access_token"]);
    assert_eq!((own.get("tier"), &own["plan"]), (None, &json!("pro")));
}

fn a_claim_depends_on_scope_and_audience(engine: Engine) {
    let audiences = "https://api.example.com,https://other.example.com";
    let world = World::start(engine, &[("AUDIENCE", audiences), ("SCOPES", "notes:read")]);
    let with = |member: &str, value: &str| {
        let mut mapping = constant(&json!(1));
        mapping[member] = json!([value]);
        mapping
    };
    world.put("of_write", &with("scopes", "notes:write")).ok();
    world.put("of_read", &with("scopes", "notes:read")).ok();
    world.put("of_api", &with("audiences", "https://api.example.com")).ok();
    world.put("of_other", &with("audiences", "https://other.example.com")).ok();
    let names = ["of_write", "of_read", "of_api", "of_other"];
    for (scope, audience, expected) in [
        ("openid notes:read", None, json!({"of_read": 1, "of_api": 1})),
        ("openid notes:write", Some("https://other.example.com"), json!({"of_write": 1, "of_other": 1})),
    ] {
        let allowed = Allowed { scope, audience, ..ALL };
        world.app.execute(&format!("update clients set audiences = '{}'", audience.unwrap_or_default()));
        world.app.follow_clients();
        let tokens = world.app.granted(&world.ada, &allowed);
        for found in [claims(&tokens["access_token"]), claims(&tokens["id_token"]), world.userinfo(&tokens)] {
            assert_eq!(picked(&found, &names), expected, "{scope}");
        }
    }
    // A login at this service, for the audience that it asks for.
    let login = json!({"username": "ada", "password": PASSWORD, "audience": "https://other.example.com"});
    let own = claims(&world.app.post("/v1/tokens", &login).ok()["access_token"]);
    assert_eq!(picked(&own, &names), json!({"of_read": 1, "of_other": 1}));
}

fn changed_attributes_and_mappings_are_in_the_next_refresh_also_of_other_instances(engine: Engine) {
    let world = World::start(engine, &[]);
    let other = world.app.another_instance(0, &[]);
    let refreshed = |pair: &Value| {
        world.app.advance(60);
        other.advance(60);
        world.app.refresh(&pair["refresh_token"]).ok()
    };
    world.put("plan", &json!({"source": {"app_attribute": "/plan"}, "in": ["access_token"]})).ok();
    assert_eq!(claims(&world.ada["access_token"]).get("plan"), None);
    let pair = refreshed(&world.ada);
    assert_eq!(claims(&pair["access_token"]).get("plan"), None);
    world.give(&json!({"app": {"plan": "pro"}}));
    let pair = refreshed(&pair);
    assert_eq!(claims(&pair["access_token"])["plan"], "pro");
    let of_other = |pair: &Value| claims(&other.refresh(&pair["refresh_token"]).ok()["access_token"]);
    assert_eq!(of_other(&pair).get("plan"), None, "it has not looked yet");
    other.inside.known_claims.follow().unwrap();
    assert_eq!(of_other(&pair)["plan"], "pro");
    assert_eq!(world.delete("plan").status, 204);
    let pair = refreshed(&pair);
    assert_eq!(claims(&pair["access_token"]).get("plan"), None);
    assert_eq!(of_other(&pair)["plan"], "pro");
    other.inside.known_claims.follow().unwrap();
    assert_eq!(of_other(&pair).get("plan"), None);
}

fn clients_and_api_tokens_have_the_claims_that_are_theirs(engine: Engine) {
    let world = World::start(engine, &[("SCOPES", "notes:read,notes:write")]);
    let robot = Registration { id: "robot", grant_types: "client_credentials", scopes: "notes:read", ..NOTES };
    world.app.insert_client(&robot);
    world.app.execute(r#"update clients set attributes = '{"tier":"gold"}'"#);
    world.app.follow_clients();
    world.give(&json!({"app": {"plan": "pro"}}));
    world.put("plan", &json!({"source": {"app_attribute": "/plan"}, "in": ["access_token"]})).ok();
    world.put("tier", &json!({"source": {"client_attribute": "/tier"}, "in": ["access_token"]})).ok();
    world.put("writer", &json!({"source": {"constant": true}, "scopes": ["notes:write"], "in": ["access_token"]})).ok();
    let names = ["plan", "tier", "writer"];
    let of_client = world.app.token(As("robot"), &[("grant_type", "client_credentials")]).ok();
    assert_eq!(picked(&claims(&of_client["access_token"]), &names), json!({"tier": "gold"}));
    let made = make(&world.app, &world.ada, &json!({"name": "CI", "scopes": ["notes:write"]}));
    let exchanged = world.app.ask("POST", "/v1/api-tokens/exchange", &header(&made), None).ok();
    assert_eq!(picked(&claims(&exchanged["access_token"]), &names), json!({"plan": "pro", "writer": true}));
}

fn a_token_that_would_be_too_large_has_no_custom_claims_and_its_session_goes_on(engine: Engine) {
    let world = World::start(engine, &[]);
    world.put("notes", &json!({"source": {"app_attribute": "/notes"}, "in": EVERYWHERE})).ok();
    world.put("again", &json!({"source": {"app_attribute": "/notes"}, "in": EVERYWHERE})).ok();
    world.put("small", &constant(&json!(1))).ok();
    let left_out = || world.left_out();
    world.give(&json!({"app": {"notes": "x".repeat(200)}}));
    let tokens = world.app.granted(&world.ada, &ALL);
    assert_eq!(claims(&tokens["access_token"])["again"], "x".repeat(200));
    assert_eq!(left_out(), ",,");
    world.give(&json!({"app": {"notes": "x".repeat(2_048)}}));
    world.app.advance(60);
    let tokens = world.app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
    let names = ["notes", "again", "small"];
    for found in [claims(&tokens["access_token"]), claims(&tokens["id_token"]), world.userinfo(&tokens)] {
        assert_eq!(picked(&found, &names), json!({}));
        assert_eq!(found["sub"], world.ada["user"]["id"]);
    }
    assert_eq!(left_out(), "1,1,1");
    let own = world.app.refresh(&world.ada["refresh_token"]).ok();
    assert!(own["access_token"].as_str().unwrap().len() < 1_024);
    assert_eq!(left_out(), "2,1,1");
    // What fits is there again.
    world.give(&json!({"app": {"notes": null}}));
    world.app.advance(60);
    let own = world.app.refresh(&own["refresh_token"]).ok();
    assert_eq!(picked(&claims(&own["access_token"]), &names), json!({"small": 1}));
}

fn what_stands_in_for_the_key_of_simplejwt_is_locked_while_tokens_have_it(engine: Engine) {
    let plain = World::start(engine, &[]);
    assert_eq!(plain.put("user_id", &constant(&json!(1))).status, 200);
    let world = World::start(engine, &[("COMPAT", "simplejwt")]);
    world.put("user_id", &constant(&json!(1))).problem(409, "claim_locked");
    assert_eq!(world.list(), json!([]));
}

fn what_a_user_writes_takes_no_other_claim_out_of_a_token(engine: Engine) {
    let world = World::start(engine, &[]);
    world.put("ban", &json!({"source": {"app_attribute": "/ban"}, "in": EVERYWHERE})).ok();
    world.put("theme", &json!({"source": {"public_attribute": "/theme"}, "in": EVERYWHERE})).ok();
    world.put("all", &json!({"source": {"public_attribute": ""}, "in": EVERYWHERE})).ok();
    world.give(&json!({"app": {"ban": true}, "public": {"theme": "dark"}}));
    let names = ["all", "ban", "theme"];
    let tokens = world.app.granted(&world.ada, &ALL);
    let dark = json!({"all": {"theme": "dark"}, "ban": true, "theme": "dark"});
    assert_eq!(picked(&claims(&tokens["access_token"]), &names), dark);
    let large = json!({"public": {"theme": "x".repeat(3_900)}});
    world.app.ask_as("PATCH", "/v1/me/attributes", &world.ada, Some(&large)).ok();
    world.app.advance(60);
    let tokens = world.app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
    for found in [claims(&tokens["access_token"]), claims(&tokens["id_token"]), world.userinfo(&tokens)] {
        assert_eq!(picked(&found, &names), json!({"ban": true}));
    }
    assert_eq!(world.left_out(), "1,1,1");
    // Where that is not enough, all go, and it counts once.
    world.give(&json!({"app": {"ban": "x".repeat(4_000)}}));
    world.app.advance(60);
    let tokens = world.app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
    assert_eq!(picked(&claims(&tokens["access_token"]), &names), json!({}));
    assert_eq!(world.left_out(), "2,2,1");
}

fn registered_names_are_locked_and_what_cannot_be_meant_is_refused(engine: Engine) {
    let world = World::start(engine, &[]);
    for locked in [
        "sub",
        "roles",
        "scope",
        "email",
        "sid",
        "act",
        "credential",
        "idp",
        "given_name",
        "token_type",
        "Roles",
        "SUB",
        "eMail",
    ] {
        world.put(locked, &constant(&json!(1))).problem(409, "claim_locked");
        world.delete(locked).problem(409, "claim_locked");
    }
    for bad in ["a%20b", "1a", "%00", &"a".repeat(101)] {
        let problem = world.put(bad, &constant(&json!(1))).problem(400, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "name");
    }
    for (member, value, field) in [
        ("source", json!({"app_attribute": "plan"}), "source"),
        ("source", json!({"constant": null}), "source"),
        ("scopes", json!(["a b"]), "scopes"),
        ("audiences", json!(["https://nobody.example.com"]), "audiences"),
        ("in", json!([]), "in"),
    ] {
        let mut mapping = constant(&json!(1));
        mapping[member] = value;
        assert_eq!(world.put("plan", &mapping).problem(400, "invalid_fields")["errors"][0]["field"], field);
    }
    let of_users = json!({"source": {"public_attribute": "/a"}, "in": ["access_token"]});
    for trusted in ["role", "permissions", "Scp"] {
        assert_eq!(world.put(trusted, &of_users).problem(400, "invalid_fields")["errors"][0]["field"], "source");
    }
    for bad in [
        json!({"source": {"constant": 1}}),
        json!({"source": {"profile": "password_hash"}, "in": ["userinfo"]}),
        json!({"source": {"constant": 1, "app_attribute": ""}, "in": ["userinfo"]}),
        json!({"source": {"constant": 1}, "in": ["refresh_token"]}),
        json!({"source": {"constant": 1}, "in": ["userinfo"], "name": "other"}),
    ] {
        world.put("plan", &bad).problem(400, "malformed_json");
    }
    assert_eq!(world.list(), json!([]));
    world.app.execute(&(0..100).fold(String::new(), |all, n| {
        all + &format!(
            r#"insert into custom_claims values ('c{n}', '{{"source":{{"constant":1}},"in":["userinfo"]}}');"#
        )
    }));
    world.put("plan", &constant(&json!(1))).problem(409, "too_many_claims");
    assert_eq!(world.put("c7", &constant(&json!(2))).status, 200, "one more is one too many, another is not");
}

fn claims_are_changed_by_administrators_who_have_given_the_password_and_each_change_is_on_record(engine: Engine) {
    let world = World::start(engine, &[]);
    let plan = json!({"source": {"app_attribute": "/plan"}, "in": ["access_token"]});
    let view = json!({
        "name": "plan", "source": {"app_attribute": "/plan"}, "scopes": [], "audiences": [], "in": ["access_token"],
        "read_only": false,
    });
    assert_eq!(world.put("plan", &plan).ok(), view);
    assert_eq!(world.put("plan", &plan).ok(), view);
    assert_eq!(world.list(), json!([view]));
    assert_eq!(world.put("plan", &constant(&json!(1))).ok()["source"], json!({"constant": 1}));
    assert_eq!(world.delete("plan").status, 204);
    world.delete("plan").problem(404, "claim_unknown");
    for (name, times) in [("claim_defined", 2), ("claim_deleted", 1)] {
        let query = format!("select count(*) from audit_events where name = '{name}' and detail = 'plan'");
        assert_eq!(world.app.number(&query), times, "{name}");
    }
    world.app.ask_as("GET", "/v1/admin/claims", &world.ada, None).problem(403, "role_missing");
    world.app.ask_as("PUT", "/v1/admin/claims/plan", &world.ada, Some(&plan)).problem(403, "role_missing");
    world.app.advance(86_400);
    let later = world.app.refresh(&world.admin["refresh_token"]).ok();
    for (method, body) in [("PUT", Some(&plan)), ("DELETE", None)] {
        let answer = world.app.ask_as(method, "/v1/admin/claims/plan", &later, body);
        answer.problem(401, "reauthentication_required");
    }
    assert_eq!(world.app.number("select count(*) from custom_claims"), 0);
}

fn claims_of_the_file_win_and_are_read_only(engine: Engine) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("claims.json");
    let content = json!({"plan": constant(&json!("of the file")), "tier": constant(&json!(1))});
    fs::write(&file, content.to_string()).unwrap();
    let world = World::start(engine, &[("CLAIMS_FILE", file.to_str().unwrap())]);
    world.app.execute(
        r#"insert into custom_claims values ('plan', '{"source":{"constant":"stored"},"in":["access_token"]}');
           insert into custom_claims values ('other', '{"source":{"constant":2},"in":["access_token"]}');"#,
    );
    world.app.inside.known_claims.follow().unwrap();
    world.put("plan", &constant(&json!(1))).problem(409, "claim_read_only");
    world.delete("plan").problem(409, "claim_read_only");
    let listed = world.list();
    let shown: Vec<_> = listed.as_array().unwrap().iter().map(|one| (&one["name"], &one["read_only"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(shown, [(&json!("other"), &no), (&json!("plan"), &yes), (&json!("tier"), &yes)]);
    world.app.advance(60);
    let found = claims(&world.app.refresh(&world.ada["refresh_token"]).ok()["access_token"]);
    let names = ["plan", "tier", "other"];
    assert_eq!(picked(&found, &names), json!({"plan": "of the file", "tier": 1, "other": 2}));
}

fn the_command_line_defines_lists_and_deletes_claims(engine: Engine) {
    let world = World::start(engine, &[]);
    let command = Tokensmith::new().env("DATABASE_URL", &world.app.database_url);
    let set = ["claims", "set", "plan", "--app-attribute", "/plan", "--scope", "billing", "--in", "id_token"];
    let defined: Value = serde_json::from_str(&command.run(&set).stdout).unwrap();
    let expected = json!({
        "name": "plan", "source": {"app_attribute": "/plan"}, "scopes": ["billing"], "audiences": [], "in": ["id_token"],
        "read_only": false,
    });
    assert_eq!(defined, expected);
    assert!(command.run(&["claims", "set", "n", "--constant", "[1]", "--in", "userinfo"]).success());
    let all = command.list(&["claims", "list"]);
    assert_eq!((all.len(), &all[0]["source"], &all[1]), (2, &json!({"constant": [1]}), &expected));
    assert!(command.run(&["claims", "list"]).stdout.contains("the database"));
    for (args, why) in [
        (&["set", "sub", "--constant", "1", "--in", "userinfo"][..], "this name has a meaning in a standard"),
        (&["set", "x", "--constant", "{", "--in", "userinfo"], "EOF"),
        (&["set", "x", "--profile", "password", "--in", "userinfo"], "unknown variant"),
        (&["set", "x", "--profile", "name"], "--in <PLACE>"),
        (&["set", "x", "--in", "userinfo"], "required"),
        (&["delete", "x"], "there is no such claim"),
    ] {
        let refused = command.run(&[&["claims"], args].concat());
        assert!(!refused.success() && refused.stderr.contains(why), "{args:?}: {}", refused.stderr);
    }
    assert!(command.run(&["claims", "delete", "plan"]).success());
    // A running instance takes it up.
    world.app.inside.known_claims.follow().unwrap();
    let tokens = world.app.granted(&world.ada, &ALL);
    assert_eq!(world.userinfo(&tokens)["n"], json!([1]));
}

fn attributes_of_applications_are_replaced_as_a_whole_and_bounded(engine: Engine) {
    let world = World::start(engine, &[]);
    let made = world.app.register("shop", &json!({"attributes": {"a": 1, "b": {"c": 2}}}));
    assert_eq!(made["attributes"], json!({"a": 1, "b": {"c": 2}}));
    let change = |body: Value| world.app.ask_as("PATCH", "/v1/admin/clients/shop", &world.admin, Some(&body));
    assert_eq!(change(json!({"client_name": "Shop"})).ok()["attributes"], json!({"a": 1, "b": {"c": 2}}));
    assert_eq!(change(json!({"attributes": {"b": 1}})).ok()["attributes"], json!({"b": 1}));
    let refused = change(json!({"attributes": {"a": "x".repeat(4_096)}})).problem(400, "invalid_fields");
    assert_eq!(refused["errors"][0]["field"], "attributes");
    change(json!({"attributes": []})).problem(400, "malformed_json");
    let command = Tokensmith::new().env("DATABASE_URL", &world.app.database_url);
    let update = ["clients", "update", "shop", "--attributes", r#"{"tier": "gold"}"#, "--json"];
    let updated: Value = serde_json::from_str(&command.run(&update).stdout).unwrap();
    assert_eq!(updated["attributes"], json!({"tier": "gold"}));
    assert_eq!(change(json!({"attributes": null})).ok()["attributes"], json!({}));
    assert_eq!(world.app.number("select count(*) from clients where attributes is not null"), 0);
}
