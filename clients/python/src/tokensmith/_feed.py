"""Follows the issuer's denylist on a thread of its own. Each poll returns at once if there is news, and otherwise after a
second. So the local copy is never much older than that, and its age is known."""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable

from ._denied import DeniedSet
from ._denylist import Page, read_page
from ._issuer import IssuerClient, IssuerError
from ._keys import KeySource
from ._waiting import Signal, Wait
from .errors import TokenError

log = logging.getLogger("tokensmith")

#: All in seconds: how long the issuer lets a poll wait for news.
WAIT = 1

#: The pause between polls, so that a burst of news does not cause a burst of polls.
BETWEEN_POLLS = 0.2

#: The pause after a poll that failed.
RETRY_AFTER = 1.0

#: How long missing keys are not logged.
PATIENCE = 5.0

#: The pause if the issuer has no denylist; it may get one.
SELDOM = 60.0


class _NotPublished(Exception):
    """The issuer publishes no denylist_uri."""


class _NoKeys(Exception):
    """The issuer's keys are not known yet."""


class _UnknownKind(Exception):
    """The denylist denies something that this version does not understand."""


class Feed:
    """The local copy of the denylist, and the thread that follows it."""

    def __init__(
        self, client: IssuerClient, issuer: str, keys: KeySource, clock: Callable[[], float], within: float | None
    ) -> None:
        self.denied = DeniedSet()
        self._client, self._issuer, self._keys, self._clock, self._within = client, issuer, keys, clock, within
        self._url: str | None = None
        self._cursor: str | None = None
        self._incomplete_until: int | None = None
        #: The time up to which everything is known.
        self._known_at: float | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """The thread of the parent does not exist here, and the copy may be old by the time one is started."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._signal = Signal()
        self._is_started = False
        #: Whether the issuer has responded or is unavailable; until then it is not known what was revoked.
        self._is_settled = False

    def start(self) -> None:
        """Starts the thread, unless it is running."""
        with self._lock:
            if self._is_started or self._stop.is_set():
                return
            threading.Thread(target=self._run, name="tokensmith-denylist", daemon=True).start()
            self._is_started = True

    def stop(self) -> None:
        """Ends the thread."""
        self._stop.set()

    def staleness(self) -> float | None:
        """The greatest possible age of the copy in seconds; None before the first response."""
        return None if self._known_at is None else time.monotonic() - self._known_at

    def is_too_stale(self) -> bool:
        """Whether no token can be accepted."""
        if not self._is_settled:
            return True
        if self._within is None:
            return False
        staleness = self.staleness()
        return staleness is None or staleness > self._within

    def settling(self) -> Wait:
        """The wait for the first response, or until it is clear that there is none."""
        return self._signal.until(lambda: self._is_settled)

    def _run(self) -> None:
        failing_since: float | None = None
        is_told = False
        pause = 0.0
        while not self._stop.wait(pause):
            asked_at = time.monotonic()
            try:
                self._poll(asked_at)
            except Exception as error:  # The thread goes on whatever happens.
                failing_since = asked_at if failing_since is None else failing_since
                # Keys that are being fetched arrive soon.
                is_about_keys = isinstance(error, _NoKeys) or getattr(error, "code", "") == "token_unknown_key"
                is_patient = is_about_keys and asked_at - failing_since < PATIENCE
                if is_patient:
                    pause = max(BETWEEN_POLLS - (time.monotonic() - asked_at), 0)
                else:
                    pause = SELDOM if isinstance(error, _NotPublished) else RETRY_AFTER
                    if not is_told:
                        log.warning("cannot follow the issuer's denylist: %s", error or type(error).__doc__)
                    is_told = True
            else:
                if is_told:
                    log.info("the issuer's denylist is followed again")
                failing_since, is_told = None, False
                pause = max(BETWEEN_POLLS - (time.monotonic() - asked_at), 0)
                self._settle()
            if is_told:
                self._settle()
        self._client.close()

    def _settle(self) -> None:
        if not self._is_settled:
            self._is_settled = True
            self._signal.send()

    def _poll(self, asked_at: float) -> None:
        """Polls once and adds what is new."""
        url = self._url or self._client.metadata(self._issuer).denylist_uri
        if url is None:
            raise _NotPublished(_NotPublished.__doc__)
        while True:
            # After a failure the denylist is looked up again: it may have moved, and the cursor may no longer be valid.
            self._url = None
            try:
                # The first answer is waited for.
                answer = self._client.denylist(url, self._cursor, WAIT if self._is_settled else 0)
            except IssuerError as error:
                if 400 <= error.status < 500:
                    self._cursor = None
                raise
            self._url = url
            page = self.read(answer)
            if not page.more:
                now = int(self._clock())
                self.denied.forget(now)
                if self._incomplete_until is not None and now < self._incomplete_until:
                    raise _UnknownKind(_UnknownKind.__doc__)
                self._known_at = asked_at - page.lag(now)
                return

    def read(self, answer: str) -> Page:
        """Verifies a response, and adds what it denies."""
        keys = self._keys.current
        if keys is None:
            raise _NoKeys(_NoKeys.__doc__)
        try:
            page = read_page(answer, keys.keys, self._issuer, int(self._clock()))
        except TokenError as error:
            # The issuer signs with a key that is unknown here.
            if error.code == "token_unknown_key":
                self._keys.announce(None)
            raise
        self._keys.announce(page.jwks_etag)
        page.add_to(self.denied)
        if page.incomplete_until is not None:
            self._incomplete_until = max(page.incomplete_until, self._incomplete_until or page.incomplete_until)
        self._cursor = page.cursor
        return page
