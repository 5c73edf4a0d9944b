"""Finds what no one woke: what an earlier process or another replica left, and what Redis could not say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass

import structlog

from translator.errors import TranslatorError
from translator.service.metrics import Metrics
from translator.store.record import Open
from translator.store.store import Store

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wakers:
    """Whom the sweep wakes.

    Attributes:
        submit: with a taskId that waits in the inbox.
        follow: with one whose Workflow the engine has.
        revoke: with one that is to be cancelled.
        deliver: with one of which agent-server does not hold everything.
        fresh: with the open tasks of shards that this replica has just got.
        looked: when everything was looked at.
        gained: when shards that this replica has just got were looked at.
    """

    submit: Callable[[str], None]
    follow: Callable[[str], None]
    revoke: Callable[[str], None]
    deliver: Callable[[str], None]
    fresh: Callable[[Iterable[Open]], None]
    looked: Callable[[], Awaitable[object]]
    gained: Callable[[], None]


class Sweep:
    """Looks at all open tasks at intervals, and at those of new shards at once.

    Args:
        store: where tasks are.
        wakers: told what is to be done.
        metrics: told of all that is open.
        interval_s: pause between two looks at everything.
    """

    def __init__(self, store: Store, wakers: Wakers, metrics: Metrics, *, interval_s: float) -> None:
        self._store = store
        self._wakers = wakers
        self._metrics = metrics
        self._interval_s = interval_s
        self._fresh: set[int] = set()
        self._all = True
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._running = asyncio.create_task(self._run(), name="sweep")

    async def stop(self) -> None:
        """Look no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def gained(self, shards: Collection[int]) -> None:
        """Look at these shards now."""
        self._fresh.update(shards)
        self._news.set()

    def lost(self, shards: Collection[int]) -> None:
        """Undo `gained`, as far as it was not done yet."""
        self._fresh.difference_update(shards)

    def look_at_all(self) -> None:
        """Look at everything now."""
        self._all = True
        self._news.set()

    async def _run(self) -> None:
        while True:
            fresh, self._fresh = self._fresh & self._store.held(), set()
            every, self._all = self._all, False
            self._news.clear()
            try:
                await self._look(self._store.held() if every else fresh, fresh)
                if fresh:
                    self._wakers.gained()
                if every:
                    await self._wakers.looked()
            except TranslatorError as e:
                _log.warning("cannot look for open tasks", error=e.message)
                self._look_again(fresh, every=every)
            except Exception:  # noqa: BLE001 - a fault of ours must not end the sweep for good
                _log.exception("a look for open tasks failed")
                self._look_again(fresh, every=every)
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._news.wait()
            except TimeoutError:
                self._all = True

    def _look_again(self, fresh: Collection[int], *, every: bool) -> None:
        """Leave to the next look what this one did not come to."""
        self._fresh |= frozenset(fresh)
        self._all |= every

    async def _look(self, shards: Collection[int], fresh: Collection[int]) -> None:
        whole = shards == self._store.held()  # before the wait, in which some may be gained or lost
        tasks = await self._store.open_tasks(shards)
        if whole:
            self._metrics.seen(tasks)
        if fresh:
            self._wakers.fresh(task for task in tasks if self._store.shard(task.task_id) in fresh)
        for task in tasks:
            await self._wake(task, first=self._store.shard(task.task_id) in fresh)

    async def _wake(self, task: Open, *, first: bool) -> None:
        if first and task.parked:
            # A new holder may have other settings, so what was refused may be taken now.
            await self._store.unpark(task.task_id)
        if task.waits:
            self._wakers.submit(task.task_id)
        if task.runs:
            self._wakers.follow(task.task_id)
        if task.revoked:
            self._wakers.revoke(task.task_id)
        if task.backlog and (first or not task.parked):
            self._wakers.deliver(task.task_id)
