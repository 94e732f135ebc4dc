//! `tokensmith users export`, whose lines `users import` reads.

use std::fs;

use serde_json::Value;

use crate::support::process::Tokensmith;
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(what_is_exported_and_imported_is_the_same, hashes_are_exported_only_when_asked_for);

fn what_is_exported_and_imported_is_the_same(engine: Engine) {
    let app = TestApp::start(engine);
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url);
    for (name, roles) in [("ada", ["admin", "editor"].as_slice()), ("bob", &[]), ("ёлка", &["x"]), ("no-password", &[])]
    {
        app.create_user(name, roles);
    }
    app.execute(
        "update users set password_hash = '!', email = null, email_verified_at = null where username = 'no-password'",
    );
    app.execute("update users set email_verified_at = null, name = 'Bob, \"the\" builder', disabled_at = 5 where username = 'bob'");
    let argon2 = "argon2$argon2id$v=19$m=64,t=2,p=2$EMK4977XOmeM0bpXynlvDQ$LZ/6Kd3K+R/ak866ET3NdEyjAq8Zl4AiBD6ZwPU99mE";
    app.execute(&format!("update users set external_id = '7', password_hash = '{argon2}' where username = 'bob'"));
    app.execute(r#"update users set public_attributes = '{"a":[1]}', app_attributes = '{"b":{"c":"d"}}' where username = 'ada'"#);
    let file = command.dir.path().join("users.jsonl");
    let args = ["users", "export", "--with-hashes"];
    assert!(command.run(&[&args[..], &["users.jsonl"]].concat()).success());
    let exported = fs::read_to_string(&file).unwrap();
    assert_eq!(exported.lines().count(), 4);
    assert_eq!(exported, command.run(&args).stdout, "also on standard output");
    let other = TestApp::start(engine);
    let target = Tokensmith::new().env("DATABASE_URL", &other.database_url);
    let path = file.to_str().unwrap();
    let import = ["users", "import", path, "--trust-email", "--map", "role:admin=admin"];
    assert!(target.run(&import).success());
    assert_eq!(target.run(&args).stdout, exported);
    let stored = format!("select count(*) from users where username = 'bob' and password_hash = '{argon2}'");
    assert_eq!(other.number(&stored), 1, "the hash of another system does not become ours");
    other.login("ada", PASSWORD).ok();
    let again = target.run(&import);
    assert!(again.success() && again.stdout.contains("0 changed, 4 unchanged"), "{}", again.stdout);
}

fn hashes_are_exported_only_when_asked_for(engine: Engine) {
    let app = TestApp::start(engine);
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url);
    app.create_user("ada", &[]);
    let exported = command.run(&["users", "export", "users.jsonl"]);
    assert!(exported.success());
    let text = fs::read_to_string(command.dir.path().join("users.jsonl")).unwrap();
    let ada: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&ada["username"], ada.get("password_hash")), (&"ada".into(), None));
    let again = command.run(&["users", "export", "users.jsonl"]);
    assert_eq!(again.status.code(), Some(1), "it replaces no file");
}
