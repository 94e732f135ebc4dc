//! The description of the API: `/openapi.json`, and the page at `/docs`.
//!
//! The tests' client checks every response of every test against this description.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokensmith::internals::http::{CODES, ROUTES};

use crate::support::oauth::NOTES;
use crate::support::passkey::{ISSUER, owner};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

/// Codes that only other services with the verifier return, that belong to no operation, or that only pages tell.
const OF_NO_OPERATION: [&str; 9] = [
    "identity_taken",
    "keys_unavailable",
    "denylist_stale",
    "method_not_allowed",
    "origin_not_allowed",
    "provider_refused",
    "provider_unavailable",
    "provider_unknown",
    "too_many_identities",
];

fn description() -> Value {
    let answer = TestApp::start(Engine::Sqlite).get("/openapi.json");
    assert_eq!(answer.header("content-type"), "application/json");
    answer.ok()
}

/// Method and path of each operation, and the operation.
fn operations(description: &Value) -> Vec<(String, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &'_ Value)| {
        let methods = item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()));
        methods.collect::<Vec<_>>()
    };
    let all = paths.iter().flat_map(methods);
    all.map(|(method, path)| (format!("{} {path}", method.to_uppercase()), &description["paths"][path][method]))
        .collect()
}

/// The codes of the problems of one answer, each with its example, and whether they are told as OAuth has it.
fn examples(response: &Value) -> (Vec<(String, &Value)>, bool) {
    let content = &response["content"];
    let is_oauth = content["application/json"]["schema"]["$ref"] == "#/components/schemas/OAuthError";
    let media_type = if is_oauth { "application/json" } else { "application/problem+json" };
    let examples = content[media_type]["examples"].as_object().into_iter().flatten();
    (examples.map(|(code, example)| (code.clone(), &example["value"])).collect(), is_oauth)
}

fn codes(response: &Value) -> Vec<String> {
    examples(response).0.into_iter().map(|(code, _)| code).collect()
}

/// Whether it is a page, which says in words what is wrong.
fn is_page(response: &Value) -> bool {
    response["content"]["text/html"].is_object()
}

#[test]
fn the_description_is_openapi_3_1_with_every_route_and_no_other() {
    let description = description();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"), "{}", description["openapi"]);
    assert_eq!(description["info"]["title"], "tokensmith");
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: BTreeSet<_> = operations(&description).into_iter().map(|(name, _)| name).collect();
    let routes: BTreeSet<_> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(described, routes);
}

#[test]
fn every_operation_says_what_it_does_and_what_it_answers() {
    let description = description();
    let schemes = &description["components"]["securitySchemes"];
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&description) {
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{name}");
        assert!(operation["tags"].as_array().is_some_and(|tags| !tags.is_empty()), "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{name}");
        // Generators of clients make a function of each.
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{name} has the operationId {id} of another one");
        for parameter in name.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let named = |described: &Value| described["name"] == parameter && described["in"] == "path";
            assert!(operation["parameters"].as_array().is_some_and(|all| all.iter().any(named)), "{name}: {parameter}");
        }
        let security = operation.get("security").unwrap_or(&description["security"]).as_array().unwrap();
        for scheme in security.iter().flat_map(|one| one.as_object().unwrap().keys()) {
            assert!(schemes[scheme].is_object(), "{name}: {scheme}");
        }
        for (status, response) in responses {
            let (examples, is_oauth) = examples(response);
            assert_eq!(
                examples.is_empty(),
                status.starts_with(['2', '3']) || is_page(response),
                "{name} {status} has examples of its problems"
            );
            assert!(!is_oauth || name.contains(" /oauth/"), "{name}");
            for (code, example) in examples {
                let words = if is_oauth { "error_description" } else { "detail" };
                assert!(example[words].as_str().is_some_and(|words| !words.is_empty()), "{name} {status}");
                if is_oauth {
                    assert!(
                        example["error"].is_string() && example.as_object().unwrap().len() == 2,
                        "{name}: {example}"
                    );
                    continue;
                }
                assert_eq!(
                    (&example["code"], example["status"].to_string()),
                    (&Value::from(code), status.clone()),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn every_response_is_described_with_its_headers_and_codes() {
    let description = description();
    let required = |response: &Value, header: &str| {
        let header = &response["headers"][header];
        header["required"] == true && header["schema"]["type"].is_string() && header["description"].is_string()
    };
    let all = &description["components"]["schemas"]["ProblemCode"]["enum"];
    for (name, operation) in operations(&description) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let text = response["description"].as_str().unwrap_or_default();
            assert!(text.len() > 3, "{name} {status}: {text:?}");
            assert!(required(response, "X-Request-Id"), "{name} {status}");
            assert_eq!(required(response, "WWW-Authenticate"), status == "401", "{name} {status}");
            assert_eq!(required(response, "Retry-After"), ["429", "503"].contains(&status.as_str()), "{name} {status}");
            let (examples, is_oauth) = examples(response);
            let codes: Vec<_> = examples.into_iter().map(|(code, _)| code).collect();
            if !codes.is_empty() && !is_oauth {
                let schema = &response["content"]["application/problem+json"]["schema"];
                assert_eq!(schema["allOf"][1]["properties"]["code"]["enum"], json!(codes), "{name} {status}");
                assert!(codes.iter().all(|code| all.as_array().unwrap().contains(&json!(code))), "{codes:?}");
            }
        }
    }
}

/// The schema of an operation's JSON body.
fn body_schema<'a>(description: &'a Value, operation: &'a Value) -> Option<&'a Value> {
    let schema = operation["requestBody"]["content"]["application/json"]["schema"].as_object()?;
    let reference = schema["$ref"].as_str().unwrap();
    description.pointer(reference.trim_start_matches('#'))
}

#[test]
fn every_example_of_a_body_works_as_it_stands() {
    let app = TestApp::start_with(Engine::Sqlite, &[("MAIL_URL", "log:"), ("MAIL_FROM", "id@example.com"), ISSUER]);
    app.insert_client(&NOTES);
    let (_, with_passkey, passkey) = owner(&app, "with-passkey");
    let description = app.get("/openapi.json").ok();
    let mut tried = 0;
    for (name, operation) in operations(&description) {
        let Some(schema) = body_schema(&description, operation) else { continue };
        let example = &schema["example"];
        let members = example.as_object().unwrap_or_else(|| panic!("{name} has no example"));
        for (member, value) in members {
            assert!(schema["properties"][member].is_object(), "{name}: {member}");
            assert!(!["emergency", "audience"].contains(&member.as_str()) && *value != "string", "{name}: {member}");
        }
        let [user, admin] = [("user", &[][..]), ("admin", &["admin"])]
            .map(|(name, roles)| app.create_user(&format!("{name}-{tried}"), roles));
        let (method, path) = name.split_once(' ').unwrap();
        let is_passkey = path.contains("/passkeys/");
        let pair =
            if is_passkey { with_passkey.clone() } else { app.login(&admin.username.to_string(), PASSWORD).ok() };
        let id = match path {
            _ if is_passkey => passkey["id"].as_str().unwrap().to_owned(),
            _ if path.contains("/clients/") => NOTES.id.to_owned(),
            _ if path.contains("/claims/") => "plan".to_owned(),
            _ => user.id.to_string(),
        };
        let answer = app.ask_as(method, &path.replace("{id}", &id), &pair, Some(example));
        assert!(![400, 404, 415].contains(&answer.status), "{name}: {answer:?}");
        tried += 1;
    }
    assert!(tried > 12, "{tried}");
}

#[test]
fn the_description_says_what_the_settings_allow() {
    let settings = [
        ("AUDIENCE", "https://api.example.com, https://old.example.com RS256"),
        ("SCOPES", "notes:read,notes:write"),
        ("BASIC_AUTH", "on"),
    ];
    let described = TestApp::start_with(Engine::Sqlite, &settings).get("/openapi.json").ok();
    let audiences = json!(["https://api.example.com", "https://old.example.com", null]);
    for schema in ["Login", "Refresh", "Exchange"] {
        let audience = &described["components"]["schemas"][schema]["properties"]["audience"];
        assert_eq!(audience["enum"], audiences, "{schema}");
    }
    assert_eq!(described["components"]["schemas"]["ScopeName"]["enum"], json!(["notes:read", "notes:write"]));
    let login = |description: &Value| {
        let operation = &description["paths"]["/v1/tokens"]["post"];
        let required = description["components"]["schemas"]["Login"]["required"].clone();
        (operation["requestBody"]["required"].clone(), required, operation["security"].to_string())
    };
    let (body, members, security) = login(&described);
    assert_eq!((body, members), (json!(false), Value::Null));
    assert!(security.contains("basic"), "{security}");
    let (body, members, security) = login(&description());
    assert_eq!((body, members), (json!(true), json!(["username", "password"])));
    assert!(!security.contains("basic"), "{security}");
}

#[test]
fn the_allowed_words_of_a_member_are_listed() {
    let description = description();
    let schemas = &description["components"]["schemas"];
    for (schema, word) in [
        ("EndReason", "password_changed"),
        ("EventName", "database_restored"),
        ("SigningAlgorithm", "EdDSA"),
        ("SigningKeyState", "retired"),
        ("ApiTokenStatus", "revoked"),
        ("TokenKind", "api_token"),
        ("FieldCode", "password_too_common"),
        ("ProblemCode", "origin_not_allowed"),
    ] {
        assert!(schemas[schema]["enum"].as_array().unwrap().contains(&json!(word)), "{schema}");
        let used = description.to_string().matches(&format!("#/components/schemas/{schema}\"")).count();
        assert!(used > 0, "{schema}");
    }
}

#[test]
fn every_reference_can_be_resolved() {
    let description = description();
    let text = description.to_string();
    let references = text.split(r##""$ref":"#"##).skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut seen = 0;
    for reference in references {
        assert!(description.pointer(reference).is_some(), "{reference}");
        seen += 1;
    }
    assert!(seen > ROUTES.len(), "{seen}");
}

#[test]
fn every_code_of_the_table_is_an_answer_of_some_operation_and_the_reverse() {
    let description = description();
    let described: BTreeSet<_> = operations(&description)
        .into_iter()
        .flat_map(|(_, operation)| {
            operation["responses"].as_object().unwrap().values().flat_map(codes).collect::<Vec<_>>()
        })
        .collect();
    let documented: BTreeSet<_> = CODES.iter().map(|code| code.name.to_owned()).collect();
    let missing: Vec<_> = documented.iter().filter(|code| !OF_NO_OPERATION.contains(&code.as_str())).collect();
    let missing: Vec<_> = missing.into_iter().filter(|code| !described.contains(*code)).collect();
    assert!(missing.is_empty(), "no operation answers {missing:?}");
    let untold: Vec<_> = described.difference(&documented).collect();
    assert!(untold.is_empty(), "the table lacks {untold:?}");
}

/// What an HTML page loads.
fn links(page: &str) -> Vec<String> {
    let links = ["src=\"", "href=\""].into_iter().flat_map(|attribute| page.split(attribute).skip(1));
    links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let app = TestApp::start(Engine::Sqlite);
    // Relative, so that a proxy may put a path before all of ours.
    for (path, location) in [("/", "docs/index.html"), ("/docs", "docs/index.html"), ("/docs/", "index.html")] {
        let redirect = app.get(path);
        assert_eq!((redirect.status, redirect.header("location")), (302, location), "{path}");
    }
    let get = |file: &str| {
        let answer = app.get(&format!("/docs/{file}"));
        assert_eq!((answer.status, answer.header("x-content-type-options")), (200, "nosniff"), "{file}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && policy.contains("script-src 'self';"), "{file}: {policy}");
        assert!(!policy.contains("http") && !policy.contains('*'), "{file}: {policy}");
        answer
    };
    let page = get("index.html");
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    assert!(page.body.contains("<title>tokensmith</title>"), "{}", page.body);
    // The policy runs no script inside of the page.
    assert_eq!(page.body.matches("<script").count(), page.body.matches("<script src=\"").count());
    assert!(!page.body.contains("<style") && !page.body.contains("//"), "{}", page.body);
    let mut types = BTreeSet::new();
    for link in links(&page.body) {
        let file = link.strip_prefix("./").unwrap_or(&link);
        let expected = match file.rsplit('.').next().unwrap() {
            "js" => "javascript",
            "css" => "text/css",
            "png" => "image/png",
            other => panic!("{other}"),
        };
        let content_type = content_type_of(&app, file);
        assert!(content_type.contains(expected), "{file}: {content_type}");
        types.insert(expected);
        if expected != "image/png" {
            assert!(get(file).body.len() > 50, "{file}");
        }
    }
    assert_eq!(types.len(), 3, "{types:?}");
    let initializer = get("swagger-initializer.js").body;
    assert!(
        initializer.contains(r#"url: "../openapi.json""#) || initializer.contains(r#""url": "../openapi.json""#),
        "{initializer}"
    );
    assert!(!initializer.contains("://"), "{initializer}");
}

/// Of a file that may not be text.
fn content_type_of(app: &TestApp, file: &str) -> String {
    let answer: Answer = app.send("HEAD", &format!("/docs/{file}"), &[], b"");
    assert_eq!(answer.status, 200, "{file}");
    answer.header("content-type").to_owned()
}

#[test]
fn the_page_has_no_files_but_its_own() {
    let app = TestApp::start(Engine::Sqlite);
    for file in [
        "Cargo.toml",
        "openapi.json",
        "..%2f..%2fCargo.toml",
        "..%2F..%2FCargo.toml",
        "%2e%2e%2f%2e%2e%2fCargo.toml",
        "../../Cargo.toml",
        "..%5c..%5cCargo.toml",
        "%2fetc%2fpasswd",
        "index.html%00.js",
        "INDEX.HTML",
    ] {
        app.get(&format!("/docs/{file}")).problem(404, "not_found");
    }
}
