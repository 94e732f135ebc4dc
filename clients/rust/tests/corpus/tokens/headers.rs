//! Headers: algorithms, keys that they bring along or name, extensions, types.

use serde_json::{Value, json};

use super::{accepted, refused};
use crate::issuer::{Issuer, changed, claims, hs256};
use crate::keys::base64url;

pub(super) fn cases(issuer: &Issuer) -> Vec<Value> {
    [
        algorithms(issuer),
        confusion(issuer),
        brought_along(issuer),
        kids(issuer),
        extensions(issuer),
        raw(issuer),
        types(issuer),
    ]
    .concat()
}

fn algorithms(issuer: &Issuer) -> Vec<Value> {
    let payload = base64url(claims().to_string());
    let unsigned = |alg: &str| {
        let header = base64url(changed(&issuer.header(), &json!({"alg": alg})).to_string());
        refused(&format!("no signature and alg {alg:?}"), format!("{header}.{payload}."), "token_wrong_algorithm")
    };
    let mut cases: Vec<Value> = ["none", "None", "NONE", "nOnE", ""].map(unsigned).into();
    cases.push(refused(
        "alg none and no kid",
        format!("{}.{payload}.", base64url(r#"{"alg":"none","typ":"at+jwt"}"#)),
        "token_unknown_key",
    ));
    cases.push(refused(
        "alg none with a good signature",
        issuer.with_header(&json!({"alg": "none"})),
        "token_wrong_algorithm",
    ));
    for alg in
        ["ES384", "ES512", "ES256K", "RS256", "RS384", "PS256", "EdDSA", "Ed25519", "es256", "ES256 ", "HS512", "dir"]
    {
        let token = issuer.with_header(&json!({ "alg": alg }));
        cases.push(refused(&format!("ES256 that says alg {alg:?}"), token, "token_wrong_algorithm"));
    }
    cases
}

/// Public material is no secret for HMAC (CVE-2016-10555).
fn confusion(issuer: &Issuer) -> Vec<Value> {
    let payload = base64url(claims().to_string());
    let mut cases = Vec::new();
    for jwk in issuer.jwks()["keys"].as_array().unwrap() {
        for alg in ["HS256", "HS384"] {
            let header = json!({"alg": alg, "kid": jwk["kid"], "typ": "at+jwt"});
            let message = format!("{}.{payload}", base64url(header.to_string()));
            let name = format!("{alg} with the public {} key as its secret", jwk["kty"].as_str().unwrap());
            cases.push(refused(&name, hs256(&message, jwk.to_string().as_bytes()), "token_wrong_algorithm"));
        }
    }
    let message = format!("{}.{payload}", base64url(changed(&issuer.header(), &json!({"alg": "HS256"})).to_string()));
    let kid = issuer.header()["kid"].as_str().unwrap().to_owned();
    cases.push(refused("HS256 with an empty secret", hs256(&message, b""), "token_wrong_algorithm"));
    cases.push(refused("HS256 with the kid as its secret", hs256(&message, kid.as_bytes()), "token_wrong_algorithm"));
    cases
}

/// Keys in the header, or where it says that they are, are not used (RFC 8725 section 3.10).
fn brought_along(issuer: &Issuer) -> Vec<Value> {
    let of_foreign = |changes: &Value| {
        let header = base64url(changed(&issuer.header(), changes).to_string());
        issuer.signer.sign(&issuer.foreign, &format!("{header}.{}", base64url(claims().to_string())))
    };
    let jwk = issuer.foreign.jwk();
    let kid = jwk["kid"].clone();
    let mut cases: Vec<Value> = [
        ("jwk", json!({"jwk": jwk})),
        ("jku", json!({"jku": "http://127.0.0.1:1/jwks.json"})),
        ("x5u", json!({"x5u": "http://127.0.0.1:1/cert.pem"})),
        ("x5c", json!({"x5c": ["AAAA"]})),
        ("x5t", json!({"x5t": "AAAA", "x5t#S256": "AAAA"})),
    ]
    .map(|(name, changes)| {
        refused(&format!("a foreign key by {name}, and our kid"), of_foreign(&changes), "token_bad_signature")
    })
    .into();
    for (name, changes) in
        [("jwk", json!({"jwk": jwk, "kid": kid})), ("jku", json!({"jku": "http://127.0.0.1:1/jwks.json", "kid": kid}))]
    {
        let name = format!("a foreign key by {name}, and its kid");
        cases.push(refused(&name, of_foreign(&changes), "token_unknown_key"));
    }
    cases.push(refused(
        "a foreign key by jwk, and no kid",
        of_foreign(&json!({"jwk": jwk, "kid": null})),
        "token_unknown_key",
    ));
    cases.push(accepted("a good token with a jwk that is not used", issuer.with_header(&json!({"jwk": jwk}))));
    cases
}

fn kids(issuer: &Issuer) -> Vec<Value> {
    let long = "x".repeat(5_000);
    let own = issuer.header()["kid"].as_str().unwrap().to_owned();
    let mut cases: Vec<Value> = [
        ("empty", String::new()),
        ("another one", "other".to_owned()),
        ("a path", "../../../../etc/passwd".to_owned()),
        ("a device", "/dev/null".to_owned()),
        ("SQL", "' or '1'='1".to_owned()),
        ("SQL that makes up a key", "x' union select 'secret'; --".to_owned()),
        ("a command", "|/usr/bin/id".to_owned()),
        ("NUL", "\u{0}".to_owned()),
        ("ours and NUL", format!("{own}\u{0}")),
        ("ours and a space", format!("{own} ")),
        ("ours in other case", own.to_uppercase()),
        ("a URL", "http://127.0.0.1:1/jwks.json".to_owned()),
        ("a name that objects have in JavaScript", "__proto__".to_owned()),
        ("a method that objects have in JavaScript", "constructor".to_owned()),
        ("long", long),
        ("an index", "0".to_owned()),
    ]
    .map(|(name, kid)| {
        refused(&format!("a kid that is {name}"), issuer.with_header(&json!({ "kid": kid })), "token_unknown_key")
    })
    .into();
    cases.push(refused("no kid", issuer.with_header(&json!({"kid": null})), "token_unknown_key"));
    for (name, kid) in
        [("number", json!(7)), ("list", json!([own])), ("object", json!({"kid": own})), ("truth value", json!(true))]
    {
        let token = issuer.with_header(&json!({ "kid": kid }));
        cases.push(refused(&format!("a kid that is no text but a {name}"), token, "token_malformed"));
    }
    cases
}

/// None is understood, and nothing is compressed, encrypted or nested.
fn extensions(issuer: &Issuer) -> Vec<Value> {
    [
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"crit": "exp"}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": ["b64"], "b64": true}),
        json!({"b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"enc": "A128GCM"}),
        json!({"cty": "JWT"}),
        json!({"alg": ["ES256"]}),
        json!({"alg": 256}),
        json!({"alg": null}),
    ]
    .map(|changes| {
        let what = changes.to_string().replace(r#"{"alg":null}"#, "no alg");
        refused(&format!("a header with {what}"), issuer.with_header(&changes), "token_malformed")
    })
    .into()
}

/// Headers that have to be written by hand.
fn raw(issuer: &Issuer) -> Vec<Value> {
    let header = issuer.header().to_string();
    let kid = issuer.header()["kid"].to_string();
    let with = |member: &[u8]| [b"{", member, b",", &header.as_bytes()[1..]].concat();
    let signed = |header: Vec<u8>| issuer.signed(header, claims().to_string());
    let mut cases: Vec<Value> = [
        ("crit null", with(br#""crit":null"#)),
        ("b64 null", with(br#""b64":null"#)),
        ("zip null", with(br#""zip":null"#)),
        ("enc null", with(br#""enc":null"#)),
        ("cty null", with(br#""cty":null"#)),
        ("alg null", header.replace(r#""ES256""#, "null").into_bytes()),
        ("typ null", header.replace(r#""at+jwt""#, "null").into_bytes()),
        ("a typ that is a number", header.replace(r#""at+jwt""#, "7").into_bytes()),
        ("a typ that is a list", header.replace(r#""at+jwt""#, r#"["at+jwt"]"#).into_bytes()),
        ("kid null", header.replace(&kid, "null").into_bytes()),
        ("alg twice, alike", with(br#""alg":"ES256""#)),
        ("alg twice, the first none", with(br#""alg":"none""#)),
        ("kid twice", with(br#""kid":"other""#)),
        ("typ twice", with(br#""typ":"JWT""#)),
        ("kid twice, once with an escape", with(br#""\u006bid":"other""#)),
        ("an unknown member twice", with(br#""x":1,"x":1"#)),
        ("a member within a member twice", with(br#""x":{"y":1,"y":1}"#)),
        ("a text that is not UTF-8", with(b"\"x\":\"\xff\"")),
        ("a name that is not UTF-8", with(b"\"\xff\":1")),
        ("half a surrogate pair", with(br#""x":"\ud800""#)),
        ("a byte order mark", [b"\xef\xbb\xbf", header.as_bytes()].concat()),
        ("a second object behind it", [header.as_bytes(), b"{}"].concat()),
        ("no object but a list", br#"["ES256","at+jwt"]"#.to_vec()),
        ("no object but null", b"null".to_vec()),
        ("no JSON", b"garbage".to_vec()),
    ]
    .map(|(name, header)| refused(&format!("a header with {name}"), signed(header), "token_malformed"))
    .into();
    let spaced = header.replace(',', " ,\r\n ").replace(':', " : ");
    cases.push(accepted("white space within the header", signed(spaced.into_bytes())));
    let escaped = header.replace("at+jwt", r"\u0061t+jwt").replace("ES256", r"\u0045S256");
    let escaped = escaped.replacen(&kid, &kid.replacen('a', r"\u0061", 1), 1).replace("kid", r"\u006bid");
    assert_eq!(escaped.matches(r"\u").count(), 4, "{escaped}");
    cases.push(accepted("a header with escapes", signed(escaped.into_bytes())));
    cases.push(accepted("an unknown member of the header", signed(with("\"x\":{\"y\":\"\u{e9}\"}".as_bytes()))));
    cases
}

/// RFC 9068 section 4, and media types compare without case.
fn types(issuer: &Issuer) -> Vec<Value> {
    let mut cases: Vec<Value> = ["application/at+jwt", "AT+JWT", "At+Jwt", "Application/AT+JWT"]
        .map(|typ| accepted(&format!("the type {typ:?}"), issuer.with_header(&json!({ "typ": typ }))))
        .into();
    for typ in [
        "",
        "JWT",
        "jwt",
        "jose",
        "at",
        "at+jwt ",
        " at+jwt",
        "at+jwt; charset=utf-8",
        "at+jwtx",
        "at+jwt\u{0}",
        "text/at+jwt",
        "application/",
        "application/application/at+jwt",
        "application/jwt",
        "rt+jwt",
        "denylist+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "entity-statement+jwt",
    ] {
        let token = issuer.with_header(&json!({ "typ": typ }));
        cases.push(refused(&format!("the type {typ:?}"), token, "token_wrong_type"));
    }
    cases.push(refused("no type", issuer.with_header(&json!({"typ": null})), "token_wrong_type"));
    cases
}
