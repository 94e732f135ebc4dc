//! The next step, which depends on the signed-in user, their consent, and the request of the client.

use std::sync::Arc;

use super::*;
use crate::model::authorization::ResponseMode;
use crate::model::client::{AuthMethod, ClientId, Words};
use crate::model::grant::{Grant, GrantRequest};
use crate::model::id::Id;
use crate::model::session::Session;
use crate::model::sharing::Sharing;
use crate::model::user::{DisplayName, Username};

const BEGAN: Timestamp = Timestamp(1_000);

fn client(redirect_uri: &str) -> Client {
    Client {
        id: ClientId::from_stored("app".to_owned()),
        name: DisplayName::from_stored("App".to_owned()),
        redirect_uris: Words::from_iter([redirect_uri]),
        post_logout_redirect_uris: Words::default(),
        grant_types: Words::from_iter(["authorization_code"]),
        scopes: "openid email".parse().unwrap(),
        audiences: Words::default(),
        resource_servers: Words::default(),
        auth_method: AuthMethod::None,
        jwks: None,
        jwks_uri: None,
        id_token_alg: None,
        skip_consent: false,
        created_at: BEGAN,
        updated_at: BEGAN,
        disabled_at: None,
        attributes: None,
    }
}

fn interaction(prompt: &[Prompt], max_age: Option<i64>, login_hint: Option<&str>) -> Interaction {
    Interaction {
        id: Id::from_bytes([1; 16]),
        request: AuthorizationRequest {
            client_id: "app".to_owned(),
            redirect_uri: "https://app.example/cb".to_owned(),
            response_mode: ResponseMode::Query,
            scope: "email openid".to_owned(),
            resource: None,
            state: None,
            nonce: None,
            code_challenge: String::new(),
            prompt: prompt.to_vec(),
            max_age,
            login_hint: login_hint.map(str::to_owned),
            ui_locales: Vec::new(),
            acr_values: Vec::new(),
            expected_user: None,
        },
        chosen: false,
        created_at: BEGAN,
        expires_at: BEGAN + Seconds(600),
        finished_at: None,
    }
}

/// A user who has proved who they are at this time, and has allowed these scopes.
fn known(authenticated_at: i64, allowed: &str) -> Known {
    let at = Timestamp(authenticated_at);
    let session = Session {
        id: Id::from_bytes([2; 16]),
        user_id: Id::from_bytes([3; 16]),
        created_at: at,
        authenticated_at: Some(at),
        expires_at: at + Seconds(9_000),
        denied_through: 0,
        rotated_at: at,
        refresh_expires_at: at + Seconds(9_000),
        access_expires_by: at,
        sharing: Sharing::default(),
        end: None,
    };
    let user = User {
        id: session.user_id,
        username: Username::from_stored("ada".to_owned()),
        email: None,
        email_verified_at: None,
        verified_email: None,
        name: None,
        roles: Scopes::default(),
        disabled_at: None,
        created_at: at,
        external_id: None,
        public_attributes: None,
        app_attributes: None,
    };
    let (user_id, client_id) = (user.id, ClientId::from_stored("app".to_owned()));
    let consent = Consent { user_id, client_id, scopes: allowed.parse().unwrap(), created_at: at, updated_at: at };
    Known { session: Some(Live { session, grant: None, user: Arc::new(user) }), consent: Some(consent), stronger: None }
}

fn step(interaction: &Interaction, known: &Known) -> Step {
    next(interaction, &client("https://app.example/cb"), known, BEGAN + Seconds(10))
}

#[test]
fn without_a_session_the_user_logs_in() {
    assert_eq!(step(&interaction(&[], None, None), &Known::default()), Step::Login);
}

#[test]
fn a_login_in_the_course_of_the_interaction_is_fresh_whatever_was_asked_for() {
    for (prompt, max_age, authenticated_at, before) in [
        (&[][..], None, 1, Step::Answer),
        (&[Prompt::Login], None, 999, Step::Login),
        // A login in the second in which the interaction began, and before it.
        (&[Prompt::Login], None, 1_000, Step::Login),
        (&[], Some(11), 999, Step::Answer),
        (&[], Some(10), 999, Step::Login),
        (&[], Some(0), 1_000, Step::Login),
        (&[Prompt::Login], Some(9_000), 999, Step::Login),
    ] {
        let interaction = interaction(prompt, max_age, None);
        let found = step(&interaction, &known(authenticated_at, "openid email"));
        assert_eq!(found, before, "{prompt:?} {max_age:?} {authenticated_at}");
        let logged_in = Interaction { chosen: true, ..interaction };
        assert_eq!(step(&logged_in, &known(1_000, "openid email")), Step::Answer, "{prompt:?} {max_age:?}");
    }
}

#[test]
fn a_user_chooses_when_the_client_asks_for_that_or_names_another_one() {
    for (prompt, hint, expected) in [
        (&[][..], Some("ada"), Step::Answer),
        (&[], Some("grace"), Step::Account),
        (&[Prompt::SelectAccount], None, Step::Account),
    ] {
        let interaction = interaction(prompt, None, hint);
        assert_eq!(step(&interaction, &known(999, "openid email")), expected);
        let chosen = Interaction { chosen: true, ..interaction };
        assert_eq!(step(&chosen, &known(999, "openid email")), Step::Answer);
    }
}

#[test]
fn a_hint_names_its_user_as_a_login_does() {
    let mut known = known(999, "openid email");
    Arc::make_mut(&mut known.session.as_mut().unwrap().user).username = "Müller".parse().unwrap();
    for (hint, expected) in [("MÜLLER", Step::Answer), (" müller ", Step::Answer), ("Muller", Step::Account)] {
        assert_eq!(step(&interaction(&[], None, Some(hint)), &known), expected, "{hint}");
    }
}

#[test]
fn only_what_was_not_allowed_yet_is_asked_for() {
    let asked = |allowed: &str| step(&interaction(&[], None, None), &known(999, allowed));
    assert_eq!(asked("openid email profile"), Step::Answer);
    assert_eq!(asked("openid"), Step::Consent("email".parse().unwrap()));
    let both = Step::Consent("email openid".parse().unwrap());
    let unknown = Known { consent: None, ..known(999, "") };
    assert_eq!(step(&interaction(&[], None, None), &unknown), both);
    assert_eq!(step(&interaction(&[Prompt::Consent], None, None), &known(999, "openid email")), both);
}

#[test]
fn rfc8252_8_6_a_client_that_anybody_could_pose_as_is_always_asked() {
    for (redirect_uri, is_asked) in
        [("https://app.example/cb", false), ("com.example.app:/cb", true), ("http://127.0.0.1:51004/cb", true)]
    {
        let client = Client { skip_consent: true, ..client(redirect_uri) };
        let mut interaction = interaction(&[], None, None);
        redirect_uri.clone_into(&mut interaction.request.redirect_uri);
        let found = next(&interaction, &client, &known(999, "openid email"), BEGAN);
        assert_eq!(found != Step::Answer, is_asked, "{redirect_uri}");
        let confidential = Client { auth_method: AuthMethod::ClientSecretBasic, ..client };
        assert_eq!(next(&interaction, &confidential, &known(999, "openid email"), BEGAN), Step::Answer);
    }
}

#[test]
fn the_user_of_an_id_token_is_the_only_one_who_may_go_on() {
    let mut interaction = interaction(&[], None, None);
    interaction.request.expected_user = Some(Id::from_bytes([3; 16]));
    assert_eq!(step(&interaction, &known(999, "openid email")), Step::Answer);
    interaction.request.expected_user = Some(Id::from_bytes([4; 16]));
    assert_eq!(step(&interaction, &known(999, "openid email")), Step::Login);
    interaction.chosen = true;
    assert_eq!(step(&interaction, &known(999, "openid email")), Step::AnotherUser);
}

#[test]
fn a_login_that_would_reach_what_the_client_prefers_is_asked_for_once() {
    for (acr_values, stronger, expected) in [
        (&["two"][..], Some("two"), Step::Login),
        (&["unknown", "two", "one"], Some("two"), Step::Login),
        // What the session has is preferred, or nothing stronger can be reached, or nothing that is known is asked for.
        (&["one", "two"], Some("two"), Step::Answer),
        (&["two"], None, Step::Answer),
        (&["unknown"], Some("two"), Step::Answer),
        (&[], Some("two"), Step::Answer),
    ] {
        let mut interaction = interaction(&[], None, None);
        interaction.request.acr_values = acr_values.iter().map(|value| (*value).to_owned()).collect();
        let mut known = Known { stronger: stronger.map(str::to_owned), ..known(1_000, "openid email") };
        let live = known.session.as_mut().unwrap();
        let request = GrantRequest::first_party(String::new(), None);
        live.grant = Some(Arc::new(Grant::new(request, &["pwd"], Some("one".to_owned()))));
        assert_eq!(step(&interaction, &known), expected, "{acr_values:?}");
        let logged_in = Interaction { chosen: true, ..interaction };
        assert_eq!(step(&logged_in, &known), Step::Answer, "{acr_values:?}: it is not asked for for ever");
    }
}
