"""What one request to agent-server holds: events in order, of one task or of several, within its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from translator.service.lane import Turn
from translator.store.kept import Kept
from translator.store.log_cap import HEAD_BYTES


class Outcome(Enum):
    """What has become of a task's turn."""

    EMPTY = "nothing is left to send"
    PARKED = "agent-server refuses it"
    MORE = "there may be more to send"
    HEAVY = "it is too much for a shared request"


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
        """In bytes."""
        return sum(len(kept.text) for kept in self.kept)


def first_batch(kept: Sequence[Kept], row_limit: int) -> tuple[list[Kept], list[dict[str, Any]]]:
    """The longest beginning that is of one attempt and within the limits, as stored and as sent.

    It has at least one event, however large that is.

    Args:
        kept: at least one event, of one task.
        row_limit: as `Part.rows` counts.
    """
    batch: list[Kept] = []
    events: list[dict[str, Any]] = []
    rows = size = 0
    for entry in kept:
        event = json.loads(entry.text)
        rows += _rows(event)
        size += len(entry.text)
        if batch and (rows > row_limit or size > HEAD_BYTES or entry.attempt != batch[0].attempt):
            break
        batch.append(entry)
        events.append(event)
    return batch, events


def grouped(parts: Sequence[Part], row_limit: int) -> Iterator[list[Part]]:
    """Parts that may share a request, in order; one that is over the limits alone goes alone."""
    group: list[Part] = []
    rows = size = 0
    for part in parts:
        if group and (rows + part.rows > row_limit or size + part.size > HEAD_BYTES):
            yield group
            group, rows, size = [], 0, 0
        group.append(part)
        rows, size = rows + part.rows, size + part.size
    if group:
        yield group


def _rows(event: Mapping[str, Any]) -> int:
    return max(1, len(event.get("lines", ())))
