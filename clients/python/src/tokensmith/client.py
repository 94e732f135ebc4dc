"""A client for scripts: logs in or exchanges an API token, and keeps its access token fresh."""

from __future__ import annotations

import json as json_
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from ._http import HttpClient, HttpError, Limits, checked_url
from ._issuer import USER_AGENT, base_of
from ._response import ClientError, Response, SignedOut, Unavailable, error_of

__all__ = ["Client", "ClientError", "Response", "SignedOut", "Unavailable"]

#: How long a refresh without a response is retried with the same token, in seconds: less than REFRESH_RETRY_WINDOW.
PATIENCE = 60

#: The first and the longest pause before it is retried; each doubles.
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8

#: The pause before a refresh is tried again that was not urgent.
NOT_URGENT = 5

#: How often such a refresh is tried at once if its answer may be lost. Then the refresh token may be replaced already,
#: and after REFRESH_RETRY_WINDOW the old one would count as stolen.
TRIES = 3

#: With these a server says that it has not done what was asked.
_NOT_DONE = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

#: An access token without `refresh_after` is replaced after this part of its lifetime.
USUAL_PART = 0.7

_PRINTABLE = re.compile("[!-~]+")

#: The largest response that is read.
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class _Held:
    """An access token, and what it is refreshed with."""

    answer: Mapping[str, Any] = field(repr=False)
    #: When it was received, by both clocks: one may be set, the other may stand still while the machine sleeps.
    monotonic: float
    wall: float

    def age(self) -> float:
        return max(time.monotonic() - self.monotonic, time.time() - self.wall)

    @property
    def expires_in(self) -> float:
        return float(self.answer.get("expires_in", 0))

    @property
    def is_expired(self) -> bool:
        return self.age() >= self.expires_in

    @property
    def refresh_after(self) -> float:
        return float(self.answer.get("refresh_after", self.expires_in * USUAL_PART))


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454 section 4)."""
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class Client:
    """Sends requests with an access token, which it gets by a login or for an API token. Safe to share between threads;
    each process needs its own."""

    def __init__(
        self,
        issuer: str,
        *,
        api_token: str | None = None,
        audience: str | None = None,
        services: Sequence[str] = (),
        allow_http: bool = False,
        root_certificates: str | None = None,
        timeout: float = 10,
    ) -> None:
        """`audience`: who takes the access token, if not the issuer's first audience. `services`: the URLs of your
        services; besides the issuer, only their origins get the access token. `allow_http` allows HTTP without TLS to
        other machines. `timeout`: the longest time for a request, in seconds."""
        if isinstance(services, str):
            raise ValueError("services is a list of URLs")
        self._origins = {_origin(checked_url(url, allow_http)) for url in (issuer, *services)}
        if api_token is not None and not _PRINTABLE.fullmatch(api_token):
            raise ValueError("the API token has characters that none has, such as the end of a line")
        self._base, self._api_token, self._audience, self._timeout = base_of(issuer), api_token, audience, timeout
        self._http = HttpClient(allow_http, root_certificates)
        self._lock = threading.Lock()
        self._held: _Held | None = None
        #: Code, detail and status of the refusal.
        self._refused: tuple[str, str, int] | None = None
        self._not_before = 0.0

    def login(
        self,
        username: str,
        password: str,
        *,
        otp: str | None = None,
        recovery_code: str | None = None,
        label: str | None = None,
    ) -> None:
        """Opens a session. ClientError if it is refused, for example with the code `bad_credentials`, or with
        `second_factor_required` if the user has a second factor: then `otp` or `recovery_code` is needed, too."""
        body = {"username": username, "password": password, "audience": self._audience, "label": label}
        with self._lock:
            try:
                answer = self._post("/v1/tokens", body)
            except ClientError as error:
                if error.challenge is None or not (otp or recovery_code):
                    raise
                step = {"challenge": error.challenge, "otp": otp, "recovery_code": recovery_code}
                answer = self._post("/v1/tokens/continue", step)
            self._held, self._refused = self._received(answer), None

    def logout(self) -> None:
        """Ends the session."""
        with self._lock:
            if self._held and "refresh_token" in self._held.answer:
                self._post("/v1/tokens/revoke", {"token": self._held.answer["refresh_token"]})
            self._held = None

    @property
    def pair(self) -> Mapping[str, Any] | None:
        """The token pair of the session, to be kept where only its user can read it; see `restore`."""
        return self._held.answer if self._held and "refresh_token" in self._held.answer else None

    def restore(self, pair: Mapping[str, Any]) -> None:
        """Goes on with a session of an earlier run. Its pair is refreshed before it is used, since its age is unknown."""
        with self._lock:
            self._refused = None
            self._keep(_Held({**pair, "expires_in": 0, "refresh_after": 0}, time.monotonic(), time.time()))

    def access_token(self) -> str:
        """An access token that is valid now. SignedOut if there is none any more, Unavailable if the issuer is."""
        held = self._held
        if held is not None and held.age() < held.refresh_after:
            return str(held.answer["access_token"])
        is_urgent = held is None or held.is_expired
        # One thread refreshes. The others wait only if their token has expired.
        if self._lock.acquire(blocking=is_urgent):
            try:
                if self._held is held:
                    self._renew(is_urgent)
                held = self._held
            finally:
                self._lock.release()
        if held is None:
            raise ClientError("not_logged_in", "log in first")
        return str(held.answer["access_token"])

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Sends a request with the access token; a URL that is only a path is one of the issuer. ValueError if it is
        neither one of the issuer nor of `services`. Redirects are not followed. If the token is refused although it
        should be valid, it is refreshed, and the request is sent once more."""
        url = self._base + url if url.startswith("/") else url
        if _origin(urlsplit(url)) not in self._origins:
            raise ValueError(f"{url!r} gets no access token: it is not one of the issuer, nor of services")
        token = self.access_token()
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        # The case of names does not matter, and none is sent twice.
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        if json is not None:
            data, headers = json_.dumps(json).encode(), {"content-type": "application/json", **headers}
        limits = Limits(self._timeout if timeout is None else timeout, MAX_BYTES)
        response = self._send(method, url, {**headers, "authorization": f"Bearer {token}"}, data, limits)
        is_refused = response.status_code == 401 and "invalid_token" in response.headers.get("www-authenticate", "")
        if is_refused and (another := self._replaced(token)) != token:
            return self._send(method, url, {**headers, "authorization": f"Bearer {another}"}, data, limits)
        return response

    def close(self) -> None:
        """Forgets the tokens. The session goes on: `logout` ends it."""
        self._held = None
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _replaced(self, token: str) -> str:
        """Another access token than this one."""
        with self._lock:
            if self._held and self._held.answer["access_token"] == token:
                self._renew(is_urgent=True)
        return self.access_token()

    def _renew(self, is_urgent: bool) -> None:
        """Refreshes the pair, or exchanges the API token. Without a response it is retried with the same token."""
        if self._refused is not None:
            code, detail, status = self._refused
            raise SignedOut(code, detail, status=status)
        if self._held is None and self._api_token is None:
            raise ClientError("not_logged_in", "log in first")
        if not is_urgent and time.monotonic() < self._not_before:
            return
        give_up_at, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
        for tries in count(1):
            try:
                self._keep(self._received(self._renewal()))
                return
            except Unavailable as error:
                wait = max(pause, error.retry_after or 0)
                is_over = time.monotonic() + wait > give_up_at
                is_urgent = is_urgent or self._held is None or self._held.is_expired
                if not is_urgent and (is_over or tries >= TRIES or error.status in _NOT_DONE):
                    self._not_before = time.monotonic() + max(wait, NOT_URGENT)
                    return
                if is_over:
                    raise
                time.sleep(wait)
                pause = min(pause * 2, LONGEST_PAUSE)
            except ClientError as error:
                self._held = None
                self._refused = error.code, error.detail, error.status
                raise SignedOut(error.code, error.detail, status=error.status) from error

    def _renewal(self) -> Any:
        if self._held is not None and "refresh_token" in self._held.answer:
            body = {"refresh_token": self._held.answer["refresh_token"], "audience": self._audience}
            return self._post("/v1/tokens/refresh", body)
        headers = {"Authorization": f"Token {self._api_token}"}
        return self._post("/v1/api-tokens/exchange", {"audience": self._audience}, headers)

    def _received(self, answer: Any) -> _Held:
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise Unavailable("bad_response", "the issuer's response holds no access token")
        return _Held(answer, time.monotonic(), time.time())

    def _keep(self, held: _Held) -> None:
        """Of two pairs of a session, the one with the higher generation is kept."""
        name = "refresh_generation"
        known = self._held.answer if self._held else {}
        is_same = known.get("session_id") is not None and known.get("session_id") == held.answer.get("session_id")
        if not is_same or known.get(name, 0) <= held.answer.get(name, 0):
            self._held = held

    def _post(self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        data = json_.dumps({name: value for name, value in body.items() if value is not None}).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        response = self._send("POST", self._base + path, headers, data, Limits(self._timeout, MAX_BYTES))
        if response.status_code not in (200, 201, 204):
            raise error_of(response, is_issuer=True)
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise Unavailable("bad_response", "the issuer's response is not JSON") from error

    def _send(self, method: str, url: str, headers: Mapping[str, str], data: bytes | None, limits: Limits) -> Response:
        try:
            answer = self._http.send(method.upper(), url, {"user-agent": USER_AGENT, **headers}, limits, data)
        except HttpError as error:
            raise Unavailable("no_response", str(error)) from error
        return Response(answer.status, answer.headers, answer.body)
