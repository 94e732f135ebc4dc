//! The rule on strangers: a thief who always comes second, within the retry window, is found.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::metrics::Present;

use crate::admin_users::administrator;
use crate::support::process::Tokensmith;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp, number, postgres};

both_engines!(
    a_thief_who_comes_second_is_found_at_the_fourth_generation_and_the_reason_is_reported,
    a_thief_who_comes_first_is_found_by_the_owner_who_comes_second,
    without_the_limit_the_thief_stays_and_is_recorded,
    an_owner_who_moves_and_loses_no_responses_is_not_a_stranger,
    an_owner_who_loses_every_response_at_home_is_never_logged_out,
    a_limit_on_sharing_finds_the_thief_in_the_owners_own_context,
    what_a_context_is_made_of,
    a_retry_that_is_not_late_and_a_repeat_write_nothing,
    a_rotation_by_an_older_version_leaves_no_stranger_and_no_mark,
    a_session_from_before_the_upgrade_has_no_context_until_it_rotates,
    a_new_signing_key_makes_no_client_a_stranger,
    strangers_are_an_event_once_a_day_for_a_session,
    the_tenth_shared_generation_is_an_event,
    asking_about_a_token_marks_nothing_and_ends_nothing,
    a_heal_forgets_what_was_shared,
    sixty_four_late_retries_of_two_contexts_are_one_mark,
    sixty_four_late_retries_of_two_contexts_across_two_instances_are_one_mark,
);

const HOME: (&str, &str) = ("192.0.2.10", "Owner/1.0");
const AWAY: (&str, &str) = ("198.51.100.20", "Thief/1.0");

/// Late, and within the window.
const LATE: i64 = 30;

fn start(engine: Engine, vars: &[(&str, &str)]) -> TestApp {
    TestApp::start_with(engine, &[&[("TRUSTED_PROXIES", "127.0.0.1")], vars].concat())
}

/// The session's next rotation, from this context.
fn rotate(app: &TestApp, from: (&str, &str), held: &Value) -> Value {
    app.advance(200);
    app.refresh_from(from, &held["refresh_token"]).ok()
}

/// One presents the token that the other has just rotated.
fn retry_late(app: &TestApp, from: (&str, &str), held: &Value) -> Answer {
    app.advance(LATE);
    app.refresh_from(from, &held["refresh_token"])
}

/// `mark`, `strange` and `shared` of the one session.
fn sharing(app: &TestApp) -> [i64; 3] {
    ["mark", "strange", "shared"].map(|column| app.number(&format!("select max({column}) from sessions")))
}

fn events(app: &TestApp) -> i64 {
    app.number("select count(*) from audit_events where name = 'session_shared'")
}

/// How many generations this service has given each mark.
fn marked(app: &TestApp) -> [i64; 2] {
    let text = app.inside.metrics.encode(Present::default()).unwrap();
    ["shared", "strange"].map(|mark| {
        let sample = format!("tokensmith_marked_generations_total{{name=\"{mark}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&sample)).map_or(0, |value| value.parse().unwrap())
    })
}

fn a_thief_who_comes_second_is_found_at_the_fourth_generation_and_the_reason_is_reported(engine: Engine) {
    let app = start(engine, &[]);
    let mut owner = app.logged_in("ada");
    app.advance(1);
    let other_device = app.login("ada", PASSWORD).ok();
    for strange in 0..3 {
        let stolen = owner.clone();
        owner = rotate(&app, HOME, &owner);
        let thief = retry_late(&app, AWAY, &stolen).ok();
        assert_eq!(thief["refresh_token"], owner["refresh_token"], "no fork");
        assert_eq!(sharing(&app), [2, strange, strange]);
    }
    let stolen = owner.clone();
    owner = rotate(&app, HOME, &owner);
    retry_late(&app, AWAY, &stolen).problem(401, "refresh_token_reused");
    app.me(&owner).problem(401, "token_revoked");
    for pair in [&owner, &stolen] {
        let ended = app.refresh_from(HOME, &pair["refresh_token"]).problem(401, "session_ended");
        assert_eq!(ended["reason"], "shared");
    }
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'shared'"), 1);
    assert_eq!(app.number("select count(*) from denylist where kind = 'sid'"), 1);
    assert_eq!(marked(&app), [0, 4]);
    let listed = app.get_as("/v1/sessions", rotate(&app, HOME, &other_device)["access_token"].as_str().unwrap()).ok();
    let reasons: Vec<&Value> = listed["sessions"].as_array().unwrap().iter().map(|one| &one["end_reason"]).collect();
    assert_eq!(reasons, [&Value::Null, &json!("shared")], "this session, and why the other ended");
    let event =
        "select count(*) from audit_events where name = 'refresh_token_reused' and detail = 'generation 4, shared'";
    assert_eq!(app.number(event), 1);
    assert_eq!(events(&app), 1);
}

fn a_thief_who_comes_first_is_found_by_the_owner_who_comes_second(engine: Engine) {
    let app = start(engine, &[]);
    let mut owner = app.logged_in("ada");
    for _ in 0..3 {
        let stolen = owner.clone();
        rotate(&app, AWAY, &stolen);
        owner = retry_late(&app, HOME, &owner).ok();
    }
    rotate(&app, AWAY, &owner);
    retry_late(&app, HOME, &owner).problem(401, "refresh_token_reused");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'shared'"), 1);
}

fn without_the_limit_the_thief_stays_and_is_recorded(engine: Engine) {
    let app = start(engine, &[("REFRESH_STRANGE_LIMIT", "0")]);
    let mut owner = app.logged_in("ada");
    for _ in 0..25 {
        let stolen = owner.clone();
        owner = rotate(&app, HOME, &owner);
        retry_late(&app, AWAY, &stolen).ok();
    }
    assert_eq!(sharing(&app), [2, 24, 24]);
    assert_eq!((events(&app), marked(&app)), (1, [0, 25]));
}

fn an_owner_who_moves_and_loses_no_responses_is_not_a_stranger(engine: Engine) {
    let app = start(engine, &[]);
    let mut owner = app.logged_in("ada");
    for network in 0..20 {
        owner = rotate(&app, (&format!("203.0.{network}.1"), "Owner/1.0"), &owner);
        // Another tab on another network: early, as bursts are.
        app.advance(5);
        app.refresh_from(AWAY, &owner["refresh_token"]).ok();
    }
    assert_eq!((sharing(&app), events(&app), marked(&app)), ([0, 0, 0], 0, [0, 0]));
}

fn an_owner_who_loses_every_response_at_home_is_never_logged_out(engine: Engine) {
    let app = start(engine, &[]);
    let mut owner = app.logged_in("ada");
    for _ in 0..30 {
        let lost = rotate(&app, HOME, &owner);
        owner = retry_late(&app, ("192.0.2.77", "Owner/1.0"), &owner).ok();
        assert_eq!(owner["refresh_token"], lost["refresh_token"]);
    }
    assert_eq!(sharing(&app), [1, 0, 29]);
    for _ in 0..2 {
        owner = rotate(&app, HOME, &owner);
    }
    assert_eq!(sharing(&app), [0, 0, 25], "the first has ended a shared one, the second one that was not");
}

fn a_limit_on_sharing_finds_the_thief_in_the_owners_own_context(engine: Engine) {
    let app = start(engine, &[("REFRESH_SHARED_LIMIT", "20")]);
    let mut owner = app.logged_in("ada");
    for _ in 0..20 {
        let stolen = owner.clone();
        owner = rotate(&app, HOME, &owner);
        retry_late(&app, HOME, &stolen).ok();
    }
    let stolen = owner.clone();
    rotate(&app, HOME, &owner);
    retry_late(&app, HOME, &stolen).problem(401, "refresh_token_reused");
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'shared'"), 1);
}

fn what_a_context_is_made_of(engine: Engine) {
    let app = start(engine, &[]);
    let long = "x".repeat(1_000);
    let other_long = format!("{long}y");
    for (rotates, retries, mark) in [
        (("192.0.2.1", "A"), ("192.0.2.254", "A"), 1),
        (("192.0.2.1", "A"), ("::ffff:192.0.2.254", "A"), 1),
        (("192.0.2.1", "A"), ("192.0.3.1", "A"), 2),
        (("192.0.2.1", "A"), ("192.0.2.1", "B"), 2),
        (("192.0.2.1", "A"), ("192.0.2.1", "a"), 2),
        (("192.0.2.1", ""), ("192.0.2.1", "A"), 2),
        (("2001:db8:1:1::1", "A"), ("2001:db8:1:ffff::2", "A"), 1),
        (("2001:db8:1::1", "A"), ("2001:db8:2::1", "A"), 2),
        // An address that the client sends is ignored: only the proxy's counts.
        (("192.0.2.1", "A"), ("198.51.100.1, 192.0.2.1", "A"), 1),
        (("192.0.2.1", &long), ("192.0.2.1", &long), 1),
        (("192.0.2.1", &long), ("192.0.2.1", &long[1..]), 1),
        (("192.0.2.1", &other_long[1..]), ("192.0.2.1", "x"), 2),
    ] {
        app.execute("delete from sessions; delete from users");
        let first = app.logged_in("ada");
        rotate(&app, rotates, &first);
        retry_late(&app, retries, &first).ok();
        assert_eq!(sharing(&app)[0], mark, "{rotates:?} {retries:?}");
    }
}

fn a_retry_that_is_not_late_and_a_repeat_write_nothing(engine: Engine) {
    let app = start(engine, &[]);
    let first = app.logged_in("ada");
    let second = rotate(&app, HOME, &first);
    let row = "select context_generation * 1000 + mark * 100 + strange * 10 + shared from sessions";
    let before = (app.number(row), app.number("select context from sessions"));
    app.advance(9);
    for token in [&first, &second] {
        app.refresh_from(AWAY, &token["refresh_token"]).ok();
    }
    assert_eq!((app.number(row), app.number("select context from sessions")), before);
    assert_eq!((before.0, events(&app), marked(&app)), (1_000, 0, [0, 0]));
}

/// As an older version, which does not know the columns, updates a row.
fn rotate_as_an_older_version(app: &TestApp) {
    app.advance(200);
    let now = app.clock.now().0;
    app.execute(&format!("update sessions set denied_through = denied_through + 1, rotated_at = {now}"));
}

fn a_rotation_by_an_older_version_leaves_no_stranger_and_no_mark(engine: Engine) {
    let app = start(engine, &[]);
    let first = app.logged_in("ada");
    let second = rotate(&app, HOME, &first);
    retry_late(&app, AWAY, &first).ok();
    assert_eq!(sharing(&app), [2, 0, 0]);
    rotate_as_an_older_version(&app);
    // The context and the mark in the row are those of the generation before.
    let third = app.refresh_from(HOME, &second["refresh_token"]).ok();
    retry_late(&app, AWAY, &second).ok();
    assert_eq!(sharing(&app), [1, 0, 0], "nobody is a stranger to what is not known");
    rotate(&app, HOME, &third);
    assert_eq!(sharing(&app), [0, 0, 1], "the stale mark of a stranger has not counted");
}

fn a_session_from_before_the_upgrade_has_no_context_until_it_rotates(engine: Engine) {
    let app = start(engine, &[]);
    let first = app.logged_in("ada");
    let second = rotate(&app, HOME, &first);
    app.execute("update sessions set context_generation = 0, context = null, mark = 0, strange = 0, shared = 0");
    retry_late(&app, AWAY, &first).ok();
    assert_eq!(sharing(&app), [1, 0, 0]);
    rotate(&app, HOME, &second);
    retry_late(&app, AWAY, &second).ok();
    assert_eq!(sharing(&app), [2, 0, 1]);
}

fn a_new_signing_key_makes_no_client_a_stranger(engine: Engine) {
    let app = start(engine, &[]);
    let root = administrator(&app);
    let first = app.logged_in("ada");
    app.ask_as("POST", "/v1/admin/keys/rotate", &root, Some(&json!({}))).ok();
    // It is published for 370 seconds before it signs.
    app.advance(350 - 200);
    let second = rotate(&app, HOME, &first);
    let mark = "select mark from sessions where denied_through > 0";
    for (from, expected) in [(HOME, 1), (AWAY, 1)] {
        retry_late(&app, from, &first).ok();
        assert_eq!(app.number(mark), expected, "{from:?}");
    }
    rotate(&app, HOME, &second);
    retry_late(&app, AWAY, &second).ok();
    assert_eq!(app.number(mark), 2, "from then on it is known again");
}

fn strangers_are_an_event_once_a_day_for_a_session(engine: Engine) {
    let app = start(engine, &[]);
    let mut owner = app.logged_in("ada");
    let shared_with_a_stranger = |owner: &mut Value| {
        let stolen = owner.clone();
        *owner = rotate(&app, HOME, owner);
        retry_late(&app, AWAY, &stolen).ok();
    };
    let alone = |owner: &mut Value| *owner = rotate(&app, HOME, owner);
    shared_with_a_stranger(&mut owner);
    assert_eq!(events(&app), 1);
    let detail = "select count(*) from audit_events where name = 'session_shared' and detail = 'generation 1, strange' \
                  and ip = '198.51.100.20' and actor_id is null and session_id = (select id from sessions) \
                  and user_id = (select id from users) and at = 1800000230";
    assert_eq!(app.number(detail), 1);
    shared_with_a_stranger(&mut owner);
    assert_eq!(events(&app), 1, "the counter was not at 0 any more");
    for _ in 0..3 {
        alone(&mut owner);
    }
    shared_with_a_stranger(&mut owner);
    assert_eq!(events(&app), 1, "not twice a day");
    for _ in 0..2 {
        alone(&mut owner);
    }
    app.advance(86_400);
    shared_with_a_stranger(&mut owner);
    assert_eq!(events(&app), 2);
    assert_eq!(marked(&app), [0, 4]);
}

fn the_tenth_shared_generation_is_an_event(engine: Engine) {
    let app = start(engine, &[]);
    let mut owner = app.logged_in("ada");
    for generation in 1..=12 {
        let held = owner.clone();
        owner = rotate(&app, HOME, &owner);
        retry_late(&app, HOME, &held).ok();
        assert_eq!(events(&app), i64::from(generation >= 10), "{generation}");
    }
    assert_eq!(marked(&app), [12, 0]);
    let detail = "select count(*) from audit_events where detail = 'generation 10, shared'";
    assert_eq!(app.number(detail), 1);
}

fn asking_about_a_token_marks_nothing_and_ends_nothing(engine: Engine) {
    let app = start(engine, &[("REFRESH_SHARED_LIMIT", "1")]);
    let first = app.logged_in("ada");
    let second = rotate(&app, HOME, &first);
    app.advance(LATE);
    app.verify(&first["refresh_token"]).ok();
    assert_eq!(sharing(&app), [0, 0, 0]);
    app.refresh_from(HOME, &first["refresh_token"]).ok();
    let third = rotate(&app, HOME, &second);
    app.advance(LATE);
    app.verify(&second["refresh_token"]).problem(401, "token_revoked");
    app.verify(&third["refresh_token"]).ok();
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 0);
}

fn a_heal_forgets_what_was_shared(engine: Engine) {
    let app = start(engine, &[]);
    let first = app.logged_in("ada");
    let second = rotate(&app, HOME, &first);
    retry_late(&app, AWAY, &first).ok();
    let third = rotate(&app, HOME, &second);
    assert_eq!(sharing(&app), [0, 1, 1]);
    app.execute("update sessions set denied_through = 0, context_generation = 0, strange = 3, shared = 9");
    app.advance(200);
    app.refresh_from(HOME, &third["refresh_token"]).ok();
    assert_eq!(sharing(&app), [0, 0, 0]);
    retry_late(&app, AWAY, &third).ok();
    assert_eq!(sharing(&app), [2, 0, 0]);
}

/// All at once, half of them from home.
fn retry_in_parallel(clients: Vec<Client>, refresh_token: &Value) -> Vec<Value> {
    let start = Arc::new(Barrier::new(clients.len()));
    let retry = |(i, client): (usize, Client)| {
        let (start, refresh_token) = (Arc::clone(&start), refresh_token.clone());
        std::thread::spawn(move || {
            start.wait();
            client.refresh_from(if i % 4 < 2 { HOME } else { AWAY }, &refresh_token).ok()
        })
    };
    let threads: Vec<_> = clients.into_iter().enumerate().map(retry).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn sixty_four_late_retries_of_two_contexts_are_one_mark(engine: Engine) {
    let app = start(engine, &[]);
    let first = app.logged_in("ada");
    let second = rotate(&app, HOME, &first);
    app.advance(LATE);
    let answers = retry_in_parallel((0..64).map(|_| app.another_client()).collect(), &first["refresh_token"]);
    assert_eq!(answers.len(), 64);
    assert!(answers.iter().all(|answer| answer["refresh_token"] == second["refresh_token"]));
    assert_eq!(app.number("select count(*) from sessions where denied_through = 1 and ended_at is null"), 1);
    assert_eq!((sharing(&app), events(&app), marked(&app)[1]), ([2, 0, 0], 1, 1));
    rotate(&app, HOME, &second);
    assert_eq!(sharing(&app), [0, 1, 1]);
}

fn sixty_four_late_retries_of_two_contexts_across_two_instances_are_one_mark(engine: Engine) {
    let dir = TempDir::new().unwrap();
    let url = engine.new_database(&dir);
    let keys = dir.path().join("keys").display().to_string();
    let command = || {
        let vars = [("REFRESH_SETTLE_WINDOW", "1s"), ("REFRESH_RETRY_WINDOW", "1m"), ("TRUSTED_PROXIES", "127.0.0.1")];
        let command = Tokensmith::new().env("DATABASE_URL", &url).env("KEYS_DIR", &keys);
        vars.iter().fold(command, |command, (name, value)| command.env(name, value))
    };
    let commands = [command(), command()];
    assert!(commands[0].run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let servers = [commands[0].serve(), commands[1].serve()];
    let first = servers[0].client().login("ada", PASSWORD).ok();
    let second = servers[0].client().refresh_from(HOME, &first["refresh_token"]).ok();
    // A retry is late from an age of 7 seconds on.
    let late_at = number(&url, "select rotated_at from sessions") + 7;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    while now() < u64::try_from(late_at).unwrap() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let answers = retry_in_parallel((0..64).map(|i| servers[i % 2].client()).collect(), &first["refresh_token"]);
    assert_eq!(answers.len(), 64);
    assert!(answers.iter().all(|answer| answer["refresh_token"] == second["refresh_token"]));
    let row = "select denied_through * 1000 + mark * 100 + strange * 10 + shared from sessions where ended_at is null";
    assert_eq!(number(&url, row), 1_200);
    assert_eq!(number(&url, "select count(*) from audit_events where name = 'session_shared'"), 1);
    let third = servers[1].client().refresh_from(HOME, &second["refresh_token"]).ok();
    assert_eq!(third["refresh_generation"], 3);
    assert_eq!(number(&url, row), 2_011);
}

#[test]
fn instances_that_share_the_keys_agree_on_contexts_and_others_do_not() {
    let app = start(Engine::Sqlite, &[]);
    let keys = app.keys_dir().display().to_string();
    let sharing_them = start(Engine::Sqlite, &[("KEYS_DIR", &keys)]);
    let apart = start(Engine::Sqlite, &[]);
    let contexts = |app: &TestApp| {
        let context = |client: &[u8]| app.inside.keys.ring().context(client, app.clock.now()).unwrap();
        [context(b"one"), context(b"other")]
    };
    let [one, other] = contexts(&app);
    assert_eq!(contexts(&sharing_them), [one, other]);
    assert!(one.differs_from(other));
    for elsewhere in contexts(&apart) {
        assert!(elsewhere != one && elsewhere != other, "made with another key");
    }
}

/// Holds the one session's row while a request is judged, changes it, and lets go.
fn while_another_writes(
    app: &TestApp,
    change: &str,
    request: impl FnOnce(Client) -> Answer + Send + 'static,
) -> Answer {
    let mut other = PgConnection::establish(&app.database_url).unwrap();
    other.batch_execute("begin; select 1 from sessions for update").unwrap();
    let client = app.another_client();
    let asking = std::thread::spawn(move || request(client));
    let waiting = "select count(*) from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock' and query like 'update sessions%'";
    let started_at = Instant::now();
    while app.number(waiting) == 0 {
        assert!(started_at.elapsed() < Duration::from_secs(30), "the request waits for the row");
        std::thread::sleep(Duration::from_millis(10));
    }
    other.batch_execute(&format!("{change}; commit")).unwrap();
    asking.join().unwrap()
}

#[test]
fn a_late_retry_is_answered_as_it_was_judged_although_the_row_has_moved_on() {
    if !postgres::is_available() {
        return;
    }
    for (change, code) in [
        ("update sessions set denied_through = 2, rotated_at = 1800000230, context_generation = 2", None),
        ("update sessions set ended_at = 1, end_reason = 'logout'", Some("session_ended")),
    ] {
        let app = start(Engine::Postgres, &[]);
        let first = app.logged_in("ada");
        let second = rotate(&app, HOME, &first);
        app.advance(LATE);
        let token = first["refresh_token"].clone();
        let answer = while_another_writes(&app, change, move |client| client.refresh_from(AWAY, &token)).ok();
        assert_eq!(answer["refresh_token"], second["refresh_token"], "{change}");
        assert_eq!(
            (sharing(&app), events(&app), marked(&app)),
            ([0, 0, 0], 0, [0, 0]),
            "the mark is dropped: {change}"
        );
        if let Some(code) = code {
            app.refresh_from(AWAY, &first["refresh_token"]).problem(401, code);
        }
    }
}

#[test]
fn a_late_retry_raises_a_mark_that_another_instance_has_raised_less_meanwhile_and_proofs_stay() {
    if !postgres::is_available() {
        return;
    }
    for (meanwhile, counted) in [("mark = 1", 1), ("mark = 2", 0), ("access_expires_by = 1800009999", 1)] {
        let app = start(Engine::Postgres, &[]);
        let first = app.logged_in("ada");
        rotate(&app, HOME, &first);
        app.advance(LATE);
        let token = first["refresh_token"].clone();
        let change = format!("update sessions set {meanwhile}");
        while_another_writes(&app, &change, move |client| client.refresh_from(AWAY, &token)).ok();
        assert_eq!((sharing(&app)[0], marked(&app)[1]), (2, counted), "{meanwhile}");
        if meanwhile.starts_with("access") {
            assert_eq!(app.number("select access_expires_by from sessions"), 1_800_009_999);
        }
    }
}

#[test]
fn a_rotation_is_judged_again_when_another_instance_has_raised_the_mark_meanwhile() {
    if !postgres::is_available() {
        return;
    }
    let app = start(Engine::Postgres, &[]);
    let first = app.logged_in("ada");
    let second = rotate(&app, HOME, &first);
    app.advance(LATE);
    let token = second["refresh_token"].clone();
    let change = "update sessions set mark = 2";
    let third = while_another_writes(&app, change, move |client| client.refresh_from(HOME, &token)).ok();
    assert_eq!(third["refresh_generation"], 3);
    assert_eq!(sharing(&app), [0, 1, 1], "the stranger counts");
}

#[test]
fn a_session_that_is_shared_is_a_warning_in_the_log() {
    let command = Tokensmith::new().env("REFRESH_SETTLE_WINDOW", "0s").env("REFRESH_RETRY_WINDOW", "9s");
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = command.serve();
    let first = serving.client().login("ada", PASSWORD).ok();
    let refresh = |agent: &str| {
        let headers = [("content-type", "application/json"), ("user-agent", agent)];
        let body = json!({"refresh_token": first["refresh_token"]}).to_string();
        serving.client().send("POST", "/v1/tokens/refresh", &headers, body.as_bytes()).ok()
    };
    refresh("Owner/1.0");
    std::thread::sleep(Duration::from_secs(2));
    refresh("Thief/1.0");
    loop {
        let line = serving.wait_for_log("security event");
        if line["event"] == "session_shared" {
            assert_eq!((&line["level"], &line["detail"]), (&json!("warn"), &json!("generation 1, strange")), "{line}");
            break;
        }
    }
}
