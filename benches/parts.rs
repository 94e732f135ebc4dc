//! The cost of the parts on one core: the judge, minting a pair, verifying tokens, a password hash, and a step of each scheme of
//! other systems' hashes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::pbkdf2;
use tempfile::TempDir;
use tokensmith::internals::app::App;
use tokensmith::internals::clock::{Clock as _, Seconds, SystemClock};
use tokensmith::internals::config::Config;
use tokensmith::internals::entropy::SystemEntropy;
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::model::grant::Live;
use tokensmith::internals::model::id::new_id;
use tokensmith::internals::model::rotation::{Presented, judge};
use tokensmith::internals::model::session::Session;
use tokensmith::internals::model::sharing::Context;
use tokensmith::internals::model::user::User;
use tokensmith::internals::password::Password;
use tokensmith::internals::secret::Secret;
use tokensmith::internals::service::pair::{Purpose, mint};
use tokensmith::internals::service::users::{self, NewUser};
use tokensmith::internals::store::IfMissing;
use tokensmith_verifier::Verifier;

fn app(dir: &TempDir, alg: &str) -> App {
    let path = |name: &str| dir.path().join(name).display().to_string();
    let config = Config::from_lookup(|name| match name {
        "DATABASE_URL" => Some(format!("sqlite://{}", path("bench.db"))),
        "KEYS_DIR" => Some(path(alg)),
        "SIGNING_ALG" => Some(alg.to_owned()),
        _ => None,
    });
    let app = App::build(config.unwrap(), IfMissing::Create, Arc::new(SystemClock), Arc::new(SystemEntropy)).unwrap();
    app.load().unwrap();
    app
}

fn user(app: &App) -> User {
    let password = Secret::new("correct horse battery staple".to_owned());
    let roles = ["editor".to_owned()];
    let new =
        NewUser { username: "ada", email: Some("ada@example.com"), name: None, roles: &roles, password: &password };
    users::create(app, &new, &Origin::default()).unwrap()
}

fn session(app: &App, user: &User) -> Session {
    let now = SystemClock.now();
    let id = new_id(now, &*app.entropy).unwrap();
    app.config.lifetimes.opened(id, user.id, now)
}

fn live(app: &App, session: Session, user: User) -> Live {
    Live { session, grant: Some(Arc::new(app.config.grant(None))), user: Arc::new(user) }
}

/// For so long each part is measured.
const MEASURED: Duration = Duration::from_secs(3);

/// A batch takes about this long, so that the clock is read rarely.
const BATCH: Duration = Duration::from_millis(1);

/// The median over the batches, which are as long as the first one says.
fn measure<T>(name: &str, part: impl Fn() -> T) {
    let batch = |calls: u32| {
        let begun = Instant::now();
        for _ in 0..calls {
            black_box(part());
        }
        begun.elapsed() / calls
    };
    let calls = (BATCH.as_nanos() / batch(10).as_nanos().max(1)).clamp(1, 100_000);
    let calls = u32::try_from(calls).unwrap();
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < MEASURED {
        times.push(batch(calls));
    }
    times.sort();
    println!("| {name} | {:.2?} |", times[times.len() / 2]);
}

fn main() {
    println!("| part | median |\n|---|---|");
    let dir = TempDir::new().unwrap();
    let app = app(&dir, "ES256");
    let user = user(&app);
    let session = session(&app, &user);
    let now = SystemClock.now();
    let rules = app.config.rotation_rules();
    let presented = Presented { generation: 1, context: Some(Context::new([0; 2], [1; 6])), is_bound: false };
    measure("judge", || judge(black_box(presented), Some(black_box(&session)), true, rules, now + Seconds(60)));
    let purpose = Purpose::find(&app, None).unwrap();
    measure("mint a pair, ES256", || mint(&app, live(&app, session, user.clone()), purpose, now).unwrap());
    let pair = mint(&app, live(&app, session, user.clone()), purpose, now).unwrap();
    let (ring, url) = (app.keys.ring(), &app.config.issuer);
    measure("verify a refresh token", || ring.verify_refresh(black_box(&pair.refresh_token), url, now).unwrap());
    let verifier = Verifier::from_jwks(ring.jwks_json(), url, url).cache_bytes(0).build().unwrap();
    measure("verify an access token, ES256", || verifier.verify(black_box(&pair.access_token)).unwrap());
    measure("verify an access token again (cache)", || app.verifier.verify(black_box(&pair.access_token)).unwrap());
    let password = Password::new(&Secret::new("correct horse battery staple".to_owned())).unwrap();
    measure("hash a password", || app.hasher.hash(&password).unwrap());
    for alg in ["EdDSA", "RS256"] {
        algorithm(alg);
    }
    schemes();
}

/// The shortest time of a step of a hash that has so many.
fn step(steps: u32, mut hash: impl FnMut()) -> f64 {
    let mut run = || {
        let begun = Instant::now();
        hash();
        begun.elapsed()
    };
    // Whatever else the machine does makes some slower, and none faster.
    (0..60).map(|_| run()).min().unwrap().as_secs_f64() / f64::from(steps)
}

/// What a step of each scheme takes, in thousandths of a block of argon2: the figures of `src/password/stored.rs`.
fn schemes() {
    let (password, salt, mut digest) = (b"correct horse battery staple", b"some salt of it ", [0; 32]);
    let params = Params::new(19_456, 2, 1, None).unwrap();
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let block = step(2 * 19_456, || {
        argon2.hash_password_into_with_memory(password, salt, &mut digest, &mut *memory).unwrap();
    });
    println!("\n| step | of a block of argon2 / 1000 |\n|---|---|");
    let tell = |name: &str, step: f64| println!("| {name} | {:.0} |", step / block * 1_000.0);
    for (name, algorithm) in [("PBKDF2-SHA256", pbkdf2::PBKDF2_HMAC_SHA256), ("PBKDF2-SHA1", pbkdf2::PBKDF2_HMAC_SHA1)]
    {
        let iterations = NonZeroU32::new(50_000).unwrap();
        let digest = &mut digest[..if name == "PBKDF2-SHA1" { 20 } else { 32 }];
        tell(name, step(50_000, || pbkdf2::derive(algorithm, iterations, salt, password, digest)));
    }
    let mut long = [0; 64];
    let iterations = NonZeroU32::new(50_000).unwrap();
    let sha512 = step(50_000, || pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, salt, password, &mut long));
    tell("PBKDF2-SHA512", sha512);
    tell(
        "bcrypt, of 2^cost",
        step(1 << 8, || drop(black_box(bcrypt::hash_with_salt_bytes(password, 8, *salt).unwrap()).to_vec())),
    );
    let params = scrypt::Params::new(14, 8, 1).unwrap();
    let scrypt = step(8 << 14, || scrypt::scrypt(password, salt, &params, &mut digest).unwrap());
    tell("scrypt, of N r p", scrypt);
}

/// What depends on the algorithm of the signing key.
fn algorithm(alg: &str) {
    let dir = TempDir::new().unwrap();
    let app = app(&dir, alg);
    let user = user(&app);
    let session = session(&app, &user);
    let now = SystemClock.now();
    let purpose = Purpose::find(&app, None).unwrap();
    measure(&format!("mint a pair, {alg}"), || mint(&app, live(&app, session, user.clone()), purpose, now).unwrap());
    let token = mint(&app, live(&app, session, user), purpose, now).unwrap().access_token;
    let url = app.config.issuer.as_str();
    let verifier = Verifier::from_jwks(app.keys.ring().jwks_json(), url, url).cache_bytes(0).build().unwrap();
    measure(&format!("verify an access token, {alg}"), || verifier.verify(black_box(&token)).unwrap());
}
