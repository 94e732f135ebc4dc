//! The cost of the parts on one core: the judge, minting a pair, verifying tokens, a password hash.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
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
    Live { session, grant: Some(app.config.grant(None)), user }
}

fn parts(criterion: &mut Criterion) {
    let dir = TempDir::new().unwrap();
    let app = app(&dir, "ES256");
    let user = user(&app);
    let session = session(&app, &user);
    let now = SystemClock.now();
    let rules = app.config.rotation_rules();
    let presented = Presented { generation: 1, context: Some(Context::new([0; 2], [1; 6])) };
    criterion.bench_function("judge", |b| {
        b.iter(|| judge(black_box(presented), Some(black_box(&session)), true, rules, now + Seconds(60)));
    });
    let purpose = Purpose::find(&app, None).unwrap();
    criterion.bench_function("mint a pair, ES256", |b| {
        b.iter_batched(
            || user.clone(),
            |user| mint(&app, live(&app, session, user), purpose, now).unwrap(),
            BatchSize::SmallInput,
        );
    });
    let pair = mint(&app, live(&app, session, user.clone()), purpose, now).unwrap();
    let (ring, url) = (app.keys.ring(), &app.config.issuer);
    criterion.bench_function("verify a refresh token", |b| {
        b.iter(|| ring.verify_refresh(black_box(&pair.refresh_token), url, now).unwrap());
    });
    let verifier = Verifier::from_jwks(ring.jwks_json(), url, url).cache_bytes(0).build().unwrap();
    criterion.bench_function("verify an access token, ES256", |b| {
        b.iter(|| verifier.verify(black_box(&pair.access_token)).unwrap());
    });
    criterion.bench_function("verify an access token again (cache)", |b| {
        b.iter(|| app.verifier.verify(black_box(&pair.access_token)).unwrap());
    });
    let password = Password::new(&Secret::new("correct horse battery staple".to_owned())).unwrap();
    let mut hashing = criterion.benchmark_group("password");
    hashing.sample_size(20);
    hashing.bench_function("hash a password", |b| b.iter(|| app.hasher.hash(&password).unwrap()));
}

fn algorithms(criterion: &mut Criterion) {
    for alg in ["EdDSA", "RS256"] {
        let dir = TempDir::new().unwrap();
        let app = app(&dir, alg);
        let user = user(&app);
        let session = session(&app, &user);
        let now = SystemClock.now();
        let purpose = Purpose::find(&app, None).unwrap();
        criterion.bench_function(&format!("mint a pair, {alg}"), |b| {
            b.iter_batched(
                || user.clone(),
                |user| mint(&app, live(&app, session, user), purpose, now).unwrap(),
                BatchSize::SmallInput,
            );
        });
        let token = mint(&app, live(&app, session, user), purpose, now).unwrap().access_token;
        let url = app.config.issuer.as_str();
        let jwks = app.keys.ring().jwks_json().to_owned();
        let verifier = Verifier::from_jwks(&jwks, url, url).cache_bytes(0).build().unwrap();
        criterion.bench_function(&format!("verify an access token, {alg}"), |b| {
            b.iter(|| verifier.verify(black_box(&token)).unwrap());
        });
    }
}

criterion_group!(benches, parts, algorithms);
criterion_main!(benches);
