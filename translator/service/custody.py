"""The shards in this process's custody: a look renews their leases, gives up another's share, takes its own.

`translator.service.shares` decides, `translator.store.tenure` keeps what is held and what has lapsed,
`translator.service.observed_leases` says which of the others' may be taken; the store's leases are what holds
for all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from translator.service.metrics import Metrics
from translator.service.observed_leases import ObservedLeases
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
        settled: called with all shards that are held or have lapsed, when they are other than before and
            known to Redis: what runs here of any other is ended.
        pinned: tells the shards that cannot move now, as something of them runs here.
        overdue: called with lapsed shards: what runs here of them is to be ended, and to be told if they are
            ever held again.
    """

    gained: Callable[[Collection[int]], None]
    lost: Callable[[Collection[int]], Awaitable[None]]
    settled: Callable[[Collection[int]], Awaitable[None]]
    pinned: Callable[[], Collection[int]]
    overdue: Callable[[Collection[int]], None]


class Custody:
    """What is held, look by look; one at a time.

    Args:
        leases: of the store.
        tenure: of the store; what is held is noted there.
        notices: tell the others of what was given up.
        lease_s: seconds that a lease holds without being renewed.
        grace_s: seconds past a lease's end for which what runs here goes on.
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
        grace_s: float = 0.0,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._leases = leases
        self._tenure = tenure
        self._notices = notices
        self._lease_s = lease_s
        self._grace_s = grace_s
        self._metrics = metrics
        self._clock = clock
        self._again = True
        self._observed = ObservedLeases(lease_s)
        self._settled: frozenset[int] = frozenset()
        # leases that are ours in Redis, though no work may be done where it took too long to say so
        self._ours: frozenset[int] = frozenset()
        self._claimed: frozenset[int] = frozenset()
        self._asked_back: frozenset[int] = frozenset()
        self._others: frozenset[str] = frozenset()
        self._warned = False

    @property
    def alone(self) -> bool:
        """Whether no other replica was at work at the last look."""
        return not self._others

    async def look(self) -> float:
        """Renew, give up, take.

        Returns:
            Seconds until the first lease of another may be taken, if it is not renewed; a look is due by
            then.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        names = await self._leases.announce()
        others = await self.renew()
        me, now = self._leases.name, self._clock()
        owners = {shard: self._shown(shard, seen, now) for shard, seen in others.items()}
        # what lapsed and is nobody's is taken back whatever our share is: its processes run here
        back = [shard for shard in self._tenure.lapsed & others.keys() if not owners[shard]]
        owners |= dict.fromkeys(self._ours | frozenset(back), me)
        self._look_at(names, others)
        pinned = frozenset(self.owner.pinned())
        next_moves = moves(me, names, owners, pinned)
        await self._give({*next_moves.give, *(self._claimed - pinned)})
        await self._take({shard: others[shard] for shard in (*back, *next_moves.take)})
        await self._settle()
        self._metrics.shards_held(len(self._tenure.shards), len(names))
        return max(0.0, min(self._lease_s, self._observed.next_s(self._clock()))) + 0.01

    async def renew(self) -> Mapping[int, Seen]:
        """Only renew, also what has lapsed; returns the leases of others.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        asked = self._clock()
        epochs = self._tenure.epochs()
        pinned = frozenset(self.owner.pinned())
        claims = frozenset(shard for shard in epochs if shard in pinned and self._tenure.keeps(shard, asked))
        view = await self._leases.tend(epochs, claims)
        now = self._clock()
        self._observed.look(view.others, now)
        self._ours, self._claimed = view.held, view.claimed
        until, kept_until = asked + self._lease_s * KEPT, asked + self._lease_s + self._grace_s
        if again := {
            shard for shard in view.held if self._tenure.renew(shard, until, kept_until=kept_until, now=now)
        }:
            _log.info("shards held again, as nobody has taken them", shards=len(again))
            self.owner.gained(again)
        gone = epochs.keys() - view.held
        if lost := self._tenure.lapse(gone):
            _log.error("leases were lost to other replicas", shards=len(lost))
            self._metrics.leases_lost("taken", len(lost))
            await self.owner.lost(lost)
        self._tenure.drop(shard for shard in gone if shard not in claims)
        asked_back = frozenset(shard for shard in claims & gone if view.others[shard].owner)
        if asked_back - self._asked_back:
            _log.warning("shards whose tasks run here are asked back", shards=len(asked_back))
            await self._notices.tell(SHARDS)
        self._asked_back = asked_back
        return view.others

    async def _give(self, shards: Collection[int]) -> None:
        epochs = {shard: epoch for shard, epoch in self._tenure.epochs().items() if shard in shards}
        if not epochs:
            return
        self._tenure.drop(epochs)
        await self.owner.lost(epochs)
        await self._settle()
        await self._leases.let_go(epochs)
        self._metrics.shards_moved("given", len(epochs))
        _log.info("shards given up", shards=len(epochs))
        await self._notices.tell(SHARDS)

    async def _take(self, wanted: Mapping[int, Seen]) -> None:
        again, self._again = self._again, False
        if not wanted:
            return
        asked = self._clock()
        taken = await self._leases.take(wanted, again=again)
        now = self._clock()
        for shard, grant in taken.items():
            self._tenure.hold(
                shard,
                grant.epoch,
                asked + self._lease_s * KEPT,
                kept_until=asked + self._lease_s + self._grace_s,
                settled_at=now + grant.unsettled_s,
            )
        if taken:
            self._ours |= taken.keys()
            self._metrics.shards_moved("taken", len(taken))
            _log.info("shards taken", shards=len(taken), held=len(self._tenure.shards))
            self.owner.gained(taken)

    async def _settle(self) -> None:
        ours = self._tenure.shards | self._tenure.lapsed
        if ours != self._settled:
            self._settled = ours
            await self.owner.settled(ours)

    def _shown(self, shard: int, seen: Seen, now: float) -> str:
        """Whose a shard is, for `moves`: nobody's, where it may be taken."""
        if seen.owner == self._leases.name:
            # at first what a former process of this name held is free
            return "" if self._again else f"{seen.owner} (another process)"
        return "" if self._observed.may_take(shard, now) else seen.owner or "(lost by Redis)"

    def _look_at(self, names: Collection[str], others: Mapping[int, Seen]) -> None:
        me = self._leases.name
        self._others = frozenset(names) - {me}
        twin = not self._again and any(seen.owner == me for seen in others.values())
        if twin and not self._warned:
            _log.error("another process has this replica's name and holds its shards", replicaName=me)
        self._warned = twin
