"""How many logs are read at once, and whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TurnOverError(Exception):
    """Who holds a slot has had it long enough, and another waits."""


class Slots:
    """At most so many at once, first come first served.

    A follow lasts as long as its container, so its holder reads `in_turn`, and lets others in.

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

    async def in_turn(self, chunks: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
        """The chunks, for as long as nobody else waits, and for some seconds all the same.

        Raises:
            TurnOverError: the time is up and somebody waits; a chunk may be lost, so read again from a cursor.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while True:
            coming = asyncio.ensure_future(anext(chunks, None))
            try:
                while not coming.done():
                    await asyncio.wait({coming}, timeout=seconds)
                    if self.wanted and loop.time() >= ends:
                        raise TurnOverError
                chunk = coming.result()
            finally:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            if chunk is None:
                return
            yield chunk
