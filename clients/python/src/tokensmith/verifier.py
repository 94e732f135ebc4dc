"""The verifier, with which a service checks access tokens."""

from __future__ import annotations

import json
import os
import time
import weakref
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Literal, Union

from ._authorization import bearer_token, refusal
from ._feed import Feed
from ._http import HttpClient, checked_url
from ._issuer import IssuerClient
from ._jwk import Keys, read_keys, read_pem
from ._jws import check
from ._keys import FixedKeys, KeySource, RemoteKeys
from ._resource import Resource
from ._waiting import Wait
from .claims import Claims
from .errors import Rendering, TokenError

#: The issuer keeps denials this many seconds longer than the tokens that they deny.
MAX_LEEWAY = 60


@dataclass(frozen=True)
class Require:
    """The issuer's denylist is followed, and no token is accepted while the local copy may be older than `within`
    seconds. Normally it is up to six seconds old, so a shorter time makes no sense."""

    within: float

    def __post_init__(self) -> None:
        if not self.within > 0:
            raise ValueError("a copy of the denylist always has some age")


#: `"follow"`: the issuer's denylist is followed; while it is unavailable, only signature and claims are checked, and
#: `staleness()` and the log show that. `"ignore"`: a revoked access token is accepted until it expires.
Denylist = Union[Literal["follow", "ignore"], Require]


class Verifier:
    """Verifies the access tokens of one issuer, offline: it fetches the keys and follows the denylist in the background,
    beginning with the first token. Safe to share between threads, coroutines and forked processes.

    Its arguments; ValueError says what is wrong with them:

    - `issuer`: its URL. Keys and denylist are found through its metadata, or there is no denylist and the keys are at
      `jwks_url`, in `jwks` (a JWK Set) or in `pem` (one public key).
    - `audience`: the audiences that are accepted here, one or several.
    - `denylist`: `"follow"`, `"ignore"` or `Require(seconds)`; see `Denylist`.
    - `leeway`: tokens are accepted for this long after they have expired, 0 to 60 seconds. It is for clocks that are
      ahead of the issuer's; one that is behind needs none.
    - `cooldown`: the shortest time between two fetches of the keys because of unknown keys, in seconds.
    - `cache_size`: how many verified tokens are remembered; 0 turns that off.
    - `allow_http`: allows HTTP without TLS to other machines; this machine may always be called so.
    - `root_certificates`: certificate authorities in PEM that are trusted instead of the machine's.
    - `realm` (by default the audience) and `problem_types` (the beginning of their URLs): how refusals are written.
    - `resource`: the URL of this service, if it publishes metadata (RFC 9728), with its `scopes`.
    - `clock`: tells the time in seconds since 1970.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | Sequence[str],
        *,
        denylist: Denylist = "follow",
        leeway: int = 0,
        cooldown: float = 30,
        cache_size: int = 10_000,
        allow_http: bool = False,
        root_certificates: str | None = None,
        jwks_url: str | None = None,
        jwks: str | Mapping[str, Any] | None = None,
        pem: str | None = None,
        realm: str | None = None,
        problem_types: str | None = None,
        resource: str | None = None,
        scopes: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.issuer = issuer
        self.audiences = (audience,) if isinstance(audience, str) else tuple(audience)
        if not self.audiences:
            raise ValueError("no audience is accepted")
        if not 0 <= leeway <= MAX_LEEWAY:
            raise ValueError("a leeway is 0 to 60 seconds; a longer one would accept tokens that are denied")
        if not (denylist in ("follow", "ignore") or isinstance(denylist, Require)):
            raise ValueError(f'denylist is "follow", "ignore" or Require(seconds), not {denylist!r}')
        self.resource = Resource(resource, issuer, tuple(scopes)) if resource is not None else None
        self.rendering = Rendering(
            realm=_realm(realm) if realm is not None else self.audiences[0],
            problem_types=_problem_types(problem_types),
            resource_metadata=self.resource.metadata_url if self.resource else None,
        )
        self._leeway, self._clock = leeway, clock
        self._feed: Feed | None = None
        fixed = _fixed(jwks, pem)
        is_elsewhere = fixed is not None or jwks_url is not None
        if is_elsewhere and isinstance(denylist, Require):
            raise ValueError("a denylist is required, and only a verifier that finds its keys at the issuer follows one")
        if fixed is not None:
            self._keys: KeySource = FixedKeys(fixed, cache_size)
        else:
            checked_url(jwks_url or issuer, allow_http)
            client = IssuerClient(HttpClient(allow_http, root_certificates))
            find_url = (lambda: jwks_url) if jwks_url else lambda: client.metadata(issuer).jwks_uri
            self._keys = RemoteKeys(client, find_url, cooldown, cache_size, clock)
            if not is_elsewhere and denylist != "ignore":
                within = denylist.within if isinstance(denylist, Require) else None
                self._feed = Feed(client, issuer, self._keys, clock, within)
        self._background = [part for part in (self._keys, self._feed) if part is not None]
        self._is_started = False
        self._is_closed = False
        self._finalizer = weakref.finalize(self, _stop, self._background)
        _verifiers.add(self)

    def verify(self, token: str) -> Claims:
        """The claims of an access token that is valid here (RFC 9068 section 4) and not denied; TokenError says why it is
        not accepted.

        Blocks for some seconds at most: at the start, while the token's key is unknown and fetched (at most once per
        cooldown), or when the keys have expired. In coroutines call `averify`.
        """
        steps = self._verification(token)
        try:
            wait = next(steps)
            while True:
                wait = steps.send(wait.block())
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    async def averify(self, token: str) -> Claims:
        """As `verify`, without blocking the event loop of asyncio."""
        steps = self._verification(token)
        try:
            wait = next(steps)
            while True:
                wait = steps.send(await wait.pause())
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def authenticate(self, authorization: str | Sequence[str] | None) -> Claims:
        """The claims of the access token in the `Authorization` header of a request: its value or values, or None.

        TokenError is the response (RFC 6750): its `status`, `headers` and `problem`.
        """
        try:
            token = bearer_token(authorization)
            try:
                return self.verify(token)
            except TokenError as error:
                raise refusal(token, error) from error
        except TokenError as error:
            raise error.rendered(self.rendering) from None

    async def aauthenticate(self, authorization: str | Sequence[str] | None) -> Claims:
        """As `authenticate`, without blocking the event loop of asyncio."""
        try:
            token = bearer_token(authorization)
            try:
                return await self.averify(token)
            except TokenError as error:
                raise refusal(token, error) from error
        except TokenError as error:
            raise error.rendered(self.rendering) from None

    def require(
        self,
        claims: Claims,
        *,
        role: str | None = None,
        scope: str | None = None,
        login: bool = False,
        acr: str | None = None,
        max_age: int | None = None,
    ) -> None:
        """TokenError (403) unless the token has the role and the scope, and, with `login`, comes from a user's login.

        TokenError (401) with the challenge of RFC 9470 unless its `acr` is one of these values, which are separated by
        spaces, and the user has logged in within the last `max_age` seconds. ValueError for a negative `max_age`.
        """
        if max_age is not None and max_age < 0:
            raise ValueError("max_age is a number of seconds, 0 or more")
        if login and not claims.is_logged_in:
            raise self.refusal("session_required")
        if role is not None and not claims.has_role(role):
            raise self.refusal("role_missing", role)
        if scope is not None and not claims.has_scope(scope):
            raise self.refusal("scope_missing", scope)
        is_strong = acr is None or claims.acr in acr.split(" ")
        is_recent = max_age is None or (claims.auth_time is not None and claims.auth_time + max_age >= int(self._clock()))
        if not (is_strong and is_recent):
            error = self.refusal("reauthentication_required")
            error.acr, error.max_age = acr, max_age
            raise error

    def refusal(self, code: str, about: str = "") -> TokenError:
        """A refusal with one of the stable codes, for checks of your own; `about` is the role or scope that is missing."""
        return TokenError(code, about, rendering=self.rendering)

    def staleness(self) -> float | None:
        """The greatest possible age of the local copy of the denylist in seconds; None if no denylist is followed, or
        before the first response."""
        return self._feed.staleness() if self._feed else None

    def close(self) -> None:
        """Ends what runs in the background; the verifier cannot be used any more."""
        self._is_closed, self._is_started = True, False
        self._finalizer()

    def __enter__(self) -> Verifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Verifier({self.issuer!r}, {self.audiences!r})"

    def _verification(self, token: str) -> Generator[Wait, bool, Claims]:
        try:
            return (yield from self._steps(token))
        except TokenError as error:
            raise error.rendered(self.rendering) from error

    def _steps(self, token: str) -> Generator[Wait, bool, Claims]:
        """What `verify` does; yields what it has to wait for, and gets whether that has happened."""
        if not self._is_started:
            self._start()
        if self._keys.is_stale():
            renewal = self._keys.renewal()
            if renewal is not None:
                yield renewal
        try:
            return self._verified(token)
        except TokenError as refused:
            error = refused
        if error.code in ("keys_unavailable", "token_unknown_key"):
            renewal = self._keys.renewal()
            if renewal is None or not (yield renewal):
                raise error
            try:
                return self._verified(token)
            except TokenError as refused:
                error = refused
        if error.code != "denylist_stale" or self._feed is None:
            raise error
        yield self._feed.settling()
        return self._verified(token)

    def _start(self) -> None:
        if self._is_closed:
            raise RuntimeError("the verifier is closed")
        for part in self._background:
            part.start()
        self._is_started = True

    def _verified(self, token: str) -> Claims:
        """With the keys and the denylist that are known."""
        keys = self._keys.current
        if keys is None:
            raise TokenError("keys_unavailable")
        claims = keys.read(token)
        valid_from = claims.iat if claims.nbf is None else max(claims.iat, claims.nbf)
        check(claims, self.issuer, self.audiences, valid_from, self._leeway, int(self._clock()))
        if self._feed is not None:
            # Asked first: what makes the copy fresh after that may deny this token.
            is_too_stale = self._feed.is_too_stale()
            if self._feed.denied.denies(claims):
                raise TokenError("token_revoked")
            if is_too_stale:
                raise TokenError("denylist_stale")
        return claims

    def _after_fork(self) -> None:
        self._is_started = False
        for part in self._background:
            part.after_fork()


_verifiers: weakref.WeakSet[Verifier] = weakref.WeakSet()


def _after_fork() -> None:
    for verifier in list(_verifiers):
        verifier._after_fork()


if hasattr(os, "register_at_fork"):
    # The new process has none of the threads: they are started again with its first token.
    os.register_at_fork(after_in_child=_after_fork)


def _stop(background: list[Any]) -> None:
    for part in background:
        part.stop()


def _fixed(jwks: str | Mapping[str, Any] | None, pem: str | None) -> Keys | None:
    if jwks is not None:
        return read_keys(jwks if isinstance(jwks, str) else json.dumps(jwks))
    return read_pem(pem) if pem is not None else None


def _realm(text: str) -> str:
    if not text or not all(" " <= character <= "~" for character in text):
        raise ValueError(f"{text!r} is no realm: printable ASCII is expected")
    return text


def _problem_types(base: str | None) -> str | None:
    punctuation = "-._~:/?#[]@!$&'()*+,;=%"
    if base is not None and not (
        base and base.isascii() and all(character.isalnum() or character in punctuation for character in base)
    ):
        raise ValueError(f"{base!r} is not the beginning of a URI")
    return base
