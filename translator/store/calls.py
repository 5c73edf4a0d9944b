"""How scripts are sent: one, or many in few round trips."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from translator.crash_point import around
from translator.store.keys import ShardKeys, keys_of
from translator.store.script import Maker, Script
from translator.store.tenure import LostShardError, Tenure
from translator.store.wrapped import wrapped

CHUNK = 500
"""Commands in one pipeline: enough to hide the round trip, few enough to keep the answers small."""

Call = tuple[str, list[Any]]
"""A taskId and a script's ARGV."""


@dataclass(frozen=True, slots=True)
class Sign:
    """How a process signs what any replica may do, so that it does not hear itself.

    Attributes:
        origin: of this process, without spaces.
        channel: by which the shards' holders are told; empty: nobody is.
    """

    origin: str = "-"
    channel: str = ""


UNSIGNED = Sign()


class Scripts:
    """Sends scripts on tasks.

    Args:
        redis: the client.
        shards: how many there are.
        tenure: the shards that this process holds; None: owners' transactions are not fenced (for one who
            works alone on the data).
        sign: of this process.
    """

    def __init__(self, redis: Redis, *, shards: int, tenure: Tenure | None, sign: Sign) -> None:
        self._redis = redis
        self._shards = shards
        self._tenure = tenure
        self._sign = sign

    async def run(self, script: Script, task_id: str, args: Sequence[Any], what: str) -> Any:
        """Run a script; `what` is tried, for errors (see `wrapped`).

        Raises:
            LostShardError: it is one of the owner's, and the task's shard is another's.
        """
        keys = keys_of(task_id, self._shards)
        ends = self._ends(script, keys)
        try:
            async with wrapped(what):
                with _around(script):
                    return await self._redis.eval(script.text, 8, *keys.of(task_id), *args, *ends)
        except LostShardError:
            self._refused(keys, ends)
            raise

    async def run_many(self, script: Script, calls: Sequence[Call], what: str) -> list[Any]:
        """Run a script for each call, in order; each call is a transaction of its own."""
        answers: list[Any] = []
        for start in range(0, len(calls), CHUNK):
            part = [
                (keys := keys_of(task_id, self._shards), task_id, args, self._ends(script, keys))
                for task_id, args in calls[start : start + CHUNK]
            ]
            async with wrapped(what), self._redis.pipeline(transaction=False) as pipe:
                with _around(script):
                    for keys, task_id, args, ends in part:
                        pipe.eval(script.text, 8, *keys.of(task_id), *args, *ends)
                    got = await pipe.execute(raise_on_error=False)
            for answer, (keys, _, _, ends) in zip(got, part, strict=True):
                if isinstance(answer, Exception):
                    try:
                        async with wrapped(what):
                            raise answer
                    except LostShardError:
                        self._refused(keys, ends)
                        raise
            answers += got
        return answers

    def _ends(self, script: Script, keys: ShardKeys) -> list[Any]:
        """What its maker's kind adds to a script's arguments (`translator.store.script`)."""
        if script.maker is Maker.ANYONE:
            return [self._sign.channel, self._sign.origin]
        if script.maker is Maker.READER:
            return []
        return ["" if self._tenure is None else self._tenure.epoch(keys.shard)]

    def _refused(self, keys: ShardKeys, ends: Sequence[Any]) -> None:
        if self._tenure is not None and ends:
            self._tenure.refused(keys.shard, ends[0])


def _around(script: Script) -> AbstractContextManager[None]:
    return nullcontext() if script.step is None else around(script.step)
