//! A provider that lies, and people who try to sign in as somebody else: what is refused, and that nothing is stored.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::error::Error;
use tokensmith::internals::model::upstream::{BadIdToken, Refusal};

use crate::support::browser::encoded;
use crate::support::provider::{CLIENT_ID, Key, Provider};
use crate::support::{Engine, PASSWORD, TestApp};
use crate::upstream::{SETTINGS, begin, callback, configure, lying, refused, sign_in};

both_engines!(
    an_id_token_that_does_not_say_what_it_must_is_refused,
    an_id_token_that_no_published_key_has_signed_is_refused,
    rfc9207_2_4_an_answer_of_another_provider_is_refused,
    rfc9700_4_4_an_answer_for_another_provider_is_refused,
    rfc6749_10_12_a_state_is_of_use_once_in_its_browser_and_for_ten_minutes,
    of_many_that_come_back_with_one_state_one_is_let_in,
    what_the_provider_says_is_wrong_is_told_apart,
    an_address_is_verified_only_if_the_provider_says_so_with_a_boolean,
    userinfo_about_somebody_else_is_refused,
    what_is_no_answer_of_a_provider_is_refused,
    a_huge_answer_is_not_read,
    a_redirect_is_not_followed,
    a_private_address_is_not_called,
    while_a_provider_is_slow_others_log_in,
);

/// Nobody is signed in or registered, and no event is on record but that of the provider.
#[track_caller]
fn nothing_is_stored(app: &TestApp) {
    for table in ["users", "sessions", "denylist"] {
        assert_eq!(app.number(&format!("select count(*) from {table}")), 0, "{table}");
    }
    assert_eq!(app.number("select count(*) from audit_events where name not like 'provider_%'"), 0);
}

fn an_id_token_that_does_not_say_what_it_must_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, now) = (lying(&app, &[]), app.clock.now().0);
    let other = "another client";
    for (claims, why) in [
        (json!({"iss": "https://evil.example"}), BadIdToken::WrongIssuer),
        (json!({"iss": format!("{}/", provider.issuer)}), BadIdToken::WrongIssuer),
        (json!({"iss": null}), BadIdToken::Malformed),
        (json!({"aud": other}), BadIdToken::WrongAudience),
        (json!({"aud": [other]}), BadIdToken::WrongAudience),
        (json!({"aud": []}), BadIdToken::WrongAudience),
        (json!({"aud": null}), BadIdToken::Malformed),
        (json!({"aud": [CLIENT_ID, other]}), BadIdToken::WrongAuthorizedParty),
        (json!({"aud": [CLIENT_ID, other], "azp": other}), BadIdToken::WrongAuthorizedParty),
        (json!({"azp": other}), BadIdToken::WrongAuthorizedParty),
        (json!({"nonce": "another"}), BadIdToken::WrongNonce),
        (json!({"nonce": null}), BadIdToken::WrongNonce),
        (json!({"exp": now - 60}), BadIdToken::Expired),
        (json!({"exp": null}), BadIdToken::Malformed),
        (json!({"iat": now + 61}), BadIdToken::NotYetValid),
        (json!({"nbf": now + 61}), BadIdToken::NotYetValid),
        (json!({"iat": null}), BadIdToken::Malformed),
        (json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}), BadIdToken::WrongAccessToken),
        (json!({"sub": ""}), BadIdToken::BadSubject),
        (json!({"sub": "x".repeat(256)}), BadIdToken::BadSubject),
        (json!({"sub": "a\nb"}), BadIdToken::BadSubject),
        (json!({"sub": 7}), BadIdToken::Malformed),
        (json!({"sub": null}), BadIdToken::Malformed),
    ] {
        provider.says().claims = claims.clone();
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::IdToken(why), "{claims}");
    }
    for claims in [
        json!({"aud": [CLIENT_ID]}),
        json!({"aud": [CLIENT_ID, other], "azp": CLIENT_ID}),
        json!({"exp": now - 59}),
        json!({"iat": now + 60}),
        json!({"at_hash": null}),
        json!({"sub": "x".repeat(255)}),
    ] {
        provider.says().claims = claims.clone();
        assert!(sign_in(&app, &provider, "lying").is_ok(), "{claims}");
    }
    nothing_is_stored(&app);
}

fn an_id_token_that_no_published_key_has_signed_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    for (header, why) in [
        (json!({"alg": "none"}), BadIdToken::WrongAlgorithm),
        (json!({"alg": "None"}), BadIdToken::WrongAlgorithm),
        // The client secret is known to the provider and to this service alone, and yet no key here.
        (json!({"alg": "HS256"}), BadIdToken::WrongAlgorithm),
        (json!({"alg": "HS256", "kid": null}), BadIdToken::WrongAlgorithm),
        (json!({"alg": "ES256K"}), BadIdToken::WrongAlgorithm),
        (json!({"alg": "RS256"}), BadIdToken::UnknownKey),
        (json!({"alg": "EdDSA"}), BadIdToken::UnknownKey),
        (json!({"kid": "two"}), BadIdToken::UnknownKey),
        (json!({"typ": "at+jwt"}), BadIdToken::Malformed),
        (json!({"typ": "logout+jwt"}), BadIdToken::Malformed),
        (json!({"crit": ["exp"], "exp": 1}), BadIdToken::Malformed),
        (json!({"b64": false}), BadIdToken::Malformed),
    ] {
        provider.says().header = header.clone();
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::IdToken(why), "{header}");
    }
    // Another key with the same name, also where the token brings it along.
    let evil = Key::es256();
    provider.says().header = json!({"jwk": evil.jwk("one"), "jku": "https://evil.example/jwks"});
    provider.says().key = evil;
    assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::IdToken(BadIdToken::BadSignature));
    provider.says().header = json!({"kid": null});
    assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::IdToken(BadIdToken::BadSignature));
    nothing_is_stored(&app);
}

fn rfc9207_2_4_an_answer_of_another_provider_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = Provider::start(app.clock.now().0);
    provider.says().metadata = json!({"authorization_response_iss_parameter_supported": true});
    configure(&app, "lying", &provider.issuer, &[]);
    let back = |more: &[(&str, &str)]| {
        let browser = app.browser();
        let trip = begin(&browser, "lying");
        let code = provider.agree(&trip.url);
        let query = format!("{}&{}", trip.back(&code), encoded(more));
        callback(&app, "lying", &query, Some(&browser.cookie(&trip.cookie())))
    };
    assert!(back(&[("iss", &provider.issuer)]).is_ok());
    for more in [&[][..], &[("iss", "https://evil.example")], &[("iss", &format!("{}/", provider.issuer))]] {
        assert_eq!(refused(back(more)), Refusal::WrongIssuer, "{more:?}");
    }
    assert_eq!(provider.count("/token"), 1, "the code of another provider is not sent to this one");
    nothing_is_stored(&app);
}

fn rfc9700_4_4_an_answer_for_another_provider_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (evil, honest) = (lying(&app, &[]), Provider::start(app.clock.now().0));
    configure(&app, "honest", &honest.issuer, &[]);
    let browser = app.browser();
    let trip = begin(&browser, "lying");
    // The lying provider sends the user on to the honest one, in the name of this service.
    let url = trip.url.replace(&evil.issuer, &honest.issuer).replace("callback%2Flying", "callback%2Fhonest");
    let (code, cookie) = (honest.agree(&url), browser.cookie(&trip.cookie()));
    assert_eq!(refused(callback(&app, "honest", &trip.back(&code), Some(&cookie))), Refusal::StateUnknown);
    // Or it has the code sent to its own callback, whose token endpoint is its own.
    let here = refused(callback(&app, "lying", &trip.back(&code), Some(&cookie)));
    assert_eq!(here, Refusal::CodeRefused("invalid_grant".to_owned()));
    assert_eq!(honest.count("/token"), 0);
    nothing_is_stored(&app);
}

fn rfc6749_10_12_a_state_is_of_use_once_in_its_browser_and_for_ten_minutes(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, attacker, victim) = (lying(&app, &[]), app.browser(), app.browser());
    let trip = begin(&attacker, "lying");
    let code = provider.agree(&trip.url);
    let query = trip.back(&code);
    let theirs = begin(&victim, "lying");
    let (own, other) = (attacker.cookie(&trip.cookie()), victim.cookie(&theirs.cookie()));
    for cookie in [None, Some(""), Some(other.as_str())] {
        assert_eq!(refused(callback(&app, "lying", &query, cookie)), Refusal::OtherBrowser);
    }
    victim.open(&format!("/login/callback/lying?{query}")).shows(403, "Sign-in with lying");
    let mut altered = trip.params["state"].clone();
    altered.pop();
    for state in ["", "x", "x.y", &altered] {
        let query = encoded(&[("code", &code), ("state", state)]);
        assert_eq!(refused(callback(&app, "lying", &query, Some(&own))), Refusal::StateUnknown, "{state}");
    }
    callback(&app, "lying", &query, Some(&own)).unwrap();
    // The back button, or somebody who has seen the URL and has the cookie.
    assert_eq!(refused(callback(&app, "lying", &query, Some(&own))), Refusal::Used);
    assert_eq!(provider.count("/token"), 1);
    let code = provider.agree(&theirs.url);
    app.advance(600);
    assert_eq!(refused(callback(&app, "lying", &theirs.back(&code), Some(&other))), Refusal::Expired);
    assert_eq!(provider.count("/token"), 1);
    nothing_is_stored(&app);
}

fn of_many_that_come_back_with_one_state_one_is_let_in(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, browser) = (lying(&app, &[]), app.browser());
    let trip = begin(&browser, "lying");
    let (query, cookie) = (trip.back(&provider.agree(&trip.url)), browser.cookie(&trip.cookie()));
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| callback(&app, "lying", &query, Some(&cookie)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (good, bad): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    assert!(bad.into_iter().all(|outcome| refused(outcome) == Refusal::Used));
}

fn what_the_provider_says_is_wrong_is_told_apart(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let _provider = lying(&app, &[]);
    let back = |params: &[(&str, &str)]| {
        let browser = app.browser();
        let trip = begin(&browser, "lying");
        let query = encoded(&[&[("state", trip.params["state"].as_str())], params].concat());
        refused(callback(&app, "lying", &query, Some(&browser.cookie(&trip.cookie()))))
    };
    assert_eq!(back(&[("error", "access_denied")]), Refusal::Denied);
    assert_eq!(back(&[("error", "server_error")]), Refusal::ProviderError("server_error".to_owned()));
    assert_eq!(back(&[]), Refusal::BadAnswer);
    assert_eq!(back(&[("code", "a"), ("code", "b")]), Refusal::BadAnswer);
    assert_eq!(back(&[("code", "unknown")]), Refusal::CodeRefused("invalid_grant".to_owned()));
    let browser = app.browser();
    let trip = begin(&browser, "lying");
    let query = encoded(&[("state", trip.params["state"].as_str()), ("error", "access_denied")]);
    let page = browser.open(&format!("/login/callback/lying?{query}"));
    page.shows(403, "Sign-in with lying");
    assert!(page.text().contains("You have not agreed"), "{page:?}");
    nothing_is_stored(&app);
}

fn an_address_is_verified_only_if_the_provider_says_so_with_a_boolean(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--trust-email"]);
    for said in [json!("true"), json!(1), json!(["true"]), json!(false)] {
        provider.says().claims = json!({"email_verified": said});
        let identity = sign_in(&app, &provider, "lying").unwrap().identity;
        assert_eq!((identity.email.is_some(), identity.email_verified), (true, false), "{said}");
    }
    provider.says().claims = json!({"email": "no address"});
    let identity = sign_in(&app, &provider, "lying").unwrap().identity;
    assert_eq!((identity.email, identity.email_verified), (None, false));
}

fn userinfo_about_somebody_else_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    provider.says().claims = json!({"email": null});
    for sub in [json!("subject-2"), Value::Null, json!(["subject-1"])] {
        provider.answers("/userinfo", 200, &json!({"sub": sub, "email": "ada@example.com"}).to_string());
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::OtherSubject, "{sub}");
    }
    for (status, body) in [(500, "{}"), (200, "no JSON"), (200, "[]"), (401, "")] {
        provider.answers("/userinfo", status, body);
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::Unreachable("userinfo"), "{status} {body}");
    }
    nothing_is_stored(&app);
}

fn what_is_no_answer_of_a_provider_is_refused(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    let garbage = [(500, "{}"), (200, "no JSON"), (200, "[]"), (200, "{}"), (204, ""), (200, r#"{"access_token": 7}"#)];
    for (status, body) in garbage {
        provider.answers("/token", status, body);
        let refusal = refused(sign_in(&app, &provider, "lying"));
        assert_eq!(refusal, Refusal::Unreachable("token endpoint"), "{status} {body}");
    }
    for body in [r#"{"access_token": "a"}"#, r#"{"access_token": "a", "id_token": "x.y.z"}"#] {
        provider.answers("/token", 200, body);
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::IdToken(BadIdToken::Malformed), "{body}");
    }
    // GitHub is not the only one to send an error with 200.
    provider.answers("/token", 200, r#"{"error": "invalid_client", "error_description": "secret"}"#);
    assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::CodeRefused("invalid_client".to_owned()));
    provider.says().answers.clear();
    for body in ["no JSON", "{}", r#"{"keys": [7]}"#] {
        provider.answers("/jwks", 200, body);
        app.advance(300);
        provider.says().now += 300;
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::IdToken(BadIdToken::UnknownKey), "{body}");
    }
    for body in ["no JSON", "[]", "{}", r#"{"issuer": "https://evil.example"}"#] {
        provider.answers("/.well-known/openid-configuration", 200, body);
        app.advance(300);
        app.browser().open("/login/lying").shows(502, "Sign-in with lying");
    }
    nothing_is_stored(&app);
}

fn a_huge_answer_is_not_read(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &[]);
    let huge = format!("{{\"sub\": \"subject-1\", \"x\": \"{}\"}}", "x".repeat(65_536));
    provider.says().claims = json!({"email": null});
    for (path, what) in [("/userinfo", "userinfo"), ("/jwks", "keys"), ("/token", "token endpoint")] {
        provider.answers(path, 200, &huge);
        // What was fetched before is remembered for so long.
        app.advance(3_600);
        provider.says().now += 3_600;
        assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::Unreachable(what));
    }
    provider.answers("/.well-known/openid-configuration", 200, &huge);
    app.advance(3_600);
    app.browser().open("/login/lying").shows(502, "Sign-in with lying");
    nothing_is_stored(&app);
}

fn a_redirect_is_not_followed(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (provider, target) = (lying(&app, &[]), Provider::start(0));
    provider.says().claims = json!({"email": null});
    for (path, what) in [("/userinfo", "userinfo"), ("/token", "token endpoint")] {
        for status in [302, 307] {
            let header = format!("location: {}{path}\r\n", target.issuer);
            provider.says().answers.insert(path.to_owned(), (status, header, String::new()));
            assert_eq!(refused(sign_in(&app, &provider, "lying")), Refusal::Unreachable(what), "{status}");
        }
    }
    assert!(target.says().asked.is_empty());
}

fn a_private_address_is_not_called(engine: Engine) {
    let app = TestApp::start_with(engine, &[SETTINGS[0], SETTINGS[2]]);
    let provider = lying(&app, &[]);
    let asked = provider.count("/.well-known/openid-configuration");
    app.browser().open("/login/lying").shows(502, "Sign-in with lying");
    assert_eq!(provider.count("/.well-known/openid-configuration"), asked);
    // Its metadata is public, and what it names is not.
    let open = TestApp::start_with(engine, &SETTINGS);
    let connections = Arc::new(AtomicUsize::new(0));
    let private = TcpListener::bind("127.0.0.2:0").unwrap();
    let (url, counted) = (format!("http://{}", private.local_addr().unwrap()), Arc::clone(&connections));
    std::thread::spawn(move || {
        for _connection in private.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let provider = lying(&open, &[]);
    for (name, what) in [("token_endpoint", "token endpoint"), ("jwks_uri", "keys")] {
        provider.says().metadata = json!({name: url});
        open.advance(300);
        provider.says().now += 300;
        assert_eq!(refused(sign_in(&open, &provider, "lying")), Refusal::Unreachable(what));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

fn while_a_provider_is_slow_others_log_in(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let (slow, other) = (lying(&app, &[]), Provider::start(app.clock.now().0));
    configure(&app, "other", &other.issuer, &[]);
    app.create_user("ada", &[]);
    slow.says().slow = Some(("/token".to_owned(), Duration::from_secs(30)));
    let (browser, app, slow) = (app.browser(), &app, &slow);
    // A browser keeps fewer cookies: these are of many.
    let begun = |_| {
        let trip = begin(&browser, "lying");
        (trip.back(&slow.agree(&trip.url)), browser.cookie(&trip.cookie()))
    };
    let trips: Vec<(String, String)> = (0..20).map(begun).collect();
    std::thread::scope(|scope| {
        let come_back = |(query, cookie): &(String, String)| callback(app, "lying", query, Some(cookie));
        let waiting: Vec<_> = trips.iter().map(|trip| scope.spawn(move || come_back(trip))).collect();
        while slow.count("/token") == 0 {
            std::thread::yield_now();
        }
        app.another_client().login("ada", PASSWORD).ok();
        sign_in(app, &other, "other").unwrap();
        let mut bounded = 0;
        for thread in waiting {
            match thread.join().unwrap() {
                Err(Error::Overloaded { .. }) => bounded += 1,
                outcome => assert_eq!(refused(outcome), Refusal::Unreachable("token endpoint")),
            }
        }
        assert_eq!((slow.count("/token"), bounded), (16, 4));
    });
    assert_eq!(app.number("select count(*) from upstream_logins where used_at is null"), 4, "they may try again");
}
