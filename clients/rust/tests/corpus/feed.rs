//! `denylist.json`: responses of the denylist feed.

use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, ISSUER, Issuer, NOW, SESSION, TOKEN, USER, changed, hs256};
use crate::keys::base64url;
use crate::merged;

pub(crate) fn file(issuer: &Issuer) -> Value {
    let cases = [
        accepted(issuer),
        of_times_and_names(issuer),
        of_unknown_kinds(issuer),
        several(issuer),
        refused(issuer),
        with_other_claims(issuer),
    ]
    .concat();
    json!({
        "description": "Responses of the denylist feed, and what is denied after each.",
        "issuer": ISSUER, "now": NOW, "jwks": issuer.jwks(), "cases": cases,
    })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": format!("{ISSUER}/.well-known/denylist"), "iat": NOW, "exp": NOW + 60, "as_of": NOW - 1,
        "jwks_etag": "\"keys\"", "cursor": "cursor-1", "more": false, "denied": [],
    })
}

fn header(issuer: &Issuer) -> Value {
    merged(&issuer.header(), &json!({"typ": "denylist+jwt"}))
}

/// A response with other claims.
fn response(issuer: &Issuer, changes: &Value) -> String {
    issuer.signed(header(issuer).to_string(), changed(&claims(), changes).to_string())
}

fn nothing() -> Value {
    json!({"sid": [], "jti": [], "kinds": []})
}

/// An accepted last page.
fn complete(name: &str, document: impl Into<String>, denied: &Value, lag: i64) -> Value {
    json!({
        "name": name, "documents": [document.into()], "expected": "ok", "denied": merged(&nothing(), denied), "cursor": "cursor-1",
        "complete": true, "lag": lag,
    })
}

fn of_refusal(name: &str, document: impl Into<String>, code: &str) -> Value {
    json!({
        "name": name, "documents": [document.into()], "expected": code, "denied": nothing(), "cursor": null, "complete": false,
    })
}

fn session() -> Value {
    json!({"sid": SESSION, "exp": NOW + 300})
}

fn user() -> Value {
    json!({"kind": "user", "sub": USER, "issued_before": NOW - 5, "exp": NOW + 295})
}

fn denied_user() -> Value {
    json!({"kind": "user", "id": USER, "before": NOW - 5})
}

/// What is denied.
fn accepted(issuer: &Issuer) -> Vec<Value> {
    let client = json!({"kind": "client", "client_id": "notes-app", "issued_before": NOW - 7, "exp": NOW + 293});
    let denied_client = json!({"kind": "client", "id": "notes-app", "before": NOW - 7});
    let entry_with_more = merged(&session(), &json!({"why": "logout"}));
    [
        ("nothing is denied", json!({}), json!({})),
        ("a session is denied", json!({"denied": [session()]}), json!({"sid": [SESSION]})),
        ("an access token is denied", json!({"denied": [{"jti": TOKEN, "exp": NOW + 300}]}), json!({"jti": [TOKEN]})),
        (
            "a user and a client are denied",
            json!({"denied_by_kind": [user(), client]}),
            json!({"kinds": [denied_user(), denied_client]}),
        ),
        (
            "an entry has members that are not known",
            json!({"denied": [entry_with_more], "x": {"y": 1}}),
            json!({"sid": [SESSION]}),
        ),
    ]
    .map(|(name, changes, denied)| complete(name, response(issuer, &changes), &denied, 2))
    .into()
}

/// How old it is, and how issuer, audience and type may be written.
fn of_times_and_names(issuer: &Issuer) -> Vec<Value> {
    let with_slash = format!("{ISSUER}/");
    let mut cases: Vec<Value> = [
        ("it is as of the same second", json!({"as_of": NOW}), 1),
        ("it is as of some seconds before", json!({"as_of": NOW - 5}), 6),
        ("it is old but not expired", json!({"iat": NOW - 90, "exp": NOW, "as_of": NOW - 91}), 31),
        ("it expired within the last minute", json!({"exp": NOW - 59}), 2),
        ("it comes from a clock that is a minute ahead", json!({"iat": NOW + 60, "as_of": NOW + 59}), 2),
        ("it is for the issuer, as earlier versions wrote it", json!({"aud": ISSUER}), 2),
        ("its audience is in a list", json!({"aud": [format!("{ISSUER}/.well-known/denylist")]}), 2),
    ]
    .map(|(name, changes, lag)| complete(name, response(issuer, &changes), &json!({}), lag))
    .into();
    let slash = "the issuer has a slash at its end, and the audience has it once";
    let of_slash = complete(slash, response(issuer, &json!({"iss": with_slash})), &json!({}), 2);
    let typ = merged(&header(issuer), &json!({"typ": "application/DENYLIST+JWT"})).to_string();
    let in_capitals = issuer.signed(typ, claims().to_string());
    let by_ed25519 = merged(&header(issuer), &json!({"alg": "EdDSA", "kid": issuer.ed25519.jwk()["kid"]}));
    let message = format!("{}.{}", base64url(by_ed25519.to_string()), base64url(claims().to_string()));
    cases.extend([
        merged(&of_slash, &json!({"issuer": with_slash})),
        complete("its type is written in full and in capitals", in_capitals, &json!({}), 2),
        complete("another algorithm", issuer.signer.sign(&issuer.ed25519, &message), &json!({}), 2),
        complete("white space around it", format!("{}\n", response(issuer, &json!({}))), &json!({}), 2),
    ]);
    cases
}

/// Later versions may deny other things, and then the copy is not complete as long as that is in force.
fn of_unknown_kinds(issuer: &Issuer) -> Vec<Value> {
    [
        ("a kind that is not known is in force", json!({"kind": "device", "device": {"id": 7}, "exp": NOW + 1}), false),
        ("a kind that is not known is over", json!({"kind": "device", "device": {"id": 7}, "exp": NOW}), true),
        (
            "a known kind without its members is one that is not known",
            json!({"kind": "client", "exp": NOW + 300}),
            false,
        ),
        (
            "a known kind with members of another type",
            json!({"kind": "user", "sub": 7, "issued_before": 1, "exp": NOW + 300}),
            false,
        ),
        ("an entry without a kind", json!({"sub": USER, "issued_before": NOW, "exp": NOW + 300}), false),
    ]
    .map(|(name, entry, is_complete)| {
        let document = response(issuer, &json!({"denied": [session()], "denied_by_kind": [entry, user()]}));
        let mut case = complete(name, document, &json!({"sid": [SESSION], "kinds": [denied_user()]}), 2);
        if !is_complete {
            case["complete"] = json!(false);
            case.as_object_mut().unwrap().remove("lag");
        }
        case
    })
    .into()
}

/// More pages than one.
fn several(issuer: &Issuer) -> Vec<Value> {
    let session = |id: &str| json!([{"sid": SESSION.replace("00a", id), "exp": NOW + 300}]);
    let sid = |id: &str| SESSION.replace("00a", id);
    let page = |cursor: &str, more: bool, denied: Value| {
        response(issuer, &json!({"cursor": cursor, "more": more, "denied": denied}))
    };
    let [first, last] = [page("c1", true, session("001")), page("c2", false, session("002"))];
    let user = |before: i64| {
        response(
            issuer,
            &json!({"denied_by_kind": [{"kind": "user", "sub": USER, "issued_before": before, "exp": NOW + 300}]}),
        )
    };
    let denied = |sids: &[String]| merged(&nothing(), &json!({ "sid": sids }));
    vec![
        json!({"name": "a page that is not the last", "documents": [first], "expected": "ok", "denied": denied(&[sid("001")]),
            "cursor": "c1", "complete": false}),
        json!({"name": "two pages", "documents": [first, last], "expected": "ok", "denied": denied(&[sid("001"), sid("002")]),
            "cursor": "c2", "complete": true, "lag": 2}),
        json!({"name": "a cursor is not compared with the one before", "documents": [last, page("c1", false, json!([]))],
            "expected": "ok", "denied": denied(&[sid("002")]), "cursor": "c1", "complete": true, "lag": 2}),
        json!({"name": "what was denied stays denied when a later page does not say it again",
            "documents": [last, page("c3", false, json!([]))], "expected": "ok", "denied": denied(&[sid("002")]), "cursor": "c3",
            "complete": true, "lag": 2}),
        json!({"name": "a second page that is refused keeps what the first one denied",
            "documents": [first, issuer.with_claims(&json!({}))], "expected": "token_wrong_type", "denied": denied(&[sid("001")]),
            "cursor": "c1", "complete": false}),
        json!({"name": "of two instants for one user the later counts", "documents": [user(NOW - 5), user(NOW - 50)],
            "expected": "ok", "denied": merged(&nothing(), &json!({"kinds": [{"kind": "user", "id": USER, "before": NOW - 5}]})),
            "cursor": "cursor-1", "complete": true, "lag": 2}),
        json!({"name": "a kind that is not known on the first page", "documents": [
                response(issuer, &json!({"more": true, "denied_by_kind": [{"kind": "device", "exp": NOW + 300}]})), last],
            "expected": "ok", "denied": denied(&[sid("002")]), "cursor": "c2", "complete": false}),
    ]
}

fn refused(issuer: &Issuer) -> Vec<Value> {
    let typed =
        |typ: &str| issuer.signed(merged(&header(issuer), &json!({ "typ": typ })).to_string(), claims().to_string());
    let message = |header: &Value| format!("{}.{}", base64url(header.to_string()), base64url(claims().to_string()));
    let with_kid = |kid: &Value| message(&merged(&header(issuer), &json!({ "kid": kid })));
    let good = response(issuer, &json!({}));
    let twice = claims().to_string().replacen('{', r#"{"more":true,"#, 1);
    let wrong = "token_wrong_type";
    let malformed = "token_malformed";
    let mut cases = vec![
        of_refusal("an access token", issuer.with_claims(&json!({})), wrong),
        of_refusal("the claims of a response as an access token", typed("at+jwt"), wrong),
        of_refusal("the claims of a response as any JWT", typed("JWT"), wrong),
        of_refusal("the type of a refresh token", typed("rt+jwt"), wrong),
        of_refusal(
            "a key that is not known",
            issuer.signer.sign(&issuer.retired, &with_kid(&issuer.retired.jwk()["kid"])),
            "token_unknown_key",
        ),
        of_refusal(
            "a foreign signature under our kid",
            issuer.signer.sign(&issuer.foreign, &message(&header(issuer))),
            "token_bad_signature",
        ),
        of_refusal(
            "the algorithm of no key",
            hs256(&message(&merged(&header(issuer), &json!({"alg": "HS256"}))), b""),
            "token_wrong_algorithm",
        ),
        of_refusal(
            "no signature",
            message(&merged(&header(issuer), &json!({"alg": "none"}))) + ".",
            "token_wrong_algorithm",
        ),
        of_refusal("crit", issuer.sign(&message(&merged(&header(issuer), &json!({"crit": ["exp"]})))), malformed),
        of_refusal("more twice", issuer.signed(header(issuer).to_string(), twice), malformed),
        of_refusal("nothing", "", malformed),
        of_refusal("JSON that is not signed", claims().to_string(), malformed),
        of_refusal("HTML", "<!doctype html><title>502</title>", malformed),
        of_refusal("a fourth part", format!("{good}.AAAA"), malformed),
    ];
    for (name, changes, code) in [
        ("another issuer", json!({"iss": "https://evil.example"}), "token_wrong_issuer"),
        ("the issuer with a slash more", json!({"iss": format!("{ISSUER}/")}), "token_wrong_issuer"),
        ("another audience", json!({"aud": "https://evil.example/.well-known/denylist"}), "token_wrong_audience"),
        ("the audience of access tokens", json!({"aud": AUDIENCE}), "token_wrong_audience"),
        ("no audience in a list", json!({"aud": []}), "token_wrong_audience"),
        ("it expired more than a minute ago", json!({"exp": NOW - 60}), "token_expired"),
        ("it comes from the future", json!({"iat": NOW + 61, "exp": NOW + 120}), "token_not_yet_valid"),
    ] {
        cases.push(of_refusal(name, response(issuer, &changes), code));
    }
    cases
}

/// All are malformed.
fn with_other_claims(issuer: &Issuer) -> Vec<Value> {
    let missing = ["iss", "aud", "iat", "exp", "as_of", "jwks_etag", "cursor", "more", "denied"]
        .map(|name| of_refusal(&format!("no {name}"), response(issuer, &json!({ name: null })), "token_malformed"));
    let exp = NOW + 300;
    let others = [
        json!({"denied": {}}),
        json!({"denied": "nothing"}),
        json!({"denied": [7]}),
        json!({"denied": [{}]}),
        json!({"denied": [{"exp": exp}]}),
        json!({"denied": [{"sid": SESSION}]}),
        json!({"denied": [{"sid": "a session", "exp": exp}]}),
        json!({"denied": [{"sid": SESSION, "exp": "never"}]}),
        json!({"denied": [{"jti": "short", "exp": exp}]}),
        json!({"denied": [{"kind": "user", "sub": USER, "issued_before": NOW, "exp": exp}]}),
        json!({"denied_by_kind": {}}),
        json!({"denied_by_kind": [7]}),
        json!({"denied_by_kind": [{"kind": "device"}]}),
        json!({"denied_by_kind": [{"kind": "device", "exp": "never"}]}),
        json!({"more": 0}),
        json!({"more": "false"}),
        json!({"cursor": 7}),
        json!({"jwks_etag": 7}),
        json!({"as_of": "now"}),
        json!({"as_of": 1.5}),
        json!({"exp": "never"}),
        json!({"iat": 1.5}),
    ]
    .map(|changes| of_refusal(&format!("claims with {changes}"), response(issuer, &changes), "token_malformed"));
    [missing.as_slice(), others.as_slice()].concat()
}
