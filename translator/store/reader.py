"""Reading: what is stored of a task, what is still to be sent of it, and which tasks are not done."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Collection, Iterable
from typing import Any

from redis.asyncio import Redis

from translator.crash_point import Step, around
from translator.store import kept, scripts
from translator.store.calls import Scripts
from translator.store.kept import Kept, parse_gaps
from translator.store.keys import DATA, SHARDS, ShardKeys, keys_of
from translator.store.record import Open, Record, parse_place, parse_record
from translator.store.tenure import Tenure
from translator.store.undone import described, undone
from translator.store.wrapped import wrapped
from translator.workflow.names import shard

PROBE_S = 3.0
"""Who asks whether the service is ready waits no longer for Redis."""


class Reader:
    """A `translator.store.store.Store` for those who change nothing in it.

    Args:
        redis: its client.
        send: sends its scripts.
        shards: how many shards tasks are split into.
        tenure: the shards that this process holds; None: all of them.

    Attributes:
        lost: since this process began, Redis has lost all that it held: a task may be new to it, and not to
            agent-server.
    """

    def __init__(self, redis: Redis, send: Scripts, *, shards: int, tenure: Tenure | None) -> None:
        self._redis = redis
        self._scripts = send
        self._prober = send
        self._shards = shards
        self._tenure = tenure
        self._data = b""
        self.lost = False

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return self._shards

    def shard(self, task_id: str) -> int:
        """The task's."""
        return shard(task_id, self._shards)

    def holds(self, task_id: str) -> bool:
        """Whether the task is this process's to move on."""
        return self._tenure is None or self._tenure.holds(self.shard(task_id))

    def held(self) -> frozenset[int]:
        """The shards that are this process's."""
        return frozenset(range(self._shards)) if self._tenure is None else self._tenure.shards

    async def watch_for_loss(self) -> bool:
        """Find out whether Redis still has the data that this process began with; sets `lost`.

        Returns:
            Whether it has lost them since the last time.

        Raises:
            TemporaryError: Redis does not answer.
        """
        if not self._data:
            return False
        async with wrapped("look for lost data"):
            if await self._redis.get(DATA) == self._data:
                return False
            self._data = await self._named()
            self.lost = True
            return True

    async def _named(self) -> bytes:
        """The text that tells these data from others."""
        with around(Step.OPEN_STORE):
            await self._redis.set(SHARDS, self._shards, nx=True)
            await self._redis.set(DATA, secrets.token_hex(8), nx=True)
        found: Any = await self._redis.get(DATA)
        return found or b""

    async def probe(self) -> None:
        """Find out whether a submission could be kept now: write to every server that takes some.

        Raises:
            TemporaryError: Redis is away, mute, full, read-only, or has too few replicas.
            PermanentError: it refuses us.
        """
        async with wrapped("write to Redis"), asyncio.timeout(PROBE_S):
            await self._prober.probe()

    async def load(self, task_id: str) -> Record | None:
        """The task's record, or None where the store does not know the task."""
        async with wrapped(f"load task {task_id}"):
            fields: Any = await self._redis.hgetall(self._keys(task_id).task(task_id))
        return parse_record(task_id, fields) if fields else None

    async def outbox(self, task_id: str, count: int) -> list[Kept]:
        """The oldest `count` events that agent-server does not hold, in order; none for a parked task."""
        answer = await self._scripts.run(
            scripts.OUTBOX, task_id, [count], f"read the outbox of task {task_id}"
        )
        if not answer:
            return []
        acked, agent_id, gaps, shortened, entries = answer
        pairs = [
            (entry_id, dict(zip(fields[::2], fields[1::2], strict=True))) for entry_id, fields in entries
        ]
        return kept.outbox(
            task_id,
            agent_id.decode(),
            parse_place(acked.decode()),
            pairs,
            parse_gaps(gaps),
            count,
            json.loads(shortened),
        )

    async def events(self, task_id: str, after: tuple[int, int], count: int) -> list[Kept]:
        """The first `count` events after (attempt, seq), whether agent-server holds them or not."""
        keys = self._keys(task_id)
        what = f"read the events of {task_id}"
        async with wrapped(what), self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(keys.task(task_id), "agent", "gaps")
            pipe.xrange(keys.events(task_id), min=f"({after[0]}-{after[1]}", count=count)
            (agent_id, gaps), entries = await pipe.execute()
        return kept.history(task_id, (agent_id or b"").decode(), after, entries, parse_gaps(gaps), count)

    async def open_tasks(self, of: Iterable[int] | None = None) -> list[Open]:
        """All tasks of which something is still to be done, each shard's oldest submissions first.

        Args:
            of: only tasks of these shards; None: of all.
        """
        return await undone(self._redis, range(self._shards) if of is None else of, self._shards)

    async def describe(self, task_ids: Collection[str]) -> dict[str, Open]:
        """The same of these tasks, open or not; those that are not known are left out."""
        return await described(self._redis, task_ids, self._shards)

    def _keys(self, task_id: str) -> ShardKeys:
        return keys_of(task_id, self._shards)
