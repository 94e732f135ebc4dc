//! `POST /v1/tokens/refresh`: the rotation, as clients see it and as the row holds it.

use std::sync::{Arc, Barrier};

use serde_json::Value;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::service::{purge, users};

use crate::support::{Client, Engine, PASSWORD, TestApp};

both_engines!(
    a_refresh_moves_the_mark_by_one_and_returns_the_next_generation,
    a_burst_in_the_settle_window_gets_the_same_token_without_a_write,
    the_previous_token_works_30_seconds_later_as_fapi_2_requires,
    the_previous_token_after_its_retry_window_ends_the_session,
    a_token_two_generations_old_ends_the_session_at_once_and_only_this_session,
    with_both_windows_zero_every_second_use_is_reuse,
    a_lost_response_costs_nothing,
    sixty_four_parallel_refreshes_of_one_token_are_one_rotation,
    ten_thousand_rotations_leave_one_row_and_no_denial,
    four_tabs_restored_at_once_twice_with_a_lost_response_stay_logged_in,
    a_database_that_lost_rotations_heals,
    a_restored_row_that_looks_idle_heals_too,
    a_session_that_ends_after_the_database_lost_its_rotation_is_still_denied_long_enough,
    a_session_ends_when_it_is_not_refreshed_for_the_idle_lifetime,
    a_session_ends_at_its_absolute_end_however_often_it_is_refreshed,
    a_change_of_roles_arrives_with_the_next_refresh,
    a_disabled_user_is_refused_at_once_and_told_why,
    a_session_that_is_gone_is_refused,
    a_token_that_is_not_a_refresh_token_costs_no_query,
);

const TWO_BEHIND: i64 = 11;

fn a_refresh_moves_the_mark_by_one_and_returns_the_next_generation(engine: Engine) {
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    let answer = app.refresh(&first["refresh_token"]);
    let second = answer.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(second["refresh_generation"], 2);
    assert_eq!(second["session_id"], first["session_id"]);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(second["user"], first["user"]);
    assert_eq!(app.me(&second).status, 200);
    assert_eq!(app.number("select denied_through from sessions"), 1);
}

fn a_burst_in_the_settle_window_gets_the_same_token_without_a_write(engine: Engine) {
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    let second = app.refresh(&first["refresh_token"]).ok();
    app.advance(9);
    for presented in [&first, &second] {
        let answer = app.refresh(&presented["refresh_token"]).ok();
        assert_eq!(answer["refresh_token"], second["refresh_token"], "byte for byte");
        assert_ne!(answer["access_token"], second["access_token"]);
    }
    assert_eq!(app.number("select denied_through from sessions"), 1);
    assert_eq!(app.number("select rotated_at from sessions"), 1_800_000_000);
    app.advance(1);
    assert_eq!(app.refresh(&second["refresh_token"]).ok()["refresh_generation"], 3);
}

fn the_previous_token_works_30_seconds_later_as_fapi_2_requires(engine: Engine) {
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    let second = app.refresh(&first["refresh_token"]).ok();
    app.advance(30);
    assert_eq!(app.refresh(&first["refresh_token"]).ok()["refresh_token"], second["refresh_token"]);
}

fn the_previous_token_after_its_retry_window_ends_the_session(engine: Engine) {
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    let second = app.refresh(&first["refresh_token"]).ok();
    app.advance(89);
    app.refresh(&first["refresh_token"]).ok();
    app.advance(1);
    app.refresh(&first["refresh_token"]).problem(401, "refresh_token_reused");
    assert_eq!(app.refresh(&second["refresh_token"]).problem(401, "session_ended")["reason"], "reuse");
    app.me(&second).problem(401, "token_revoked");
}

fn a_token_two_generations_old_ends_the_session_at_once_and_only_this_session(engine: Engine) {
    let app = TestApp::start(engine);
    let stolen = app.logged_in("ada");
    let other_device = app.login("ada", PASSWORD).ok();
    let second = app.refresh(&stolen["refresh_token"]).ok();
    app.advance(TWO_BEHIND);
    let third = app.refresh(&second["refresh_token"]).ok();
    app.refresh(&stolen["refresh_token"]).problem(401, "refresh_token_reused");
    for pair in [&stolen, &second, &third] {
        app.me(pair).problem(401, "token_revoked");
        let ended = app.refresh(&pair["refresh_token"]).problem(401, "session_ended");
        assert_eq!(ended["reason"], "reuse");
    }
    let ended = "select count(*) from sessions where end_reason = 'reuse' and ended_at = 1800000011";
    assert_eq!(app.number(ended), 1);
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 1);
    app.refresh(&other_device["refresh_token"]).ok();
    assert_eq!(app.me(&other_device).status, 200);
}

fn with_both_windows_zero_every_second_use_is_reuse(engine: Engine) {
    let app = TestApp::start_with(engine, &[("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "0s")]);
    let first = app.logged_in("ada");
    app.refresh(&first["refresh_token"]).ok();
    app.refresh(&first["refresh_token"]).problem(401, "refresh_token_reused");
}

fn a_lost_response_costs_nothing(engine: Engine) {
    let app = TestApp::start(engine);
    let mut held = app.logged_in("ada");
    for _ in 0..5 {
        app.advance(200);
        let _lost = app.refresh(&held["refresh_token"]).ok();
        app.advance(20);
        held = app.refresh(&held["refresh_token"]).ok();
    }
    assert_eq!(held["refresh_generation"], 6);
}

/// All at once, each on its own connection.
pub fn refresh_in_parallel(clients: Vec<Client>, refresh_token: &Value) -> Vec<Value> {
    let start = Arc::new(Barrier::new(clients.len()));
    let threads: Vec<_> = clients
        .into_iter()
        .map(|client| {
            let (start, refresh_token) = (Arc::clone(&start), refresh_token.clone());
            std::thread::spawn(move || {
                start.wait();
                client.refresh(&refresh_token).ok()
            })
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn sixty_four_parallel_refreshes_of_one_token_are_one_rotation(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.advance(200);
    let clients = (0..64).map(|_| app.another_client()).collect();
    let answers = refresh_in_parallel(clients, &pair["refresh_token"]);
    assert_eq!(answers.len(), 64);
    assert!(answers.iter().all(|answer| answer["refresh_token"] == answers[0]["refresh_token"]));
    assert_eq!(answers[0]["refresh_generation"], 2);
    assert_eq!(app.number("select max(denied_through) from sessions"), 1, "one row moved, by one");
    assert_eq!(app.number("select count(*) from denylist"), 0);
}

fn ten_thousand_rotations_leave_one_row_and_no_denial(engine: Engine) {
    let app = TestApp::start_with(engine, &[("REFRESH_SETTLE_WINDOW", "0s")]);
    let mut pair = app.logged_in("ada");
    for generation in 2..=10_001 {
        pair = app.refresh(&pair["refresh_token"]).ok();
        assert_eq!(pair["refresh_generation"], generation);
    }
    assert_eq!(app.number("select count(*) from sessions"), 1);
    assert_eq!(app.number("select denied_through from sessions"), 10_000);
    assert_eq!(app.number("select count(*) from denylist"), 0);
}

fn four_tabs_restored_at_once_twice_with_a_lost_response_stay_logged_in(engine: Engine) {
    let app = TestApp::start(engine);
    let stored = app.logged_in("ada");
    let mut tabs = vec![stored.clone(); 4];
    for _restored in 0..2 {
        app.advance(3_600);
        // The browser restores every tab with the pair that was stored last; the tabs do not know of each other.
        let newest = tabs.iter().max_by_key(|tab| tab["refresh_generation"].as_i64()).unwrap().clone();
        tabs = vec![newest.clone(); 4];
        let clients = (0..4).map(|_| app.another_client()).collect();
        let answers = refresh_in_parallel(clients, &newest["refresh_token"]);
        // The response to the first tab is lost; the tab repeats the request.
        for (tab, answer) in tabs.iter_mut().zip(answers).skip(1) {
            *tab = answer;
        }
        app.advance(5);
        tabs[0] = app.refresh(&newest["refresh_token"]).ok();
        assert!(tabs.iter().all(|tab| tab["refresh_token"] == tabs[0]["refresh_token"]));
    }
    for tab in &tabs {
        assert_eq!(app.me(tab).status, 200);
    }
    assert_eq!(app.number("select denied_through from sessions"), 2);
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 0);
    app.advance(TWO_BEHIND);
    app.refresh(&tabs[0]["refresh_token"]).ok();
    app.refresh(&stored["refresh_token"]).problem(401, "refresh_token_reused");
    app.me(&tabs[0]).problem(401, "token_revoked");
}

fn a_database_that_lost_rotations_heals(engine: Engine) {
    let app = TestApp::start_with(engine, &[("REFRESH_SETTLE_WINDOW", "0s")]);
    let first = app.logged_in("ada");
    let second = app.refresh(&first["refresh_token"]).ok();
    let third = app.refresh(&second["refresh_token"]).ok();
    let fourth = app.refresh(&third["refresh_token"]).ok();
    // A backup is restored from before all that, and much later.
    app.execute("update sessions set denied_through = 0");
    app.advance(100);
    let fifth = app.refresh(&fourth["refresh_token"]).ok();
    assert_eq!(fifth["refresh_generation"], 5);
    assert_eq!(app.number("select denied_through from sessions"), 4);
    app.refresh(&third["refresh_token"]).problem(401, "refresh_token_reused");
}

fn a_restored_row_that_looks_idle_heals_too(engine: Engine) {
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    app.advance(13 * 86_400);
    let second = app.refresh(&first["refresh_token"]).ok();
    app.advance(13 * 86_400);
    let third = app.refresh(&second["refresh_token"]).ok();
    // A backup from before both refreshes is restored: the row's own end has passed by less than a day.
    app.execute("update sessions set denied_through = 0, rotated_at = 1800000000, refresh_expires_at = 1802203200");
    app.advance(1);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.refresh(&third["refresh_token"]).ok()["refresh_generation"], 4);
}

fn a_session_that_ends_after_the_database_lost_its_rotation_is_still_denied_long_enough(engine: Engine) {
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    app.advance(1_000);
    let second = app.refresh(&first["refresh_token"]).ok();
    app.execute("update sessions set denied_through = 0, rotated_at = 1800000000, access_expires_by = 1800000390");
    assert_eq!(app.revoke(&second["refresh_token"]).status, 204);
    app.advance(299);
    purge::all(&app.inside).unwrap();
    app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
    app.me(&second).problem(401, "token_revoked");
}

fn a_session_ends_when_it_is_not_refreshed_for_the_idle_lifetime(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.advance(14 * 86_400 - 1);
    let last = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(last["refresh_expires_in"], 14 * 86_400);
    // Clocks may differ by a minute, and no longer is one taken that has expired.
    app.advance(14 * 86_400 + 60);
    app.refresh(&last["refresh_token"]).problem(401, "token_expired");
    let short = TestApp::start_with(engine, &[("ACCESS_TOKEN_LIFETIME", "91s"), ("REFRESH_IDLE_LIFETIME", "99s")]);
    let pair = short.logged_in("ada");
    short.advance(99);
    short.refresh(&pair["refresh_token"]).problem(401, "token_expired");
}

fn a_session_ends_at_its_absolute_end_however_often_it_is_refreshed(engine: Engine) {
    let app = TestApp::start(engine);
    let mut pair = app.logged_in("ada");
    for _ in 0..8 {
        app.advance(11 * 86_400);
        pair = app.refresh(&pair["refresh_token"]).ok();
    }
    app.advance(2 * 86_400 - 60);
    pair = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(pair["refresh_expires_in"], 60, "no token outlives its session");
    assert_eq!(pair["expires_in"], 60);
    app.advance(60);
    assert_eq!(app.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "absolute_end");
    app.me(&pair).problem(401, "token_expired");
    app.advance(60);
    app.refresh(&pair["refresh_token"]).problem(401, "token_expired");
}

fn a_change_of_roles_arrives_with_the_next_refresh(engine: Engine) {
    let app = TestApp::start(engine);
    let user = app.create_user("ada", &["reader"]);
    let pair = app.login("ada", PASSWORD).ok();
    users::set_roles(&app.inside, user.id, &["editor".to_owned()], &Origin::default()).unwrap();
    assert_eq!(app.me(&pair).json()["roles"], Value::from(vec!["reader"]));
    let pair = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(app.me(&pair).json()["roles"], Value::from(vec!["editor"]));
    assert_eq!(pair["user"]["roles"], Value::from(vec!["editor"]));
}

fn a_disabled_user_is_refused_at_once_and_told_why(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let again = app.login("ada", PASSWORD).ok();
    let id = app.verify(&pair["access_token"]).ok()["claims"]["sub"].as_str().unwrap().parse().unwrap();
    users::disable(&app.inside, id, &Origin::default()).unwrap();
    for pair in [&pair, &again] {
        assert_eq!(app.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "user_disabled");
        app.me(pair).problem(401, "token_revoked");
    }
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 2, "one entry for each live session");
}

fn a_session_that_is_gone_is_refused(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.execute("delete from users");
    app.refresh(&pair["refresh_token"]).problem(401, "session_unknown");
}

fn a_token_that_is_not_a_refresh_token_costs_no_query(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    // Without its table every query would fail.
    app.execute("alter table sessions rename to gone");
    app.refresh(&pair["access_token"]).problem(401, "token_wrong_type");
    app.refresh(&Value::from("garbage")).problem(401, "token_malformed");
    let tampered = format!("{}A", pair["refresh_token"].as_str().unwrap());
    app.refresh(&Value::from(tampered)).problem(401, "token_bad_signature");
    app.refresh(&pair["refresh_token"]).problem(500, "internal_error");
}
