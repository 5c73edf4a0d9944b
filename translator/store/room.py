"""Whether Redis has room for new tasks: the rest of its memory belongs to those that it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import ResponseError

from translator.errors import NoRoomError
from translator.store.wrapped import wrapped

SHARE: Final = 0.8
"""Of ``maxmemory``: above it no new task is taken. Events of accepted tasks need the rest."""

LOOK_S: Final = 1.0
"""For so long one look at Redis holds for all who ask."""

RETRY_S: Final = 10.0

_log = structlog.get_logger()


class Room:
    """Looks at Redis' memory, now and then.

    Args:
        redis: its client.
        max_bytes: what Redis may hold before new tasks wait; 0: `SHARE` of its ``maxmemory``.
    """

    def __init__(self, redis: Redis, max_bytes: int) -> None:
        self._redis: Any = redis
        self._max_bytes = max_bytes
        self._looked = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._full = ""

    async def check(self) -> None:
        """Make sure that there is room for new tasks.

        Raises:
            NoRoomError: there is none now.
            TemporaryError: Redis does not answer.
        """
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now - self._looked >= LOOK_S):
            self._looking, self._looked = asyncio.create_task(self._look(), name="room"), now
        # one look for all who ask: behind a server that hangs, nobody waits for the others' looks
        await asyncio.shield(self._looking)
        if self._full:
            raise NoRoomError(
                f"Redis is nearly full ({self._full}), so no new task is taken for now: raise its maxmemory, "
                "or lower allLogBytes or keepFinishedSeconds; room also comes by itself, as tasks end and "
                "agent-server takes their events",
                retry_after=RETRY_S,
            )

    async def _look(self) -> None:
        was = self._full
        async with wrapped("look at Redis' memory"):
            try:
                self._full = _fullest(await self._memory(), self._max_bytes)
            except ResponseError:  # this user may not ask
                self._full = ""
        if self._full and not was:
            _log.error("Redis is nearly full: new tasks are refused for now", memory=self._full)
        elif was and not self._full:
            _log.info("Redis has room for new tasks again")

    async def _memory(self) -> list[Mapping[str, Any]]:
        if not isinstance(self._redis, RedisCluster):
            return [await self._redis.info("memory")]
        await self._redis.initialize()
        return [await self._redis.info("memory", target_nodes=node) for node in self._redis.get_primaries()]


def _fullest(told: Iterable[Mapping[str, Any]], max_bytes: int) -> str:
    """How full a server is that has no room, for people; empty: all have room."""
    for info in told:
        used, maximum = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
        limit = max_bytes or maximum * SHARE
        if limit and used >= limit:
            return f"{used / 1e6:.0f} MB used, of {limit / 1e6:.0f} MB that new tasks may fill"
    return ""
