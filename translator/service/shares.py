"""Which shards a replica takes and gives up. Pure: what every replica sees of the leases goes in.

Fair to within one shard, by as few moves as possible: a replica keeps what it has up to its share, and the
shares that are bigger by one go to those that hold most. All replicas compute the same from the same leases,
so they agree without talking; where they saw different ones, the leases themselves decide, and the next look
mends the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Moves:
    """What to do now.

    Attributes:
        take: free shards to take.
        give: held shards to give up.
    """

    take: tuple[int, ...]
    give: tuple[int, ...]


def share(me: str, replicas: Collection[str], owners: Mapping[int, str]) -> int:
    """How many shards a replica should hold.

    Args:
        me: its name.
        replicas: the names of all that are at work, it among them.
        owners: each shard's holder; empty: nobody.
    """
    counts = dict.fromkeys(replicas, 0)
    for owner in owners.values():
        if owner in counts:
            counts[owner] += 1
    least, more = divmod(len(owners), len(counts))
    richest_first = sorted(counts, key=lambda name: (-counts[name], name))
    return least + (richest_first.index(me) < more)


def moves(me: str, replicas: Collection[str], owners: Mapping[int, str], pinned: Collection[int]) -> Moves:
    """What a replica does next.

    Args:
        me: its name.
        replicas: the names of all that are at work, it among them.
        owners: each shard's holder; empty: nobody.
        pinned: held shards that cannot move now.
    """
    wanted = share(me, replicas, owners)
    mine = [shard for shard, owner in owners.items() if owner == me]
    free = [shard for shard, owner in owners.items() if not owner]
    surplus = len(mine) - wanted
    give = _by_liking(me, (shard for shard in mine if shard not in pinned))[: max(0, surplus)]
    take = _by_liking(me, free)[::-1][: max(0, -surplus)]
    return Moves(tuple(take), tuple(give))


def _by_liking(me: str, shards: Iterable[int]) -> list[int]:
    """Shards, those first that this replica likes least: every replica likes others, so that few collide."""
    return sorted(shards, key=lambda shard: sha256(f"{me} {shard}".encode()).digest())
