"""The service's time. The pure packages get it from here."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


def unix() -> float:
    """Seconds since 1970, comparable across restarts and hosts."""
    return time.time()


def rfc3339() -> str:
    """Now, as events say it: RFC 3339 in UTC with milliseconds and a ``Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Stopwatch:
    """Seconds that an attempt has run, counted on from where an earlier process left them.

    It goes by the event loop's clock, which never jumps; what passes while nobody counts is not counted.

    Args:
        counted: seconds that were counted before.
    """

    def __init__(self, counted: float) -> None:
        self._counted = counted
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def seconds(self) -> float:
        """How many there are by now."""
        return self._counted + self._loop.time() - self._began
