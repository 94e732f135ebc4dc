//! Mails to users: which change causes which, in which language, and what is in them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::mail::{Mail, Mailing};
use crate::support::totp::{Enrolled, challenge, enrol, go_on};
use crate::support::{Answer, Engine, PASSWORD, TestApp};
use tokensmith::internals::metrics::Present;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::model::language::Language;
use tokensmith::internals::model::mail::{Factor, Mail as Kind};
use tokensmith::internals::model::user::User;
use tokensmith::internals::service::mail::message;

both_engines!(
    a_mail_is_one_finished_file_that_only_its_owner_reads,
    the_first_login_and_those_from_known_networks_cause_no_mail,
    a_login_from_a_new_network_is_told_once,
    a_changed_password_is_told,
    a_password_that_an_administrator_sets_is_told_without_the_administrators_address,
    second_factors_that_come_and_go_are_told,
    wrong_codes_are_told_once_for_each_five,
    a_reused_refresh_token_is_told_once,
    a_mail_is_in_the_language_of_the_request,
    without_mail_nothing_is_written,
    a_user_without_an_address_gets_no_mail,
    a_change_goes_on_if_the_outbox_is_full,
    a_change_goes_on_if_the_mail_cannot_be_encrypted,
    the_outbox_shows_neither_addresses_nor_links,
    what_ends_a_line_never_gets_into_a_header,
    every_mail_is_whole_in_every_language,
);

fn login_from(app: &TestApp, ip: &str, language: &str) -> Answer {
    let body = json!({"username": "ada", "password": PASSWORD, "label": "my <laptop>"}).to_string();
    let headers = [("content-type", "application/json"), ("x-forwarded-for", ip), ("accept-language", language)];
    app.send("POST", "/v1/tokens", &headers, body.as_bytes())
}

const BEHIND_A_PROXY: &[(&str, &str)] = &[("TRUSTED_PROXIES", "127.0.0.1")];

/// The one mail, which goes to ada.
fn one(mails: Vec<Mail>) -> Mail {
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = mails.into_iter().next().unwrap();
    assert_eq!(mail.to(), "ada@example.com");
    mail
}

fn a_mail_is_one_finished_file_that_only_its_owner_reads(engine: Engine) {
    let mailing = Mailing::start(engine);
    change_password(&mailing.app, &mailing.app.logged_in("ada"));
    let files = mailing.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0].extension().unwrap(), "eml");
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let mail = one(mailing.take());
    let id = files[0].file_stem().unwrap().to_str().unwrap();
    assert_eq!(mail.headers["message-id"], format!("<{id}@example.org>"));
    assert_eq!(mail.headers["date"], "Fri, 15 Jan 2027 08:00:00 +0000");
    assert_eq!(mail.headers["from"], "tokensmith <id@example.org>");
    assert_eq!(mail.headers["auto-submitted"], "auto-generated");
    assert_eq!(mail.subject(), "Your password was changed – tokensmith");
    assert!(mail.text.contains("Account: ada\nTime: 2027-01-15 08:00:00 UTC\nIP address: 127.0.0.1\n"), "{mail:?}");
}

fn the_first_login_and_those_from_known_networks_cause_no_mail(engine: Engine) {
    let mailing = Mailing::start_with(engine, BEHIND_A_PROXY);
    mailing.app.create_user("ada", &[]);
    for ip in ["198.51.100.7", "198.51.100.7"] {
        login_from(&mailing.app, ip, "en").ok();
    }
    assert_eq!(mailing.files().len(), 0);
}

fn a_login_from_a_new_network_is_told_once(engine: Engine) {
    let mailing = Mailing::start_with(engine, BEHIND_A_PROXY);
    mailing.app.create_user("ada", &[]);
    login_from(&mailing.app, "198.51.100.7", "en").ok();
    for ip in ["2001:db8::1", "2001:db8::2"] {
        login_from(&mailing.app, ip, "en").ok();
    }
    let mail = one(mailing.take());
    assert_eq!(mail.subject(), "New login – tokensmith");
    assert!(mail.text.contains("Device: my <laptop>\n"), "{}", mail.text);
    assert!(mail.text.contains("IP address: 2001:db8::1\n"), "{}", mail.text);
    assert!(mail.html.contains("my &#60;laptop&#62;"), "{}", mail.html);
}

fn change_password(app: &TestApp, pair: &Value) {
    let body = json!({"current_password": PASSWORD, "new_password": "another horse battery staple"});
    let changed = app.ask_as("POST", "/v1/me/password", pair, Some(&body));
    assert!((200..300).contains(&changed.status), "{changed:?}");
}

fn a_changed_password_is_told(engine: Engine) {
    let mailing = Mailing::start(engine);
    let pair = mailing.app.logged_in("ada");
    let wrong = json!({"current_password": "not the password", "new_password": "another horse battery staple"});
    mailing.app.ask_as("POST", "/v1/me/password", &pair, Some(&wrong)).problem(403, "wrong_password");
    assert_eq!(mailing.files().len(), 0, "nothing was changed");
    change_password(&mailing.app, &pair);
    assert!(one(mailing.take()).text.contains("The password of your account at tokensmith was changed."));
}

fn a_password_that_an_administrator_sets_is_told_without_the_administrators_address(engine: Engine) {
    let mailing = Mailing::start(engine);
    let (app, ada) = (&mailing.app, mailing.app.create_user("ada", &[]));
    let admin = app.create_user("boss", &["admin"]);
    let pair = app.login("boss", PASSWORD).ok();
    let body = json!({"password": "another horse battery staple"});
    let set = app.ask_as("POST", &format!("/v1/admin/users/{}/password", ada.id), &pair, Some(&body));
    assert!((200..300).contains(&set.status), "{set:?} {admin:?}");
    let mail = one(mailing.take());
    assert!(mail.text.contains("An administrator has set a new password"), "{}", mail.text);
    assert!(!mail.text.contains("IP address"), "{}", mail.text);
}

fn second_factors_that_come_and_go_are_told(engine: Engine) {
    let mailing = Mailing::start(engine);
    let app = &mailing.app;
    let pair = app.logged_in("ada");
    enrol(app, &pair);
    assert_eq!(one(mailing.take()).subject(), "An authenticator app was set up – tokensmith");
    assert_eq!(app.ask_as("DELETE", "/v1/me/totp", &pair, None).status, 204);
    assert_eq!(one(mailing.take()).subject(), "The authenticator app was removed – tokensmith");
    enrol(app, &pair);
    mailing.take();
    app.create_user("boss", &["admin"]);
    let boss = app.login("boss", PASSWORD).ok();
    let id = app.me(&pair).ok()["id"].as_str().unwrap().to_owned();
    let reset = app.ask_as("DELETE", &format!("/v1/admin/users/{id}/totp"), &boss, None);
    assert_eq!(reset.status, 204, "{reset:?}");
    assert!(one(mailing.take()).text.contains("An administrator has removed all second factors"));
}

fn wrong_codes_are_told_once_for_each_five(engine: Engine) {
    let mailing = Mailing::start(engine);
    let app = &mailing.app;
    let Enrolled { .. } = crate::support::totp::enrolled(app, "ada", &[]);
    mailing.take();
    for wrong in 1..=5 {
        assert_eq!(mailing.files().len(), 0, "after {} wrong codes", wrong - 1);
        go_on(app, &challenge(app, "ada"), "000000").problem(401, "wrong_otp");
    }
    assert_eq!(one(mailing.take()).subject(), "Wrong codes at your login – tokensmith");
    go_on(app, &challenge(app, "ada"), "000000").problem(429, "too_many_failures");
    app.advance(300);
    go_on(app, &challenge(app, "ada"), "000000").problem(401, "wrong_otp");
    assert_eq!(mailing.files().len(), 0, "not for each");
}

fn a_reused_refresh_token_is_told_once(engine: Engine) {
    let mailing = Mailing::start(engine);
    let app = &mailing.app;
    let first = app.logged_in("ada");
    app.advance(20);
    let second = app.refresh(&first["refresh_token"]).ok();
    app.advance(200);
    app.refresh(&second["refresh_token"]).ok();
    app.refresh(&first["refresh_token"]).problem(401, "refresh_token_reused");
    app.refresh(&first["refresh_token"]).problem(401, "session_ended");
    assert_eq!(one(mailing.take()).subject(), "One of your sessions was ended – tokensmith");
}

fn a_mail_is_in_the_language_of_the_request(engine: Engine) {
    let mailing = Mailing::start_with(engine, &[BEHIND_A_PROXY, &[("PAGE_NAME", "Müller & Söhne")]].concat());
    mailing.app.create_user("ada", &[]);
    for (ip, language, subject) in [
        ("198.51.100.1", "de", None),
        ("198.51.100.2", "de-AT, en;q=0.5", Some("Neue Anmeldung – Müller & Söhne")),
        ("198.51.100.3", "es", Some("Nuevo inicio de sesión – Müller & Söhne")),
        ("198.51.100.4", "fr", Some("New login – Müller & Söhne")),
    ] {
        login_from(&mailing.app, ip, language).ok();
        let mails = mailing.take();
        assert_eq!(mails.first().map(Mail::subject), subject);
        if let Some(mail) = mails.first() {
            assert!(mail.headers["from"].contains("Müller & Söhne"), "{mail:?}");
            assert!(mail.html.contains("Müller &#38; Söhne"), "{mail:?}");
        }
    }
}

fn without_mail_nothing_is_written(engine: Engine) {
    let app = TestApp::start(engine);
    change_password(&app, &app.logged_in("ada"));
    assert_eq!(app.number("select count(*) from outbox"), 0);
    assert_eq!(app.inside.outbox.send_due("mail").unwrap(), 0);
}

fn a_user_without_an_address_gets_no_mail(engine: Engine) {
    let mailing = Mailing::start(engine);
    let pair = mailing.app.logged_in("ada");
    mailing.app.execute("update users set email = null");
    change_password(&mailing.app, &pair);
    assert_eq!(mailing.files().len(), 0);
}

fn a_change_goes_on_if_the_outbox_is_full(engine: Engine) {
    let mailing = Mailing::start(engine);
    let pair = mailing.app.logged_in("ada");
    let id = match engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    mailing.app.execute(&format!(
        "insert into outbox (id, kind, payload, created_at, expires_at, due_at, attempts) \
         with recursive n (i) as (select 1 union all select i + 1 from n where i < 10000) \
         select {id}, 'mail', '', 0, 0, 0, 0 from n"
    ));
    change_password(&mailing.app, &pair);
    assert_eq!(mailing.app.number("select count(*) from outbox"), 10_000);
    let counted = mailing.app.inside.metrics.encode(Present::default()).unwrap();
    assert!(counted.contains("tokensmith_outbox_messages_total{name=\"full\"} 1"), "{counted}");
}

fn a_change_goes_on_if_the_mail_cannot_be_encrypted(engine: Engine) {
    let mailing = Mailing::start(engine);
    let pair = mailing.app.logged_in("ada");
    // The newest key is the one that encrypts.
    fs::write(mailing.app.keys_dir().join("data-99991231T000000Z-00000000.key"), "damaged").unwrap();
    change_password(&mailing.app, &pair);
    assert_eq!(mailing.files().len(), 0);
    let counted = mailing.app.inside.metrics.encode(Present::default()).unwrap();
    assert!(counted.contains("tokensmith_outbox_messages_total{name=\"unwritten\"} 1"), "{counted}");
}

/// Writes a mail to the outbox, as if a use case had.
fn enqueue(app: &TestApp, user: &User, kind: &Kind, language: Language) {
    let mut origin = Origin::default();
    origin.language = language;
    let message = message(&app.inside, user, kind, &origin).unwrap().unwrap();
    let ((), _no_effects) = app.inside.store.write_unit(|tx| tx.enqueue(&message)).unwrap();
}

fn the_outbox_shows_neither_addresses_nor_links(engine: Engine) {
    let mailing = Mailing::start(engine);
    let (app, ada) = (&mailing.app, mailing.app.create_user("ada", &[]));
    let link = "https://id.example.com/password-reset/a-secret".to_owned();
    enqueue(app, &ada, &Kind::ResetPassword { link: link.clone(), code: "ABCD-EFGH".to_owned() }, Language::English);
    let shown = "payload like '%ada@example%' or payload like '%a-secret%' or payload like '%ABCD-EFGH%'";
    assert_eq!(app.number(&format!("select count(*) from outbox where {shown}")), 0);
    assert_eq!(app.number("select count(*) from outbox where payload like '2%-%.%'"), 1, "it names its data key");
    let mail = one(mailing.take());
    assert!(mail.text.contains(&link) && mail.text.contains("ABCD-EFGH"), "{}", mail.text);
}

fn what_ends_a_line_never_gets_into_a_header(engine: Engine) {
    let evil = "Evil\r\nBcc: eve@example.com\r\n\r\nbody\u{2028}x";
    let mailing = Mailing::start_with(engine, &[("PAGE_NAME", evil)]);
    let (app, mut ada) = (&mailing.app, mailing.app.create_user("ada", &[]));
    let device = Some(evil.to_owned());
    enqueue(app, &ada, &Kind::NewDevice { device }, Language::English);
    let mail = one(mailing.take());
    assert!(!mail.headers.contains_key("bcc"), "{mail:?}");
    assert_eq!(mail.headers["from"], "Evil  Bcc: eve@example.com    body x <id@example.org>");
    assert!(mail.subject().starts_with("New login – Evil  Bcc: eve@example.com"), "{mail:?}");
    // The rules for names and addresses refuse them, but an earlier version may have stored what is refused now.
    for address in ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com>\nRCPT TO:<eve@example.com", "a b@c"] {
        app.execute(&format!("update users set email = '{address}'"));
        ada.email = Some(stored_email(app, &ada));
        ada.verified_email = Some(address.to_lowercase());
        enqueue(app, &ada, &Kind::PasswordChanged, Language::English);
        assert_eq!(mailing.files().len(), 0, "{address}");
        assert_eq!(app.number("select count(*) from outbox"), 0, "{address}: it is given up");
    }
}

/// An address as the service reads it from the database.
fn stored_email(app: &TestApp, user: &User) -> tokensmith::internals::model::user::Email {
    let found = tokensmith::internals::service::users::find(&app.inside, user.id).unwrap();
    found.email.unwrap()
}

fn every_mail_is_whole_in_every_language(engine: Engine) {
    let mailing = Mailing::start(engine);
    let (app, ada) = (&mailing.app, mailing.app.create_user("ada", &[]));
    let (link, code) = ("https://id.example.com/x/y?a=1&b=2".to_owned(), "ABCD-EFGH".to_owned());
    let kinds = [
        Kind::VerifyAddress { link: link.clone(), code: code.clone() },
        Kind::ResetPassword { link, code },
        Kind::AddressChanged { old: ada.email.clone(), new: "ada@example.net".parse().ok() },
        Kind::NewDevice { device: Some("Firefox".to_owned()) },
        Kind::PasswordChanged,
        Kind::FactorAdded(Factor::App),
        Kind::FactorAdded(Factor::Passkey),
        Kind::FactorRemoved(Factor::App),
        Kind::FactorRemoved(Factor::Passkey),
        Kind::FactorsReset,
        Kind::ManyWrongCodes,
        Kind::RefreshTokenReused,
    ];
    let mut subjects = std::collections::BTreeSet::new();
    for language in [Language::English, Language::German, Language::Spanish] {
        for kind in &kinds {
            enqueue(app, &ada, kind, language);
            let mail = one(mailing.take());
            for form in [&mail.text, &mail.html] {
                assert!(!form.contains(['{', '}']) && form.contains("tokensmith"), "{mail:?}");
                assert!(!form.contains("<img") && !form.contains("url("), "{mail:?}");
            }
            assert!(mail.html.contains(mail.subject().split(" – ").next().unwrap()), "{mail:?}");
            let has_link = mail.text.contains("https://id.example.com/x/y?a=1&b=2\n");
            assert_eq!(has_link, mail.html.contains("href=\"https://id.example.com/x/y?a=1&#38;b=2\""), "{mail:?}");
            subjects.insert(mail.subject().to_owned());
        }
    }
    assert_eq!(subjects.len(), 3 * kinds.len());
}
