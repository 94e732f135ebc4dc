//! The extractors in handlers of one's own: optional tokens and roles.

use std::sync::mpsc::channel;

use actix_web::rt::System;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use tokensmith::http::{AccessToken, MaybeAccessToken, Role, WithRole};

use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

struct Admin;

impl Role for Admin {
    const NAME: &'static str = "admin";
}

async fn admins(token: WithRole<Admin>) -> String {
    token.0.sub.to_string()
}

async fn anyone(MaybeAccessToken(claims): MaybeAccessToken) -> &'static str {
    if claims.is_some() { "known" } else { "anonymous" }
}

async fn lenient(token: Option<AccessToken>) -> &'static str {
    if token.is_some() { "known" } else { "anonymous" }
}

/// Calls `check` with a client of a server that has these three handlers and the app's keys and denylist.
fn with_server(app: &TestApp, check: impl FnOnce(&Client)) {
    let issuer = Data::from(app.issuer.clone());
    let (started, running) = channel();
    let thread = std::thread::spawn(move || {
        System::new().block_on(async {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(issuer.clone())
                    .route("/admins", web::get().to(admins))
                    .route("/anyone", web::get().to(anyone))
                    .route("/lenient", web::get().to(lenient))
            })
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            started.send((server.handle(), address)).unwrap();
            server.await.unwrap();
        });
    });
    let (handle, address) = running.recv().unwrap();
    check(&Client::new(&format!("http://{address}")));
    drop(handle.stop(false));
    thread.join().unwrap();
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
        // actix-web's own Option takes every refusal for none.
        assert_eq!(client.get_as("/lenient", token).body, "known");
        assert_eq!(client.get_as("/lenient", "garbage").body, "anonymous");
    });
}
