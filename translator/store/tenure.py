"""Which shards this process holds: what it may write, and until when. No I/O; time is passed in.

Two things keep a process that was paused from writing what is another's by now. Every transaction of a
shard's owner carries the epoch of its lease, and Redis refuses it where that is not the current one: that is
what safety rests on. And a lease that could not be renewed ends here before it can end for others, so that
work stops by itself: that spares agent-server and the cluster the work of two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from translator.errors import TranslatorError


class LostShardError(TranslatorError):
    """Another replica holds the task's shard, or may: this one wrote nothing, and is to stop at once."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A shard's lease as this process knows it.

    Attributes:
        epoch: grows with every holder; what transactions carry.
        until: when it ends for this process, on its own clock.
    """

    epoch: int
    until: float


class Tenure:
    """The shards of this process.

    Attributes:
        on_refused: called with a shard whose epoch Redis did not accept; the shard is given up by then.
    """

    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self.on_refused: Callable[[int], None] = lambda _: None

    @property
    def shards(self) -> frozenset[int]:
        """Those that are held."""
        return frozenset(self._leases)

    def holds(self, shard: int) -> bool:
        """Whether this one is."""
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
        """The epoch of every shard that is held."""
        return {shard: lease.epoch for shard, lease in self._leases.items()}

    def hold(self, shard: int, epoch: int, until: float) -> None:
        """A lease was taken, or renewed."""
        self._leases[shard] = Lease(epoch, until)

    def drop(self, shards: Iterable[int]) -> set[int]:
        """Hold these no more; returns those that were held."""
        return {shard for shard in shards if self._leases.pop(shard, None) is not None}

    def refused(self, shard: int, epoch: int) -> None:
        """Redis did not accept a transaction with this epoch."""
        lease = self._leases.get(shard)
        if lease is not None and lease.epoch == epoch:
            del self._leases[shard]
            self.on_refused(shard)

    def run_out(self, now: float) -> set[int]:
        """Hold those no more whose lease has ended by this time; returns them."""
        return self.drop([shard for shard, lease in self._leases.items() if lease.until <= now])

    def ends_at(self) -> float | None:
        """When the first lease ends that is not renewed; None: none is held."""
        return min((lease.until for lease in self._leases.values()), default=None)
