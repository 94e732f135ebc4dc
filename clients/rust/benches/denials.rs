//! The cost of a long denylist for verifying access tokens: verifications per second, the longest verification, and
//! memory.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokensmith_verifier::issuing::{AccessKeys, DeniedSet, DeniedSubject, Expected, verification_keys_of_jwks};
use tokensmith_verifier::testing::TestIssuer;
use tokensmith_verifier::{Clock as _, Jti, Seconds, SessionId, SystemClock, Timestamp};

const ISSUER: &str = "https://id.test";
const AUDIENCE: &str = "https://api.test";
const USER: &str = "019a0000-0000-7000-8000-000000000001";
const DENIALS: u64 = 1_000_000;

/// How long each row is measured.
const MEASURED: Duration = Duration::from_secs(3);

/// A name without a pattern: the steps of `SplitMix64`.
fn name(number: u64) -> [u8; 16] {
    let mixed = |seed: u64| {
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_be_bytes()
    };
    [mixed(2 * number + 1), mixed(2 * number + 2)].concat().try_into().unwrap()
}

fn deny(set: &DeniedSet, until: Timestamp) {
    for number in 0..DENIALS {
        let subject = match number % 2 {
            0 => DeniedSubject::Session(SessionId::from_bytes(name(number))),
            _ => DeniedSubject::AccessToken(Jti::from_bytes(name(number))),
        };
        set.insert(subject, until);
    }
}

/// The memory of the process, in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.unwrap_or(f64::NAN) / 1_024.0
}

/// Verifies while something else is done repeatedly.
fn measure(name: &str, set: &DeniedSet, verify: &(dyn Fn() + Sync), meanwhile: &(dyn Fn() + Sync)) {
    let (stop, begun) = (AtomicBool::new(false), Instant::now());
    let (mut count, mut longest) = (0_u32, Duration::ZERO);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                meanwhile();
            }
        });
        while begun.elapsed() < MEASURED {
            let begun = Instant::now();
            verify();
            longest = longest.max(begun.elapsed());
            count += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    let rate = f64::from(count) / begun.elapsed().as_secs_f64() / 1_000.0;
    let longest = longest.as_secs_f64() * 1_000.0;
    println!("| {name} | {} | {rate:.0} | {longest:.2} | {:.0} |", set.len(), memory());
}

fn main() {
    let issuer = TestIssuer::new(ISSUER, AUDIENCE).unwrap();
    let keys = AccessKeys::new(verification_keys_of_jwks(issuer.jwks()).unwrap(), 1024 * 1024);
    let token = issuer.token(USER).sign().unwrap();
    let audiences = [AUDIENCE.to_owned()];
    let expected = Expected { issuer: ISSUER, audiences: &audiences, leeway: Seconds::ZERO };
    let set = DeniedSet::default();
    let now = SystemClock.now();
    let verify = || {
        let claims = keys.verify(black_box(&token), expected, now).unwrap();
        assert!(!claims.is_denied(&set));
    };
    let idle = || std::thread::sleep(Duration::from_millis(20));
    println!("| meanwhile | denials | thousand verified/s | longest ms | memory MiB |\n|---|---|---|---|---|");
    measure("nothing", &set, &verify, &idle);
    measure("a million is taken up", &set, &verify, &|| deny(&set, now + Seconds(300)));
    measure("nothing", &set, &verify, &idle);
    measure("cleaned without a pause", &set, &verify, &|| set.forget(now));
    measure("cleaned 5 times in a second", &set, &verify, &|| {
        set.forget(now);
        std::thread::sleep(Duration::from_millis(200));
    });
    measure("a million goes", &set, &verify, &|| set.forget(now + Seconds(300)));
    measure("nothing", &set, &verify, &idle);
}
