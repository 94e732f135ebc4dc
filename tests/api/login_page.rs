//! `/login`: the login page for web apps on the same host, to which a proxy sends people.

use serde_json::json;

use crate::cookies::{set_cookies, signed_in};
use crate::support::browser::encoded;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_login_sets_both_cookies_and_leads_back,
    who_is_signed_in_already_goes_on_at_once,
    an_address_elsewhere_is_refused_and_never_followed,
    a_form_of_another_page_is_refused,
    what_goes_wrong_is_told_on_the_form,
    the_login_page_is_limited_like_the_login_api,
    a_login_in_a_browser_that_is_signed_in_leaves_one_session,
    below_a_path_the_page_is_there_and_the_address_is_of_the_host,
    with_cookies_off_there_is_no_login_page,
    the_page_has_the_headers_and_the_languages_of_all_pages,
);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.create_user("grace", &[]);
    app
}

fn live(app: &TestApp, username: &str) -> i64 {
    let user = format!("user_id = (select id from users where username = '{username}')");
    app.number(&format!("select count(*) from sessions where ended_at is null and {user}"))
}

fn credentials(username: &str) -> String {
    encoded(&[("username", username), ("password", PASSWORD)])
}

fn a_login_sets_both_cookies_and_leads_back(engine: Engine) {
    let app = started(engine);
    for (query, expected) in [
        ("", "/account"),
        ("?return_to=/notes?a=1&b=/2", "/notes?a=1&b=/2"),
        ("?return_to=%2Fnotes%3Fa%3D1%26b%3D%252F2", "/notes?a=1&b=%2F2"),
        ("?return_to=%2F%22%3E%3Cscript%3E", "/\"><script>"),
    ] {
        let browser = app.browser();
        let page = browser.open(&format!("/login{query}"));
        page.shows(200, "Log in");
        assert_eq!(page.forms().len(), 1, "there is nothing to cancel: {page:?}");
        let form = page.form_with("username");
        assert!(form.action.starts_with("/login?return_to=%2F"), "{form:?}");
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let answer = browser.post_from("same-origin", &form.action, &fields);
        assert_eq!((answer.status, answer.header("location")), (303, expected), "{answer:?}");
        assert_eq!(set_cookies(&answer).len(), 2, "{answer:?}");
        browser.cookie("ts_refresh");
        browser.cookie("ts_access");
        browser.fetch("GET", "/v1/me", None).ok();
        assert_eq!(browser.fetch("GET", "/v1/authenticate", None).header("x-username"), "ada");
    }
}

fn who_is_signed_in_already_goes_on_at_once(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    browser.log_in_with_cookies("ada");
    browser.drop_cookie("ts_access");
    let answer = browser.get("/login?return_to=/notes");
    assert_eq!((answer.status, answer.header("location")), (303, "/notes"));
    // Not with an access token alone: that of a proxy's answer is enough until it expires.
    let refresh = browser.cookie("ts_refresh");
    app.revoke(&json!(refresh));
    browser.open("/login?return_to=/notes").shows(200, "Log in");
    browser.set_cookie("ts_refresh", "x");
    browser.open("/login?return_to=/notes").shows(200, "Log in");
}

fn an_address_elsewhere_is_refused_and_never_followed(engine: Engine) {
    let app = started(engine);
    let (browser, _) = signed_in(&app, "joan");
    for value in [
        "https://evil.example",
        "//evil.example",
        "%2F%5Cevil.example",
        "%2F%2Fevil.example",
        "%2F%09%2Fevil.example",
        "%2F%0d%0aset-cookie:a=b",
        "%252Fnotes",
        "javascript:alert(1)",
        "notes",
        "",
    ] {
        let path = format!("/login?return_to={value}");
        let post = |site: &str| {
            let headers = [FORM, ("sec-fetch-site", site)];
            app.send("POST", &path, &headers, credentials("ada").as_bytes())
        };
        for answer in [app.get(&path), browser.get(&path), post("same-origin"), post("cross-site")] {
            assert!([400, 403].contains(&answer.status), "{value}: {answer:?}");
            assert_eq!((answer.header("location"), set_cookies(&answer)), ("", vec![]));
            assert!(
                answer.body.contains("<h1>Something went wrong</h1>") && !answer.body.contains("evil"),
                "{answer:?}"
            );
        }
    }
    assert_eq!(live(&app, "ada"), 0);
}

fn a_form_of_another_page_is_refused(engine: Engine) {
    let app = started(engine);
    let post = |headers: &[(&str, &str)]| -> Answer {
        app.send("POST", "/login?return_to=/notes", &[&[FORM], headers].concat(), credentials("ada").as_bytes())
    };
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:8080")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("x-requested-with", "x")],
        &[],
    ] {
        let answer = post(headers);
        assert_eq!((answer.status, set_cookies(&answer)), (403, vec![]), "{headers:?}");
    }
    assert_eq!(live(&app, "ada"), 0);
    for headers in [&[("sec-fetch-site", "same-origin")][..], &[("origin", "http://127.0.0.1:8080")]] {
        assert_eq!(post(headers).status, 303, "{headers:?}");
    }
    let json = [("content-type", "application/json"), ("sec-fetch-site", "same-origin")];
    assert_eq!(app.send("POST", "/login", &json, b"{}").status, 400);
    let answer = app.send("POST", "/login", &[FORM, ("sec-fetch-site", "same-origin")], b"decision=deny");
    assert_eq!((answer.status, set_cookies(&answer)), (400, vec![]));
}

fn what_goes_wrong_is_told_on_the_form(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let page = browser.open("/login?return_to=/notes");
    let shown = |username: &str| {
        let page = browser.log_in(&page, username, "wrong password");
        page.shows(403, "Log in");
        assert!(page.text().contains("Username or password is wrong."), "{page:?}");
        page.text().replace(username, "NAME")
    };
    assert_eq!(shown("ada"), shown("nobody"));
    assert_eq!(shown("ada"), shown("no name at all"));
    let again = browser.log_in(&page, "ada", "wrong password");
    assert_eq!(again.form_with("username").action, page.form_with("username").action, "it still leads back");
    app.execute("update users set disabled_at = 1 where username = 'ada'");
    assert!(browser.log_in(&page, "ada", PASSWORD).text().contains("This account is disabled."));
    assert!(browser.log_in(&page, "ada", "wrong").text().contains("Username or password is wrong."));
    assert_eq!((live(&app, "ada"), browser.cookies.borrow().len()), (0, 0));
}

fn the_login_page_is_limited_like_the_login_api(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let page = browser.open("/login");
    let limited = (0..40).find_map(|_| {
        let page = browser.log_in(&page, "ada", "wrong password");
        (page.answer.status == 429).then_some(page)
    });
    let limited = limited.expect("it is limited");
    assert!(limited.text().contains("Too many wrong passwords."), "{limited:?}");
    assert!(limited.answer.header("retry-after").parse::<u32>().unwrap() > 0);
    app.login("ada", PASSWORD).problem(429, "too_many_failures");
}

fn a_login_in_a_browser_that_is_signed_in_leaves_one_session(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    // Both tabs show the form.
    let (one, other) = (browser.open("/login"), browser.open("/login"));
    assert_eq!(
        browser
            .post_from("same-origin", &one.form_with("username").action, &[("username", "ada"), ("password", PASSWORD)])
            .status,
        303
    );
    let me = || browser.fetch("GET", "/v1/me/profile", None).ok()["username"].clone();
    let session = browser.fetch("GET", "/v1/me", None).ok()["session_id"].clone();
    app.advance(20);
    browser.log_in(&other, "ada", PASSWORD);
    assert_eq!((browser.fetch("GET", "/v1/me", None).ok()["session_id"].clone(), live(&app, "ada")), (session, 1));
    browser.log_in(&other, "grace", PASSWORD);
    assert_eq!((me(), live(&app, "ada"), live(&app, "grace")), (json!("grace"), 0, 1));
    // A token that a thief has replaced.
    let stolen = app.refresh(&json!(browser.cookie("ts_refresh"))).ok();
    app.advance(100);
    let page = browser.open("/login");
    page.shows(200, "Log in");
    browser.log_in(&page, "grace", PASSWORD);
    app.verify(&stolen["access_token"]).problem(401, "token_revoked");
    assert_eq!((me(), live(&app, "grace")), (json!("grace"), 1));
}

fn below_a_path_the_page_is_there_and_the_address_is_of_the_host(engine: Engine) {
    let app = TestApp::start_with(engine, &[("ISSUER", "https://app.example.com/id")]);
    app.create_user("ada", &[]);
    // The proxy has taken the path away.
    let page = app.get("/login?return_to=/notes");
    assert!(page.body.contains("action=\"/id/login?return_to=%2Fnotes\""), "{page:?}");
    assert!(page.body.contains("href=\"/id/oauth/assets/pages.css?v="), "{page:?}");
    assert!(app.get("/login").body.contains("action=\"/id/login?return_to=%2Fid%2Faccount\""));
    let headers = [FORM, ("sec-fetch-site", "same-origin")];
    let answer = app.send("POST", "/login?return_to=%2Fnotes", &headers, credentials("ada").as_bytes());
    assert_eq!((answer.status, answer.header("location")), (303, "/notes"));
    let cookies = set_cookies(&answer);
    assert!(cookies[0].starts_with("__Host-ts_refresh=eyJ") && cookies[1].starts_with("__Host-ts_access=eyJ"));
    assert!(cookies.iter().all(|cookie| cookie.ends_with("; HttpOnly; SameSite=Lax; Secure")), "{cookies:?}");
}

fn with_cookies_off_there_is_no_login_page(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SESSION_COOKIES", "off")]);
    app.create_user("ada", &[]);
    app.browser().open("/login?return_to=/notes").shows(404, "Something went wrong");
    let headers = [FORM, ("sec-fetch-site", "same-origin")];
    assert_eq!(app.send("POST", "/login", &headers, credentials("ada").as_bytes()).status, 404);
}

fn the_page_has_the_headers_and_the_languages_of_all_pages(engine: Engine) {
    let app = started(engine);
    let mut browser = app.browser();
    let page = browser.open("/login?return_to=/notes");
    let policy = page.answer.header("content-security-policy");
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    );
    for (name, value) in
        [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin")]
    {
        assert_eq!(page.answer.header(name), value);
    }
    assert!(!page.text().contains("to continue to"), "{page:?}");
    for (language, title) in [("de", "Anmelden"), ("es", "Iniciar sesión")] {
        language.clone_into(&mut browser.language);
        browser.open("/login").shows(200, title);
    }
    // No page of another origin may read it.
    assert_eq!(
        app.send("GET", "/login", &[("origin", "https://a.example")], b"").header("access-control-allow-origin"),
        ""
    );
}
