"""The shards' leases, and the replicas that are at work; all times by Redis' own clock.

A shard's lease says who holds it, until when, and its epoch, which grows with every holder and when it is
let go. It grows past the clock too, so that an epoch is not granted twice even where Redis has lost its data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from translator.crash_point import Step, around
from translator.store.calls import CHUNK
from translator.store.keys import REPLICAS, ShardKeys
from translator.store.script import Script, replica
from translator.store.wrapped import wrapped

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

_TEND = replica(
    Step.TEND_LEASE,
    """#!lua flags=allow-oom"""
    + _NOW
    + """
-- KEYS lease; ARGV epoch ms life
local is = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until', 'life')
if ARGV[1] ~= '' and is[2] == ARGV[1] then
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[2]))
  return {'held', '', 0}
end
local left = is[1] and tonumber(is[3]) - now or 0
if left <= 0 or is[4] == ARGV[3] then return {'free', '', 0} end
return {'taken', is[1], left}
""",
)
"""Renews the lease of this epoch (also one that has run out and was not taken), or tells of it.

A lease of this very process that it does not name is free to it: it gave it up when it could not renew it."""

_TAKE = replica(
    Step.TAKE_LEASE,
    """#!lua flags=allow-oom"""
    + _NOW
    + """
-- KEYS lease; ARGV owner life ms again
local is = redis.call('HMGET', KEYS[1], 'owner', 'life', 'epoch', 'until')
local mine = is[1] == ARGV[1] and (is[2] == ARGV[2] or ARGV[4] == '1')
if is[1] and tonumber(is[4]) > now and not mine then return '' end
local epoch = string.format('%.0f', math.max(tonumber(is[3] or '0') + 1, now))
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'life', ARGV[2], 'epoch', epoch,
  'until', string.format('%.0f', now + ARGV[3]))
return epoch
""",
)
"""Takes a free lease; with ``again`` also one that a former process of this name holds."""

_LET_GO = replica(
    Step.LET_GO_LEASE,
    """#!lua flags=allow-oom
-- KEYS lease; ARGV epoch
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'owner', 'life', 'until')
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
return 1
""",
)
"""Lets a lease go; what its holder still sends is refused from here on."""

_ANNOUNCE = replica(
    Step.ANNOUNCE_REPLICA,
    """#!lua flags=allow-oom"""
    + _NOW
    + """
-- KEYS replicas; ARGV name ms
if tonumber(ARGV[2]) > 0 then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
return redis.call('ZRANGE', KEYS[1], 0, -1)
""",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A lease that this process does not hold.

    Attributes:
        owner: whose it is; empty: nobody's.
        left_s: seconds until it ends, unless it is renewed.
    """

    owner: str
    left_s: float


class Leases:
    """All leases of a store, as one replica handles them.

    Args:
        redis: the client.
        shards: how many there are.
        name: of the replica.
        life: of this process; another one each time.
        lease_s: seconds that a lease holds without being renewed.
    """

    def __init__(self, redis: Redis, *, shards: int, name: str, life: str, lease_s: float) -> None:
        self._redis = redis
        self._shards = shards
        self.name = name
        self._life = life
        self._ms = int(lease_s * 1000)

    async def announce(self) -> list[str]:
        """Say that this replica is at work; returns the names of all that are."""
        return await self._announce(self._ms)

    async def leave(self) -> None:
        """Say that it no longer is."""
        await self._announce(0)

    async def _announce(self, ms: int) -> list[str]:
        async with wrapped("announce this replica"):
            with around(Step.ANNOUNCE_REPLICA):
                names: Any = await self._redis.eval(_ANNOUNCE.text, 1, REPLICAS, self.name, ms)
        return [name.decode() for name in names]

    async def tend(self, epochs: Mapping[int, int]) -> tuple[set[int], dict[int, Seen]]:
        """Renew the leases of these epochs and look at all others.

        Returns:
            The shards whose lease is renewed, and the others.
        """
        every = range(self._shards)
        answers = await self._many(
            _TEND,
            [(shard, [epochs.get(shard, ""), self._ms, self._life]) for shard in every],
            "renew the leases",
        )
        held: set[int] = set()
        others: dict[int, Seen] = {}
        for shard, (state, owner, left) in zip(every, answers, strict=True):
            if state == b"held":
                held.add(shard)
            else:
                others[shard] = Seen(owner.decode(), int(left) / 1000)
        return held, others

    async def take(self, shards: Sequence[int], *, again: bool) -> dict[int, int]:
        """Take leases.

        Args:
            shards: whose.
            again: also those that a former process of this name holds.

        Returns:
            The epoch of each that was free.
        """
        calls = [(shard, [self.name, self._life, self._ms, int(again)]) for shard in shards]
        answers = await self._many(_TAKE, calls, "take leases")
        return {shard: int(epoch) for shard, epoch in zip(shards, answers, strict=True) if epoch}

    async def let_go(self, epochs: Mapping[int, int]) -> None:
        """Let the leases of these epochs go."""
        await self._many(_LET_GO, [(shard, [epoch]) for shard, epoch in epochs.items()], "let leases go")

    async def _many(self, script: Script, calls: Iterable[tuple[int, list[Any]]], what: str) -> list[Any]:
        listed = list(calls)
        step = script.step
        assert step is not None, "each of them writes"
        answers: list[Any] = []
        for start in range(0, len(listed), CHUNK):
            async with wrapped(what), self._redis.pipeline(transaction=False) as pipe:
                with around(step):
                    for shard, args in listed[start : start + CHUNK]:
                        pipe.eval(script.text, 1, ShardKeys(shard).lease, *args)
                    answers += await pipe.execute()
        return answers
