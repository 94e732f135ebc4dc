//! Refresh tokens of Django, which are out when this service takes over: each becomes a session, once.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::model::id::UserId;
use tokensmith::internals::service::{purge, users};

use crate::simplejwt::in_parallel;
use crate::support::oauth::claims;
use crate::support::simplejwt::{LEGACY, old_token, with_legacy};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    an_old_refresh_token_becomes_a_session,
    its_answer_may_be_lost_and_it_is_replay_later,
    with_both_windows_zero_it_is_accepted_exactly_once,
    thirty_two_that_present_it_at_two_instances_get_one_successor,
    what_was_blacklisted_before_is_refused,
    it_can_be_blacklisted_here_before_and_after_its_first_use,
    only_those_that_were_imported_are_accepted_where_that_is_asked_for,
    the_token_of_another_user_is_refused,
    it_is_refused_when_all_sessions_of_its_user_were_ended_since,
    without_its_user_it_is_refused,
    its_session_counts_as_no_recent_login,
    verify_knows_it,
    it_is_good_at_no_other_endpoint,
    after_the_end_date_none_is_accepted,
    it_is_remembered_until_it_expires_and_no_longer,
    without_rotation_it_stays_good_until_it_expires,
    without_rotation_its_session_ends_as_any_and_rotation_may_begin,
    an_access_token_or_one_with_another_signature_opens_nothing,
);

pub const ROW: &str = "insert into legacy_tokens (jti, user_id, expires_at, is_denied, session_id, external_id)";

pub fn refresh(app: &TestApp, token: &Value) -> Answer {
    app.simplejwt_refresh(token)
}

fn id_of(pair: &Value) -> UserId {
    claims(&pair["access_token"])["sub"].as_str().unwrap().parse().unwrap()
}

fn sessions(app: &TestApp) -> i64 {
    app.number("select count(*) from sessions")
}

fn an_old_refresh_token_becomes_a_session(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let old = old_token(&app, "a", &json!({}));
    let pair = refresh(&app, &old).ok();
    let (access, refresh_token) = (claims(&pair["access"]), claims(&pair["refresh"]));
    assert_eq!((&access["user_id"], &access["token_type"]), (&json!("42"), &json!("access")));
    assert_eq!(refresh_token["token_type"], "refresh");
    assert_eq!(app.get_as("/v1/me", pair["access"].as_str().unwrap()).status, 200);
    let row = "select count(*) from sessions s join legacy_tokens t on t.session_id = s.id where s.denied_through = 1 \
               and s.client_id = 'compat:simplejwt' and t.jti = 'a' and t.user_id = s.user_id";
    assert_eq!((app.number(row), sessions(&app)), (1, 1));
    assert_eq!(app.number("select count(*) from audit_events where name = 'legacy_token_taken'"), 1);
    app.advance(100);
    let next = refresh(&app, &pair["refresh"]).ok();
    assert_ne!(next["refresh"], pair["refresh"]);
    assert_eq!(sessions(&app), 1);
    // Each token is a session of its own.
    refresh(&app, &old_token(&app, "b", &json!({"user_id": 42}))).ok();
    assert_eq!(sessions(&app), 2);
}

fn its_answer_may_be_lost_and_it_is_replay_later(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let old = old_token(&app, "a", &json!({}));
    let first = refresh(&app, &old).ok();
    for wait in [0, 9, 80] {
        app.advance(wait);
        assert_eq!(refresh(&app, &old).ok()["refresh"], first["refresh"], "after {wait} seconds more");
    }
    app.advance(1);
    refresh(&app, &old).not_valid("Token is blacklisted");
    refresh(&app, &first["refresh"]).not_valid("Token is blacklisted");
    app.get_as("/v1/me", first["access"].as_str().unwrap()).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'reuse'"), 1);
    assert_eq!(sessions(&app), 1, "it opens no other session");
    // Also at once, when its successor has been used.
    let old = old_token(&app, "b", &json!({}));
    let first = refresh(&app, &old).ok();
    app.advance(11);
    refresh(&app, &first["refresh"]).ok();
    refresh(&app, &old).not_valid("Token is blacklisted");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'reuse'"), 2);
}

fn with_both_windows_zero_it_is_accepted_exactly_once(engine: Engine) {
    let strict = [("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "0s")];
    let app = with_legacy(engine, &strict);
    let old = old_token(&app, "a", &json!({}));
    let pair = refresh(&app, &old).ok();
    refresh(&app, &old).not_valid("Token is blacklisted");
    refresh(&app, &pair["refresh"]).not_valid("Token is blacklisted");
    let other = app.another_instance(0, &[&LEGACY[..], &strict].concat());
    let answers = in_parallel(&app, &other, 16, &old_token(&app, "b", &json!({})));
    let accepted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(accepted, 1, "{answers:?}");
    assert_eq!(sessions(&app), 2);
}

fn thirty_two_that_present_it_at_two_instances_get_one_successor(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let other = app.another_instance(0, &LEGACY);
    let answers = in_parallel(&app, &other, 32, &old_token(&app, "a", &json!({})));
    let pairs: Vec<_> = answers.iter().map(Answer::ok).collect();
    assert!(pairs.iter().all(|pair| pair["refresh"] == pairs[0]["refresh"]), "no fork");
    assert_eq!(app.number("select max(denied_through) from sessions"), 1);
    assert_eq!((sessions(&app), app.number("select count(*) from legacy_tokens")), (1, 1));
    assert_eq!(app.number("select count(*) from audit_events where name = 'legacy_token_taken'"), 1);
}

fn what_was_blacklisted_before_is_refused(engine: Engine) {
    let app = with_legacy(engine, &[]);
    app.execute(&format!("{ROW} select 'a', id, 1800086400, true, null, '1' from users"));
    let old = old_token(&app, "a", &json!({}));
    refresh(&app, &old).not_valid("Token is blacklisted");
    let blacklisted = json!({"non_field_errors": ["Token is blacklisted"]});
    app.simplejwt("verify/", &json!({"token": old})).told(400, &blacklisted);
    app.simplejwt("blacklist/", &json!({"refresh": old})).not_valid("Token is blacklisted");
    // Of nobody, as Django stores those of deleted users.
    app.execute("update legacy_tokens set user_id = null");
    refresh(&app, &old).not_valid("Token is blacklisted");
    assert_eq!(sessions(&app), 0);
}

fn it_can_be_blacklisted_here_before_and_after_its_first_use(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let unused = old_token(&app, "unused", &json!({}));
    assert_eq!(app.simplejwt("blacklist/", &json!({"refresh": unused})).ok(), json!({}));
    refresh(&app, &unused).not_valid("Token is blacklisted");
    assert_eq!(sessions(&app), 0);
    let used = old_token(&app, "used", &json!({}));
    let pair = refresh(&app, &used).ok();
    assert_eq!(app.simplejwt("blacklist/", &json!({"refresh": used})).ok(), json!({}), "its answer was lost");
    app.simplejwt("blacklist/", &json!({"refresh": used})).not_valid("Token is blacklisted");
    for token in [&used, &pair["refresh"]] {
        refresh(&app, token).not_valid("Token is blacklisted");
    }
    app.get_as("/v1/me", pair["access"].as_str().unwrap()).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'logout'"), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'legacy_token_denied'"), 2);
}

fn only_those_that_were_imported_are_accepted_where_that_is_asked_for(engine: Engine) {
    let app = with_legacy(engine, &[("LEGACY_JWT_ONLY_OUTSTANDING", "on")]);
    app.execute(&format!("{ROW} select 'a', id, 1800086400, false, null, '1' from users"));
    app.execute(&format!("{ROW} values ('b', null, 1800086400, false, null, '2')"));
    let forged = old_token(&app, "forged", &json!({}));
    refresh(&app, &forged).not_valid("Token is invalid");
    app.simplejwt("verify/", &json!({"token": forged})).not_valid("Token is invalid");
    assert_eq!(sessions(&app), 0);
    let access = old_token(&app, "access", &json!({"token_type": "access"}));
    app.simplejwt("verify/", &json!({"token": access})).not_valid("Token is invalid");
    refresh(&app, &old_token(&app, "a", &json!({}))).ok();
    // Its user was deleted: it is not that of any other.
    let of_nobody = old_token(&app, "b", &json!({}));
    refresh(&app, &of_nobody).not_valid("Token is invalid");
    app.simplejwt("verify/", &json!({"token": of_nobody})).not_valid("Token is invalid");
    assert_eq!(app.number("select count(*) from legacy_tokens where session_id is not null"), 1);
    // One that was blacklisted here does not become an imported one.
    app.simplejwt("blacklist/", &json!({"refresh": forged}));
    refresh(&app, &forged).not_valid("Token is blacklisted");
}

fn the_token_of_another_user_is_refused(engine: Engine) {
    let app = with_legacy(engine, &[]);
    app.create_user("bob", &[]);
    app.execute("update users set external_id = '43' where username = 'bob'");
    app.execute(&format!("{ROW} select 'a', id, 1800086400, false, null, '1' from users where username = 'bob'"));
    let of_ada = old_token(&app, "a", &json!({}));
    refresh(&app, &of_ada).not_valid("Token is invalid");
    let of_bob = old_token(&app, "a", &json!({"user_id": "43"}));
    let pair = refresh(&app, &of_bob).ok();
    assert_eq!(claims(&pair["access"])["user_id"], "43");
    refresh(&app, &of_ada).not_valid("Token is invalid");
    refresh(&app, &pair["refresh"]).ok();
    assert_eq!(sessions(&app), 1);
}

fn it_is_refused_when_all_sessions_of_its_user_were_ended_since(engine: Engine) {
    let change = json!({"current_password": PASSWORD, "new_password": "another long password, with words"});
    for way in ["password", "everywhere", "disabled and enabled"] {
        let app = with_legacy(engine, &[]);
        let old = old_token(&app, "a", &json!({}));
        let pair = app.login("ada", PASSWORD).ok();
        let id = id_of(&pair);
        let status = match way {
            "password" => app.ask_as("POST", "/v1/me/password", &pair, Some(&change)).status,
            "everywhere" => app.ask_as("POST", "/v1/logout/all", &pair, None).status,
            _ => {
                users::disable(&app.inside, id, &Origin::default()).unwrap();
                users::enable(&app.inside, id, &Origin::default()).unwrap();
                200
            }
        };
        assert!(status < 300, "{way}: {status}");
        let before = sessions(&app);
        refresh(&app, &old).not_valid("Token is blacklisted");
        // One that does not say when it was issued may be older.
        refresh(&app, &old_token(&app, "b", &json!({"iat": null}))).not_valid("Token is blacklisted");
        let access = old_token(&app, "d", &json!({"token_type": "access"}));
        let blacklisted = json!({"non_field_errors": ["Token is blacklisted"]});
        app.simplejwt("verify/", &json!({"token": access})).told(400, &blacklisted);
        assert_eq!(sessions(&app), before, "{way}");
        app.advance(1);
        refresh(&app, &old_token(&app, "c", &json!({"iat": app.clock.now().0}))).ok();
        let access = old_token(&app, "e", &json!({"token_type": "access", "iat": app.clock.now().0}));
        app.simplejwt("verify/", &json!({"token": access})).ok();
    }
}

fn without_its_user_it_is_refused(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let nobody = json!({"detail": "No active account found for the given token."});
    for user in [json!("43"), json!("0"), json!("42 "), json!("\u{2028}")] {
        let answer = refresh(&app, &old_token(&app, "a", &json!({"user_id": user})));
        if user == json!("\u{2028}") { assert_eq!(answer.status, 401) } else { answer.told(401, &nobody) }
    }
    let own_id = id_of(&app.login("ada", PASSWORD).ok());
    let before = sessions(&app);
    refresh(&app, &old_token(&app, "a", &json!({"user_id": own_id.to_string()}))).told(401, &nobody);
    let old = old_token(&app, "a", &json!({}));
    users::disable(&app.inside, own_id, &Origin::default()).unwrap();
    refresh(&app, &old).told(401, &nobody);
    assert_eq!(sessions(&app), before);
    app.execute("delete from users");
    refresh(&app, &old).told(401, &nobody);
    assert_eq!(app.number("select count(*) from legacy_tokens"), 0);
    assert_eq!(app.simplejwt("blacklist/", &json!({"refresh": old})).ok(), json!({}), "as with simplejwt");
}

fn its_session_counts_as_no_recent_login(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let pair = refresh(&app, &old_token(&app, "a", &json!({}))).ok();
    let bearer = format!("Bearer {}", pair["access"].as_str().unwrap());
    assert_eq!((&claims(&pair["access"])["auth_time"], &claims(&pair["access"])["amr"]), (&json!(0), &json!([])));
    let begun = app.ask("POST", "/v1/me/totp", &bearer, Some(&json!({})));
    begun.problem(401, "reauthentication_required");
    let again = app.ask("POST", "/v1/me/reauthenticate", &bearer, Some(&json!({"password": PASSWORD})));
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(app.number("select count(*) from sessions where amr = 'pwd'"), 1);
}

fn verify_knows_it(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let verify = |token: &Value| app.simplejwt("verify/", &json!({"token": token}));
    let old = old_token(&app, "a", &json!({}));
    assert_eq!(verify(&old).ok(), json!({}));
    assert_eq!(verify(&old_token(&app, "b", &json!({"token_type": "access"}))).ok(), json!({}));
    assert_eq!((sessions(&app), app.number("select count(*) from legacy_tokens")), (0, 0), "asking changes nothing");
    refresh(&app, &old).ok();
    assert_eq!(verify(&old).ok(), json!({}), "a refresh with it would succeed");
    app.advance(90);
    verify(&old).told(400, &json!({"non_field_errors": ["Token is blacklisted"]}));
    verify(&old_token(&app, "c", &json!({"exp": app.clock.now().0}))).not_valid("Token is expired");
}

fn it_is_good_at_no_other_endpoint(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let old = old_token(&app, "a", &json!({}));
    let access = old_token(&app, "b", &json!({"token_type": "access"}));
    app.refresh(&old).problem(401, "token_wrong_type");
    for token in [&old, &access] {
        app.get_as("/v1/me", token.as_str().unwrap()).problem(401, "token_wrong_type");
        app.verify(token).problem(401, "token_wrong_type");
    }
    assert_eq!(app.revoke(&access).status, 204);
    refresh(&app, &old).ok();
    let off = app.another_instance(0, &[("COMPAT", "simplejwt")]);
    off.simplejwt_refresh(&old_token(&app, "c", &json!({}))).not_valid("Token has wrong type");
}

fn after_the_end_date_none_is_accepted(engine: Engine) {
    let app = with_legacy(engine, &[("LEGACY_JWT_UNTIL", "2027-01-15T08:01:00Z")]);
    let old = old_token(&app, "a", &json!({}));
    app.advance(59);
    let pair = refresh(&app, &old).ok();
    app.advance(1);
    refresh(&app, &old).not_valid("Token is expired");
    app.simplejwt("verify/", &json!({"token": old})).not_valid("Token is expired");
    app.simplejwt("blacklist/", &json!({"refresh": old})).not_valid("Token is expired");
    refresh(&app, &pair["refresh"]).ok();
}

fn it_is_remembered_until_it_expires_and_no_longer(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let old = old_token(&app, "a", &json!({"exp": app.clock.now().0 + 100}));
    refresh(&app, &old).ok();
    app.advance(99);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from legacy_tokens"), 1);
    refresh(&app, &old).not_valid("Token is blacklisted");
    app.advance(1);
    refresh(&app, &old).not_valid("Token is expired");
    app.advance(86_400);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from legacy_tokens"), 0);
    refresh(&app, &old).not_valid("Token is expired");
}

fn without_rotation_it_stays_good_until_it_expires(engine: Engine) {
    let app = with_legacy(engine, &[("COMPAT_ROTATION", "off"), ("SESSION_LIFETIME", "20d")]);
    let old = old_token(&app, "a", &json!({"exp": app.clock.now().0 + 30 * 86_400}));
    for _ in 0..29 {
        let refreshed = refresh(&app, &old).ok();
        assert_eq!(refreshed.as_object().unwrap().len(), 1, "only an access token");
        assert_eq!(app.get_as("/v1/me", refreshed["access"].as_str().unwrap()).status, 200);
        app.advance(86_400);
        purge::all(&app.inside).unwrap();
    }
    assert_eq!((sessions(&app), app.number("select max(denied_through) from sessions")), (1, 0));
    app.advance(86_400);
    refresh(&app, &old).not_valid("Token is expired");
}

fn without_rotation_its_session_ends_as_any_and_rotation_may_begin(engine: Engine) {
    let off = with_legacy(engine, &[("COMPAT_ROTATION", "off")]);
    let on = off.another_instance(0, &LEGACY);
    let wait = |seconds| [&on, &off].map(|app| app.advance(seconds));
    let old = old_token(&off, "a", &json!({}));
    refresh(&off, &old).ok();
    wait(1_000);
    // The token that the client has is the live one.
    let pair = refresh(&on, &old).ok();
    wait(20);
    assert_eq!(refresh(&on, &old).ok()["refresh"], pair["refresh"]);
    wait(1_000);
    assert_eq!(refresh(&off, &pair["refresh"]).ok().as_object().unwrap().len(), 1);
    refresh(&off, &old).not_valid("Token is blacklisted");
    let other = old_token(&off, "b", &json!({}));
    let refreshed = refresh(&off, &other).ok();
    let bearer = format!("Bearer {}", refreshed["access"].as_str().unwrap());
    assert_eq!(off.ask("POST", "/v1/logout", &bearer, None).status, 204);
    refresh(&off, &other).not_valid("Token is blacklisted");
    assert_eq!(sessions(&off), 2);
}

fn an_access_token_or_one_with_another_signature_opens_nothing(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let access = old_token(&app, "a", &json!({"token_type": "access"}));
    refresh(&app, &access).not_valid("Token has wrong type");
    app.simplejwt("blacklist/", &json!({"refresh": access})).not_valid("Token has wrong type");
    let good = old_token(&app, "a", &json!({})).as_str().unwrap().to_owned();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let payload = message.split_once('.').unwrap().1;
    for bad in [
        format!("{message}."),
        format!("{message}.{signature}A"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
    ] {
        refresh(&app, &json!(bad)).not_valid("Token is invalid");
    }
    let from = json!({"iat": app.clock.now().0 + 61});
    refresh(&app, &old_token(&app, "a", &from)).not_valid("Token is invalid");
    assert_eq!((sessions(&app), app.number("select count(*) from legacy_tokens")), (0, 0));
}
