"""The keys that verify access tokens: fixed ones, or those that a thread fetches from the issuer."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from typing import Callable, Optional, Protocol

from ._issuer import IssuerClient, IssuerError, Published
from ._jwk import Keys, entity_tag, read_keys
from ._jws import ACCESS_TOKEN, authentic_payload, trimmed
from ._waiting import Signal, Wait
from .claims import Claims, read_claims
from .errors import TokenError

log = logging.getLogger("tokensmith")

#: The first and the longest pause, in seconds, before announced keys that were not there are fetched again, and after a
#: failed flight; each doubles.
PAUSES = (1, 30)


class AccessKeys:
    """Keys, and a cache of access tokens whose signatures they verified recently; it goes when the keys change."""

    def __init__(self, keys: Keys, cache_size: int) -> None:
        self.keys = keys
        self._half = cache_size // 2
        # When the younger half is full, it becomes the older one.
        self._younger: dict[bytes, Claims] = {}
        self._older: dict[bytes, Claims] = {}

    def read(self, token: str) -> Claims:
        """The claims of an access token with a valid signature. Issuer, audience and time are not checked."""
        token = trimmed(ACCESS_TOKEN, token)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._younger.get(digest) or self._older.get(digest)
        if known is None:
            try:
                known = read_claims(authentic_payload(ACCESS_TOKEN, token, self.keys))
            except ValueError as error:
                raise TokenError("token_malformed") from error
        if self._half > 0:
            if len(self._younger) >= self._half:
                self._older, self._younger = self._younger, {}
            self._younger[digest] = known
        return known


class KeySource(Protocol):
    """Where a verifier gets its keys from."""

    current: Optional[AccessKeys]

    def start(self) -> None:
        """Begins to fetch the keys, unless that has begun."""

    def is_stale(self) -> bool:
        """Whether the copy has expired and the issuer is reachable: the keys should be fetched before they are used."""

    def renewal(self) -> Wait | None:
        """Fetches newer keys if it is time to; returns the wait for them."""

    def announce(self, etag: str | None) -> None:
        """The issuer announces its current keys by their entity tag; None means unknown keys."""

    def after_fork(self) -> None:
        """Called in a new process."""

    def stop(self) -> None:
        """Ends the thread."""


class FixedKeys:
    """Keys that never change."""

    def __init__(self, keys: Keys, cache_size: int) -> None:
        self.current: AccessKeys | None = AccessKeys(keys, cache_size)

    def start(self) -> None:
        """There is nothing to fetch."""

    def is_stale(self) -> bool:
        """Never."""
        return False

    def renewal(self) -> Wait | None:
        """There are no newer ones."""
        return None

    def announce(self, etag: str | None) -> None:
        """Nothing is announced."""

    def after_fork(self) -> None:
        """There is no thread."""

    def stop(self) -> None:
        """There is no thread."""


class RemoteKeys:
    """The keys, and the thread that fetches newer ones: one fetch ("flight") at a time, before the copy expires, and
    for an unknown key at most once per cooldown. While the issuer is down, the last copy stays in force."""

    def __init__(
        self,
        client: IssuerClient,
        find_url: Callable[[], str],
        cooldown: float,
        cache_size: int,
        clock: Callable[[], float],
    ) -> None:
        self.current: AccessKeys | None = None
        self._client, self._find_url = client, find_url
        self._cooldown, self._cache_size, self._clock = cooldown, cache_size, clock
        self._url: str | None = None
        self._last: Published | None = None
        self._fresh_until = float("-inf")
        self._out_of_reach = False
        self._etag: str | None = None
        self._prompted_at: float | None = None
        self._pause_until = 0.0
        #: The last unknown announcement, when it is fetched again, and the pause after that.
        self._announced: tuple[str | None, float, float] | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """The threads and locks of the parent do not exist here; what it knew is still right."""
        self._lock = threading.Lock()
        self._prompt = threading.Event()
        self._signal = Signal()
        self._ended = 0
        self._is_stopped = False
        self._is_started = False
        # The thread begins with a flight.
        self._under_way = True

    def start(self) -> None:
        """Starts the thread."""
        with self._lock:
            if self._is_started or self._is_stopped:
                return
            threading.Thread(target=self._run, name="tokensmith-keys", daemon=True).start()
            self._is_started = True

    def stop(self) -> None:
        """Ends the thread."""
        self._is_stopped = True
        self._prompt.set()

    def is_stale(self) -> bool:
        """See KeySource."""
        return not self._out_of_reach and self._is_over()

    def renewal(self) -> Wait | None:
        """See KeySource."""
        before = self._ended
        return self._signal.until(lambda: self._ended != before) if self._takes_off() else None

    def announce(self, etag: str | None) -> None:
        """See KeySource. Fetches the keys in the background if they are not known."""
        with self._lock:
            now = time.monotonic()
            if etag is not None and etag == self._etag:
                # Instances that disagree for a moment do not reset the pauses.
                if self._announced and self._announced[1] <= now:
                    self._announced = None
                return
            pause: float = PAUSES[0]
            if self._announced and self._announced[0] == etag:
                _, again_at, pause = self._announced
                if now < again_at:
                    return
                pause = min(pause * 2, PAUSES[1])
            self._announced = (etag, now + pause, pause)
            # A flight under way may have started too early, so the prompt waits for the next one.
            self._under_way = True
            self._prompt.set()

    def _is_over(self) -> bool:
        return self._clock() >= self._fresh_until

    def _takes_off(self) -> bool:
        """Starts a flight if it is time to; returns whether one is under way."""
        with self._lock:
            if self._under_way:
                return True
            now, is_over = time.monotonic(), self._is_over()
            if is_over:
                is_due = now >= self._pause_until
            else:
                is_due = self._prompted_at is None or now - self._prompted_at >= self._cooldown
            if is_due:
                if not is_over:
                    self._prompted_at = now
                self._under_way = True
                self._prompt.set()
            return is_due

    def _run(self) -> None:
        failures, is_prompted = 0, False
        while True:
            max_age: int | None = None
            try:
                max_age = self._fetch(is_prompted)
            except Exception as error:  # The thread goes on whatever happens.
                pause: float = min(PAUSES[0] * 2 ** min(failures, 10), PAUSES[1])
                if failures == 0:
                    log.warning("cannot fetch the issuer's keys: %s", error)
                failures += 1
            else:
                # Before the copy expires, so that no request waits for the next one.
                pause = max_age * 4 / 5
                if failures > 0:
                    log.info("the issuer's keys can be fetched again")
                failures = 0
            self._land(max_age, pause)
            is_prompted = self._prompt.wait(pause)
            if self._is_stopped:
                self._client.close()
                return
            with self._lock:
                self._under_way = True
                # This flight serves all prompts until now.
                self._prompt.clear()

    def _land(self, max_age: int | None, pause: float) -> None:
        with self._lock:
            self._under_way = False
            if max_age is not None:
                self._fresh_until = self._clock() + max_age
                self._pause_until = 0.0
            else:
                self._pause_until = time.monotonic() + pause
            self._etag = entity_tag(self._last.text) if self._last else None
            self._out_of_reach = max_age is None
            self._ended += 1
        self._signal.send()

    def _fetch(self, is_prompted: bool) -> int:
        # Looked up again after every failure, since it may have moved.
        url, self._url = self._url or self._find_url(), None
        etag = self._last.etag if self._last else None
        published, max_age = self._client.jwks(url, etag, is_prompted)
        if published is not None:
            # Unchanged keys keep their cache of verified tokens.
            if self._last is None or self._last.text != published.text:
                try:
                    self.current = AccessKeys(read_keys(published.text), self._cache_size)
                except ValueError as error:
                    raise IssuerError(f"{url}: {error}") from error
            self._last = published
        self._url = url
        return max_age
