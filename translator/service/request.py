"""What one request to agent-server holds: events in order, of one task or of several, within its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import structlog

from translator.agent_server.protocol.fields import ENVELOPE
from translator.service.lane import Turn
from translator.store.kept import Kept
from translator.store.log_cap import HEAD_BYTES

SMALLEST: Final = 16 * 1024
"""Bytes of a request that whoever takes requests takes: refused as too large, it is at fault otherwise."""

_log = structlog.get_logger()


class Outcome(Enum):
    """What has become of a task's turn."""

    EMPTY = "nothing is left to send"
    PARKED = "agent-server refuses it"
    MORE = "there may be more to send"
    HEAVY = "it is too much for a shared request"


class RequestLimit:
    """Bytes that a request to agent-server may have: as many as were set, or fewer if so many are refused.

    What refuses them may be a proxy that nobody here knows of. The limit stays low until the service starts
    anew: new events are made to suit it. One that is stored already is tried alone, and if that is refused,
    a shorter one is told in its place (`translator.observe.event.fitted`). So as not to lose more than one or
    two events that way, the limit falls to an eighth each time.

    Args:
        most: the setting; never more than `HEAD_BYTES`, for more than that must not be under way.

    Attributes:
        most: bytes of the events of one request, as they were set.
    """

    def __init__(self, most: int = HEAD_BYTES) -> None:
        self._bytes = min(most, HEAD_BYTES)
        self.most = self._bytes - ENVELOPE

    @property
    def events(self) -> int:
        """Bytes of the events of one request, each with a comma, as they are encoded."""
        return self._bytes - ENVELOPE

    def refused(self, size: int) -> None:
        """Note that a request with so many bytes of events was refused as too large."""
        lower = max(SMALLEST, size // 8)
        if lower < self._bytes:
            self._bytes = lower
            _log.warning(
                "a request was refused as too large: requests are smaller from now on",
                bytes=size,
                limit=lower,
                remedy="set maxRequestBytes to what agent-server, and each proxy before it, takes",
            )


@dataclass(frozen=True, slots=True)
class Part:
    """The events of one task in a request: of one attempt, at least one.

    Attributes:
        turn: of the task.
        kept: the events as they are stored.
        events: the same as they are sent.
        more: there may be more of the task's in the outbox.
    """

    turn: Turn[Outcome]
    kept: Sequence[Kept]
    events: Sequence[Mapping[str, Any]]
    more: bool

    @property
    def attempt(self) -> int:
        """Of all its events."""
        return self.kept[0].attempt

    @property
    def rows(self) -> int:
        """Log lines; any other event counts as one."""
        return sum(_rows(event) for event in self.events)

    @property
    def size(self) -> int:
        """Bytes of its events, each with a comma: at least as many as they have on the wire."""
        return sum(kept.size for kept in self.kept)

    def first_half(self) -> Part:
        """The first half of its events, of which there are at least two."""
        half = len(self.kept) // 2
        return Part(self.turn, self.kept[:half], self.events[:half], more=True)


def first_batch(
    kept: Sequence[Kept], row_limit: int, max_bytes: int = HEAD_BYTES
) -> tuple[list[Kept], list[dict[str, Any]]]:
    """The longest beginning that is of one attempt and within the limits, as stored and as sent.

    It has at least one event, however large that is.

    Args:
        kept: at least one event, of one task.
        row_limit: as `Part.rows` counts.
        max_bytes: as `Part.size` counts.
    """
    batch: list[Kept] = []
    events: list[dict[str, Any]] = []
    rows = size = 0
    for entry in kept:
        event = json.loads(entry.text)
        rows += _rows(event)
        size += entry.size
        if batch and (rows > row_limit or size > max_bytes or entry.attempt != batch[0].attempt):
            break
        batch.append(entry)
        events.append(event)
    return batch, events


def grouped(parts: Sequence[Part], row_limit: int, max_bytes: int = HEAD_BYTES) -> Iterator[list[Part]]:
    """Parts that may share a request, in order; one that is over the limits alone goes alone."""
    group: list[Part] = []
    rows = size = 0
    for part in parts:
        if group and (rows + part.rows > row_limit or size + part.size > max_bytes):
            yield group
            group, rows, size = [], 0, 0
        group.append(part)
        rows, size = rows + part.rows, size + part.size
    if group:
        yield group


def _rows(event: Mapping[str, Any]) -> int:
    return max(1, len(event.get("lines", ())))
