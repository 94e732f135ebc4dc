//! Every endpoint, in one table.

use std::ptr;
use std::sync::LazyLock;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{Resource, guard, web};

use super::api::{
    admin_claims, admin_clients, admin_invitations, admin_keys, admin_user_access, admin_users, api_tokens,
    applications, attributes, audit, authenticate, change_password, continuing, docs, email_verification, health,
    identities, me, passkey_tokens, passkeys, password_resets, registrations, sessions, tokens, totp, well_known,
};
use super::audience::{Audience, SIMPLEJWT};
use super::codes::{
    ACCESS_TOKEN_MISSING, ACCOUNT_DISABLED, API_TOKEN_NOT_FOUND, BAD_CHALLENGE, BAD_CREDENTIALS, BAD_INVITATION,
    BAD_MAIL_TOKEN, BASIC_AUTH_OFF, CLAIM_LOCKED, CLAIM_READ_ONLY, CLAIM_UNKNOWN, CLIENT_ID_TAKEN, CLIENT_UNKNOWN,
    CLIENT_WITHOUT_SECRET, CSRF_REFUSED, DATA_KEY_UNAVAILABLE, DATABASE_UNAVAILABLE, EMAIL_MISSING, EMAIL_TAKEN,
    FACTOR_NOT_FOUND, IDENTITY_NOT_FOUND, INVALID_CLIENT, INVALID_FIELDS, INVALID_GRANT, INVALID_REQUEST,
    INVALID_SCOPE, INVALID_TARGET, INVITATION_REQUIRED, INVITATION_UNKNOWN, KEY_CONFLICT, KEY_UNKNOWN, LAST_ADMIN,
    LAST_WAY_IN, MAIL_OFF, METHOD_NOT_ALLOWED, NOT_FOUND, OTP_LOCKED, OVERLOADED, PASSKEY_NOT_FOUND, PASSKEYS_OFF,
    PROVIDER_REFUSED, PROVIDER_UNAVAILABLE, PROVIDER_UNKNOWN, REAUTHENTICATION_REQUIRED, REFRESH_COOKIE_MISSING,
    REFRESH_TOKEN_REUSED, REGISTRATION_OFF, REGISTRATION_UNKNOWN, ROLE_MISSING, SCOPE_MISSING,
    SECOND_FACTOR_ENROLMENT_REQUIRED, SECOND_FACTOR_REQUIRED, SESSION_COOKIES_OFF, SESSION_NOT_FOUND, SESSION_REQUIRED,
    TOKEN_REVOKED, TOO_MANY_API_TOKENS, TOO_MANY_CLAIMS, TOO_MANY_FAILURES, TOO_MANY_MAILS, TOO_MANY_PASSKEYS,
    UNAUTHORIZED_CLIENT, UNSUPPORTED_GRANT_TYPE, USER_UNKNOWN, USERNAME_TAKEN, USERNAME_TOO_SIMILAR, WRONG_CLIENT,
    WRONG_OTP, WRONG_RECOVERY_CODE,
};
use super::compat::routes as compat;
use super::cors::cors;
use super::endpoint::{Endpoint, endpoint};
use super::failure::Failure;
use super::groups::{API_TOKEN, NEW_PASSKEY, PASSKEY, PASSWORD, SECOND_FACTOR, SESSION, TOKEN};
use super::oauth::{self, introspect, token, userinfo};
use super::pages::{
    account, assets, authorize, email_verification as email_verification_page, from_provider, interactions, login,
    logout, password_reset, registration, upstream,
};

/// The table: each handler, and the error codes of its use case.
pub static ROUTES: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    vec![
        endpoint!(
            tokens::create,
            [
                DATABASE_UNAVAILABLE,
                BASIC_AUTH_OFF,
                INVALID_REQUEST,
                BAD_CREDENTIALS,
                SECOND_FACTOR_REQUIRED,
                SECOND_FACTOR_ENROLMENT_REQUIRED,
                ACCOUNT_DISABLED,
                TOO_MANY_FAILURES,
                OVERLOADED,
                CSRF_REFUSED,
                SESSION_COOKIES_OFF
            ]
        ),
        endpoint!(
            continuing::go_on,
            SECOND_FACTOR,
            PASSKEY,
            [
                DATABASE_UNAVAILABLE,
                SECOND_FACTOR_ENROLMENT_REQUIRED,
                TOKEN_REVOKED,
                ACCOUNT_DISABLED,
                TOO_MANY_FAILURES,
                OVERLOADED,
                CSRF_REFUSED,
                SESSION_COOKIES_OFF
            ]
        ),
        endpoint!(
            tokens::refresh,
            TOKEN,
            SESSION,
            [
                DATABASE_UNAVAILABLE,
                REFRESH_TOKEN_REUSED,
                REFRESH_COOKIE_MISSING,
                WRONG_CLIENT,
                OVERLOADED,
                CSRF_REFUSED,
                SESSION_COOKIES_OFF
            ]
        ),
        endpoint!(
            passkey_tokens::options,
            [DATABASE_UNAVAILABLE, PASSKEYS_OFF, BAD_CHALLENGE, PASSKEY_NOT_FOUND, ACCOUNT_DISABLED, OVERLOADED]
        ),
        endpoint!(
            passkey_tokens::create,
            PASSKEY,
            [DATABASE_UNAVAILABLE, ACCOUNT_DISABLED, TOO_MANY_FAILURES, OVERLOADED, CSRF_REFUSED, SESSION_COOKIES_OFF]
        ),
        endpoint!(tokens::verify, TOKEN, API_TOKEN, SESSION),
        endpoint!(tokens::revoke, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(tokens::exchange, API_TOKEN),
        endpoint!(sessions::logout),
        endpoint!(sessions::logout_all),
        endpoint!(sessions::list),
        endpoint!(sessions::end, [SESSION_NOT_FOUND]),
        endpoint!(me::identity),
        endpoint!(authenticate::authenticate, [ROLE_MISSING, SCOPE_MISSING]),
        endpoint!(me::profile, [USER_UNKNOWN]),
        endpoint!(
            me::change_profile,
            [
                REAUTHENTICATION_REQUIRED,
                SECOND_FACTOR_ENROLMENT_REQUIRED,
                USER_UNKNOWN,
                USERNAME_TAKEN,
                USERNAME_TOO_SIMILAR,
                TOO_MANY_FAILURES,
                TOO_MANY_MAILS,
                OVERLOADED
            ]
        ),
        endpoint!(attributes::mine, [USER_UNKNOWN]),
        endpoint!(attributes::change_mine, [USER_UNKNOWN]),
        endpoint!(email_verification::create, [USER_UNKNOWN, EMAIL_MISSING, MAIL_OFF, TOO_MANY_MAILS, OVERLOADED]),
        endpoint!(
            email_verification::confirm,
            [USER_UNKNOWN, BAD_MAIL_TOKEN, EMAIL_TAKEN, TOO_MANY_FAILURES, OVERLOADED]
        ),
        endpoint!(
            password_resets::create,
            [INVALID_FIELDS, MAIL_OFF, TOO_MANY_MAILS, DATABASE_UNAVAILABLE, OVERLOADED]
        ),
        endpoint!(
            password_resets::confirm,
            [
                INVALID_FIELDS,
                MAIL_OFF,
                BAD_MAIL_TOKEN,
                SECOND_FACTOR_REQUIRED,
                WRONG_OTP,
                OTP_LOCKED,
                WRONG_RECOVERY_CODE,
                TOO_MANY_FAILURES,
                DATA_KEY_UNAVAILABLE,
                DATABASE_UNAVAILABLE,
                OVERLOADED
            ]
        ),
        endpoint!(
            registrations::create,
            [
                INVALID_FIELDS,
                REGISTRATION_OFF,
                INVITATION_REQUIRED,
                BAD_INVITATION,
                MAIL_OFF,
                TOO_MANY_MAILS,
                DATABASE_UNAVAILABLE,
                OVERLOADED
            ]
        ),
        endpoint!(
            registrations::confirm,
            [
                INVALID_FIELDS,
                REGISTRATION_OFF,
                INVITATION_REQUIRED,
                BAD_INVITATION,
                BAD_MAIL_TOKEN,
                USERNAME_TAKEN,
                USERNAME_TOO_SIMILAR,
                EMAIL_TAKEN,
                SECOND_FACTOR_ENROLMENT_REQUIRED,
                BAD_CREDENTIALS,
                ACCOUNT_DISABLED,
                SESSION_COOKIES_OFF,
                CSRF_REFUSED,
                TOO_MANY_FAILURES,
                DATABASE_UNAVAILABLE,
                OVERLOADED
            ]
        ),
        endpoint!(me::change_password, PASSWORD, [USER_UNKNOWN]),
        endpoint!(me::reauthenticate, PASSWORD, PASSKEY, [USER_UNKNOWN, SESSION_COOKIES_OFF, SECOND_FACTOR_REQUIRED]),
        endpoint!(totp::enrol, [BAD_CHALLENGE, USER_UNKNOWN, DATA_KEY_UNAVAILABLE]),
        endpoint!(
            totp::confirm,
            [BAD_CHALLENGE, USER_UNKNOWN, DATA_KEY_UNAVAILABLE, WRONG_OTP, TOO_MANY_FAILURES, OVERLOADED]
        ),
        endpoint!(totp::remove, [USER_UNKNOWN, FACTOR_NOT_FOUND]),
        endpoint!(totp::renew_codes, [FACTOR_NOT_FOUND]),
        endpoint!(passkeys::options, [PASSKEYS_OFF, BAD_CHALLENGE, USER_UNKNOWN, TOO_MANY_PASSKEYS]),
        endpoint!(passkeys::create, NEW_PASSKEY, [BAD_CHALLENGE, USER_UNKNOWN]),
        endpoint!(passkeys::list, [DATABASE_UNAVAILABLE]),
        endpoint!(passkeys::rename, [DATABASE_UNAVAILABLE, PASSKEY_NOT_FOUND]),
        endpoint!(passkeys::remove, [PASSKEY_NOT_FOUND, LAST_WAY_IN]),
        endpoint!(identities::list, [DATABASE_UNAVAILABLE]),
        endpoint!(identities::unlink, [DATABASE_UNAVAILABLE, IDENTITY_NOT_FOUND, LAST_WAY_IN]),
        endpoint!(applications::list, [DATABASE_UNAVAILABLE]),
        endpoint!(applications::remove, [DATABASE_UNAVAILABLE]),
        endpoint!(api_tokens::list),
        endpoint!(api_tokens::create, [USER_UNKNOWN, TOO_MANY_API_TOKENS]),
        endpoint!(api_tokens::revoke, [API_TOKEN_NOT_FOUND]),
        endpoint!(api_tokens::rotate, [API_TOKEN_NOT_FOUND]),
        endpoint!(
            token::create,
            [
                INVALID_CLIENT,
                INVALID_GRANT,
                INVALID_SCOPE,
                INVALID_TARGET,
                UNAUTHORIZED_CLIENT,
                UNSUPPORTED_GRANT_TYPE,
                DATABASE_UNAVAILABLE,
                OVERLOADED
            ]
        ),
        endpoint!(oauth::revoke::create, [INVALID_CLIENT, UNAUTHORIZED_CLIENT, DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(introspect::create, [INVALID_CLIENT, UNAUTHORIZED_CLIENT, DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(userinfo::show, TOKEN, [INVALID_REQUEST, ACCESS_TOKEN_MISSING, SCOPE_MISSING, DATABASE_UNAVAILABLE]),
        endpoint!(
            userinfo::show_by_post,
            TOKEN,
            [INVALID_REQUEST, ACCESS_TOKEN_MISSING, SCOPE_MISSING, DATABASE_UNAVAILABLE]
        ),
        endpoint!(admin_users::list),
        endpoint!(admin_users::create, [USERNAME_TAKEN, OVERLOADED]),
        endpoint!(admin_users::show, [USER_UNKNOWN]),
        endpoint!(admin_users::change, [USER_UNKNOWN, USERNAME_TAKEN]),
        endpoint!(attributes::show, [USER_UNKNOWN]),
        endpoint!(attributes::change, [USER_UNKNOWN]),
        endpoint!(admin_users::delete, [USER_UNKNOWN, LAST_ADMIN]),
        endpoint!(admin_users::disable, [SESSION_REQUIRED, USER_UNKNOWN, LAST_ADMIN]),
        endpoint!(admin_users::enable, [USER_UNKNOWN]),
        endpoint!(admin_users::set_roles, [USER_UNKNOWN, LAST_ADMIN]),
        endpoint!(admin_users::reset_password, [USER_UNKNOWN, OVERLOADED]),
        endpoint!(admin_user_access::reset_second_factors, [SESSION_REQUIRED, USER_UNKNOWN, FACTOR_NOT_FOUND]),
        endpoint!(admin_user_access::list_identities, [USER_UNKNOWN]),
        endpoint!(admin_user_access::unlink_identity, [SESSION_REQUIRED, USER_UNKNOWN, IDENTITY_NOT_FOUND]),
        endpoint!(admin_user_access::list_sessions, [USER_UNKNOWN]),
        endpoint!(admin_user_access::end_sessions, [SESSION_REQUIRED, USER_UNKNOWN]),
        endpoint!(admin_user_access::end_session, [SESSION_REQUIRED, SESSION_NOT_FOUND]),
        endpoint!(admin_user_access::list_api_tokens, [USER_UNKNOWN]),
        endpoint!(admin_user_access::revoke_api_tokens, [SESSION_REQUIRED, USER_UNKNOWN]),
        endpoint!(admin_user_access::revoke_api_token, [SESSION_REQUIRED, API_TOKEN_NOT_FOUND]),
        endpoint!(admin_invitations::list_invitations),
        endpoint!(
            admin_invitations::create_invitation,
            [INVALID_FIELDS, REGISTRATION_OFF, EMAIL_TAKEN, DATA_KEY_UNAVAILABLE, OVERLOADED]
        ),
        endpoint!(admin_invitations::withdraw_invitation, [SESSION_REQUIRED, INVITATION_UNKNOWN]),
        endpoint!(admin_invitations::list_registrations),
        endpoint!(admin_invitations::withdraw_registration, [SESSION_REQUIRED, REGISTRATION_UNKNOWN]),
        endpoint!(admin_clients::list),
        endpoint!(admin_clients::create, [CLIENT_ID_TAKEN]),
        endpoint!(admin_clients::show, [CLIENT_UNKNOWN]),
        endpoint!(admin_clients::change, [CLIENT_UNKNOWN]),
        endpoint!(admin_clients::delete, [CLIENT_UNKNOWN]),
        endpoint!(admin_clients::rotate_secret, [CLIENT_UNKNOWN, CLIENT_WITHOUT_SECRET]),
        endpoint!(admin_clients::disable, [CLIENT_UNKNOWN]),
        endpoint!(admin_clients::enable, [CLIENT_UNKNOWN]),
        endpoint!(admin_claims::list),
        endpoint!(admin_claims::put, [CLAIM_LOCKED, CLAIM_READ_ONLY, TOO_MANY_CLAIMS]),
        endpoint!(admin_claims::delete, [CLAIM_LOCKED, CLAIM_READ_ONLY, CLAIM_UNKNOWN]),
        endpoint!(audit::list),
        endpoint!(admin_keys::list),
        endpoint!(admin_keys::rotate, [KEY_CONFLICT, KEY_UNKNOWN]),
        endpoint!(change_password::change_password, [NOT_FOUND]),
        endpoint!(passkeys::endpoints, [NOT_FOUND]),
        endpoint!(well_known::jwks),
        endpoint!(well_known::denylist),
        endpoint!(well_known::metadata),
        endpoint!(well_known::metadata_of_path, [NOT_FOUND]),
        endpoint!(well_known::openid_configuration),
        endpoint!(well_known::openid_configuration_of_path, [NOT_FOUND]),
        endpoint!(health::alive),
        endpoint!(health::ready, [DATABASE_UNAVAILABLE]),
        endpoint!(authorize::authorize, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(authorize::authorize_by_form),
        endpoint!(interactions::show, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(interactions::act, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(login::show, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(login::act, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(
            upstream::begin,
            [PROVIDER_UNKNOWN, PROVIDER_UNAVAILABLE, DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND, METHOD_NOT_ALLOWED]
        ),
        endpoint!(
            upstream::finish,
            [
                PROVIDER_UNKNOWN,
                PROVIDER_REFUSED,
                PROVIDER_UNAVAILABLE,
                DATA_KEY_UNAVAILABLE,
                DATABASE_UNAVAILABLE,
                OVERLOADED,
                METHOD_NOT_ALLOWED
            ]
        ),
        endpoint!(password_reset::show, [NOT_FOUND]),
        endpoint!(password_reset::act, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(password_reset::show_link, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(password_reset::act_on_link, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(email_verification_page::show, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(email_verification_page::act, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(from_provider::show, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(from_provider::act, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(registration::show, [NOT_FOUND]),
        endpoint!(registration::act, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(registration::show_link, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(registration::act_on_link, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(registration::show_invitation, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(registration::act_on_invitation, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(account::show_profile, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(account::change_profile, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(account::show_section, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(account::change_section, [DATABASE_UNAVAILABLE, OVERLOADED, NOT_FOUND]),
        endpoint!(logout::start, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(logout::start_by_form),
        endpoint!(logout::confirm, [DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(assets::styles),
        endpoint!(assets::passkeys),
        endpoint!(docs::openapi),
        endpoint!(docs::root),
        endpoint!(docs::docs),
        endpoint!(docs::folder),
        endpoint!(docs::file, [NOT_FOUND]),
    ]
});

/// The scope of an audience with its endpoints, below a prefix. Other methods get 405 with the allowed methods, other paths get 404.
pub(super) fn scope(audience: &'static Audience, prefix: &str) -> impl HttpServiceFactory + use<> {
    let mut scope = web::scope(prefix).app_data(audience);
    let all = ROUTES.iter().chain(compat::ROUTES.iter());
    let of_audience = all.filter(|endpoint| ptr::eq(Audience::of_path(&endpoint.path), audience));
    let mut by_path: Vec<(&str, Vec<&Endpoint>)> = Vec::new();
    for endpoint in of_audience {
        match by_path.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, endpoints)) => endpoints.push(endpoint),
            None => by_path.push((&endpoint.path, vec![endpoint])),
        }
    }
    // They are tried in turn, and a comparison costs less than a pattern.
    by_path.sort_by_key(|(path, _)| path.contains('{'));
    for (path, endpoints) in by_path {
        scope = scope.service(resource(
            path.strip_prefix(audience.prefix).unwrap_or(path),
            &endpoints,
            audience.takes_head,
        ));
    }
    let others = if ptr::eq(audience, &raw const SIMPLEJWT) { web::to(compat::with_slash) } else { web::to(not_found) };
    scope.default_service(others).wrap(from_fn(cors))
}

/// The endpoints of one path.
fn resource(path: &str, endpoints: &[&'static Endpoint], takes_head: bool) -> Resource {
    // The only parameter that may contain slashes.
    let mut resource = web::resource(path.replace("{issuer_path}", "{issuer_path:.+}"));
    let mut allowed = Vec::new();
    for Endpoint { method, handler, .. } in endpoints {
        resource = resource.route(handler().guard(guard::fn_guard(move |context| {
            let head_as_get = takes_head && *method == "GET" && context.head().method == Method::HEAD;
            head_as_get || context.head().method.as_str() == *method
        })));
        allowed.extend(if takes_head && *method == "GET" {
            ["GET", "HEAD"].as_slice()
        } else {
            std::slice::from_ref(method)
        });
    }
    resource.default_service(web::to(move || {
        let refusal = Failure::MethodNotAllowed(allowed.clone());
        async { Err::<&'static str, _>(refusal) }
    }))
}

/// The handler of paths that do not exist.
pub(super) async fn not_found() -> Result<&'static str, Failure> {
    Err(Failure::PathUnknown)
}
