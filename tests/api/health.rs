//! `/healthz` and `/readyz`.

use crate::support::{Engine, TestApp};

both_engines!(a_service_whose_database_answers_is_alive_and_ready);

fn a_service_whose_database_answers_is_alive_and_ready(engine: Engine) {
    let app = TestApp::start(engine);
    assert_eq!(app.get("/healthz").ok()["status"], "alive");
    assert_eq!(app.get("/readyz").ok()["status"], "ready");
}
