"""The store: every transaction of the service, on Redis (`translator.store.reader` only looks).

A method took effect as a whole when it returns. After a `TemporaryError` it may or may not have taken effect,
and calling it again is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from redis.asyncio import Redis

from translator.errors import PermanentError
from translator.observe.event import Event
from translator.observe.observation import WorkflowRef
from translator.observe.state import TaskState
from translator.store import arguments, scripts
from translator.store.calls import UNSIGNED, Scripts, Sign
from translator.store.catalogue import Catalogue
from translator.store.indexes import Indexes
from translator.store.keys import SHARDS
from translator.store.log_cap import HEAD_BYTES, HEAD_EVENTS, SHRINK, TAIL_BYTES
from translator.store.reader import Reader
from translator.store.rebuild import REBUILD
from translator.store.record import NewTask, Rebuilt, Record, dump, elapsed_text
from translator.store.refusal import SetBackError, StaleWriterError, UnknownTaskError
from translator.store.room import Room
from translator.store.script import Script
from translator.store.tenure import Tenure
from translator.store.wrapped import wrapped

Outcome = Literal["accepted", "duplicate", "conflict"]
Revocation = Literal["revoked", "repeated", "ended", "unknown"]
Retrial = Literal["retried", "running", "busy", "stale", "unknown"]


class Store(Reader):
    """Tasks, inbox, outbox and cursors: to read, and to change.

    Args:
        redis: a client that gives bytes (``decode_responses=False``).
        shards: how many shards tasks are split into; fixed for the life of the data.
        keep_s: seconds that a finished task is kept after agent-server holds its last event.
        keep_bytes: bytes of log events kept of one task, the newest; only what agent-server holds is dropped.
        spill_bytes: bytes of log events kept of one task in any case, held or not.
        tenure: the shards that this process holds, without which it writes nothing that only a shard's holder
            may (`translator.store.script`); None: it works alone on the data, and nothing is fenced.
        sign: of this process, for messages to the shards' holders.
        wait_replicas: how many replicas of Redis must hold a transaction before it is answered.
        event_bytes: bytes that an event may have on the wire now; a larger one is made to fit
            (`translator.observe.event.fitted`) before it is kept.
        max_bytes: what Redis may hold before new tasks wait; 0: as much of its ``maxmemory`` as
            `translator.store.room.SHARE` says.
        vital: another client, for what must not wait behind readers: `probe`; None: the same.

    Attributes:
        room: whether there is room for new tasks.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        shards: int,
        keep_s: int,
        keep_bytes: int = 16 * 1024 * 1024,
        spill_bytes: int = 64 * 1024 * 1024,
        tenure: Tenure | None = None,
        sign: Sign = UNSIGNED,
        wait_replicas: int = 0,
        event_bytes: Callable[[], int] = lambda: HEAD_BYTES,
        max_bytes: int = 0,
        vital: Redis | None = None,
    ) -> None:
        send = Scripts(redis, shards=shards, tenure=tenure, sign=sign, wait_replicas=wait_replicas)
        super().__init__(redis, send, shards=shards, tenure=tenure)
        self._keep_s = keep_s
        self._keep_bytes = keep_bytes
        self._spill_bytes = max(keep_bytes, spill_bytes)
        self._order = 0.0
        self._event_bytes = event_bytes
        self.room = Room(redis, max_bytes)
        if vital is not None:
            self._prober = Scripts(
                vital, shards=shards, tenure=tenure, sign=sign, wait_replicas=wait_replicas
            )

    def indexes(self) -> Indexes:
        """The indexes of the tasks that are in it."""
        return Indexes(self._redis, self._scripts, shards=self._shards, keep_s=self._keep_s)

    def catalogue(self) -> Catalogue:
        """All tasks that are in it."""
        return Catalogue(self._redis, self._scripts, shards=self._shards)

    async def open(self) -> None:
        """Make sure that Redis answers, and that the data in it was split into as many shards as we do.

        Raises:
            TemporaryError: Redis does not answer.
            PermanentError: it refuses us, or holds data that was split otherwise.
        """
        async with wrapped("open the store"):
            self._data = await self._named()
            held = int(await self._redis.get(SHARDS) or 0)
        if held != self._shards:
            raise PermanentError(
                f"the tasks in Redis are split into {held} shards, not {self._shards}",
                reason="StoreRefused",
                remedy=f"set shards to {held}, or use another database",
            )

    async def accept(self, tasks: Sequence[NewTask], now_ms: int) -> list[tuple[Outcome, str]]:
        """Keep new tasks, each once: record, first event, inbox entry.

        Args:
            tasks: in order; a taskId may occur more than once.
            now_ms: milliseconds since 1970, which order the inbox.

        Returns:
            For each task what became of it, and the phase of what is stored under its taskId.
        """
        most = self._event_bytes()
        calls = [(task.task_id, arguments.accept(task, now_ms, self._next(now_ms), most)) for task in tasks]
        answers = await self._scripts.run_many(scripts.ACCEPT, calls, f"accept {len(tasks)} tasks")
        await self.watch_for_loss()
        return [(outcome.decode(), phase.decode()) for outcome, phase in answers]

    async def begin(self, task_id: str) -> bool:
        """Note that the engine may hold the attempt from now on. False: the task was revoked before that.

        Raises:
            UnknownTaskError: the store does not know the task.
        """
        answer = await self._run(scripts.BEGIN, task_id, [], "begin")
        if answer == b"unknown":
            raise UnknownTaskError(f"task {task_id} is not in the store")
        return bool(answer == b"begun")

    async def append(
        self,
        record: Record,
        state: TaskState,
        events: Sequence[Event],
        *,
        workflow: WorkflowRef | None = None,
        deadline: float | None = None,
        elapsed: float | None = None,
        secret_params: Sequence[str] = (),
    ) -> Record:
        """Keep a new state and its events, if `record` is what is stored.

        Args:
            record: as loaded, or as the last append returned it.
            state: what follows ``record.state``.
            events: those that lead from one to the other.
            workflow: what the engine now runs, once; the task leaves the inbox with it.
            deadline: when the attempt's time is up, in seconds since 1970; together with `workflow`.
            elapsed: seconds that the attempt has run.
            secret_params: as `Record` has it; together with `workflow`.

        Returns:
            The record as it is stored now.

        Raises:
            StaleWriterError: another writer was faster.
            SetBackError: it is Redis that is out of date.
            UnknownTaskError: the store does not know the task.
        """
        new = replace(record, version=record.version + 1, state=state)
        if workflow is not None:
            new = replace(new, workflow=workflow, deadline=deadline)
        if elapsed is not None:
            new = replace(new, elapsed=elapsed)
        if secret_params:
            new = replace(new, secret_params=tuple(sorted({*record.secret_params, *secret_params})))
        args = arguments.append(
            record,
            state,
            events,
            workflow=workflow,
            deadline=deadline,
            elapsed=elapsed,
            secret_params=secret_params,
            keep_s=self._keep_s,
            event_bytes=self._event_bytes(),
        )
        answer, size = await self._run(scripts.APPEND, record.task_id, args, "append to")
        if answer == b"set back":
            raise SetBackError(f"task {record.task_id}: Redis has forgotten version {record.version}")
        if answer == b"stale":
            raise StaleWriterError(f"task {record.task_id}: version {record.version} is not the latest")
        if answer == b"unknown":
            raise UnknownTaskError(f"task {record.task_id} is not in the store")
        if size > self._keep_bytes:
            await self.shrink(record.task_id)
        return new

    async def count(self, record: Record, elapsed: float) -> None:
        """Note how many seconds the record's attempt has run; it is not noted of another attempt."""
        attempt = record.state.attempt
        args = [attempt, elapsed_text(attempt, elapsed)]
        await self._run(scripts.COUNT, record.task_id, args, "count the time of")

    async def retry(
        self, record: Record, state: TaskState, events: Sequence[Event], now_ms: int, request: str
    ) -> Retrial:
        """Keep a new attempt of a task that has ended, if `record` is what is stored.

        Of many who ask at the same time one is told ``retried``.

        Args:
            record: as loaded.
            state: the new attempt's state.
            events: its first events.
            now_ms: milliseconds since 1970, which order the inbox.
            request: who asks, another one for each request: the same again, after a lost answer, is told
                the same.

        Returns:
            ``retried``; or why not: the attempt is ``running``, the engine has not let go of it
            (``busy``), another writer was faster (``stale``), or the task is ``unknown``.
        """
        args = arguments.retry(record, state, events, self._next(now_ms), request, self._event_bytes())
        answer: bytes = await self._run(scripts.RETRY, record.task_id, args, "retry")
        await self.watch_for_loss()
        return answer.decode()  # type: ignore[return-value]  # the script says one of these

    async def rebuild(self, task_id: str, rebuilt: Rebuilt, now_ms: int) -> bool:
        """Keep a record that was lost, or that is older than what agent-server holds, as it is made again.

        Args:
            task_id: of the task.
            rebuilt: the record; its events are all that will be kept of the task's.
            now_ms: milliseconds since 1970.

        Returns:
            False: meanwhile there is another record.
        """
        args = arguments.rebuild(task_id, rebuilt, now_ms, self._keep_s, self._event_bytes())
        return bool(await self._run(REBUILD, task_id, args, "rebuild") == b"rebuilt")

    async def acknowledge(self, task_id: str, attempt: int, seq: int) -> None:
        """Note that agent-server holds the events up to and including (attempt, seq)."""
        args = [task_id, attempt, seq, self._keep_s]
        if await self._run(scripts.ACKNOWLEDGE, task_id, args, "acknowledge"):
            await self.shrink(task_id)

    async def shorten(self, task_id: str, attempt: int, seq: int, event: Mapping[str, Any]) -> None:
        """Tell agent-server this event in the place of a stored one, which is too large to be sent."""
        await self._run(scripts.SHORTEN, task_id, [f"{attempt}-{seq}", dump(event)], "shorten an event of")

    async def release(self, task_id: str) -> None:
        """Note that the engine has forgotten the task's Workflow."""
        await self._run(scripts.RELEASE, task_id, [task_id, self._keep_s], "release")

    async def shrink(self, task_id: str, *, keep: int | None = None, spill: int | None = None) -> int:
        """Drop the task's oldest log events, as far as the limits ask for it.

        Args:
            task_id: of the task.
            keep: down to so many bytes of all while agent-server holds the oldest; None: as set.
            spill: down to so many bytes whether it holds them or not; None: as set. The newest `TAIL_BYTES`
                stay beside what was perhaps sent.

        Returns:
            The bytes of log events that are kept now.
        """
        keep = self._keep_bytes if keep is None else keep
        spill = max(keep, self._spill_bytes if spill is None else spill)
        args = [task_id, keep, spill, HEAD_EVENTS, HEAD_BYTES, TAIL_BYTES]
        return int(await self._run(SHRINK, task_id, args, "shrink"))

    async def revoke(self, task_id: str, why: str) -> tuple[Revocation, str]:
        """Note the wish to cancel a task.

        Returns:
            What became of the wish, and the task's phase (empty for an unknown task).
        """
        answer = await self._run(scripts.REVOKE, task_id, [task_id, why], "revoke")
        return answer[0].decode(), answer[1].decode()

    async def park(self, task_id: str, why: str) -> None:
        """Keep the task's events and send them no more, because agent-server refuses them for good."""
        await self._run(scripts.PARK, task_id, [why], "park")

    async def unpark(self, task_id: str) -> bool:
        """Let the task's events be sent again. False: they were not parked."""
        return bool(await self._run(scripts.UNPARK, task_id, [task_id], "unpark"))

    async def _run(self, script: Script, task_id: str, args: Sequence[Any], what: str) -> Any:
        return await self._scripts.run(script, task_id, args, f"{what} task {task_id}")

    def _next(self, now_ms: int) -> float:
        """The place of a submission among all: its time, and never the same twice."""
        self._order = max(float(now_ms), self._order + 2**-10)
        return self._order
