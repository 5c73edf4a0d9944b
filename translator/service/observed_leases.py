"""Which leases of others may be taken: those that this replica has itself watched run out.

Pure; time is passed in. As Kubernetes' leader election does (client-go's ``observedTime``), a replica goes
by its own clock, which does not jump: it notes when it first saw a lease renewed, and takes it when that
renewal's time is over and nothing has changed. While Redis does not answer, a holder cannot renew, and its
lease runs out for no fault of its own. So where answers were away for long, everything is watched anew, for
a whole lease: by then the holder has renewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from translator.store.leases import Seen

SILENCE = 0.5
"""Of a lease, between two answers: then Redis was away. A holder that renews three times in a lease has at
least two thirds of it left, so one that could not renew for want of an answer was without one for longer
than this."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """One state of a lease, and when this replica may take it if it stays so."""

    epoch: str
    until: str
    takeable_at: float


class ObservedLeases:
    """The leases of others, look by look.

    Args:
        lease_s: seconds that a lease of this replica holds without being renewed.
    """

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._watched: dict[int, _Watched] = {}
        self._answered: float | None = None

    def look(self, others: Mapping[int, Seen], now: float) -> None:
        """Redis has answered, with these leases.

        Args:
            others: all that are not this replica's.
            now: when its answer had come.
        """
        away = self._answered is None or now - self._answered > SILENCE * self._lease_s
        first, self._answered = self._answered is None, now
        before, self._watched = self._watched, {}
        for shard, seen in others.items():
            was = before.get(shard)
            if not seen.owner and (seen.epoch or first):
                continue  # let go, or never taken
            if was is not None and not away and (was.epoch, was.until) == (seen.epoch, seen.until):
                self._watched[shard] = was
            elif not seen.epoch and was is None and not away:
                # never taken, or of this replica itself until now, which would have made it again
                continue
            else:
                left = self._lease_s if away or seen.left_s <= 0 else seen.left_s
                self._watched[shard] = _Watched(seen.epoch, seen.until, now + left)

    def may_take(self, shard: int, now: float) -> bool:
        """Whether a lease is nobody's, or was watched run out."""
        watched = self._watched.get(shard)
        return watched is None or watched.takeable_at <= now

    def next_s(self, now: float) -> float:
        """Seconds until the first that is not renewed may be taken; infinite: there is none."""
        return min((each.takeable_at - now for each in self._watched.values()), default=float("inf"))
