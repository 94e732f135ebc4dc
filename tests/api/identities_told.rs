//! What a provider decides of an account, its name and its roles: when that is taken, and what others do at that moment.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use crate::account_pages::at_home;
use crate::identities::{SETTINGS, access_claims, events, is_signed_in, link, sign_in};
use crate::support::provider::Provider;
use crate::support::totp::{code, enrol};
use crate::support::{Engine, PASSWORD, TestApp};
use crate::upstream::{command, configure};
use crate::verifier::wait_until;

both_engines!(
    name_and_roles_follow_the_provider_as_configured,
    nothing_is_taken_before_the_second_factor_is_shown,
    a_role_that_is_taken_away_between_the_steps_does_not_come_back,
    a_role_that_is_taken_away_at_the_same_moment_does_not_come_back,
    the_last_administrator_stays_one,
    who_is_made_an_administrator_there_needs_what_administrators_need,
    a_provider_that_decides_nothing_any_more_changes_nothing,
    what_was_told_by_an_earlier_map_is_not_taken,
    the_last_administrator_needs_what_administrators_need,
);

/// Ada, with these roles, has linked an identity at a provider that decides her name and some roles.
fn deciding(engine: Engine, roles: &[&str], vars: &[(&str, &str)]) -> (TestApp, Provider) {
    let app = TestApp::start_with(engine, &[&SETTINGS[..], vars].concat());
    app.create_user("ada", roles);
    let provider = Provider::start(app.clock.now().0);
    let roles = json!({"staff": "editor", "boss": "chief", "root": "admin"});
    let map = json!({
        "name": {"action": "force", "claim": "name"},
        "roles": {"action": "force", "claim": "groups", "roles": roles},
    });
    let file = app.keys_dir().join("map.json");
    std::fs::write(&file, map.to_string()).unwrap();
    configure(&app, "lying", &provider.issuer, &["--claim-map", &file.display().to_string()]);
    provider.says().metadata = json!({"userinfo_endpoint": null});
    (app, provider)
}

/// Whether Ada's row has this name and these roles.
fn has(app: &TestApp, name: Option<&str>, roles: &str) -> bool {
    let name = name.map_or("is null".to_owned(), |name| format!("= '{name}'"));
    let query = format!("select count(*) from users where username = 'ada' and name {name} and roles = '{roles}'");
    app.number(&query) == 1
}

fn name_and_roles_follow_the_provider_as_configured(engine: Engine) {
    let (app, provider) = deciding(engine, &["editor", "own"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    assert!(has(&app, None, "editor own"), "linking alone changes nothing");
    let profile_after = |said: Value| {
        provider.says().claims = said;
        let browser = app.browser();
        is_signed_in(&sign_in(&browser, &provider, "lying"));
        let profile = browser.fetch("GET", "/v1/me/profile", None).ok();
        (profile["name"].clone(), profile["roles"].clone())
    };
    let is = |name: &str, roles: &[&str]| (json!(name), json!(roles));
    assert_eq!(profile_after(json!({"groups": ["boss", "other"]})), is("Ada Lovelace", &["chief", "own"]));
    assert_eq!(profile_after(json!({"groups": ["staff"], "name": "Ada King"})), is("Ada King", &["editor", "own"]));
    let without = is("Ada King", &["own"]);
    assert_eq!(profile_after(json!({"groups": [], "name": null})), without, "what the map names is the provider's");
    let changes = events(&app, "roles_changed", "from [editor own] to [chief own]");
    assert_eq!((changes, events(&app, "profile_changed", "name")), (1, 2));
    // Also of a user who is signed in already.
    let browser = at_home(&app, "ada");
    provider.says().claims = json!({"groups": ["boss"]});
    is_signed_in(&sign_in(&browser, &provider, "lying"));
    assert!(has(&app, Some("Ada Lovelace"), "chief own"));
    let token = access_claims(&browser);
    assert_eq!(token["roles"], json!(["chief", "own"]), "{token}");
}

fn nothing_is_taken_before_the_second_factor_is_shown(engine: Engine) {
    let (app, provider) = deciding(engine, &["editor", "own"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(60);
    provider.says().claims = json!({"groups": ["boss"]});
    let browser = app.browser();
    let page = sign_in(&browser, &provider, "lying");
    page.shows(200, "Confirm that it is you");
    assert!(has(&app, None, "editor own"), "the code was not shown");
    browser.submit(&page, &[("otp", "000000")]).shows(403, "Confirm that it is you");
    assert!(has(&app, None, "editor own"), "the code was wrong");
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert!(has(&app, Some("Ada Lovelace"), "chief own"));
    assert_eq!(access_claims(&browser)["roles"], json!(["chief", "own"]), "the first token has them, too");
    // So it is for a user who authenticates again.
    app.advance(60);
    provider.says().claims = json!({"groups": ["staff"]});
    let page = sign_in(&browser, &provider, "lying");
    page.shows(200, "Confirm that it is you");
    assert!(has(&app, Some("Ada Lovelace"), "chief own"));
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert!(has(&app, Some("Ada Lovelace"), "editor own"));
    assert_eq!(access_claims(&browser)["roles"], json!(["editor", "own"]));
}

fn a_role_that_is_taken_away_between_the_steps_does_not_come_back(engine: Engine) {
    let (app, provider) = deciding(engine, &["editor", "own"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(60);
    provider.says().claims = json!({"groups": ["boss"]});
    let browser = app.browser();
    let page = sign_in(&browser, &provider, "lying");
    app.execute("update users set roles = 'editor' where username = 'ada'");
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert!(browser.cookies.borrow().contains_key("__Host-ts_refresh"));
    assert!(has(&app, Some("Ada Lovelace"), "chief"));
}

fn a_role_that_is_taken_away_at_the_same_moment_does_not_come_back(engine: Engine) {
    // On SQLite one transaction writes at a time, and nothing tells that another one waits.
    if engine == Engine::Sqlite {
        return;
    }
    let (app, provider) = deciding(engine, &["editor", "own"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    provider.says().claims = json!({"groups": ["boss"]});
    let mut administrator = PgConnection::establish(&app.database_url).unwrap();
    administrator.batch_execute("begin; update users set roles = 'editor' where username = 'ada'").unwrap();
    let (browser, its_provider) = (app.browser(), provider.clone());
    std::thread::scope(|scope| {
        let signing_in = scope.spawn(move || is_signed_in(&sign_in(&browser, &its_provider, "lying")));
        let waiting =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        wait_until("the sign-in waits for the row", || app.number(waiting) > 0);
        administrator.batch_execute("commit").unwrap();
        signing_in.join().unwrap();
    });
    assert!(has(&app, Some("Ada Lovelace"), "chief"));
}

fn the_last_administrator_stays_one(engine: Engine) {
    let (app, provider) = deciding(engine, &["admin"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    provider.says().claims = json!({"groups": ["staff"]});
    let roles_after = || {
        let browser = app.browser();
        is_signed_in(&sign_in(&browser, &provider, "lying"));
        access_claims(&browser)["roles"].clone()
    };
    assert_eq!(roles_after(), json!(["admin"]));
    assert!(has(&app, Some("Ada Lovelace"), "admin"), "nothing of the roles is taken");
    app.create_user("root", &["admin"]);
    assert_eq!(roles_after(), json!(["editor"]));
    assert!(has(&app, Some("Ada Lovelace"), "editor"));
}

fn who_is_made_an_administrator_there_needs_what_administrators_need(engine: Engine) {
    let (app, provider) = deciding(engine, &["own"], &[("REQUIRE_SECOND_FACTOR", "admins")]);
    link(&at_home(&app, "ada"), &provider, "lying");
    app.execute("update users set password_hash = '!' where username = 'ada'");
    provider.says().claims = json!({"groups": ["root"]});
    let browser = app.browser();
    let page = sign_in(&browser, &provider, "lying");
    page.shows(200, "Set up an authenticator app");
    assert!(!browser.cookies.borrow().contains_key("__Host-ts_refresh"));
    assert!(has(&app, None, "own"));
}

fn a_provider_that_decides_nothing_any_more_changes_nothing(engine: Engine) {
    let (app, provider) = deciding(engine, &["own"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(60);
    provider.says().claims = json!({"groups": ["boss", "staff"]});
    let browser = app.browser();
    let page = sign_in(&browser, &provider, "lying");
    page.shows(200, "Confirm that it is you");
    // While the user looks for the code, the operator takes a role out of the map.
    let command = command(&app);
    let map = json!({"roles": {"action": "force", "claim": "groups", "roles": {"staff": "editor"}}});
    std::fs::write(command.dir.path().join("map"), map.to_string()).unwrap();
    assert!(command.run(&["providers", "update", "lying", "--claim-map", "map"]).success());
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert!(browser.cookies.borrow().contains_key("__Host-ts_refresh"));
    assert!(has(&app, None, "editor own"));
}

fn what_was_told_by_an_earlier_map_is_not_taken(engine: Engine) {
    let (app, provider) = deciding(engine, &["editor", "own"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(60);
    provider.says().claims = json!({"groups": ["boss"]});
    let browser = app.browser();
    let page = sign_in(&browser, &provider, "lying");
    let now = app.clock.now().0;
    app.advance(2);
    app.execute(&format!("update providers set updated_at = {}", now + 1));
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert_eq!(access_claims(&browser)["roles"], json!(["editor", "own"]));
    assert!(has(&app, None, "editor own"));
    // It is at the next sign-in.
    app.advance(60);
    let page = sign_in(&browser, &provider, "lying");
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert!(has(&app, Some("Ada Lovelace"), "chief own"));
}

fn the_last_administrator_needs_what_administrators_need(engine: Engine) {
    let (app, provider) = deciding(engine, &["admin"], &[]);
    link(&at_home(&app, "ada"), &provider, "lying");
    app.execute("update users set password_hash = '!' where username = 'ada'");
    provider.says().claims = json!({"groups": ["staff"]});
    let strict = app.another_instance(0, &[&SETTINGS[..], &[("REQUIRE_SECOND_FACTOR", "admins")]].concat());
    sign_in(&strict.browser(), &provider, "lying").shows(200, "Set up an authenticator app");
    assert!(has(&app, None, "admin"));
    // Who stops being one needs nothing.
    app.create_user("root", &["admin"]);
    is_signed_in(&sign_in(&strict.browser(), &provider, "lying"));
    assert!(has(&app, Some("Ada Lovelace"), "editor"));
}
