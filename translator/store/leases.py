"""The shards' leases, and the replicas that are at work; all times by Redis' own clock.

A shard's lease says who holds it, until when, and its epoch, which grows with every holder and when it is
let go. It grows past the clock too, so that an epoch is not granted twice even where Redis has lost its data.

A lease that has run out stays its holder's until another takes it: that one names the epoch and the end that
it has watched run out (`translator.service.observed_leases`), and gets it only where neither has changed.
From then on ``ended`` says when it was taken from a holder that had not let it go, and whose local processes
may go on for a while. That holder may ask for it back (``claim``); whoever lets a claimed lease go, leaves
it to the claimant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
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
-- KEYS lease; ARGV epoch ms life owner claims
local is = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'until', 'life', 'claim', 'claimed')
local epoch, claimed = is[2] or '', is[5] and is[5] ~= ARGV[3] and tonumber(is[6]) > now
local ours = ARGV[1] ~= '' and epoch == ARGV[1]
if ARGV[1] ~= '' and (not is[1] or is[4] == ARGV[3]) then
  ours = ours or (tonumber(epoch) or 0) < tonumber(ARGV[1])
end
if ours then
  redis.call('HSET', KEYS[1], 'owner', ARGV[4], 'life', ARGV[3], 'epoch', ARGV[1],
    'until', string.format('%.0f', now + ARGV[2]))
  return {'held', ARGV[4], ARGV[1], '', 0, claimed and 1 or 0}
end
local left = is[1] and tonumber(is[3]) - now or 0
if is[4] == ARGV[3] then return {'free', '', epoch, is[3], left, 0} end
if not is[1] then return {epoch == '' and 'lost' or 'free', '', epoch, '', 0, 0} end
if ARGV[5] == '1' and not claimed then
  redis.call('HSET', KEYS[1], 'claim', ARGV[3], 'claimant', ARGV[4],
    'claimed', string.format('%.0f', now + ARGV[2]))
end
return {'taken', is[1], epoch, is[3], left, 0}
""",
)
"""Renews the lease of this epoch (also one that has run out and was not taken), or tells of it.

Where nobody holds it in Redis, which knows no epoch or an older one, Redis has lost what was written later
(it was emptied, or a failover lost the last writes): the lease is made again as its holder knows it. A lease
of this very process that it does not name is free to it: it gave it up, or another let it go at its claim."""

_TAKE = replica(
    Step.TAKE_LEASE,
    """#!lua flags=allow-oom"""
    + _NOW
    + """
-- KEYS lease; ARGV owner life ms again epoch until settle_ms
local is = redis.call('HMGET', KEYS[1], 'owner', 'life', 'epoch', 'until', 'ended', 'claim')
local former = is[1] == ARGV[1] and ARGV[4] == '1'
local mine = is[2] == ARGV[2] or former
local seen = (is[3] or '') == ARGV[5] and (not is[1] or is[4] == ARGV[6])
if not seen and not mine then return {'', 0} end
local epoch = string.format('%.0f', math.max(tonumber(is[3] or '0') + 1, now))
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'life', ARGV[2], 'epoch', epoch,
  'until', string.format('%.0f', now + ARGV[3]))
local ended = tonumber(is[5] or '0')
if not mine and (is[1] or not is[3] and ARGV[4] ~= '1') then
  -- its holder, or one that Redis has forgotten, did not let it go: its processes may run on for a while
  ended = now
  redis.call('HSET', KEYS[1], 'ended', string.format('%.0f', ended))
end
if is[6] == ARGV[2] then redis.call('HDEL', KEYS[1], 'claim', 'claimant', 'claimed') end
return {epoch, math.max(0, ended + ARGV[7] - now)}
""",
)
"""Takes a lease that nobody holds, or one that is still as it was when it was seen to run out; with ``again``
also one that a former process of this name holds, whose own processes have ended with it."""

_LET_GO = replica(
    Step.LET_GO_LEASE,
    """#!lua flags=allow-oom"""
    + _NOW
    + """
-- KEYS lease; ARGV epoch ms
local is = redis.call('HMGET', KEYS[1], 'epoch', 'claim', 'claimant', 'claimed')
if is[1] ~= ARGV[1] then return 0 end
if is[2] and tonumber(is[4]) > now then
  redis.call('HSET', KEYS[1], 'owner', is[3], 'life', is[2], 'until', string.format('%.0f', now + ARGV[2]))
else
  redis.call('HDEL', KEYS[1], 'owner', 'life', 'until')
end
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
return 1
""",
)
"""Lets a lease go, to whoever claims it; what its holder still sends is refused from here on."""

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
        owner: whose it is, also where it has run out; empty: nobody's, or this process's own.
        left_s: seconds until it ends, unless it is renewed; negative: it has run out.
        epoch: as Redis has it; empty: Redis knows nothing of the lease.
        until: when it ends, as Redis has it; with `epoch` it tells one renewal from another.
    """

    owner: str
    left_s: float
    epoch: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """What a look at all leases has shown.

    Attributes:
        held: the shards whose lease is renewed.
        claimed: those of them that a former holder asks back.
        others: all other shards.
    """

    held: frozenset[int] = frozenset()
    claimed: frozenset[int] = frozenset()
    others: Mapping[int, Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease that was taken.

    Attributes:
        epoch: of the lease.
        unsettled_s: seconds in which a former holder, which did not let it go, may still run its tasks.
    """

    epoch: int
    unsettled_s: float = 0.0


class Leases:
    """All leases of a store, as one replica handles them.

    Args:
        redis: the client.
        shards: how many there are.
        name: of the replica.
        life: of this process; another one each time.
        lease_s: seconds that a lease holds without being renewed.
        settle_s: seconds after a lease was taken from a holder that did not let it go, until none of its
            processes runs any more.
    """

    def __init__(
        self, redis: Redis, *, shards: int, name: str, life: str, lease_s: float, settle_s: float = 0.0
    ) -> None:
        self._redis = redis
        self._shards = shards
        self.name = name
        self._life = life
        self._ms = int(lease_s * 1000)
        self._settle_ms = int(settle_s * 1000)

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

    async def tend(self, epochs: Mapping[int, int], claims: Collection[int] = ()) -> View:
        """Renew the leases of these epochs and look at all others.

        Args:
            epochs: of the leases that are held, or were until they ran out.
            claims: the shards of these that are asked back where another has taken them.
        """
        every = range(self._shards)
        answers = await self._many(
            _TEND,
            [
                (shard, [epochs.get(shard, ""), self._ms, self._life, self.name, int(shard in claims)])
                for shard in every
            ],
            "renew the leases",
        )
        found = dict(zip(every, answers, strict=True))
        held = frozenset(shard for shard, (state, *_) in found.items() if state == b"held")
        return View(
            held,
            frozenset(shard for shard in held if found[shard][5]),
            {
                shard: Seen(owner.decode(), int(left) / 1000, epoch.decode(), (until or b"").decode())
                for shard, (_, owner, epoch, until, left, _) in found.items()
                if shard not in held
            },
        )

    async def take(self, wanted: Mapping[int, Seen], *, again: bool) -> dict[int, Grant]:
        """Take leases.

        Args:
            wanted: the shards, and how their leases were seen.
            again: also those that a former process of this name holds.

        Returns:
            What was granted of each that was free, or as it was seen.
        """
        calls = [
            (
                shard,
                [self.name, self._life, self._ms, int(again), seen.epoch, seen.until, self._settle_ms],
            )
            for shard, seen in wanted.items()
        ]
        answers = await self._many(_TAKE, calls, "take leases")
        return {
            shard: Grant(int(epoch), int(left) / 1000)
            for shard, (epoch, left) in zip(wanted, answers, strict=True)
            if epoch
        }

    async def let_go(self, epochs: Mapping[int, int]) -> None:
        """Let the leases of these epochs go, each to whoever claims it."""
        calls = [(shard, [epoch, self._ms]) for shard, epoch in epochs.items()]
        await self._many(_LET_GO, calls, "let leases go")

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
