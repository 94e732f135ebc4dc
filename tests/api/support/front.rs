//! An HTTP server between a verifier and an issuer. It counts requests and responds as the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::client::{Answer, Client};
use super::running::Running;

type Behaviour = Arc<dyn Fn(&str) -> Option<Answer> + Send + Sync>;

/// The server. Its answers may be changed while it runs.
pub struct Front {
    pub base: String,
    shared: Arc<Shared>,
    _running: Running,
}

struct Shared {
    /// `None` is a 503.
    behaviour: Mutex<Behaviour>,
    counts: Mutex<HashMap<String, usize>>,
}

impl Front {
    pub fn start(behaviour: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { behaviour: Mutex::new(Arc::new(behaviour)), counts: Mutex::default() });
        let data = web::Data::from(Arc::clone(&shared));
        let running = Running::start(move |config| {
            config.app_data(data.clone()).default_service(web::to(answer));
        });
        Self { base: running.base.clone(), shared, _running: running }
    }

    /// Passes everything on to a service.
    pub fn of(client: Client) -> Self {
        Self::start(move |path| Some(client.get(path)))
    }

    pub fn now_answers(&self, behaviour: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) {
        *self.shared.behaviour.lock().unwrap() = Arc::new(behaviour);
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.shared.counts.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

async fn answer(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    *shared.counts.lock().unwrap().entry(request.path().to_owned()).or_default() += 1;
    let path = request.uri().to_string();
    let behaviour = Arc::clone(&shared.behaviour.lock().unwrap());
    let answer = web::block(move || behaviour(&path)).await.unwrap();
    let Some(answer) = answer else { return HttpResponse::ServiceUnavailable().finish() };
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap());
    for name in ["cache-control", "etag", "age", "content-type"] {
        if !answer.header(name).is_empty() {
            response.insert_header((name, answer.header(name)));
        }
    }
    response.body(answer.body)
}
