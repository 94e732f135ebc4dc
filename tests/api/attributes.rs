//! `/v1/me/attributes`, `/v1/admin/users/{id}/attributes` and `tokensmith users attributes`.

use serde_json::{Value, json};

use crate::support::process::Tokensmith;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    users_change_their_public_attributes_and_see_no_others,
    administrators_change_both_kinds_by_merge_patches,
    attributes_are_bounded_and_what_is_refused_changes_nothing,
    who_has_not_logged_in_as_they_should_changes_no_attributes,
    each_change_is_on_record_without_its_values_and_what_changes_nothing_is_not,
    the_command_line_shows_and_changes_attributes,
);

struct World {
    app: TestApp,
    ada: Value,
    admin: Value,
}

impl World {
    fn start(engine: Engine) -> Self {
        let app = TestApp::start(engine);
        app.create_user("root", &["admin"]);
        let (ada, admin) = (app.logged_in("ada"), app.login("root", PASSWORD).ok());
        Self { app, ada, admin }
    }

    fn path(&self) -> String {
        format!("/v1/admin/users/{}/attributes", self.ada["user"]["id"].as_str().unwrap())
    }

    fn by_ada(&self, body: &Value) -> Answer {
        self.app.ask_as("PATCH", "/v1/me/attributes", &self.ada, Some(body))
    }

    fn by_admin(&self, body: &Value) -> Answer {
        self.app.ask_as("PATCH", &self.path(), &self.admin, Some(body))
    }

    fn events(&self) -> i64 {
        self.app.number("select count(*) from audit_events where name = 'attributes_changed'")
    }
}

fn users_change_their_public_attributes_and_see_no_others(engine: Engine) {
    let world = World::start(engine);
    let mine = || world.app.ask_as("GET", "/v1/me/attributes", &world.ada, None).ok();
    assert_eq!(mine(), json!({"public": {}}));
    let changed = world.by_ada(&json!({"public": {"theme": "dark", "ui": {"size": 2, "bold": true}}})).ok();
    assert_eq!(changed, json!({"public": {"theme": "dark", "ui": {"size": 2, "bold": true}}}));
    world.by_admin(&json!({"app": {"risk": 9}})).ok();
    assert_eq!(mine(), changed, "the others are none of theirs");
    let changed = world.by_ada(&json!({"public": {"theme": null, "ui": {"bold": null}}})).ok();
    assert_eq!(changed, json!({"public": {"ui": {"size": 2}}}));
    world.by_ada(&json!({"app": {"risk": 0}})).problem(400, "malformed_json");
    assert_eq!(world.app.ask_as("GET", &world.path(), &world.admin, None).ok()["app"], json!({"risk": 9}));
    assert_eq!(world.by_ada(&json!({"public": null})).ok(), json!({"public": {}}));
    assert_eq!(world.app.number("select count(*) from users where public_attributes is not null"), 0);
    // Nothing of them is in other records.
    let record = world.app.ask_as("GET", "/v1/me/profile", &world.ada, None);
    assert!(record.status == 200 && !record.body.contains("risk"), "{record:?}");
}

fn administrators_change_both_kinds_by_merge_patches(engine: Engine) {
    let world = World::start(engine);
    let changed = world.by_admin(&json!({"public": {"a": 1}, "app": {"b": {"c": [1, 2]}}})).ok();
    assert_eq!(changed, json!({"public": {"a": 1}, "app": {"b": {"c": [1, 2]}}}));
    let changed = world.by_admin(&json!({"app": {"b": {"c": [3], "d": "\u{e9}"}}})).ok();
    assert_eq!(changed, json!({"public": {"a": 1}, "app": {"b": {"c": [3], "d": "\u{e9}"}}}));
    assert_eq!(world.app.ask_as("GET", &world.path(), &world.admin, None).ok(), changed);
    assert_eq!(world.by_admin(&json!({"app": null})).ok(), json!({"public": {"a": 1}, "app": {}}));
    let unknown = "/v1/admin/users/00000000-0000-7000-8000-000000000000/attributes";
    world.app.ask_as("GET", unknown, &world.admin, None).problem(404, "user_unknown");
    world.app.ask_as("PATCH", unknown, &world.admin, Some(&json!({}))).problem(404, "user_unknown");
}

fn attributes_are_bounded_and_what_is_refused_changes_nothing(engine: Engine) {
    let world = World::start(engine);
    world.by_admin(&json!({"public": {"kept": 1}, "app": {"kept": 1}})).ok();
    let deep = (0..8).fold(json!({}), |inner, _| json!({"a": inner}));
    // {"a":"..","kept":1}
    let fitting = json!({"a": "x".repeat(4_096 - 17)});
    for bad in [deep, json!({"a": "x".repeat(4_096 - 16)}), json!({"a": vec![1; 256]}), json!({"a": "\0"})] {
        let public = world.by_ada(&json!({"public": bad})).problem(400, "invalid_fields");
        assert_eq!(public["errors"][0]["field"], "public", "{bad}");
        let both = world.by_admin(&json!({"public": bad, "app": bad})).problem(400, "invalid_fields");
        assert_eq!((&both["errors"][0]["field"], &both["errors"][1]["field"]), (&json!("public"), &json!("app")));
    }
    for bad in [json!({"public": []}), json!({"public": 1}), json!({"public": "{}"}), json!({"other": {}})] {
        world.by_admin(&bad).problem(400, "malformed_json");
    }
    let kept = json!({"public": {"kept": 1}, "app": {"kept": 1}});
    assert_eq!(world.app.ask_as("GET", &world.path(), &world.admin, None).ok(), kept);
    assert_eq!(world.events(), 1);
    assert_eq!(world.by_ada(&json!({"public": fitting})).status, 200, "the bound counts what is stored in the end");
}

fn who_has_not_logged_in_as_they_should_changes_no_attributes(engine: Engine) {
    let world = World::start(engine);
    let body = json!({"app": {"a": 1}});
    world.app.ask_as("PATCH", &world.path(), &world.ada, Some(&body)).problem(403, "role_missing");
    world.app.ask_as("GET", &world.path(), &world.ada, None).problem(403, "role_missing");
    world.app.get("/v1/me/attributes").problem(401, "access_token_missing");
    // A day later the administrator gives the password again.
    world.app.advance(86_400);
    let refreshed = world.app.refresh(&world.admin["refresh_token"]).ok();
    world.app.ask_as("PATCH", &world.path(), &refreshed, Some(&body)).problem(401, "reauthentication_required");
    assert_eq!(world.app.ask_as("GET", &world.path(), &refreshed, None).ok()["app"], json!({}));
}

fn each_change_is_on_record_without_its_values_and_what_changes_nothing_is_not(engine: Engine) {
    let world = World::start(engine);
    world.by_ada(&json!({"public": {"secret": "value"}})).ok();
    world.by_ada(&json!({"public": {"secret": "value"}})).ok();
    world.by_ada(&json!({})).ok();
    world.by_admin(&json!({"public": {"x": 1}, "app": {"y": 2}})).ok();
    assert_eq!(world.events(), 2);
    for detail in ["public", "public app"] {
        let query =
            format!("select count(*) from audit_events where name = 'attributes_changed' and detail = '{detail}'");
        assert_eq!(world.app.number(&query), 1, "{detail}");
    }
}

fn the_command_line_shows_and_changes_attributes(engine: Engine) {
    let world = World::start(engine);
    let command = Tokensmith::new().env("DATABASE_URL", &world.app.database_url);
    let run = |args: &[&str]| command.run(&[&["users", "attributes", "ada"], args].concat());
    let shown = |args: &[&str]| serde_json::from_str::<Value>(&run(args).stdout).unwrap();
    assert_eq!(shown(&[]), json!({"public": {}, "app": {}}));
    let both = shown(&["--public", r#"{"a": 1}"#, "--app", r#"{"plan": "pro", "trial": true}"#]);
    assert_eq!(both, json!({"public": {"a": 1}, "app": {"plan": "pro", "trial": true}}));
    assert_eq!(shown(&["--app", r#"{"trial": null}"#]), json!({"public": {"a": 1}, "app": {"plan": "pro"}}));
    for (args, why) in [
        (["--app", "[]"], "app: invalid type"),
        (["--public", "{"], "public: EOF"),
        (["--app", r#"{"a": "\u0000"}"#], "app must not contain NUL"),
    ] {
        let refused = run(&args);
        assert!(!refused.success() && refused.stderr.contains(why), "{args:?}: {}", refused.stderr);
    }
    assert_eq!(shown(&[]), json!({"public": {"a": 1}, "app": {"plan": "pro"}}));
}
