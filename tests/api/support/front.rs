//! What stands between a verifier and an issuer: an HTTP server that counts, and answers as the test says.

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::rt::System;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

use super::client::{Answer, Client};

type Behaviour = Box<dyn Fn(&str) -> Option<Answer> + Send>;

/// The server. Its answers may be changed while it runs.
pub struct Front {
    pub base: String,
    shared: Arc<Shared>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// `None` is a 503.
    behaviour: Mutex<Behaviour>,
    counts: Mutex<HashMap<String, usize>>,
}

impl Front {
    pub fn start(behaviour: impl Fn(&str) -> Option<Answer> + Send + 'static) -> Self {
        let shared = Arc::new(Shared { behaviour: Mutex::new(Box::new(behaviour)), counts: Mutex::default() });
        let data = web::Data::from(Arc::clone(&shared));
        let (started, running) = channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async {
                let app = move || App::new().app_data(data.clone()).default_service(web::to(answer));
                let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                started.send((server.handle(), address)).unwrap();
                server.await.unwrap();
            });
        });
        let (handle, address) = running.recv().unwrap();
        Self { base: format!("http://{address}"), shared, handle, thread: Some(thread) }
    }

    /// Passes everything on to a service.
    pub fn of(client: Client) -> Self {
        Self::start(move |path| Some(client.get(path)))
    }

    pub fn now_answers(&self, behaviour: impl Fn(&str) -> Option<Answer> + Send + 'static) {
        *self.shared.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// How often a path was asked for.
    pub fn count(&self, path: &str) -> usize {
        self.shared.counts.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

async fn answer(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    *shared.counts.lock().unwrap().entry(request.path().to_owned()).or_default() += 1;
    let path = request.uri().to_string();
    let shared = shared.into_inner();
    let answer = web::block(move || (shared.behaviour.lock().unwrap())(&path)).await.unwrap();
    let Some(answer) = answer else { return HttpResponse::ServiceUnavailable().finish() };
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).unwrap());
    for name in ["cache-control", "etag", "age", "content-type"] {
        if !answer.header(name).is_empty() {
            response.insert_header((name, answer.header(name)));
        }
    }
    response.body(answer.body)
}

impl Drop for Front {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
