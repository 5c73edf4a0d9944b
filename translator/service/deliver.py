"""Outbox to agent-server: each task's events in order, many tasks at once.

There are two lanes of requests. In the light one, tasks with little to tell share a request, so that a status
never waits behind another task's logs; a task with much to tell goes on in the heavy one, where a request is
its own. A task has one request at a time under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from translator.agent_server.verdict import DeniedError, TooLargeError
from translator.crash_point import Step, around
from translator.errors import PermanentError, TemporaryError, TranslatorError
from translator.observe.event import encode, fitted
from translator.service.lane import Lane, Turn
from translator.service.metrics import Metrics
from translator.service.request import SMALLEST, Outcome, Part, RequestLimit, first_batch, grouped
from translator.service.workers import Workers
from translator.store.kept import Kept
from translator.store.log_cap import HEAD_EVENTS
from translator.store.store import Store

_PROBE = 8
"""Events of a task that are read first: few, as each may be large."""

_LIGHT_BYTES = 64 * 1024
"""Of the events of one task in a shared request."""

_SHARE = 64
"""Tasks in one request."""

_log = structlog.get_logger()


class Sender(Protocol):
    """What brings a batch to agent-server: over HTTP or over the link."""

    @property
    def denied(self) -> str:
        """Why agent-server denies us the connection (a wrong token or address); empty: it does not."""

    async def send(self, events: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], int]:
        """Send one batch; returns the highest seq that agent-server now holds, by (taskId, attempt).

        Raises:
            TooLargeError: fewer events may be taken.
            PermanentError: agent-server refuses this batch.
            TemporaryError: the same events may be taken later.
        """


class Deliverer:
    """Sends what is in the outbox.

    Args:
        store: where the outbox is.
        sender: one call, no retry inside.
        row_limit: log lines (any other event counts as one) in one request.
        limit: how large a request may be; none is larger.
        parallel: requests at once, half of them in each lane; at least one in each.
        linger_s: how long an event may wait for others to share a request with.
        metrics: told what is sent, held and refused.
        on_emptied: called with taskId, attempt and seq of a last event, when agent-server holds it.
        doubted: whether a task's events are not to be sent yet (`translator.service.doubt`).
        on_ahead: called with the taskId where agent-server says that it holds more than was sent now.
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        row_limit: int,
        parallel: int,
        limit: RequestLimit | None = None,
        linger_s: float = 0.0,
        metrics: Metrics | None = None,
        on_emptied: Callable[[str, int, int], None] = lambda *_: None,
        doubted: Callable[[str], bool] = lambda _: False,
        on_ahead: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._doubted = doubted
        self._on_ahead = on_ahead
        self._store = store
        self._sender = sender
        self._row_limit = row_limit
        self._limit = limit or RequestLimit()
        self._metrics = metrics or Metrics()
        self._on_emptied = on_emptied
        light = max(1, parallel // 2)
        self._light: Lane[Outcome] = Lane(
            "deliver light", self._serve_light, loops=light, most=_SHARE, linger_s=linger_s
        )
        self._heavy: Lane[Outcome] = Lane("deliver heavy", self._serve_heavy, loops=max(1, parallel - light))
        self._counts: dict[str, int] = {}
        self._much: set[str] = set()
        self._since: dict[str, float] = {}
        self._workers = Workers("deliver", self._deliver, mine=store.holds)
        self.busy = self._workers.busy
        self.idle = self._workers.idle

    def wake(self, task_id: str) -> None:
        """Say that the task's outbox has grown; one of another replica, or in doubt, is not looked at."""
        if not self._store.holds(task_id) or self._doubted(task_id):
            return
        self._since.setdefault(task_id, time.monotonic())
        self._workers.wake(task_id)

    async def shed(self) -> None:
        """Cut the deliveries off that are not this replica's any more."""
        await self._workers.shed()
        for task_id in [task_id for task_id in self._since if not self._store.holds(task_id)]:
            self._since.pop(task_id, None)
            self._counts.pop(task_id, None)
            self._much.discard(task_id)

    async def stop(self) -> None:
        """Cut all deliveries off."""
        await self._workers.stop()
        await self._light.stop()
        await self._heavy.stop()

    def oldest_s(self) -> float:
        """How long the task that waits the longest has had something to send, in seconds; 0: none has."""
        return time.monotonic() - min(self._since.values()) if self._since else 0.0

    async def _deliver(self, task_id: str) -> None:
        """Send one batch; what is left wakes the worker again, so that tasks take turns."""
        outcome = Outcome.HEAVY if task_id in self._much else await self._light.turn(task_id)
        if outcome is Outcome.HEAVY:
            outcome = await self._heavy.turn(task_id)
            (self._much.add if outcome is Outcome.MORE else self._much.discard)(task_id)
        if outcome is Outcome.MORE:
            self._workers.wake(task_id)
        else:
            since = self._since.pop(task_id, None)
            # what was parked before has nothing to send either
            sent = self._counts.pop(task_id, None) is not None and outcome is not Outcome.PARKED
            if since is not None and sent:
                self._metrics.emptied(time.monotonic() - since)

    async def _serve_light(self, turns: Sequence[Turn[Outcome]]) -> None:
        parts = await asyncio.gather(*(self._part(turn, _LIGHT_BYTES) for turn in turns))
        for group in grouped([part for part in parts if part], self._row_limit, self._limit.events):
            await self._send(group)

    async def _serve_heavy(self, turns: Sequence[Turn[Outcome]]) -> None:
        for turn in turns:
            if part := await self._part(turn, None):
                await self._send([part])

    async def _part(self, turn: Turn[Outcome], limit: int | None) -> Part | None:
        """What a task has to send; None: it has nothing, more than `limit` bytes, or cannot be read."""
        count = self._counts.get(turn.task_id, _PROBE)
        try:
            kept = await self._store.outbox(turn.task_id, count)
        except TranslatorError as error:
            turn.failed(error)
            return None
        if not kept:
            turn.done(Outcome.EMPTY)
            return None
        if limit is not None and sum(len(each.text) for each in kept) > limit:
            turn.done(Outcome.HEAVY)
            return None
        batch, events = first_batch(kept, self._row_limit, self._limit.events)
        if len(batch) == 1 and (short := self._shorter(batch[0], events[0], self._limit.most)):
            await self._shorten(turn, batch[0], short)
            return None
        all_of_it = len(batch) == len(kept)
        more = not all_of_it or len(kept) == count
        # as many as will fit next time, and one that shows whether there are more
        self._counts[turn.task_id] = min(HEAD_EVENTS, 4 * count if all_of_it else len(batch) + 1)
        return Part(turn, batch, events, more)

    async def _send(self, parts: Sequence[Part]) -> None:
        try:
            with around(Step.SEND):
                held = await self._sender.send([event for part in parts for event in part.events])
        except TooLargeError as error:
            await self._send_less(parts, error)
            return
        except PermanentError as error:
            if len(parts) > 1:
                # which of them is refused shows when each goes alone
                for part in parts:
                    await self._send([part])
                return
            await self._park(parts[0], error)
            return
        except TemporaryError as error:
            self._metrics.delivery_failed("denied" if isinstance(error, DeniedError) else "temporary")
            for part in parts:
                part.turn.failed(error)
            return
        self._metrics.delivered(sum(len(part.kept) for part in parts), sum(part.rows for part in parts))
        await asyncio.gather(*(self._acknowledge(part, held) for part in parts))

    @staticmethod
    def _shorter(kept: Kept, event: Mapping[str, Any], most: int) -> Mapping[str, Any] | None:
        """What is told in the place of an event that alone is larger than a request may be.

        It was stored while the limit was higher. None: it is small enough, or cannot be any shorter.
        """
        if kept.size <= most or (size := len(encode(event))) <= most:
            return None
        short = fitted(event, most)
        return short if len(encode(short)) < size else None

    async def _send_less(self, parts: Sequence[Part], error: TooLargeError) -> None:
        """What was refused as too large goes again in two requests, down to one event."""
        size = len(encode([event for part in parts for event in part.events]))
        self._metrics.delivery_failed("too large")
        if size > SMALLEST:
            self._limit.refused(size)
        if len(parts) > 1:
            half = len(parts) // 2
            await self._send(parts[:half])
            await self._send(parts[half:])
        elif len(parts[0].kept) > 1:
            await self._send([parts[0].first_half()])
        elif short := self._shorter(parts[0].kept[0], parts[0].events[0], self._limit.events):
            await self._shorten(parts[0].turn, parts[0].kept[0], short)
        else:
            # it is not the size that is refused, or nothing can be left out
            await self._park(parts[0], error)

    async def _shorten(self, turn: Turn[Outcome], kept: Kept, short: Mapping[str, Any]) -> None:
        """Have a shorter event told in the place of one that cannot be sent, durably; of log lines, a gap."""
        try:
            await self._store.shorten(turn.task_id, kept.attempt, kept.seq, short)
        except TranslatorError as trouble:
            turn.failed(trouble)
            return
        _log.error(
            "an event is larger than a request to agent-server may be: a shorter one is told",
            taskId=turn.task_id,
            attempt=kept.attempt,
            seq=kept.seq,
            lostLines=short.get("missing", 0),
        )
        turn.done(Outcome.MORE)

    async def _acknowledge(self, part: Part, held: Mapping[tuple[str, int], int]) -> None:
        task_id, first, last = part.turn.task_id, part.kept[0].seq, part.kept[-1].seq
        # More than was sent cannot be meant: what was never sent must not be dropped.
        told = held.get((task_id, part.attempt), 0)
        upto = min(told, last)
        if told > last:
            self._on_ahead(task_id)
        if upto < first:
            message = f"agent-server took the events {first} to {last} of task {task_id} and holds {upto}"
            part.turn.failed(TemporaryError(message))
            return
        try:
            await self._store.acknowledge(task_id, part.attempt, upto)
        except TranslatorError as error:
            part.turn.failed(error)
            return
        if part.more or upto < last:
            part.turn.done(Outcome.MORE)
        else:
            part.turn.done(Outcome.EMPTY)
            self._on_emptied(task_id, part.attempt, upto)

    async def _park(self, part: Part, error: PermanentError) -> None:
        self._metrics.delivery_failed("refused")
        try:
            await self._store.park(part.turn.task_id, error.message)
        except TranslatorError as trouble:
            part.turn.failed(trouble)
            return
        _log.error(
            "events parked",
            taskId=part.turn.task_id,
            error=error.message,
            attempt=part.attempt,
            seq=part.kept[0].seq,
            remedy=error.remedy,
        )
        part.turn.done(Outcome.PARKED)
