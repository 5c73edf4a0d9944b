"""The service's time. The pure packages get it from here."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def unix() -> float:
    """Seconds since 1970, comparable across restarts and hosts."""
    return time.time()


def rfc3339() -> str:
    """Now, as events say it: RFC 3339 in UTC with milliseconds and a ``Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
