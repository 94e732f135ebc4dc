//! `/v1/admin/invitations`: administrators invite people, who open one account each.

use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::registrations::{ask, confirm};
use crate::support::mailbox::start;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    an_invitation_gives_its_roles_once,
    an_invitation_by_mail_proves_the_address_and_one_by_hand_does_not,
    an_invitation_for_one_address_registers_no_other,
    without_mail_an_invitation_alone_opens_an_account_without_a_verified_address,
    an_invitation_is_void_when_used_expired_or_withdrawn,
    an_invitation_is_void_when_its_administrator_is_one_no_more,
    of_two_who_use_one_invitation_one_wins,
    only_an_administrator_who_has_given_the_password_invites,
    what_is_wrong_with_an_invitation_is_told,
    nobody_is_invited_where_registration_is_off,
);

const INVITE: (&str, &str) = ("REGISTRATION", "invite");

fn admin(app: &TestApp) -> Value {
    app.create_user("root", &["admin"]);
    app.login("root", PASSWORD).ok()
}

fn invite(app: &TestApp, admin: &Value, body: &Value) -> Value {
    let answer = app.ask_as("POST", "/v1/admin/invitations", admin, Some(body));
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

fn list(app: &TestApp, admin: &Value) -> Value {
    app.ask_as("GET", "/v1/admin/invitations", admin, None).ok()["invitations"].clone()
}

fn open(app: &TestApp, token: &str, username: &str) -> Answer {
    confirm(app, &json!({"token": token, "username": username, "password": PASSWORD}))
}

fn an_invitation_gives_its_roles_once(engine: Engine) {
    let (app, mails) = start(engine, &[INVITE]);
    let admin = admin(&app);
    let made = invite(&app, &admin, &json!({"roles": ["editor", "poet"]}));
    assert_eq!(made["link"], format!("https://id.example.com/invitation/{}", made["token"].as_str().unwrap()));
    assert_eq!((&made["mailed"], &made["created_by"]), (&json!(false), &admin["user"]["id"]));
    assert_eq!(made["expires_at"], "2027-01-22T08:00:00Z");
    ask(&app, &json!({"email": "ada@example.com", "invitation": made["token"]}));
    ask(&app, &json!({"email": "bob@example.com", "invitation": made["token"]}));
    let tokens: Vec<_> = mails.take(&app).iter().map(|mail| mail.link("registration").1).collect();
    let pair = open(&app, &tokens[0], "first");
    assert_eq!(pair.status, 201, "{pair:?}");
    assert_eq!(pair.json()["user"]["roles"], json!(["editor", "poet"]));
    open(&app, &tokens[1], "second").problem(401, "bad_invitation");
    let again = json!({"email": "tom@example.com", "invitation": made["token"]});
    app.post("/v1/registrations", &again).problem(401, "bad_invitation");
    let listed = list(&app, &admin);
    assert_eq!(listed[0]["used_by"], pair.json()["user"]["id"]);
    assert!(listed[0]["token"].is_null() && listed[0]["link"].is_null(), "{listed}");
    for name in ["invitation_created", "invitation_used"] {
        let events = format!(
            "select count(*) from audit_events where name = '{name}' and detail like '{}%'",
            made["id"].as_str().unwrap()
        );
        assert_eq!(app.number(&events), 1, "{name}");
    }
    assert_eq!(app.number("select length(digest) from invitations"), 32);
}

fn an_invitation_by_mail_proves_the_address_and_one_by_hand_does_not(engine: Engine) {
    let (app, mails) = start(engine, &[INVITE]);
    let admin = admin(&app);
    let made = invite(&app, &admin, &json!({"email": "ada@example.com", "roles": ["editor"]}));
    assert_eq!(made["mailed"], true);
    let mail = mails.only(&app);
    assert!(mail.to.contains("ada@example.com") && mail.subject.contains("You are invited"), "{mail:?}");
    let (_, token) = mail.link("registration");
    assert_ne!(made["token"], token);
    // Whoever was handed the link has not read the mail.
    let by_hand = json!({"invitation": made["token"], "username": "mallory", "password": PASSWORD});
    confirm(&app, &by_hand).problem(401, "bad_invitation");
    open(&app, made["token"].as_str().unwrap(), "mallory").problem(401, "bad_mail_token");
    app.advance(6 * 86_400);
    assert_eq!(confirm(&app, &json!({"token": token})).ok()["email"], "ada@example.com");
    let pair = open(&app, &token, "ada");
    assert_eq!(pair.status, 201, "{pair:?}");
    assert_eq!(pair.json()["user"]["roles"], json!(["editor"]));
    assert_eq!(app.number("select count(*) from users where verified_email = 'ada@example.com'"), 1);
}

fn an_invitation_for_one_address_registers_no_other(engine: Engine) {
    let (app, mails) = start(engine, &[INVITE]);
    let admin = admin(&app);
    let made = invite(&app, &admin, &json!({"email": "ada@example.com", "roles": ["admin"]}));
    mails.take(&app);
    let body = |email: &str| json!({"email": email, "invitation": made["token"]});
    app.post("/v1/registrations", &body("mallory@example.com")).problem(401, "bad_invitation");
    ask(&app, &body("ADA@example.com"));
    assert_eq!(open(&app, &mails.only(&app).link("registration").1, "ada").status, 201);
    assert_eq!(app.number("select count(*) from users where roles = 'admin'"), 2);
}

fn without_mail_an_invitation_alone_opens_an_account_without_a_verified_address(engine: Engine) {
    let app = TestApp::start_with(engine, &[INVITE]);
    let admin = admin(&app);
    let made = invite(&app, &admin, &json!({"email": "ada@example.com"}));
    assert_eq!(made["mailed"], false);
    let ask = json!({"email": "ada@example.com", "invitation": made["token"]});
    app.post("/v1/registrations", &ask).problem(400, "mail_off");
    let proved = confirm(&app, &json!({"invitation": made["token"]})).ok();
    assert_eq!(proved, json!({"email": "ada@example.com", "email_verified": false, "terms_url": null}));
    let body = |username: &str| json!({"invitation": made["token"], "username": username, "password": PASSWORD});
    confirm(&app, &body("root")).problem(409, "username_taken");
    assert_eq!(confirm(&app, &body("ada")).status, 201);
    confirm(&app, &body("eve")).problem(401, "bad_invitation");
    assert_eq!(app.number("select count(*) from users where email = 'ada@example.com' and verified_email is null"), 1);
}

fn an_invitation_is_void_when_used_expired_or_withdrawn(engine: Engine) {
    let (app, mails) = start(engine, &[INVITE]);
    let admin = admin(&app);
    let short = invite(&app, &admin, &json!({"email": "ada@example.com", "expires_in": 60}));
    let (_, mailed) = mails.only(&app).link("registration");
    app.advance(60);
    let body = |made: &Value| json!({"email": "ada@example.com", "invitation": made["token"]});
    app.post("/v1/registrations", &body(&short)).problem(401, "bad_invitation");
    open(&app, &mailed, "ada").problem(401, "bad_mail_token");
    let made = invite(&app, &admin, &json!({"email": "ada@example.com"}));
    let (_, mailed) = mails.only(&app).link("registration");
    ask(&app, &body(&made));
    let (_, asked) = mails.only(&app).link("registration");
    let path = format!("/v1/admin/invitations/{}", made["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    app.ask_as("DELETE", &path, &admin, None).problem(404, "invitation_unknown");
    app.post("/v1/registrations", &body(&made)).problem(401, "bad_invitation");
    for token in [mailed, asked] {
        open(&app, &token, "ada").problem(401, "bad_mail_token");
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'invitation_withdrawn'"), 1);
    app.advance(8 * 86_400);
    tokensmith::internals::service::purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from invitations"), 0);
}

fn an_invitation_is_void_when_its_administrator_is_one_no_more(engine: Engine) {
    for gone in [
        "update users set disabled_at = 1 where username = 'root'",
        "update users set roles = 'editor' where username = 'root'",
        "delete from users where username = 'root'",
    ] {
        let (app, mails) = start(engine, &[INVITE]);
        let admin = admin(&app);
        let made = invite(&app, &admin, &json!({"roles": ["admin"]}));
        let body = json!({"email": "ada@example.com", "invitation": made["token"]});
        ask(&app, &body);
        let (_, token) = mails.only(&app).link("registration");
        app.execute(gone);
        app.post("/v1/registrations", &body).problem(401, "bad_invitation");
        open(&app, &token, "ada").problem(401, "bad_invitation");
        assert_eq!(app.number("select count(*) from users where username = 'ada'"), 0, "{gone}");
        assert_eq!(app.number("select count(*) from invitations where used_at is not null"), 0, "{gone}");
    }
}

fn of_two_who_use_one_invitation_one_wins(engine: Engine) {
    let app = TestApp::start_with(engine, &[INVITE]);
    let admin = admin(&app);
    let made = invite(&app, &admin, &json!({}));
    let barrier = Arc::new(Barrier::new(2));
    let threads = ["ada", "bob"].map(|username| {
        let (client, barrier, token) = (app.another_client(), Arc::clone(&barrier), made["token"].clone());
        std::thread::spawn(move || {
            barrier.wait();
            let body = json!({"invitation": token, "username": username, "password": PASSWORD});
            client.post("/v1/registrations/confirm", &body).status
        })
    });
    let mut statuses = threads.map(|thread| thread.join().unwrap());
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401]);
    assert_eq!(app.number("select count(*) from users"), 2);
}

fn only_an_administrator_who_has_given_the_password_invites(engine: Engine) {
    let (app, _mails) = start(engine, &[INVITE]);
    let admin = admin(&app);
    let user = app.logged_in("eve");
    let asks = |pair: &Value| app.ask_as("POST", "/v1/admin/invitations", pair, Some(&json!({"roles": ["admin"]})));
    asks(&user).problem(403, "role_missing");
    app.ask_as("GET", "/v1/admin/invitations", &user, None).problem(403, "role_missing");
    app.advance(601);
    let later = app.refresh(&admin["refresh_token"]).ok();
    asks(&later).problem(401, "reauthentication_required");
    assert_eq!(app.number("select count(*) from invitations"), 0);
}

fn what_is_wrong_with_an_invitation_is_told(engine: Engine) {
    let (app, _mails) = start(engine, &[INVITE]);
    let admin = admin(&app);
    let refused = |body: &Value| app.ask_as("POST", "/v1/admin/invitations", &admin, Some(body));
    for (body, field) in [
        (json!({"roles": ["two words"]}), "roles"),
        (json!({"email": "ada"}), "email"),
        (json!({"expires_in": 0}), "expires_in"),
        (json!({"expires_in": 31_536_001}), "expires_in"),
    ] {
        assert_eq!(refused(&body).problem(400, "invalid_fields")["errors"][0]["field"], field);
    }
    refused(&json!({"email": "root@example.com"})).problem(409, "email_taken");
    // The address of an account whose user has not confirmed it, but logs in with it.
    app.create_user("ada@example.com", &[]);
    refused(&json!({"email": "Ada@Example.com"})).problem(409, "email_taken");
}

fn nobody_is_invited_where_registration_is_off(engine: Engine) {
    let (app, _mails) = start(engine, &[]);
    let admin = admin(&app);
    app.ask_as("POST", "/v1/admin/invitations", &admin, Some(&json!({}))).problem(403, "registration_off");
}
