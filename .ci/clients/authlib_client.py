"""Authlib: a confidential client with requests, and client_credentials."""

import os

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from harness import CALLBACK, GOODBYE, ISSUER, browser, register, step
from browser import Step
from joserfc import jwt
from joserfc.jwk import KeySet

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
SCOPE = "openid profile email roles offline_access"


def session(registered, metadata, **options):
    return OAuth2Session(
        registered["client_id"], registered.get("client_secret"), redirect_uri=CALLBACK,
        token_endpoint=metadata["token_endpoint"], **options,
    )


def code_flow(metadata, method):
    scopes = [option for scope in SCOPE.split() for option in ("--scope", scope)]
    registered = register(
        f"Authlib with {method}", "--redirect-uri", CALLBACK, "--post-logout-redirect-uri", GOODBYE,
        "--token-endpoint-auth-method", method, "--id-token-signed-response-alg", "RS256", *scopes,
    )
    client = session(
        registered, metadata, scope=SCOPE, code_challenge_method="S256", token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method, introspection_endpoint_auth_method=method,
    )
    verifier, nonce = generate_token(48), generate_token()
    url, state = client.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    ada = browser()
    end = ada.walk(Step("GET", url), CALLBACK)
    assert ada.seen == ["login", "consent"], (ada.seen, end)
    token = client.fetch_token(authorization_response=end.url, code_verifier=verifier, state=state)
    keys = KeySet.import_key_set(client.get(metadata["jwks_uri"], withhold_token=True).json())
    claims = CodeIDToken(
        (decoded := jwt.decode(token["id_token"], keys, algorithms=["RS256"])).claims, decoded.header,
        {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": registered["client_id"]}},
        {"nonce": nonce, "client_id": registered["client_id"], "access_token": token["access_token"]},
    )
    claims.validate(leeway=5)
    assert claims["sub"] == os.environ["USER_ID"], claims
    step(f"{method}: code flow with PKCE and state; an ID token signed with RS256")

    info = client.get(metadata["userinfo_endpoint"]).json()
    assert info["sub"] == claims["sub"] and info["roles"] == ["editor"], info
    refreshed = client.refresh_token(metadata["token_endpoint"])
    assert refreshed["refresh_token"] != token["refresh_token"]
    assert client.introspect_token(metadata["introspection_endpoint"], refreshed["access_token"]).json()["active"]
    client.revoke_token(metadata["revocation_endpoint"], refreshed["refresh_token"]).raise_for_status()
    try:
        client.refresh_token(metadata["token_endpoint"], refreshed["refresh_token"])
        raise AssertionError("the refresh token is revoked")
    except OAuthError as refused:
        assert refused.error == "invalid_grant", refused
    step(f"{method}: userinfo with roles, refresh, introspection, revocation")


def client_credentials(metadata):
    registered = register("Nightly report", "--grant-type", "client_credentials", "--scope", "reports:write")
    client = session(registered, metadata, scope="reports:write")
    token = client.fetch_token(grant_type="client_credentials")
    assert token["token_type"] == "Bearer" and "refresh_token" not in token, token
    step("client_credentials")


def main():
    metadata = OAuth2Session().get(f"{ISSUER}/.well-known/openid-configuration", withhold_token=True).json()
    for method in ["client_secret_basic", "client_secret_post"]:
        code_flow(metadata, method)
    client_credentials(metadata)


main()
