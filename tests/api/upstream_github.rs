//! Sign-in at GitHub, by a stand-in for its three calls.

use serde_json::json;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::model::upstream::Refusal;

use crate::support::provider::{CLIENT_ID, Provider};
use crate::support::{Engine, TestApp};
use crate::upstream::{SETTINGS, begin, configure_as, refused, sign_in};

both_engines!(
    a_user_of_github_is_known_by_the_number_and_has_the_primary_address_that_is_verified,
    what_github_does_not_say_is_not_made_up,
    what_github_refuses_is_refused,
);

fn github(app: &TestApp) -> Provider {
    let provider = Provider::start(app.clock.now().0);
    configure_as(app, "github", "github", &provider.issuer, &[]);
    provider.answers("/login/oauth/access_token", 200, r#"{"access_token": "gho_1", "token_type": "bearer"}"#);
    let user = json!({"id": 583_231, "login": "octocat", "name": "The Octocat", "email": "profile@example.com"});
    provider.answers("/api/v3/user", 200, &user.to_string());
    let address = |email: &str, primary: bool, verified: bool| json!({"email": email, "primary": primary, "verified": verified, "visibility": null});
    let addresses = json!([address("a@example.com", false, true), address("b@example.com", true, true)]);
    provider.answers("/api/v3/user/emails", 200, &addresses.to_string());
    provider
}

fn a_user_of_github_is_known_by_the_number_and_has_the_primary_address_that_is_verified(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = github(&app);
    let trip = begin(&app.browser(), "github");
    assert!(trip.url.starts_with(&format!("{}/login/oauth/authorize?", provider.issuer)), "{}", trip.url);
    assert_eq!((trip.params["scope"].as_str(), trip.params["client_id"].as_str()), ("read:user user:email", CLIENT_ID));
    let identity = sign_in(&app, &provider, "github").unwrap().identity;
    assert_eq!((identity.subject.as_str(), identity.username.unwrap().to_string().as_str()), ("583231", "octocat"));
    assert_eq!((identity.email.unwrap().to_string().as_str(), identity.email_verified), ("b@example.com", true));
    assert_eq!(identity.name.unwrap().to_string(), "The Octocat");
    let says = provider.says();
    let (_, body) = says.asked.iter().find(|(line, _)| line.starts_with("POST")).unwrap();
    for part in
        ["client_secret=a+secret%3A+100%25", "code_verifier=", "redirect_uri=https%3A%2F%2Fid.example.com%2Fauth"]
    {
        assert!(body.contains(part), "{body}");
    }
}

fn what_github_does_not_say_is_not_made_up(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = github(&app);
    provider.answers("/api/v3/user", 200, &json!({"id": 7, "login": "a", "name": null}).to_string());
    let address =
        |primary: bool, verified: bool| json!({"email": "a@example.com", "primary": primary, "verified": verified});
    for addresses in [json!([]), json!([address(true, false)]), json!([address(false, true)])] {
        provider.answers("/api/v3/user/emails", 200, &addresses.to_string());
        let identity = sign_in(&app, &provider, "github").unwrap().identity;
        assert_eq!((identity.email, identity.email_verified), (None, false), "{addresses}");
        assert_eq!(identity.name, None);
    }
}

fn what_github_refuses_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = github(&app);
    for (path, status, body, what) in [
        ("/api/v3/user", 200, r#"{"id": "583231", "login": "octocat"}"#, "user"),
        ("/api/v3/user", 200, r#"{"login": "octocat"}"#, "user"),
        ("/api/v3/user", 403, "{}", "user"),
        ("/api/v3/user/emails", 404, "{}", "emails"),
        ("/api/v3/user/emails", 200, "{}", "emails"),
        ("/api/v3/user/emails", 200, r#"[{"email": "a@example.com", "primary": true, "verified": "true"}]"#, "emails"),
    ] {
        let before = provider.says().answers[path].clone();
        provider.answers(path, status, body);
        assert_eq!(refused(sign_in(&app, &provider, "github")), Refusal::Unreachable(what), "{body}");
        provider.says().answers.insert(path.to_owned(), before);
    }
    provider.answers("/login/oauth/access_token", 200, r#"{"error": "bad_verification_code"}"#);
    let refusal = refused(sign_in(&app, &provider, "github"));
    assert_eq!(refusal, Refusal::CodeRefused("bad_verification_code".to_owned()));
}
