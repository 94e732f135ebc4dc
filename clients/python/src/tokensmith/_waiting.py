"""Waiting for what another thread does, in threads and in coroutines alike."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Callable

#: A wait ends at the latest after this many seconds; all that is waited for has shorter limits.
LONGEST = 30


class Signal:
    """Tells those who wait that something has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], object]] = set()

    def send(self) -> None:
        """Wakes all who wait."""
        with self._lock:
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def until(self, is_done: Callable[[], bool]) -> Wait:
        """A wait until this is true, which it becomes right before the signal is sent."""
        return Wait(self, is_done)

    def add(self, wake: Callable[[], object]) -> None:
        """Has this called with each signal."""
        with self._lock:
            self._wakers.add(wake)

    def remove(self, wake: Callable[[], object]) -> None:
        """Ends that."""
        with self._lock:
            self._wakers.discard(wake)


class Wait:
    """One wait, which a thread or a coroutine may do."""

    def __init__(self, signal: Signal, is_done: Callable[[], bool]) -> None:
        self._signal, self._is_done = signal, is_done

    def block(self) -> bool:
        """Blocks this thread; returns whether it is done."""
        event = threading.Event()
        wake = event.set
        self._signal.add(wake)
        try:
            if not self._is_done():
                event.wait(LONGEST)
        finally:
            self._signal.remove(wake)
        return self._is_done()

    async def pause(self) -> bool:
        """Pauses this coroutine; returns whether it is done."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # The loop is closed.
                loop.call_soon_threadsafe(event.set)

        self._signal.add(wake)
        try:
            if not self._is_done():
                await asyncio.wait_for(event.wait(), LONGEST)
        except asyncio.TimeoutError:
            pass
        finally:
            self._signal.remove(wake)
        return self._is_done()
