"""The response to a request of a `Client`, and its errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPMessage
from typing import Any

#: No response, or one of a server that may answer later.
_RETRIABLE = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True)
class Response:
    """A response, read completely."""

    status_code: int
    #: By name; the case of names does not matter.
    headers: HTTPMessage
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is not an error."""
        return self.status_code < HTTPStatus.BAD_REQUEST

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; ValueError if it is none."""
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        """ClientError if the status is an error."""
        if not self.ok:
            raise error_of(self)


class ClientError(Exception):
    """tokensmith, or a service, has refused a request. `code` is a stable name of the reason, for programs."""

    #: What `POST /v1/tokens/continue` needs, with the code `second_factor_required`.
    challenge: str | None = None
    #: With what the login goes on then, such as `otp`, `recovery_code`, and others that this version does not know.
    methods: tuple[str, ...] = ()

    def __init__(self, code: str, detail: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.status, self.retry_after = code, detail, status, retry_after

    def __str__(self) -> str:
        return f"{self.detail} ({self.code})"


class Unavailable(ClientError):
    """There was no response, or only that of a busy server. It may work later; `retry_after` may say when."""


class SignedOut(ClientError):
    """The refresh token or the API token is refused: the client sends no further requests until the next login."""


def error_of(response: Response, is_issuer: bool = False) -> ClientError:
    """What a response with an error says. The issuer names the code; one without is that of a proxy before it."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    problem = problem if isinstance(problem, dict) else {}
    code = problem.get("code") or problem.get("error")
    detail = problem.get("detail") or problem.get("title") or f"the server answered {response.status_code}"
    status = response.status_code
    is_retriable = status in _RETRIABLE or status >= HTTPStatus.INTERNAL_SERVER_ERROR or (is_issuer and not code)
    after = (response.headers.get("retry-after") or "").strip()
    retry_after = float(after) if after.isascii() and after.isdigit() else None
    kind = Unavailable if is_retriable else ClientError
    error = kind(str(code or f"http_{status}"), str(detail), status=status, retry_after=retry_after)
    if code == "second_factor_required":
        error.challenge = str(problem.get("challenge"))
        methods = problem.get("methods")
        error.methods = tuple(map(str, methods)) if isinstance(methods, list) else ()
    return error
