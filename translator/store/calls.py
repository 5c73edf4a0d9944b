"""How scripts are sent: one, or many in few round trips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from translator.store.wrapped import wrapped

CHUNK = 500
"""Commands in one pipeline: enough to hide the round trip, few enough to keep the answers small."""

Call = tuple[list[str], list[Any]]
"""A script's KEYS and ARGV."""


class Scripts:
    """Sends scripts.

    Args:
        redis: the client.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Any], what: str) -> Any:
        """Run a script; `what` is tried, for errors (see `wrapped`)."""
        async with wrapped(what):
            return await self._redis.eval(script, len(keys), *keys, *args)

    async def run_many(self, script: str, calls: Sequence[Call], what: str) -> list[Any]:
        """Run a script for each call, in order; each call is a transaction of its own."""
        answers: list[Any] = []
        for start in range(0, len(calls), CHUNK):
            async with wrapped(what):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for keys, args in calls[start : start + CHUNK]:
                        pipe.eval(script, len(keys), *keys, *args)
                    got = await pipe.execute(raise_on_error=False)
                for answer in got:
                    if isinstance(answer, Exception):
                        raise answer
                answers += got
        return answers
