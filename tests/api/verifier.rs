//! Other services: the verifier with an issuer over HTTP, the denylist feed, the metadata.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokensmith::internals::clock::{Clock as _, Seconds};
use tokensmith::internals::jwt::{Audience, DeniedEntry, DenylistClaims};
use tokensmith::internals::service::keys;
use tokensmith_verifier::{Builder, DenylistPolicy, TokenError, Verifier, VerifyError};

use crate::support::backend::Backend;
use crate::support::front::Front;
use crate::support::ports::free_port;
use crate::support::process::{Serving, Tokensmith};
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

both_engines!(
    what_the_issuer_revokes_another_service_refuses_within_the_bound,
    the_feed_tells_each_reader_what_is_new_and_waits_for_it,
);

const JWKS: &str = "/.well-known/jwks.json";
pub const FEED: &str = "/.well-known/denylist";

/// What README promises.
const BOUND: Duration = Duration::from_secs(2);

/// Polls until it is true; fails after a minute.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started_at = Instant::now();
    while !is_so() {
        assert!(started_at.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

pub fn token(pair: &Value) -> &str {
    pair["access_token"].as_str().unwrap()
}

/// A service process that knows its own URL.
fn issuer(engine: Engine) -> (Tokensmith, Serving) {
    let address = format!("127.0.0.1:{}", free_port());
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    let command = command.env("DATABASE_URL", &url).env("LISTEN", &address);
    let command = command.env("ISSUER", &format!("http://{address}")).env("REFRESH_SETTLE_WINDOW", "0s");
    let create = ["users", "create", "ada", "--password-stdin"];
    assert!(command.run_with_input(&create, PASSWORD).success());
    let serving = command.serve();
    (command, serving)
}

fn what_the_issuer_revokes_another_service_refuses_within_the_bound(engine: Engine) {
    let (command, serving) = issuer(engine);
    let client = serving.client();
    let verifier = Verifier::from_issuer(&serving.base, &serving.base).build().unwrap();
    let service = Backend::start(verifier.clone());
    let get = |pair: &Value| service.get_as("/me", token(pair));
    let login = || client.login("ada", PASSWORD).ok();
    wait_until("the denylist is followed", || verifier.staleness().is_some());

    let refused_in_time = |how: &str, pairs: &[&Value], end: &dyn Fn()| {
        for pair in pairs {
            assert_eq!(get(pair).status, 200, "{how}");
        }
        end();
        let ended_at = Instant::now();
        for pair in pairs {
            while get(pair).status == 200 {
                assert!(ended_at.elapsed() < BOUND, "{how}");
            }
            get(pair).problem_of_a_service(401, "token_revoked");
        }
    };
    let (one, other) = (login(), login());
    refused_in_time("logout", &[&one], &|| assert_eq!(client.revoke(&one["refresh_token"]).status, 204));
    assert_eq!(get(&other).status, 200, "another session goes on");
    let single = client.refresh(&other["refresh_token"]).ok();
    refused_in_time("revoke", &[&single], &|| assert_eq!(client.revoke(&single["access_token"]).status, 204));
    assert_eq!(get(&other).status, 200, "another token of the session goes on");
    let next = client.refresh(&single["refresh_token"]).ok();
    refused_in_time("reuse", &[&next, &other], &|| {
        client.refresh(&other["refresh_token"]).problem(401, "refresh_token_reused");
    });
    let (one, other) = (login(), login());
    refused_in_time("disable, by another process", &[&one, &other], &|| {
        assert!(command.run(&["users", "disable", "ada"]).success());
    });
    assert!(verifier.staleness().unwrap() < Duration::from_secs(10));
}

impl Answer {
    /// As [`Answer::problem`], for services that name no requests.
    #[track_caller]
    fn problem_of_a_service(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json()["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
    }
}

pub fn payload(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/jwt"), "{answer:?}");
    let part = answer.body.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn the_feed_tells_each_reader_what_is_new_and_waits_for_it(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let [one, other] = [(), ()].map(|()| app.login("ada", PASSWORD).ok());
    let empty = app.get(FEED);
    assert_eq!(payload(&empty)["denied"], json!([]));
    let cursor = payload(&empty)["cursor"].as_str().unwrap().to_owned();
    let header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(empty.body.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header["typ"], "denylist+jwt");

    app.revoke(&one["refresh_token"]);
    let exp = app.number("select expires_at from denylist");
    let news = app.get(&format!("{FEED}?since={cursor}"));
    let denied = json!([{"sid": one["session_id"], "exp": exp}]);
    assert_eq!(payload(&news)["denied"], denied);
    assert_eq!(payload(&app.get(FEED))["denied"], denied, "a new reader is told all of it");
    let cursor = payload(&news)["cursor"].as_str().unwrap().to_owned();
    let nothing = app.get(&format!("{FEED}?since={cursor}"));
    assert_eq!(payload(&nothing)["denied"], json!([]));
    let known = app.send("GET", &format!("{FEED}?since={cursor}"), &[("if-none-match", nothing.header("etag"))], b"");
    assert_eq!((known.status, known.body.as_str(), known.header("cache-control")), (304, "", "no-store"));

    // A waiting reader gets a response when something happens, long before its time is over.
    let (client, path) = (app.another_client(), format!("{FEED}?since={cursor}&wait=30"));
    let waiting = std::thread::spawn(move || (client.get(&path), Instant::now()));
    app.revoke(&other["access_token"]);
    let revoked_at = Instant::now();
    let (answer, answered_at) = waiting.join().unwrap();
    assert!(answered_at.saturating_duration_since(revoked_at) < Duration::from_secs(10));
    let jti = &app.inside.keys.ring().access_keys().verify(token(&other), app.inside.expected(), app.clock.now());
    let jti = serde_json::to_value(jti.as_ref().unwrap().jti).unwrap();
    assert_eq!(payload(&answer)["denied"][0]["jti"], jti);

    // New keys are news too: the response is signed with them and announces them.
    let path = format!("{FEED}?since={}", payload(&answer)["cursor"].as_str().unwrap());
    let etag = app.get(&path).header("etag").to_owned();
    let client = app.another_client();
    let waiting = move || client.send("GET", &format!("{path}&wait=30"), &[("if-none-match", &etag)], b"");
    let waiting = std::thread::spawn(waiting);
    wait_until("it waits", || app.inside.denylist.count_waiting() == 1);
    keys::drop_leaked(&app.inside.keys, "ES256".parse().unwrap(), None, app.clock.now()).unwrap();
    app.inside.denylist.tell();
    let told = payload(&waiting.join().unwrap());
    assert_eq!(told["jwks_etag"], app.get(JWKS).header("etag"));

    for query in [
        "since=x",
        "since=1.2",
        "since=1.2.3.4.5",
        "wait=31",
        "wait=-1",
        "wait=soon",
        "wait=1&wait=2",
        "until=1",
        "since=%ff",
    ] {
        app.get(&format!("{FEED}?{query}")).problem(400, "invalid_fields");
    }
}

#[test]
fn readers_that_wait_are_sent_home_when_the_service_stops() {
    let app = TestApp::start(Engine::Sqlite);
    let cursor = payload(&app.get(FEED))["cursor"].as_str().unwrap().to_owned();
    let (client, path) = (app.another_client(), format!("{FEED}?since={cursor}&wait=30"));
    let waiting = std::thread::spawn(move || (client.get(&path).status, Instant::now()));
    wait_until("it waits", || app.inside.denylist.count_waiting() == 1);
    let stopped_at = Instant::now();
    app.inside.denylist.stop_waiting();
    let (status, answered_at) = waiting.join().unwrap();
    assert_eq!(status, 200);
    assert!(answered_at - stopped_at < Duration::from_secs(10));
    assert_eq!(app.inside.denylist.count_waiting(), 0);
}

#[test]
fn a_reader_that_waits_does_not_keep_the_service_from_stopping() {
    let (_command, mut serving) = issuer(Engine::Sqlite);
    let cursor = payload(&serving.client().get(FEED))["cursor"].as_str().unwrap().to_owned();
    let (client, path) = (serving.client(), format!("{FEED}?since={cursor}&wait=30"));
    let waiting = std::thread::spawn(move || client.get(&path).status);
    // There is no response yet. A request that had not even arrived would fail below.
    let asked_at = Instant::now();
    wait_until("it waits", || asked_at.elapsed() > Duration::from_secs(1));
    assert!(!waiting.is_finished());
    serving.terminate();
    assert_eq!(waiting.join().unwrap(), 200);
    assert!(serving.wait().success());
    assert!(asked_at.elapsed() < Duration::from_secs(25), "it was sent home");
}

#[test]
fn the_metadata_says_where_keys_and_denylist_are() {
    let url = "https://id.example.com";
    let app = TestApp::start_with(Engine::Sqlite, &[("ISSUER", url), ("AUDIENCE", "one, two RS256")]);
    let answer = app.get("/.well-known/oauth-authorization-server");
    let metadata = answer.ok();
    assert_eq!(metadata["issuer"], url);
    assert_eq!(metadata["jwks_uri"], format!("{url}{JWKS}"));
    assert_eq!(metadata["denylist_uri"], format!("{url}{FEED}"));
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(metadata["access_token_signing_alg_values_supported"], json!(["ES256", "RS256"]));
    assert_eq!(answer.header("cache-control"), "public, max-age=3600");
}

/// A service that other services reach through a front.
pub fn fronted() -> (Front, TestApp) {
    let front = Front::start(|_| None);
    let app = TestApp::start_with(Engine::Sqlite, &[("ISSUER", &front.base)]);
    front.now_answers(pass_on(app.another_client()));
    (front, app)
}

fn pass_on(client: Client) -> impl Fn(&str) -> Option<Answer> + Send + Sync {
    move |path| Some(client.get(path))
}

/// With the time of the test.
pub fn verifier(front: &Front, app: &TestApp) -> Builder {
    Verifier::from_issuer(&front.base, &front.base).clock(app.clock.clone())
}

#[test]
fn ten_thousand_unknown_kids_cause_one_fetch_and_verification_goes_on() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    let verifier = verifier(&front, &app).cooldown(Duration::from_secs(3_600)).build().unwrap();
    let service = Backend::start(verifier);
    assert_eq!(service.get_as("/me", token(&pair)).status, 200);
    assert_eq!(front.count(JWKS), 1);
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (service, refused, pair) = (Client::new(service.base()), &refused, &pair);
            scope.spawn(move || {
                for number in 0..2_500 {
                    let header = json!({"typ": "at+jwt", "alg": "ES256", "kid": format!("{thread}-{number}")});
                    let rest = token(pair).split_once('.').unwrap().1;
                    let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
                    let answer = service.get_as("/me", &forged);
                    answer.problem_of_a_service(401, "token_unknown_key");
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(refused.into_inner(), 10_000);
    assert_eq!(front.count(JWKS), 2, "the first, and one for all of them");
    assert_eq!(service.get_as("/me", token(&pair)).status, 200);
}

#[test]
fn while_the_issuer_is_down_verification_goes_on_with_the_last_copy() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    let verifier = verifier(&front, &app).build().unwrap();
    let service = Backend::start(verifier.clone());
    assert_eq!(service.get_as("/me", token(&pair)).status, 200);
    front.now_answers(|_| None);
    app.advance(299);
    assert_eq!(service.get_as("/me", token(&pair)).status, 200, "its copy is not over yet");
    let long = app.login("ada", PASSWORD).ok();
    app.advance(250);
    for _ in 0..3 {
        assert_eq!(service.get_as("/me", token(&long)).status, 200, "its copy is over, and the best there is");
    }
    service.get_as("/me", token(&pair)).problem_of_a_service(401, "token_expired");
}

#[test]
fn a_verifier_that_requires_the_denylist_refuses_while_it_is_out_of_reach_and_recovers() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    let within = Duration::from_secs(6);
    let build = |denylist| verifier(&front, &app).denylist(denylist).build().unwrap();
    let (strict, lenient) = (build(DenylistPolicy::Require { within }), build(DenylistPolicy::Follow));
    let ignorant = build(DenylistPolicy::Ignore);
    let follow = || strict.verify(token(&pair)).is_ok() && lenient.staleness().is_some();
    wait_until("they follow", follow);
    wait_until("and all have the keys", || ignorant.verify(token(&pair)).is_ok());
    front.now_answers(|_| None);
    wait_until("it refuses", || strict.verify(token(&pair)) == Err(VerifyError::DenylistStale));
    assert!(strict.staleness().unwrap() > within);
    assert!(lenient.verify(token(&pair)).is_ok(), "the other goes on");
    wait_until("and tells", || lenient.staleness().unwrap() > within);
    assert!(ignorant.verify(token(&pair)).is_ok() && ignorant.staleness().is_none());
    let service = Backend::start(strict);
    let answer = service.get_as("/me", token(&pair));
    answer.problem_of_a_service(503, "denylist_stale");
    assert_eq!(answer.header("retry-after"), "2");
    front.now_answers(pass_on(app.another_client()));
    wait_until("it recovers", || service.get_as("/me", token(&pair)).status == 200);
}

#[test]
fn a_service_that_starts_knows_what_was_revoked_before_it_lets_the_first_request_in() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    app.revoke(&pair["refresh_token"]);
    for _ in 0..5 {
        let service = Backend::start(verifier(&front, &app).build().unwrap());
        service.get_as("/me", token(&pair)).problem_of_a_service(401, "token_revoked");
    }
    // When the issuer does not respond, requests do not wait any longer.
    let client = app.another_client();
    front.now_answers(move |path| (!path.starts_with(FEED)).then(|| client.get(path)));
    let service = Backend::start(verifier(&front, &app).build().unwrap());
    assert_eq!(service.get_as("/me", token(&pair)).status, 200);
}

#[test]
fn an_issuer_that_does_not_answer_keeps_no_request_waiting() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    let service = Backend::start(verifier(&front, &app).build().unwrap());
    assert_eq!(service.get_as("/me", token(&pair)).status, 200);
    front.now_answers(|_| None);
    // The copy has expired, and the first attempt fails.
    app.advance(300);
    let newer = app.login("ada", PASSWORD).ok();
    assert_eq!(service.get_as("/me", token(&newer)).status, 200);
    front.now_answers(|_| {
        std::thread::sleep(Duration::from_secs(5));
        None
    });
    let started_at = Instant::now();
    for _ in 0..100 {
        assert_eq!(service.get_as("/me", token(&newer)).status, 200);
    }
    assert!(started_at.elapsed() < Duration::from_secs(4), "none of a hundred waited");
}

#[test]
fn a_service_starts_while_its_issuer_is_away_and_works_when_it_is_back() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    front.now_answers(|_| None);
    let service = Backend::start(verifier(&front, &app).build().unwrap());
    service.get_as("/me", token(&pair)).problem_of_a_service(503, "keys_unavailable");
    front.now_answers(pass_on(app.another_client()));
    wait_until("it has fetched the keys", || service.get_as("/me", token(&pair)).status == 200);
}

#[test]
fn a_change_of_the_keys_is_announced_to_those_who_follow_the_denylist() {
    let (front, app) = fronted();
    app.create_user("ada", &[]);
    let old = app.login("ada", PASSWORD).ok();
    let verifier = verifier(&front, &app).build().unwrap();
    wait_until("it follows", || verifier.staleness().is_some() && verifier.verify(token(&old)).is_ok());
    // A key that is published and signs nothing yet: nothing else would make a verifier ask for the keys.
    keys::rotate(&app.inside.keys, "ES256".parse().unwrap(), app.clock.now()).unwrap();
    wait_until("the keys are fetched", || front.count(JWKS) >= 2);
    keys::drop_leaked(&app.inside.keys, "ES256".parse().unwrap(), None, app.clock.now()).unwrap();
    let unknown = Err(VerifyError::Refused(TokenError::UnknownKey));
    wait_until("the dropped key is gone", || verifier.verify(token(&old)) == unknown);
    let new = app.login("ada", PASSWORD).ok();
    assert!(verifier.verify(token(&new)).is_ok());
}

#[test]
fn a_feed_that_the_issuer_did_not_sign_is_refused() {
    let (front, app) = fronted();
    app.create_user("ada", &[]);
    let [one, other] = [(), ()].map(|()| app.login("ada", PASSWORD).ok());
    app.revoke(&one["refresh_token"]);
    let real = app.get(FEED);
    let [header, _, signature] = real.body.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut claims = payload(&real);
    claims["denied"] = json!([{"sid": other["session_id"], "exp": 4_000_000_000_i64}]);
    let tampered = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let refresh_token = other["refresh_token"].as_str().unwrap().to_owned();
    for (what, body) in
        [("tampered", tampered), ("an access token", token(&other).to_owned()), ("a refresh token", refresh_token)]
    {
        let (client, asked) = (app.another_client(), front.count(FEED));
        front.now_answers(move |path| {
            let mut answer = client.get(path);
            if path.starts_with(FEED) {
                answer.body.clone_from(&body);
            }
            Some(answer)
        });
        let verifier = verifier(&front, &app).build().unwrap();
        // The first may have come before the keys; the second was judged before the third was asked for.
        wait_until("it has asked", || front.count(FEED) >= asked + 3 && verifier.verify(token(&other)).is_ok());
        assert_eq!(verifier.staleness(), None, "{what}");
    }
}

#[test]
fn the_feed_of_an_issuer_that_is_not_upgraded_yet_is_believed_and_one_for_somebody_else_is_not() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    let sid = pair["session_id"].as_str().unwrap().parse().unwrap();
    for (audience, is_believed) in [(front.base.as_str(), true), ("https://api.example.com", false)] {
        let claims = DenylistClaims {
            iss: front.base.clone(),
            aud: Audience::One(audience.to_owned()),
            iat: app.clock.now(),
            exp: app.clock.now() + Seconds(60),
            as_of: app.clock.now(),
            jwks_etag: app.inside.keys.ring().jwks_etag().to_owned(),
            cursor: "0".to_owned(),
            more: false,
            denied: vec![DeniedEntry::Session { sid, exp: app.clock.now() + Seconds(300) }],
            denied_by_kind: Vec::new(),
        };
        let feed = app.inside.keys.ring().sign(&claims, None, app.clock.now()).unwrap();
        let (client, asked) = (app.another_client(), front.count(FEED));
        front.now_answers(move |path| {
            let mut answer = client.get(path);
            if path.starts_with(FEED) {
                answer.body.clone_from(&feed);
            }
            Some(answer)
        });
        let verifier = verifier(&front, &app).build().unwrap();
        let revoked = Err(VerifyError::Refused(TokenError::Revoked));
        if is_believed {
            wait_until("it is believed", || verifier.verify(token(&pair)) == revoked);
        } else {
            let has_asked = || front.count(FEED) >= asked + 3 && verifier.verify(token(&pair)).is_ok();
            wait_until("it has asked", has_asked);
            assert_eq!(verifier.staleness(), None);
        }
    }
}

#[test]
fn a_response_of_the_feed_cannot_be_replayed_for_long() {
    let (front, app) = fronted();
    app.create_user("ada", &[]);
    let recorded = app.get(FEED);
    let client = app.another_client();
    front.now_answers(move |path| Some(if path.starts_with(FEED) { recorded.clone() } else { client.get(path) }));
    let follows = verifier(&front, &app).build().unwrap();
    wait_until("it is believed at first", || follows.staleness().is_some());
    drop(follows);
    // A minute, and another for clocks that differ.
    app.advance(120);
    let late = verifier(&front, &app).build().unwrap();
    let pair = app.login("ada", PASSWORD).ok();
    let asked = front.count(FEED);
    wait_until("it has asked", || front.count(FEED) >= asked + 4 && late.verify(token(&pair)).is_ok());
    assert_eq!(late.staleness(), None);
}

#[test]
fn the_metadata_of_another_issuer_is_not_believed() {
    let (front, app) = fronted();
    let pair = app.logged_in("ada");
    // It says that it is the front.
    let verifier = Verifier::from_issuer(&app.base(), &front.base).clock(app.clock.clone()).build().unwrap();
    let service = Backend::start(verifier);
    service.get_as("/me", token(&pair)).problem_of_a_service(503, "keys_unavailable");
}

#[test]
fn handlers_take_claims_in_their_own_shape_and_guards_look_at_the_scope() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    let service = Backend::start(app.inside.verifier.clone());
    assert_eq!(service.get_as("/mine", token(&pair)).body, "first-party 1800000000");
    service.get_as("/nobodys", token(&pair)).problem_of_a_service(401, "token_malformed");
    let refused = service.get_as("/reports", token(&pair));
    refused.problem_of_a_service(403, "scope_missing");
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_scope", scope="reports:read""#), "{challenge}");
    let claims: Value = app.inside.verifier.verify_as(token(&pair)).unwrap();
    assert_eq!(claims["sid"], pair["session_id"]);
}

#[test]
fn a_verifier_may_have_one_public_key_a_leeway_and_no_cache() {
    let app = TestApp::start(Engine::Sqlite);
    let pair = app.logged_in("ada");
    let file = std::fs::read_dir(app.keys_dir()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|found| found == "pem")).unwrap();
    let openssl = std::process::Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(file).output().unwrap();
    let pem = String::from_utf8(openssl.stdout).unwrap();
    let url = "http://127.0.0.1:8080";
    let build = |leeway| {
        let verifier = Verifier::from_pem(&pem, url, "https://other.example.com").also_for(url).cache_bytes(0);
        verifier.leeway(Duration::from_secs(leeway)).clock(app.clock.clone()).build().unwrap()
    };
    let (exact, tolerant) = (build(0), build(5));
    assert!(exact.verify(token(&pair)).is_ok());
    app.advance(300);
    assert_eq!(exact.verify(token(&pair)), Err(VerifyError::Refused(TokenError::Expired)));
    app.advance(4);
    assert!(tolerant.verify(token(&pair)).is_ok());
    app.advance(1);
    assert_eq!(tolerant.verify(token(&pair)), Err(VerifyError::Refused(TokenError::Expired)));
    assert!(Verifier::from_pem(&pem, url, url).leeway(Duration::from_secs(61)).build().is_err());
    assert!(Verifier::from_pem("garbage", url, url).build().is_err());
    assert!(Verifier::from_jwks("{}", url, url).build().is_err());
    assert!(Verifier::from_issuer("ftp://id.example.com", url).build().is_err());
}
