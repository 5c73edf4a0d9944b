"""All tasks that are known: listing them, forgetting them, and keeping their logs below a size in all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from redis.asyncio import Redis

from translator.observe.observation import WorkflowRef
from translator.store import scripts
from translator.store.calls import CHUNK, Call, Scripts
from translator.store.keys import ShardKeys, keys_of
from translator.store.record import Listed
from translator.store.wrapped import wrapped

_EXAMINED = 5000
"""Tasks that one listing looks at: a page of a rare phase may be short and still have a next one."""

_FIELDS = ("agent", "attempt", "phase", "accepted", "workflow", "parked")


class Catalogue:
    """The tasks of a `translator.store.store.Store`.

    Args:
        redis: its client.
        send: sends its scripts.
        shards: as many as it has.
    """

    def __init__(self, redis: Redis, send: Scripts, *, shards: int) -> None:
        self._redis = redis
        self._scripts = send
        self._shards = shards

    async def page(
        self, before: float | None, count: int, phase: str = ""
    ) -> tuple[list[Listed], float | None]:
        """Tasks, the last accepted first.

        Args:
            before: what the page before it gave as the next place; None: from the newest on.
            count: at most.
            phase: only tasks of this phase; empty: of any.

        Returns:
            The tasks, and the next place, None where there is nothing more.
        """
        found: list[Listed] = []
        examined = 0
        # one that does not match costs little, so that filtered pages are read in bigger parts
        part = max(count, CHUNK) if phase else count
        while examined < _EXAMINED:
            places = await self._places(before, part)
            tasks = await self._listed([task_id for task_id, _ in places])
            for (_, before), task in zip(places, tasks, strict=True):  # noqa: PLR1704 - where to read on
                if task is not None and phase in ("", task.phase):
                    found.append(task)
                    if len(found) == count:
                        return found, before
            if len(places) < part:
                return found, None
            examined += len(places)
        return found, before

    async def _places(self, before: float | None, count: int) -> list[tuple[str, float]]:
        highest = "+inf" if before is None else f"({before!r}"
        async with wrapped("list the tasks"), self._redis.pipeline(transaction=False) as pipe:
            for number in range(self._shards):
                pipe.zrevrangebyscore(
                    ShardKeys(number).known, highest, "-inf", start=0, num=count, withscores=True
                )
            answers = await pipe.execute()
        places = [(member.decode(), float(score)) for answer in answers for member, score in answer]
        return sorted(places, key=lambda place: place[1], reverse=True)[:count]

    async def _listed(self, ids: Sequence[str]) -> list[Listed | None]:
        listed: list[Listed | None] = []
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            async with (
                wrapped(f"describe {len(part)} tasks"),
                self._redis.pipeline(transaction=False) as pipe,
            ):
                for task_id in part:
                    pipe.hmget(keys_of(task_id, self._shards).task(task_id), *_FIELDS)
                answers = await pipe.execute()
            listed += [_listed(task_id, answer) for task_id, answer in zip(part, answers, strict=True)]
        return listed

    async def forget(self, now: float, of: Iterable[int] | None = None) -> int:
        """Remove the tasks whose time of being kept is over.

        Args:
            now: seconds since 1970.
            of: only tasks of these shards; None: of all.

        Returns:
            How many.
        """
        async with wrapped("look for old tasks"), self._redis.pipeline(transaction=False) as pipe:
            for number in range(self._shards) if of is None else of:
                pipe.zrangebyscore(ShardKeys(number).expiring, "-inf", now, start=0, num=CHUNK)
            answers = await pipe.execute()
        ids = [member.decode() for answer in answers for member in answer]
        calls: list[Call] = [(task_id, [task_id, now]) for task_id in ids]
        return sum(await self._scripts.run_many(scripts.FORGET, calls, f"forget {len(ids)} tasks"))

    async def log_sizes(self, of: Iterable[int] | None = None) -> dict[str, int]:
        """The bytes of log events that are kept, by taskId; tasks without any are left out.

        Args:
            of: only of tasks of these shards; None: of all.
        """
        async with wrapped("sum the logs up"), self._redis.pipeline(transaction=False) as pipe:
            for number in range(self._shards) if of is None else of:
                pipe.zrangebyscore(ShardKeys(number).sizes, "(0", "+inf", withscores=True)
            answers = await pipe.execute()
        return {member.decode(): int(size) for answer in answers for member, size in answer}


def _listed(task_id: str, fields: Sequence[bytes | None]) -> Listed | None:
    agent_id, attempt, phase, accepted, workflow, parked = [(value or b"").decode() for value in fields]
    if not phase:
        return None  # forgotten between the two calls
    return Listed(
        task_id=task_id,
        agent_id=agent_id,
        attempt=int(attempt),
        phase=phase,
        accepted_ms=int(accepted),
        workflow=WorkflowRef.from_json(json.loads(workflow)) if workflow else None,
        parked=parked,
    )
