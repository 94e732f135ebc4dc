"""Why a request is refused, and the response to it (RFC 6750 section 3, RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple, Optional

#: When keys or denylist may be available again, in seconds.
UNAVAILABLE_RETRY_AFTER = 2


class Kind(NamedTuple):
    """What a client is told besides the code: title, status, the `error` of the challenge, and the usual detail."""

    title: str
    status: int
    error: Optional[str]
    detail: str


def _refused(detail: str) -> Kind:
    return Kind("Token refused", 401, "invalid_token", detail)


#: The stable codes, the same as those of tokensmith and of its other verifiers.
KINDS = {
    "token_malformed": _refused("the token is malformed"),
    "token_wrong_type": _refused("the token is of another type than the one expected here"),
    "token_unknown_key": _refused("the token is signed with a key that is not known here"),
    "token_wrong_algorithm": _refused("the token's algorithm is not the one of its key"),
    "token_bad_signature": _refused("the token's signature is not valid"),
    "token_wrong_issuer": _refused("the token was issued by another service"),
    "token_wrong_audience": _refused("the token is meant for another audience"),
    "token_not_yet_valid": _refused("the token is not valid yet"),
    "token_expired": _refused("the token has expired"),
    "token_revoked": _refused("the token was revoked"),
    # RFC 6750 section 3.1: no error code for a request without any authentication.
    "access_token_missing": Kind("Access token missing", 401, None, "an access token is needed"),
    "invalid_request": Kind(
        "Malformed Authorization header", 400, "invalid_request", "expected Authorization: Bearer and one token"
    ),
    "session_required": Kind(
        "Session required", 403, "insufficient_scope", "this needs a login; an API token may not do it"
    ),
    "role_missing": Kind("Role missing", 403, "insufficient_scope", "the role '{}' is needed"),
    "scope_missing": Kind("Scope missing", 403, "insufficient_scope", "the scope '{}' is needed"),
    "reauthentication_required": Kind(
        "Reauthentication required",
        401,
        "insufficient_user_authentication",
        "the user must log in again, or in another way",
    ),
    "keys_unavailable": Kind("Keys unavailable", 503, None, "access tokens cannot be verified yet"),
    "denylist_stale": Kind("Denylist stale", 503, None, "it is not known whether the access token was revoked"),
    "internal_error": Kind("Internal error", 500, None, "the service is not set up to verify access tokens"),
}


@dataclass(frozen=True)
class Rendering:
    """How one service writes its refusals."""

    #: The protection space (RFC 9110 section 11.5).
    realm: str = ""
    #: The beginning of problem types; `about:blank` if there is none.
    problem_types: Optional[str] = None
    #: Where the metadata of the resource is (RFC 9728 section 5.1).
    resource_metadata: Optional[str] = None


class TokenError(Exception):
    """A request is refused. `code` is a stable name of the reason, for programs; the text is for people.

    `status`, `challenge` (the value of `WWW-Authenticate`), `retry_after` (seconds) and `problem` (the members of
    the problem document) are the response that tells the client.
    """

    #: How the user must have logged in, as the challenge says it (RFC 9470 section 3).
    acr: str | None = None
    max_age: int | None = None

    def __init__(
        self, code: str, about: str = "", *, detail: str | None = None, rendering: Rendering | None = None
    ) -> None:
        self.code = code
        self.about = about
        self.title, self.status, self.error, usual = KINDS[code]
        self.detail = detail or usual.format(about)
        self.rendering = rendering or Rendering()
        super().__init__(code, about)

    def __str__(self) -> str:
        return self.detail

    def rendered(self, rendering: Rendering) -> TokenError:
        """The same refusal as this service writes it."""
        return TokenError(self.code, self.about, detail=self.detail, rendering=rendering)

    @property
    def challenge(self) -> str | None:
        """The value of `WWW-Authenticate`, if the response has that header."""
        if self.error is None and self.status != HTTPStatus.UNAUTHORIZED:
            return None
        parameters = [("realm", self.rendering.realm)]
        if self.error is not None:
            parameters.append(("error", self.error))
            # RFC 6750 section 3: the challenge may name the required scope.
            if self.code == "scope_missing":
                parameters.append(("scope", self.about))
            if self.acr is not None:
                parameters.append(("acr_values", self.acr))
            if self.max_age is not None:
                parameters.append(("max_age", str(self.max_age)))
            parameters.append(("error_description", self.detail))
        if self.rendering.resource_metadata:
            parameters.append(("resource_metadata", self.rendering.resource_metadata))
        return "Bearer " + ", ".join(f"{name}={_quoted(value)}" for name, value in parameters)

    @property
    def retry_after(self) -> int | None:
        """The value of `Retry-After` in seconds, if the response has that header."""
        return UNAVAILABLE_RETRY_AFTER if self.status == HTTPStatus.SERVICE_UNAVAILABLE else None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response."""
        headers = {"Cache-Control": "no-store"}
        if self.challenge is not None:
            headers["WWW-Authenticate"] = self.challenge
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers

    @property
    def problem(self) -> dict[str, Any]:
        """The members of the problem document (RFC 9457 section 3.1), and the code."""
        types = self.rendering.problem_types
        # RFC 9457 section 4.2.1: the title of about:blank is that of the status.
        kind, title = (types + self.code, self.title) if types else ("about:blank", HTTPStatus(self.status).phrase)
        return {"type": kind, "title": title, "status": self.status, "detail": self.detail, "code": self.code}


def _quoted(text: str) -> str:
    """RFC 9110 section 5.6.4, without what is not printable ASCII."""
    printable = "".join(character for character in text if " " <= character <= "~")
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'
