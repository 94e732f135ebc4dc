//! The endpoints of simplejwt with bodies that clients seldom send: `multipart/form-data`, and odd texts and media types.

use serde_json::{Value, json};

use crate::support::simplejwt::SIMPLEJWT;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(a_form_that_may_have_files_logs_in, what_python_takes_for_white_space_is_no_part_of_a_text);

fn service(engine: Engine) -> TestApp {
    let app = TestApp::start_with(engine, &[SIMPLEJWT]);
    app.create_user("ada", &[]);
    app
}

fn send(app: &TestApp, media_type: &str, body: &[u8]) -> Answer {
    app.send("POST", "/api/token/", &[("content-type", media_type)], body)
}

/// A form with these fields; `more` is said of each.
fn parts(fields: &[(&str, &str)], more: &str) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    format!("{}--x--\r\n", fields.iter().map(part).collect::<String>())
}

fn a_form_that_may_have_files_logs_in(engine: Engine) {
    let app = service(engine);
    let form = |body: &str| send(&app, "multipart/form-data; boundary=x", body.as_bytes());
    let good = [("username", "ada"), ("password", PASSWORD)];
    form(&parts(&good, "")).ok();
    form(&parts(&[&[("username", "eve")], &good[..]].concat(), "")).ok();
    form(&parts(&[("username", " ada\n"), good[1], ("more", "x")], "\r\nContent-Type: text/plain; charset=utf-8")).ok();
    let wrong = json!({"detail": "No active account found with the given credentials"});
    form(&parts(&[good[0], ("password", "wrong")], "")).told(401, &wrong);
    let of_both = |text: &str| json!({"username": [text], "password": [text]});
    form("--x--\r\n").told(400, &of_both("This field is required."));
    form(&parts(&good, "; filename=\"a.txt\"")).told(400, &of_both("Not a valid string."));
    form(&parts(&good, "; filename=\"\"")).told(400, &of_both("This field is required."));
    form(&parts(&[("username", ""), good[1]], "")).told(400, &json!({"username": ["This field may not be blank."]}));
    assert_eq!(app.number("select count(*) from sessions"), 3);
}

fn what_python_takes_for_white_space_is_no_part_of_a_text(engine: Engine) {
    let app = service(engine);
    app.simplejwt("", &json!({"username": "\u{1f}ada\u{1c}\u{a0}", "password": format!("\u{3000}{PASSWORD}\u{85}")}))
        .ok();
    let blank = json!({"username": ["This field may not be blank."]});
    app.simplejwt("", &json!({"username": "\u{1d}\u{1e}", "password": PASSWORD})).told(400, &blank);
}

#[test]
fn a_form_that_is_not_whole_logs_nobody_in() {
    let app = service(Engine::Sqlite);
    let good = parts(&[("username", "ada"), ("password", PASSWORD)], "");
    for (media_type, body) in [
        ("multipart/form-data", good.as_str()),
        ("multipart/form-data; boundary=y", &good),
        ("multipart/form-data; boundary=x", &good[..good.len() - 8]),
        ("multipart/form-data; boundary=x", "garbage"),
        ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data\r\n\r\nada\r\n--x--\r\n"),
    ] {
        let refused = send(&app, media_type, body.as_bytes());
        let Value::String(detail) = &refused.json()["detail"] else { panic!("{refused:?}") };
        assert!(refused.status == 400 && detail.starts_with("Multipart form parse error - "), "{refused:?}");
    }
    assert_eq!(send(&app, "multipart/form-data; boundary=x", &vec![b'x'; 70_000]).status, 413);
    assert_eq!(app.number("select count(*) from sessions"), 0);
}

#[test]
fn a_media_type_is_told_as_it_was_sent() {
    let app = service(Engine::Sqlite);
    let told = json!({"detail": "Unsupported media type \"multipart/mixed; boundary=x\" in request."});
    send(&app, "multipart/mixed; boundary=x", b"x").told(415, &told);
    let good = json!({"username": "ada", "password": PASSWORD}).to_string();
    for media_type in ["*/*", "application/*", "Application/JSON; charset=latin-1"] {
        send(&app, media_type, good.as_bytes()).ok();
    }
}
