"""The shards' indexes against the tasks' records: whatever is missing or left over is put right."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from redis.asyncio import Redis

from translator.store.calls import CHUNK, Scripts
from translator.store.keys import ShardKeys, task_id_of
from translator.store.rebuild import REINDEX
from translator.store.wrapped import wrapped


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A task that was missing in an index, or left over there; it is put right."""

    task_id: str
    index: str


class Indexes:
    """Looks at all tasks, a limited number at a time.

    Args:
        redis: the client.
        scripts: sends to it.
        shards: how many there are.
        keep_s: seconds that a task is kept once it is done.
    """

    def __init__(self, redis: Redis, scripts: Scripts, *, shards: int, keep_s: int) -> None:
        self._redis = redis
        self._scripts = scripts
        self._shards = shards
        self._keep_s = keep_s
        self._rest: AsyncIterator[str | None] | None = None

    async def mend(self, most: int, mine: Callable[[str], bool]) -> list[Misplaced]:
        """Go on where the last call ended, at most through so many entries; a full turn begins anew.

        Args:
            most: entries of the indexes, and keys of the database, whoever they belong to.
            mine: whether a task is this process's to move on; others are left alone.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        found: list[Misplaced] = []
        rest, self._rest = self._rest or self._everything(), None
        left = most
        while left > 0:
            ids: list[str | None] = []
            async with wrapped("look through all tasks"):
                async for task_id in rest:
                    ids.append(task_id)
                    if len(ids) == min(CHUNK, left):
                        break
            if not ids:
                return found
            left -= len(ids)
            unique = [each for each in dict.fromkeys(ids) if each is not None and mine(each)]
            calls = [(each, [each, self._keep_s]) for each in unique]
            answers = await self._scripts.run_many(REINDEX, calls, f"index {len(unique)} tasks")
            for task_id, names in zip(unique, answers, strict=True):
                found += [Misplaced(task_id, name.decode()) for name in names]
        self._rest = rest
        return found

    async def _everything(self) -> AsyncIterator[str | None]:
        """Every taskId that a record or an index names, some more than once; None for each other key.

        Redis is not asked for the keys of records alone: where a large database has few, it would be looked
        through as a whole before anything came.
        """
        for number in range(self._shards):
            keys = ShardKeys(number)
            for key in (keys.inbox, keys.known, keys.expiring, keys.sizes):
                async for member, _ in self._redis.zscan_iter(key, count=CHUNK):
                    yield member.decode()
            async for member in self._redis.sscan_iter(keys.open, count=CHUNK):
                yield member.decode()
        async for key in self._redis.scan_iter(count=CHUNK):
            yield task_id_of(key)
