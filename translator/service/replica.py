"""This process among others: takes shards, renews their leases, gives up what is another's share.

`translator.service.shares` decides, `translator.store.tenure` keeps what is held, the store's leases are what
holds for all. The rounds are a third of a lease apart, and sooner where something has changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

import structlog

from translator.errors import TranslatorError
from translator.service.metrics import Metrics
from translator.service.shares import moves
from translator.store.leases import Leases, Seen
from translator.store.notices import SHARDS, Notices
from translator.store.tenure import Tenure

ROUNDS = 3
"""In one lease: so that one that fails can be made up for."""

KEPT = 0.8
"""Of a lease, counted from before it was asked for: then it ends here, so that it ends here first."""

RETRY_S = 0.5
"""Between two rounds that failed."""

LEAVE_S = 2.0
"""For telling the others of the end, and for letting the leases go: who does not hear waits for a lease."""

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


class Replica:
    """One replica, from `start` to `leave`.

    Args:
        leases: of the store.
        tenure: of the store; what is held is noted there.
        notices: hears when the leases change.
        lease_s: seconds that a lease holds without being renewed.
        metrics: told what moves.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        leases: Leases,
        tenure: Tenure,
        notices: Notices,
        *,
        lease_s: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._tenure = tenure
        self._lease_s = lease_s
        self._metrics = metrics
        self._clock = clock
        self.notices = notices
        self._nudged = asyncio.Event()
        self._again = True
        self._settled: frozenset[int] = frozenset()
        # leases that are ours, though no work is done, as Redis took too long to say so
        self._idle: set[int] = set()
        self._others: frozenset[str] = frozenset()
        self._warned = False
        self._retired = False
        self._round_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Future[None]] = set()

    @property
    def name(self) -> str:
        """Of this replica."""
        return self._leases.name

    @property
    def alone(self) -> bool:
        """Whether no other replica was at work at the last look."""
        return not self._others

    async def start(self, owner: Owner) -> None:
        """Take this replica's share, and keep it from now on.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        self._owner = owner
        self._tenure.on_refused = self._refused
        pause = await self._round()
        for work in (self._rounds(pause), self._watch(), self.notices.run()):
            self._spawn(work)
        await self.notices.tell(SHARDS)

    def nudge(self) -> None:
        """Look at the leases now: something has changed."""
        self._nudged.set()

    async def retire(self) -> None:
        """Take no shards from now on, and let the others know; what is held stays so until `leave`."""
        self._retired = True
        try:
            async with asyncio.timeout(LEAVE_S), self._round_at_a_time:
                await self._leases.leave()
                await self.notices.tell(SHARDS)
        except (TranslatorError, TimeoutError) as error:
            _log.warning("cannot tell the other replicas of the end", error=str(error))

    async def leave(self) -> None:
        """Let every lease go; no work on its shards may go on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        epochs = self._tenure.epochs()
        self._tenure.drop(epochs)
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._leases.let_go(epochs)
                await self.notices.tell(SHARDS)
        except TimeoutError:
            _log.warning("leases were not let go in time; they run out")
        except TranslatorError as error:
            _log.warning("leases were not let go; they run out", error=error.message)

    async def _rounds(self, pause: float) -> None:
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._nudged.wait()
            except TimeoutError:
                pass
            self._nudged.clear()
            try:
                async with self._round_at_a_time:
                    pause = await self._round()
            except TranslatorError as error:
                _log.warning("cannot look after the leases", error=error.message)
                pause = RETRY_S
            except Exception:  # noqa: BLE001 - a fault of ours must not let every lease run out
                _log.exception("a look at the leases failed")
                pause = RETRY_S

    async def _watch(self) -> None:
        """Give up what could not be renewed in time."""
        while True:
            ends = self._tenure.ends_at()
            await asyncio.sleep(self._lease_s if ends is None else max(0.0, ends - self._clock()))
            if late := self._tenure.run_out(self._clock()):
                _log.error("leases ran out, as they could not be renewed", shards=len(late))
                self._metrics.leases_lost("ran out", len(late))
                await self._owner.lost(late)

    async def _round(self) -> float:
        """Renew, give up, take; returns the seconds until the next one."""
        if self._retired:
            await self._renew()
            return self._lease_s / ROUNDS
        names = await self._leases.announce()
        others = await self._renew()
        me = self._leases.name
        owners = {shard: _shown(seen, me, again=self._again) for shard, seen in others.items()}
        owners |= dict.fromkeys(self._tenure.shards | self._idle, me)
        self._look_at(names, others)
        next_moves = moves(me, names, owners, self._owner.pinned())
        await self._give(next_moves.give)
        await self._take(next_moves.take)
        await self._settle()
        self._metrics.shards_held(len(self._tenure.shards), len(names))
        left = min((seen.left_s for seen in others.values() if seen.owner), default=self._lease_s)
        return min(self._lease_s / ROUNDS, left + 0.01)

    async def _renew(self) -> dict[int, Seen]:
        asked = self._clock()
        epochs = self._tenure.epochs()
        held, others = await self._leases.tend(epochs)
        until = asked + self._lease_s * KEPT
        again = held - self._tenure.shards
        if until > self._clock():
            for shard in held:
                self._tenure.hold(shard, epochs[shard], until)
            if again:  # they ran out here while Redis was asked
                self._owner.gained(again)
        self._idle = held - self._tenure.shards
        if lost := self._tenure.drop(epochs.keys() - held):
            _log.error("leases were lost to other replicas", shards=len(lost))
            self._metrics.leases_lost("taken", len(lost))
            await self._owner.lost(lost)
        return others

    async def _give(self, shards: Collection[int]) -> None:
        epochs = {
            shard: epoch for shard, epoch in self._tenure.epochs().items() if shard in frozenset(shards)
        }
        if not epochs:
            return
        self._tenure.drop(epochs)
        await self._owner.lost(epochs)
        await self._settle()
        await self._leases.let_go(epochs)
        self._metrics.shards_moved("given", len(epochs))
        _log.info("shards given up", shards=len(epochs))
        await self.notices.tell(SHARDS)

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
            self._owner.gained(taken)

    async def _settle(self) -> None:
        ours = self._tenure.shards | self._idle
        if ours != self._settled:
            self._settled = ours
            await self._owner.settled(ours)

    def _look_at(self, names: Collection[str], others: dict[int, Seen]) -> None:
        me = self._leases.name
        self._others = frozenset(names) - {me}
        twin = not self._again and any(seen.owner == me for seen in others.values())
        if twin and not self._warned:
            _log.error("another process has this replica's name and holds its shards", replicaName=me)
        self._warned = twin

    def _refused(self, shard: int) -> None:
        _log.error("a transaction was refused: another replica holds the shard", shard=shard)
        self._metrics.fenced()
        self._spawn(self._give_way(shard))
        self.nudge()

    async def _give_way(self, shard: int) -> None:
        await self._owner.lost([shard])

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work on the leases ended by a fault", exc_info=error)


def _shown(seen: Seen, me: str, *, again: bool) -> str:
    """Whose a shard is, for `moves`: at first what a former process of this name held is free."""
    if seen.owner != me:
        return seen.owner
    return "" if again else f"{me} (another process)"
