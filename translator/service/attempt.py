"""One running attempt: its observations, reduced in order and stored before anything else happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type

from translator.errors import PermanentError, TemporaryError, TranslatorError
from translator.observe import reasons
from translator.observe.event import Event, Kind, encode
from translator.observe.masking import Mask
from translator.observe.observation import (
    AttemptRef,
    LogEnd,
    LogGap,
    Observation,
    Verdict,
    WorkflowGone,
    WorkflowRef,
)
from translator.observe.reducer import observe
from translator.observe.state import TaskState
from translator.observe.telling import UNREAD
from translator.service import clock
from translator.service.engine import Engine
from translator.service.log_batches import regroup
from translator.service.request import RequestLimit
from translator.service.retry import pause, tell
from translator.store.record import Record
from translator.store.store import Store
from translator.task.duration import parse_duration

_QUEUE = 256
"""Observations waiting to be stored; the engine waits while there are so many."""

UNSEEN_S = 24 * 3600.0
"""A day: whoever mends a cluster has had a night and a morning."""

COUNT_S = 15.0
"""Of a task that tells nothing, how long it has run is stored so often: a crash loses no more than that."""

_FIRST_SIGHT_S = 5.0
"""A deadline that passed while nobody looked waits so long for a sight of the Workflow: it may have ended."""

_TIME = 32
"""Bytes by which a line's own time may be longer than ours, and a comma."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Ended:
    """The engine yields no more: why, or None where it just ended."""

    error: Exception | None


class Attempt:
    """Follows one attempt from its stored state to its final event.

    Args:
        store: where state, cursors and events go, in one transaction.
        engine: what runs the Workflow.
        record: the task as stored.
        ref: the Workflow.
        row_limit: log lines in one event.
        limit: how large a request to agent-server, and so an event, may be.
        on_events: called with the taskId and its state when its outbox has grown.
        mask: hides the task's secret parameters in all that is stored and told.
        unseen_s: seconds after the deadline for which a Workflow is waited for that nobody has seen end.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        record: Record,
        ref: WorkflowRef,
        *,
        row_limit: int,
        limit: RequestLimit,
        on_events: Callable[[str, TaskState], None],
        mask: Mask,
        unseen_s: float = UNSEEN_S,
    ) -> None:
        self._store = store
        self._engine = engine
        self._record = record
        self._ref = ref
        self._row_limit = row_limit
        self._limit = limit
        self._on_events = on_events
        self._mask = mask
        self._unseen_s = unseen_s
        self._frame = _frame(record.state)
        self._limit_s, counted = _time_of(record)
        self._stopwatch = clock.Stopwatch(counted)
        self._queue: asyncio.Queue[Observation | _Ended] = asyncio.Queue(_QUEUE)
        self._seen = asyncio.Event()
        self._terminating: asyncio.Task[None] | None = None
        self._gone = False
        self.progressed = False

    async def run(self, revoked: asyncio.Event) -> TaskState:
        """Return the state of the attempt when its final event is stored.

        Args:
            revoked: set when the task is to be cancelled.

        Raises:
            TemporaryError: the engine or the store cannot go on now; what was stored stays, and a new Attempt
                from the stored record goes on there. `progressed` says whether this one stored anything.
            StaleWriterError: another follower has moved the task on.
        """
        helpers = [asyncio.create_task(self._watch()), asyncio.create_task(self._judge(revoked))]
        try:
            while not self._record.state.final:
                await self._store_batch([await self._queue.get(), *self._waiting()])
        finally:
            if self._terminating is not None:
                helpers.append(self._terminating)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return self._record.state

    async def _watch(self) -> None:
        ended = _Ended(None)
        try:
            state = self._record.state
            of = AttemptRef(state.task_id, state.agent_id, state.attempt)
            async for seen in self._engine.follow(self._ref, state.cursors_in_workflow, of):
                await self._queue.put(seen)
        except Exception as e:  # noqa: BLE001 - it is raised again where the state is stored
            ended = _Ended(e)
        await self._queue.put(ended)

    async def _judge(self, revoked: asyncio.Event) -> None:
        """Decide that the attempt must end: when its time is up, or when it is revoked."""
        if await self._runs_for(self._limit_s, revoked):
            await self._time_is_up()
        else:
            await self._queue.put(Verdict("Cancelled", reasons.REVOKED, "the task was revoked"))
        await self._runs_for(self._limit_s + self._unseen_s)
        await self._give_up()

    async def _runs_for(self, seconds: float, unless: asyncio.Event | None = None) -> bool:
        """Wait until the attempt has run for so long; False: the event came before that."""
        unless = unless or asyncio.Event()
        while not unless.is_set():
            left = seconds - self._stopwatch.seconds()
            if left <= 0:
                return True
            try:
                async with asyncio.timeout(min(left, COUNT_S)):
                    await unless.wait()
            except TimeoutError:
                await self._count()
        return False

    async def _count(self) -> None:
        """Store how long the attempt has run, for whoever follows it next."""
        try:
            await self._store.count(self._record, self._stopwatch.seconds())
        except TranslatorError as error:
            # it is stored with the next event, or in COUNT_S
            _log.debug("cannot store how long the task has run", error=error.message)

    async def _give_up(self) -> None:
        """Nobody has seen the Workflow end, though its time was up long ago: how it ended is not known.

        What it may have printed meanwhile is lost to us, which is told for every step that may have run. The
        order to end it stays: whoever releases the Workflow carries it out first.
        """
        state = self._record.state
        if state.ending is not None:
            return
        why = state.unseen or "the Workflow did not end, although that was ordered"
        message = f"outcome unknown: {why}"
        await self._queue.put(Verdict("Error", reasons.UNOBSERVED, message, ended=True))

    async def _time_is_up(self) -> None:
        try:
            async with asyncio.timeout(_FIRST_SIGHT_S):
                await self._seen.wait()
        except TimeoutError:
            _log.warning("the deadline has passed and the Workflow cannot be seen")
        if self._record.state.ending is None:
            message = "the task ran longer than its timeout"
            await self._queue.put(Verdict("TimedOut", reasons.TASK_DEADLINE_EXCEEDED, message))

    def _waiting(self) -> list[Observation | _Ended]:
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]

    async def _store_batch(self, batch: list[Observation | _Ended]) -> None:
        """Reduce and store what is there; then act on what it says."""
        seen = [self._mask.observation(each) for each in batch if not isinstance(each, _Ended)]
        await self._append(regroup(seen, self._row_limit, self._limit.events - self._frame))
        if seen:
            self._seen.set()
        self._gone = self._gone or any(isinstance(each, WorkflowGone) for each in seen)
        ordered = any(isinstance(each, Verdict) and not each.ended for each in seen)
        if ordered and self._terminating is None and self._record.state.ending is None:
            # The order is durable: it goes out, however often this process dies meanwhile.
            self._terminating = asyncio.create_task(self._terminate())
        for each in batch:
            if isinstance(each, _Ended) and not self._record.state.final:
                await self._cut_off(each.error)

    async def _append(self, observations: Iterable[Observation]) -> None:
        state = self._record.state
        events: list[Event] = []
        now = clock.rfc3339()
        for seen in observations:
            state, told = observe(state, seen, now)
            events += told
        if state == self._record.state:
            return
        self._record = await self._store.append(
            self._record, state, events, elapsed=self._stopwatch.seconds()
        )
        self.progressed = True
        if argo := state.overruled_phase:
            _log.warning(
                "the task ended otherwise than its Workflow", phase=str(state.phase), argo=argo,
                workflow=self._ref.name,
            )  # fmt: skip
        if events:
            self._on_events(self._record.task_id, state)

    async def _cut_off(self, error: Exception | None) -> None:
        if isinstance(error, PermanentError):
            verdict = Verdict("Error", error.reason, self._mask.text(error.message), ended=True)
            await self._append([verdict])
            await self._terminate()
            return
        if error is not None:
            raise error
        if self._gone:
            # An engine that has lost the Workflow has no more of its logs either.
            await self._append(self._unread())
        if self._record.state.final:
            return
        raise TemporaryError(f"the engine stopped telling of Workflow {self._ref.name}")

    def _unread(self) -> Iterator[Observation]:
        """The end of every log, after a gap where lines were not read that a step may have written."""
        state = self._record.state
        for step in state.steps:
            if step.ran and not step.log_ended:
                yield LogGap(step.name, UNREAD, None, state.cursors.get(step.name, {}))
            yield LogEnd(step.name)

    async def _terminate(self) -> None:
        _log.info("terminating", workflow=self._ref.name)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TemporaryError), wait=pause, before_sleep=tell, reraise=True
        )
        try:
            async for attempt in retrying:
                with attempt:
                    await self._engine.terminate(self._ref)
        except PermanentError as e:
            _log.error("cannot terminate", workflow=self._ref.name, error=e.message, remedy=e.remedy)


def _frame(state: TaskState) -> int:
    """Bytes of a log event of the attempt besides its lines, at most."""
    longest = max((step.name for step in state.steps), key=lambda name: len(encode(name)), default="")
    bare = Event(
        state.task_id, state.agent_id, state.attempt, 2**53, clock.rfc3339(), Kind.LOG,
        {"step": longest, "lines": []},
    )  # fmt: skip
    return len(encode(bare.as_json())) + _TIME


def _time_of(record: Record) -> tuple[float, float]:
    """How many seconds an attempt may run, and how many it has.

    Of a record of 0.1.0, or one that was made again, only the clocks tell how long it has run: the one that
    set its deadline, and this process's.
    """
    assert record.deadline is not None, "it is stored with the Workflow"
    left = record.deadline - clock.unix()
    timeout = record.state.timeout
    limit = parse_duration(timeout) / 1e9 if timeout else max(0.0, left)
    return limit, limit - min(left, limit) if record.elapsed is None else record.elapsed
