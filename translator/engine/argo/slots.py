"""How many logs are read at once, and whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager


class Slots:
    """At most so many at once, first come first served.

    A follow lasts as long as its container, so its holder sets itself a `limit`.

    Args:
        limit: how many may hold a slot.
    """

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)
        self._waiting = 0

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a slot."""
        return self._waiting > 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a slot."""
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._free.release()

    @contextmanager
    def limit(self, seconds: float, stop: Callable[[], None]) -> Iterator[None]:
        """While this lasts, call `stop` as soon as it has lasted some seconds and somebody waits."""
        limit = _Limit(self, seconds, stop)
        limit.begin()
        try:
            yield
        finally:
            limit.end()


class _Limit:
    """Looks again and again whether somebody waits.

    No closure that names itself: that, with the connection it holds, would wait for a full collection.
    """

    def __init__(self, slots: Slots, seconds: float, stop: Callable[[], None]) -> None:
        self._slots = slots
        self._seconds = seconds
        self._stop = stop

    def begin(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        if self._slots.wanted:
            self._stop()
        else:
            self.begin()
