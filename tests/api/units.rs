//! Units of work: a change, its audit events and its denials are written together, and then announced; or none of this
//! happens.

use serde_json::{Value, json};

use crate::admin_users::{administrator, api_token};
use crate::support::ports::free_port;
use crate::support::process::Tokensmith;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp, execute, number};

both_engines!(
    each_event_names_the_request_that_brought_it_about,
    an_event_that_no_request_brought_about_names_none,
    a_unit_that_fails_writes_and_announces_nothing,
);

const AUDIT: &str = "/v1/admin/audit";

/// The newest event, as its administrator sees it.
fn newest(app: &TestApp, root: &Value) -> Value {
    app.ask_as("GET", &format!("{AUDIT}?limit=1"), root, None).ok()["events"][0].take()
}

fn each_event_names_the_request_that_brought_it_about(engine: Engine) {
    let app = TestApp::start_with(engine, &[("REFRESH_SETTLE_WINDOW", "0s")]);
    let root = administrator(&app);
    let brought_about = |name: &str, answer: &Answer| {
        let event = newest(&app, &root);
        assert_eq!((&event["name"], &event["request_id"]), (&json!(name), &json!(answer.header("x-request-id"))));
    };
    let ada = app.logged_in("ada");
    brought_about("login_failed", &app.login("ada", "not her password"));
    brought_about("login", &app.login("ada", PASSWORD));
    let password = json!({"password": PASSWORD});
    brought_about("reauthenticated", &app.ask_as("POST", "/v1/me/reauthenticate", &ada, Some(&password)));
    let token = api_token(&app, &ada, "backup");
    brought_about("api_token_revoked", &app.revoke(&token["key"]));
    let second = app.refresh(&ada["refresh_token"]).ok();
    app.refresh(&second["refresh_token"]).ok();
    brought_about("refresh_token_reused", &app.refresh(&ada["refresh_token"]));
    brought_about("key_rotated", &app.ask_as("POST", "/v1/admin/keys/rotate", &root, Some(&json!({}))));
    let user = format!("/v1/admin/users/{}", ada["user"]["id"].as_str().unwrap());
    brought_about("user_disabled", &app.ask_as("POST", &format!("{user}/disable"), &root, None));

    let bearer = format!("Bearer {}", root["access_token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("x-request-id", "the-proxy.has_named-it")];
    assert_eq!(app.send("DELETE", &user, &headers, b"").status, 204);
    let event = newest(&app, &root);
    assert_eq!((&event["name"], &event["request_id"]), (&json!("user_deleted"), &json!("the-proxy.has_named-it")));
}

fn an_event_that_no_request_brought_about_names_none(engine: Engine) {
    let app = TestApp::start(engine);
    let root = administrator(&app);
    app.create_user("ada", &[]);
    assert_eq!(newest(&app, &root)["request_id"], Value::Null);
    // As an older version writes it, which may run beside this one.
    app.execute("insert into audit_events (at, name, detail) values (1, 'logout', 'by an older version')");
    let event = newest(&app, &root);
    assert_eq!((&event["detail"], &event["request_id"]), (&json!("by an older version"), &Value::Null));
}

fn a_unit_that_fails_writes_and_announces_nothing(engine: Engine) {
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    let address = format!("127.0.0.1:{}", free_port());
    let command = command.env("DATABASE_URL", &url).env("METRICS_LISTEN", &address);
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = command.serve();
    let client = serving.client();
    let other = client.login("ada", PASSWORD).ok();
    let body = json!({"username": "ada", "password": PASSWORD, "label": "phone"});
    let pair = client.post("/v1/tokens", &body).ok();
    for _ in 0..2 {
        assert_eq!(serving.wait_for_log("security event")["event"], "login");
    }
    let rows = || ["audit_events", "denylist"].map(|table| number(&url, &format!("select count(*) from {table}")));
    let before = rows();

    // The last step of a change of password finds that its session has ended, and undoes the others: the event is on record
    // by then, the other session has ended and is denied.
    execute(&url, "update sessions set ended_at = 1, end_reason = 'logout' where label = 'phone'");
    let change = json!({"current_password": PASSWORD, "new_password": "a long and unusual sentence"});
    client.ask_as("POST", "/v1/me/password", &pair, Some(&change)).problem(401, "token_revoked");

    assert_eq!(rows(), before);
    assert_eq!(client.me(&other).status, 200);
    client.refresh(&other["refresh_token"]).ok();
    client.login("ada", PASSWORD).ok();
    assert_eq!(serving.wait_for_log("security event")["event"], "login", "the next one there is a line of");
    let metrics = Client::new(&format!("http://{address}")).get("/metrics").body;
    assert!(metrics.contains("\"login\"") && !metrics.contains("password_changed"), "{metrics}");
}
