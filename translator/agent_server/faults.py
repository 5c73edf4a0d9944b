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
    """What happens to the next batches of events: POSTs, or frames of a link.

    Attributes:
        count: how many of them.
        status: answered instead of taking the events; 0: they are taken. Over a link they are refused, for
            now or for good as the status is to be understood.
        retry_after: the Retry-After header of that answer.
        delay: seconds to wait before anything else.
        drop: cut the connection before the events are kept, or after (the answer is lost).
        duplicate: the events are taken as if they had come twice.
        reorder: they are answered after the next batch is.
    """

    count: int = 1
    status: int = 0
    retry_after: str = ""
    delay: float = 0.0
    drop: Drop = ""
    duplicate: bool = False
    reorder: bool = False


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
    if unknown := row.keys() - {"count", "status", "retryAfter", "delay", "drop", "duplicate", "reorder"}:
        raise MalformedError("invalid-fault", f"a fault has no field {', '.join(sorted(unknown))}")
    count, status, delay = row.get("count", 1), row.get("status", 0), row.get("delay", 0)
    drop, duplicate, reorder = row.get("drop", ""), row.get("duplicate", False), row.get("reorder", False)
    checks = {
        "count must be from 1 to 100000": type(count) is int and 1 <= count <= 100_000,
        "status must be from 200 to 599": type(status) is int and (status == 0 or 200 <= status < 600),
        "delay must be seconds from 0 to 3600": type(delay) in {int, float} and 0 <= delay <= 3600,
        'drop must be "before" or "after"': drop in get_args(Drop),
        "duplicate and reorder must be true or false": type(duplicate) is type(reorder) is bool,
    }
    for rule, kept in checks.items():
        if not kept:
            raise MalformedError("invalid-fault", rule)
    return Fault(count, status, str(row.get("retryAfter", "")), float(delay), drop, duplicate, reorder)
