//! Each mistake in a request has its registered error, and goes where it may go.

use super::*;
use crate::clock::Timestamp;
use crate::model::client::{AuthMethod, ClientId, Words};
use crate::model::user::DisplayName;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "https://app.example/cb";

fn client() -> Client {
    let words = |text: &str| text.split_whitespace().collect::<Words>();
    Client {
        id: ClientId::from_stored("app".to_owned()),
        name: DisplayName::from_stored("App".to_owned()),
        redirect_uris: words("https://app.example/cb com.example.app:/cb"),
        post_logout_redirect_uris: Words::default(),
        grant_types: words("authorization_code"),
        scopes: "openid notes:read".parse().unwrap(),
        audiences: words("https://notes.example https://mail.example"),
        resource_servers: Words::default(),
        auth_method: AuthMethod::None,
        jwks: None,
        jwks_uri: None,
        id_token_alg: None,
        skip_consent: false,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        disabled_at: None,
        attributes: None,
    }
}

/// A good request with some parameters in place of its own: `name=` leaves one away, `+name=value` adds one.
fn params(changes: &[&str]) -> Params {
    let mut pairs: Vec<String> = [
        "response_type=code",
        "client_id=app",
        "redirect_uri=https://app.example/cb",
        "scope=openid",
        "state=s",
        "code_challenge_method=S256",
    ]
    .map(str::to_owned)
    .into();
    pairs.push(format!("code_challenge={CHALLENGE}"));
    for change in changes {
        if let Some(more) = change.strip_prefix('+') {
            pairs.push(more.to_owned());
        } else {
            let name = change.split_inclusive('=').next().unwrap();
            pairs.retain(|pair| !pair.starts_with(name));
            pairs.push((*change).to_owned());
        }
    }
    Params::parse(pairs.join("&").as_bytes())
}

fn refusal(changes: &[&str]) -> Refused {
    read(&params(changes), &client(), REDIRECT_URI, &["https://mail.example"]).expect_err(&changes.join(" "))
}

#[test]
fn a_good_request_is_read() {
    let params = params(&[
        "prompt=login consent",
        "max_age=60",
        "ui_locales=de en",
        "acr_values=a b",
        "resource=https://mail.example",
        "nonce=n",
        "unknown=x",
    ]);
    let request = read(&params, &client(), REDIRECT_URI, &["https://mail.example"]).unwrap();
    assert_eq!((request.scope.as_str(), request.code_challenge.as_str()), ("openid", CHALLENGE));
    assert_eq!((request.max_age, request.prompt.as_slice()), (Some(60), &[Prompt::Login, Prompt::Consent][..]));
    assert_eq!((request.ui_locales.len(), request.acr_values.len()), (2, 2));
    assert_eq!(request.resource.as_deref(), Some("https://mail.example"));
    assert_eq!((request.state.as_deref(), request.nonce.as_deref()), (Some("s"), Some("n")));
}

#[test]
fn each_mistake_has_its_registered_error() {
    let long = format!("state={}", "x".repeat(2_049));
    for (changes, code) in [
        (&["response_type="][..], "invalid_request"),
        (&["response_type=token"], "unsupported_response_type"),
        (&["response_type=code id_token"], "unsupported_response_type"),
        (&["response_mode=fragment"], "invalid_request"),
        (&["request=e30.e30."], "request_not_supported"),
        (&["request_uri=https://app.example/r"], "request_uri_not_supported"),
        (&["registration={}"], "registration_not_supported"),
        (&["+scope=openid"], "invalid_request"),
        (&["+unknown=1", "+unknown=2"], "invalid_request"),
        (&[long.as_str()], "invalid_request"),
        (&["nonce=a%00b"], "invalid_request"),
        (&["scope="], "invalid_scope"),
        (&["scope=openid mail:read"], "invalid_scope"),
        (&["scope=\""], "invalid_scope"),
        (&["prompt=none login"], "invalid_request"),
        (&["prompt=create"], "invalid_request"),
        (&["max_age=-1"], "invalid_request"),
        (&["max_age=soon"], "invalid_request"),
        (&["resource=https://mail.example", "+resource=https://mail.example"], "invalid_target"),
        (&["resource=https://id.example"], "invalid_target"),
    ] {
        assert_eq!(refusal(changes).error.code.name(), code, "{changes:?}");
    }
}

#[test]
fn rfc7636_4_4_1_a_request_without_an_s256_challenge_is_an_invalid_request() {
    for changes in [
        &["code_challenge="][..],
        &["code_challenge_method="],
        &["code_challenge_method=plain"],
        &["code_challenge=tooshort"],
        &["code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM="],
    ] {
        assert_eq!(refusal(changes).error.code, ErrorCode::InvalidRequest, "{changes:?}");
    }
}

#[test]
fn rfc6749_4_1_1_a_client_that_is_not_registered_for_codes_is_unauthorized() {
    let client = Client { grant_types: Words::from_iter(["client_credentials"]), ..client() };
    let refused = read(&params(&[]), &client, REDIRECT_URI, &["https://mail.example"]).unwrap_err();
    assert_eq!(refused.error.code, ErrorCode::UnauthorizedClient);
}

#[test]
fn a_state_that_is_too_long_or_ambiguous_is_not_sent_back() {
    assert_eq!(refusal(&["scope="]).to.state.as_deref(), Some("s"));
    assert_eq!(refusal(&["+state=t"]).to.state, None);
    assert_eq!(refusal(&[&format!("state={}", "x".repeat(2_049))]).to.state, None);
}

#[test]
fn a_mistake_in_the_response_type_is_told_in_the_query() {
    let both = ["response_mode=form_post", "response_type=token"];
    assert_eq!(refusal(&both).to.mode, ResponseMode::Query);
    assert_eq!(refusal(&["response_mode=form_post", "scope="]).to.mode, ResponseMode::FormPost);
}

#[test]
fn no_form_is_posted_to_an_app() {
    let params = params(&["response_mode=form_post"]);
    let refused = read(&params, &client(), "com.example.app:/cb", &["https://mail.example"]).unwrap_err();
    assert_eq!(refused.error.code, ErrorCode::InvalidRequest);
}

#[test]
fn rfc9700_4_11_only_a_registered_redirect_uri_is_answered() {
    for uri in ["", "redirect_uri=https://app.example/cb/x", "redirect_uri=https://evil.example"] {
        let changes = if uri.is_empty() { "redirect_uri=" } else { uri };
        assert_eq!(redirect_uri(&params(&[changes]), &client()), Err(Untrusted::RedirectUri), "{uri}");
    }
    let twice = params(&["+redirect_uri=https://app.example/cb"]);
    assert_eq!(redirect_uri(&twice, &client()), Err(Untrusted::RedirectUri));
    assert_eq!(client_id(&params(&["+client_id=app"])), None);
    assert_eq!(redirect_uri(&params(&[]), &client()), Ok(REDIRECT_URI));
}
