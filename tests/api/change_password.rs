//! `/.well-known/change-password`: where password managers send users.

use crate::support::{Engine, TestApp};

both_engines!(
    password_managers_are_sent_to_the_page_of_the_settings,
    without_such_a_page_they_are_sent_to_the_account_pages,
    without_a_page_there_is_nothing,
);

const PATH: &str = "/.well-known/change-password";

fn password_managers_are_sent_to_the_page_of_the_settings(engine: Engine) {
    let url = "https://www.example.com/account?tab=password";
    let answer = TestApp::start_with(engine, &[("CHANGE_PASSWORD_URL", url)]).get(PATH);
    assert_eq!((answer.status, answer.header("location")), (303, url));
}

fn without_such_a_page_they_are_sent_to_the_account_pages(engine: Engine) {
    let app = TestApp::start_with(engine, &[("ISSUER", "http://127.0.0.1:8080/id")]);
    let answer = app.get(PATH);
    assert_eq!((answer.status, answer.header("location")), (303, "http://127.0.0.1:8080/id/account/password"));
}

fn without_a_page_there_is_nothing(engine: Engine) {
    TestApp::start_with(engine, &[("SESSION_COOKIES", "off")]).get(PATH).problem(404, "not_found");
}
