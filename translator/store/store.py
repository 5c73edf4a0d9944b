"""The store: every transaction of the service, on Redis.

A method took effect as a whole when it returns. After a `TemporaryError` it may or may not have taken effect,
and calling it again is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from redis.asyncio import Redis

from translator.errors import PermanentError, TranslatorError
from translator.observe.event import Event
from translator.observe.observation import WorkflowRef
from translator.observe.state import TaskState
from translator.store import scripts
from translator.store.calls import CHUNK, Call, Scripts
from translator.store.keys import SHARDS, ShardKeys, keys_of
from translator.store.record import (
    Kept,
    NewTask,
    Open,
    Record,
    dump,
    event_pairs,
    parse_kept,
    parse_record,
    ref_text,
)
from translator.store.wrapped import wrapped

Outcome = Literal["accepted", "duplicate", "conflict"]
Revocation = Literal["revoked", "repeated", "ended", "unknown"]


class StaleWriterError(TranslatorError):
    """Another writer has moved the task on: what this one knows is out of date, and it wrote nothing."""


class UnknownTaskError(TranslatorError):
    """The store holds no such task (it was never accepted, or its time of being kept is over)."""


class Store:
    """Tasks, inbox, outbox and cursors.

    Args:
        redis: a client that gives bytes (``decode_responses=False``).
        shards: how many shards tasks are split into; fixed for the life of the data.
        keep_s: seconds that a finished task's record is kept after agent-server holds its last event.
    """

    def __init__(self, redis: Redis, *, shards: int, keep_s: int) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)
        self._shards = shards
        self._keep_s = keep_s

    async def ping(self) -> None:
        """Find out whether Redis answers.

        Raises:
            TemporaryError: it does not.
            PermanentError: it refuses us.
        """
        async with wrapped("ping"):
            await self._redis.ping()

    async def open(self) -> None:
        """Make sure that Redis answers, and that the data in it was split into as many shards as we do.

        Raises:
            TemporaryError: Redis does not answer.
            PermanentError: it refuses us, or holds data that was split otherwise.
        """
        async with wrapped("open the store"):
            await self._redis.set(SHARDS, self._shards, nx=True)
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
        calls = [self._accept_call(task, now_ms) for task in tasks]
        answers = await self._scripts.run_many(scripts.ACCEPT, calls, f"accept {len(tasks)} tasks")
        return [(outcome.decode(), phase.decode()) for outcome, phase in answers]

    async def begin(self, task_id: str) -> bool:
        """Note that the engine may hold the attempt from now on. False: the task was revoked before that.

        Raises:
            UnknownTaskError: the store does not know the task.
        """
        answer = await self._scripts.run(
            scripts.BEGIN, [self._keys(task_id).task(task_id)], [], f"begin task {task_id}"
        )
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
    ) -> Record:
        """Keep a new state and its events, if `record` is what is stored.

        Args:
            record: as loaded, or as the last append returned it.
            state: what follows ``record.state``.
            events: those that lead from one to the other.
            workflow: what the engine now runs, once; the task leaves the inbox with it.
            deadline: when the attempt's time is up, in seconds since 1970; together with `workflow`.

        Returns:
            The record as it is stored now.

        Raises:
            StaleWriterError: another writer was faster.
            UnknownTaskError: the store does not know the task.
        """
        new = replace(record, version=record.version + 1, state=state)
        fields: list[str] = []
        if workflow is not None:
            new = replace(new, workflow=workflow, deadline=deadline)
            fields += ["workflow", ref_text(workflow)]
        if deadline is not None:
            fields += ["deadline", repr(deadline)]
        keys = self._keys(record.task_id)
        args = [
            record.task_id, record.version, state.attempt, dump(state.as_json()), state.seq, str(state.phase),
            int(state.final), self._keep_s, len(fields) // 2, *fields, *event_pairs(events),
        ]  # fmt: skip
        answer = await self._scripts.run(
            scripts.APPEND, _all(keys, record.task_id), args, f"append to task {record.task_id}"
        )
        if answer == b"stale":
            raise StaleWriterError(f"task {record.task_id}: version {record.version} is not the latest")
        if answer == b"unknown":
            raise UnknownTaskError(f"task {record.task_id} is not in the store")
        return new

    async def acknowledge(self, task_id: str, attempt: int, seq: int) -> None:
        """Let go of the events that agent-server holds: all up to and including (attempt, seq)."""
        keys = self._keys(task_id)
        await self._scripts.run(
            scripts.ACKNOWLEDGE,
            [keys.task(task_id), keys.outbox(task_id), keys.open],
            [task_id, f"{attempt}-{seq + 1}", self._keep_s],
            f"acknowledge task {task_id}",
        )

    async def release(self, task_id: str) -> None:
        """Note that the engine has forgotten the task's Workflow."""
        keys = self._keys(task_id)
        await self._scripts.run(
            scripts.RELEASE,
            [keys.task(task_id), keys.outbox(task_id), keys.open],
            [task_id, self._keep_s],
            f"release task {task_id}",
        )

    async def revoke(self, task_id: str, why: str) -> tuple[Revocation, str]:
        """Note the wish to cancel a task.

        Returns:
            What became of the wish, and the task's phase (empty for an unknown task).
        """
        answer = await self._scripts.run(
            scripts.REVOKE, [self._keys(task_id).task(task_id)], [why], f"revoke task {task_id}"
        )
        return answer[0].decode(), answer[1].decode()

    async def park(self, task_id: str, why: str) -> None:
        """Keep the task's events and send them no more, because agent-server refuses them for good."""
        await self._scripts.run(
            scripts.PARK, [self._keys(task_id).task(task_id)], [why], f"park task {task_id}"
        )

    async def unpark(self, task_id: str) -> None:
        """Let the task's events be sent again."""
        async with wrapped(f"unpark task {task_id}"):
            await self._redis.hdel(self._keys(task_id).task(task_id), "parked")

    async def load(self, task_id: str) -> Record | None:
        """The task's record, or None where the store does not know the task."""
        async with wrapped(f"load task {task_id}"):
            fields: Any = await self._redis.hgetall(self._keys(task_id).task(task_id))
        return parse_record(task_id, fields) if fields else None

    async def outbox(self, task_id: str, count: int) -> list[Kept]:
        """The oldest `count` events that agent-server does not hold, in order; none for a parked task."""
        keys = self._keys(task_id)
        what = f"read the outbox of {task_id}"
        async with wrapped(what), self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(keys.task(task_id), "parked")
            pipe.xrange(keys.outbox(task_id), count=count)
            parked, entries = await pipe.execute()
        return [] if parked else [parse_kept(entry_id, entry) for entry_id, entry in entries]

    async def open_tasks(self) -> list[Open]:
        """All tasks of which something is still to be done, each shard's oldest submissions first."""
        async with wrapped("list the open tasks"), self._redis.pipeline(transaction=False) as pipe:
            for number in range(self._shards):
                pipe.zrange(ShardKeys(number).inbox, 0, -1)
                pipe.smembers(ShardKeys(number).open)
            answers = await pipe.execute()
        waiting = [task_id for inbox in answers[0::2] for task_id in inbox]
        others = [task_id for members in answers[1::2] for task_id in members]
        found: list[Open] = []
        ids = list(dict.fromkeys(waiting + others))
        waits = set(waiting)
        for start in range(0, len(ids), CHUNK):
            found += await self._describe(ids[start : start + CHUNK], waits)
        return found

    async def _describe(self, ids: Sequence[bytes], waits: set[bytes]) -> list[Open]:
        what = f"describe {len(ids)} open tasks"
        async with wrapped(what), self._redis.pipeline(transaction=False) as pipe:
            for raw in ids:
                keys = self._keys(raw.decode())
                pipe.hmget(keys.task(raw.decode()), "workflow", "released", "parked")
                pipe.xlen(keys.outbox(raw.decode()))
            answers = await pipe.execute()
        return [
            Open(
                task_id=raw.decode(),
                waits=raw in waits,
                runs=workflow is not None and released is None,
                backlog=backlog,
                parked=parked is not None,
            )
            for raw, (workflow, released, parked), backlog in zip(
                ids, answers[0::2], answers[1::2], strict=True
            )
        ]

    def _keys(self, task_id: str) -> ShardKeys:
        return keys_of(task_id, self._shards)

    def _accept_call(self, task: NewTask, now_ms: int) -> Call:
        state = task.state
        return _all(self._keys(task.task_id), task.task_id), [
            task.task_id, task.spec_hash, now_ms, task.agent_id, dump(task.args), state.attempt,
            dump(state.as_json()), state.seq, str(state.phase), *event_pairs(task.events),
        ]  # fmt: skip


def _all(keys: ShardKeys, task_id: str) -> list[str]:
    return [keys.task(task_id), keys.outbox(task_id), keys.inbox, keys.open]
