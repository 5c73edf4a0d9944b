"""Whether Redis still knows all that agent-server does: asked of each task that this process takes over.

Redis can be older than agent-server where a backup was restored, or a failover lost the last writes. What is
told then must follow what agent-server holds, so nothing of such a task is delivered before it has said that.
Following goes on meanwhile: logs do not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from itertools import islice

import structlog

from translator.errors import PermanentError, TemporaryError, TranslatorError
from translator.service.recovery import MOST_ASKED, Recovery
from translator.store.record import Open
from translator.store.tenure import LostShardError

_PAUSE_S = (0.2, 30.0)
"""The first pause after a question without an answer, and the longest."""

_log = structlog.get_logger()


class Doubt:
    """The tasks of which it is not known yet.

    Args:
        recovery: asks, and mends.
        on_certain: called with the taskId when its events may be sent.
        on_mended: called with the taskId when its record was replaced.
    """

    def __init__(
        self, recovery: Recovery, *, on_certain: Callable[[str], None], on_mended: Callable[[str], None]
    ) -> None:
        self._recovery = recovery
        self._on_certain = on_certain
        self._on_mended = on_mended
        self._tasks: dict[str, Open] = {}
        self._asking: asyncio.Task[None] | None = None

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._tasks

    def cast(self, tasks: Iterable[Open]) -> None:
        """Doubt these tasks, as they are in Redis now (seq 0: that was not looked at)."""
        self._tasks.update((task.task_id, task) for task in tasks)
        if self._tasks and self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="doubt")

    def drop(self, task_ids: Collection[str]) -> None:
        """Forget doubts: another replica moves these tasks on from here, past what they were when doubted."""
        for task_id in task_ids:
            self._tasks.pop(task_id, None)

    @property
    def task_ids(self) -> list[str]:
        """The tasks in doubt."""
        return list(self._tasks)

    async def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> None:
        pause = _PAUSE_S[0]
        while self._tasks:
            part = list(islice(self._tasks.values(), MOST_ASKED))
            try:
                await self._settle(part)
            except PermanentError as error:
                _log.error("agent-server cannot say what it holds", error=error.message, remedy=error.remedy)
            except TranslatorError as error:
                _log.warning("cannot ask agent-server what it holds", error=error.message)
                wait = error.retry_after if isinstance(error, TemporaryError) else None
                await asyncio.sleep(max(pause, wait or 0.0))
                pause = min(2 * pause, _PAUSE_S[1])
                continue
            pause = _PAUSE_S[0]
            for task in part:
                if self._end(task):
                    self._on_certain(task.task_id)
        self._asking = None

    def _end(self, task: Open) -> bool:
        """Doubt it no more; False: it was doubted anew meanwhile, or is another replica's."""
        if self._tasks.get(task.task_id) is not task:
            return False
        del self._tasks[task.task_id]
        return True

    async def _settle(self, tasks: list[Open]) -> None:
        for task in await self._recovery.behind(tasks):
            if self._tasks.get(task.task_id) is not task:
                continue  # doubted anew meanwhile, or another replica's
            try:
                mended = await self._recovery.set_back(task.task_id, task.seq or None)
            except LostShardError:
                # whoever holds it asks too; here it must not keep the others waiting
                self._end(task)
                continue
            if mended:
                # no doubt from here on: if a later one fails all are asked again, and it is past what it was
                certain = self._end(task)
                self._on_mended(task.task_id)
                if certain:
                    self._on_certain(task.task_id)
