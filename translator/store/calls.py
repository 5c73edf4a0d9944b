"""How scripts are sent: one, or many in few round trips."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from translator.crash_point import Step, around
from translator.store.keys import ShardKeys, keys_of
from translator.store.replication import Replication
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


class _Sent(NamedTuple):
    """A call as it is sent.

    Attributes:
        ends: what its maker's kind adds to the arguments.
    """

    shard: int
    keys: Sequence[str]
    args: Sequence[Any]
    ends: Sequence[Any]


class Scripts:
    """Sends scripts on tasks.

    Args:
        redis: the client.
        shards: how many there are.
        tenure: the shards that this process holds; None: owners' transactions are not fenced (for one who
            works alone on the data).
        sign: of this process.
        wait_replicas: how many replicas of Redis must hold what a script wrote before it is answered.
    """

    def __init__(
        self, redis: Redis, *, shards: int, tenure: Tenure | None, sign: Sign, wait_replicas: int = 0
    ) -> None:
        self._replication = Replication(redis, wait_replicas)
        self._redis = redis
        self._shards = shards
        self._tenure = tenure
        self._sign = sign

    async def run(self, script: Script, task_id: str, args: Sequence[Any], what: str) -> Any:
        """Run a script; `what` is tried, for errors (see `wrapped`).

        Raises:
            LostShardError: it is one of the owner's, and the task's shard is another's.
        """
        return (await self.run_many(script, [(task_id, list(args))], what))[0]

    async def run_many(self, script: Script, calls: Sequence[Call], what: str) -> list[Any]:
        """Run a script for each call, in order; each call is a transaction of its own."""
        answers: list[Any] = []
        for start in range(0, len(calls), CHUNK):
            sent = [self._sent(script, *call) for call in calls[start : start + CHUNK]]
            async with wrapped(what):
                got = await self._send(script, sent)
            for answer, each in zip(got, sent, strict=True):
                if isinstance(answer, Exception):
                    await self._raise(answer, each, what)
            answers += got
        return answers

    async def probe(self) -> None:
        """Write to each server, and have it held by as many replicas as everything else that is written.

        Raises what the client raises; see `wrapped`.
        """
        targets = await self._replication.targets(range(self._shards))
        async with self._redis.pipeline(transaction=False) as pipe:
            with around(Step.PROBE):
                for keys in targets.values():
                    pipe.set(keys.waited, "")
                if self._replication:
                    self._replication.add(pipe, targets)
                answers: list[Any] = await pipe.execute()
        if self._replication:
            await self._replication.check(answers[len(targets) :], targets)

    def _sent(self, script: Script, task_id: str, args: Sequence[Any]) -> _Sent:
        keys = keys_of(task_id, self._shards)
        return _Sent(keys.shard, keys.of(task_id), args, self._ends(script, keys))

    async def _send(self, script: Script, sent: Sequence[_Sent]) -> list[Any]:
        waits = (script.step is not None or script.tells) and self._replication
        if len(sent) == 1 and not waits:
            [each] = sent
            with _around(script):
                try:
                    return [
                        await self._redis.eval(
                            script.text, len(each.keys), *each.keys, *each.args, *each.ends
                        )
                    ]
                except ResponseError as error:
                    return [error]
        targets = await self._replication.targets({each.shard for each in sent}) if waits else {}
        async with self._redis.pipeline(transaction=False) as pipe:
            with _around(script):
                for each in sent:
                    pipe.eval(script.text, len(each.keys), *each.keys, *each.args, *each.ends)
                self._replication.add(pipe, targets)
                answers: list[Any] = await pipe.execute(raise_on_error=False)
        got = answers[: len(sent)]
        if waits and not any(isinstance(answer, Exception) for answer in got):
            await self._replication.check(answers[len(sent) :], targets)
        return got

    async def _raise(self, error: Exception, sent: _Sent, what: str) -> None:
        try:
            async with wrapped(what):
                raise error
        except LostShardError:
            if self._tenure is not None:
                self._tenure.refused(sent.shard, sent.ends[0])
            raise

    def _ends(self, script: Script, keys: ShardKeys) -> list[Any]:
        """What its maker's kind adds to a script's arguments (`translator.store.script`)."""
        if script.maker is Maker.ANYONE:
            return [self._sign.channel, self._sign.origin]
        if script.maker is Maker.READER:
            return []
        return ["" if self._tenure is None else self._tenure.epoch(keys.shard)]


def _around(script: Script) -> AbstractContextManager[None]:
    return nullcontext() if script.step is None else around(script.step)
