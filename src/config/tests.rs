//! What is accepted, what is refused, and that everything wrong is said at once.

use super::*;

fn config(variables: &[(&str, &str)]) -> Result<Config, Vec<ConfigProblem>> {
    Config::from_lookup(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
}

fn refused(variables: &[(&str, &str)]) -> Vec<&'static str> {
    config(variables).expect_err("must be refused").iter().map(|problem| problem.variable).collect()
}

#[test]
fn an_empty_environment_gives_the_documented_defaults() {
    let config = config(&[]).unwrap();
    assert_eq!(config.audiences.names(), std::slice::from_ref(&config.issuer));
    for (name, value) in config.effective() {
        let default = VARIABLES.iter().find(|v| v.name == name).unwrap().default;
        match name {
            "AUDIENCE" | "ARGON2_THREADS" => {}
            _ => assert_eq!(value.parse::<Seconds>().map_or(value.clone(), |s| s.to_string()), default, "{name}"),
        }
    }
    assert_eq!(config.effective().len(), VARIABLES.len());
}

#[test]
fn every_problem_is_reported_at_once() {
    let found =
        refused(&[("LISTEN", "here"), ("SIGNING_ALG", "none"), ("ACCESS_TOKEN_LIFETIME", "5"), ("LOG_FORMAT", "xml")]);
    assert_eq!(found, ["LISTEN", "SIGNING_ALG", "ACCESS_TOKEN_LIFETIME", "LOG_FORMAT"]);
}

#[test]
fn lifetimes_must_fit_into_each_other() {
    assert_eq!(refused(&[("REFRESH_RETRY_WINDOW", "5m")]), ["REFRESH_RETRY_WINDOW"]);
    assert_eq!(refused(&[("REFRESH_SETTLE_WINDOW", "91s")]), ["REFRESH_SETTLE_WINDOW"]);
    assert_eq!(refused(&[("REFRESH_IDLE_LIFETIME", "5m")]), ["REFRESH_IDLE_LIFETIME"]);
    assert_eq!(refused(&[("SESSION_LIFETIME", "13d")]), ["SESSION_LIFETIME"]);
    assert!(config(&[("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "0s")]).is_ok());
}

#[test]
fn a_password_hash_below_the_standard_is_refused() {
    assert_eq!(refused(&[("ARGON2_MEMORY_KIB", "19455")]), ["ARGON2_MEMORY_KIB"]);
    assert_eq!(refused(&[("ARGON2_ITERATIONS", "1")]), ["ARGON2_MEMORY_KIB"]);
    assert!(config(&[("ARGON2_ITERATIONS", "3"), ("ARGON2_MEMORY_KIB", "12288")]).is_ok());
}

#[test]
fn the_database_password_is_never_shown() {
    let urls = [
        "postgres://app:hunter2@db.example/app",
        "postgres://app:x@hunter2@db.example/app",
        "postgres://db.example/app?user=app&password=hunter2",
        "postgres://db.example?password=hunter2",
        "postgres://app@db.example?password=hunter2&sslrootcert=/etc/x",
        "postgres://app:hunter2@[::1]:5432/app",
    ];
    for url in urls {
        let config = config(&[("DATABASE_URL", url)]).unwrap();
        assert!(!format!("{:?} {:?}", config.effective(), config).contains("hunter2"), "{url}");
    }
    for url in [
        "mysql://app:hunter2@db.example/app",
        "postgres://app:100%hunter2@db.example/app",
        "postgres://app:hunter2%00@db.example/app",
        "postgres://app:hunter2?x@db.example/app",
        "postgres://app:hun/hunter2@db.example/app",
        "postgres://app:hunter2 x@db.example/app",
        "postgres://app:hunter2@[::1]5432/app",
    ] {
        let problems = config(&[("DATABASE_URL", url)]).unwrap_err();
        assert!(!problems.first().unwrap().to_string().contains("hunter2"));
    }
}

#[test]
fn a_database_of_another_kind_or_in_memory_is_refused() {
    for url in ["mysql://x", "data.db", "sqlite://", "sqlite://:memory:"] {
        assert_eq!(refused(&[("DATABASE_URL", url)]), ["DATABASE_URL"], "{url}");
    }
}

#[test]
fn addresses_and_networks_are_read_as_trusted_proxies() {
    let config = config(&[("TRUSTED_PROXIES", "10.0.0.0/8, ::1")]).unwrap();
    assert_eq!(config.trusted_proxies.len(), 2);
    assert_eq!(refused(&[("TRUSTED_PROXIES", "10.0.0.0/40")]), ["TRUSTED_PROXIES"]);
}

#[test]
fn the_issuer_is_a_url_without_a_trailing_slash() {
    assert_eq!(config(&[("ISSUER", "https://id.example.com/")]).unwrap().issuer, "https://id.example.com");
    assert_eq!(refused(&[("ISSUER", "id.example.com")]), ["ISSUER"]);
    assert_eq!(refused(&[("ISSUER", "https://id.example.com?x")]), ["ISSUER"]);
    assert_eq!(refused(&[("ISSUER", "https://user:secret@id.example.com")]), ["ISSUER"]);
}

#[test]
fn any_origin_stands_alone_and_an_origin_has_no_path() {
    assert_eq!(config(&[("CORS_ORIGINS", "*")]).unwrap().cors_origins, ["*"]);
    for origins in ["*, https://a.example", "https://a.example/", "https://a b", "a.example"] {
        assert_eq!(refused(&[("CORS_ORIGINS", origins)]), ["CORS_ORIGINS"], "{origins}");
    }
}

#[test]
fn a_duration_of_more_than_ten_years_is_refused() {
    for name in ["REQUEST_TIMEOUT", "SHUTDOWN_TIMEOUT", "SESSION_RETENTION", "SESSION_LIFETIME"] {
        assert_eq!(refused(&[(name, "3651d")]), [name]);
    }
}

#[test]
fn hashing_takes_at_most_half_of_the_memory() {
    assert_eq!(refused(&[("ARGON2_MEMORY_KIB", "4194304"), ("ARGON2_THREADS", "1024")]), ["ARGON2_MEMORY_KIB"]);
    assert_eq!([39_999, 40_000, 400_000].map(|budget_kib| super::parse::fitting(budget_kib, 20_000)), [1, 2, 20]);
    let argon2 = Argon2Cost { memory_kib: 24_000, iterations: 2, threads: 2, budget_kib: 64_000 };
    // What filled the budget before the cost was lowered still fits.
    assert!(argon2.most_stored_kib() >= 32_000);
}
