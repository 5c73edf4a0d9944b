"""Outbox to agent-server: each task's events in order, many tasks at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import structlog

from translator.errors import PermanentError, TemporaryError
from translator.service.workers import Workers
from translator.store.record import Kept
from translator.store.store import Store

_READ = 128
"""Events read from the outbox at once."""

_MAX_BYTES = 1024 * 1024
"""Of the events in one request (a bigger one goes alone)."""

_log = structlog.get_logger()


class Sender(Protocol):
    """What brings a batch to agent-server: over HTTP or over the link."""

    async def send(self, events: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], int]:
        """Send one batch; returns the highest seq that agent-server now holds, by (taskId, attempt)."""


class Deliverer:
    """Sends what is in the outbox, one request of one task at a time, so that its order holds.

    Args:
        store: where the outbox is.
        sender: one call, no retry inside.
        row_limit: log lines (any other event counts as one) in one request.
        parallel: requests at once.
    """

    def __init__(self, store: Store, sender: Sender, *, row_limit: int, parallel: int) -> None:
        self._store = store
        self._sender = sender
        self._row_limit = row_limit
        self._workers = Workers("deliver", self._deliver, slots=parallel)
        self.wake = self._workers.wake
        self.idle = self._workers.idle
        self.stop = self._workers.stop

    async def _deliver(self, task_id: str) -> None:
        """Send one batch; what is left wakes the worker again, so that tasks take turns."""
        kept = await self._store.outbox(task_id, _READ)
        if not kept:
            return
        batch, events = _batch(kept, self._row_limit)
        attempt, last = batch[-1].attempt, batch[-1].seq
        try:
            held = await self._sender.send(events)
        except PermanentError as e:
            await self._store.park(task_id, e.message)
            _log.error("events parked", error=e.message, attempt=attempt, seq=batch[0].seq, remedy=e.remedy)
            return
        # More than was sent cannot be meant: what was never sent must not be dropped.
        upto = min(held.get((task_id, attempt), 0), last)
        if upto < batch[0].seq:
            raise TemporaryError(
                f"agent-server took the events {batch[0].seq} to {last} of task {task_id} and holds {upto}"
            )
        await self._store.acknowledge(task_id, attempt, upto)
        if upto < last or len(batch) < len(kept) or len(kept) == _READ:
            self.wake(task_id)


def _batch(kept: Sequence[Kept], row_limit: int) -> tuple[list[Kept], list[dict[str, Any]]]:
    """The longest beginning that is of one attempt and within the limits; at least one event."""
    batch: list[Kept] = []
    events: list[dict[str, Any]] = []
    rows = size = 0
    for entry in kept:
        event = json.loads(entry.text)
        rows += max(1, len(event.get("lines", ())))
        size += len(entry.text)
        if batch and (rows > row_limit or size > _MAX_BYTES or entry.attempt != batch[0].attempt):
            break
        batch.append(entry)
        events.append(event)
    return batch, events
