"""Log observations on their way to a follower, bounded: who writes waits while who reads is slow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from translator.observe.observation import LogEnd, LogGap, LogLines

FULL = 512 * 1024
"""Characters that may lie here, of all logs of one Workflow together, before a writer waits."""

LogObservation = LogLines | LogGap | LogEnd


class Outlet:
    """A queue that joins what it can: lines of one step that follow each other leave as one observation.

    Args:
        wake: called when there is something to take.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[LogObservation] = deque()
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, seen: LogObservation) -> None:
        """Add an observation, after waiting for room."""
        await self._room.wait()
        last = self._waiting[-1] if self._waiting else None
        if isinstance(seen, LogLines) and isinstance(last, LogLines) and last.step == seen.step:
            self._waiting[-1] = LogLines(seen.step, last.lines + seen.lines, seen.cursor, seen.time)
        else:
            self._waiting.append(seen)
        self._size += _size(seen)
        if self._size >= FULL:
            self._room.clear()
        self._wake()

    def take(self) -> list[LogObservation]:
        """All that lies here, and room for more."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._size = 0
        self._room.set()
        return taken


def _size(seen: LogObservation) -> int:
    return sum(map(len, seen.lines)) if isinstance(seen, LogLines) else 0
