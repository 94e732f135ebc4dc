"""Requests to the issuer: its metadata, its keys, its denylist."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ._http import Answer, HttpClient, HttpError, Limits
from ._json import read_document

USER_AGENT = "tokensmith-python/0.1.0"

#: The longest time for a response, except for long polls, in seconds.
TIMEOUT = 5

#: Metadata and keys are a few kilobytes.
DOCUMENT = Limits(TIMEOUT, 1024 * 1024)

#: Larger than the largest accepted document.
MAX_FEED_BYTES = 17 * 1024 * 1024

#: A copy without `Cache-Control` may be used this long, and any copy from 1 second to a day.
USUAL_MAX_AGE = 300
MAX_AGES = (1, 86_400)


class IssuerError(Exception):
    """The issuer's response cannot be used. `status` is that of the response, or 0."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class _Elsewhere(IssuerError):
    """There is no such document here; it may be at another URL."""


class Metadata(NamedTuple):
    """The metadata that matters here (RFC 8414 section 2); `denylist_uri` is ours."""

    jwks_uri: str
    denylist_uri: Optional[str]


class Published(NamedTuple):
    """The keys as they were published."""

    text: str
    etag: Optional[str]


def base_of(issuer: str) -> str:
    """The issuer without slashes at its end."""
    return issuer.rstrip("/")


def metadata_url(issuer: str) -> str:
    """Where its metadata is: the well-known part comes between host and path (RFC 8414 section 3.1)."""
    scheme, _, rest = base_of(issuer).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}/.well-known/oauth-authorization-server{slash}{path}"


def read_metadata(text: str, issuer: str) -> Metadata:
    """The metadata of this issuer; ValueError says why it cannot be used."""
    document = read_document(text)
    if not isinstance(document, dict):
        raise ValueError("it is not an object")
    jwks_uri, denylist_uri = document.get("jwks_uri"), document.get("denylist_uri")
    if not isinstance(document.get("issuer"), str) or not isinstance(jwks_uri, str):
        raise ValueError("it lacks issuer or jwks_uri")
    if denylist_uri is not None and not isinstance(denylist_uri, str):
        raise ValueError("its denylist_uri is no text")
    # RFC 8414 section 3.3: it must be the requested issuer.
    if document["issuer"] != issuer:
        raise ValueError(f"it is about the issuer {document['issuer']!r}")
    # An issuer with TLS must not name URLs without TLS.
    if issuer.startswith("https://") and not all(
        uri is None or uri.startswith("https://") for uri in (jwks_uri, denylist_uri)
    ):
        raise ValueError("it names a URL without TLS")
    return Metadata(jwks_uri, denylist_uri)


class IssuerClient:
    """Asks one issuer."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()

    def metadata(self, issuer: str) -> Metadata:
        """Finds the metadata: first by RFC 8414, then by OpenID Connect Discovery, which many issuers alone support."""
        try:
            return self._metadata_at(metadata_url(issuer), issuer)
        except _Elsewhere:
            return self._metadata_at(base_of(issuer) + "/.well-known/openid-configuration", issuer)

    def _metadata_at(self, url: str, issuer: str) -> Metadata:
        answer = self._get(url, None, False, DOCUMENT)
        try:
            return read_metadata(_text(url, answer), issuer)
        except ValueError as why:
            raise IssuerError(f"{url} is not what was expected: {why}") from why

    def jwks(self, url: str, etag: str | None, anew: bool) -> tuple[Published | None, int]:
        """The keys (None if they still have this entity tag), and how long they may be used.

        `anew`: caches on the way must not respond, since the keys have probably changed.
        """
        answer = self._get(url, etag, anew, DOCUMENT)
        if answer.status == 304:
            return None, max_age(answer)
        return Published(_text(url, answer), answer.headers.get("etag")), max_age(answer)

    def denylist(self, url: str, cursor: str | None, wait: int) -> str:
        """What was denied since `cursor`; the issuer waits for news for at most `wait` seconds."""
        url += f"{'&' if '?' in url else '?'}wait={wait}" + (f"&since={cursor}" if cursor is not None else "")
        return _text(url, self._get(url, None, True, Limits(TIMEOUT + wait, MAX_FEED_BYTES)))

    def _get(self, url: str, etag: str | None, anew: bool, limits: Limits) -> Answer:
        headers = {"User-Agent": USER_AGENT}
        if anew:
            headers["Cache-Control"] = "no-cache"
        if etag is not None:
            headers["If-None-Match"] = etag
        try:
            answer = self._http.send("GET", url, headers, limits)
        except HttpError as error:
            raise IssuerError(f"{url}: {error}") from error
        if answer.status == 200 or (answer.status == 304 and etag is not None):
            return answer
        raise _Elsewhere(f"{url} answered {answer.status}", answer.status)


def _text(url: str, answer: Answer) -> str:
    try:
        return answer.text()
    except HttpError as error:
        raise IssuerError(f"{url}: {error}") from error


def max_age(answer: Answer) -> int:
    """How long a response is fresh, in seconds (RFC 9111 section 4.2)."""
    directives = (directive.strip() for directive in answer.headers.get("cache-control", "").split(","))
    said = (directive[len("max-age=") :] for directive in directives if directive.startswith("max-age="))
    seconds = next((int(text) for text in said if text.isdigit()), USUAL_MAX_AGE)
    age = answer.headers.get("age", "").strip()
    fresh = seconds - (int(age) if age.isdigit() else 0)
    return min(max(fresh, MAX_AGES[0]), MAX_AGES[1])
