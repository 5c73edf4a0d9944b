"""Waits until replicas of Redis hold what was written, so that a failover loses nothing that was answered.

Redis replicates after it has answered; WAIT asks for more. It counts what the connection it comes on has
written, and a repeat of a transaction writes nothing: so a key of its own is written before it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from redis.asyncio import Redis, RedisCluster

from translator.crash_point import Step, around
from translator.errors import TemporaryError
from translator.store.keys import ShardKeys

WAIT_MS: Final = 2000
"""How long replicas may take; what was written stays, and the same transaction may be sent again."""


class Replication:
    """Adds the waiting to pipelines.

    Args:
        redis: the client.
        replicas: how many must hold what was written; 0: nothing is waited for.
    """

    def __init__(self, redis: Redis, replicas: int) -> None:
        self._redis: Any = redis
        self._replicas = replicas

    def __bool__(self) -> bool:
        return self._replicas > 0

    async def targets(self, shards: Collection[int]) -> dict[Any, ShardKeys]:
        """The servers that hold these shards, each with one of them; None stands for the only one."""
        if not isinstance(self._redis, RedisCluster):
            return {None: ShardKeys(next(iter(shards)))}
        await self._redis.initialize()
        return {self._redis.get_node_from_key(ShardKeys(shard).lease): ShardKeys(shard) for shard in shards}

    def add(self, pipe: Any, targets: dict[Any, ShardKeys]) -> None:
        """Add what makes the pipeline wait, after what it writes; the last answers are for `check`."""
        for node, keys in targets.items():
            with around(Step.WAIT):
                pipe.set(keys.waited, "")
                more = {} if node is None else {"target_nodes": node}
                pipe.execute_command("WAIT", self._replicas, WAIT_MS, **more)

    async def check(self, answers: list[Any], targets: dict[Any, ShardKeys]) -> None:
        """Look at the answers that `add` has caused.

        Raises:
            TemporaryError: too few replicas hold what was written.
        """
        if await self.targets([keys.shard for keys in targets.values()]) != targets:
            raise TemporaryError("a failover came between; whether a replica holds it is not known")
        for answer in answers[1::2]:
            if isinstance(answer, Exception):
                raise answer
            if int(answer) < self._replicas:
                raise TemporaryError(
                    f"{answer} of {self._replicas} Redis replicas hold it (redisConfig.waitReplicas)"
                )
