//! Which settings are accepted, which are refused, and that all problems are reported at once.

use super::*;
use crate::clock::Seconds;

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
        let default = SETTINGS.iter().find(|v| v.name == name).unwrap().default;
        match name {
            "AUDIENCE" | "ARGON2_THREADS" | "FIRST_ADMIN_PASSWORD_FILE" => {}
            _ => assert_eq!(value.parse::<Seconds>().map_or(value.clone(), |s| s.to_string()), default, "{name}"),
        }
    }
    assert_eq!(config.effective().len(), SETTINGS.len());
}

#[test]
fn every_problem_is_reported_at_once() {
    let found =
        refused(&[("LISTEN", "here"), ("SIGNING_ALG", "none"), ("ACCESS_TOKEN_LIFETIME", "5"), ("LOG_FORMAT", "xml")]);
    assert_eq!(found, ["LISTEN", "SIGNING_ALG", "ACCESS_TOKEN_LIFETIME", "LOG_FORMAT"]);
}

#[test]
fn registration_that_is_open_needs_mail() {
    let mail = [("MAIL_URL", "log:"), ("MAIL_FROM", "id@example.com")];
    let with = |value| [&[("REGISTRATION", value)], &mail[..]].concat();
    assert_eq!(refused(&[("REGISTRATION", "open")]), ["REGISTRATION"]);
    assert!(config(&[("REGISTRATION", "invite")]).is_ok());
    for value in ["off", "invite", "open", ""] {
        assert!(config(&with(value)).is_ok(), "{value}");
    }
    for bad in ["on", "Open", "closed"] {
        assert_eq!(refused(&with(bad)), ["REGISTRATION"], "{bad}");
    }
    assert_eq!(refused(&[("TERMS_URL", "javascript:alert(1)")]), ["TERMS_URL"]);
}

#[test]
fn an_empty_database_url_does_not_mean_a_new_database() {
    for empty in ["", " "] {
        assert_eq!(refused(&[("DATABASE_URL", empty)]), ["DATABASE_URL"]);
        assert!(config(&[("ISSUER", empty), ("AUDIENCE", empty)]).is_ok());
    }
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
fn limits_on_sharing_are_whole_numbers_in_their_range() {
    for name in ["REFRESH_STRANGE_LIMIT", "REFRESH_SHARED_LIMIT"] {
        for bad in ["-1", "1001", "3.5", "off", "99999999999"] {
            assert_eq!(refused(&[(name, bad)]), [name], "{bad}");
        }
        for good in ["0", "1", "1000", " 20 ", ""] {
            assert!(config(&[(name, good)]).is_ok(), "{good}");
        }
    }
    let limits = config(&[("REFRESH_STRANGE_LIMIT", "0"), ("REFRESH_SHARED_LIMIT", "20")]).unwrap().sharing_limits;
    assert_eq!((limits.strange, limits.shared), (0, 20));
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
        "postgres://app:x@hunter2@db.example/app",
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
fn the_path_of_a_sqlite_file_is_taken_as_it_is_written_or_refused_with_a_hint() {
    for path in ["q.db", "/srv/q.db", "../q.db", "a b.db", "a#b.db", "100%.db", "a%20b.db", "data/~x.db", "\u{fc}.db"] {
        let database = config(&[("DATABASE_URL", &format!("sqlite://{path}"))]).unwrap().database.clone();
        assert!(matches!(&database, DatabaseUrl::Sqlite(taken) if taken.to_str() == Some(path)), "{database}");
    }
    for (path, hint) in [
        ("q.db?mode=rwc", "leave out the ?"),
        ("q.db?", "leave out the ?"),
        ("~/x.db", "write the whole path"),
        ("~ada/x.db", "write the whole path"),
        ("$HOME/x.db", "write the whole path"),
        ("file:x.db", "without file:"),
        ("data/", "the path of a folder"),
        ("/", "the path of a folder"),
        ("data/..", "the path of a folder"),
        (" q.db", "white space"),
        ("q\n.db", "control character"),
        ("q\u{0}.db", "control character"),
        ("q\u{fffd}.db", "not UTF-8"),
    ] {
        let problems = config(&[("DATABASE_URL", &format!("sqlite://{path}"))]).unwrap_err();
        assert!(problems[0].message.contains(hint), "{path:?}: {problems:?}");
    }
}

#[test]
fn addresses_and_networks_are_read_as_trusted_proxies() {
    assert_eq!(config(&[("TRUSTED_PROXIES", "10.0.0.0/8, ::1")]).unwrap().trusted_proxies.len(), 2);
    for (written, ip) in
        [("::ffff:10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.0/104", "10.9.9.9"), ("10.1.2.3/8", "10.9.9.9")]
    {
        let networks = config(&[("TRUSTED_PROXIES", written)]).unwrap().trusted_proxies.clone();
        assert!(networks[0].contains(&ip.parse::<std::net::IpAddr>().unwrap()), "{written}");
    }
    for bad in ["10.0.0.0/40", "10.0.0.1:80", "[::1]", "proxy.example", "10.0.0.0/8 ::1"] {
        assert_eq!(refused(&[("TRUSTED_PROXIES", bad)]), ["TRUSTED_PROXIES"], "{bad}");
    }
}

#[test]
fn a_refused_url_is_not_repeated_when_it_may_hold_a_password() {
    for (name, value) in [
        ("ISSUER", "https://user:hunter2@id.example.com"),
        ("CORS_ORIGINS", "https://user:hunter2@id.example.com"),
        ("KEYS_PASSPHRASE_FILE", "hunter2"),
    ] {
        let problems = config(&[(name, value)]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems.iter().all(|p| p.variable == name && !p.to_string().contains("hunter2")), "{problems:?}");
    }
}

#[test]
fn a_passphrase_file_that_is_missing_is_named_where_its_folder_exists() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    let path = path.to_str().unwrap();
    let problems = config(&[("KEYS_PASSPHRASE_FILE", path)]).unwrap_err();
    assert!(problems[0].message.starts_with(&format!("{path}: No such file")), "{problems:?}");
    for may_be_secret in ["/hunter2", "hunter2/hunter2", "hunter2"] {
        let problems = config(&[("KEYS_PASSPHRASE_FILE", may_be_secret)]).unwrap_err();
        assert!(!problems[0].message.contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn a_passphrase_is_taken_whole_or_refused() {
    let passphrase = |text: &str| config(&[("KEYS_PASSPHRASE", text)]).map(|config| config.keys.passphrase);
    for (given, expected) in [("a$b", "a$b"), ("a b", "a b"), ("a\n", "a"), ("a\r\n", "a")] {
        assert_eq!(passphrase(given).unwrap().unwrap().expose(), expected);
    }
    for empty in ["", " ", "\n"] {
        assert!(passphrase(empty).unwrap().is_none());
    }
    for spaced in [" a", "a ", "a\t", "a \n"] {
        assert_eq!(refused(&[("KEYS_PASSPHRASE", spaced)]), ["KEYS_PASSPHRASE"], "{spaced:?}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), spaced).unwrap();
        assert_eq!(refused(&[("KEYS_PASSPHRASE_FILE", file.path().to_str().unwrap())]), ["KEYS_PASSPHRASE_FILE"]);
    }
}

#[test]
fn the_first_admins_password_goes_beside_the_database() {
    for (variables, expected) in [
        ([].as_slice(), "data/first-admin-password"),
        (&[("DATABASE_URL", "sqlite:///srv/t/x.db")], "/srv/t/first-admin-password"),
        (&[("DATABASE_URL", "sqlite://x.db")], "first-admin-password"),
        (&[("DATABASE_URL", "postgres://app@db/app")], "data/first-admin-password"),
        (&[("FIRST_ADMIN_PASSWORD_FILE", "/run/x")], "/run/x"),
    ] {
        assert_eq!(config(variables).unwrap().first_admin_password_file.to_str().unwrap(), expected);
    }
}

#[test]
fn a_filter_of_the_log_is_levels_and_modules() {
    for filter in [
        "info",
        "WARN",
        "off",
        "info,tokensmith=debug",
        " info , tokensmith::http=debug,",
        "tokensmith",
        "tokensmith::audit",
        "tokensmith=debug",
        "warn,actix_server=info",
        "info/refused",
    ] {
        assert_eq!(config(&[("RUST_LOG", filter)]).unwrap().log_filter, filter.trim());
    }
    for filter in [
        "verbose",
        "warning",
        "inof",
        "1",
        "true",
        "all",
        "info,verbose",
        "info;debug",
        "info debug",
        "tokensmith=verbose",
        "tokensmith=",
        "=info",
        "info=debug",
        "tokensmith =info",
        "tokensmith=info=debug",
        "actix_web",
        ",",
        "/x",
        "info/x/y",
    ] {
        assert_eq!(refused(&[("RUST_LOG", filter)]), ["RUST_LOG"], "{filter}");
    }
}

#[test]
fn any_origin_stands_alone_and_an_origin_has_no_path() {
    assert_eq!(config(&[("CORS_ORIGINS", "*")]).unwrap().cors_origins, ["*"]);
    for origins in ["*, https://a.example", "https://a.example/a", "https://a b", "a.example"] {
        assert_eq!(refused(&[("CORS_ORIGINS", origins)]), ["CORS_ORIGINS"], "{origins}");
    }
}

#[test]
fn session_cookies_are_on_unless_any_origin_may_call() {
    let is_on = |variables: &[(&str, &str)]| config(variables).unwrap().session_cookies;
    assert!(is_on(&[]) && is_on(&[("CORS_ORIGINS", "https://a.example")]) && is_on(&[("SESSION_COOKIES", "on")]));
    assert!(!is_on(&[("SESSION_COOKIES", "off")]));
    for unset in ["", " "] {
        assert!(!is_on(&[("CORS_ORIGINS", "*"), ("SESSION_COOKIES", unset)]));
    }
    assert!(!is_on(&[("CORS_ORIGINS", "*"), ("SESSION_COOKIES", "off")]));
    assert_eq!(refused(&[("CORS_ORIGINS", "*"), ("SESSION_COOKIES", "on")]), ["SESSION_COOKIES"]);
    assert_eq!(refused(&[("SESSION_COOKIES", "yes")]), ["SESSION_COOKIES"]);
}

#[test]
fn a_duration_of_more_than_ten_years_is_refused() {
    for name in ["REQUEST_TIMEOUT", "KEEP_ALIVE_TIMEOUT", "SHUTDOWN_TIMEOUT", "SESSION_RETENTION", "SESSION_LIFETIME"] {
        assert_eq!(refused(&[(name, "3651d")]), [name]);
    }
}

#[test]
fn hashing_takes_at_most_half_of_the_memory() {
    assert_eq!(refused(&[("ARGON2_MEMORY_KIB", "4194304"), ("ARGON2_THREADS", "1024")]), ["ARGON2_MEMORY_KIB"]);
    assert_eq!([39_999, 40_000, 400_000].map(|budget_kib| super::together::fitting(budget_kib, 20_000)), [1, 2, 20]);
    let argon2 = Argon2Cost { memory_kib: 24_000, iterations: 2, threads: 2, budget_kib: 64_000 };
    // A hash that filled the budget before the cost was lowered still fits.
    assert!(argon2.max_stored_kib() >= 32_000);
}

#[test]
fn an_audience_of_another_kind_of_document_is_refused() {
    let denylist = "https://id.example.com/.well-known/denylist";
    for issuer in ["https://id.example.com", "https://id.example.com/"] {
        for audience in [
            denylist.to_owned(),
            format!("{denylist} RS256"),
            format!("https://api.example.com, {denylist}"),
            "https://id.example.com/.well-known/jwks.json".to_owned(),
        ] {
            let problems = config(&[("ISSUER", issuer), ("AUDIENCE", &audience)]).unwrap_err();
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(told.len() == 1 && told[0].contains("AUDIENCE") && told[0].contains("denylist"), "{told:?}");
        }
        for audience in ["https://api.example.com/.well-known/denylist", "https://id.example.com/api", ""] {
            assert!(config(&[("ISSUER", issuer), ("AUDIENCE", audience)]).is_ok(), "{audience}");
        }
    }
}

#[test]
fn what_may_be_a_secret_is_never_repeated() {
    for setting in SETTINGS.iter().filter(|setting| setting.secrecy != Secrecy::Open) {
        let problems = config(&[(setting.name, "hunter2 ")]).unwrap_err();
        assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
    }
}

#[test]
fn another_issuer_has_a_prefix_that_is_not_in_the_way() {
    let prefix =
        |text: &str| config(&[("COMPAT", "simplejwt"), ("COMPAT_PREFIX", text)]).map(|c| c.compat_prefix.clone());
    for (text, expected) in
        [("", "/api"), ("/api/", "/api"), ("/", ""), ("/auth/v1", "/auth/v1"), ("/a.b-c_d~e", "/a.b-c_d~e")]
    {
        assert_eq!(prefix(text).as_deref(), Ok(expected), "{text:?}");
    }
    for bad in ["api", "//", "/a//b", "/a/../b", "/.", "/a b", "/{a}", "/a?b", "/ä", "/v1", "/oauth/x", "/.well-known"]
    {
        assert_eq!(refused(&[("COMPAT_PREFIX", bad)]), ["COMPAT_PREFIX"], "{bad}");
    }
    assert_eq!(refused(&[("COMPAT", "django")]), ["COMPAT"]);
    assert_eq!(refused(&[("COMPAT_USERNAME_FIELD", "login")]), ["COMPAT_USERNAME_FIELD"]);
}

#[test]
fn tokens_of_the_issuer_before_need_its_key_and_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key").display().to_string();
    let (compat, file) = (("COMPAT", "simplejwt"), ("LEGACY_JWT_SECRET_FILE", path.as_str()));
    let until = ("LEGACY_JWT_UNTIL", "2027-01-31T00:00:00Z");
    assert_eq!(refused(&[compat, file, until]), ["LEGACY_JWT_SECRET_FILE"], "there is no such file");
    std::fs::write(&path, "").unwrap();
    assert_eq!(refused(&[compat, file, until]), ["LEGACY_JWT_SECRET_FILE"], "it is empty");
    std::fs::write(&path, "secret of Django").unwrap();
    let legacy = config(&[compat, file, until]).unwrap().legacy.unwrap();
    assert_eq!(
        (legacy.until.to_rfc3339(), legacy.user_claim),
        ("2027-01-31T00:00:00Z".to_owned(), "user_id".to_owned())
    );
    // The service must still start when the time has come.
    assert!(config(&[compat, file, ("LEGACY_JWT_UNTIL", "2001-01-01T00:00:00+02:00")]).is_ok());
    assert_eq!(refused(&[compat, file]), ["LEGACY_JWT_UNTIL"]);
    assert_eq!(refused(&[compat, until]), ["LEGACY_JWT_UNTIL"]);
    assert_eq!(refused(&[file, until]), ["LEGACY_JWT_SECRET_FILE"]);
    for bad in ["tomorrow", "2027-01-31", "2027-01-31T00:00:00"] {
        assert_eq!(refused(&[compat, file, ("LEGACY_JWT_UNTIL", bad)]), ["LEGACY_JWT_UNTIL"], "{bad}");
    }
    assert!(config(&[compat]).unwrap().legacy.is_none());
    let shown = format!("{:?}", config(&[compat, file, until]).unwrap());
    assert!(!shown.contains("secret of Django"));
}

#[test]
fn a_hook_for_claims_needs_its_secret_and_tls_except_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (good, bad) = (file("good", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), file("bad", "a password\n"));
    let url = ("CLAIMS_HOOK_URL", "https://app.example.com/claims");
    let secret = ("CLAIMS_HOOK_SECRET_FILE", good.as_str());
    for accepted in ["https://app.example.com/claims", "http://127.0.0.1:9000/", "http://localhost/x", "http://[::1]/"]
    {
        let config = config(&[("CLAIMS_HOOK_URL", accepted), secret]).unwrap();
        assert_eq!(config.claims_hook.unwrap().url, accepted);
    }
    assert!(config(&[]).unwrap().claims_hook.is_none());
    assert_eq!(refused(&[url]), ["CLAIMS_HOOK_SECRET_FILE"]);
    assert_eq!(refused(&[secret]), ["CLAIMS_HOOK_SECRET_FILE"]);
    assert_eq!(refused(&[url, ("CLAIMS_HOOK_SECRET_FILE", &bad)]), ["CLAIMS_HOOK_SECRET_FILE"]);
    assert_eq!(refused(&[url, ("CLAIMS_HOOK_SECRET_FILE", "/nowhere/secret")]), ["CLAIMS_HOOK_SECRET_FILE"]);
    for bad in
        ["http://app.example.com/", "http://10.0.0.1/", "ftp://127.0.0.1/", "app.example.com", "https://a@b.example/"]
    {
        assert_eq!(refused(&[("CLAIMS_HOOK_URL", bad), secret]), ["CLAIMS_HOOK_URL"], "{bad}");
    }
    assert_eq!(refused(&[("CLAIMS_HOOK_FAIL", "off")]), ["CLAIMS_HOOK_FAIL"]);
}
