"""Protects FastAPI applications: `setup(app, issuer, audience)` once, then `token: Token` in a route, or
`dependencies=[requires(role="editor")]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Optional

from fastapi import Depends, FastAPI, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from .claims import Claims
from .errors import TokenError
from .verifier import Verifier

__all__ = ["OptionalToken", "Token", "requires", "setup"]

# It is there for the OpenAPI description: the header is read below, since FastAPI reads only the first one.
_scheme = HTTPBearer(bearerFormat="JWT", scheme_name="tokensmith", description="An access token.", auto_error=False)


def setup(
    app: FastAPI,
    issuer: str | None = None,
    audience: str | Sequence[str] | None = None,
    *,
    verifier: Verifier | None = None,
    **arguments: Any,
) -> Verifier:
    """Has the application take the access tokens of this issuer for this audience (by default the issuer, as with an
    issuer whose AUDIENCE is not set). The arguments are those of `Verifier`, which is returned; or one may be given.

    Refusals are problem documents (RFC 9457) with the challenge of RFC 6750. With `resource`, the metadata of this
    service (RFC 9728) is served, too.
    """
    if verifier is None:
        if issuer is None:
            raise ValueError("an issuer or a verifier is needed")
        verifier = Verifier(issuer, audience or issuer, **arguments)
    app.state.tokensmith = verifier
    app.add_exception_handler(TokenError, _refused)
    if verifier.resource is not None:
        # A plain route, since the dependencies of the application may need a token.
        app.add_route(verifier.resource.path, _metadata, include_in_schema=False)
    return verifier


async def _authenticated(request: Request, _scheme: Annotated[Any, Security(_scheme)]) -> Claims:
    return await _verifier(request).aauthenticate(request.headers.getlist("authorization"))


async def _authenticated_if_any(request: Request, _scheme: Annotated[Any, Security(_scheme)]) -> Claims | None:
    try:
        return await _authenticated(request, None)
    except TokenError as error:
        if error.code == "access_token_missing":
            return None
        raise


#: The claims of a valid access token. Without one the response is 401.
Token = Annotated[Claims, Depends(_authenticated)]

#: The claims of a valid access token, or None if the request has no token. A bad token gets 401.
OptionalToken = Annotated[Optional[Claims], Depends(_authenticated_if_any)]


def requires(
    *,
    role: str | None = None,
    scope: str | None = None,
    login: bool = False,
    acr: str | None = None,
    max_age: int | None = None,
) -> Any:
    """A dependency that lets in valid access tokens with this role and this scope; with `login`, only those of a user's
    login; with `acr` and `max_age`, only those of a login as strong and as recent (see `Verifier.require`). It is the
    claims: `claims: Annotated[Claims, requires(role="editor")]`, or `dependencies=[requires(..)]`."""

    async def required(request: Request, claims: Token) -> Claims:
        _verifier(request).require(claims, role=role, scope=scope, login=login, acr=acr, max_age=max_age)
        return claims

    return Security(required, scopes=[scope] if scope else [])


def _verifier(request: Request) -> Verifier:
    verifier = getattr(request.app.state, "tokensmith", None)
    if not isinstance(verifier, Verifier):
        raise TokenError("internal_error")
    return verifier


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, TokenError):
        raise error
    return JSONResponse(error.problem, error.status, headers=error.headers, media_type="application/problem+json")


async def _metadata(request: Request) -> JSONResponse:
    resource = _verifier(request).resource
    # Public, so that browser apps of any origin may read it.
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=300"}
    return JSONResponse(resource.metadata if resource else {}, headers=headers)
