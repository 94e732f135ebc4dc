//! A server of the tests' own, on a thread of this process.

use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};

/// The server; it stops when this is dropped.
pub struct Running {
    pub base: String,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        let (started, running) = channel();
        let thread = std::thread::spawn(move || {
            System::new().block_on(async {
                let app = move || App::new().configure(configure.clone());
                let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
                let address = server.addrs()[0];
                let server = server.run();
                started.send((server.handle(), address)).unwrap();
                server.await.unwrap();
            });
        });
        let (handle, address) = running.recv().unwrap();
        Self { base: format!("http://{address}"), handle, thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            // A server that panicked has said so.
            let _panicked = thread.join();
        }
    }
}
