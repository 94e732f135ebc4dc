//! How URLs are read, which are refused, and that neither case shows a secret.

use super::*;

fn parse(url: &str) -> Result<PostgresUrl, String> {
    let (scheme, rest) = url.split_once("://").unwrap();
    PostgresUrl::parse(scheme, rest)
}

#[test]
fn libpq_is_given_the_parts_that_it_would_read_itself() {
    let cases = [
        ("postgres://", ""),
        ("postgresql:///app", "dbname='app'"),
        ("postgres://db", "host='db'"),
        ("postgres://db/", "host='db'"),
        ("postgres://db:5433/app?", "host='db' port='5433' dbname='app'"),
        ("postgres://db:/app", "host='db' dbname='app'"),
        ("postgres://ada@db/app", "user='ada' host='db' dbname='app'"),
        ("postgres://ada:@db/app", "user='ada' host='db' dbname='app'"),
        ("postgres://@db/app", "host='db' dbname='app'"),
        ("postgres://:pw@/app", "password='pw' dbname='app'"),
        ("postgres://ada:p%40%3A%23%2f%3F%25%20w@db/app", "user='ada' password='p@:#/?% w' host='db' dbname='app'"),
        ("postgres://ada:it's\\@db/a-b", "user='ada' password='it\\'s\\\\' host='db' dbname='a-b'"),
        ("postgres://ada:p&=+;,!$*()[]~w@db/app", "user='ada' password='p&=+;,!$*()[]~w' host='db' dbname='app'"),
        ("postgres://\u{e4}da:\u{20ac}@db/%C3%BC", "user='\u{e4}da' password='\u{20ac}' host='db' dbname='\u{fc}'"),
        ("postgres://[::1]:5433/app", "host='::1' port='5433' dbname='app'"),
        ("postgres://[fe80::1%25eth0]/app", "host='fe80::1%eth0' dbname='app'"),
        ("postgres://a,b:2,[::1]/app", "host='a,b,::1' port=',2,' dbname='app'"),
        ("postgres://:5433/app", "port='5433' dbname='app'"),
        ("postgres://a,,b/app", "host='a,,b' dbname='app'"),
        (
            "postgres://ada@%2Fvar%2Frun%2Fpostgresql:5433/app",
            "user='ada' host='/var/run/postgresql' port='5433' dbname='app'",
        ),
        ("postgres:///app?host=/var/run/postgresql", "dbname='app' host='/var/run/postgresql'"),
        ("postgres://%40socket/app", "host='@socket' dbname='app'"),
        ("postgres://db/app?sslmode=require&", "host='db' dbname='app' sslmode='require'"),
        ("postgres://db/app?ssl=true", "host='db' dbname='app' sslmode='require'"),
        ("postgres://db?user=ada%40tenant&password=p%26w", "host='db' user='ada@tenant' password='p&w'"),
        ("postgres://db/app?options=-c%20search_path%3Dx", "host='db' dbname='app' options='-c search_path=x'"),
        ("postgres://ada@db:1/app?host=other&port=2&user=bob", "dbname='app' host='other' port='2' user='bob'"),
    ];
    for (url, expected) in cases {
        let read = parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(read.conninfo(&[]).expose().trim_end(), expected, "{url}");
    }
    let read = parse("postgres://db?connect_timeout=9").unwrap();
    let with_defaults = read.conninfo(&[("connect_timeout", "3"), ("keepalives", "1")]);
    assert_eq!(with_defaults.expose(), "host='db' connect_timeout='9' keepalives='1' ");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_with_the_way_to_write_it() {
    let cases = [
        ("postgres://ada:hun@ter2@db/app", "%40"),
        ("postgres://ada@hunter2:x@db/app", "%40"),
        ("postgres://ada:hun:ter2@db/app", "%3A"),
        ("postgres://ada:hun#ter2@db/app", "%23"),
        ("postgres://ada:hunter2@db/app#x", "%23"),
        ("postgres://ada:hun/ter2@db/app", "%2F"),
        ("postgres://ada:5432/hunter2@db/app", "%2F"),
        ("postgres://ada:hun?ter2@db/app", "%3F"),
        ("postgres://ada:5432?hunter2=x@db/app", "%3F"),
        ("postgres://ada:hun ter2@db/app", "%20"),
        ("postgres://ada:hunter2@db/app\n", "%20"),
        ("postgres://ada:hunter2@db/app?application_name=a@b", "%40"),
        ("postgres://ada:100%hunter2@db/app", "%25"),
        ("postgres://ada:hunter2%@db/app", "%25"),
        ("postgres://ada:hunter2%4@db/app", "%25"),
        ("postgres://ada:hunter2%00@db/app", "%25"),
        ("postgres://ada:hunter2%ff@db/app", "%25"),
        ("postgres://ada:hunter2%+1@db/app", "%25"),
        ("postgres://ada:hunter2", "%3A"),
        ("postgres://ada:hunter2/app", "%3A"),
        ("postgres://db:0/hunter2", "65535"),
        ("postgres://db:65536/hunter2", "65535"),
        ("postgres://db:+1/hunter2", "65535"),
        ("postgres://::1/hunter2", "brackets"),
        ("postgres://db/app?port=hunter2", "65535"),
        ("postgres://[::1/hunter2", "brackets"),
        ("postgres://[::1]5432/hunter2", "brackets"),
        ("postgres://[hunter2]/app", "brackets"),
        ("postgres://[]/hunter2", "brackets"),
        ("postgres://a%2Cb/hunter2", "address"),
        ("postgres://a%2Fhunter2/app", "address"),
        ("postgres://a%40hunter2/app", "address"),
        ("postgres://db/app?hunter2", "%3F"),
        ("postgres://db/app?hunter2=1", "%3F"),
        ("postgres://db/app?sslmode=require&&password=hunter2", "%3F"),
        ("postgres://db/app?password=hunter2=2", "%3F"),
        ("postgres://db/app?&password=hunter2", "%3F"),
    ];
    for (url, hint) in cases {
        let error = parse(url).expect_err(url);
        assert!(error.contains(hint) && !error.contains("hunter2"), "{url}: {error}");
        let pieces = ["ter2", "hun@", "hun:", "hun#", "hun/", "hun?"];
        assert!(!pieces.iter().any(|piece| error.contains(piece)), "{url}: {error}");
    }
}

#[test]
fn a_url_is_shown_without_password_and_parameters() {
    let cases = [
        ("postgres://ada:hunter2@db:5433/app?sslmode=require", "postgres://ada:***@db:5433/app"),
        ("postgresql://ada@db/app", "postgresql://ada@db/app"),
        ("postgres://db?password=hunter2", "postgres://db"),
        ("postgres://:hunter2@a,[::1]:2/", "postgres://:***@a,[::1]:2/"),
        ("postgres://ada@db/app?sslpassword=hunter2&options=hunter2", "postgres://ada@db/app"),
    ];
    for (url, expected) in cases {
        let url = parse(url).unwrap();
        assert_eq!(url.to_string(), expected);
        assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
    }
}

#[test]
fn a_drivers_text_loses_every_secret_of_the_url() {
    let url =
        parse("postgres://ada:h%40nter2@db/app?sslpassword=s3same&oauth_client_secret=c1ient&passfile=x").unwrap();
    let said = "connection to \"db\" failed: h@nter2, s3same; c1ient of ada x";
    assert_eq!(url.hide_secrets(said), "connection to \"db\" failed: ***, ***; *** of ada x");
    assert_eq!(parse("postgres://ada:@db").unwrap().hide_secrets(said), said);
}
