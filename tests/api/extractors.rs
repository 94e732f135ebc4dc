//! The extractors in a service's own handlers: optional tokens and roles.

use crate::support::backend::Backend;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

/// Calls `check` with a client of a service that has the issuer's own verifier.
fn with_server(app: &TestApp, check: impl FnOnce(&Client)) {
    check(&Backend::start(app.inside.verifier.clone()));
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap().to_owned())
}

#[test]
fn a_role_guard_lets_in_who_has_the_role_and_answers_403_with_a_challenge_to_who_has_not() {
    let app = TestApp::start(Engine::Sqlite);
    app.create_user("ada", &["admin", "editor"]);
    app.create_user("bob", &["administrator", "Admin"]);
    let [ada, bob] = ["ada", "bob"].map(|name| app.login(name, PASSWORD).ok());
    with_server(&app, |client| {
        let ask = |pair: &serde_json::Value| client.get_as("/admins", pair["access_token"].as_str().unwrap());
        assert_eq!(ask(&ada).body, ada["user"]["id"].as_str().unwrap());
        let refused = ask(&bob);
        assert_eq!(code(&refused), (403, "role_missing".to_owned()));
        assert!(refused.header("www-authenticate").contains(r#"error="insufficient_scope""#), "{refused:?}");
        assert_eq!(code(&client.get("/admins")), (401, "access_token_missing".to_owned()));
        app.revoke(&ada["refresh_token"]);
        assert_eq!(code(&ask(&ada)), (401, "token_revoked".to_owned()));
    });
}

#[test]
fn white_space_around_the_token_of_a_header_does_not_matter() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    let made = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&serde_json::json!({"name": "x"}))).json();
    let (token, key) = (pair["access_token"].as_str().unwrap(), made["key"].as_str().unwrap());
    for [scheme, after] in [["Bearer ", ""], ["bearer   ", " "], ["BEARER\t", "\t"], ["Bearer \t ", " \t "]] {
        for token in [token, key] {
            let header = format!("{scheme}{token}{after}");
            assert_eq!(app.ask("GET", "/v1/me", &header, None).status, 200, "{header:?}");
        }
        let header = format!("{scheme}{key}{after}").replace(scheme.trim(), "Token");
        assert_eq!(app.ask("GET", "/v1/me", &header, None).status, 200, "{header:?}");
        assert_eq!(app.ask("POST", "/v1/api-tokens/exchange", &header, None).status, 200, "{header:?}");
        with_server(&app, |client| {
            assert_eq!(client.ask("GET", "/anyone", &format!("{scheme}{token}{after}"), None).body, "known");
        });
        for around in [[" ", "\n"], ["\t", ""]] {
            assert_eq!(app.verify(&around.join(key).into()).ok()["kind"], "api_token");
            app.refresh(&around.join(pair["refresh_token"].as_str().unwrap()).into()).ok();
        }
    }
}

#[test]
fn an_optional_token_may_be_missing_but_not_bad() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    with_server(&app, |client| {
        let token = pair["access_token"].as_str().unwrap();
        assert_eq!(client.get("/anyone").body, "anonymous");
        assert_eq!(client.get_as("/anyone", token).body, "known");
        assert_eq!(code(&client.get_as("/anyone", "garbage")), (401, "token_malformed".to_owned()));
        let malformed = client.send("GET", "/anyone", &[("authorization", "Bearer")], b"");
        assert_eq!(code(&malformed), (400, "invalid_request".to_owned()));
        // actix-web's own Option turns every refusal into `None`.
        assert_eq!(client.get_as("/lenient", token).body, "known");
        assert_eq!(client.get_as("/lenient", "garbage").body, "anonymous");
    });
}
