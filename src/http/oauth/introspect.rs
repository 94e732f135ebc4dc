//! `/oauth/introspect`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{TokenForm, client, required};
use crate::app::App;
use crate::clock::Timestamp;
use crate::engine::deadline;
use crate::http::extract::Form;
use crate::http::failure::Failure;
use crate::http::view::pair::not_stored;
use crate::secret::Secret;
use crate::service::oauth::introspect;
use crate::service::verify::{ActiveToken, Token};
use tokensmith_verifier::Subject;

/// Whether a token is active, and what it says if it is: its other claims are there, too
/// ([RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
#[derive(ToSchema)]
#[schema(as = Introspection)]
#[expect(dead_code, reason = "the response is the token's own claims")]
pub(in crate::http) struct IntrospectionView {
    /// Whether the token is active. If it is not, there is nothing else.
    active: bool,
    /// `Bearer`, for what resource servers accept.
    #[schema(nullable = false)]
    token_type: Option<String>,
    /// The issuer.
    #[schema(nullable = false)]
    iss: Option<String>,
    /// The user, or the client itself.
    #[schema(nullable = false)]
    sub: Option<String>,
    /// The client that the token was issued to.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Scopes, separated by spaces.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// When it was issued, in seconds since 1970.
    #[schema(nullable = false)]
    iat: Option<i64>,
    /// When it expires, in seconds since 1970.
    #[schema(nullable = false)]
    exp: Option<i64>,
}

/// Ask about a token
///
/// Only for the client that the token was issued to and the resource servers in its audience
/// ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)). For other callers it is not active.
#[utoipa::path(post, path = "/oauth/introspect", tag = "applications", security(("client" = [])),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = IntrospectionView)))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    Form(params): Form,
) -> Result<HttpResponse, Failure> {
    let client = client(&request, &app, &params).await?;
    let token = Secret::new(required(&params, "token")?.trim().to_owned());
    app.known_keys.find_key_of(token.expose()).await?;
    let asked = app.clone();
    let _place = asked.api_tokens.place(token.expose()).await?;
    let its_app = app.clone();
    let found = deadline::on_a_thread(move || introspect::introspect(&its_app, &client, token.expose())).await?;
    Ok(found.map_or_else(|| not_stored(json!({"active": false})), |token| view(&app, &token)))
}

/// What is told of a token that is active ([RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
#[derive(Serialize)]
struct View<T> {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(flatten)]
    claims: T,
}

/// What an API token says.
#[derive(Serialize)]
struct ApiTokenClaims<'a> {
    iss: &'a str,
    sub: &'a Subject,
    client_id: &'a str,
    iat: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [String],
}

fn view(app: &App, token: &ActiveToken) -> HttpResponse {
    let (active, bearer) = (true, Some("Bearer"));
    match token {
        ActiveToken::Jwt(Token::Access(claims)) => {
            let mut claims = (**claims).clone();
            // Another issuer's clients have a claim of this name.
            claims.extra.remove("token_type");
            not_stored(View { active, token_type: bearer, claims })
        }
        // It is only for the client: no resource server accepts it.
        ActiveToken::Jwt(Token::Refresh(claims)) => not_stored(View { active, token_type: None, claims }),
        ActiveToken::Api(token, claims) => {
            let (sub, client_id, scope, roles) =
                (&claims.sub, &claims.client_id, claims.scope.as_deref(), &claims.roles);
            let (iss, iat, exp) = (&app.config.issuer, token.created_at, token.expires_at);
            let claims = ApiTokenClaims { iss, sub, client_id, iat, exp, scope, roles };
            not_stored(View { active, token_type: bearer, claims })
        }
    }
}
