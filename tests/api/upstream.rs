//! Sign-in at a provider: where users are sent, what they come back with, and what is known of them then.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::error::Error;
use tokensmith::internals::model::provider::ProviderId;
use tokensmith::internals::model::upstream::{Identity, Purpose, Refusal, Verified};
use tokensmith::internals::service::{purge, upstream};

use crate::support::browser::{decoded, encoded};
use crate::support::process::Tokensmith;
use crate::support::provider::{CLIENT_ID, CLIENT_SECRET, Key, Provider};
use crate::support::{Browser, Engine, TestApp};

both_engines!(
    a_user_is_sent_to_the_provider_and_comes_back_as_who_they_are_there,
    rfc7636_4_6_a_code_that_was_put_into_another_sign_in_is_of_no_use,
    the_userinfo_endpoint_is_asked_for_what_the_id_token_lacks,
    each_field_comes_from_the_claim_that_the_map_names,
    what_counts_as_a_second_factor_is_configured,
    every_algorithm_of_the_list_is_accepted_also_with_keys_that_name_none,
    a_new_key_is_fetched_when_a_token_names_it,
    two_tabs_with_two_providers_do_not_disturb_each_other,
    a_provider_is_found_until_it_is_disabled_on_every_instance,
    a_sign_in_that_is_over_is_forgotten,
    ten_thousand_sign_ins_from_one_network_are_three_hundred_rows,
    what_comes_back_and_is_refused_is_limited_by_network,
    without_a_linked_account_the_page_says_so,
    pages_call_a_provider_what_its_operator_calls_it,
    a_refused_sign_in_leads_back_to_where_the_user_wanted_to_go,
);

pub const SETTINGS: [(&str, &str); 3] =
    [("ISSUER", "https://id.example.com/auth"), ("OUTBOUND_ALLOW", "127.0.0.1"), ("SESSION_COOKIES", "on")];

/// The command on the database of an app.
pub fn command(app: &TestApp) -> Tokensmith {
    let keys = app.keys_dir().display().to_string();
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url).env("KEYS_DIR", &keys);
    let command = SETTINGS.iter().fold(command, |command, (name, value)| command.env(name, value));
    fs::write(command.dir.path().join("secret"), format!("{CLIENT_SECRET}\n")).unwrap();
    command
}

/// Configures a provider of OpenID Connect.
#[track_caller]
pub fn configure(app: &TestApp, id: &str, issuer: &str, more: &[&str]) {
    configure_as(app, id, "generic", issuer, more);
}

#[track_caller]
pub fn configure_as(app: &TestApp, id: &str, preset: &str, issuer: &str, more: &[&str]) {
    let args = ["providers", "create", id, "--preset", preset, "--issuer", issuer, "--client-id", CLIENT_ID];
    let created = command(app).run(&[&args[..], &["--client-secret-file", "secret"], more].concat());
    assert!(created.success());
    assert!(created.stdout.contains(&format!("https://id.example.com/auth/login/callback/{id}")), "{}", created.stdout);
}

/// A provider that is configured with the id `lying`.
pub fn lying(app: &TestApp, more: &[&str]) -> Provider {
    let provider = Provider::start(app.clock.now().0);
    configure(app, "lying", &provider.issuer, more);
    provider
}

/// A sign-in that has begun in a browser.
pub struct Trip {
    /// The URL at the provider.
    pub url: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

#[track_caller]
pub fn begin(browser: &Browser, id: &str) -> Trip {
    let answer = browser.get(&format!("/login/{id}?return_to=/notes"));
    assert_eq!(answer.status, 303, "{answer:?}");
    let url = answer.header("location").to_owned();
    Trip { params: decoded(url.split_once('?').unwrap().1), url }
}

impl Trip {
    /// The query that the user comes back with.
    pub fn back(&self, code: &str) -> String {
        encoded(&[("code", code), ("state", &self.params["state"])])
    }

    /// The name of its cookie.
    pub fn cookie(&self) -> String {
        format!("__Host-ts_upstream_{}", self.params["state"].split('.').next().unwrap())
    }
}

/// What the service makes of a query with a cookie.
pub fn callback(app: &TestApp, id: &str, query: &str, cookie: Option<&str>) -> Result<Verified, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let id: ProviderId = id.parse().unwrap();
    runtime.block_on(upstream::callback(&app.inside, &id, query, cookie))
}

/// A whole sign-in.
pub fn sign_in(app: &TestApp, provider: &Provider, id: &str) -> Result<Verified, Error> {
    let browser = app.browser();
    let trip = begin(&browser, id);
    let code = provider.agree(&trip.url);
    callback(app, id, &trip.back(&code), Some(&browser.cookie(&trip.cookie())))
}

#[track_caller]
pub fn refused(outcome: Result<Verified, Error>) -> Refusal {
    match outcome {
        Err(Error::UpstreamRefused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn identity(app: &TestApp, provider: &Provider) -> Identity {
    sign_in(app, provider, "lying").unwrap().identity
}

fn a_user_is_sent_to_the_provider_and_comes_back_as_who_they_are_there(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, browser) = (lying(&app, &[]), app.browser());
    let trip = begin(&browser, "lying");
    assert!(trip.url.starts_with(&format!("{}/authorize?", provider.issuer)), "{}", trip.url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", "https://id.example.com/auth/login/callback/lying"),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(trip.params[name], value, "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert!(trip.params[name].len() >= 43, "{name}");
    }
    let code = provider.agree(&trip.url);
    let verified = callback(&app, "lying", &trip.back(&code), Some(&browser.cookie(&trip.cookie()))).unwrap();
    assert_eq!((verified.purpose, verified.return_to.as_str()), (Purpose::SignIn, "/notes"));
    let Identity { provider: at, subject, email, email_verified, username, name, roles, amr, acr, auth_time, .. } =
        verified.identity;
    assert_eq!((at.to_string().as_str(), subject.as_str()), ("lying", "subject-1"));
    assert_eq!((email.unwrap().to_string().as_str(), email_verified), ("ada@example.com", true));
    let (username, name) = (username.unwrap().to_string(), name.unwrap().to_string());
    assert_eq!((username.as_str(), name.as_str()), ("ada", "Ada Lovelace"));
    assert_eq!((roles, amr), (None, vec!["pwd".to_owned(), "mfa".to_owned()]));
    assert_eq!((acr.as_deref(), auth_time.unwrap().0), (Some("2"), app.clock.now().0 - 10));
    assert_eq!(provider.count("/userinfo"), 0, "the ID token has it all");
}

fn rfc7636_4_6_a_code_that_was_put_into_another_sign_in_is_of_no_use(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, browser) = (lying(&app, &[]), app.browser());
    let (one, other) = (begin(&browser, "lying"), begin(&browser, "lying"));
    let code = provider.agree(&one.url);
    // Somebody has put the code of one sign-in into another.
    let injected = callback(&app, "lying", &other.back(&code), Some(&browser.cookie(&other.cookie())));
    assert_eq!(refused(injected), Refusal::CodeRefused("invalid_grant".to_owned()));
    assert_eq!(app.number("select count(*) from upstream_logins where used_at is null"), 1);
}

fn the_userinfo_endpoint_is_asked_for_what_the_id_token_lacks(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    provider.says().claims = json!({"email": null, "email_verified": null, "name": null});
    let info = json!({"sub": "subject-1", "email": "bob@example.com", "email_verified": true, "name": "Bob"});
    provider.answers("/userinfo", 200, &info.to_string());
    let known = identity(&app, &provider);
    assert_eq!((known.email.unwrap().to_string().as_str(), known.email_verified), ("bob@example.com", true));
    assert_eq!(known.name.unwrap().to_string(), "Bob");
    assert_eq!(known.username.unwrap().to_string(), "ada", "the ID token counts first");
}

fn with_map(app: &TestApp, map: &Value) {
    let command = command(app);
    fs::write(command.dir.path().join("map"), map.to_string()).unwrap();
    assert!(command.run(&["providers", "update", "lying", "--claim-map", "map"]).success());
}

fn each_field_comes_from_the_claim_that_the_map_names(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    with_map(
        &app,
        &json!({
            "username": {"action": "ignore"},
            "email": {"action": "force", "claim": "mail"},
            "name": {"action": "require", "claim": "/names/full"},
            "roles": {"action": "force", "claim": "groups", "roles": {"staff": "user", "root": "admin"}},
        }),
    );
    provider.says().claims = json!({"mail": "a@example.com", "names": {"full": "A"}, "groups": ["staff", "other"]});
    let known = identity(&app, &provider);
    assert_eq!(known.username, None);
    assert_eq!(known.name.unwrap().to_string(), "A");
    assert_eq!(known.email.unwrap().to_string(), "a@example.com");
    assert!(!known.email_verified, "email_verified is about email and nothing else");
    assert_eq!(known.roles.unwrap().to_string(), "user");
    // Whoever is in no group has none of its roles.
    provider.answers("/userinfo", 200, r#"{"sub": "subject-1"}"#);
    provider.says().claims["groups"] = Value::Null;
    assert_eq!(identity(&app, &provider).roles.unwrap().to_string(), "");
    for missing in [Value::Null, json!(""), json!(7), json!("\u{202e}")] {
        provider.says().claims["names"]["full"] = missing;
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::ClaimMissing("name"));
    }
}

fn what_counts_as_a_second_factor_is_configured(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    assert!(!identity(&app, &provider).is_second_factor, "nothing counts by itself");
    for (args, counts) in [
        (["--second-factor-amr", "hwk"], false),
        (["--second-factor-acr", "3"], false),
        (["--second-factor-acr", "2"], true),
        (["--second-factor-acr", ""], false),
        (["--second-factor-amr", "mfa"], true),
    ] {
        assert!(command(&app).run(&[&["providers", "update", "lying"][..], &args].concat()).success());
        assert_eq!(identity(&app, &provider).is_second_factor, counts, "{args:?}");
    }
}

fn every_algorithm_of_the_list_is_accepted_also_with_keys_that_name_none(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    for (alg, key) in [("EdDSA", Key::eddsa()), ("RS256", Key::rsa()), ("PS256", Key::rsa()), ("ES256", Key::es256())] {
        let mut says = provider.says();
        let mut named = key.jwk(alg);
        named["alg"] = json!(alg);
        says.keys = vec![key.jwk("one"), named];
        (says.key, says.header, says.claims) = (key, json!({"alg": alg, "kid": alg}), json!({"at_hash": null}));
        drop(says);
        // Fetched keys are remembered for so long.
        app.advance(300);
        provider.says().now += 300;
        sign_in(&app, &provider, "lying").unwrap();
        for kid in [json!("one"), Value::Null] {
            provider.says().header["kid"] = kid;
            sign_in(&app, &provider, "lying").unwrap();
        }
    }
}

fn a_new_key_is_fetched_when_a_token_names_it(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    sign_in(&app, &provider, "lying").unwrap();
    let next = Key::es256();
    let mut says = provider.says();
    (says.keys, says.key, says.header) = (vec![next.jwk("two")], next, json!({"kid": "two"}));
    drop(says);
    app.advance(60);
    sign_in(&app, &provider, "lying").unwrap();
    assert_eq!(provider.count("/jwks"), 2);
    // Whoever names unknown keys does not make this service ask as often as they like.
    provider.says().header = json!({"kid": "three"});
    for _ in 0..3 {
        refused(sign_in(&app, &provider, "lying"));
    }
    assert_eq!(provider.count("/jwks"), 2);
}

fn two_tabs_with_two_providers_do_not_disturb_each_other(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (one, other, browser) = (lying(&app, &[]), Provider::start(app.clock.now().0), app.browser());
    configure(&app, "other", &other.issuer, &[]);
    let (first, second, third) = (begin(&browser, "lying"), begin(&browser, "other"), begin(&browser, "lying"));
    for (provider, id, trip) in [(&other, "other", &second), (&one, "lying", &third), (&one, "lying", &first)] {
        let code = provider.agree(&trip.url);
        let page = browser.open(&format!("/login/callback/{id}?{}", trip.back(&code)));
        page.shows(403, &format!("Sign-in with {id}"));
        assert!(page.text().contains("No account here is linked"), "{page:?}");
        assert!(!browser.cookies.borrow().contains_key(&trip.cookie()), "its cookie is of no use any more");
    }
    // A browser keeps so many, and a newer one drops the oldest.
    let next = |_| {
        app.advance(1);
        begin(&browser, "lying")
    };
    let trips: Vec<Trip> = (0..9).map(next).collect();
    assert!(!browser.cookies.borrow().contains_key(&trips[0].cookie()));
    browser.cookie(&trips[8].cookie());
}

fn a_provider_is_found_until_it_is_disabled_on_every_instance(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, other) = (lying(&app, &[]), app.another_instance(0, &SETTINGS));
    let browser = other.browser();
    let trip = begin(&browser, "lying");
    let code = provider.agree(&trip.url);
    let set = |action: &str| assert!(command(&app).run(&["providers", action, "lying"]).success());
    set("disable");
    assert_eq!(app.browser().get("/login/lying").status, 404);
    let cookie = browser.cookie(&trip.cookie());
    let back = |code: &str| callback(&other, "lying", &trip.back(code), Some(&cookie));
    assert!(matches!(back(&code), Err(Error::ProviderUnknown)));
    set("enable");
    back(&code).unwrap();
    for id in ["nothing", "callback", "NOTHING", "a.b"] {
        assert_eq!(app.browser().get(&format!("/login/{id}")).status, 404, "{id}");
    }
}

fn a_sign_in_that_is_over_is_forgotten(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let _provider = lying(&app, &[]);
    begin(&app.browser(), "lying");
    app.advance(4_199);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from upstream_logins"), 1, "for a while it is still said why");
    app.advance(1);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from upstream_logins"), 0);
}

fn without_a_linked_account_the_page_says_so(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, mut browser) = (lying(&app, &[]), app.browser());
    for (language, says) in [("en", "No account here"), ("de", "Mit dem Konto"), ("es", "Ninguna cuenta")] {
        language.clone_into(&mut browser.language);
        let trip = begin(&browser, "lying");
        let code = provider.agree(&trip.url);
        let page = browser.open(&format!("/login/callback/lying?{}", trip.back(&code)));
        assert_eq!(page.answer.status, 403);
        assert!(page.text().contains(says), "{page:?}");
        assert!(page.text().contains("/auth/login?return_to="), "there are other ways: {page:?}");
    }
    assert_eq!(app.number("select count(*) from sessions") + app.number("select count(*) from users"), 0);
}

fn a_refused_sign_in_leads_back_to_where_the_user_wanted_to_go(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    let cancelled =
        |state: &str| format!("/login/callback/lying?{}", encoded(&[("state", state), ("error", "access_denied")]));
    let (browser, other) = (app.browser(), app.browser());
    let (to_notes, metadata) = ("/login?return_to=%2Fnotes\"", "/.well-known/openid-configuration");
    provider.answers(metadata, 500, "");
    let page = browser.open("/login/lying?return_to=/notes");
    page.shows(502, "Sign-in with lying");
    assert!(page.text().contains(to_notes), "{page:?}");
    provider.says().answers.remove(metadata);
    app.advance(60);
    let state = begin(&browser, "lying").params["state"].clone();
    // What another browser has begun is not told.
    let page = other.open(&cancelled(&state));
    page.shows(403, "Sign-in with lying");
    assert!(!page.text().contains("notes"), "{page:?}");
    let page = browser.open(&cancelled(&state));
    page.shows(403, "Sign-in with lying");
    assert!(page.text().contains(to_notes), "{page:?}");
}

fn pages_call_a_provider_what_its_operator_calls_it(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--name", "Staff login"]);
    let metadata = "/.well-known/openid-configuration";
    provider.answers(metadata, 500, "");
    let page = app.browser().open("/login/lying");
    page.shows(502, "Sign-in with Staff login");
    assert!(page.text().contains("Staff login cannot be reached"), "{page:?}");
    provider.says().answers.remove(metadata);
    app.advance(60);
    let browser = app.browser();
    let state = begin(&browser, "lying").params["state"].clone();
    let query = encoded(&[("state", &state), ("error", "access_denied")]);
    browser.open(&format!("/login/callback/lying?{query}")).shows(403, "Sign-in with Staff login");
    assert_eq!(app.number("select count(*) from upstream_logins where used_at is null"), 0);
}

fn ten_thousand_sign_ins_from_one_network_are_three_hundred_rows(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (_provider, client) = (lying(&app, &[]), app.another_client());
    // What is no provider's begins nothing.
    for _ in 0..301 {
        assert_eq!(client.send("GET", "/login/unknown", &[], b"").status, 404);
    }
    let mut begun = 0;
    for _ in 0..10_000 {
        let answer = client.send("GET", "/login/lying?return_to=/notes", &[], b"");
        match answer.status {
            303 => begun += 1,
            status => assert_eq!(status, 429, "{answer:?}"),
        }
    }
    assert_eq!((begun, app.number("select count(*) from upstream_logins")), (300, 300));
    let page = app.browser().open("/login/lying?return_to=/notes");
    page.shows(429, "Sign-in with lying");
    assert!(page.text().contains("Too many sign-ins come from your network."), "{page:?}");
    assert_eq!(page.answer.header("retry-after"), "2");
    assert!(page.answer.body.contains("/auth/login?return_to=%2Fnotes\""), "{page:?}");
    app.advance(2);
    begin(&app.browser(), "lying");
}

fn what_comes_back_and_is_refused_is_limited_by_network(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, browser) = (lying(&app, &[]), app.browser());
    let trip = begin(&browser, "lying");
    let path = format!("/login/callback/lying?{}", trip.back(&provider.agree(&trip.url)));
    let other = app.browser();
    let guessed = begin(&other, "lying");
    let cookie = format!("{}={}", guessed.cookie(), other.cookie(&guessed.cookie()));
    let guess =
        || app.send("GET", &format!("/login/callback/lying?{}", guessed.back("made up")), &[("cookie", &cookie)], b"");
    for _ in 0..300 {
        assert_eq!(guess().status, 403);
    }
    assert_eq!(guess().status, 429);
    browser.open(&path).shows(429, "Sign-in with lying");
    // It is not used up.
    app.advance(2);
    let page = browser.open(&path);
    page.shows(403, "Sign-in with lying");
    assert!(page.text().contains("No account here"), "{page:?}");
    // Begins are counted apart.
    begin(&app.browser(), "lying");
}
