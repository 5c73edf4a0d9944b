"""Which shards this process holds: what it may write, and until when. No I/O; time is passed in.

Two things keep a process that was paused from writing what is another's by now. Every transaction of a
shard's owner carries the epoch of its lease, and Redis refuses it where that is not the current one: that is
what safety rests on. And a lease that could not be renewed ends here before it can end for others, so that
work stops by itself: that spares agent-server and the cluster the work of two.

A lease that ended so has *lapsed*: nothing is written under it, but its epoch is remembered, as the lease
may be renewed while nobody has taken it, and the processes that the local engine runs go on until `overdue`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from translator.errors import TranslatorError


class LostShardError(TranslatorError):
    """Another replica holds the task's shard, or may: this one wrote nothing, and is to stop at once."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A shard's lease as this process knows it; all times on its own clock.

    Attributes:
        epoch: grows with every holder; what transactions carry.
        until: when it ends for this process.
        kept_until: how long local processes go on if it is not renewed; None: they were ended.
        settled_at: when no former holder's local processes run any more.
    """

    epoch: int
    until: float
    kept_until: float | None = float("inf")
    settled_at: float = float("-inf")


class Tenure:
    """The shards of this process.

    Attributes:
        on_refused: called with a shard whose epoch Redis did not accept; it has lapsed by then.
    """

    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self._lapsed: dict[int, Lease] = {}
        self.on_refused: Callable[[int], None] = lambda _: None

    @property
    def shards(self) -> frozenset[int]:
        """Those that are held."""
        return frozenset(self._leases)

    @property
    def lapsed(self) -> frozenset[int]:
        """Those that were held, and may be again."""
        return frozenset(self._lapsed)

    def holds(self, shard: int) -> bool:
        """Whether this one is held."""
        return shard in self._leases

    def epoch(self, shard: int) -> int:
        """What a transaction on a shard is to carry.

        Raises:
            LostShardError: the shard is not held.
        """
        lease = self._leases.get(shard)
        if lease is None:
            raise LostShardError(f"shard {shard} is not held by this replica")
        return lease.epoch

    def epochs(self) -> dict[int, int]:
        """The epoch of every shard that is held or has lapsed."""
        return {shard: lease.epoch for shard, lease in (*self._lapsed.items(), *self._leases.items())}

    def hold(
        self,
        shard: int,
        epoch: int,
        until: float,
        *,
        kept_until: float = float("inf"),
        settled_at: float = float("-inf"),
    ) -> None:
        """A lease was taken."""
        self._lapsed.pop(shard, None)
        self._leases[shard] = Lease(epoch, until, kept_until, settled_at)

    def renew(self, shard: int, until: float, *, kept_until: float, now: float) -> bool:
        """A lease was renewed; returns whether it had lapsed and is held again.

        One that has ended by the time that the answer has come stays lapsed, and is kept for longer.
        """
        lapsed = shard in self._lapsed
        lease = self._lapsed.get(shard) or self._leases.get(shard)
        if lease is None:
            return False
        lease = replace(lease, until=until, kept_until=kept_until)
        if until <= now:
            (self._lapsed if lapsed else self._leases)[shard] = lease
            return False
        self._lapsed.pop(shard, None)
        self._leases[shard] = lease
        return lapsed

    def lapse(self, shards: Iterable[int]) -> set[int]:
        """Write nothing of these any more; returns those that were held."""
        found = {shard for shard in shards if shard in self._leases}
        for shard in found:
            self._lapsed[shard] = self._leases.pop(shard)
        return found

    def drop(self, shards: Iterable[int]) -> set[int]:
        """Forget these; returns those that were held."""
        found = set()
        for shard in shards:
            self._lapsed.pop(shard, None)
            if self._leases.pop(shard, None) is not None:
                found.add(shard)
        return found

    def refused(self, shard: int, epoch: int) -> None:
        """Redis did not accept a transaction with this epoch."""
        lease = self._leases.get(shard)
        if lease is not None and lease.epoch == epoch:
            self.lapse([shard])
            self.on_refused(shard)

    def run_out(self, now: float) -> set[int]:
        """Let those lapse whose lease has ended by this time; returns them."""
        return self.lapse([shard for shard, lease in self._leases.items() if lease.until <= now])

    def overdue(self, now: float) -> set[int]:
        """The lapsed ones whose local processes have gone on for long enough, until `ended` is called."""
        return {
            shard
            for shard, lease in self._lapsed.items()
            if lease.kept_until is not None and lease.kept_until <= now
        }

    def ended(self, shards: Iterable[int]) -> None:
        """The local processes of these were ended."""
        for shard in shards:
            if shard in self._lapsed:
                self._lapsed[shard] = replace(self._lapsed[shard], kept_until=None)

    def keeps(self, shard: int, now: float) -> bool:
        """Whether the shard's local processes may go on."""
        lease = self._leases.get(shard) or self._lapsed.get(shard)
        return lease is not None and lease.kept_until is not None and lease.kept_until > now

    def unsettled_s(self, shard: int, now: float) -> float:
        """Seconds in which a former holder may still run tasks of a shard; 0: none does."""
        lease = self._leases.get(shard)
        return 0.0 if lease is None else max(0.0, lease.settled_at - now)

    def settle(self, shard: int) -> None:
        """No former holder runs tasks of a shard: it has been seen."""
        if shard in self._leases:
            self._leases[shard] = replace(self._leases[shard], settled_at=float("-inf"))

    def ends_at(self) -> float | None:
        """When the next of all this happens, unless a lease is renewed; None: nothing is held."""
        times = [lease.until for lease in self._leases.values()]
        times += [lease.kept_until for lease in self._lapsed.values() if lease.kept_until is not None]
        return min(times, default=None)
