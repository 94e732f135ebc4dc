//! Sign-ins at providers that lead nowhere: what is said, logged, counted and recorded; and those that come at once.

use serde_json::json;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::metrics::Present;

use crate::account_pages::{at_home, press};
use crate::admin_users::administrator;
use crate::authorize::request;
use crate::identities::{
    SETTINGS, begin_link, come_back, events, identities, is_not_linked, is_signed_in, link, linked, sign_in, started,
};
use crate::identities_registering::{come_back_to, open, to_registration};
use crate::support::provider::Provider;
use crate::support::{Engine, PASSWORD, TestApp};
use crate::upstream::{Trip, begin, configure, lying};

both_engines!(
    every_refusal_is_counted_and_a_login_without_an_account_is_recorded,
    an_invitation_that_is_over_is_called_so,
    a_request_for_the_head_begins_nothing,
    other_pages_do_not_use_up_the_sign_ins_of_a_network,
    twenty_identities_are_enough,
    of_several_first_sign_ins_at_once_all_are_let_in,
    a_login_chooses_nothing_in_an_interaction_of_another_browser,
    a_passkey_that_cannot_be_used_is_no_way_in,
    a_logout_forgets_who_was_about_to_register,
);

fn counted(app: &TestApp, outcome: &str) -> bool {
    app.inside
        .metrics
        .encode(Present::default())
        .unwrap()
        .contains(&format!("tokensmith_logins_total{{name=\"{outcome}\"}}"))
}

fn every_refusal_is_counted_and_a_login_without_an_account_is_recorded(engine: Engine) {
    let (app, provider) = started(engine);
    assert!(!counted(&app, "provider_refused"));
    is_not_linked(&sign_in(&app.browser(), &provider, "lying"));
    assert!(counted(&app, "provider_refused"));
    assert_eq!(events(&app, "login_failed", "no account is linked: lying"), 1);
    // One of a callback.
    assert_eq!(app.browser().get("/login/callback/lying?state=x&code=y").status, 403);
    assert_eq!(app.number("select count(*) from audit_events where name = 'login_failed'"), 1);
    // One of the way there.
    assert!(!counted(&app, "provider_unavailable"));
    let away = Provider::start(app.clock.now().0);
    configure(&app, "away", &away.issuer, &[]);
    away.answers("/.well-known/openid-configuration", 500, "");
    app.browser().open("/login/away").shows(502, "Sign-in with away");
    assert!(counted(&app, "provider_unavailable"));
    // One of a link.
    let (app, provider) = linked(engine);
    assert!(!counted(&app, "provider_refused"));
    let browser = at_home(&app, "grace");
    let trip = begin_link(&browser, "lying");
    assert_eq!(come_back(&browser, &provider, "lying", &trip).answer.status, 409);
    assert!(counted(&app, "provider_refused"));
}

fn an_invitation_that_is_over_is_called_so(engine: Engine) {
    let app = TestApp::start_with(engine, &[&SETTINGS[..], &[("REGISTRATION", "invite")]].concat());
    let provider = lying(&app, &[]);
    let admin = administrator(&app);
    let made = app.ask_as("POST", "/v1/admin/invitations", &admin, Some(&json!({"roles": []}))).json();
    let path = format!("/invitation/{}", made["token"].as_str().unwrap());
    app.execute("update invitations set used_at = 1");
    let mut browser = app.browser();
    for (language, says) in [
        ("en", "This invitation was used or withdrawn"),
        ("de", "Diese Einladung wurde schon verwendet"),
        ("es", "Esta invitación ya se ha usado"),
    ] {
        language.clone_into(&mut browser.language);
        let page = come_back_to(&browser, &provider, &path);
        assert_eq!(page.answer.status, 403, "{page:?}");
        assert!(page.text().contains(says) && !page.text().contains("No account here"), "{page:?}");
    }
}

fn a_request_for_the_head_begins_nothing(engine: Engine) {
    let (app, provider) = linked(engine);
    let before = app.number("select count(*) from upstream_logins");
    let answer = app.send("HEAD", "/login/lying?return_to=/notes", &[], b"");
    assert_eq!((answer.status, answer.header("set-cookie"), answer.header("allow")), (405, "", "GET"), "{answer:?}");
    assert_eq!(app.number("select count(*) from upstream_logins"), before);
    // Nor does it end one.
    let browser = app.browser();
    let trip = begin(&browser, "lying");
    let path = format!("/login/callback/lying?{}", trip.back(&provider.agree(&trip.url)));
    let cookie = format!("{}={}", trip.cookie(), browser.cookie(&trip.cookie()));
    assert_eq!(app.send("HEAD", &path, &[("cookie", &cookie)], b"").status, 405);
    assert_eq!(browser.get(&path).status, 303);
}

fn other_pages_do_not_use_up_the_sign_ins_of_a_network(engine: Engine) {
    let (app, provider) = linked(engine);
    let image = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    for _ in 0..310 {
        let refused = app.send("GET", "/login/lying", &image, b"");
        assert_eq!((refused.status, refused.header("set-cookie")), (403, ""), "{refused:?}");
        // A browser without fetch metadata.
        assert_eq!(app.send("GET", "/login/callback/lying?state=x&code=y", &[], b"").status, 403);
    }
    assert_eq!(app.number("select count(*) from upstream_logins"), 1);
    is_signed_in(&sign_in(&app.browser(), &provider, "lying"));
}

fn twenty_identities_are_enough(engine: Engine) {
    let (app, provider) = started(engine);
    let browser = at_home(&app, "ada");
    let begun = begin_link(&browser, "lying");
    for number in 0..20 {
        provider.says().claims = json!({"sub": format!("subject-{number}")});
        link(&browser, &provider, "lying");
    }
    provider.says().claims = json!({"sub": "one more"});
    let page = come_back(&browser, &provider, "lying", &begun);
    assert_eq!(page.answer.status, 409, "{page:?}");
    assert!(page.text().contains("linked to 20 services already"), "{page:?}");
    let page = press(&browser, &browser.open("/account/identities"), "link", &[("id", "lying")]);
    page.shows(409, "Linked services");
    assert!(page.text().contains("linked to 20 services already"), "{page:?}");
    assert_eq!(identities(&browser).len(), 20);
    // One that is linked already is no more.
    provider.says().claims = json!({"sub": "subject-7"});
    is_signed_in(&sign_in(&app.browser(), &provider, "lying"));
}

fn of_several_first_sign_ins_at_once_all_are_let_in(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let provider = lying(&app, &["--trust-email"]);
    for round in 0..4 {
        app.create_user(&format!("ada{round}"), &[]);
        provider.says().claims = json!({"sub": format!("subject-{round}"), "email": format!("ada{round}@example.com")});
        let coming: Vec<_> = (0..6)
            .map(|_| {
                let browser = app.browser();
                let trip = begin(&browser, "lying");
                let path = format!("/login/callback/lying?{}", trip.back(&provider.agree(&trip.url)));
                (browser, path)
            })
            .collect();
        let threads: Vec<_> =
            coming.into_iter().map(|(browser, path)| std::thread::spawn(move || browser.get(&path).status)).collect();
        let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(statuses, [303; 6], "{round}");
        assert_eq!(app.number("select count(*) from identities"), round + 1);
    }
}

fn a_login_chooses_nothing_in_an_interaction_of_another_browser(engine: Engine) {
    let (app, provider) = linked(engine);
    app.register("app", &json!({}));
    let (victim, other) = (app.browser(), app.browser());
    let page = victim.open(&request("app", &[]));
    let id = page.path.rsplit('/').next().unwrap().to_owned();
    let chosen = || app.number("select count(*) from interactions where chosen");
    // A cookie of the name alone does not show that this browser has begun it.
    other.set_cookie(&format!("__Host-ts_interaction_{id}"), "made up");
    let path = format!("/login/lying?return_to=/oauth/interactions/{id}");
    let back = |browser: &crate::support::Browser| {
        let url = browser.get(&path).header("location").to_owned();
        let trip = Trip { params: crate::support::browser::decoded(url.split_once('?').unwrap().1), url };
        come_back(browser, &provider, "lying", &trip)
    };
    assert_eq!(back(&other).answer.status, 303);
    assert_eq!(chosen(), 0);
    other.drop_cookie("__Host-ts_refresh");
    other.drop_cookie("__Host-ts_access");
    let login = other.open(&format!("/login?return_to=/oauth/interactions/{id}"));
    other.log_in(&login, "ada", PASSWORD);
    assert_eq!(chosen(), 0);
    assert_eq!(back(&victim).answer.status, 303);
    assert_eq!(chosen(), 1);
}

fn a_passkey_that_cannot_be_used_is_no_way_in(engine: Engine) {
    // With an address in place of a domain there are no passkeys.
    for (issuer, status) in [("https://192.0.2.1", 409), ("https://id.example.com", 204)] {
        let app = TestApp::start_with(engine, &[("ISSUER", issuer), SETTINGS[1], SETTINGS[2]]);
        let provider = lying(&app, &[]);
        app.create_user("ada", &[]);
        link(&at_home(&app, "ada"), &provider, "lying");
        app.execute("update users set password_hash = '!'");
        let browser = app.browser();
        is_signed_in(&sign_in(&browser, &provider, "lying"));
        let (bytes, no) = if engine == Engine::Sqlite { ("x'00'", "0") } else { ("'\\x00'::bytea", "false") };
        // Registered in this session, which therefore has shown it.
        app.execute(&format!(
            "insert into passkeys (id, user_id, credential_id, public_key, sign_count, is_backed_up, transports, name, \
             created_at, created_in) select id, user_id, {bytes}, {bytes}, 0, {no}, '', 'laptop', 1, id from sessions \
             where idp = 'lying'"
        ));
        let path = format!("/v1/me/identities/{}", identities(&browser)[0]["id"].as_str().unwrap());
        assert_eq!(browser.fetch("DELETE", &path, None).status, status, "{issuer}");
        assert_eq!(app.number("select count(*) from identities"), i64::from(status == 409));
    }
}

fn a_logout_forgets_who_was_about_to_register(engine: Engine) {
    let app = open(engine);
    let provider = lying(&app, &[]);
    app.create_user("grace", &[]);
    for by_page in [true, false] {
        let browser = app.browser();
        provider.says().claims = json!({"sub": format!("{by_page}")});
        to_registration(&browser, &crate::identities_registering::come_back(&browser, &provider));
        browser.log_in(&browser.open("/login"), "grace", PASSWORD).shows(200, "Profile");
        browser.cookie("__Host-ts_registering");
        if by_page {
            let page = browser.open("/oauth/logout");
            let form = page.forms().remove(0);
            let fields: Vec<_> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(browser.post(&form.action, &fields).answer.status, 200);
        } else {
            assert_eq!(browser.fetch("POST", "/v1/logout", Some(&json!({}))).status, 204);
        }
        assert!(!browser.cookies.borrow().contains_key("__Host-ts_registering"), "{by_page}");
    }
}
