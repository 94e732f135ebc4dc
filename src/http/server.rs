//! The HTTP server: the routes, the layers around them, and its limits.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use actix_web::{App as ActixApp, HttpServer, rt, web};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::api::docs::Description;
use super::audience::AUDIENCES;
use super::extract::{MAX_BODY_BYTES, ProxyWarnings};
use super::metrics;
use super::observe::{RequestIds, observe};
use super::openapi::{Described, openapi};
use super::routes;
use crate::app::App;
use crate::clock::Seconds;
use crate::error::root_cause;
use crate::model::compat::Compat;
use crate::service::keys;

/// Threads of one worker that wait for the database or for password hashes, started when needed. There are more of them
/// than logins that may wait for a hash, so that logins cannot take all of them.
const BLOCKING_THREADS: usize = 256;

/// Connections that wait to be accepted; actix-web's default.
const BACKLOG: i32 = 2_048;

/// How much of a response the kernel buffers if the client does not read it. By default it would be some megabytes. The
/// kernel doubles this value for its own bookkeeping.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// The kernel asks a client that has been silent for this long whether it is still there, and asks again until then.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// After the last request is handled, the process ends within this time, even if a database or a disk hangs. A log that is not
/// read may take another second.
const MAX_EXIT_TIME: Duration = Duration::from_secs(4);

/// Serves until SIGTERM or SIGINT, and then finishes the requests in progress. After that the process ends within 5
/// seconds. `ready` is called with the address when the port is bound; its error ends the service.
pub(crate) fn serve<E: From<io::Error>>(
    app: Arc<App>,
    ready: impl FnOnce(SocketAddr) -> Result<(), E>,
) -> Result<(), E> {
    allow_open_files();
    rt::System::new().block_on(async {
        let config = &app.config;
        let listen = config.listen;
        let most = span(config.shutdown_timeout) + MAX_EXIT_TIME;
        let named = |error: io::Error| io::Error::new(error.kind(), format!("LISTEN {listen}: {error}"));
        let stopping = Arc::clone(&app);
        rt::spawn(reload_on_hangup(signal(SignalKind::hangup())?, Arc::clone(&app)));
        let app = web::Data::from(app);
        let (server, address) = bind(app.clone()).map_err(named)?;
        let metrics = bind_metrics(app)?;
        let handle = server.handle();
        stop_on_signals(most, move || {
            log::info!("stopping: the requests in progress are finished first");
            stopping.denylist.stop_waiting();
            drop(handle.stop(true));
        })?;
        ready(address)?;
        let metrics_handle = metrics.as_ref().map(Server::handle);
        if let Some(metrics) = metrics {
            rt::spawn(metrics);
        }
        server.await?;
        end_within(MAX_EXIT_TIME);
        if let Some(metrics) = metrics_handle {
            metrics.stop(false).await;
        }
        Ok(())
    })
}

/// Each connection is an open file, and most systems allow 1024 at first: raises that limit as far as the system lets us.
fn allow_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        log::info!(cause = error.to_string(); "cannot raise the limit of open files");
    }
}

/// Waits for the signals that stop the service, on a thread of its own that nothing can block. The first signal calls
/// `stop`. A second signal ends the process at once, and so does a delay of `most` after the first one.
fn stop_on_signals(most: Duration, stop: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let (started, listening) = channel();
    let follow = async move || -> io::Result<()> {
        // actix-web's own handler drops requests in progress on SIGINT.
        let [mut terminate, mut interrupt] = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
        let mut asked_to_stop = async || {
            poll_fn(|context| match terminate.poll_recv(context) {
                Poll::Ready(signal) => Poll::Ready(signal),
                Poll::Pending => interrupt.poll_recv(context),
            })
            .await
        };
        let _nobody_listens = started.send(Ok(()));
        asked_to_stop().await;
        stop();
        match rt::time::timeout(most, asked_to_stop()).await {
            Ok(_signal) => log::warn!("stopping at once"),
            Err(_elapsed) => log::warn!("stopping although something still hangs"),
        }
        log::logger().flush();
        std::process::exit(1)
    };
    std::thread::spawn(move || rt::Runtime::new().and_then(|runtime| runtime.block_on(follow())));
    // A thread that ended early could not listen.
    listening.recv().unwrap_or_else(|_gone| Err(io::Error::other("cannot listen for signals")))
}

/// Ends the process after this time, even if something hangs. All requests are finished by then.
fn end_within(limit: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        log::warn!("stopped although something still hangs");
        log::logger().flush();
        std::process::exit(0)
    });
}

/// Serves only metrics on `METRICS_LISTEN`, if it is set.
fn bind_metrics(app: web::Data<App>) -> io::Result<Option<Server>> {
    let config = app.config.clone();
    let Some(address) = config.metrics_listen else { return Ok(None) };
    let service = move || ActixApp::new().app_data(app.clone()).route("/metrics", web::get().to(metrics::metrics));
    let named = |error: io::Error| io::Error::new(error.kind(), format!("METRICS_LISTEN {address}: {error}"));
    let listener = listen(address, span(config.request_timeout)).map_err(named)?;
    let address = listener.local_addr()?;
    let server = HttpServer::new(service)
        .workers(1)
        .client_request_timeout(span(config.request_timeout))
        .keep_alive(span(config.keep_alive_timeout))
        .disable_signals()
        .listen(listener)?;
    log::info!(address:% = address; "serving metrics");
    Ok(Some(server.run()))
}

/// Listens on an address. The socket is created here because accepted connections inherit its options: the buffer size,
/// keep-alive probes ([RFC 9293 section 3.8.4](https://www.rfc-editor.org/rfc/rfc9293#section-3.8.4)) and (on Linux)
/// `TCP_USER_TIMEOUT` ([RFC 5482](https://www.rfc-editor.org/rfc/rfc5482)). A client that reads nothing of a response
/// for that long is disconnected, and its buffers are freed. A client that keeps reading a few bytes is not
/// disconnected. One that has disappeared is noticed, even if nothing is to be sent to it.
fn listen(address: SocketAddr, patience: Duration) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(&socket, patience.as_millis().try_into().unwrap_or(u32::MAX))?;
    sockopt::set_socket_keepalive(&socket, true)?;
    sockopt::set_tcp_keepidle(&socket, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(&socket, PROBE_AGAIN_AFTER)?;
    sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER_BYTES)?;
    net::bind(&socket, &address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

fn span(Seconds(seconds): Seconds) -> Duration {
    Duration::from_secs(seconds.try_into().unwrap_or(0))
}

/// Reads the keys again at SIGHUP.
async fn reload_on_hangup(mut hangup: Signal, app: Arc<App>) {
    while poll_fn(|context| hangup.poll_recv(context)).await.is_some() {
        let app = Arc::clone(&app);
        match web::block(move || keys::reload(&app)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!(cause = root_cause(&error); "cannot reload the signing keys"),
            Err(panicked) => log::error!(cause = panicked.to_string(); "cannot reload the signing keys"),
        }
    }
}

/// Listens on the configured address. Returns the server, which must be awaited, and the bound address.
pub fn bind(app: web::Data<App>) -> io::Result<(Server, SocketAddr)> {
    let config = app.config.clone();
    let listener = listen(config.listen, span(config.request_timeout))?;
    let address = listener.local_addr()?;
    let request_ids = web::Data::new(RequestIds::new(app.entropy.bytes().map_err(io::Error::other)?));
    let proxy_warnings = web::Data::new(ProxyWarnings::default());
    let verifier = web::Data::new(app.verifier.clone());
    let (audiences, scopes) = (config.audiences.names().to_vec(), config.scopes.names().to_vec());
    let compat = (config.compat == Compat::SimpleJwt).then(|| config.compat_prefix.clone());
    let described = Described { audiences, scopes, basic_auth: config.basic_auth, compat: compat.clone() };
    let description = web::Data::new(Description::new(Box::new(move || openapi(&described).to_string().into())));
    let server = HttpServer::new(move || {
        let service = ActixApp::new()
            .app_data(app.clone())
            .app_data(request_ids.clone())
            .app_data(proxy_warnings.clone())
            .app_data(verifier.clone())
            .app_data(description.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY_BYTES));
        let mounted = AUDIENCES.iter().filter_map(|audience| Some((audience, audience.mounted_at(compat.as_deref())?)));
        let service =
            mounted.fold(service, |service, (audience, prefix)| service.service(routes::scope(audience, &prefix)));
        service.default_service(web::to(routes::not_found)).wrap(from_fn(observe))
    })
    .client_request_timeout(span(config.request_timeout))
    .keep_alive(span(config.keep_alive_timeout))
    .shutdown_timeout(span(config.shutdown_timeout).as_secs())
    .worker_max_blocking_threads(BLOCKING_THREADS)
    .disable_signals()
    .listen(listener)?;
    Ok((server.run(), address))
}
