"""One task's way through an engine and the reducer to whoever watches, without a store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from translator.observe.event import Event, Phase
from translator.observe.masking import Mask
from translator.observe.observation import AttemptRef, Observation, Submitted, Verdict
from translator.observe.reasons import REVOKED, TASK_DEADLINE_EXCEEDED
from translator.observe.reducer import begin, observe
from translator.service import clock
from translator.service.engine import Engine
from translator.task.duration import format_duration
from translator.task.model import Task
from translator.workflow.rendered import Rendered
from translator.workflow.secret_params import SECRET_PARAMS, secret_values

_QUEUE = 8
"""Observations waiting for the watcher: few, so that a step waits for a watcher that is slower than it."""


class Trial:
    """Runs one task and tells its events.

    Args:
        engine: started.
        task: the task.
        rendered: its objects.
        on_event: told each event in order.
        secret_params: patterns of the names of parameters whose values nobody may see.
        hidden: other secrets that no line may show.
        on_submitted: called once, when the engine has the task.
    """

    def __init__(
        self,
        engine: Engine,
        task: Task,
        rendered: Rendered,
        on_event: Callable[[Event], None],
        secret_params: Sequence[str] = SECRET_PARAMS,
        *,
        hidden: Sequence[str] = (),
        on_submitted: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._task = task
        self._rendered = rendered
        self._on_event = on_event
        self._on_submitted = on_submitted
        self._mask = Mask((*secret_values(task.params, secret_params), *hidden))
        self._seen: asyncio.Queue[Observation | Exception] = asyncio.Queue(_QUEUE)
        self._background: set[asyncio.Task[None]] = set()
        self._cancelled: str | None = None
        self._submitted = False

    async def run(self) -> Phase:
        """Run the task to its end, and let the engine forget it.

        Raises:
            PermanentError: the engine cannot run the task, or lost sight of it.
            TemporaryError: the engine cannot be reached.
        """
        steps = [step.name for step in self._task.steps]
        state, events = begin(self._task.task_id, self._task.agent_id, 1, steps, clock.rfc3339())
        self._ref = await self._engine.submit(self._rendered)
        self._submitted = True
        self._on_submitted()
        limit = format_duration(self._task.deadline_ns)
        await self._seen.put(Submitted(self._ref, timeout=limit))
        seconds = self._task.deadline_ns / 1e9
        late = Verdict("TimedOut", TASK_DEADLINE_EXCEEDED, "the task ran longer than its timeout")
        timer = asyncio.get_running_loop().call_later(seconds, lambda: self._start(self._end(late)))
        self._start(self._follow())
        if self._cancelled is not None:
            self.cancel(self._cancelled)
        try:
            while True:
                for event in events:
                    self._on_event(event)
                if state.final:
                    break
                seen = await self._seen.get()
                if isinstance(seen, Exception):
                    raise seen
                state, events = observe(state, self._mask.observation(seen), clock.rfc3339())
        finally:
            timer.cancel()
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
        await self._engine.release(self._ref)
        return state.phase

    def cancel(self, why: str) -> None:
        """Have the task end as Cancelled; its processes get SIGTERM."""
        self._cancelled = why
        if self._submitted:
            self._start(self._end(Verdict("Cancelled", REVOKED, why)))

    async def _follow(self) -> None:
        attempt = AttemptRef(self._task.task_id, self._task.agent_id, 1)
        try:
            async for observation in self._engine.follow(self._ref, {}, attempt):
                await self._seen.put(observation)
        except Exception as error:  # noqa: BLE001 - it is raised again in run()
            await self._seen.put(error)

    async def _end(self, verdict: Verdict) -> None:
        await self._seen.put(verdict)
        try:
            await self._engine.terminate(self._ref)
        except Exception as error:  # noqa: BLE001 - it is raised again in run()
            await self._seen.put(error)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
