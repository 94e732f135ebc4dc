//! The server: the routes, the layers around them, and its limits.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::dev::Server;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use actix_web::{App as ActixApp, HttpServer, rt, web};

use super::extract::MOST_BODY_BYTES;
use super::handlers::metrics;
use super::observe::{RequestIds, observe};
use super::openapi::Description;
use super::routes;
use crate::app::Issuer;
use crate::clock::Seconds;
use crate::error::root_cause;
use crate::service::keys;

/// Threads of one worker that wait for the database or for password hashes. They are started when they are needed; more
/// than the logins that may wait, so that those cannot take them all.
const BLOCKING_THREADS: usize = 256;

/// Serves until SIGTERM or SIGINT, and until the requests under way are answered. `ready` is called with the address as
/// soon as the port is taken; its error ends the service.
///
/// # Errors
/// The operating system's, as when the port is taken by somebody else, or that of `ready`.
pub fn serve<E: From<io::Error>>(
    issuer: Arc<Issuer>,
    ready: impl FnOnce(SocketAddr) -> Result<(), E>,
) -> Result<(), E> {
    rt::System::new().block_on(async {
        let listen = issuer.app.config.listen;
        let named = |error: io::Error| io::Error::new(error.kind(), format!("listen {listen}: {error}"));
        let stopping = Arc::clone(&issuer);
        rt::spawn(reload_on_hangup(signal(SignalKind::hangup())?, Arc::clone(&issuer)));
        let issuer = web::Data::from(issuer);
        let (server, address) = bind(issuer.clone()).map_err(named)?;
        let metrics = bind_metrics(issuer)?;
        let [mut terminate, mut interrupt] = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        ready(address)?;
        let handle = server.handle();
        let metrics_handle = metrics.as_ref().map(Server::handle);
        if let Some(metrics) = metrics {
            rt::spawn(metrics);
        }
        // actix-web's own handler drops the requests under way on SIGINT.
        rt::spawn(async move {
            let mut asked_to_stop = async || {
                poll_fn(|context| match terminate.poll_recv(context) {
                    Poll::Ready(signal) => Poll::Ready(signal),
                    Poll::Pending => interrupt.poll_recv(context),
                })
                .await
            };
            asked_to_stop().await;
            log::info!("stopping: the requests under way are answered first");
            stopping.denylist.stop_waiting();
            drop(handle.stop(true));
            asked_to_stop().await;
            log::warn!("stopping at once");
            drop(handle.stop(false));
        });
        server.await?;
        if let Some(metrics) = metrics_handle {
            metrics.stop(false).await;
        }
        Ok(())
    })
}

/// Serves metrics, and nothing else, at their own address, if they have one.
fn bind_metrics(issuer: web::Data<Issuer>) -> io::Result<Option<Server>> {
    let Some(listen) = issuer.app.config.metrics_listen else { return Ok(None) };
    let app = move || ActixApp::new().app_data(issuer.clone()).route("/metrics", web::get().to(metrics::metrics));
    let named = |error: io::Error| io::Error::new(error.kind(), format!("METRICS_LISTEN {listen}: {error}"));
    let server = HttpServer::new(app).workers(1).disable_signals().bind(listen).map_err(named)?;
    let address = server.addrs().first().copied().unwrap_or(listen);
    log::info!(address:% = address; "serving metrics");
    Ok(Some(server.run()))
}

/// SIGHUP: the keys are read again.
async fn reload_on_hangup(mut hangup: Signal, issuer: Arc<Issuer>) {
    while poll_fn(|context| hangup.poll_recv(context)).await.is_some() {
        let issuer = Arc::clone(&issuer);
        match web::block(move || keys::reload(&issuer)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!(cause = root_cause(&error); "the signing keys cannot be read again"),
            Err(panicked) => log::error!(cause = panicked.to_string(); "the signing keys cannot be read again"),
        }
    }
}

/// Listens at the configured address; answers the server, to be awaited, and the address that it got.
///
/// # Errors
/// The operating system's, as when the port is taken.
pub fn bind(issuer: web::Data<Issuer>) -> io::Result<(Server, SocketAddr)> {
    let config = issuer.app.config.clone();
    let cors_origins = config.cors_origins.clone();
    let seconds = |Seconds(span): Seconds| u64::try_from(span).unwrap_or(0);
    let (request_timeout, shutdown_timeout) = (seconds(config.request_timeout), seconds(config.shutdown_timeout));
    let request_ids = web::Data::new(RequestIds::new(issuer.app.entropy.bytes().map_err(io::Error::other)?));
    let verifier = web::Data::new(issuer.verifier.clone());
    let description = web::Data::new(Description::default());
    let server = HttpServer::new(move || {
        ActixApp::new()
            .app_data(issuer.clone())
            .app_data(request_ids.clone())
            .app_data(verifier.clone())
            .app_data(description.clone())
            .app_data(web::PayloadConfig::new(MOST_BODY_BYTES))
            .configure(routes::configure)
            .wrap(Condition::new(!cors_origins.is_empty(), cors(&cors_origins)))
            .wrap(from_fn(observe))
    })
    .client_request_timeout(Duration::from_secs(request_timeout))
    .shutdown_timeout(shutdown_timeout)
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .disable_signals()
    .bind(config.listen)?;
    let address = server.addrs().first().copied().unwrap_or(config.listen);
    Ok((server.run(), address))
}

/// Browser apps of these origins may call every route. Never with cookies: tokens travel in headers and bodies.
fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE])
        .allowed_header("x-request-id")
        .expose_headers([RETRY_AFTER, WWW_AUTHENTICATE])
        .expose_headers(["x-request-id"])
        .max_age(3_600);
    origins
        .iter()
        .fold(cors, |cors, origin| if origin == "*" { cors.allow_any_origin() } else { cors.allowed_origin(origin) })
}
