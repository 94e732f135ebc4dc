"""FastAPI applications, and what their clients see."""

from __future__ import annotations

import time
from typing import Annotated, Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tokensmith import Claims
from tokensmith.fastapi import OptionalToken, Token, requires, setup
from tokensmith.testing import TestIssuer

from .http_issuer import HttpIssuer, eventually

USER = "019a0000-0000-7000-8000-000000000001"
SESSION = "019a0000-0000-7000-8000-00000000000a"

app = FastAPI()


@app.get("/notes")
async def notes(token: Token) -> dict[str, str]:
    return {"owner": token.sub}


@app.get("/maybe")
def maybe(token: OptionalToken) -> dict[str, str]:
    return {"owner": token.sub if token else "nobody"}


@app.get("/admin", dependencies=[requires(role="admin")])
def admin() -> str:
    return "in"


@app.get("/scoped")
def scoped(token: Annotated[Claims, requires(scope="notes:read")]) -> str:
    return token.sub


@app.get("/person", dependencies=[requires(login=True)])
def person() -> str:
    return "in"


@app.get("/strong", dependencies=[requires(acr="strong stronger", max_age=60)])
def strong() -> str:
    return "in"


@pytest.fixture
def issuer() -> TestIssuer:
    issuer = TestIssuer()
    setup(app, verifier=issuer.verifier(resource="https://api.test/notes", scopes=["notes:read"]))
    return issuer


def answer(path: str, token: str | None = None, client: TestClient | None = None) -> tuple[int, Any, str | None]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = (client or TestClient(app)).get(path, headers=headers)
    return response.status_code, response.json(), response.headers.get("www-authenticate")


METADATA = 'resource_metadata="https://api.test/.well-known/oauth-protected-resource/notes"'


def test_a_token_lets_in_where_it_is_needed_and_where_it_is_not(issuer: TestIssuer) -> None:
    token = issuer.token(USER)
    assert answer("/notes", token)[:2] == (200, {"owner": USER})
    assert answer("/maybe", token)[:2] == (200, {"owner": USER})
    assert answer("/maybe")[:2] == (200, {"owner": "nobody"})


def test_refusals_are_those_of_rfc_6750_and_rfc_9457(issuer: TestIssuer) -> None:
    status, body, challenge = answer("/notes")
    assert (status, challenge) == (401, f'Bearer realm="https://api.test", {METADATA}')
    assert body == {
        "type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "an access token is needed",
        "code": "access_token_missing",
    }  # fmt: skip
    status, body, challenge = answer("/maybe", issuer.token(USER, lives_for=-1))
    assert (status, body["code"]) == (401, "token_expired")
    assert challenge is not None and 'error="invalid_token"' in challenge
    response = TestClient(app).get("/notes", headers={"authorization": "Bearer two words"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    twice = [("authorization", f"Bearer {issuer.token(USER)}")] * 2
    assert TestClient(app).get("/notes", headers=twice).json()["code"] == "invalid_request"


def test_roles_scopes_and_logins_are_required(issuer: TestIssuer) -> None:
    plain = issuer.token(USER)
    assert answer("/admin", issuer.token(USER, roles=["admin"]))[0] == 200
    assert answer("/scoped", issuer.token(USER, scope="x notes:read"))[:2] == (200, USER)
    assert answer("/person", plain)[0] == 200
    status, body, challenge = answer("/admin", plain)
    assert (status, body["code"]) == (403, "role_missing")
    assert challenge is not None and 'error="insufficient_scope"' in challenge
    status, body, challenge = answer("/scoped", plain)
    assert (status, body["code"]) == (403, "scope_missing")
    assert challenge is not None and 'scope="notes:read"' in challenge
    assert answer("/person", issuer.token(USER, client_id="api-token"))[1]["code"] == "session_required"
    assert answer("/admin")[0] == 401


def test_a_login_that_is_too_weak_or_too_old_gets_the_challenge_of_rfc_9470(issuer: TestIssuer) -> None:
    now = int(time.time())
    assert answer("/strong", issuer.token(USER, acr="stronger", auth_time=now - 30))[:2] == (200, "in")
    refused: list[dict[str, Any]] = [{}, {"acr": "weak"}, {"acr": "strong", "auth_time": now - 90}]
    for claims in refused:
        status, body, challenge = answer("/strong", issuer.token(USER, **claims))
        assert (status, body["code"]) == (401, "reauthentication_required")
        expected = 'error="insufficient_user_authentication", acr_values="strong stronger", max_age="60", '
        assert challenge is not None and expected in challenge


def test_the_description_says_which_routes_need_a_token(issuer: TestIssuer) -> None:
    assert issuer
    description = TestClient(app).get("/openapi.json").json()
    scheme = description["components"]["securitySchemes"]["tokensmith"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    paths = description["paths"]
    assert paths["/notes"]["get"]["security"] == [{"tokensmith": []}]
    assert paths["/admin"]["get"]["security"] == [{"tokensmith": []}]
    assert paths["/scoped"]["get"]["security"] == [{"tokensmith": ["notes:read"]}]
    assert "parameters" not in paths["/notes"]["get"], "the header is no parameter"


def test_the_metadata_of_the_resource_is_served(issuer: TestIssuer) -> None:
    response = TestClient(app).get("/.well-known/oauth-protected-resource/notes")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.json() == {
        "resource": "https://api.test/notes", "authorization_servers": [issuer.issuer],
        "bearer_methods_supported": ["header"], "scopes_supported": ["notes:read"],
    }  # fmt: skip


def test_the_metadata_needs_no_token_even_if_every_route_does(issuer: TestIssuer) -> None:
    closed = FastAPI(dependencies=[requires()])
    closed.get("/notes")(notes)
    setup(closed, verifier=issuer.verifier(resource="https://api.test"))
    assert answer("/notes", client=TestClient(closed))[0] == 401
    assert answer("/.well-known/oauth-protected-resource", client=TestClient(closed))[0] == 200


def test_an_application_without_setup_lets_no_one_in() -> None:
    bare = FastAPI()
    bare.get("/")(notes)
    client = TestClient(bare, raise_server_exceptions=False)
    for headers in ({}, {"authorization": "Bearer x"}):
        assert client.get("/", headers=headers).status_code == 500


def test_a_logout_counts() -> None:
    issuer = HttpIssuer()
    mine = FastAPI()
    mine.get("/notes")(notes)
    with setup(mine, issuer.issuer, issuer.audience), TestClient(mine) as client:
        token = issuer.token(USER, sid=SESSION)
        assert answer("/notes", token, client)[0] == 200
        issuer.deny(sid=SESSION)
        eventually(lambda: answer("/notes", token, client)[0] == 401)
    issuer.stop()
