"""What is kept of tasks stays within its time and its size."""

from __future__ import annotations

from translator.service import clock
from translator.service.metrics import Metrics
from translator.store.catalogue import Catalogue
from translator.store.store import Store

_AIM = 0.9
"""Of the limit in all: shrinking below it once is cheaper than just to it again and again."""


class Housekeeping:
    """Forgets finished tasks in time, and keeps the logs of all tasks below a size in all.

    Of the shards that this replica holds, and of the size in all their part.

    Args:
        store: where tasks are.
        catalogue: of that store.
        all_bytes: bytes of log events that are kept of all tasks together.
        metrics: told the sum.
    """

    def __init__(self, store: Store, catalogue: Catalogue, *, all_bytes: int, metrics: Metrics) -> None:
        self._store = store
        self._catalogue = catalogue
        self._all_bytes = all_bytes
        self._metrics = metrics

    async def tidy(self) -> None:
        """Look once.

        Raises:
            TemporaryError: Redis cannot be reached.
        """
        held = self._store.held()
        while await self._catalogue.forget(clock.unix(), held):
            pass
        sizes = await self._catalogue.log_sizes(held)
        room = self._all_bytes * len(held) // self._store.shards
        if sum(sizes.values()) > room:
            await self._shrink(sizes, room)
        self._metrics.log_bytes(sum(sizes.values()))

    async def _shrink(self, sizes: dict[str, int], room: int) -> None:
        """Drop what agent-server holds, the largest first; where that is not enough, also other lines."""
        aim = int(room * _AIM)
        total = sum(sizes.values())
        for task_id in sorted(sizes, key=lambda task_id: sizes[task_id], reverse=True):
            before, sizes[task_id] = sizes[task_id], await self._store.shrink(task_id, keep=0)
            total -= before - sizes[task_id]
            if total <= aim:
                return
        level = water_level(list(sizes.values()), aim)
        for task_id, size in sizes.items():
            if size > level:
                sizes[task_id] = await self._store.shrink(task_id, keep=level, spill=level)


def water_level(sizes: list[int], room: int) -> int:
    """The size to which the largest must be cut so that all together fit into the room."""
    left = room
    for index, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - index)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)
