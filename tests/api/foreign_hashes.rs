//! Passwords whose hashes another system has made, until the first login.

use serde_json::json;
use tokensmith::internals::metrics::Present;
use tokensmith::internals::service::decoy;

use crate::claims_hook::World;
use crate::support::hook::Does;
use crate::support::process::Tokensmith;
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_name_that_no_account_has_costs_what_most_hashes_cost,
    a_hash_that_lacks_memory_is_no_wrong_password,
    logins_at_the_same_time_both_succeed_and_leave_one_hash_of_ours,
    hashes_are_counted_by_scheme_and_by_what_the_next_login_does,
    a_hash_that_is_replaced_during_a_login_is_checked_too,
);

/// Of another password, with so many iterations that it takes longer than a hash of the tests.
const SLOW: &str = "pbkdf2_sha256$20000$salt$nNr3AKmYFOXvzxzP+2VlPwJFPcGKllppLaQIvsodtc4=";

/// Of `PASSWORD`.
const HASH: &str = "pbkdf2_sha256$1000$salt$nNr3AKmYFOXvzxzP+2VlPwJFPcGKllppLaQIvsodtc4=";

fn a_name_that_no_account_has_costs_what_most_hashes_cost(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("local", &[]);
    for name in ["user1", "user2", "user3"] {
        app.create_user(name, &[]);
    }
    app.execute(&format!("update users set password_hash = '{SLOW}' where username <> 'local'"));
    let work = |name: &str| {
        let before = app.inside.hasher.worked();
        app.login(name, "not the password").problem(401, "bad_credentials");
        app.inside.hasher.worked() - before
    };
    let today = work("nobody");
    decoy::choose(&app.inside).unwrap();
    let costs = ["nobody", "user1", "local"].map(work);
    assert!(costs[0] > 10 * today && costs[1] == costs[0], "{costs:?}");
    assert!((costs[0]..costs[0] + 256).contains(&costs[2]), "{costs:?}");
    let ours = "update users set password_hash = (select password_hash from users where username = 'local')";
    app.execute(ours);
    decoy::choose(&app.inside).unwrap();
    assert_eq!(work("nobody"), today);
}

fn a_hash_that_lacks_memory_is_no_wrong_password(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    // This service has 8 MiB for hashes.
    let hash = "argon2$argon2id$v=19$m=102400,t=2,p=8$VThSVGViaFh2N21LSjBIMWFUM0gzcw$GeBlvpraRqnbr8/qeIoph0pH7DFBOWhbmAgMLlCCzEo";
    app.execute(&format!("update users set password_hash = '{hash}'"));
    let answer = app.login("ada", PASSWORD);
    answer.problem(503, "overloaded");
    assert!(!answer.header("retry-after").is_empty());
}

fn logins_at_the_same_time_both_succeed_and_leave_one_hash_of_ours(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.execute(&format!("update users set password_hash = '{HASH}'"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| app.another_client().login("ada", PASSWORD).ok());
        }
    });
    assert_eq!(app.number("select count(*) from users where password_hash like '$argon2id$%'"), 1);
    app.login("ada", PASSWORD).ok();
}

fn hashes_are_counted_by_scheme_and_by_what_the_next_login_does(engine: Engine) {
    let app = TestApp::start(engine);
    let command = Tokensmith::new().env("DATABASE_URL", &app.database_url);
    assert!(command.list(&["users", "hashes"]).is_empty());
    let weak = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg";
    let bcrypt = "$2b$05$QBCyT7ai4m9JvprNneBJNeLJfjRhcRMCWBmqgEDFjgGpHeWVwwyee";
    let hashes = [HASH, HASH, weak, &format!("argon2{weak}"), bcrypt, &format!("bcrypt${bcrypt}"), "!", "damaged"];
    for (number, hash) in hashes.iter().enumerate() {
        app.create_user(&format!("user{number}"), &[]);
        app.execute(&format!("update users set password_hash = '{hash}' where username = 'user{number}'"));
    }
    assert!(command.run_with_input(&["users", "create", "new", "--password-stdin"], PASSWORD).success());
    let counted = |scheme: &str, next: &str, accounts: u64| json!({"scheme": scheme, "at_the_next_login": next, "accounts": accounts});
    let expected = [
        counted("2b", "replaced", 1),
        counted("argon2", "replaced", 1),
        counted("argon2id", "kept", 1),
        counted("argon2id", "replaced", 1),
        counted("bcrypt", "replaced", 1),
        counted("none", "none", 1),
        counted("pbkdf2_sha256", "replaced", 2),
        counted("unknown", "kept", 1),
    ];
    assert_eq!(command.list(&["users", "hashes"]), expected);
    decoy::choose(&app.inside).unwrap();
    let text = app.inside.metrics.encode(Present::default()).unwrap();
    // Also the damaged one: it is not ours.
    assert!(text.contains("\ntokensmith_foreign_password_hashes 6\n"), "{text}");
}

/// As an import does. The hook for claims is asked between the check and the use of the proof.
fn a_hash_that_is_replaced_during_a_login_is_checked_too(engine: Engine) {
    let world = World::start(engine, "keep");
    world.app.create_user("ada", &[]);
    let during_a_login = |change: &str| {
        world.hook.asked();
        world.hook.does(Does::Waits);
        std::thread::scope(|scope| {
            let login = scope.spawn(|| world.app.another_client().login("ada", PASSWORD));
            world.hook.wait_until_asked();
            world.app.execute(change);
            world.hook.claims(&json!({}));
            login.join().unwrap()
        })
    };
    let replaced = |hash: &str| format!("update users set password_hash = '{hash}'");
    during_a_login(&replaced(HASH)).ok();
    assert_eq!(world.app.number("select count(*) from users where password_hash like '$argon2id$%'"), 1);
    during_a_login("update users set disabled_at = 1").problem(401, "bad_credentials");
    world.app.execute("update users set disabled_at = null");
    let other = format!("{}AAAA", HASH.split_at(HASH.len() - 5).0);
    during_a_login(&replaced(&format!("{other}="))).problem(401, "bad_credentials");
    assert_eq!(world.app.number("select count(*) from sessions"), 1);
    assert_eq!(world.app.number("select count(*) from audit_events where name = 'login_failed'"), 2);
}
