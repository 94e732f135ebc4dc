//! The figures to compare with, measured in the same run: bare actix-web endpoints, the raw cryptography, and the
//! database with one transaction per write.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use diesel::connection::SimpleConnection as _;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel::{Connection as _, PgConnection, QueryResult, QueryableByName, RunQueryDsl, SqliteConnection};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::bin_dir;
use crate::data::{Data, POSTGRES, SQLITE, one_update};

/// Serves the same responses as our own endpoints, without anything around them.
pub fn serve_bare() {
    let listen = std::env::var("LISTEN").unwrap();
    let jwks_json = std::env::var("JWKS").unwrap();
    let server = HttpServer::new(move || {
        let jwks_json = jwks_json.clone();
        App::new()
            .route("/healthz", web::get().to(HttpResponse::Ok))
            .route("/me", web::get().to(async || HttpResponse::Ok().json(IDENTITY)))
            .route("/jwks", web::get().to(move || std::future::ready(HttpResponse::Ok().body(jwks_json.clone()))))
            .route("/post", web::post().to(async |body: web::Json<Value>| HttpResponse::Ok().json(body)))
    });
    actix_web::rt::System::new().block_on(server.bind(listen).unwrap().run()).unwrap();
}

/// The response of `GET /v1/me`.
#[derive(Serialize)]
struct Identity {
    id: &'static str,
    roles: [&'static str; 1],
    session_id: &'static str,
    client_id: &'static str,
    authenticated_at: &'static str,
    expires_at: &'static str,
}

const IDENTITY: Identity = Identity {
    id: "01a2023f-2f28-79ed-b106-45a516280430",
    roles: ["editor"],
    session_id: "01a2023f-98a0-7feb-a59f-d643cc35effc",
    client_id: "first-party",
    authenticated_at: "2026-01-01T00:00:00Z",
    expires_at: "2026-01-01T00:05:00Z",
};

/// The time of one call of each, in microseconds, while all cores do the same, as under load.
pub struct Parts {
    pub es256_sign: f64,
    pub es256_verify: f64,
    pub hmac: f64,
}

impl Parts {
    pub fn measure(length: Duration) -> Self {
        const MESSAGE: [u8; 500] = [b'x'; 500];
        let es256_sign = on_all_cores(length, || {
            let (random, key) =
                (SystemRandom::new(), EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
            move || _ = key.sign(&random, &MESSAGE).unwrap()
        });
        let es256_verify = on_all_cores(length, || {
            let (random, key) =
                (SystemRandom::new(), EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
            let signature = key.sign(&random, &MESSAGE).unwrap();
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref().to_vec());
            move || public.verify(&MESSAGE, signature.as_ref()).unwrap()
        });
        let hmac = on_all_cores(length, || {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, &[b'k'; 32]);
            move || _ = hmac::sign(&secret, &MESSAGE)
        });
        Self { es256_sign, es256_verify, hmac }
    }
}

/// Password hashes per second with the default cost, on all cores and with reused memory.
pub fn argon2_rate(length: Duration) -> f64 {
    let one = on_all_cores(length, || {
        let params = Params::new(19_456, 2, 1, Some(32)).unwrap();
        let mut memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        move || {
            let hashed =
                argon2.hash_password_into_with_memory(b"password", b"somesaltsomesalt", &mut [0; 32], &mut *memory);
            hashed.unwrap();
        }
    });
    std::thread::available_parallelism().unwrap().get() as f64 * 1e6 / one
}

fn on_all_cores<F: FnMut()>(length: Duration, make: impl Fn() -> F + Sync) -> f64 {
    let cores = std::thread::available_parallelism().unwrap().get();
    let each: Vec<f64> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..cores).map(|_| scope.spawn(|| microseconds(length, make()))).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    each.iter().sum::<f64>() / cores as f64
}

fn microseconds(length: Duration, mut call: impl FnMut()) -> f64 {
    let started_at = Instant::now();
    let mut count = 0_u32;
    while started_at.elapsed() < length {
        call();
        count += 1;
    }
    started_at.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// The data directory of the database's server, which is an argument of its processes.
pub fn data_directory(url: &str) -> String {
    #[derive(QueryableByName)]
    struct Directory {
        #[diesel(sql_type = Text)]
        data_directory: String,
    }
    let mut connection = PgConnection::establish(url).unwrap();
    diesel::sql_query("show data_directory").get_result::<Directory>(&mut connection).unwrap().data_directory
}

/// Durable compare-and-set updates per second, one per transaction, by pgbench with 16 clients. `protocol` is
/// pgbench's: `simple`, its default, or `prepared`.
pub fn postgres_limit(url: &str, data: &Data, protocol: &str, dir: &Path, length: Duration) -> f64 {
    let script = dir.join("pgbench.sql");
    let update = one_update(POSTGRES, "(:i)::bigint");
    std::fs::write(&script, format!("\\set i random(0, {})\n{update};\n", data.sessions - 1)).unwrap();
    let mut pgbench = Command::new(bin_dir().unwrap().join("pgbench"));
    pgbench.args(["-n", "-c", "16", "-j", "2", "-M", protocol, "-T", &length.as_secs().max(1).to_string()]);
    let output = pgbench.arg("-f").arg(script).arg(url).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let line = report.lines().find_map(|line| line.strip_prefix("tps = "));
    line.unwrap_or_else(|| panic!("pgbench: {report}{}", String::from_utf8_lossy(&output.stderr)))
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap()
}

/// The same on SQLite, on the only connection that can write, prepared once.
pub fn sqlite_limit(path: &str, data: &Data, length: Duration) -> f64 {
    let mut connection = SqliteConnection::establish(path).unwrap();
    connection.batch_execute("pragma synchronous = full; pragma wal_autocheckpoint = 4000").unwrap();
    let mut i = 0;
    1e6 / microseconds(length, || {
        i = (i * 31 + 7) % data.sessions;
        assert_eq!(OneUpdate(i.try_into().unwrap()).execute(&mut connection).unwrap(), 1);
    })
}

/// The text is always the same, so that diesel can keep the statement.
#[derive(QueryId)]
struct OneUpdate(i64);

impl RunQueryDsl<SqliteConnection> for OneUpdate {}

impl QueryFragment<Sqlite> for OneUpdate {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // The number stands in the text three times, and is bound once.
        out.push_sql("with n(i) as (select ");
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(") ");
        out.push_sql(&one_update(SQLITE, "(select i from n)"));
        Ok(())
    }
}
