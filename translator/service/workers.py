"""Runs the same kind of work for many tasks: serial within a task, parallel across tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog
from structlog.contextvars import bound_contextvars
from tenacity import AsyncRetrying, retry_if_exception_type, retry_if_not_exception_type

from translator.service.retry import pause, tell
from translator.store.refusal import UnknownTaskError
from translator.store.tenure import LostShardError

_FINAL = (UnknownTaskError, LostShardError)

_log = structlog.get_logger()


class Workers:
    """One worker for each task that was woken.

    The work starts from what is stored and may be cut off anywhere, so that trying again is doing it again:
    after any error it is, with the policy of `translator.service.retry`. Only the work itself takes a slot,
    not the pause before it: a task that keeps failing holds up no other.

    Args:
        name: for the asyncio tasks' names.
        work: does what there is to do for a taskId, and returns when nothing is left.
        slots: how many may work at once; None: all.
        mine: whether a task is this replica's to work on; others are not woken.
        on_unknown: called with the taskId where the store does not know the task.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[str], Awaitable[None]],
        *,
        slots: int | None = None,
        mine: Callable[[str], bool] = lambda _: True,
        on_unknown: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._on_unknown = on_unknown
        self._mine = mine
        self._name = name
        self._work = work
        self._slots = None if slots is None else asyncio.Semaphore(slots)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._stopped = False

    def wake(self, task_id: str) -> None:
        """Say that there is something to do; a worker that runs already will look once more."""
        if self._stopped or not self._mine(task_id):
            return
        self._again.add(task_id)
        if task_id not in self._running:
            self._running[task_id] = asyncio.create_task(self._run(task_id), name=f"{self._name} {task_id}")

    def busy(self, task_id: str) -> bool:
        """Whether a worker is at it, or pauses before it tries again."""
        return task_id in self._running

    async def idle(self) -> None:
        """Wait until no worker runs."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def stop(self) -> None:
        """Cut all work off and start none."""
        self._stopped = True
        await self._cut(list(self._running))

    async def shed(self) -> None:
        """Cut the work off that is not this replica's any more."""
        await self._cut([task_id for task_id in self._running if not self._mine(task_id)])

    async def _cut(self, task_ids: Iterable[str]) -> None:
        workers = [self._running[task_id] for task_id in task_ids]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _run(self, task_id: str) -> None:
        try:
            with bound_contextvars(taskId=task_id):
                while task_id in self._again:
                    self._again.discard(task_id)
                    try:
                        await self._until_done(task_id)
                    except UnknownTaskError as e:
                        _log.error("task lost", error=e.message, work=self._name)
                        self._on_unknown(task_id)
                    except LostShardError:
                        return  # whoever holds it now goes on from what is stored
        finally:
            # Nothing is awaited between the last look at _again and here, so no wake-up falls between.
            del self._running[task_id]
            if task_id in self._again:
                # woken while it was being cut off: the task was lost, and is this replica's again
                self._again.discard(task_id)
                self.wake(task_id)

    async def _until_done(self, task_id: str) -> None:
        """Do the work, and after an error again.

        `AsyncRetrying` is made only then: it refers to itself, so each would wait for a full garbage
        collection, which is rare (`translator.service.full_collections`), and there are hundreds a second.
        """
        try:
            await self._once(task_id)
        except _FINAL:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised again below, as the first failure
            await self._again_after(error, task_id)

    async def _again_after(self, error: Exception, task_id: str) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Exception) & retry_if_not_exception_type(_FINAL),
            wait=pause,
            before_sleep=tell,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if attempt.retry_state.attempt_number == 1:
                    raise error
                await self._once(task_id)

    async def _once(self, task_id: str) -> None:
        if self._slots is None:
            await self._work(task_id)
        else:
            async with self._slots:
                await self._work(task_id)
