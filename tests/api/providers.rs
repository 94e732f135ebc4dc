//! `tokensmith providers`.

use std::fs;

use serde_json::json;
use tokensmith::internals::error::Error;

use crate::support::provider::{CLIENT_SECRET, Provider};
use crate::support::{Engine, TestApp};
use crate::upstream::{SETTINGS, command, configure, configure_as, lying, sign_in};

both_engines!(
    a_provider_is_created_shown_changed_and_deleted_and_each_change_is_on_record,
    what_cannot_be_a_provider_is_refused_with_the_reason,
    a_provider_whose_metadata_is_of_no_use_is_refused_with_the_reason,
    microsoft_is_accepted_by_tenant_and_its_addresses_are_never_trusted,
    the_secret_is_stored_encrypted_and_never_shown,
);

fn a_provider_is_created_shown_changed_and_deleted_and_each_change_is_on_record(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--name", "The Lying One"]);
    configure_as(&app, "google", "google", "https://accounts.google.com", &["--no-check"]);
    let command = command(&app);
    let all = command.list(&["providers", "list"]);
    assert_eq!((all.len(), &all[0]["id"], &all[1]["name"]), (2, &json!("google"), &json!("The Lying One")));
    assert_eq!(all[0]["claim_map"]["username"]["action"], "ignore", "Google has no usernames");
    assert_eq!(all[1]["scopes"], json!(["openid", "profile", "email"]));
    let shown = command.run(&["providers", "show", "lying"]).stdout;
    assert!(shown.contains("redirect_uri: https://id.example.com/auth/login/callback/lying\n"), "{shown}");
    assert!(shown.contains(&format!("issuer: {}\n", provider.issuer)), "{shown}");
    let update = ["providers", "update", "lying", "--trust-email", "--scope", "openid", "--scope", "groups", "--json"];
    let updated: serde_json::Value = serde_json::from_str(&command.run(&update).stdout).unwrap();
    assert_eq!((&updated["scopes"], &updated["trust_email"]), (&json!(["openid", "groups"]), &json!(true)));
    // What changes nothing is no change.
    assert!(command.run(&update).success());
    for action in ["disable", "disable", "enable", "enable"] {
        assert!(command.run(&["providers", action, "lying"]).success());
    }
    assert!(command.run(&["providers", "delete", "lying", "--yes"]).success());
    for action in ["show", "disable", "enable"] {
        let refused = command.run(&["providers", action, "lying"]);
        assert!(refused.stderr.contains("there is no such provider"), "{}", refused.stderr);
    }
    for (name, times) in [("created", 2), ("updated", 1), ("disabled", 1), ("enabled", 1), ("deleted", 1)] {
        let query = format!("select count(*) from audit_events where name = 'provider_{name}'");
        assert_eq!(app.number(&query), times, "{name}");
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'provider_deleted' and detail = 'lying'"), 1);
}

fn what_cannot_be_a_provider_is_refused_with_the_reason(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    let command = command(&app);
    let write = |name: &str, text: &str| fs::write(command.dir.path().join(name), text).unwrap();
    write("empty", "\n");
    write("map", r#"{"name": {"action": "take"}}"#);
    let issuer = provider.issuer.as_str();
    let good = ["--preset", "generic", "--issuer", issuer, "--client-id", "a", "--client-secret-file", "secret"];
    let refused = |args: &[&str]| {
        let finished = command.run(&[&["providers", "create"], args].concat());
        assert!(!finished.status.success(), "{args:?}");
        finished.stderr
    };
    for (args, why) in [
        (&["Lying"][..], "id must be 1 to 32 of a-z"),
        (&["callback"], "id is reserved"),
        (&["lying"], "id is that of another provider"),
        (&["new", "--scope", "email"], "scopes must contain openid"),
        (&["new", "--scope", "open id"], "scopes must be at most 32 texts"),
        (&["new", "--claim-map", "map"], "claim_map cannot be used: unknown variant"),
        (&["new", "--claim-map", "nothing"], "nothing: No such file"),
        (&["new", "--name", "\u{202e}"], "name must have"),
    ] {
        let said = refused(&[args, &good].concat());
        assert!(said.contains(why), "{args:?}: {said}");
    }
    for (args, why) in [
        (&["new", "--preset", "facebook"][..], "preset must be google, github or generic"),
        (&["new", "--preset", "generic", "--client-id", "a", "--client-secret-file", "secret"], "issuer is missing"),
        (&["new", "--preset", "google", "--client-secret-file", "secret"], "client_id is missing"),
        (&["new", "--preset", "google", "--client-id", "a"], "client_secret is missing"),
        (&["new", "--preset", "google", "--client-id", "a", "--client-secret-file", "empty"], "must not be empty"),
    ] {
        let said = refused(args);
        assert!(said.contains(why), "{args:?}: {said}");
    }
    assert_eq!(app.number("select count(*) from providers"), 1);
}

fn a_provider_whose_metadata_is_of_no_use_is_refused_with_the_reason(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, command) = (Provider::start(0), command(&app));
    let create = || {
        let args = ["providers", "create", "new", "--preset", "generic", "--issuer", &provider.issuer];
        command.run(&[&args[..], &["--client-id", "a", "--client-secret-file", "secret"]].concat()).stderr
    };
    for (metadata, why) in [
        (json!({"issuer": "https://other.example"}), "it is about the issuer \"https://other.example\""),
        (json!({"jwks_uri": null}), "missing field `jwks_uri`"),
        (json!({"token_endpoint": "ftp://a"}), "it names the URL \"ftp://a\""),
        (json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}), "neither client_secret_basic nor"),
        (
            json!({"id_token_signing_alg_values_supported": ["HS256", "none"]}),
            "it signs ID tokens only with HS256, none",
        ),
    ] {
        provider.says().metadata = metadata;
        let said = create();
        assert!(said.contains("/.well-known/openid-configuration: ") && said.contains(why), "{said}");
    }
    provider.answers("/.well-known/openid-configuration", 404, "");
    assert!(create().contains("it is answered with 404"));
    assert_eq!(app.number("select count(*) from providers"), 0);
    let closed = TestApp::start_with(engine, &SETTINGS[..1]);
    let command = self::command(&closed).env("OUTBOUND_ALLOW", "");
    let args = ["providers", "create", "new", "--preset", "generic", "--issuer", &provider.issuer, "--client-id", "a"];
    let said = command.run(&[&args[..], &["--client-secret-file", "secret"]].concat()).stderr;
    assert!(said.contains("neither a public address nor an allowed one"), "{said}");
}

fn microsoft_is_accepted_by_tenant_and_its_addresses_are_never_trusted(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let tenant = "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0";
    configure(&app, "microsoft", tenant, &["--no-check"]);
    let command = command(&app);
    let trusting = command.run(&["providers", "update", "microsoft", "--trust-email"]);
    assert!(trusting.stderr.contains("trust_email cannot be on for Microsoft"), "{}", trusting.stderr);
    for shared in ["common", "organizations", "consumers"] {
        let issuer = format!("https://login.microsoftonline.com/{shared}/v2.0");
        let args = ["providers", "create", "shared", "--preset", "generic", "--issuer", &issuer, "--client-id", "a"];
        let refused = command.run(&[&args[..], &["--client-secret-file", "secret", "--no-check"]].concat());
        assert!(refused.stderr.contains("issuer must be the issuer of one tenant"), "{}", refused.stderr);
    }
    assert_eq!(app.number("select count(*) from providers"), 1);
}

fn the_secret_is_stored_encrypted_and_never_shown(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    let stored = app.number(&format!("select count(*) from providers where secret like '%{}%'", &CLIENT_SECRET[..8]));
    assert_eq!(stored, 0);
    let command = command(&app);
    for args in [
        &["providers", "show", "lying"][..],
        &["providers", "show", "lying", "--json"],
        &["providers", "list", "--json"],
    ] {
        assert!(!command.run(args).stdout.contains(&CLIENT_SECRET[..8]), "{args:?}");
    }
    // Moved to another provider it is of no use.
    configure(&app, "other", &provider.issuer, &[]);
    app.execute("update providers set secret = (select secret from providers where id = 'lying') where id = 'other'");
    let outcome = sign_in(&app, &provider, "other");
    assert!(matches!(outcome, Err(Error::DataKeyUnavailable(_))), "{outcome:?}");
}
