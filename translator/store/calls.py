"""How scripts are sent: one, or many in few round trips."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from translator.crash_point import Step, around
from translator.store.wrapped import wrapped

CHUNK = 500
"""Commands in one pipeline: enough to hide the round trip, few enough to keep the answers small."""


@dataclass(frozen=True, slots=True)
class Script:
    """A transaction.

    Attributes:
        step: what it makes durable; None: it only reads.
        text: its Lua.
    """

    step: Step | None
    text: str


Call = tuple[list[str], list[Any]]
"""A script's KEYS and ARGV."""


class Scripts:
    """Sends scripts.

    Args:
        redis: the client.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any], what: str) -> Any:
        """Run a script; `what` is tried, for errors (see `wrapped`)."""
        async with wrapped(what):
            with _around(script):
                return await self._redis.eval(script.text, len(keys), *keys, *args)

    async def run_many(self, script: Script, calls: Sequence[Call], what: str) -> list[Any]:
        """Run a script for each call, in order; each call is a transaction of its own."""
        answers: list[Any] = []
        for start in range(0, len(calls), CHUNK):
            async with wrapped(what):
                with _around(script):
                    async with self._redis.pipeline(transaction=False) as pipe:
                        for keys, args in calls[start : start + CHUNK]:
                            pipe.eval(script.text, len(keys), *keys, *args)
                        got = await pipe.execute(raise_on_error=False)
                for answer in got:
                    if isinstance(answer, Exception):
                        raise answer
                answers += got
        return answers


def _around(script: Script) -> AbstractContextManager[None]:
    return nullcontext() if script.step is None else around(script.step)
