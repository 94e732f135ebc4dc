//! Refresh tokens of Django that are refused: those that were revoked here, and those of accounts that need two factors.

use serde_json::json;
use tokensmith::internals::clock::Clock as _;

use crate::simplejwt_legacy::{ROW, refresh};
use crate::support::simplejwt::{LEGACY, old_token, with_legacy};
use crate::support::totp::enrol;
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    it_can_be_revoked_as_any_token,
    it_does_not_stand_for_a_second_factor,
    it_is_remembered_until_the_later_of_the_times_that_are_known,
);

fn it_can_be_revoked_as_any_token(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let unused = old_token(&app, "unused", &json!({}));
    let used = old_token(&app, "used", &json!({}));
    let pair = refresh(&app, &used).ok();
    for token in [&unused, &used, &used, &old_token(&app, "late", &json!({"exp": app.clock.now().0}))] {
        assert_eq!(app.revoke(token).status, 204);
    }
    for token in [&unused, &used, &pair["refresh"]] {
        refresh(&app, token).not_valid("Token is blacklisted");
    }
    assert_eq!(app.number("select count(*) from legacy_tokens where is_denied = (1 = 1)"), 2);
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'logout'"), 1);
}

fn it_does_not_stand_for_a_second_factor(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let must = app.another_instance(0, &[&LEGACY[..], &[("REQUIRE_SECOND_FACTOR", "admins")]].concat());
    let old = old_token(&app, "a", &json!({}));
    let asked = |app: &TestApp, code: &str| {
        let answers = [refresh(app, &old), app.simplejwt("verify/", &json!({"token": old}))];
        for answer in answers {
            assert_eq!((answer.status, &answer.json()["code"]), (401, &json!(code)), "{answer:?}");
        }
    };
    app.execute("update users set roles = 'admin'");
    asked(&must, "second_factor_enrolment_required");
    app.execute("update users set roles = ''");
    app.simplejwt("verify/", &json!({"token": old})).ok();
    // A factor that its user has got here.
    let pair = app.login("ada", PASSWORD).ok();
    enrol(&app, &pair);
    asked(&app, "second_factor_required");
    assert_eq!(app.number("select count(*) from legacy_tokens"), 0);
    assert_eq!(app.number("select count(*) from audit_events where name = 'legacy_token_taken'"), 0);
}

fn it_is_remembered_until_the_later_of_the_times_that_are_known(engine: Engine) {
    let app = with_legacy(engine, &[]);
    let exp = app.clock.now().0 + 86_400;
    for (jti, known) in [("a", exp - 80_000), ("b", exp + 80_000)] {
        app.execute(&format!("{ROW} select '{jti}', id, {known}, false, null, null from users"));
        app.simplejwt("blacklist/", &json!({"refresh": old_token(&app, jti, &json!({}))})).ok();
        let later = known.max(exp);
        assert_eq!(
            app.number(&format!("select count(*) from legacy_tokens where jti = '{jti}' and expires_at = {later}")),
            1
        );
    }
}
