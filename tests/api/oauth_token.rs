//! `POST /oauth/token`: codes, clients, and what is wrong with a request.

use std::sync::{Arc, Barrier};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::oauth::{
    ALL, Allowed, As, CHALLENGE, NOTES, REDIRECT_URI, Registration, SECRET, SPA, basic, claims, form, redemption,
};
use crate::support::{Answer, Client, Engine, TestApp};

both_engines!(
    rfc6749_4_1_4_a_code_is_exchanged_for_tokens,
    rfc6749_4_1_3_a_code_is_of_the_client_that_it_was_issued_to,
    rfc6749_4_1_3_redirect_uri_is_there_and_identical_to_that_of_the_request,
    rfc7636_4_6_code_verifier_belongs_to_the_challenge,
    rfc6749_4_1_2_a_code_is_valid_for_a_minute,
    oidcc_codereuse,
    oidcc_codereuse_30seconds,
    rfc6749_10_5_sixty_four_parallel_redemptions_are_one_success_and_the_grant_ends,
    a_code_is_of_no_use_after_the_user_has_logged_out_of_the_browser,
    a_code_is_of_no_use_once_its_user_is_disabled,
    oidc_core_11_a_refresh_token_is_for_offline_access_or_for_the_operators_own_client,
    the_roles_are_in_the_token_of_an_application_that_may_see_them,
    rfc8707_2_2_the_access_token_is_for_the_resource_that_was_granted,
    an_audience_that_the_settings_no_longer_name_may_not_be_asked_for,
    rfc6749_3_2_parameters_are_in_the_body_once_and_unknown_ones_are_ignored,
    rfc6749_5_2_each_failure_has_its_registered_code,
    rfc6749_2_3_1_a_client_authenticates_by_the_method_that_it_is_registered_for,
    rfc6749_2_3_1_credentials_of_the_header_are_form_decoded,
    rfc6749_2_3_credentials_in_the_uri_and_two_methods_at_once_are_refused,
    a_secret_before_the_newest_is_valid_until_its_end,
    a_disabled_client_gets_nothing,
    rfc6749_4_4_a_client_gets_an_access_token_for_itself_and_no_refresh_token,
    rfc6749_4_4_2_a_client_asks_for_scopes_and_audiences_of_its_own,
    a_client_that_another_instance_registers_changes_or_removes_is_so_here_after_a_round,
);

const ADVANCED: i64 = 30;

/// A service with [`NOTES`] and [`SPA`], and a browser in which somebody has logged in.
fn start(engine: Engine) -> (TestApp, Value) {
    start_with(engine, &[])
}

fn start_with(engine: Engine, vars: &[(&str, &str)]) -> (TestApp, Value) {
    let app = TestApp::start_with(engine, vars);
    app.insert_client(&NOTES);
    app.insert_client(&SPA);
    let browser = app.logged_in("ada");
    (app, browser)
}

fn grants(app: &TestApp) -> i64 {
    app.number("select count(*) from sessions where client_id <> 'first-party'")
}

/// Redeems as a public client does.
fn redeem_as_public(client: &Client, id: &str, code: &str) -> Answer {
    let [grant_type, code, redirect_uri, verifier] = redemption(code);
    client.post_form("/oauth/token", None, &[grant_type, code, redirect_uri, verifier, ("client_id", id)])
}

fn rfc6749_4_1_4_a_code_is_exchanged_for_tokens(engine: Engine) {
    let (app, browser) = start(engine);
    let code = app.allow(&browser, &ALL);
    let answer = app.redeem(As("notes"), &code);
    let tokens = answer.ok();
    // RFC 6749 section 5.1.
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(300)));
    assert_eq!(tokens["scope"], ALL.scope);
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].is_string(), "{tokens}");

    let access = app.verify(&tokens["access_token"]).ok()["claims"].clone();
    assert_eq!((&access["sub"], &access["client_id"]), (&browser["user"]["id"], &json!("notes")));
    assert_eq!((&access["credential"], &access["scope"]), (&json!("application"), &tokens["scope"]));
    assert_ne!(access["sid"], browser["session_id"], "the grant has a session of its own");
    let row = "select count(*) from sessions g join sessions b on g.browser_session_id = b.id where \
               g.client_id = 'notes' and b.client_id = 'first-party' and g.amr = 'pwd'";
    assert_eq!(app.number(row), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'grant_opened' and detail = 'notes'"), 1);
    let listed = app.ask_as("GET", "/v1/sessions", &browser, None).ok();
    let of: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|session| session["client_id"].clone()).collect();
    assert!(of.len() == 2 && of.contains(&json!("notes")) && of.contains(&json!(null)), "{listed}");
    // A public client says who it is, and proves that it has asked.
    let code = app.allow(&browser, &Allowed { client: "spa", ..ALL });
    assert_eq!(claims(&redeem_as_public(&app, "spa", &code).ok()["access_token"])["client_id"], "spa");
}

fn rfc6749_4_1_3_a_code_is_of_the_client_that_it_was_issued_to(engine: Engine) {
    let (app, browser) = start(engine);
    let code = app.allow(&browser, &ALL);
    redeem_as_public(&app, "spa", &code).oauth_error(400, "invalid_grant");
    let unknown = app.redeem(As("notes"), "another code");
    assert_eq!(
        unknown.oauth_error(400, "invalid_grant"),
        redeem_as_public(&app, "spa", &code).oauth_error(400, "invalid_grant"),
        "one of another client looks like one that does not exist"
    );
    assert_eq!(grants(&app), 0);
    app.redeem(As("notes"), &code).ok();
}

fn rfc6749_4_1_3_redirect_uri_is_there_and_identical_to_that_of_the_request(engine: Engine) {
    let (app, browser) = start(engine);
    let code = app.allow(&browser, &ALL);
    let [grant_type, of_code, _, verifier] = redemption(&code);
    for other in ["https://app.example.com/callback/", "https://app.example.com/callback?a=b", "https://evil.example"] {
        let asked = [grant_type, of_code, ("redirect_uri", other), verifier];
        app.token(As("notes"), &asked).oauth_error(400, "invalid_grant");
    }
    app.token(As("notes"), &[grant_type, of_code, verifier]).oauth_error(400, "invalid_request");
    app.redeem(As("notes"), &code).ok();
}

fn rfc7636_4_6_code_verifier_belongs_to_the_challenge(engine: Engine) {
    let (app, browser) = start(engine);
    let code = app.allow(&browser, &ALL);
    let [grant_type, of_code, redirect_uri, _] = redemption(&code);
    let other = "a".repeat(43);
    // As `plain` would have it, too.
    for wrong in [other.as_str(), CHALLENGE, "short"] {
        let asked = [grant_type, of_code, redirect_uri, ("code_verifier", wrong)];
        app.token(As("notes"), &asked).oauth_error(400, "invalid_grant");
    }
    app.token(As("notes"), &[grant_type, of_code, redirect_uri]).oauth_error(400, "invalid_request");
    app.redeem(As("notes"), &code).ok();
}

fn rfc6749_4_1_2_a_code_is_valid_for_a_minute(engine: Engine) {
    let (app, browser) = start(engine);
    let [young, old] = [app.allow(&browser, &ALL), app.allow(&browser, &ALL)];
    app.advance(59);
    app.redeem(As("notes"), &young).ok();
    app.advance(1);
    let why = app.redeem(As("notes"), &old).oauth_error(400, "invalid_grant");
    assert!(why.contains("expired"), "{why}");
}

/// RFC 6749 section 4.1.2: a code that is used twice ends what it was used for, if it is its own client that shows that.
fn is_ended_by_a_second_use(app: &TestApp, browser: &Value, after: i64) {
    let code = app.allow(browser, &ALL);
    let tokens = app.redeem(As("notes"), &code).ok();
    app.advance(after);
    // Who has found the code alone can end nothing.
    redeem_as_public(app, "spa", &code).oauth_error(400, "invalid_grant");
    let [grant_type, of_code, redirect_uri, _] = redemption(&code);
    let guessed = [grant_type, of_code, redirect_uri, ("code_verifier", &"a".repeat(43))];
    app.token(As("notes"), &guessed).oauth_error(400, "invalid_grant");
    app.verify(&tokens["access_token"]).ok();

    app.redeem(As("notes"), &code).oauth_error(400, "invalid_grant");
    app.verify(&tokens["access_token"]).problem(401, "token_revoked");
    app.refresh_of(As("notes"), &tokens["refresh_token"]).oauth_error(400, "invalid_grant");
    assert_eq!(app.number("select count(*) from sessions where client_id = 'notes' and end_reason = 'reuse'"), 1);
    app.redeem(As("notes"), &code).oauth_error(400, "invalid_grant");
    let of_ada = "from audit_events where name = 'code_reused' and session_id is not null and user_id is not null";
    assert_eq!(app.number(&format!("select count(*) {of_ada}")), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'session_ended'"), 0);
    assert_eq!(grants(app), 1);
    assert_eq!(app.me(browser).status, 200, "the browser's own session goes on");
}

fn oidcc_codereuse(engine: Engine) {
    let (app, browser) = start(engine);
    is_ended_by_a_second_use(&app, &browser, 0);
}

fn oidcc_codereuse_30seconds(engine: Engine) {
    let (app, browser) = start(engine);
    is_ended_by_a_second_use(&app, &browser, ADVANCED);
    // Also when it has expired meanwhile.
    let (app, browser) = start(engine);
    is_ended_by_a_second_use(&app, &browser, 200);
}

fn rfc6749_10_5_sixty_four_parallel_redemptions_are_one_success_and_the_grant_ends(engine: Engine) {
    let (app, browser) = start(engine);
    let code = app.allow(&browser, &ALL);
    let begin = Arc::new(Barrier::new(64));
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let (client, code, begin) = (app.another_client(), code.clone(), Arc::clone(&begin));
            std::thread::spawn(move || {
                begin.wait();
                client.redeem(As("notes"), &code)
            })
        })
        .collect();
    let answers: Vec<Answer> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (successes, refusals): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!((successes.len(), refusals.len()), (1, 63));
    for refused in refusals {
        refused.oauth_error(400, "invalid_grant");
    }
    assert_eq!(grants(&app), 1);
    let tokens = successes[0].ok();
    app.verify(&tokens["access_token"]).problem(401, "token_revoked");
    app.refresh_of(As("notes"), &tokens["refresh_token"]).oauth_error(400, "invalid_grant");
}

fn a_code_is_of_no_use_after_the_user_has_logged_out_of_the_browser(engine: Engine) {
    let (app, browser) = start(engine);
    let code = app.allow(&browser, &ALL);
    assert_eq!(app.revoke(&browser["refresh_token"]).status, 204);
    let why = app.redeem(As("notes"), &code).oauth_error(400, "invalid_grant");
    assert!(why.contains("logged out"), "{why}");
    assert_eq!(grants(&app), 0);
    assert_eq!(app.number("select count(*) from authorization_codes where session_id is null"), 1);
}

fn a_code_is_of_no_use_once_its_user_is_disabled(engine: Engine) {
    let (app, browser) = start(engine);
    let code = app.allow(&browser, &ALL);
    app.execute("update users set disabled_at = 1");
    app.redeem(As("notes"), &code).oauth_error(400, "invalid_grant");
    assert_eq!(grants(&app), 0);
}

fn oidc_core_11_a_refresh_token_is_for_offline_access_or_for_the_operators_own_client(engine: Engine) {
    let (app, browser) = start(engine);
    app.insert_client(&Registration { id: "own", skip_consent: true, ..NOTES });
    app.insert_client(&Registration {
        id: "own-login",
        skip_consent: true,
        grant_types: "authorization_code",
        ..NOTES
    });
    let without = Allowed { scope: "openid", ..ALL };
    for (client, allowed, has_one) in [
        ("notes", ALL, true),
        ("notes", without, false),
        ("own", without, true),
        ("own-login", ALL, false),
        ("own-login", without, false),
    ] {
        let tokens = app.granted(&browser, &Allowed { client, ..allowed });
        assert_eq!(tokens["refresh_token"].is_string(), has_one, "{client}: {tokens}");
    }
    // A grant without one is over with its access token.
    let ends = "select count(*) from sessions where expires_at = 1800000300 and client_id in ('notes', 'own-login')";
    assert_eq!(app.number(ends), 3);
}

fn the_roles_are_in_the_token_of_an_application_that_may_see_them(engine: Engine) {
    let (app, _) = start(engine);
    app.create_user("grace", &["editor"]);
    let browser = app.login("grace", crate::support::PASSWORD).ok();
    let with = app.granted(&browser, &ALL);
    let without = app.granted(&browser, &Allowed { scope: "openid profile", ..ALL });
    assert_eq!(claims(&with["access_token"])["roles"], json!(["editor"]));
    assert_eq!(claims(&without["access_token"])["roles"], Value::Null);
}

fn rfc8707_2_2_the_access_token_is_for_the_resource_that_was_granted(engine: Engine) {
    let [api, reports] = ["https://api.example.com", "https://reports.example.com"];
    let (app, browser) = start_with(engine, &[("AUDIENCE", &format!("{api}, {reports}"))]);
    app.insert_client(&Registration { id: "both", audiences: &format!("{reports} {api}"), ..NOTES });
    let audience = |tokens: &Value| claims(&tokens["access_token"])["aud"].clone();
    assert_eq!(audience(&app.granted(&browser, &ALL)), api);
    let [of_both, of_reports] = [None, Some(reports)].map(|audience| Allowed { client: "both", audience, ..ALL });
    assert_eq!(audience(&app.granted(&browser, &of_both)), reports, "its own first");
    assert_eq!(audience(&app.granted(&browser, &of_reports)), reports);
    // The same may be asked for again, and no other.
    let code = app.allow(&browser, &of_reports);
    let with = |resource| [redemption(&code).as_slice(), &[("resource", resource)]].concat();
    app.token(As("both"), &with(api)).oauth_error(400, "invalid_target");
    assert_eq!(audience(&app.token(As("both"), &with(reports)).ok()), reports);
    let code = app.allow(&browser, &ALL);
    let with = |resource| [redemption(&code).as_slice(), &[("resource", resource)]].concat();
    assert_eq!(audience(&app.token(As("notes"), &with(api)).ok()), api, "what it gets anyway");
}

fn an_audience_that_the_settings_no_longer_name_may_not_be_asked_for(engine: Engine) {
    let [api, gone] = ["https://api.example.com", "https://gone.example.com"];
    let (app, _) = start_with(engine, &[("AUDIENCE", api)]);
    // The second client is left with none, and does not get that of others instead.
    for (id, audiences, left) in [("both", format!("{gone} {api}"), Some(api)), ("old", gone.to_owned(), None)] {
        app.insert_client(&Registration { id, audiences: &audiences, ..NOTES });
        let browser = app.browser();
        for resource in [Some(gone), Some(api), None] {
            let is_refused = left.is_none() || resource == Some(gone);
            let asks: Vec<_> = resource.map(|resource| ("resource", resource)).into_iter().collect();
            let own = [&[("redirect_uri", REDIRECT_URI)], asks.as_slice()].concat();
            let page = browser.open(&super::authorize::request(id, &own));
            if is_refused {
                assert_eq!(page.answer_to(REDIRECT_URI)["error"], "invalid_target", "{id} {resource:?}");
            } else {
                page.shows(200, "Log in");
            }
            let asked = app.token(As(id), &[&[("grant_type", "client_credentials")], asks.as_slice()].concat());
            if is_refused {
                asked.oauth_error(400, "invalid_target");
            } else {
                assert_eq!(claims(&asked.ok()["access_token"])["aud"], api);
            }
        }
    }
}

fn rfc6749_3_2_parameters_are_in_the_body_once_and_unknown_ones_are_ignored(engine: Engine) {
    let (app, browser) = start(engine);
    let asked = [("grant_type", "client_credentials")];
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        assert_eq!(app.send(method, "/oauth/token", &[], b"").status, 405, "{method}");
    }
    let header = As("notes").header();
    let body = form(&asked);
    for media_type in ["application/json", "text/plain", "multipart/form-data", ""] {
        let headers = [("authorization", header.as_str()), ("content-type", media_type)];
        app.send("POST", "/oauth/token", &headers, body.as_bytes()).oauth_error(400, "invalid_request");
    }
    let charset = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    app.send("POST", "/oauth/token", &[("authorization", &header), charset], body.as_bytes()).ok();
    for twice in [
        [asked[0], asked[0]].as_slice(),
        &[asked[0], ("scope", "notes:read"), ("scope", "notes:read")],
        &[asked[0], ("unknown", "1"), ("unknown", "2")],
    ] {
        let why = app.token(As("notes"), twice).oauth_error(400, "invalid_request");
        assert!(why.contains("is repeated"), "{why}");
    }
    let two = [asked[0], ("resource", "http://127.0.0.1:8080"), ("resource", "https://other.example")];
    app.token(As("notes"), &two).oauth_error(400, "invalid_target");
    app.token(As("notes"), &[asked[0], ("unknown", "1"), ("audience", "x")]).ok();
    // RFC 6749 section 3.2: without a value as if it were not there.
    app.token(As("notes"), &[asked[0], ("scope", ""), ("code", "")]).ok();
    let empty = app.token(As("notes"), &[("grant_type", "")]);
    empty.oauth_error(400, "invalid_request");
    let code = app.allow(&browser, &ALL);
    app.token(As("notes"), &[redemption(&code).as_slice(), &[("state", "x"), ("scope", "admin")]].concat()).ok();
}

fn rfc6749_5_2_each_failure_has_its_registered_code(engine: Engine) {
    let (app, _) = start(engine);
    app.insert_client(&Registration { id: "login", grant_types: "authorization_code", ..NOTES });
    for (grant, error) in [
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:device_code", "unsupported_grant_type"),
        ("Authorization_Code", "unsupported_grant_type"),
        ("authorization_code", "invalid_request"),
        ("refresh_token", "invalid_request"),
    ] {
        app.token(As("notes"), &[("grant_type", grant)]).oauth_error(400, error);
    }
    app.token(As("notes"), &[]).oauth_error(400, "invalid_request");
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    for asked in [refresh.as_slice(), &[("grant_type", "client_credentials")]] {
        app.token(As("login"), asked).oauth_error(400, "unauthorized_client");
    }
    for garbage in ["x", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(20_000)] {
        let asked = [("grant_type", "refresh_token"), ("refresh_token", garbage)];
        app.token(As("notes"), &asked).oauth_error(400, "invalid_grant");
    }
    // Who the client is comes first.
    let refused = app.post_form("/oauth/token", None, &[("grant_type", "password")]);
    refused.oauth_error(401, "invalid_client");
}

fn rfc6749_2_3_1_a_client_authenticates_by_the_method_that_it_is_registered_for(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    app.insert_client(&Registration { id: "posting", auth_method: "client_secret_post", ..NOTES });
    app.insert_client(&SPA);
    let asked = ("grant_type", "client_credentials");
    let posted = |id, secret| [asked, ("client_id", id), ("client_secret", secret)];
    app.token(As("notes"), &[asked]).ok();
    app.token(As("notes"), &[asked, ("client_id", "notes")]).ok();
    app.post_form("/oauth/token", None, &posted("posting", SECRET)).ok();
    let of_header = |id: &str, secret: &str| app.post_form("/oauth/token", Some(&basic(id, secret)), &[asked]);
    let refusals = [
        of_header("notes", "wrong"),
        of_header("notes", ""),
        of_header("nobody", SECRET),
        of_header("posting", SECRET),
        of_header("spa", SECRET),
        of_header("not an id", SECRET),
        app.post_form("/oauth/token", None, &posted("notes", SECRET)),
        app.post_form("/oauth/token", None, &posted("posting", "wrong")),
        app.post_form("/oauth/token", None, &[asked, ("client_id", "notes")]),
        app.post_form("/oauth/token", None, &[asked, ("client_id", "nobody")]),
    ];
    let mut told: Vec<String> = Vec::new();
    for refused in refusals {
        told.push(refused.oauth_error(401, "invalid_client"));
        // RFC 6749 section 5.2: by the scheme that the client has tried.
        assert!(refused.header("www-authenticate").starts_with("Basic realm="), "{refused:?}");
    }
    told.dedup();
    assert_eq!(told.len(), 1, "nobody learns which clients there are: {told:?}");
    app.post_form("/oauth/token", None, &[asked, ("client_id", "spa")]).oauth_error(400, "unauthorized_client");
    for header in ["Basic", "Basic !", "Bearer abc", "Digest x", &format!("Basic {}", STANDARD.encode("no colon"))] {
        let refused = app.post_form("/oauth/token", Some(header), &[asked]);
        refused.oauth_error(401, "invalid_client");
        assert!(refused.header("www-authenticate").starts_with("Basic "), "{refused:?}");
    }
}

fn rfc6749_2_3_1_credentials_of_the_header_are_form_decoded(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&Registration { id: "a.b-c_d~e", ..NOTES });
    let asked = [("grant_type", "client_credentials")];
    for credentials in [
        format!("a.b-c_d~e:{SECRET}"),
        format!("a.b-c_d%7Ee:{}", SECRET.replace(' ', "+")),
        format!("%61.b-c_d%7ee:{}", SECRET.replace(' ', "%20")),
    ] {
        let header = format!("basic {}", STANDARD.encode(&credentials));
        app.post_form("/oauth/token", Some(&header), &asked).ok();
    }
}

fn rfc6749_2_3_credentials_in_the_uri_and_two_methods_at_once_are_refused(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    app.insert_client(&Registration { id: "posting", auth_method: "client_secret_post", ..NOTES });
    let query = form(&[("client_id", "posting"), ("client_secret", SECRET), ("grant_type", "client_credentials")]);
    let path = format!("/oauth/token?{query}");
    app.post_form(&path, None, &[("grant_type", "client_credentials")]).oauth_error(401, "invalid_client");
    app.post_form(&path, Some(&As("notes").header()), &[("scope", "notes:read")]).oauth_error(400, "invalid_request");
    let asked = ("grant_type", "client_credentials");
    for second in [("client_secret", SECRET), ("client_id", "posting")] {
        app.token(As("notes"), &[asked, second]).oauth_error(400, "invalid_request");
    }
    let header = As("notes").header();
    let twice = [
        ("authorization", header.as_str()),
        ("authorization", &header),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    app.send("POST", "/oauth/token", &twice, form(&[asked]).as_bytes()).oauth_error(400, "invalid_request");
}

fn a_secret_before_the_newest_is_valid_until_its_end(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    let (newest, now) = (app.digest("the newest"), 1_800_000_000);
    app.execute(&format!(
        "update clients set old_secret_digest = secret_digest, old_secret_expires_at = {}, secret_digest = {newest}, \
         updated_at = {now}",
        now + 100
    ));
    app.follow_clients();
    let with = |secret: &str| {
        app.post_form("/oauth/token", Some(&basic("notes", secret)), &[("grant_type", "client_credentials")])
    };
    app.advance(99);
    assert_eq!([with("the newest").status, with(SECRET).status], [200, 200]);
    app.advance(1);
    assert_eq!([with("the newest").status, with(SECRET).status], [200, 401]);
}

fn a_disabled_client_gets_nothing(engine: Engine) {
    let (app, browser) = start(engine);
    let (code, tokens) = (app.allow(&browser, &ALL), app.granted(&browser, &ALL));
    app.execute("update clients set disabled_at = 1800000000");
    app.follow_clients();
    app.redeem(As("notes"), &code).oauth_error(401, "invalid_client");
    app.refresh_of(As("notes"), &tokens["refresh_token"]).oauth_error(401, "invalid_client");
    app.token(As("notes"), &[("grant_type", "client_credentials")]).oauth_error(401, "invalid_client");
    redeem_as_public(&app, "spa", &code).oauth_error(401, "invalid_client");
    app.execute("update clients set disabled_at = null");
    app.follow_clients();
    app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
}

fn rfc6749_4_4_a_client_gets_an_access_token_for_itself_and_no_refresh_token(engine: Engine) {
    let (app, _) = start(engine);
    let tokens = app.token(As("notes"), &[("grant_type", "client_credentials")]).ok();
    let names: Vec<_> = tokens.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!(tokens["scope"], "notes:read notes:write", "what is about users is none of its own");
    let claims = app.verify(&tokens["access_token"]).ok()["claims"].clone();
    // RFC 9068 section 2.2: the subject is the client.
    assert_eq!([&claims["sub"], &claims["client_id"]], ["notes", "notes"]);
    assert_eq!(claims["credential"], "client");
    for user_only in ["sid", "auth_time", "amr", "roles", "acr"] {
        assert_eq!(claims[user_only], Value::Null, "{claims}");
    }
    assert_eq!(grants(&app), 0, "nothing is stored");
    app.get_as("/v1/me", tokens["access_token"].as_str().unwrap()).problem(403, "application_token");
}

fn rfc6749_4_4_2_a_client_asks_for_scopes_and_audiences_of_its_own(engine: Engine) {
    let [api, reports] = ["https://api.example.com", "https://reports.example.com"];
    let app = TestApp::start_with(engine, &[("AUDIENCE", &format!("{api}, {reports}"))]);
    app.insert_client(&NOTES);
    app.insert_client(&Registration { id: "reporter", audiences: reports, scopes: "", ..NOTES });
    let asked = ("grant_type", "client_credentials");
    let narrow = app.token(As("notes"), &[asked, ("scope", "notes:read")]).ok();
    assert_eq!((&narrow["scope"], &claims(&narrow["access_token"])["scope"]), (&json!("notes:read"), &narrow["scope"]));
    for scope in ["openid", "notes:read offline_access", "admin", "notes:read admin", "notes"] {
        app.token(As("notes"), &[asked, ("scope", scope)]).oauth_error(400, "invalid_scope");
    }
    let audience = |client, more: &[_]| {
        let tokens = app.token(As(client), &[&[asked], more].concat()).ok();
        claims(&tokens["access_token"])["aud"].clone()
    };
    assert_eq!(audience("notes", &[]), api);
    assert_eq!(audience("notes", &[("resource", api)]), api);
    assert_eq!(audience("reporter", &[]), reports);
    assert_eq!(audience("reporter", &[("resource", reports)]), reports);
    for (client, other) in [("notes", reports), ("reporter", api), ("notes", "https://other.example")] {
        app.token(As(client), &[asked, ("resource", other)]).oauth_error(400, "invalid_target");
    }
    let without = app.token(As("reporter"), &[asked]).ok();
    assert_eq!((&without["scope"], &claims(&without["access_token"])["scope"]), (&Value::Null, &Value::Null));
}

fn a_client_that_another_instance_registers_changes_or_removes_is_so_here_after_a_round(engine: Engine) {
    let app = TestApp::start(engine);
    let other = app.another_instance(0, &[]);
    other.insert_client(&NOTES);
    let asked = [("grant_type", "client_credentials")];
    app.token(As("notes"), &asked).ok();
    app.follow_clients();
    // Within the same second.
    app.execute(&format!("update clients set secret_digest = {}", app.digest("another")));
    app.follow_clients();
    app.token(As("notes"), &asked).oauth_error(401, "invalid_client");
    app.post_form("/oauth/token", Some(&basic("notes", "another")), &asked).ok();
    app.advance(100);
    app.follow_clients();
    app.execute("delete from clients");
    app.follow_clients();
    app.post_form("/oauth/token", Some(&basic("notes", "another")), &asked).oauth_error(401, "invalid_client");
}
