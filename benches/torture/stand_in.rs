//! A stand-in for the service: its two routes over real HTTP, with seconds as short as one likes, and with a judge that
//! may be wrong.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header::{USER_AGENT, X_FORWARDED_FOR};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

use crate::clock::{Clock, whole};
use crate::judge::{Judge, Kind};
use crate::law::Law;
use crate::service::Service;

/// Short enough for a test, and long enough for a busy machine.
pub const SECOND: Duration = Duration::from_millis(200);

struct State {
    clock: Clock,
    judge: Mutex<Judge>,
}

/// Starts one on a thread of its own, which ends with the process.
pub fn start(kind: Kind, law: Law) -> Service {
    let clock = Clock::of_seconds(SECOND);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let state = web::Data::new(Arc::new(State { clock, judge: Mutex::new(Judge::new(kind, law)) }));
    std::thread::spawn(move || {
        let app = move || {
            App::new()
                .app_data(state.clone())
                .route("/v1/tokens", web::post().to(login))
                .route("/v1/tokens/refresh", web::post().to(refresh))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap();
        actix_web::rt::System::new().block_on(server.run()).unwrap();
    });
    Service { clock, instances: vec![address] }
}

async fn login(request: HttpRequest, state: web::Data<Arc<State>>) -> HttpResponse {
    let mut judge = state.judge.lock().unwrap_or_else(PoisonError::into_inner);
    HttpResponse::Ok().json(judge.login(context(&request), whole(state.clock.now())))
}

async fn refresh(request: HttpRequest, state: web::Data<Arc<State>>, body: web::Json<Value>) -> HttpResponse {
    let mut judge = state.judge.lock().unwrap_or_else(PoisonError::into_inner);
    let token = body["refresh_token"].as_str().unwrap_or_default();
    match judge.refresh(token, context(&request), whole(state.clock.now())) {
        Ok(pair) => HttpResponse::Ok().json(pair),
        Err(code) => HttpResponse::Unauthorized().json(json!({"code": code})),
    }
}

/// The network and the agent.
fn context(request: &HttpRequest) -> u64 {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let address: IpAddr = text(X_FORWARDED_FOR).rsplit(", ").next().unwrap().parse().unwrap();
    let network = match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[..3].to_vec(),
        IpAddr::V6(address) => address.octets()[..6].to_vec(),
    };
    BuildHasherDefault::<DefaultHasher>::default().hash_one((network, text(USER_AGENT)))
}
