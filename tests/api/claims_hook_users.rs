//! The hook for claims and one user among others: what it says of one, how often it is asked for one, and what a browser gets
//! for its cookie.

use serde_json::{Value, json};

use crate::claims_hook::{World, plan};
use crate::support::hook::{Does, Hook};
use crate::support::oauth::claims;
use crate::support::{Answer, Browser, Engine, PASSWORD};

both_engines!(
    what_it_says_of_one_user_takes_it_from_no_other,
    a_hook_that_is_away_is_left_alone_until_it_says_anything,
    refreshes_of_one_token_at_once_are_one_call,
    a_refresh_cookie_alone_gets_the_claims_that_a_refresh_gets,
    with_closed_nothing_is_signed_for_a_cookie_without_an_answer,
    with_open_a_cookie_alone_asks,
);

const GOOD: &str = r#"{"claims":{"plan":"free"}}"#;

fn what_it_says_of_one_user_takes_it_from_no_other(engine: Engine) {
    let world = World::start(engine, "keep");
    world.hook.claims(&json!({"plan": "pro"}));
    let (eve, ann) = (world.app.logged_in("eve"), world.app.logged_in("ann"));
    let large = format!("{GOOD}{}", " ".repeat(9_000));
    let locked = r#"{"claims":{"Roles":["admin"]}}"#;
    let mut says: Vec<Does> = [(200, "[]"), (200, ""), (200, locked), (200, &large), (201, GOOD), (302, "")]
        .map(|(status, body)| Does::Answers(status, body.to_owned()))
        .into();
    says.extend([400, 401, 403, 404, 410, 422].map(|status| Does::Answers(status, GOOD.to_owned())));
    says.push(Does::Redirects(Hook::start().url));
    for does in says {
        world.hook.does(does);
        for _ in 0..6 {
            assert_eq!(plan(&world.app.refresh(&eve["refresh_token"]).ok()), "pro", "her last answer");
        }
        world.hook.claims(&json!({"plan": "free"}));
        assert_eq!(plan(&world.app.refresh(&ann["refresh_token"]).ok()), "free");
    }
    assert_eq!((world.calls("failed"), world.calls("resting")), (13 * 6, 0));
}

fn a_hook_that_is_away_is_left_alone_until_it_says_anything(engine: Engine) {
    let world = World::start(engine, "keep");
    world.hook.claims(&json!({"plan": "pro"}));
    let mut pair = world.app.logged_in("ada");
    for (at, status) in [429, 500, 502, 503, 504].into_iter().enumerate() {
        world.hook.does(Does::Answers(status, GOOD.to_owned()));
        for _ in 0..6 {
            pair = world.app.refresh(&pair["refresh_token"]).ok();
        }
        assert_eq!(world.calls("resting"), u64::try_from(at).unwrap() + 1, "{status}");
        // The call that tries whether it is back is about a user that it does not know.
        world.app.advance(10);
        world.hook.does(Does::Answers(404, String::new()));
        pair = world.app.refresh(&pair["refresh_token"]).ok();
        world.hook.claims(&json!({"plan": status}));
        pair = world.app.refresh(&pair["refresh_token"]).ok();
        assert_eq!(plan(&pair), status);
    }
}

/// Not more than a few: some may come when the first call has had its second.
fn refreshes_of_one_token_at_once_are_one_call(engine: Engine) {
    let world = World::start(engine, "closed");
    world.hook.claims(&json!({"plan": "pro"}));
    let (eve, ann) = (world.app.logged_in("eve"), world.app.logged_in("ann"));
    world.hook.asked();
    world.hook.does(Does::Waits);
    std::thread::scope(|scope| {
        for _ in 0..40 {
            let (client, token) = (world.app.another_client(), &eve["refresh_token"]);
            scope.spawn(move || client.refresh(token).problem(503, "overloaded"));
        }
    });
    let asked = world.hook.asked().len();
    assert!((1..=5).contains(&asked), "{asked}");
    assert_eq!(world.calls("busy"), 0);
    world.app.advance(10);
    world.hook.claims(&json!({"plan": "free"}));
    for pair in [&eve, &ann] {
        assert_eq!(plan(&world.app.refresh(&pair["refresh_token"]).ok()), "free");
    }
}

/// A browser that was logged in while the hook answered `pro`.
fn browser(world: &World) -> Browser {
    world.hook.claims(&json!({"plan": "pro"}));
    world.app.create_user("ada", &[]);
    let browser = world.app.browser();
    browser.log_in_with_cookies("ada");
    world.hook.asked();
    browser
}

/// A request with the refresh token alone.
fn ask(browser: &Browser) -> Answer {
    browser.drop_cookie("ts_access");
    browser.fetch("GET", "/v1/me", None)
}

/// What the access token says that it brings.
fn plan_of_cookie(browser: &Browser) -> Value {
    ask(browser).ok();
    claims(&browser.cookie("ts_access").into())["plan"].clone()
}

fn a_refresh_cookie_alone_gets_the_claims_that_a_refresh_gets(engine: Engine) {
    let world = World::start(engine, "keep");
    let browser = browser(&world);
    assert_eq!(plan_of_cookie(&browser), "pro");
    world.hook.does(Does::Answers(500, String::new()));
    assert_eq!(plan_of_cookie(&browser), "pro");
    assert!(world.hook.asked().is_empty(), "its last answer is enough");
    world.app.execute("delete from session_claims");
    assert_eq!(plan_of_cookie(&browser), Value::Null);
}

fn with_closed_nothing_is_signed_for_a_cookie_without_an_answer(engine: Engine) {
    let world = World::start(engine, "closed");
    let browser = browser(&world);
    let pair = world.app.login("ada", PASSWORD).ok();
    world.hook.does(Does::Answers(500, String::new()));
    assert_eq!(plan_of_cookie(&browser), "pro");
    // As a session from before there was a hook.
    world.app.execute("delete from session_claims");
    let refused = ask(&browser);
    refused.problem(503, "overloaded");
    assert_eq!((refused.header("retry-after"), refused.header("set-cookie")), ("5", ""));
    let password = json!({"password": PASSWORD});
    world.app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&password)).problem(503, "overloaded");
    // A hook that has nothing to say of a user is asked again, and what it says is not written.
    world.hook.claims(&json!({}));
    assert_eq!(plan_of_cookie(&browser), Value::Null);
    world.hook.claims(&json!({"plan": "free"}));
    assert_eq!((plan_of_cookie(&browser), world.kept()), (json!("free"), 0));
    assert_eq!(world.app.number("select max(denied_through) from sessions"), 0);
}

fn with_open_a_cookie_alone_asks(engine: Engine) {
    let world = World::start(engine, "open");
    let browser = browser(&world);
    world.hook.claims(&json!({"plan": "free"}));
    assert_eq!(plan_of_cookie(&browser), "free");
    world.hook.does(Does::Answers(500, String::new()));
    assert_eq!(plan_of_cookie(&browser), Value::Null);
}
