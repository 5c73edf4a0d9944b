"""The shards in this process's custody: a look renews their leases, gives up another's share, takes its own.

`translator.service.shares` decides, `translator.store.tenure` keeps what is held, the store's leases are what
holds for all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import structlog

from translator.service.metrics import Metrics
from translator.service.shares import moves
from translator.store.leases import Leases, Seen
from translator.store.notices import SHARDS, Notices
from translator.store.tenure import Tenure

KEPT = 0.8
"""Of a lease, counted from before it was asked for: then it ends here, so that it ends here first."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Owner:
    """What the service does as shards come and go.

    Attributes:
        gained: called with shards that are now held: all of them is to be looked at.
        lost: called with shards that are no longer held; returns when no work on them goes on.
        settled: called with all shards that are held, when they are other than before and known to Redis.
        pinned: tells the shards that cannot move now.
    """

    gained: Callable[[Collection[int]], None]
    lost: Callable[[Collection[int]], Awaitable[None]]
    settled: Callable[[Collection[int]], Awaitable[None]]
    pinned: Callable[[], Collection[int]]


class Custody:
    """What is held, look by look; one at a time.

    Args:
        leases: of the store.
        tenure: of the store; what is held is noted there.
        notices: tell the others of what was given up.
        lease_s: seconds that a lease holds without being renewed.
        metrics: told what moves.
        clock: seconds that never go back.

    Attributes:
        owner: set before the first look.
    """

    owner: Owner

    def __init__(
        self,
        leases: Leases,
        tenure: Tenure,
        notices: Notices,
        *,
        lease_s: float,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._leases = leases
        self._tenure = tenure
        self._notices = notices
        self._lease_s = lease_s
        self._metrics = metrics
        self._clock = clock
        self._again = True
        self._settled: frozenset[int] = frozenset()
        # leases that are ours, though no work is done, as Redis took too long to say so
        self._idle: set[int] = set()
        self._others: frozenset[str] = frozenset()
        self._warned = False

    @property
    def alone(self) -> bool:
        """Whether no other replica was at work at the last look."""
        return not self._others

    async def look(self) -> float:
        """Renew, give up, take.

        Returns:
            Seconds until the first lease of another ends, if it is not renewed; a look is due by then.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        names = await self._leases.announce()
        others = await self.renew()
        me = self._leases.name
        owners = {shard: _shown(seen, me, again=self._again) for shard, seen in others.items()}
        owners |= dict.fromkeys(self._tenure.shards | self._idle, me)
        self._look_at(names, others)
        next_moves = moves(me, names, owners, self.owner.pinned())
        await self._give(next_moves.give)
        await self._take(next_moves.take)
        await self._settle()
        self._metrics.shards_held(len(self._tenure.shards), len(names))
        left = min((seen.left_s for seen in others.values() if seen.owner), default=self._lease_s)
        return left + 0.01

    async def renew(self) -> dict[int, Seen]:
        """Only renew; returns the leases of others.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        asked = self._clock()
        epochs = self._tenure.epochs()
        held, others = await self._leases.tend(epochs)
        until = asked + self._lease_s * KEPT
        again = held - self._tenure.shards
        if until > self._clock():
            for shard in held:
                self._tenure.hold(shard, epochs[shard], until)
            if again:  # they ran out here while Redis was asked
                self.owner.gained(again)
        self._idle = held - self._tenure.shards
        if lost := self._tenure.drop(epochs.keys() - held):
            _log.error("leases were lost to other replicas", shards=len(lost))
            self._metrics.leases_lost("taken", len(lost))
            await self.owner.lost(lost)
        return others

    async def _give(self, shards: Collection[int]) -> None:
        epochs = {
            shard: epoch for shard, epoch in self._tenure.epochs().items() if shard in frozenset(shards)
        }
        if not epochs:
            return
        self._tenure.drop(epochs)
        await self.owner.lost(epochs)
        await self._settle()
        await self._leases.let_go(epochs)
        self._metrics.shards_moved("given", len(epochs))
        _log.info("shards given up", shards=len(epochs))
        await self._notices.tell(SHARDS)

    async def _take(self, shards: Collection[int]) -> None:
        again, self._again = self._again, False
        if not shards:
            return
        asked = self._clock()
        taken = await self._leases.take(list(shards), again=again)
        for shard, epoch in taken.items():
            self._tenure.hold(shard, epoch, asked + self._lease_s * KEPT)
        if taken:
            self._metrics.shards_moved("taken", len(taken))
            _log.info("shards taken", shards=len(taken), held=len(self._tenure.shards))
            self.owner.gained(taken)

    async def _settle(self) -> None:
        ours = self._tenure.shards | self._idle
        if ours != self._settled:
            self._settled = ours
            await self.owner.settled(ours)

    def _look_at(self, names: Collection[str], others: dict[int, Seen]) -> None:
        me = self._leases.name
        self._others = frozenset(names) - {me}
        twin = not self._again and any(seen.owner == me for seen in others.values())
        if twin and not self._warned:
            _log.error("another process has this replica's name and holds its shards", replicaName=me)
        self._warned = twin


def _shown(seen: Seen, me: str, *, again: bool) -> str:
    """Whose a shard is, for `moves`: at first what a former process of this name held is free."""
    if seen.owner != me:
        return seen.owner
    return "" if again else f"{me} (another process)"
