"""A response of the denylist feed: a signed JWT with its own type, so that no other token can be used in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._denied import DeniedSet
from ._issuer import base_of
from ._jwk import Keys
from ._jws import DENYLIST, MAX_CLOCK_SKEW, authentic_payload, check
from .claims import Reader
from .errors import TokenError

#: The claim that names the subject of a kind of denial.
_SUBJECTS = {"client": "client_id", "user": "sub"}


@dataclass(frozen=True)
class Page:
    """The denials since a cursor."""

    iss: str
    aud: tuple[str, ...]
    iat: int
    exp: int
    #: The response includes every denial that was recorded before this time.
    as_of: int
    #: The entity tag of the published keys.
    jwks_etag: str
    #: The cursor for the next request.
    cursor: str
    #: Whether there is a next page now.
    more: bool
    sessions: list[tuple[str, int]]
    tokens: list[tuple[str, int]]
    #: Kind, id, and the instant before which it was issued.
    issued: list[tuple[str, str, int, int]]
    #: Until then there is a denial of an unknown kind.
    incomplete_until: int | None

    def add_to(self, denied: DeniedSet) -> None:
        """Denies what this page denies."""
        for sid, until in self.sessions:
            denied.add_session(sid, until)
        for jti, until in self.tokens:
            denied.add_token(jti, until)
        for kind, name, before, until in self.issued:
            denied.add_issued(kind, name, before, until)

    def lag(self, now: int) -> int:
        """How old a copy is, in seconds, that was made of this page at this moment. The age of a replayed older response
        is measured with our own clock."""
        # The response was made after the request and includes what was denied before `as_of`; both are whole seconds.
        return max(self.iat - self.as_of + 1, now - MAX_CLOCK_SKEW - self.as_of, 0)


def read_page(document: str, keys: Keys, issuer: str, now: int) -> Page:
    """A page of the feed of this issuer; TokenError says why it is refused."""
    payload = authentic_payload(DENYLIST, document, keys)
    try:
        page = _page(payload)
    except ValueError as error:
        raise TokenError("token_malformed") from error
    # An issuer that is not upgraded yet uses itself as the audience; its documents differ by their type.
    audiences = (base_of(issuer) + "/.well-known/denylist", issuer)
    check(page, issuer, audiences, page.iat, MAX_CLOCK_SKEW, now)
    return page


def _page(payload: dict[str, Any]) -> Page:
    read = Reader(payload)
    sessions: list[tuple[str, int]] = []
    tokens: list[tuple[str, int]] = []
    issued: list[tuple[str, str, int, int]] = []
    incomplete_until: int | None = None
    for entry in _objects(payload.get("denied")):
        name, denial = _id(entry)
        (sessions if name == "sid" else tokens).append(denial)
    for entry in _objects(payload.get("denied_by_kind", [])):
        known = _of_kind(entry)
        if known is not None:
            issued.append(known)
        else:
            until_then = Reader(entry).time("exp")
            incomplete_until = max(until_then, incomplete_until or until_then)
    return Page(
        iss=read.text("iss"),
        aud=read.audience(),
        iat=read.time("iat"),
        exp=read.time("exp"),
        as_of=read.time("as_of"),
        jwks_etag=read.text("jwks_etag"),
        cursor=read.text("cursor"),
        more=read.truth("more"),
        sessions=sessions,
        tokens=tokens,
        issued=issued,
        incomplete_until=incomplete_until,
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError("it is no list of objects")
    return value


def _id(entry: dict[str, Any]) -> tuple[str, tuple[str, int]]:
    """A session or an access token, by the name of its claim."""
    read = Reader(entry)
    until = read.time("exp")
    try:
        return "sid", (read.uuid("sid"), until)
    except ValueError:
        return "jti", (read.jti("jti"), until)


def _of_kind(entry: dict[str, Any]) -> tuple[str, str, int, int] | None:
    """A denial of a kind that is known."""
    read = Reader(entry)
    try:
        kind = read.text("kind")
        return kind, read.text(_SUBJECTS[kind]), read.time("issued_before"), read.time("exp")
    except (KeyError, ValueError):
        return None
