"""All that an installation has in Redis: counted, and deleted when it is taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from translator.crash_point import Step, around
from translator.store.connect import Client
from translator.store.keys import PREFIX, REPLICAS, task_id_of
from translator.store.wrapped import wrapped

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in one database.

    Attributes:
        keys: how many there are.
        tasks: how many of them are tasks.
        replicas: the names of the services that are at work on them.
    """

    keys: int
    tasks: int
    replicas: tuple[str, ...]


async def look(redis: Client) -> Kept:
    """Count what is there.

    Raises:
        TemporaryError: Redis cannot be asked now.
        PermanentError: it refuses.
    """
    keys = tasks = 0
    async with wrapped("look for keys"):
        async for key in redis.scan_iter(match=f"{PREFIX}*", count=_CHUNK):
            keys += 1
            tasks += task_id_of(key) is not None
        seconds, _ = await redis.time()
        at_work: Any = await redis.zrangebyscore(REPLICAS, seconds * 1000, "+inf")
    return Kept(keys, tasks, tuple(name.decode() for name in at_work))


async def erase(redis: Client) -> int:
    """Delete every key of ours, and no other; returns how many there were. Raises as `look`."""
    erased = 0
    async with wrapped("delete keys"):
        async for key in redis.scan_iter(match=f"{PREFIX}*", count=_CHUNK):
            # one by one: in a Redis Cluster each is in a slot of its own
            with around(Step.FORGET):
                erased += await redis.unlink(key)
    return erased
