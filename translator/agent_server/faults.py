"""Faults that the stand-in shows on command, so that trials and tests see how they are borne. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from translator.agent_server.json_text import MalformedError

Drop = Literal["", "before", "after"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next POSTs of events.

    Attributes:
        count: how many of them.
        status: answered instead of taking the events; 0: they are taken.
        retry_after: the Retry-After header of that answer.
        delay: seconds to wait before anything else.
        drop: cut the connection before the events are kept, or after (the answer is lost).
    """

    count: int = 1
    status: int = 0
    retry_after: str = ""
    delay: float = 0.0
    drop: Drop = ""


class Faults:
    """The faults still to come, in order."""

    def __init__(self) -> None:
        self._pending: deque[Fault] = deque()

    def add(self, *faults: Fault) -> None:
        """Append faults to those still to come."""
        for fault in faults:
            self._pending.extend([fault] * fault.count)

    def clear(self) -> None:
        """Forget the faults still to come."""
        self._pending.clear()

    def take(self) -> Fault | None:
        """The fault for the request that is here now."""
        return self._pending.popleft() if self._pending else None


def parse_faults(data: object) -> list[Fault]:
    """Read faults from JSON: one object, or an array of them.

    Raises:
        MalformedError: a field is unknown or has a wrong value.
    """
    rows: Iterable[Any] = data if isinstance(data, list) else [data]
    return [_parse(row) for row in rows]


def _parse(row: Any) -> Fault:
    if not isinstance(row, dict):
        raise MalformedError("invalid-fault", "a fault must be an object")
    if unknown := row.keys() - {"count", "status", "retryAfter", "delay", "drop"}:
        raise MalformedError("invalid-fault", f"a fault has no field {', '.join(sorted(unknown))}")
    count, status, delay = row.get("count", 1), row.get("status", 0), row.get("delay", 0)
    drop = row.get("drop", "")
    checks = {
        "count must be from 1 to 100000": type(count) is int and 1 <= count <= 100_000,
        "status must be from 200 to 599": type(status) is int and (status == 0 or 200 <= status < 600),
        "delay must be seconds from 0 to 3600": type(delay) in {int, float} and 0 <= delay <= 3600,
        'drop must be "before" or "after"': drop in get_args(Drop),
    }
    for rule, kept in checks.items():
        if not kept:
            raise MalformedError("invalid-fault", rule)
    return Fault(count, status, str(row.get("retryAfter", "")), float(delay), drop)
