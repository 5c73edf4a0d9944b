"""This process among others, from start to end: when it looks at the leases, and what it does besides.

`translator.service.custody` has what one look does. They are a third of a lease apart, and sooner where
something has changed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from translator.errors import TranslatorError
from translator.service.custody import Custody, Owner
from translator.service.metrics import Metrics
from translator.store.leases import Leases
from translator.store.notices import SHARDS, Notices
from translator.store.tenure import Tenure

ROUNDS = 3
"""In one lease: so that one that fails can be made up for."""

RETRY_S = 0.5
"""Between two rounds that failed."""

WATCHES = 4
"""In one lease: looks at the clock, beside the leases' own ends, which a renewal may bring nearer."""

LAST_WORD_S = 2.0
"""For asking Redis once more before local processes are ended: a replica that was paused may find its leases
untouched, as nobody else was there to take them."""

LEAVE_S = 2.0
"""For telling the others of the end, and for letting the leases go: who does not hear waits for a lease."""

_log = structlog.get_logger()


def margin_s(grace_s: float) -> float:
    """Seconds from the end of the grace, when processes are told to end, until none of them is left."""
    return 1.0 + grace_s / 4


class Replica:
    """One replica, from `start` to `leave`.

    Args:
        leases: of the store.
        tenure: of the store; what is held is noted there.
        notices: hears when the leases change.
        lease_s: seconds that a lease holds without being renewed.
        grace_s: seconds past a lease's end for which what runs here goes on; 0: nothing runs here.
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
        grace_s: float = 0.0,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leases = leases
        self._tenure = tenure
        self._lease_s = lease_s
        self._metrics = metrics
        self._clock = clock
        self.notices = notices
        self._custody = Custody(
            leases, tenure, notices, lease_s=lease_s, grace_s=grace_s, metrics=metrics, clock=clock
        )
        self._nudged = asyncio.Event()
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
        return self._custody.alone

    def unsettled_s(self, shard: int) -> float:
        """Seconds in which a former holder of a shard may still run its tasks; 0: none does."""
        return self._tenure.unsettled_s(shard, self._clock())

    def settle(self, shard: int) -> None:
        """Say that no former holder runs tasks of a shard."""
        self._tenure.settle(shard)

    async def start(self, owner: Owner) -> None:
        """Take this replica's share, and keep it from now on.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        self._custody.owner = self._owner = owner
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

    async def _round(self) -> float:
        """Returns the seconds until the next one."""
        longest = self._lease_s / ROUNDS
        if self._retired:
            await self._custody.renew()
            return longest
        return min(longest, await self._custody.look())

    async def _watch(self) -> None:
        """Give up what could not be renewed in time, and later end what runs of it."""
        while True:
            ends, longest = self._tenure.ends_at(), self._lease_s / WATCHES
            await asyncio.sleep(longest if ends is None else min(longest, max(0.0, ends - self._clock())))
            if late := self._tenure.run_out(self._clock()):
                _log.error("leases ran out, as they could not be renewed", shards=len(late))
                self._metrics.leases_lost("ran out", len(late))
                await self._owner.lost(late)
            if self._tenure.overdue(self._clock()):
                await self._last_word()
                overdue = self._tenure.overdue(self._clock())
                self._tenure.ended(overdue)
                self._owner.overdue(overdue)

    async def _last_word(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORD_S), self._round_at_a_time:
                await self._custody.renew()
        except (TranslatorError, TimeoutError) as error:
            _log.warning("cannot renew the leases a last time", error=str(error))

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
